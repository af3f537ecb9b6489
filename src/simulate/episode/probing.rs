//! Probing: somebody maps the supply chain, or tests it.

use super::casting::{Casting, key};
use super::reads::{Choice, Reads};
use super::scenario::{Family, Scenario, constant, parameter};
use super::script::{Act, Diversions, Goods, Parcels, Script};
use super::when::Curve;
use crate::domain::{Action, AlertClass, EntityMembers, Relation, Span};
use crate::simulate::geography::COMMODITIES;
use crate::simulate::population::Stay;
use crate::simulate::random::{Urn, index_below};
use crate::simulate::role::Role;
use rand::Rng;
use std::collections::BTreeSet;

const fn scenario(
    name: &'static str,
    detections: &'static [&'static str],
    about: &'static str,
    parameters: &'static [super::Parameter],
    cast: fn(&mut Casting<'_>) -> Option<Script>,
) -> Scenario {
    Scenario {
        name,
        family: Family::Probing,
        class: AlertClass::Probing,
        detections,
        about,
        hours: (0, 23),
        parameters,
        cast,
    }
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "lookup_miss_walk",
        &["lookup_miss_walk"],
        "Somebody guesses references until one answers.",
        &[
            parameter("lookups", [(45.0, 80.0), (90.0, 200.0), (300.0, 1_200.0)]),
            parameter("success", [(0.55, 0.68), (0.3, 0.45), (0.02, 0.1)]),
            parameter("hours", [(2.0, 8.0), (0.7, 3.0), (0.3, 2.0)]),
        ],
        lookup_miss_walk,
    ),
    scenario(
        "endpoint_footprinting",
        &["endpoint_footprinting"],
        "Somebody tries paths of the interface that nobody documented.",
        &[
            parameter("paths", [(20.0, 35.0), (60.0, 150.0), (300.0, 1_000.0)]),
            parameter("errors", [(0.35, 0.55), (0.6, 0.8), (0.85, 0.95)]),
            parameter("hours", [(24.0, 96.0), (2.0, 12.0), (0.2, 1.5)]),
        ],
        endpoint_footprinting,
    ),
    scenario(
        "lane_recon_sweep",
        &["lane_recon_sweep"],
        "Somebody asks for timetables, capacity and holds of most routes.",
        &[
            parameter("coverage", [(0.5, 0.62), (0.65, 0.85), (0.9, 1.0)]),
            parameter("queries", [(1.0, 1.2), (1.3, 2.0), (2.5, 5.0)]),
            parameter("hours", [(24.0, 72.0), (8.0, 30.0), (1.0, 4.0)]),
        ],
        lane_recon_sweep,
    ),
    scenario(
        "object_interest_spike",
        &["object_interest_spike"],
        "Accounts that have no part in it take an interest in one route or one seller.",
        &[
            parameter("accounts", [(6.0, 9.0), (12.0, 22.0), (35.0, 70.0)]),
            parameter("reads_each", [(5.0, 8.0), (7.0, 12.0), (8.0, 16.0)]),
            parameter("hours", [(10.0, 30.0), (4.0, 16.0), (2.0, 8.0)]),
        ],
        object_interest_spike,
    ),
    scenario(
        "test_parcel_dry_run",
        &["test_parcel_dry_run"],
        "New sellers send few light and cheap parcels over many routes, and watch every scan.",
        &[
            parameter("sellers", [(1.0, 1.3), (2.0, 4.0), (6.0, 12.0)]),
            parameter("parcels", [(7.0, 11.0), (12.0, 20.0), (22.0, 40.0)]),
            parameter("looks", [(8.0, 14.0), (16.0, 30.0), (35.0, 60.0)]),
            parameter("days", [(3.0, 5.0), (2.0, 4.0), (2.0, 3.0)]),
        ],
        test_parcel_dry_run,
    ),
    scenario(
        "query_before_diversion",
        &["query_before_diversion"],
        "An insider reads parcels, and hours later their delivery is changed.",
        &[
            parameter("diversions", [(3.0, 4.0), (5.0, 7.0), (9.0, 14.0)]),
            parameter("cover", [(25.0, 40.0), (8.0, 20.0), (0.0, 4.0)]),
            constant("lead", 4.0, 30.0),
            parameter("days", [(3.0, 5.0), (2.0, 4.0), (1.0, 2.5)]),
        ],
        query_before_diversion,
    ),
];

/// A guesser: an account of the hub, or somebody without a name.
pub(super) fn guesser(cast: &mut Casting<'_>) -> Option<u32> {
    if cast.number.is_multiple_of(2) {
        return cast.actor(&[Role::Seller, Role::Carrier], 0.2, 0.9);
    }
    let (network, country) = (cast.new_network(), cast.country());
    let client = String::from("track-web/14.2");
    Some(cast.new_account(Role::Buyer, network, client, country))
}

/// The keys of a guesser; who comes from a network of its own is known by it, too.
pub(super) fn guesser_keys(cast: &Casting<'_>, actor: u32) -> Vec<EntityMembers> {
    let mut keys = cast.actor_keys(actor);
    let account = &cast.population.actors[actor as usize];
    if account.role == Role::Buyer {
        keys.push(key(&[("network", &account.network)]));
    }
    keys
}

fn lookup_miss_walk(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = guesser(cast)?;
    let (lookups, success) = (cast.value("lookups"), cast.value("success"));
    let when = cast.spread(lookups, Curve::Even);
    let act = Act::Reads(Reads::new(vec![actor], when, Choice::Guess { success }));
    let story = format!(
        "The {} guesses {lookups:.0} references in {}, and {:.0} % of them are found.",
        cast.whom(actor),
        cast.length(),
        100.0 * success
    );
    cast.script(vec![act], guesser_keys(cast, actor), story)
}

fn endpoint_footprinting(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier, Role::Broker], 0.1, 0.8)?;
    let client = format!("curl/8.{} (x{})", 4 + cast.number % 6, cast.number);
    let alias = super::harvesting::scripted_alias(cast, actor, &client);
    let (count, errors) = (cast.count("paths"), cast.value("errors"));
    let paths = cast.new_paths(count);
    let choice = Choice::Paths {
        paths,
        next: 0,
        errors,
    };
    let when = cast.spread(count as f64, Curve::Even);
    let act = Act::Reads(Reads::new(vec![alias], when, choice));
    let mut keys = cast.actor_keys(actor);
    keys.push(key(&[("client", &client)]));
    let network = &cast.population.actors[alias as usize].network;
    keys.push(key(&[("network", network)]));
    let story = format!(
        "The {} tries {count} paths of the interface in {}, and {:.0} % of them fail.",
        cast.whom(actor),
        cast.length(),
        100.0 * errors
    );
    cast.script(vec![act], keys, story)
}

fn lane_recon_sweep(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier, Role::Broker], 0.2, 0.9)?;
    let all = cast.population.routes.len();
    let wanted = (cast.value("coverage") * all as f64).round() as usize;
    let routes = cast.some((0..all as u32).collect(), wanted);
    let count = routes.len();
    let total = count as f64 * cast.value("queries");
    let when = cast.spread(total, Curve::Even);
    let mut reads = Reads::new(vec![actor], when, Choice::Lanes { routes, next: 0 });
    reads.action = Action::Search;
    reads.records = 3.0;
    let story = format!(
        "The {} asks {total:.0} times for timetables, capacity and holds, of {count} of {all} routes, in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn object_interest_spike(cast: &mut Casting<'_>) -> Option<Script> {
    let count = cast.count("accounts");
    let sellers_accounts = (0..cast.population.usual_actors as u32).filter(|n| {
        let actor = &cast.population.actors[*n as usize];
        matches!(actor.role, Role::Seller | Role::Carrier | Role::Broker)
            && actor.stay == Stay::ALWAYS
    });
    let candidates = sellers_accounts.collect();
    let actors = cast.some(candidates, count);
    let (choice, object, what) = if cast.number.is_multiple_of(3) {
        let code = index_below(cast.random.next_u64(), COMMODITIES.len());
        let name = COMMODITIES[code];
        (
            Choice::Commodity(code as u8),
            key(&[("commodity", name)]),
            format!("commodity {name}"),
        )
    } else if cast.number.is_multiple_of(2) {
        let route = cast.route(0.7, 0.95)?;
        let name = cast.population.routes[route as usize].name.clone();
        (
            Choice::Route(route),
            key(&[("route", &name)]),
            format!("route {name}"),
        )
    } else {
        let seller = cast.seller(0.8, 0.97)?;
        let name = cast.population.sellers[seller as usize].name.clone();
        (
            Choice::Seller(seller),
            key(&[("seller", &name)]),
            format!("seller {name}"),
        )
    };
    let total = cast.value("reads_each") * actors.len() as f64;
    let mut reads = Reads::new(actors.clone(), cast.spread(total, Curve::Even), choice);
    reads.relation = Some(Relation::None);
    let mut keys = vec![object];
    for actor in &actors {
        keys.push(key(&[("actor", &cast.name(*actor))]));
    }
    let story = format!(
        "{} accounts that have no part in it read {total:.0} times parcels of {what}, in {}.",
        actors.len(),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], keys, story)
}

fn test_parcel_dry_run(cast: &mut Casting<'_>) -> Option<Script> {
    let count = cast.count("sellers");
    let (parcels, looks) = (cast.value("parcels").round(), cast.value("looks"));
    let lanes = cast.population.lanes.len();
    if lanes == 0 {
        return None;
    }
    let network = cast.new_network();
    let (mut acts, mut keys) = (Vec::new(), vec![key(&[("network", &network)])]);
    for n in 0..count {
        // As many different routes as there are parcels, if there are.
        let all = cast.population.routes.len() as u32;
        let routes: BTreeSet<u32> = {
            let routes = cast.some((0..all).collect(), parcels as usize);
            routes.into_iter().collect()
        };
        let model: Vec<usize> = routes
            .iter()
            .filter_map(|route| {
                let mut lanes = cast.population.lanes.iter();
                lanes.position(|lane| lane.route == *route)
            })
            .collect();
        let name = format!("seller-x{}-{n}", cast.number);
        let stay = Stay {
            from: cast.start,
            until: cast.start,
            ramp: Span::ZERO,
        };
        let seller = cast
            .population
            .add_seller(name.clone(), 0.0, &model, [3, 5], stay);
        let account = cast.new_account(
            Role::Seller,
            network.clone(),
            String::from("portal/8.2"),
            "CN",
        );
        cast.population.actors[account as usize].principal = seller;
        let own = cast.lanes(|lane| lane.seller == seller);
        acts.push(Act::Parcels(Parcels {
            urn: own.iter().map(|_| 1.0).collect::<Urn>(),
            lanes: own,
            when: cast.spread(parcels, Curve::Even),
            goods: Goods {
                weight_grams: Some(20.0..150.0),
                value_eur: Some(2.0..15.0),
                unwanted: 1.0,
            },
        }));
        acts.push(Act::Reads(Reads::new(
            vec![account],
            cast.spread(looks * parcels, Curve::Even),
            Choice::Own,
        )));
        keys.push(key(&[("seller", &name)]));
        keys.extend(cast.actor_keys(account));
    }
    let story = format!(
        "{count} new sellers send {parcels:.0} light and cheap parcels each over as many routes, and look each up {looks:.0} times, in {}.",
        cast.length()
    );
    cast.script(acts, keys, story)
}

fn query_before_diversion(cast: &mut Casting<'_>) -> Option<Script> {
    let insider = cast.actor(&[Role::Support, Role::Carrier], 0.2, 0.8)?;
    let others = (0..cast.population.usual_actors as u32).filter(|n| {
        let actor = &cast.population.actors[*n as usize];
        actor.role == Role::Support && *n != insider && actor.stay == Stay::ALWAYS
    });
    let candidates = others.collect();
    let agents = cast.some(candidates, 4);
    let (diversions, cover) = (cast.value("diversions").round(), cast.value("cover"));
    let lead = cast.value("lead");
    let mut acts = vec![Act::Diversions(Diversions {
        insider,
        when: cast.spread(diversions, Curve::Even),
        lead_hours: 0.5 * lead..lead,
        agents,
    })];
    if cover >= 1.0 {
        let mut reads = Reads::new(
            vec![insider],
            cast.spread(cover, Curve::Even),
            Choice::Anybody,
        );
        reads.relation = Some(Relation::None);
        acts.push(Act::Reads(reads));
    }
    // Deliveries are changed for a while after the last read.
    cast.end = cast.end + Span((lead * Span::HOUR.0 as f64) as i64);
    let story = format!(
        "The {} reads {diversions:.0} parcels that are sent elsewhere hours later, and {cover:.0} others, in {}.",
        cast.whom(insider),
        cast.length()
    );
    cast.script(acts, cast.actor_keys(insider), story)
}
