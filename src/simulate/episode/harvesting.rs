//! Harvesting: somebody copies the trade.

use super::casting::{Casting, key};
use super::reads::{Choice, Reads, Walk};
use super::scenario::{Family, Scenario, constant, parameter};
use super::script::{Act, Exposure, Script, Shares};
use super::when::{Curve, When};
use crate::domain::{Action, AlertClass, Relation, Span};
use crate::simulate::draft::Fields;
use crate::simulate::geography::RECIPIENT_COUNTRIES;
use crate::simulate::random::between;
use crate::simulate::role::Role;
use std::collections::BTreeSet;

/// Hours a day that a person works: a day's reads over these are a working hour's.
pub(super) const WORKING_HOURS: f64 = 9.0;
/// Fewest reads that a surge takes a working hour to have.
const SURGE_BASE_MIN: f64 = 3.0;
const EXPORT_RECORDS: f64 = 5_000.0;

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
        family: Family::Harvesting,
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
        "actor_volume_surge",
        &["actor_volume_surge"],
        "An account reads many times what it usually reads in a working hour.",
        (2, 14),
        &[
            parameter("times", [(5.0, 8.0), (10.0, 15.0), (20.0, 40.0)]),
            parameter("hours", [(2.0, 4.0), (1.5, 5.0), (1.0, 6.0)]),
        ],
        actor_volume_surge,
    ),
    scenario(
        "bulk_export",
        &["actor_bulk_export", "actor_volume_surge"],
        "An account exports far more records than ever.",
        (2, 14),
        &[
            parameter("records", [(2e3, 5e3), (7e3, 2e4), (4e4, 4e5)]),
            constant("hours", 0.2, 1.0),
        ],
        bulk_export,
    ),
    scenario(
        "actor_fanout_spread",
        &["actor_fanout_spread"],
        "A carrier's account touches many sellers, once or twice each.",
        (4, 18),
        &[
            parameter("sellers", [(45.0, 70.0), (90.0, 150.0), (220.0, 380.0)]),
            parameter("hours", [(3.0, 8.0), (1.0, 6.0), (0.5, 2.0)]),
        ],
        actor_fanout_spread,
    ),
    scenario(
        "one_touch_sweep",
        &["one_touch_sweep", "actor_volume_surge"],
        "An account reads many parcels, hardly any of them twice.",
        (1, 20),
        &[
            parameter(
                "records",
                [(120.0, 200.0), (300.0, 600.0), (900.0, 2_000.0)],
            ),
            parameter("revisits", [(0.15, 0.25), (0.03, 0.1), (0.0, 0.01)]),
            parameter("hours", [(8.0, 16.0), (4.0, 10.0), (1.0, 4.0)]),
        ],
        one_touch_sweep,
    ),
    scenario(
        "id_space_walk",
        &["id_space_walk"],
        "Requests run through consecutive numbers of other sellers' labels.",
        (0, 23),
        &[
            parameter("requests", [(30.0, 45.0), (70.0, 150.0), (300.0, 1_000.0)]),
            parameter("stride", [(4.0, 8.0), (2.0, 4.0), (1.0, 1.4)]),
            parameter("known_good", [(0.2, 0.35), (0.0, 0.1), (0.0, 0.01)]),
            parameter("hours", [(2.0, 8.0), (1.0, 3.0), (0.3, 1.0)]),
        ],
        id_space_walk,
    ),
    scenario(
        "out_of_relation_reads",
        &["out_of_relation_reads"],
        "An account reads parcels it has no part in: bribed staff, or broken authorisation.",
        (2, 14),
        &[
            parameter("reads", [(35.0, 60.0), (70.0, 130.0), (250.0, 700.0)]),
            parameter("hours", [(60.0, 120.0), (20.0, 60.0), (1.0, 4.0)]),
        ],
        out_of_relation_reads,
    ),
    scenario(
        "sensitive_field_drift",
        &["sensitive_field_drift"],
        "As many reads as ever, but they ask for values, goods and consignees now.",
        (0, 23),
        &[
            parameter("share", [(0.2, 0.35), (0.45, 0.7), (0.85, 1.0)]),
            parameter("days", [(3.0, 5.0), (2.0, 4.0), (1.0, 2.0)]),
        ],
        sensitive_field_drift,
    ),
    scenario(
        "third_party_egress",
        &["third_party_egress"],
        "Records go to recipients that never had any.",
        (0, 23),
        &[
            parameter("records", [(300.0, 900.0), (3e3, 1e4), (2e4, 1e5)]),
            parameter("recipients", [(1.0, 1.2), (1.0, 2.4), (2.0, 4.0)]),
            parameter("hours", [(12.0, 48.0), (6.0, 24.0), (1.0, 6.0)]),
        ],
        third_party_egress,
    ),
    scenario(
        "egress_growth",
        &["third_party_egress"],
        "A known recipient gets many times as much as before.",
        (0, 23),
        &[
            parameter("times", [(2.0, 3.0), (4.0, 6.0), (8.0, 16.0)]),
            parameter("hours", [(24.0, 72.0), (12.0, 48.0), (6.0, 24.0)]),
        ],
        egress_growth,
    ),
    scenario(
        "scheduled_poll_beacon",
        &["scheduled_poll_beacon"],
        "An unregistered client pulls at regular intervals, day and night.",
        (0, 23),
        &[
            parameter("minutes", [(45.0, 60.0), (15.0, 30.0), (5.0, 10.0)]),
            parameter("jitter", [(0.05, 0.12), (0.02, 0.06), (0.0, 0.01)]),
            parameter("reads", [(3.0, 5.0), (5.0, 9.0), (15.0, 30.0)]),
            parameter("days", [(2.0, 3.0), (1.5, 2.5), (1.0, 2.0)]),
        ],
        scheduled_poll_beacon,
    ),
    scenario(
        "bulk_enumeration_paging",
        &["bulk_enumeration_paging"],
        "Somebody pages through everything to the last page.",
        (1, 20),
        &[
            parameter("pages", [(25.0, 45.0), (80.0, 200.0), (400.0, 2_000.0)]),
            parameter("hours", [(2.0, 8.0), (1.0, 6.0), (0.5, 4.0)]),
        ],
        bulk_enumeration_paging,
    ),
    scenario(
        "filter_lattice",
        &["bulk_enumeration_paging", "lane_recon_sweep"],
        "Somebody asks for lists filter by filter, so that no list is long.",
        (1, 20),
        &[
            parameter("requests", [(35.0, 60.0), (90.0, 180.0), (300.0, 900.0)]),
            parameter("hours", [(4.0, 12.0), (2.0, 8.0), (1.0, 4.0)]),
        ],
        filter_lattice,
    ),
    scenario(
        "coordinated_partition_harvest",
        &["coordinated_partition_harvest"],
        "Many quiet accounts from one network share the work.",
        (0, 23),
        &[
            parameter("accounts", [(10.0, 16.0), (22.0, 40.0), (60.0, 120.0)]),
            parameter("reads_each", [(15.0, 25.0), (20.0, 40.0), (30.0, 60.0)]),
            parameter("clients", [(9.0, 12.0), (3.0, 5.0), (1.0, 1.2)]),
            parameter("hours", [(24.0, 48.0), (12.0, 30.0), (8.0, 24.0)]),
        ],
        coordinated_partition_harvest,
    ),
    scenario(
        "peer_group_outlier",
        &["peer_group_outlier"],
        "A stolen key is used from elsewhere, and looks at far more than its role does.",
        (0, 23),
        &[
            parameter("times", [(3.0, 4.5), (5.0, 8.0), (10.0, 18.0)]),
            parameter("hours", [(5.0, 10.0), (3.0, 8.0), (2.0, 6.0)]),
        ],
        peer_group_outlier,
    ),
    scenario(
        "decoy_record_touched",
        &["decoy_record_touched"],
        "An account touches invented shipments that no honest process needs.",
        (0, 23),
        &[
            parameter("touches", [(1.0, 1.4), (3.0, 6.0), (10.0, 30.0)]),
            constant("hours", 0.5, 3.0),
        ],
        decoy_record_touched,
    ),
];

fn actor_volume_surge(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier], 0.4, 0.9)?;
    let usual = cast.population.actors[actor as usize].reads_per_day;
    let hourly = (usual / WORKING_HOURS).max(SURGE_BASE_MIN);
    let times = cast.value("times");
    let total = times * hourly * 24.0 * cast.days();
    let when = cast.spread(total, Curve::Even);
    let act = Act::Reads(Reads::new(vec![actor], when, Choice::Own));
    let story = format!(
        "The {}, which reads {usual:.0} times on a usual day, reads {times:.0} times a working hour's worth for {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![act], cast.actor_keys(actor), story)
}

fn bulk_export(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier], 0.4, 0.9)?;
    let records = cast.value("records");
    let exports = (records / EXPORT_RECORDS).ceil().max(1.0);
    let mut reads = Reads::new(vec![actor], cast.spread(exports, Curve::Even), Choice::Many);
    reads.action = Action::Export;
    reads.records = records / exports;
    let role = cast.population.actors[actor as usize].role;
    reads.relation = Some(role.profile().relation);
    let story = format!(
        "The {} exports {records:.0} records in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn actor_fanout_spread(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Carrier], 0.3, 0.9)?;
    let wanted = cast.scaled("sellers");
    let all = cast.sellers(0.0, 1.0);
    let sellers = cast.some(all, wanted as usize);
    let count = sellers.len();
    let when = cast.spread(1.5 * count as f64, Curve::Even);
    let choice = Choice::Sellers { sellers, next: 0 };
    let act = Act::Reads(Reads::new(vec![actor], when, choice));
    let story = format!(
        "The {} touches {count} sellers once or twice each in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![act], cast.actor_keys(actor), story)
}

fn one_touch_sweep(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Support], 0.5, 0.95)?;
    let records = cast.scaled("records");
    let when = cast.spread(records, Curve::Even);
    let mut reads = Reads::new(vec![actor], when, Choice::Once(BTreeSet::new()));
    reads.revisits = cast.value("revisits");
    let story = format!(
        "The {} reads {records:.0} parcels in {}, hardly any of them twice.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn id_space_walk(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Carrier, Role::Support, Role::Seller], 0.3, 0.95)?;
    let large = cast.sellers(0.85, 1.0);
    let sellers = cast.some(large, 12);
    let requests = cast.value("requests");
    let walk = Walk::new(sellers, cast.value("stride").round() as u64);
    let mut reads = Reads::new(
        vec![actor],
        cast.spread(requests, Curve::Even),
        Choice::Walk(walk),
    );
    reads.known_good = cast.value("known_good");
    let story = format!(
        "The {} asks for {requests:.0} references, most next to the last one, in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn out_of_relation_reads(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Support, Role::Seller, Role::Broker], 0.2, 0.9)?;
    let route = busy_route(cast);
    let reads_in_all = cast.value("reads");
    let rhythm = cast.population.actors[actor as usize].role.profile().rhythm;
    let when = cast.spread(reads_in_all, Curve::Like(rhythm));
    let mut reads = Reads::new(vec![actor], when, Choice::Route(route));
    reads.relation = Some(Relation::None);
    let story = format!(
        "The {} reads {reads_in_all:.0} parcels of route {} that it has no part in, in {}.",
        cast.whom(actor),
        cast.population.routes[route as usize].name,
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

/// A route on which there is always something.
fn busy_route(cast: &mut Casting<'_>) -> u32 {
    let routes = &cast.population.routes;
    let mut sized: Vec<u32> = (0..routes.len() as u32).collect();
    sized.sort_by(|a, b| {
        let size = |n: &u32| routes[*n as usize].parcels_per_day;
        size(b).total_cmp(&size(a)).then(a.cmp(b))
    });
    sized.truncate(8);
    cast.some(sized, 1).first().copied().unwrap_or(0)
}

fn sensitive_field_drift(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Aggregator, Role::Carrier], 0.3, 1.0)?;
    let share = cast.value("share");
    let exposure = Exposure {
        actors: vec![actor],
        share,
        fields: Fields::TRACKING
            .and(Fields::PRODUCT)
            .and(Fields::VALUE)
            .and(Fields::CONSIGNEE),
    };
    let mut keys = cast.actor_keys(actor);
    let account = &cast.population.actors[actor as usize];
    if account.role.is_machine() {
        keys.push(key(&[("client", &account.client)]));
    }
    let story = format!(
        "In {:.0} % of its accesses the {} asks for goods, value and consignee, for {}.",
        100.0 * share,
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Exposure(exposure)], keys, story)
}

fn third_party_egress(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.sharing_actor()?;
    let records = cast.value("records");
    let recipients = cast.count("recipients");
    // Who is careful goes through a country that is nothing new.
    let is_careful = records < 1_000.0;
    let edges: Vec<u32> = (0..recipients)
        .map(|n| {
            if is_careful {
                let countries = RECIPIENT_COUNTRIES.len();
                cast.add_edge(actor, RECIPIENT_COUNTRIES[(cast.number + n) % countries])
            } else {
                cast.new_edge(actor)
            }
        })
        .collect();
    let shares = (24.0 * cast.days() * 4.0).clamp(3.0, 60.0);
    let mut keys = Vec::new();
    let org = cast.population.actors[actor as usize].org as usize;
    let org = cast.population.orgs[org].clone();
    for edge in &edges {
        let edge = &cast.population.edges[*edge as usize];
        keys.push(key(&[("org", &org), ("recipient", &edge.recipient)]));
        keys.push(key(&[("recipient", &edge.recipient)]));
        if !is_careful {
            let country = edge.recipient_country;
            keys.push(key(&[("org", &org), ("recipient_country", country)]));
        }
    }
    keys.push(key(&[("actor", &cast.name(actor))]));
    let story = format!(
        "Organisation {org} shares {records:.0} records with {recipients} recipients that never had any, in {}.",
        cast.length()
    );
    let act = Act::Shares(Shares {
        edges,
        when: cast.spread(shares, Curve::Even),
        records: records / shares,
    });
    cast.script(vec![act], keys, story)
}

fn egress_growth(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.sharing_actor()?;
    let edges = cast
        .population
        .edges
        .iter()
        .take(cast.population.usual_edges);
    let edge = edges.enumerate().find(|(_, edge)| edge.actor == actor)?.0;
    let times = cast.value("times");
    let records = cast.population.edges[edge].records;
    let extra = (times - 1.0) * cast.settings.shares_per_edge_hour * 24.0 * cast.days();
    let org = cast.population.actors[actor as usize].org as usize;
    let org = cast.population.orgs[org].clone();
    let recipient = cast.population.edges[edge].recipient.clone();
    let country = cast.population.edges[edge].recipient_country;
    let act = Act::Shares(Shares {
        edges: vec![edge as u32],
        // A quarter more shares, and they are larger.
        when: cast.spread((extra / 4.0).max(4.0), Curve::Even),
        records: 4.0 * 1.2 * records,
    });
    let keys = vec![
        key(&[("org", &org), ("recipient", &recipient)]),
        key(&[("org", &org), ("recipient_country", country)]),
        key(&[("actor", &cast.name(actor))]),
    ];
    let story = format!(
        "Organisation {org} shares {times:.1} times as much with {recipient} as before, for {}.",
        cast.length()
    );
    cast.script(vec![act], keys, story)
}

/// An account that is used by a script from elsewhere.
pub(super) fn scripted_alias(cast: &mut Casting<'_>, actor: u32, client: &str) -> u32 {
    let network = cast.new_network();
    let country = cast.country();
    cast.population
        .add_alias(actor, network, country, client.to_owned())
}

fn scheduled_poll_beacon(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier], 0.3, 0.8)?;
    let alias = scripted_alias(cast, actor, "python-requests/2.32");
    let minutes = cast.value("minutes").round();
    let pull = cast.count("reads");
    let period = Span((minutes * Span::MINUTE.0 as f64) as i64);
    let when = When::every(period, cast.value("jitter"), pull as f64, cast.start);
    let reads = Reads::new(vec![alias], when, Choice::Once(BTreeSet::new()));
    let story = format!(
        "The {} pulls {pull} parcels every {minutes:.0} min, day and night, for {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn bulk_enumeration_paging(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Carrier, Role::Broker, Role::Support], 0.2, 0.9)?;
    let pages = cast.value("pages");
    let choice = Choice::Pages {
        next: 0,
        depth: pages.ceil() as u32,
    };
    let mut reads = Reads::new(vec![actor], cast.spread(pages, Curve::Even), choice);
    reads.action = Action::List;
    reads.records = 45.0;
    let story = format!(
        "The {} turns {pages:.0} pages of a list of everything in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn filter_lattice(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Carrier, Role::Broker, Role::Support], 0.2, 0.9)?;
    let all = (0..cast.population.routes.len() as u32).collect();
    let routes = cast.some(all, usize::MAX);
    let requests = cast.value("requests");
    let choice = Choice::Filters { routes, next: 0 };
    let mut reads = Reads::new(vec![actor], cast.spread(requests, Curve::Even), choice);
    reads.action = Action::List;
    reads.records = 20.0;
    let story = format!(
        "The {} asks for {requests:.0} lists, a route at a time, in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn coordinated_partition_harvest(cast: &mut Casting<'_>) -> Option<Script> {
    let network = cast.new_network();
    let country = cast.country();
    let (count, clients) = (cast.count("accounts"), cast.count("clients"));
    let client = |n: usize| format!("node-fetch/3.{} (x{})", n % clients, cast.number);
    let names: Vec<String> = (0..count).map(client).collect();
    let accounts: Vec<u32> = names
        .into_iter()
        .map(|client| cast.new_account(Role::Seller, network.clone(), client, country))
        .collect();
    let each = cast.value("reads_each");
    // The better part of a day's share, whatever part of a day it takes.
    let total = each * count as f64 * cast.days().max(0.7);
    let mut reads = Reads::new(
        accounts.clone(),
        cast.spread(total, Curve::Even),
        Choice::SharedOut {
            route: None,
            done: BTreeSet::new(),
        },
    );
    reads.relation = Some(Relation::None);
    let mut keys = vec![key(&[("network", &network)])];
    for account in &accounts {
        keys.extend(cast.actor_keys(*account));
    }
    for n in 0..clients {
        let client = format!("node-fetch/3.{n} (x{})", cast.number);
        keys.push(key(&[("client", &client)]));
    }
    let story = format!(
        "{count} new accounts from network {network} read {total:.0} parcels between them, none of them twice, in {}.",
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], keys, story)
}

fn peer_group_outlier(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller], 0.4, 0.8)?;
    let alias = scripted_alias(cast, actor, "portal/8.2");
    let usual = cast.population.actors[actor as usize].reads_per_day;
    let times = cast.value("times");
    let hourly = (usual / WORKING_HOURS).max(SURGE_BASE_MIN);
    let total = times * hourly * 24.0 * cast.days();
    let reads = Reads::new(
        vec![alias],
        cast.spread(total, Curve::Even),
        Choice::Anybody,
    );
    let network = &cast.population.actors[alias as usize].network;
    let mut keys = cast.actor_keys(actor);
    keys.push(key(&[("network", network)]));
    let story = format!(
        "The key of the {} is used from network {network} and looks at {total:.0} parcels of anybody in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], keys, story)
}

fn decoy_record_touched(cast: &mut Casting<'_>) -> Option<Script> {
    let decoys = cast.settings.decoys;
    if decoys == 0 {
        return None;
    }
    let actor = cast.actor(&[Role::Carrier, Role::Broker], 0.2, 0.9)?;
    let touches = cast.count("touches");
    let next = (between(&mut cast.random, 0.0, 1.0) * decoys as f64) as usize;
    let choice = Choice::Decoys { decoys, next };
    let when = cast.spread(touches as f64, Curve::Even);
    let act = Act::Reads(Reads::new(vec![actor], when, choice));
    let story = format!(
        "The {} touches decoys {touches} times in {}.",
        cast.whom(actor),
        cast.length()
    );
    cast.script(vec![act], cast.actor_keys(actor), story)
}
