//! Casting a scenario: its parameters and whom it goes for, drawn from the seed.

use super::Injection;
use super::script::{Act, Script};
use super::when::{Curve, When};
use crate::domain::Action;
use crate::domain::{EntityMembers, EventTime, Span};
use crate::simulate::geography::{EUROPE, NEW_COUNTRIES};
use crate::simulate::population::{Actor, Edge, Lane, Population, RECIPIENTS, Stay};
use crate::simulate::random::{Random, index_below, mix, shuffle};
use crate::simulate::role::Role;
use crate::simulate::settings::Settings;
use rand::Rng;
use std::collections::BTreeMap;

/// Between two episodes of the same target lies at least this.
const REST: Span = Span::days(2);

/// Kinds of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Actor,
    Route,
    Seller,
}

/// Which entities are taken, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken(BTreeMap<(Kind, u32), Vec<(EventTime, EventTime)>>);

impl Taken {
    fn is_free(&self, kind: Kind, entity: u32, start: EventTime, end: EventTime) -> bool {
        let stays = self.0.get(&(kind, entity));
        stays.is_none_or(|stays| {
            stays
                .iter()
                .all(|(from, until)| end + REST <= *from || *until + REST <= start)
        })
    }
}

/// What a scenario is cast from.
pub(in crate::simulate) struct Casting<'a> {
    pub(super) population: &'a mut Population,
    pub(super) settings: &'a Settings,
    pub(super) random: Random,
    pub(super) start: EventTime,
    pub(super) end: EventTime,
    /// Of the injection, from 0 on.
    pub(super) number: usize,
    taken: &'a mut Taken,
    values: BTreeMap<&'static str, f64>,
}

impl<'a> Casting<'a> {
    /// Draws the parameters; the targets come when the scenario asks for them.
    pub(super) fn new(
        injection: &Injection,
        number: usize,
        settings: &'a Settings,
        population: &'a mut Population,
        taken: &'a mut Taken,
        mut random: Random,
    ) -> Casting<'a> {
        let mut values = BTreeMap::new();
        for parameter in injection.scenario.parameters {
            let value = parameter.draw(injection.intensity, settings.split, &mut random);
            values.insert(parameter.name, value);
        }
        values.extend(injection.given.iter().copied());
        let start = settings.start + injection.after;
        let hours = match (values.get("hours"), values.get("days")) {
            (Some(hours), _) => *hours,
            (None, Some(days)) => days * 24.0,
            (None, None) => 1.0,
        };
        let length = Span((hours * Span::HOUR.0 as f64) as i64).max(Span::MINUTE);
        Casting {
            population,
            settings,
            random,
            start,
            end: start + length,
            number,
            taken,
            values,
        }
    }

    /// A parameter's value.
    pub(super) fn value(&self, parameter: &str) -> f64 {
        self.values.get(parameter).copied().unwrap_or(0.0)
    }

    /// A parameter's value as a count of at least one.
    pub(super) fn count(&self, parameter: &str) -> usize {
        self.value(parameter).round().max(1.0) as usize
    }

    /// A parameter that is meant for a hub of 400 sellers, for one of this size.
    pub(super) fn scaled(&self, parameter: &str) -> f64 {
        let size = self.settings.sellers.max(1) as f64 / 400.0;
        let most = 0.95 * self.settings.parcels_per_day.max(1.0);
        (self.value(parameter) * size.powf(0.4)).min(most).max(1.0)
    }

    /// How many days it goes on.
    pub(super) fn days(&self) -> f64 {
        (self.end - self.start).0 as f64 / Span::DAY.0 as f64
    }

    /// How long it goes on, in words.
    pub(super) fn length(&self) -> String {
        let hours = 24.0 * self.days();
        if hours < 1.0 {
            format!("{:.0} min", 60.0 * hours)
        } else if hours < 48.0 {
            format!("{hours:.0} h")
        } else {
            format!("{:.0} d", hours / 24.0)
        }
    }

    /// So many of them at random under a curve, from start to end.
    pub(super) fn spread(&self, total: f64, curve: Curve) -> When {
        When::spread(total, curve, self.start, self.end)
    }

    /// One of `candidates` that is free for the episode and belongs to this split, if there is
    /// one; else one that is free.
    fn choose(&mut self, kind: Kind, candidates: &[u32]) -> Option<u32> {
        let free: Vec<u32> = (candidates.iter().copied())
            .filter(|&entity| self.taken.is_free(kind, entity, self.start, self.end))
            .collect();
        let split = self.settings.split.index() as u64;
        let own: Vec<u32> = (free.iter().copied())
            .filter(|&entity| mix(u64::from(entity)) & 1 == split)
            .collect();
        let from = if own.is_empty() { &free } else { &own };
        // Rather one that was never a target.
        let fresh: Vec<u32> = (from.iter().copied())
            .filter(|&entity| !self.taken.0.contains_key(&(kind, entity)))
            .collect();
        let from = if fresh.is_empty() { from } else { &fresh };
        let chosen = *from.get(index_below(self.random.next_u64(), from.len()))?;
        let stays = self.taken.0.entry((kind, chosen)).or_default();
        stays.push((self.start, self.end));
        Some(chosen)
    }

    /// An account of one of these roles, whose rank by size within its role lies between two
    /// quantiles.
    pub(super) fn actor(&mut self, roles: &[Role], low: f64, high: f64) -> Option<u32> {
        for (low, high) in [(low, high), (0.0, 1.0)] {
            let mut candidates = Vec::new();
            for role in roles {
                candidates.extend(self.actors_between(*role, low, high));
            }
            if let Some(actor) = self.choose(Kind::Actor, &candidates) {
                return Some(actor);
            }
        }
        None
    }

    fn actors_between(&self, role: Role, low: f64, high: f64) -> Vec<u32> {
        let usual = &self.population.actors[..self.population.usual_actors];
        let of_role = (usual.iter().enumerate()).filter(|(_, actor)| {
            actor.role == role && actor.reads_per_day > 0.0 && actor.stay == Stay::ALWAYS
        });
        middle(
            of_role.map(|(n, actor)| (n as u32, actor.reads_per_day)),
            low,
            high,
        )
    }

    /// A route whose rank by size lies between two quantiles.
    pub(super) fn route(&mut self, low: f64, high: f64) -> Option<u32> {
        let routes = self.population.routes.iter().enumerate();
        let sized = routes.map(|(n, route)| (n as u32, route.parcels_per_day));
        let candidates = middle(sized, low, high);
        self.choose(Kind::Route, &candidates)
    }

    /// A seller whose rank by size lies between two quantiles, and that is there all the time.
    pub(super) fn seller(&mut self, low: f64, high: f64) -> Option<u32> {
        let candidates = self.sellers(low, high);
        self.choose(Kind::Seller, &candidates)
    }

    /// Sellers whose rank by size lies between two quantiles, smallest first.
    pub(super) fn sellers(&self, low: f64, high: f64) -> Vec<u32> {
        let sellers = self.population.sellers.iter().enumerate();
        let staying = sellers.filter(|(_, seller)| seller.stay == Stay::ALWAYS);
        middle(
            staying.map(|(n, seller)| (n as u32, seller.parcels_per_day)),
            low,
            high,
        )
    }

    /// Some of `items`, in random order.
    pub(super) fn some(&mut self, mut items: Vec<u32>, count: usize) -> Vec<u32> {
        shuffle(&mut self.random, &mut items);
        items.truncate(count.max(1));
        items
    }

    /// An account that hands records on to usual recipients.
    pub(super) fn sharing_actor(&mut self) -> Option<u32> {
        let usual = &self.population.edges[..self.population.usual_edges];
        let candidates: Vec<u32> = usual.iter().map(|edge| edge.actor).collect();
        self.choose(Kind::Actor, &candidates)
    }

    /// An edge from `actor` to a recipient that nobody ever shared with, in a country to match.
    pub(super) fn new_edge(&mut self, actor: u32) -> u32 {
        let added = self.population.edges.len() - self.population.usual_edges;
        let country = NEW_COUNTRIES[added % NEW_COUNTRIES.len()];
        self.add_edge(actor, country)
    }

    /// The same, in that country.
    pub(super) fn add_edge(&mut self, actor: u32, country: &'static str) -> u32 {
        let added = self.population.edges.len() - self.population.usual_edges;
        self.population.edges.push(Edge {
            actor,
            recipient: format!("recipient-{:03}", RECIPIENTS + added),
            recipient_country: country,
            action: Action::Share,
            records: 0.0,
        });
        self.population.edges.len() as u32 - 1
    }

    /// A network that nobody else comes from.
    pub(super) fn new_network(&mut self) -> String {
        format!(
            "AS{}",
            4_210_000_000_u64 + self.random.next_u64() % 9_000_000
        )
    }

    /// A country, as chance has it.
    pub(super) fn country(&mut self) -> &'static str {
        let all = NEW_COUNTRIES.len() + EUROPE.len();
        let n = index_below(self.random.next_u64(), all);
        NEW_COUNTRIES
            .iter()
            .chain(&EUROPE)
            .nth(n)
            .copied()
            .unwrap_or("BE")
    }

    /// An account of its own organisation that nobody has seen before.
    pub(super) fn new_account(
        &mut self,
        role: Role,
        network: String,
        client: String,
        country: &'static str,
    ) -> u32 {
        let profile = role.profile();
        let added = self.population.actors.len() - self.population.usual_actors;
        let principals = match role {
            Role::Carrier => self.population.carriers.len(),
            _ => self.population.sellers.len(),
        };
        let principal = index_below(self.random.next_u64(), principals) as u32;
        self.population
            .orgs
            .push(format!("{}-x{added:04}", profile.org));
        self.population.actors.push(Actor {
            name: format!("{}-x{added:04}", profile.account),
            role,
            org: self.population.orgs.len() as u32 - 1,
            client,
            network,
            country,
            principal,
            reads_per_day: 0.0,
            stay: Stay::ALWAYS,
        });
        self.population.actors.len() as u32 - 1
    }

    /// Invented paths of the interface.
    pub(super) fn new_paths(&mut self, count: usize) -> std::ops::Range<u32> {
        const WORDS: [&str; 16] = [
            "admin", "internal", "debug", "export", "users", "config", "manifest", "backup",
            "reports", "holds", "inspect", "tokens", "graph", "bulk", "legacy", "status",
        ];
        let first = self.population.paths.len() as u32;
        for _ in 0..count {
            let bits = self.random.next_u64();
            let word = |shift: u32| WORDS[(bits >> shift & 15) as usize];
            self.population.paths.push(format!(
                "/v{}/{}/{}/{:x}",
                bits >> 8 & 3,
                word(0),
                word(4),
                bits >> 48
            ));
        }
        first..self.population.paths.len() as u32
    }

    /// The lanes of a route or of a seller.
    pub(super) fn lanes(&self, is_one: impl Fn(&Lane) -> bool) -> Vec<Lane> {
        let lanes = self.population.lanes.iter().copied();
        lanes.filter(is_one).collect()
    }

    /// Parcels a day that are expected on a lane.
    pub(super) fn lane_size(&self, lane: &Lane) -> f64 {
        lane.share * self.population.sellers[lane.seller as usize].parcels_per_day
    }

    /// The account's name.
    pub(super) fn name(&self, actor: u32) -> String {
        self.population.actors[actor as usize].name.clone()
    }

    /// "seller account user-0017"
    pub(super) fn whom(&self, actor: u32) -> String {
        let actor = &self.population.actors[actor as usize];
        format!("{} account {}", actor.role.profile().name, actor.name)
    }

    /// The account as a key of its own, and its organisation where nobody else belongs to it.
    pub(super) fn actor_keys(&self, actor: u32) -> Vec<EntityMembers> {
        let account = &self.population.actors[actor as usize];
        let mut keys = vec![key(&[("actor", &account.name)])];
        if account.role == Role::Buyer {
            return keys;
        }
        let peers = self.population.actors.iter();
        let mut others =
            peers.filter(|other| other.org == account.org && other.name != account.name);
        if others.next().is_none() {
            keys.push(key(&[("org", &self.population.orgs[account.org as usize])]));
        }
        keys
    }

    /// Everything together.
    pub(super) fn script(
        &self,
        acts: Vec<Act>,
        entities: Vec<EntityMembers>,
        story: String,
    ) -> Option<Script> {
        Some(Script {
            acts,
            entities,
            start: self.start,
            end: self.end,
            story,
        })
    }
}

/// A key of these members.
pub(super) fn key(members: &[(&str, &str)]) -> EntityMembers {
    let members = members.iter();
    members
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Those of `items` whose rank by size lies between two quantiles, smallest first.
fn middle(items: impl Iterator<Item = (u32, f64)>, low: f64, high: f64) -> Vec<u32> {
    let mut sorted: Vec<(u32, f64)> = items.collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let at = |quantile: f64| (quantile * sorted.len() as f64) as usize;
    let (low, high) = (at(low), at(high));
    let high = high.max(low + 1).min(sorted.len());
    sorted[low.min(high)..high]
        .iter()
        .map(|item| item.0)
        .collect()
}
