//! Who lives at the hub: routes, sellers, organisations, actors and the usual recipients.
//!
//! Everything here is drawn once from the seed and never changes, so that an entity's rate is
//! stationary apart from season.

use super::geography;
use super::random::{
    Purpose, Random, Urn, between, index_below, lognormal_factor, poisson, shuffle, stream,
};
use super::role::Role;
use super::settings::Settings;
use crate::domain::Action;
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Usual recipients of records; those that attackers add are numbered from here on.
pub(super) const RECIPIENTS: usize = 24;

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
    pub(super) commodities: [&'static str; 2],
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
        population
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
                codes[index_below(random.next_u64(), codes.len())]
            };
            self.sellers.push(Seller {
                name: format!("seller-{n:05}"),
                parcels_per_day,
                lanes: first..self.lanes.len(),
                commodities: [commodity(random), commodity(random)],
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
