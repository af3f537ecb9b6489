//! Who lives at the hub: routes, sellers, organisations, actors and the usual recipients.
//!
//! Everything here is drawn once from the seed. Who comes and goes is known from the beginning, by
//! its stay; what an episode adds stands behind the usual population and has no traffic of its own.

use super::geography;
use super::random::{
    Purpose, Random, Urn, between, index_below, lognormal_factor, poisson, shuffle, stream,
};
use super::role::Role;
use super::settings::Settings;
use crate::domain::{Action, EventTime, Span};
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Usual recipients of records; those that attackers add are numbered from here on.
pub(super) const RECIPIENTS: usize = 24;
/// Networks that buyers come from.
const HOMES: u64 = 60;

/// A lane from an origin to a destination.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) origin: String,
    pub(super) destination: String,
    /// Carriers that run it.
    pub(super) carriers: Vec<u32>,
    /// Parcels a day that are expected on it.
    pub(super) parcels_per_day: f64,
}

/// Somebody who ships.
#[derive(Clone, Debug)]
pub(super) struct Seller {
    pub(super) name: String,
    pub(super) parcels_per_day: f64,
    /// The routes it uses: a run in [`Population::lanes`].
    pub(super) lanes: std::ops::Range<usize>,
    pub(super) commodities: [u8; 2],
    pub(super) stay: Stay,
}

/// From when to when somebody is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stay {
    pub(super) from: EventTime,
    pub(super) until: EventTime,
    /// How long it takes to become half as large as it will be.
    pub(super) ramp: Span,
}

impl Stay {
    /// Always.
    pub(super) const ALWAYS: Stay = Stay {
        from: EventTime::MIN,
        until: EventTime::MAX,
        ramp: Span::ZERO,
    };

    /// From a time on.
    pub(super) fn since(from: EventTime) -> Stay {
        Stay {
            from,
            ..Stay::ALWAYS
        }
    }

    /// Which share of its usual size it has at `time`: logistic growth after its coming.
    pub(super) fn level(&self, time: EventTime) -> f64 {
        if time < self.from || self.until <= time {
            0.0
        } else if self.ramp <= Span::ZERO {
            1.0
        } else {
            let age = (time - self.from).0 as f64 / self.ramp.0 as f64;
            1.0 / (1.0 + (3.0 * (1.0 - age)).exp())
        }
    }
}

/// A seller on a route, with its share of the seller's parcels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) seller: u32,
    pub(super) route: u32,
    pub(super) share: f64,
}

/// An account or key that reads.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) org: u32,
    pub(super) client: String,
    pub(super) network: String,
    pub(super) country: &'static str,
    /// The seller or the carrier it reads for.
    pub(super) principal: u32,
    pub(super) reads_per_day: f64,
    pub(super) stay: Stay,
}

/// An organisation that hands records on to a recipient.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) actor: u32,
    pub(super) recipient: String,
    pub(super) recipient_country: &'static str,
    pub(super) action: Action,
    /// Median records of a share.
    pub(super) records: f64,
}

/// Everybody.
#[derive(Clone, Debug, Default)]
pub(super) struct Population {
    pub(super) routes: Vec<Route>,
    pub(super) sellers: Vec<Seller>,
    pub(super) lanes: Vec<Lane>,
    pub(super) orgs: Vec<String>,
    pub(super) carriers: Vec<String>,
    pub(super) actors: Vec<Actor>,
    pub(super) edges: Vec<Edge>,
    /// Networks that buyers' accesses come from.
    pub(super) homes: Vec<String>,
    /// Paths of the interface that nobody documented.
    pub(super) paths: Vec<String>,
    /// Registered keys that poll.
    pub(super) pollers: Vec<u32>,
    /// How many actors and edges there are without what was added for episodes.
    pub(super) usual_actors: usize,
    pub(super) usual_edges: usize,
}

/// The private number of the network that an organisation's accesses come from.
fn network(org: u32) -> String {
    format!("AS{}", 64_512 + org % 1_000)
}

impl Population {
    /// The population that `settings` describe.
    pub(super) fn new(settings: &Settings) -> Population {
        let mut random = stream(settings.seed, Purpose::Population, 0);
        let mut population = Population::default();
        let people = Role::head_counts(settings.actors);
        population.add_routes(settings, people[Role::Carrier as usize], &mut random);
        population.add_sellers(settings, &mut random);
        for role in Role::ALL {
            population.add_actors(settings, role, people[role as usize], &mut random);
        }
        population.add_edges(&mut random);
        population.homes = (0..HOMES)
            .map(|n| format!("AS{}", 4_200_000_000_u64 + n))
            .collect();
        population.add_pollers(settings);
        population.add_newcomers(settings);
        population.usual_actors = population.actors.len();
        population.usual_edges = population.edges.len();
        population
    }

    fn add_pollers(&mut self, settings: &Settings) {
        for n in 0..settings.pollers {
            self.orgs.push(format!("poller-{n:03}"));
            let org = self.orgs.len() as u32 - 1;
            self.actors.push(Actor {
                name: format!("poll-key-{n:03}"),
                role: Role::Aggregator,
                org,
                client: format!("parcel-poll/2.{} (poller-{n:03})", n % 4),
                network: network(org),
                country: geography::EUROPE[n % geography::EUROPE.len()],
                principal: 0,
                reads_per_day: 0.0,
                stay: Stay::ALWAYS,
            });
            self.pollers.push(self.actors.len() as u32 - 1);
        }
    }

    /// Sellers that come and go, and new accounts and keys.
    fn add_newcomers(&mut self, settings: &Settings) {
        let mut random = stream(settings.seed, Purpose::Churn, 0);
        let end = settings.start + Span::days(settings.days);
        let moment = |random: &mut Random| {
            let share = between(random, 0.0, 1.0);
            settings.start + Span((share * (end - settings.start).0 as f64) as i64)
        };
        let count =
            (self.sellers.len() as f64 * settings.seller_churn * settings.days as f64) as usize;
        let usual = self.sellers.len();
        for n in 0..count {
            // Who leaves is small rather than large.
            let leaving = (0..3).map(|_| index_below(random.next_u64(), usual));
            let smallest = leaving.min_by(|a, b| {
                let size = |n: &usize| self.sellers[*n].parcels_per_day;
                size(a).total_cmp(&size(b))
            });
            let until = moment(&mut random);
            if let Some(smallest) = smallest
                && n % 10 < 9
            {
                self.sellers[smallest].stay.until = until;
            }
            let from = moment(&mut random);
            // Three in ten give up within two weeks.
            let gives_up = between(&mut random, 0.0, 1.0) < 0.3;
            let stayed = between(&mut random, 2.0, 14.0);
            let ramp = between(&mut random, 10.0, 30.0);
            let model = &self.sellers[index_below(random.next_u64(), usual)];
            let (lanes, size) = (model.lanes.clone(), model.parcels_per_day * 0.5);
            let commodities = model.commodities;
            self.add_seller(
                format!("seller-n{n:05}"),
                size,
                &lanes.collect::<Vec<_>>(),
                commodities,
                Stay {
                    from,
                    until: if gives_up {
                        from + Span((stayed * Span::DAY.0 as f64) as i64)
                    } else {
                        EventTime::MAX
                    },
                    ramp: Span((ramp * Span::DAY.0 as f64) as i64),
                },
            );
        }
        let weeks = settings.days as f64 / 7.0;
        let count = (settings.actors as f64 * settings.key_churn * weeks) as usize;
        let usual = self.actors.len();
        for n in 0..count {
            let model = self.actors[index_below(random.next_u64(), usual)].clone();
            let stay = Stay::since(moment(&mut random));
            self.actors.push(Actor {
                name: format!("{}-n{n:04}", model.role.profile().account),
                stay,
                ..model
            });
        }
    }

    /// A further seller, which uses the routes of these lanes in the same shares.
    pub(super) fn add_seller(
        &mut self,
        name: String,
        parcels_per_day: f64,
        lanes: &[usize],
        commodities: [u8; 2],
        stay: Stay,
    ) -> u32 {
        let seller = self.sellers.len() as u32;
        let first = self.lanes.len();
        for lane in lanes {
            let lane = self.lanes[*lane];
            self.lanes.push(Lane { seller, ..lane });
        }
        self.sellers.push(Seller {
            name,
            parcels_per_day,
            lanes: first..self.lanes.len(),
            commodities,
            stay,
        });
        seller
    }

    /// The same account seen from elsewhere: another network, country and client.
    pub(super) fn add_alias(
        &mut self,
        actor: u32,
        network: String,
        country: &'static str,
        client: String,
    ) -> u32 {
        let actor = self.actors[actor as usize].clone();
        self.actors.push(Actor {
            network,
            country,
            client,
            ..actor
        });
        self.actors.len() as u32 - 1
    }

    fn add_routes(&mut self, settings: &Settings, carrier_actors: usize, random: &mut Random) {
        let carriers = (carrier_actors / 6).max(3);
        self.carriers = (0..carriers).map(|n| format!("carrier-{n:03}")).collect();
        let origins = settings
            .routes
            .div_ceil(8)
            .clamp(4, geography::ORIGINS.len());
        let wanted = settings.routes.max(1);
        let destinations = geography::DESTINATIONS.len();
        // The largest gateways and countries come first, and meet often.
        let mut pairs: Vec<(usize, usize)> =
            (0..wanted).map(|n| (n % origins, n / origins)).collect();
        shuffle(random, &mut pairs);
        let norm: f64 = (1..=wanted)
            .map(|rank| (rank as f64).powf(-settings.route_exponent))
            .sum();
        for (rank, (origin, destination)) in pairs.into_iter().enumerate() {
            let origin = geography::ORIGINS[origin].to_owned();
            let mut zone = geography::DESTINATIONS[destination % destinations].to_owned();
            if destination >= destinations {
                zone = format!("{zone}-{}", destination / destinations + 1);
            }
            let second = index_below(random.next_u64(), carriers);
            self.routes.push(Route {
                name: format!("{origin}>{zone}"),
                origin,
                destination: zone,
                carriers: vec![(rank % carriers) as u32, second as u32],
                parcels_per_day: ((rank + 1) as f64).powf(-settings.route_exponent) / norm,
            });
        }
    }

    fn add_sellers(&mut self, settings: &Settings, random: &mut Random) {
        let count = settings.sellers.max(1);
        let mut sizes: Vec<f64> = (0..count)
            .map(|_| lognormal_factor(random, settings.seller_sigma))
            .collect();
        let sum: f64 = sizes.iter().sum();
        for size in &mut sizes {
            *size *= settings.parcels_per_day / sum;
        }
        let mut sorted = sizes.clone();
        sorted.sort_by(f64::total_cmp);
        let large = sorted[count * 9 / 10];
        let urn: Urn = self
            .routes
            .iter()
            .map(|route| route.parcels_per_day)
            .collect();
        let mut route_parcels = vec![0.0; self.routes.len()];
        for (n, &parcels_per_day) in sizes.iter().enumerate() {
            let wanted = if parcels_per_day >= large {
                (between(random, 0.2, 0.6) * self.routes.len() as f64) as usize
            } else {
                1 + poisson(random, 3.0) as usize
            };
            let first = self.lanes.len();
            self.add_lanes(n, wanted.clamp(1, self.routes.len()), &urn, random);
            for lane in &self.lanes[first..] {
                route_parcels[lane.route as usize] += parcels_per_day * lane.share;
            }
            let commodity = |random: &mut Random| {
                let codes = &geography::COMMODITIES;
                index_below(random.next_u64(), codes.len()) as u8
            };
            self.sellers.push(Seller {
                name: format!("seller-{n:05}"),
                parcels_per_day,
                lanes: first..self.lanes.len(),
                commodities: [commodity(random), commodity(random)],
                stay: Stay::ALWAYS,
            });
        }
        for (route, parcels_per_day) in self.routes.iter_mut().zip(route_parcels) {
            route.parcels_per_day = parcels_per_day;
        }
    }

    /// Gives the seller about `wanted` different routes, busy ones rather than quiet ones.
    fn add_lanes(&mut self, seller: usize, wanted: usize, urn: &Urn, random: &mut Random) {
        let first = self.lanes.len();
        let mut sum = 0.0;
        for _ in 0..wanted * 4 {
            let route = urn.draw(random) as u32;
            if self.lanes[first..].iter().any(|lane| lane.route == route) {
                continue;
            }
            let share = lognormal_factor(random, 0.5) * self.routes[route as usize].parcels_per_day;
            sum += share;
            self.lanes.push(Lane {
                seller: seller as u32,
                route,
                share,
            });
            if self.lanes.len() - first == wanted {
                break;
            }
        }
        for lane in &mut self.lanes[first..] {
            lane.share /= sum;
        }
    }

    fn add_actors(&mut self, settings: &Settings, role: Role, count: usize, random: &mut Random) {
        let profile = role.profile();
        let rates: Vec<f64> = (0..count)
            .map(|_| lognormal_factor(random, profile.spread))
            .collect();
        let scale = settings.reads_per_day * profile.read_share / rates.iter().sum::<f64>();
        // Larger sellers have more users, if not in proportion.
        let urn: Urn = self
            .sellers
            .iter()
            .map(|seller| seller.parcels_per_day.sqrt())
            .collect();
        let mut orgs_of_sellers = BTreeMap::new();
        let first_org = self.orgs.len() as u32;
        if role != Role::Seller {
            let orgs = match role {
                Role::Carrier => self.carriers.len(),
                _ => count.div_ceil(profile.actors_per_org),
            };
            let prefix = profile.org;
            self.orgs.extend((0..orgs).map(|n| match role {
                Role::Carrier => self.carriers[n].clone(),
                _ => format!("{prefix}-{n:03}"),
            }));
        }
        let orgs = self.orgs.len() as u32 - first_org;
        for (n, rate) in rates.into_iter().enumerate() {
            let (org, principal) = if role == Role::Seller {
                let seller = urn.draw(random) as u32;
                let orgs = &mut self.orgs;
                let org = *orgs_of_sellers.entry(seller).or_insert_with(|| {
                    orgs.push(format!("merchant-{seller:05}"));
                    orgs.len() as u32 - 1
                });
                (org, seller)
            } else {
                let org = n as u32 % orgs.max(1);
                (first_org + org, org)
            };
            let countries = profile.countries;
            self.actors.push(Actor {
                name: format!("{}-{n:04}", profile.account),
                role,
                org,
                client: self.client(role, org, random),
                network: network(org),
                country: countries[org as usize % countries.len()],
                principal,
                reads_per_day: rate * scale,
                stay: Stay::ALWAYS,
            });
        }
    }

    fn client(&self, role: Role, org: u32, random: &mut Random) -> String {
        let clients = role.profile().clients;
        let client = clients[index_below(random.next_u64(), clients.len())];
        if role.is_machine() {
            // An integration is known by who runs it.
            format!("{client} ({})", self.orgs[org as usize])
        } else {
            client.to_owned()
        }
    }

    /// A carrier's feed: a service that hands records on and reads nothing.
    fn add_feed(&mut self, carrier: usize, random: &mut Random) -> Option<u32> {
        let org = self
            .orgs
            .iter()
            .position(|org| *org == self.carriers[carrier])? as u32;
        let countries = Role::Carrier.profile().countries;
        self.actors.push(Actor {
            name: format!("feed-{carrier:04}"),
            role: Role::Platform,
            org,
            client: self.client(Role::Platform, org, random),
            network: network(org),
            country: countries[org as usize % countries.len()],
            principal: 0,
            reads_per_day: 0.0,
            stay: Stay::ALWAYS,
        });
        Some(self.actors.len() as u32 - 1)
    }

    fn add_edges(&mut self, random: &mut Random) {
        let mut recipients: Vec<(String, &'static str)> = (0..RECIPIENTS)
            .map(|n| {
                let countries = &geography::RECIPIENT_COUNTRIES;
                (format!("recipient-{n:03}"), countries[n % countries.len()])
            })
            .collect();
        let mut sharing = Vec::new();
        let mut served = BTreeSet::new();
        for (index, actor) in self.actors.iter().enumerate() {
            if actor.role.is_machine() && served.insert(actor.org) {
                sharing.push(index as u32);
            }
        }
        for carrier in (0..self.carriers.len()).step_by(3) {
            sharing.extend(self.add_feed(carrier, random));
        }
        for actor in sharing {
            shuffle(random, &mut recipients);
            let edges = 2 + index_below(random.next_u64(), 3);
            for (n, (recipient, country)) in recipients.iter().take(edges).enumerate() {
                self.edges.push(Edge {
                    actor,
                    recipient: recipient.clone(),
                    recipient_country: country,
                    action: if n % 3 == 2 {
                        Action::Subscribe
                    } else {
                        Action::Share
                    },
                    records: 120.0 * lognormal_factor(random, 0.6),
                });
            }
        }
    }
}
