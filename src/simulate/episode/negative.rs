//! Hard negatives: they look like attacks and are none. Those that concern everybody (peaks,
//! strikes, holidays, outages, onboarding waves, reforms) are regimes.

use super::casting::{Casting, key};
use super::reads::{Choice, Reads, Walk};
use super::scenario::{Family, Scenario, constant};
use super::script::{
    Act, Diversions, Exposure, Goods, How, LateLabels, Meddling, Parcels, Redirection, Script,
    Whose, WrongClock,
};
use super::when::{Curve, When};
use crate::domain::{Action, AlertClass, EntityMembers, Relation, Span};
use crate::simulate::draft::{Fields, Step};
use crate::simulate::population::{Lane, Stay};
use crate::simulate::random::{Urn, index_below};
use crate::simulate::role::Role;
use crate::simulate::season::Rhythm;
use rand::Rng;
use std::collections::BTreeSet;

const fn scenario(
    name: &'static str,
    detections: &'static [&'static str],
    about: &'static str,
    hours: (i64, i64),
    parameters: &'static [super::Parameter],
    cast: fn(&mut Casting<'_>) -> Option<Script>,
) -> Scenario {
    Scenario {
        name,
        family: Family::HardNegative,
        class: AlertClass::Harvesting,
        detections,
        about,
        hours,
        parameters,
        cast,
    }
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "month_end_export",
        &["actor_bulk_export", "actor_volume_surge"],
        "Accounting exports a month's records, on three nights in a row.",
        (17, 22),
        &[constant("records", 4e3, 3e4), constant("hours", 50.0, 54.0)],
        month_end_export,
    ),
    scenario(
        "full_export",
        &["decoy_record_touched", "actor_bulk_export"],
        "The platform's reporting reads everything at night, decoys and all.",
        (0, 4),
        &[constant("records", 1e4, 1e5), constant("hours", 0.5, 2.0)],
        full_export,
    ),
    scenario(
        "customs_risk_run",
        &["actor_fanout_spread", "one_touch_sweep"],
        "A customs officer looks once at parcels of most sellers.",
        (7, 13),
        &[
            constant("sellers", 150.0, 300.0),
            constant("hours", 1.0, 5.0),
        ],
        customs_risk_run,
    ),
    scenario(
        "route_takeover",
        &["actor_fanout_spread", "out_of_relation_reads"],
        "A carrier's desk takes over a competitor's parcels.",
        (5, 12),
        &[
            constant("reads", 150.0, 400.0),
            constant("hours", 6.0, 48.0),
        ],
        route_takeover,
    ),
    scenario(
        "click_through",
        &["one_touch_sweep", "object_interest_spike"],
        "A message to all customers: each clicks once.",
        (8, 18),
        &[
            constant("looks", 1_500.0, 4_000.0),
            constant("hours", 2.0, 5.0),
        ],
        click_through,
    ),
    scenario(
        "own_batch_listing",
        &["id_space_walk"],
        "A seller goes through its own labels, one after the other.",
        (1, 9),
        &[
            constant("requests", 80.0, 300.0),
            constant("hours", 0.3, 2.0),
        ],
        own_batch_listing,
    ),
    scenario(
        "late_master_data",
        &["out_of_relation_reads"],
        "Who is party to what is known a day late, for some of a role's accounts.",
        (0, 23),
        &[
            constant("share", 0.15, 0.3),
            constant("accounts", 5.0, 12.0),
            constant("hours", 18.0, 30.0),
        ],
        late_master_data,
    ),
    scenario(
        "app_release",
        &["sensitive_field_drift"],
        "A new version of a client asks for more, for all who use it.",
        (6, 10),
        &[constant("share", 0.5, 0.9), constant("days", 4.0, 6.0)],
        app_release,
    ),
    scenario(
        "region_migration",
        &["third_party_egress"],
        "All that an organisation shares goes to another region of the same recipients.",
        (0, 23),
        &[constant("days", 2.0, 5.0)],
        region_migration,
    ),
    scenario(
        "registered_sync",
        &["scheduled_poll_beacon", "peer_group_outlier"],
        "A newly registered integration pulls every hour.",
        (6, 15),
        &[constant("reads", 10.0, 25.0), constant("days", 3.0, 6.0)],
        registered_sync,
    ),
    scenario(
        "new_aggregator",
        &["peer_group_outlier", "actor_fanout_spread"],
        "A new aggregator connects, and reads as much as others do.",
        (6, 15),
        &[
            constant("reads", 1_000.0, 3_000.0),
            constant("days", 2.0, 4.0),
        ],
        new_aggregator,
    ),
    scenario(
        "prefetching_client",
        &["bulk_enumeration_paging"],
        "A version of a client fetches ten pages for whoever opens a list.",
        (2, 9),
        &[constant("lists", 10.0, 25.0), constant("hours", 6.0, 30.0)],
        prefetching_client,
    ),
    scenario(
        "call_centre_rota",
        &["coordinated_partition_harvest", "actor_volume_surge"],
        "The help desk answers a backlog, all from one network and from the same minute on.",
        (6, 7),
        &[constant("times", 2.0, 3.0), constant("hours", 4.0, 8.0)],
        call_centre_rota,
    ),
    scenario(
        "early_labels",
        &["lookup_miss_walk"],
        "A seller's labels are uploaded a day and a half late, and its buyers find nothing.",
        (0, 23),
        &[constant("share", 0.6, 0.9), constant("hours", 30.0, 40.0)],
        early_labels,
    ),
    scenario(
        "penetration_test",
        &["endpoint_footprinting", "id_space_walk", "lookup_miss_walk"],
        "A penetration test that was agreed on.",
        (7, 10),
        &[
            constant("paths", 150.0, 500.0),
            constant("hours", 30.0, 48.0),
        ],
        penetration_test,
    ),
    scenario(
        "tender_season",
        &["lane_recon_sweep"],
        "Forwarders ask for timetables of most routes before they bid.",
        (6, 12),
        &[
            constant("bidders", 3.0, 6.0),
            constant("coverage", 0.5, 0.9),
            constant("hours", 8.0, 36.0),
        ],
        tender_season,
    ),
    scenario(
        "viral_product",
        &["object_interest_spike"],
        "Buyers of one seller look many times as often.",
        (0, 23),
        &[
            constant("looks", 400.0, 1_500.0),
            constant("hours", 6.0, 60.0),
        ],
        viral_product,
    ),
    scenario(
        "delayed_freighter",
        &["object_interest_spike", "impossible_transit"],
        "A flight is late, and those who wait for its parcels look for them.",
        (0, 23),
        &[
            constant("looks", 400.0, 1_200.0),
            constant("hours", 6.0, 24.0),
        ],
        delayed_freighter,
    ),
    scenario(
        "sample_sender",
        &["test_parcel_dry_run", "peer_group_outlier"],
        "An honest start-up sends samples over a few routes.",
        (1, 9),
        &[constant("parcels", 8.0, 25.0), constant("days", 2.0, 5.0)],
        sample_sender,
    ),
    scenario(
        "support_reroutes",
        &["query_before_diversion", "out_of_relation_reads"],
        "The help desk changes deliveries that it was called about; a few tickets come late.",
        (6, 9),
        &[
            constant("reroutes", 15.0, 35.0),
            constant("hours", 8.0, 12.0),
        ],
        support_reroutes,
    ),
    scenario(
        "flash_sale",
        &["seller_volume_surge", "declaration_mix_shift"],
        "A seller sells for half the price, and three times as much.",
        (1, 20),
        &[
            constant("times", 2.5, 4.0),
            constant("factor", 0.45, 0.6),
            constant("hours", 12.0, 24.0),
        ],
        flash_sale,
    ),
    scenario(
        "country_launch",
        &["seller_route_edge_burst", "route_volume_shift"],
        "Sellers begin to ship to a new country.",
        (0, 12),
        &[
            constant("sellers", 25.0, 60.0),
            constant("parcels", 2.0, 5.0),
            constant("hours", 36.0, 48.0),
        ],
        country_launch,
    ),
    scenario(
        "wrong_clock",
        &["impossible_transit", "scheduled_poll_beacon"],
        "The scanners of a carrier are an hour or two off.",
        (0, 23),
        &[constant("hours", 3.0, 30.0)],
        wrong_clock,
    ),
    scenario(
        "scanner_outage",
        &["impossible_transit"],
        "A scanner is down, and parcels of a route leave without a scan.",
        (19, 22),
        &[constant("hours", 2.0, 4.0)],
        scanner_outage,
    ),
    scenario(
        "give_away",
        &["phantom_parcel_ratio"],
        "A large seller adds light samples to its parcels, and not everybody waits for them.",
        (0, 20),
        &[
            constant("parcels", 60.0, 150.0),
            constant("unwanted", 0.15, 0.3),
            constant("days", 1.0, 3.0),
        ],
        give_away,
    ),
];

fn simple(
    cast: &Casting<'_>,
    acts: Vec<Act>,
    keys: Vec<EntityMembers>,
    what: &str,
) -> Option<Script> {
    let story = format!("{what}, for {}.", cast.length());
    cast.script(acts, keys, story)
}

fn month_end_export(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier], 0.3, 0.95)?;
    let when = When::every(Span::DAY, 0.01, 1.0, cast.start);
    let mut reads = Reads::new(vec![actor], when, Choice::Many);
    reads.action = Action::Export;
    reads.records = cast.value("records");
    let role = cast.population.actors[actor as usize].role;
    reads.relation = Some(role.profile().relation);
    let what = format!(
        "The {} exports {:.0} records each night",
        cast.whom(actor),
        reads.records
    );
    simple(cast, vec![Act::Reads(reads)], cast.actor_keys(actor), &what)
}

fn full_export(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Platform], 0.0, 1.0)?;
    let mut export = Reads::new(vec![actor], cast.spread(3.0, Curve::Even), Choice::Many);
    export.action = Action::Export;
    export.records = cast.value("records") / 3.0;
    export.relation = Some(Relation::Granted);
    let mut acts = vec![Act::Reads(export)];
    let decoys = cast.settings.decoys;
    if decoys > 0 {
        let when = cast.spread((decoys as f64 / 10.0).max(1.0), Curve::Even);
        let mut touches = Reads::new(vec![actor], when, Choice::Decoys { decoys, next: 0 });
        touches.relation = Some(Relation::Granted);
        acts.push(Act::Reads(touches));
    }
    let what = format!("The {} reads everything, decoys too", cast.whom(actor));
    simple(cast, acts, cast.actor_keys(actor), &what)
}

fn customs_risk_run(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Customs], 0.0, 1.0)?;
    let all = cast.sellers(0.0, 1.0);
    let sellers = cast.some(all, cast.scaled("sellers") as usize);
    let when = cast.spread(sellers.len() as f64, Curve::Even);
    let mut reads = Reads::new(vec![actor], when, Choice::Sellers { sellers, next: 0 });
    reads.relation = Some(Relation::Granted);
    let what = format!("The {} looks at parcels of most sellers", cast.whom(actor));
    simple(cast, vec![Act::Reads(reads)], cast.actor_keys(actor), &what)
}

fn route_takeover(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Carrier], 0.2, 0.9)?;
    let when = cast.spread(cast.value("reads"), Curve::Like(Rhythm::Desk));
    let mut reads = Reads::new(vec![actor], when, Choice::Anybody);
    reads.relation = Some(Relation::Party);
    reads.revisits = 0.4;
    let what = format!("The {} takes over a competitor's parcels", cast.whom(actor));
    simple(cast, vec![Act::Reads(reads)], cast.actor_keys(actor), &what)
}

fn click_through(cast: &mut Casting<'_>) -> Option<Script> {
    let when = cast.spread(cast.scaled("looks"), Curve::Even);
    let reads = Reads::new(Vec::new(), when, Choice::Anybody);
    let keys = vec![key(&[("role", "buyer")])];
    simple(
        cast,
        vec![Act::Reads(reads)],
        keys,
        "Customers click on a message, once each",
    )
}

fn own_batch_listing(cast: &mut Casting<'_>) -> Option<Script> {
    // Of a seller that has labels to go through.
    let large: BTreeSet<u32> = cast.sellers(0.8, 1.0).into_iter().collect();
    let suits = |cast: &Casting<'_>, actor: u32| {
        large.contains(&cast.population.actors[actor as usize].principal)
    };
    let actor = (0..20).find_map(|_| {
        let actor = cast.actor(&[Role::Seller], 0.0, 1.0)?;
        suits(cast, actor).then_some(actor)
    })?;
    let principal = cast.population.actors[actor as usize].principal;
    let when = cast.spread(cast.value("requests"), Curve::Even);
    let walk = Choice::Walk(Walk::new(vec![principal], 1));
    let reads = Reads::new(vec![actor], when, walk);
    let what = format!("The {} goes through its own labels", cast.whom(actor));
    simple(cast, vec![Act::Reads(reads)], cast.actor_keys(actor), &what)
}

fn late_master_data(cast: &mut Casting<'_>) -> Option<Script> {
    let role = [Role::Carrier, Role::Broker][cast.number % 2];
    let actors: Vec<u32> = (0..cast.count("accounts"))
        .filter_map(|_| cast.actor(&[role], 0.0, 1.0))
        .collect();
    let keys = actors
        .iter()
        .flat_map(|actor| cast.actor_keys(*actor))
        .collect();
    let act = Act::Exposure(Exposure {
        actors,
        share: cast.value("share"),
        fields: Fields::USUAL,
        relation: Some(Relation::None),
    });
    simple(cast, vec![act], keys, "Who is party to what is known late")
}

fn app_release(cast: &mut Casting<'_>) -> Option<Script> {
    let usual = &cast.population.actors[..cast.population.usual_actors];
    let sellers: Vec<&str> = (usual.iter())
        .filter(|actor| actor.role == Role::Seller)
        .map(|actor| actor.client.as_str())
        .collect();
    let chosen = index_below(cast.random.next_u64(), sellers.len());
    let client = (*sellers.get(chosen)?).to_owned();
    let actors: Vec<u32> = (usual.iter().enumerate())
        .filter(|(_, actor)| actor.client == client)
        .map(|(n, _)| n as u32)
        .collect();
    let mut keys = vec![key(&[("client", &client)])];
    keys.extend(
        actors
            .iter()
            .map(|actor| key(&[("actor", &cast.name(*actor))])),
    );
    let act = Act::Exposure(Exposure {
        actors,
        share: cast.value("share"),
        fields: Fields::TRACKING
            .and(Fields::PRODUCT)
            .and(Fields::VALUE)
            .and(Fields::CONSIGNEE),
        relation: None,
    });
    let what = format!("Client {client} asks for the consignee, too");
    simple(cast, vec![act], keys, &what)
}

fn region_migration(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.sharing_actor()?;
    let country = ["SE", "CH", "AT"][cast.number % 3];
    let own: Vec<usize> = (0..cast.population.usual_edges)
        .filter(|edge| cast.population.edges[*edge].actor == actor)
        .collect();
    let org = cast.population.actors[actor as usize].org as usize;
    let org = cast.population.orgs[org].clone();
    let mut keys = vec![key(&[("org", &org), ("recipient_country", country)])];
    let mut edges = Vec::new();
    for from in own {
        let to = cast.add_edge(actor, country);
        let recipient = format!("{}-{country}", cast.population.edges[from].recipient);
        keys.push(key(&[("org", &org), ("recipient", &recipient)]));
        cast.population.edges[to as usize].recipient = recipient;
        edges.push((from as u32, to));
    }
    let what = format!("What {org} shares goes to {country}");
    simple(
        cast,
        vec![Act::Redirection(Redirection { edges })],
        keys,
        &what,
    )
}

/// A machine's new account, and its keys.
fn new_machine(cast: &mut Casting<'_>, client: &str) -> (u32, Vec<EntityMembers>) {
    let network = cast.new_network();
    let mut keys = vec![key(&[("network", &network)])];
    let account = cast.new_account(Role::Aggregator, network, client.to_owned(), "BE");
    keys.extend(cast.actor_keys(account));
    (account, keys)
}

fn registered_sync(cast: &mut Casting<'_>) -> Option<Script> {
    let client = format!("erp-sync/1.{} (x{})", cast.number % 5, cast.number);
    let (account, keys) = new_machine(cast, &client);
    cast.population.registered.push(account);
    let when = When::every(Span::HOUR, 0.01, cast.value("reads"), cast.start);
    let mut reads = Reads::new(vec![account], when, Choice::Anybody);
    reads.relation = Some(Relation::Granted);
    reads.revisits = 0.9;
    simple(
        cast,
        vec![Act::Reads(reads)],
        keys,
        "A registered integration pulls every hour",
    )
}

fn new_aggregator(cast: &mut Casting<'_>) -> Option<Script> {
    let client = format!("tracking-sync/2.0 (x{})", cast.number);
    let (account, keys) = new_machine(cast, &client);
    cast.population.registered.push(account);
    let total = cast.scaled("reads") * cast.days();
    let mut reads = Reads::new(
        vec![account],
        cast.spread(total, Curve::Even),
        Choice::Anybody,
    );
    reads.relation = Some(Relation::Granted);
    reads.revisits = 0.95;
    simple(
        cast,
        vec![Act::Reads(reads)],
        keys,
        "A new aggregator reads as others do",
    )
}

fn prefetching_client(cast: &mut Casting<'_>) -> Option<Script> {
    let usual = cast.population.usual_actors as u32;
    let candidates: Vec<u32> = (0..usual)
        .filter(|n| cast.population.actors[*n as usize].client == "portal/8.2")
        .collect();
    let actors = cast.some(candidates, 40);
    let keys: Vec<EntityMembers> = (actors.iter())
        .map(|actor| key(&[("actor", &cast.name(*actor))]))
        .chain([key(&[("client", "portal/8.2")])])
        .collect();
    let total = 10.0 * cast.value("lists");
    let when = cast.spread(total, Curve::Like(Rhythm::OfficeAsia));
    let mut reads = Reads::new(actors, when, Choice::Pages { next: 0, depth: 10 });
    reads.action = Action::List;
    reads.records = 12.0;
    reads.relation = Some(Relation::Own);
    simple(
        cast,
        vec![Act::Reads(reads)],
        keys,
        "Client portal/8.2 fetches ten pages at once",
    )
}

fn call_centre_rota(cast: &mut Casting<'_>) -> Option<Script> {
    let usual = &cast.population.actors[..cast.population.usual_actors];
    let desk: Vec<u32> = (usual.iter().enumerate())
        .filter(|(_, actor)| actor.role == Role::Support && actor.stay == Stay::ALWAYS)
        .map(|(n, _)| n as u32)
        .collect();
    let first = *desk.first()?;
    let network = cast.population.actors[first as usize].network.clone();
    let rates = desk
        .iter()
        .map(|n| cast.population.actors[*n as usize].reads_per_day);
    let hourly: f64 = rates.sum::<f64>() / 12.0;
    let total = (cast.value("times") - 1.0) * hourly * 24.0 * cast.days();
    let mut keys = vec![key(&[("network", &network)]), key(&[("role", "support")])];
    for actor in &desk {
        keys.push(key(&[("actor", &cast.name(*actor))]));
        let org = cast.population.actors[*actor as usize].org as usize;
        keys.push(key(&[("org", &cast.population.orgs[org])]));
    }
    let mut reads = Reads::new(desk, cast.spread(total, Curve::Even), Choice::Anybody);
    reads.relation = Some(Relation::Granted);
    simple(
        cast,
        vec![Act::Reads(reads)],
        keys,
        "The help desk answers a backlog",
    )
}

fn early_labels(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.9, 1.0)?;
    let name = cast.population.sellers[seller as usize].name.clone();
    let act = Act::LateLabels(LateLabels {
        seller,
        share: cast.value("share"),
    });
    let keys = vec![key(&[("seller", &name)]), key(&[("role", "buyer")])];
    let what = format!("Labels of seller {name} are uploaded late");
    simple(cast, vec![act], keys, &what)
}

fn penetration_test(cast: &mut Casting<'_>) -> Option<Script> {
    let network = cast.new_network();
    let client = format!("pentest/1.0 (x{})", cast.number);
    let account = cast.new_account(Role::Platform, network.clone(), client.clone(), "BE");
    let count = cast.count("paths");
    let paths = cast.new_paths(count);
    let tries = Reads::new(
        vec![account],
        cast.spread(count as f64, Curve::Like(Rhythm::OfficeEurope)),
        Choice::Paths {
            paths,
            next: 0,
            errors: 0.8,
        },
    );
    let guesses = Reads::new(
        vec![account],
        cast.spread(120.0, Curve::Like(Rhythm::OfficeEurope)),
        Choice::Guess { success: 0.1 },
    );
    let mut keys = vec![key(&[("network", &network)]), key(&[("client", &client)])];
    keys.extend(cast.actor_keys(account));
    let acts = vec![Act::Reads(tries), Act::Reads(guesses)];
    simple(cast, acts, keys, "A penetration test tries what there is")
}

fn tender_season(cast: &mut Casting<'_>) -> Option<Script> {
    let bidders: Vec<u32> = (0..cast.count("bidders"))
        .filter_map(|_| cast.actor(&[Role::Carrier], 0.0, 1.0))
        .collect();
    let all = cast.population.routes.len();
    let wanted = (cast.value("coverage") * all as f64) as usize;
    let (mut acts, mut keys) = (Vec::new(), Vec::new());
    for bidder in bidders {
        let routes = cast.some((0..all as u32).collect(), wanted);
        let when = cast.spread(routes.len() as f64, Curve::Like(Rhythm::Desk));
        let mut reads = Reads::new(vec![bidder], when, Choice::Lanes { routes, next: 0 });
        reads.action = Action::Search;
        acts.push(Act::Reads(reads));
        keys.extend(cast.actor_keys(bidder));
    }
    simple(
        cast,
        acts,
        keys,
        "Forwarders ask for timetables before they bid",
    )
}

fn viral_product(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.85, 0.98)?;
    let name = cast.population.sellers[seller as usize].name.clone();
    let when = cast.spread(cast.value("looks"), Curve::Like(Rhythm::Home));
    let reads = Reads::new(Vec::new(), when, Choice::Seller(seller));
    let keys = vec![key(&[("seller", &name)])];
    let what = format!("Buyers of seller {name} look many times as often");
    simple(cast, vec![Act::Reads(reads)], keys, &what)
}

fn delayed_freighter(cast: &mut Casting<'_>) -> Option<Script> {
    let route = cast.route(0.8, 0.98)?;
    let name = cast.population.routes[route as usize].name.clone();
    let when = cast.spread(cast.value("looks"), Curve::Like(Rhythm::Home));
    let reads = Reads::new(Vec::new(), when, Choice::Route(route));
    let keys = vec![key(&[("route", &name)])];
    let what = format!("Those who wait for parcels on route {name} look for them");
    simple(cast, vec![Act::Reads(reads)], keys, &what)
}

fn sample_sender(cast: &mut Casting<'_>) -> Option<Script> {
    let model: Vec<usize> = (0..4)
        .map(|_| index_below(cast.random.next_u64(), cast.population.lanes.len()))
        .filter(|lane| *lane < cast.population.lanes.len())
        .collect();
    let name = format!("seller-x{}-s", cast.number);
    let stay = Stay {
        from: cast.start,
        until: cast.start,
        ramp: Span::ZERO,
    };
    let seller = cast
        .population
        .add_seller(name.clone(), 0.0, &model, [1, 2], stay);
    let (network, client) = (cast.new_network(), String::from("portal/8.2"));
    let account = cast.new_account(Role::Seller, network, client, "CN");
    cast.population.actors[account as usize].principal = seller;
    let lanes = cast.lanes(|lane| lane.seller == seller);
    let parcels = cast.value("parcels");
    let acts = vec![
        Act::Parcels(Parcels {
            urn: lanes.iter().map(|_| 1.0).collect(),
            lanes,
            when: cast.spread(parcels, Curve::Even),
            goods: Goods {
                weight_grams: Some(80.0..600.0),
                value_eur: Some(4.0..30.0),
                unwanted: 0.1,
            },
        }),
        Act::Reads(Reads::new(
            vec![account],
            cast.spread(3.0 * parcels, Curve::Like(Rhythm::OfficeAsia)),
            Choice::Own,
        )),
    ];
    let mut keys = vec![key(&[("seller", &name)])];
    keys.extend(cast.actor_keys(account));
    let what = format!("Start-up {name} sends {parcels:.0} samples");
    simple(cast, acts, keys, &what)
}

fn support_reroutes(cast: &mut Casting<'_>) -> Option<Script> {
    let agents: Vec<u32> = (0..6)
        .filter_map(|_| cast.actor(&[Role::Support], 0.0, 1.0))
        .collect();
    let keys = agents
        .iter()
        .map(|n| key(&[("actor", &cast.name(*n))]))
        .collect();
    let act = Act::Diversions(Diversions {
        insider: None,
        relation: Relation::Granted,
        unrelated: 0.03,
        when: cast.spread(cast.value("reroutes"), Curve::Even),
        lead_hours: 0.03..0.3,
        agents,
    });
    simple(
        cast,
        vec![act],
        keys,
        "The help desk changes deliveries it was called about",
    )
}

fn flash_sale(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.85, 0.98)?;
    let name = cast.population.sellers[seller as usize].name.clone();
    let lanes = cast.lanes(|lane| lane.seller == seller);
    let urn: Urn = lanes.iter().map(|lane| cast.lane_size(lane)).collect();
    let extra = (cast.value("times") - 1.0) * urn.total() * cast.days();
    let factor = cast.value("factor");
    let acts = vec![
        Act::Parcels(Parcels {
            lanes,
            urn,
            when: cast.spread(extra, Curve::Like(Rhythm::Banks)),
            goods: Goods {
                value_eur: Some(6.5 * factor * 0.5..6.5 * factor * 2.0),
                ..Goods::default()
            },
        }),
        Act::Meddling(Meddling {
            whose: Whose::Seller(seller),
            share: 1.0,
            how: How::Revalue(factor),
        }),
    ];
    let what = format!("Seller {name} sells for half the price");
    simple(cast, acts, vec![key(&[("seller", &name)])], &what)
}

fn country_launch(cast: &mut Casting<'_>) -> Option<Script> {
    let route = cast.route(0.2, 0.7)?;
    let name = cast.population.routes[route as usize].name.clone();
    let all = cast.sellers(0.3, 1.0);
    let sellers = cast.some(all, cast.count("sellers"));
    let mut keys = vec![key(&[("route", &name)])];
    let mut lanes = Vec::new();
    for seller in &sellers {
        let share = 0.0;
        lanes.push(Lane {
            seller: *seller,
            route,
            share,
        });
        keys.push(key(&[(
            "seller",
            &cast.population.sellers[*seller as usize].name,
        )]));
    }
    let act = Act::Parcels(Parcels {
        urn: lanes.iter().map(|_| 1.0).collect(),
        when: cast.spread(
            cast.value("parcels") * lanes.len() as f64,
            Curve::Like(Rhythm::Banks),
        ),
        lanes,
        goods: Goods::default(),
    });
    let what = format!("{} sellers begin to ship on route {name}", sellers.len());
    simple(cast, vec![act], keys, &what)
}

fn wrong_clock(cast: &mut Casting<'_>) -> Option<Script> {
    let carriers = cast.population.carriers.len();
    let carrier = index_below(cast.random.next_u64(), carriers) as u32;
    let hours = [1, -1, 2, -2, 8, -8][cast.number % 6];
    let name = cast.population.carriers[carrier as usize].clone();
    let act = Act::WrongClock(WrongClock {
        carrier,
        skew: Span::hours(hours),
    });
    let what = format!("Scanners of {name} are {hours} h off");
    simple(cast, vec![act], vec![key(&[("carrier", &name)])], &what)
}

fn scanner_outage(cast: &mut Casting<'_>) -> Option<Script> {
    let route = cast.route(0.85, 0.99)?;
    let name = cast.population.routes[route as usize].name.clone();
    let act = Act::Meddling(Meddling {
        whose: Whose::Route(route),
        share: 0.9,
        how: How::Skip(Step::Departing),
    });
    let what = format!("Parcels on route {name} leave without a scan");
    simple(cast, vec![act], vec![key(&[("route", &name)])], &what)
}

fn give_away(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.9, 1.0)?;
    let name = cast.population.sellers[seller as usize].name.clone();
    let lanes = cast.lanes(|lane| lane.seller == seller);
    let act = Act::Parcels(Parcels {
        urn: lanes.iter().map(|lane| lane.share).collect(),
        lanes,
        when: cast.spread(cast.value("parcels"), Curve::Like(Rhythm::Banks)),
        goods: Goods {
            weight_grams: Some(40.0..150.0),
            value_eur: Some(1.0..4.0),
            unwanted: cast.value("unwanted"),
        },
    });
    let what = format!("Seller {name} gives samples away");
    simple(cast, vec![act], vec![key(&[("seller", &name)])], &what)
}
