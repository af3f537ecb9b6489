//! Whom an attack goes for: chosen from the seed among entities that suit the scenario.

use super::attack::{Attack, Episode, Scenario};
use super::geography::NEW_COUNTRIES;
use super::population::{Edge, Population, RECIPIENTS};
use super::random::{Random, index_below, shuffle};
use super::role::Role;
use super::settings::Settings;
use crate::domain::{Action, Span};
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// The entity an attack goes for.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// An account.
    Actor(u32),
    /// An account, and the sellers it will touch.
    Fanout { actor: u32, sellers: Vec<u32> },
    /// A route.
    Route(u32),
    /// A seller.
    Seller(u32),
    /// An edge that the population did not have.
    Edge(u32),
}

/// Which entities are taken.
pub(super) type Taken = BTreeSet<(u8, u32)>;

/// Those of `items` whose rank by `size` lies between two quantiles, smallest first.
fn middle(
    items: impl Iterator<Item = (u32, f64)>,
    low_quantile: f64,
    high_quantile: f64,
) -> Vec<u32> {
    let mut sorted: Vec<(u32, f64)> = items.collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let at = |quantile: f64| (quantile * sorted.len() as f64) as usize;
    let (low, high) = (at(low_quantile), at(high_quantile));
    let high = high.max(low + 1).min(sorted.len());
    sorted[low.min(high)..high]
        .iter()
        .map(|item| item.0)
        .collect()
}

fn actors(population: &Population, role: Role, low_quantile: f64, high_quantile: f64) -> Vec<u32> {
    let all = population.actors.iter().enumerate();
    let of_role = all.filter(|(_, actor)| actor.role == role);
    let sized = of_role.map(|(n, actor)| (n as u32, actor.reads_per_day));
    middle(sized, low_quantile, high_quantile)
}

/// One of `candidates` that is not taken yet, or any where all are.
fn choose(kind: u8, candidates: &[u32], taken: &mut Taken, random: &mut Random) -> Option<u32> {
    let free: Vec<u32> = (candidates.iter().copied())
        .filter(|&candidate| !taken.contains(&(kind, candidate)))
        .collect();
    let from = if free.is_empty() { candidates } else { &free };
    let chosen = *from.get(index_below(random.next_u64(), from.len()))?;
    taken.insert((kind, chosen));
    Some(chosen)
}

/// The target of `attack`; none where the hub has no suitable entity.
pub(super) fn target(
    attack: &Attack,
    population: &mut Population,
    taken: &mut Taken,
    random: &mut Random,
) -> Option<Target> {
    let either = |population: &Population, a: Role, b: Role, low: f64, high: f64| {
        let mut both = actors(population, a, low, high);
        both.extend(actors(population, b, low, high));
        both
    };
    match attack.scenario {
        Scenario::ActorVolumeSurge | Scenario::BulkExport => {
            let suitable = either(population, Role::Seller, Role::Carrier, 0.4, 0.9);
            choose(0, &suitable, taken, random).map(Target::Actor)
        }
        Scenario::ActorFanoutSpread => {
            let suitable = actors(population, Role::Carrier, 0.3, 0.9);
            let actor = choose(0, &suitable, taken, random)?;
            let mut sellers: Vec<u32> = (0..population.sellers.len() as u32).collect();
            shuffle(random, &mut sellers);
            sellers.truncate(attack.intensity.max(1.0) as usize);
            Some(Target::Fanout { actor, sellers })
        }
        Scenario::OneTouchSweep => {
            let suitable = either(population, Role::Seller, Role::Support, 0.5, 0.95);
            choose(0, &suitable, taken, random).map(Target::Actor)
        }
        Scenario::DecoyTouch => {
            let suitable = either(population, Role::Carrier, Role::Broker, 0.2, 0.9);
            choose(0, &suitable, taken, random).map(Target::Actor)
        }
        Scenario::RouteSilence | Scenario::RouteSurge => {
            let routes = population.routes.iter().enumerate();
            let sized = routes.map(|(n, route)| (n as u32, route.parcels_per_day));
            let suitable = middle(sized, 0.92, 0.985);
            choose(1, &suitable, taken, random).map(Target::Route)
        }
        Scenario::SellerSurge => {
            let sellers = population.sellers.iter().enumerate();
            let sized = sellers.map(|(n, seller)| (n as u32, seller.parcels_per_day));
            let suitable = middle(sized, 0.80, 0.93);
            choose(2, &suitable, taken, random).map(Target::Seller)
        }
        Scenario::ThirdPartyEgress => {
            let sharing: Vec<u32> = population.edges.iter().map(|edge| edge.actor).collect();
            let actor = choose(0, &sharing, taken, random)?;
            let is_used = |country: &&str| {
                let mut edges = population.edges.iter();
                edges.any(|edge| edge.recipient_country == *country)
            };
            let used = NEW_COUNTRIES
                .iter()
                .filter(|country| is_used(country))
                .count();
            let country = NEW_COUNTRIES[used % NEW_COUNTRIES.len()];
            let number = RECIPIENTS + used;
            population.edges.push(Edge {
                actor,
                recipient: format!("recipient-{number:03}"),
                recipient_country: country,
                action: Action::Share,
                records: 0.0,
            });
            Some(Target::Edge(population.edges.len() as u32 - 1))
        }
    }
}

/// The label of the `index`-th attack.
pub(super) fn label(
    index: usize,
    attack: &Attack,
    target: &Target,
    settings: &Settings,
    population: &Population,
) -> Episode {
    let mut entity = BTreeMap::new();
    let (amount, length) = (attack.intensity, attack.length);
    let story = match target {
        Target::Actor(actor) | Target::Fanout { actor, .. } => {
            let actor = &population.actors[*actor as usize];
            entity.insert("actor", actor.name.clone());
            let role = actor.role.profile().name;
            let whom = format!("The {role} account {}", actor.name);
            match attack.scenario {
                Scenario::BulkExport => {
                    format!("{whom} exports {amount} records in {length}.")
                }
                Scenario::ActorFanoutSpread => {
                    format!("{whom} touches {amount} sellers once or twice each in {length}.")
                }
                Scenario::OneTouchSweep => {
                    format!("{whom} reads {amount} parcels exactly once each in {length}.")
                }
                Scenario::DecoyTouch => {
                    format!("{whom} touches decoys {amount} times in {length}.")
                }
                _ => format!(
                    "{whom}, which reads {:.0} times on a usual day, reads {amount} times its usual rate for {length}.",
                    actor.reads_per_day
                ),
            }
        }
        Target::Route(route) => {
            let route = &population.routes[*route as usize];
            entity.insert("route", route.name.clone());
            let usual = format!(
                "Route {}, which carries {:.0} parcels on a usual day,",
                route.name, route.parcels_per_day
            );
            if attack.scenario == Scenario::RouteSilence {
                format!(
                    "{usual} loses {:.0} % of its movements for {length}.",
                    amount * 100.0
                )
            } else {
                format!("{usual} carries {amount} times as much for {length}.")
            }
        }
        Target::Seller(seller) => {
            let seller = &population.sellers[*seller as usize];
            entity.insert("seller", seller.name.clone());
            format!(
                "Seller {}, which ships {:.0} parcels on a usual day, ships {amount} times as much for {length}.",
                seller.name, seller.parcels_per_day
            )
        }
        Target::Edge(edge) => {
            let edge = &population.edges[*edge as usize];
            let org = &population.orgs[population.actors[edge.actor as usize].org as usize];
            entity.insert("org", org.clone());
            entity.insert("recipient", edge.recipient.clone());
            entity.insert("recipient_country", edge.recipient_country.to_owned());
            format!(
                "Organisation {org} shares {amount} records with {} in {}, where it never shared anything, in {length}.",
                edge.recipient, edge.recipient_country
            )
        }
    };
    let start = settings.start + attack.after;
    Episode {
        id: format!("{}-{}", index + 1, attack.scenario.name()),
        scenario: attack.scenario.name(),
        detection: attack.scenario.detection(),
        class: attack.scenario.class(),
        entity,
        start,
        end: start + Span(attack.length.0.max(Span::MINUTE.0)),
        story,
    }
}
