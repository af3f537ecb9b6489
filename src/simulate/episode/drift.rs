//! Harvesting and probing that try not to be seen: low and slow, jittered, mixed.

use super::casting::Casting;
use super::harvesting::scripted_alias;
use super::probing::{guesser, guesser_keys};
use super::reads::{Choice, Reads};
use super::scenario::{Family, Scenario, constant, parameter};
use super::script::{Act, Script};
use super::when::{Curve, When, mean_growth};
use crate::domain::{AlertClass, Relation, Span};
use crate::simulate::role::Role;
use std::collections::BTreeSet;

const fn scenario(
    name: &'static str,
    class: AlertClass,
    detections: &'static [&'static str],
    about: &'static str,
    parameters: &'static [super::Parameter],
    cast: fn(&mut Casting<'_>) -> Option<Script>,
) -> Scenario {
    Scenario {
        name,
        family: Family::Drift,
        class,
        detections,
        about,
        hours: (0, 4),
        parameters,
        cast,
    }
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "daily_drip",
        AlertClass::Harvesting,
        &["low_slow_accumulation"],
        "Day by day an account reads a little more than it has to.",
        &[
            parameter("share", [(0.13, 0.17), (0.27, 0.34), (0.52, 0.7)]),
            parameter("days", [(16.0, 20.0), (12.0, 16.0), (7.0, 12.0)]),
        ],
        daily_drip,
    ),
    scenario(
        "slow_ramp",
        AlertClass::Harvesting,
        &["low_slow_accumulation"],
        "An account reads a little more each day than the day before.",
        &[
            parameter("daily", [(0.018, 0.022), (0.027, 0.034), (0.05, 0.07)]),
            parameter("days", [(16.0, 20.0), (13.0, 17.0), (10.0, 13.0)]),
        ],
        slow_ramp,
    ),
    scenario(
        "jittered_polling",
        AlertClass::Harvesting,
        &["scheduled_poll_beacon", "low_slow_accumulation"],
        "An unregistered client pulls at intervals that it varies.",
        &[
            parameter("minutes", [(40.0, 60.0), (15.0, 30.0), (5.0, 10.0)]),
            parameter("jitter", [(0.4, 0.5), (0.25, 0.4), (0.15, 0.25)]),
            parameter("reads", [(3.0, 5.0), (5.0, 9.0), (12.0, 25.0)]),
            constant("days", 2.0, 3.5),
        ],
        jittered_polling,
    ),
    scenario(
        "known_good_mixing",
        AlertClass::Probing,
        &["lookup_miss_walk"],
        "Guesses at references are hidden among look-ups of known ones.",
        &[
            parameter("lookups", [(150.0, 250.0), (200.0, 400.0), (300.0, 700.0)]),
            parameter("known_good", [(0.7, 0.78), (0.6, 0.7), (0.45, 0.55)]),
            constant("success", 0.3, 0.4),
            constant("hours", 3.0, 12.0),
        ],
        known_good_mixing,
    ),
];

/// An account that reads enough for a little more to be something.
fn busy_account(cast: &mut Casting<'_>) -> Option<(u32, f64)> {
    let roles = [Role::Support, Role::Carrier, Role::Broker, Role::Customs];
    let actor = cast.actor(&roles, 0.5, 1.0)?;
    Some((actor, cast.population.actors[actor as usize].reads_per_day))
}

/// Reads of parcels that the account has no part in, and none of them twice.
fn further_reads(cast: &Casting<'_>, actor: u32, total: f64, curve: Curve) -> Act {
    let when = cast.spread(total, curve);
    let mut reads = Reads::new(vec![actor], when, Choice::Once(BTreeSet::new()));
    reads.relation = Some(Relation::None);
    Act::Reads(reads)
}

fn daily_drip(cast: &mut Casting<'_>) -> Option<Script> {
    let (actor, usual) = busy_account(cast)?;
    let share = cast.value("share");
    let total = share * usual * cast.days();
    let rhythm = cast.population.actors[actor as usize].role.profile().rhythm;
    let act = further_reads(cast, actor, total, Curve::Like(rhythm));
    let story = format!(
        "The {}, which reads {usual:.0} times on a usual day, reads {:.0} % more for {}.",
        cast.whom(actor),
        100.0 * share,
        cast.length()
    );
    cast.script(vec![act], cast.actor_keys(actor), story)
}

fn slow_ramp(cast: &mut Casting<'_>) -> Option<Script> {
    let (actor, usual) = busy_account(cast)?;
    let daily = cast.value("daily");
    let total = usual * cast.days() * mean_growth(daily, cast.days());
    let rhythm = cast.population.actors[actor as usize].role.profile().rhythm;
    let act = further_reads(cast, actor, total, Curve::Growing(rhythm, daily));
    let story = format!(
        "The {}, which reads {usual:.0} times on a usual day, reads {:.1} % more each day, for {}.",
        cast.whom(actor),
        100.0 * daily,
        cast.length()
    );
    cast.script(vec![act], cast.actor_keys(actor), story)
}

fn jittered_polling(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = cast.actor(&[Role::Seller, Role::Carrier], 0.3, 0.8)?;
    let alias = scripted_alias(cast, actor, "python-requests/2.31");
    let (minutes, jitter) = (cast.value("minutes"), cast.value("jitter"));
    let pull = cast.count("reads");
    let period = Span((minutes * Span::MINUTE.0 as f64) as i64);
    let when = When::every(period, jitter, pull as f64, cast.start);
    let reads = Reads::new(vec![alias], when, Choice::Once(BTreeSet::new()));
    let story = format!(
        "The {} pulls {pull} parcels about every {minutes:.0} min, {:.0} % sooner or later, for {}.",
        cast.whom(actor),
        100.0 * jitter,
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], cast.actor_keys(actor), story)
}

fn known_good_mixing(cast: &mut Casting<'_>) -> Option<Script> {
    let actor = guesser(cast)?;
    let lookups = cast.value("lookups");
    let choice = Choice::Guess {
        success: cast.value("success"),
    };
    let mut reads = Reads::new(vec![actor], cast.spread(lookups, Curve::Even), choice);
    reads.known_good = cast.value("known_good");
    let story = format!(
        "The {} guesses references among {lookups:.0} look-ups, {:.0} % of which are known ones, in {}.",
        cast.whom(actor),
        100.0 * reads.known_good,
        cast.length()
    );
    cast.script(vec![Act::Reads(reads)], guesser_keys(cast, actor), story)
}
