//! Integrity: parcels or their papers are not what they say.

use super::casting::{Casting, key};
use super::scenario::{Family, Scenario, constant, parameter};
use super::script::{Act, Goods, How, Meddling, Parcels, Script, Whose};
use super::when::Curve;
use crate::domain::{AlertClass, EntityMembers};
use crate::simulate::draft::Step;
use crate::simulate::geography::COMMODITIES;
use crate::simulate::population::Lane;
use crate::simulate::random::{Urn, index_below};
use crate::simulate::season::Rhythm;
use rand::Rng;

const fn scenario(
    name: &'static str,
    detections: &'static [&'static str],
    about: &'static str,
    parameters: &'static [super::Parameter],
    cast: fn(&mut Casting<'_>) -> Option<Script>,
) -> Scenario {
    Scenario {
        name,
        family: Family::Integrity,
        class: AlertClass::Integrity,
        detections,
        about,
        hours: (0, 23),
        parameters,
        cast,
    }
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "route_surge",
        &["route_volume_shift"],
        "A route carries many times its usual parcels.",
        &[
            parameter("times", [(1.7, 2.2), (2.5, 3.5), (4.0, 6.0)]),
            parameter("hours", [(12.0, 30.0), (8.0, 24.0), (6.0, 16.0)]),
        ],
        route_surge,
    ),
    scenario(
        "route_silence",
        &["route_volume_shift"],
        "Parcels stay away from a busy route.",
        &[
            parameter("share", [(0.45, 0.6), (0.7, 0.9), (0.98, 1.0)]),
            parameter("hours", [(16.0, 36.0), (10.0, 24.0), (8.0, 20.0)]),
        ],
        route_silence,
    ),
    scenario(
        "seller_surge",
        &["seller_volume_surge"],
        "A seller ships far more than it ever did.",
        &[
            parameter("times", [(3.0, 4.5), (6.0, 10.0), (12.0, 20.0)]),
            parameter("hours", [(14.0, 24.0), (8.0, 24.0), (4.0, 16.0)]),
        ],
        seller_surge,
    ),
    scenario(
        "seller_silence",
        &["seller_silence", "seller_volume_surge"],
        "A large seller ships far less than it ever did.",
        &[
            parameter("share", [(0.65, 0.8), (0.85, 0.95), (0.99, 1.0)]),
            parameter("days", [(2.0, 4.0), (1.5, 3.0), (1.0, 3.0)]),
        ],
        seller_silence,
    ),
    scenario(
        "seller_route_edge_burst",
        &["seller_route_edge_burst"],
        "A group of sellers suddenly ships on a route that none of them used.",
        &[
            parameter("sellers", [(7.0, 10.0), (12.0, 22.0), (30.0, 60.0)]),
            parameter("parcels", [(2.0, 4.0), (4.0, 8.0), (8.0, 16.0)]),
            constant("hours", 2.0, 10.0),
        ],
        seller_route_edge_burst,
    ),
    scenario(
        "cloned_parcels",
        &["impossible_transit"],
        "Parcels of a seller are scanned in two places at once.",
        &[
            parameter("share", [(0.05, 0.1), (0.15, 0.3), (0.4, 0.8)]),
            parameter("days", [(1.5, 3.0), (1.0, 2.5), (1.0, 2.0)]),
        ],
        cloned_parcels,
    ),
    scenario(
        "skipped_scans",
        &["impossible_transit"],
        "Parcels of a seller leave the hub without a scan.",
        &[
            parameter("share", [(0.12, 0.22), (0.35, 0.6), (0.8, 1.0)]),
            parameter("days", [(1.5, 3.0), (1.0, 2.5), (1.0, 2.0)]),
        ],
        skipped_scans,
    ),
    scenario(
        "undervaluation",
        &["declaration_mix_shift"],
        "A seller declares a fraction of what its goods are worth.",
        &[
            parameter("factor", [(0.55, 0.7), (0.35, 0.5), (0.15, 0.28)]),
            parameter("days", [(3.0, 5.0), (2.0, 4.0), (1.0, 3.0)]),
        ],
        undervaluation,
    ),
    scenario(
        "duty_step_bunching",
        &["declaration_mix_shift"],
        "A seller's values pile up a little below the duty step.",
        &[
            parameter("share", [(0.04, 0.07), (0.1, 0.18), (0.25, 0.45)]),
            parameter("days", [(3.0, 5.0), (2.0, 4.0), (1.0, 3.0)]),
        ],
        duty_step_bunching,
    ),
    scenario(
        "commodity_shift",
        &["declaration_mix_shift"],
        "A seller declares its goods as another commodity.",
        &[
            parameter("share", [(0.3, 0.42), (0.5, 0.7), (0.85, 1.0)]),
            parameter("days", [(2.0, 4.0), (1.5, 3.0), (1.0, 2.0)]),
        ],
        commodity_shift,
    ),
    scenario(
        "phantom_parcels",
        &["phantom_parcel_ratio"],
        "A seller ships feather-weight parcels that nobody waits for.",
        &[
            parameter("parcels", [(25.0, 45.0), (60.0, 120.0), (200.0, 400.0)]),
            parameter("unwanted", [(0.6, 0.72), (0.75, 0.88), (0.92, 0.98)]),
            parameter("days", [(2.0, 4.0), (1.0, 3.0), (1.0, 2.0)]),
        ],
        phantom_parcels,
    ),
];

/// A shipment of further parcels on these lanes, `times` what they usually carry in all.
fn surge(cast: &Casting<'_>, lanes: Vec<Lane>, times: f64) -> Act {
    let urn: Urn = lanes.iter().map(|lane| cast.lane_size(lane)).collect();
    let extra = (times - 1.0) * urn.total() * cast.days();
    Act::Parcels(Parcels {
        lanes,
        urn,
        when: cast.spread(extra, Curve::Like(Rhythm::Banks)),
        goods: Goods::default(),
    })
}

fn meddling(whose: Whose, share: f64, how: How) -> Act {
    Act::Meddling(Meddling { whose, share, how })
}

fn route_key(cast: &Casting<'_>, route: u32) -> EntityMembers {
    key(&[("route", &cast.population.routes[route as usize].name)])
}

fn seller_key(cast: &Casting<'_>, seller: u32) -> EntityMembers {
    key(&[("seller", &cast.population.sellers[seller as usize].name)])
}

/// "Route A>B, which carries 12 parcels on a usual day,"
fn route_words(cast: &Casting<'_>, route: u32) -> String {
    let route = &cast.population.routes[route as usize];
    format!(
        "Route {}, which carries {:.0} parcels on a usual day,",
        route.name, route.parcels_per_day
    )
}

/// "Seller s, which ships 12 parcels on a usual day,"
fn seller_words(cast: &Casting<'_>, seller: u32) -> String {
    let seller = &cast.population.sellers[seller as usize];
    format!(
        "Seller {}, which ships {:.0} parcels on a usual day,",
        seller.name, seller.parcels_per_day
    )
}

fn route_surge(cast: &mut Casting<'_>) -> Option<Script> {
    let route = cast.route(0.8, 0.985)?;
    let times = cast.value("times");
    let lanes = cast.lanes(|lane| lane.route == route);
    let act = surge(cast, lanes, times);
    let story = format!(
        "{} carries {times:.1} times as much for {}.",
        route_words(cast, route),
        cast.length()
    );
    cast.script(vec![act], vec![route_key(cast, route)], story)
}

fn route_silence(cast: &mut Casting<'_>) -> Option<Script> {
    let route = cast.route(0.85, 0.985)?;
    let share = cast.value("share");
    let act = meddling(Whose::Route(route), share, How::Lose);
    let story = format!(
        "{} loses {:.0} % of its movements for {}.",
        route_words(cast, route),
        100.0 * share,
        cast.length()
    );
    cast.script(vec![act], vec![route_key(cast, route)], story)
}

fn seller_surge(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.78, 0.95)?;
    let times = cast.value("times");
    let lanes = cast.lanes(|lane| lane.seller == seller);
    let act = surge(cast, lanes, times);
    let story = format!(
        "{} ships {times:.1} times as much for {}.",
        seller_words(cast, seller),
        cast.length()
    );
    cast.script(vec![act], vec![seller_key(cast, seller)], story)
}

fn seller_silence(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.9, 1.0)?;
    let share = cast.value("share");
    let act = meddling(Whose::Seller(seller), share, How::Lose);
    let story = format!(
        "{} ships {:.0} % less for {}.",
        seller_words(cast, seller),
        100.0 * share,
        cast.length()
    );
    cast.script(vec![act], vec![seller_key(cast, seller)], story)
}

fn seller_route_edge_burst(cast: &mut Casting<'_>) -> Option<Script> {
    let route = cast.route(0.05, 0.6)?;
    let users: Vec<u32> = (cast.population.lanes.iter())
        .filter(|lane| lane.route == route)
        .map(|lane| lane.seller)
        .collect();
    let mut candidates = cast.sellers(0.2, 0.95);
    candidates.retain(|seller| !users.contains(seller));
    if candidates.is_empty() {
        return None;
    }
    let wanted = cast.count("sellers");
    let sellers = cast.some(candidates, wanted);
    let each = cast.value("parcels");
    let lanes: Vec<Lane> = (sellers.iter())
        .map(|seller| Lane {
            seller: *seller,
            route,
            share: 0.0,
        })
        .collect();
    let total = each * lanes.len() as f64;
    let act = Act::Parcels(Parcels {
        urn: lanes.iter().map(|_| 1.0).collect(),
        lanes,
        when: cast.spread(total, Curve::Even),
        goods: Goods::default(),
    });
    let name = cast.population.routes[route as usize].name.clone();
    let mut keys = vec![key(&[("route", &name)])];
    for seller in &sellers {
        keys.push(seller_key(cast, *seller));
    }
    let story = format!(
        "{} sellers ship {total:.0} parcels on route {name}, which none of them used, in {}.",
        sellers.len(),
        cast.length()
    );
    cast.script(vec![act], keys, story)
}

/// A large seller, and the act that meddles with a share of its parcels.
fn with_large_seller(cast: &mut Casting<'_>, share: f64, how: How, what: &str) -> Option<Script> {
    let seller = cast.seller(0.92, 1.0)?;
    let act = meddling(Whose::Seller(seller), share, how);
    let story = format!(
        "Of seller {}, {:.0} % of the parcels {what}, for {}.",
        cast.population.sellers[seller as usize].name,
        100.0 * share,
        cast.length()
    );
    cast.script(vec![act], vec![seller_key(cast, seller)], story)
}

fn cloned_parcels(cast: &mut Casting<'_>) -> Option<Script> {
    let routes = cast.population.routes.len();
    let elsewhere = index_below(cast.random.next_u64(), routes) as u32;
    let share = cast.value("share");
    let what = "are scanned in two places at once";
    with_large_seller(cast, share, How::Clone(elsewhere), what)
}

fn skipped_scans(cast: &mut Casting<'_>) -> Option<Script> {
    let share = cast.value("share");
    let what = "leave the hub without a scan";
    with_large_seller(cast, share, How::Skip(Step::Departing), what)
}

fn undervaluation(cast: &mut Casting<'_>) -> Option<Script> {
    let factor = cast.value("factor");
    let what = format!("are declared at {:.0} % of their value", 100.0 * factor);
    with_large_seller(cast, 1.0, How::Revalue(factor), &what)
}

fn duty_step_bunching(cast: &mut Casting<'_>) -> Option<Script> {
    let share = cast.value("share");
    let what = "may be declared at a little less than the duty step";
    with_large_seller(cast, 1.0, How::BelowStep(share), what)
}

fn commodity_shift(cast: &mut Casting<'_>) -> Option<Script> {
    let code = index_below(cast.random.next_u64(), COMMODITIES.len()) as u8;
    let what = format!("are declared as {}", COMMODITIES[usize::from(code)]);
    let share = cast.value("share");
    with_large_seller(cast, share, How::Recode(code), &what)
}

fn phantom_parcels(cast: &mut Casting<'_>) -> Option<Script> {
    let seller = cast.seller(0.6, 0.95)?;
    let lanes = cast.lanes(|lane| lane.seller == seller);
    let (parcels, unwanted) = (cast.value("parcels"), cast.value("unwanted"));
    let act = Act::Parcels(Parcels {
        urn: lanes.iter().map(|lane| lane.share).collect(),
        lanes,
        when: cast.spread(parcels, Curve::Like(Rhythm::Banks)),
        goods: Goods {
            weight_grams: Some(10.0..40.0),
            value_eur: None,
            unwanted,
        },
    });
    let story = format!(
        "Seller {} ships {parcels:.0} parcels of 10 to 40 g, and nobody waits for {:.0} % of them, in {}.",
        cast.population.sellers[seller as usize].name,
        100.0 * unwanted,
        cast.length()
    );
    cast.script(vec![act], vec![seller_key(cast, seller)], story)
}
