//! Events in, alerts out: what an attack must raise, and what must raise nothing.
//!
//! The hub is simulated, small enough to run in seconds and large enough to have classes. Each
//! scenario is judged by what its alerts say of the entity that was attacked; the figures that
//! decide are those of the shipped configuration.

use crate::support::hub::{HOUR, MINUTE, Run, Scene, is_on, lines_of, tiny_hub};
use std::collections::BTreeSet;
use vigie::domain::{Alert, AlertStatus, EventTime, Intensity, Severity, Span};
use vigie::simulate::{Injection, Regime, Scenario, Settings};

/// The tiny hub with one attack, so many hours long, of which one parameter is given.
fn attacked(
    scenario: &str,
    (day, hour, hours): (i64, i64, f64),
    parameter: (&'static str, f64),
) -> Settings {
    let after = Span(Span::days(day).0 + hour * HOUR);
    let scenario = Scenario::named(scenario).expect("a scenario");
    let injection = Injection::new(scenario, after, Intensity::High)
        .with("hours", hours)
        .with(parameter.0, parameter.1);
    Settings {
        injections: vec![injection],
        ..tiny_hub(901)
    }
}

/// Firing alerts on the one attack, as "detection" and minutes after it began.
fn findings(run: &Run) -> Vec<(&str, i64)> {
    let episode = &run.episodes[0];
    run.alerts
        .iter()
        .filter(|alert| alert.status == AlertStatus::Firing)
        .filter(|alert| {
            is_on(alert, episode)
                && alert.window.end > episode.start
                && alert.window.start < episode.end
        })
        .map(|alert| {
            (
                alert.detection.as_str(),
                minutes(alert.decided, episode.start),
            )
        })
        .collect()
}

fn minutes(later: EventTime, earlier: EventTime) -> i64 {
    (later - earlier).0 / MINUTE
}

/// The first finding of this detection, in minutes after the attack began.
fn first(run: &Run, detection: &str) -> i64 {
    let findings = findings(run);
    let mut of_it = findings.iter().filter(|(name, _)| *name == detection);
    let (_, after) = of_it
        .next()
        .unwrap_or_else(|| panic!("no {detection}; {findings:?}, all: {:#?}", run.told()));
    *after
}

#[test]
fn a_burst_of_reading_is_found_within_its_window_and_ten_minutes() {
    // The day's window is quiet a day after it was loud.
    let run = Scene::of(attacked("actor_volume_surge", (5, 9, 2.0), ("times", 30.0))).run(8);
    assert!(first(&run, "actor_volume_surge") <= 60 + 15);
    let episode = &run.episodes[0];
    let end = run
        .alerts
        .iter()
        .filter(|alert| alert.detection == "actor_volume_surge")
        .rfind(|alert| is_on(alert, episode))
        .unwrap();
    assert_eq!(end.status, AlertStatus::Resolved, "{end:?}");
}

#[test]
fn an_export_of_everything_is_found_though_it_is_few_accesses() {
    let run = Scene::of(attacked("bulk_export", (5, 9, 1.0), ("records", 20_000.0))).run(6);
    assert!(first(&run, "actor_bulk_export") <= 60 + 15);
}

#[test]
fn a_tour_of_sellers_is_found() {
    let run = Scene::of(attacked(
        "actor_fanout_spread",
        (5, 9, 1.0),
        ("sellers", 80.0),
    ))
    .run(6);
    assert!(first(&run, "actor_fanout_spread") <= 60 + 15);
}

#[test]
fn a_sweep_that_reads_each_record_once_is_found() {
    let run = Scene::of(attacked("one_touch_sweep", (5, 6, 8.0), ("records", 600.0))).run(7);
    // By itself, or as evidence of an alert that other detections opened.
    let measures: BTreeSet<&str> = run
        .alerts
        .iter()
        .filter(|alert| is_on(alert, &run.episodes[0]))
        .flat_map(|alert| &alert.evidence)
        .map(|evidence| evidence.measure.as_str())
        .collect();
    assert!(
        measures.contains("distinct(shipment) / count"),
        "{measures:?}"
    );
}

#[test]
fn a_route_that_goes_silent_fires_while_it_is_silent() {
    let run = Scene::of(attacked("route_silence", (5, 18, 8.0), ("share", 1.0))).run(7);
    let after = first(&run, "route_volume_shift");
    assert!(
        after < 8 * 60,
        "{after} minutes: the route was back by then"
    );
    let alert = run
        .alerts
        .iter()
        .find(|alert| is_on(alert, &run.episodes[0]))
        .unwrap();
    assert!(alert.observed < alert.expected, "{alert:?}");
}

#[test]
fn a_seller_that_goes_silent_in_the_afternoon_is_told_of_within_twelve_hours() {
    let scenario = Scenario::named("seller_silence").expect("a scenario");
    let after = Span(Span::days(13).0 + 15 * HOUR);
    let silence = Injection::new(scenario, after, Intensity::High)
        .with("days", 1.4)
        .with("share", 1.0);
    let run = Scene::of(Settings {
        injections: vec![silence],
        ..tiny_hub(901)
    })
    .run(16);
    assert!(first(&run, "seller_silence") <= 12 * 60);
    let alert = run
        .alerts
        .iter()
        .find(|alert| alert.detection == "seller_silence")
        .unwrap();
    assert!(is_on(alert, &run.episodes[0]), "{alert:?}");
    assert!(alert.observed < alert.expected, "{alert:?}");
}

#[test]
fn a_recipient_never_seen_before_is_found() {
    let run = Scene::of(attacked(
        "third_party_egress",
        (5, 9, 3.0),
        ("records", 40_000.0),
    ))
    .run(6);
    assert!(first(&run, "third_party_egress") <= 60 + 15);
}

#[test]
fn a_decoy_is_critical_from_the_first_touch_on() {
    let run = Scene::of(attacked(
        "decoy_record_touched",
        (1, 9, 1.0),
        ("touches", 1.0),
    ))
    .run(2);
    assert!(first(&run, "decoy_record_touched") <= 60 + 15);
    let alert = run
        .alerts
        .iter()
        .find(|alert| alert.detection == "decoy_record_touched")
        .unwrap();
    assert_eq!(alert.severity, Severity::Critical);
}

#[test]
fn a_peak_for_everybody_floods_nobody() {
    let quiet = Scene::of(tiny_hub(902)).run(7);
    let peak = Scene::of(Settings {
        regimes: vec![Regime::peak(5, 1, 1.87, 0.3)],
        ..tiny_hub(902)
    })
    .run(7);
    let on_day = |run: &Run| {
        let day = run.began + Span::days(5)..run.began + Span::days(6);
        run.firing()
            .filter(|alert| day.contains(&alert.decided))
            .count()
    };
    // On the worst day three times the budget; without the common mode it would be hundreds.
    assert!(on_day(&peak) <= 30, "{:#?}", peak.told());
    assert!(on_day(&quiet) <= 10, "{:#?}", quiet.told());
}

#[test]
fn an_honest_week_stays_within_the_budget() {
    let run = Scene::of(tiny_hub(903)).run(7);
    assert!(run.firing().count() <= 70, "{:#?}", run.told());
}

#[test]
fn duplicates_and_disorder_change_nothing() {
    let scene = Scene::of(attacked("actor_volume_surge", (3, 9, 2.0), ("times", 30.0)));
    let straight = lines_of(&scene, 4);
    // Up to four minutes late, within the five that are allowed; every seventh comes twice.
    let mut arrivals: Vec<(i64, &(EventTime, Vec<u8>))> = Vec::new();
    for (number, line) in straight.iter().enumerate() {
        let lag = (number as i64 * 7_919) % (4 * MINUTE);
        arrivals.push((line.0.0 + lag, line));
        if number % 7 == 0 {
            arrivals.push((line.0.0 + lag + 20_000, line));
        }
    }
    arrivals.sort_by_key(|(arrival, _)| *arrival);
    let shaken: Vec<_> = arrivals.into_iter().map(|(_, line)| line.clone()).collect();
    let (one, other) = (scene.judge(&straight, 1), scene.judge(&shaken, 1));
    assert_eq!(one.records(), other.records());
    assert!(one.firing().count() > 0);
    assert_eq!(other.counts.duplicate, straight.len().div_ceil(7) as u64);
    assert_eq!((other.counts.late, one.counts.duplicate), (0, 0));
    assert_eq!(
        one.counts.processed_in_all(),
        other.counts.processed_in_all()
    );
}

#[test]
fn how_events_are_spread_over_partitions_changes_nothing() {
    let scene = Scene::of(attacked("actor_volume_surge", (3, 9, 2.0), ("times", 30.0)));
    let lines = lines_of(&scene, 4);
    let (one, three) = (scene.judge(&lines, 1), scene.judge(&lines, 3));
    assert_eq!(one.records(), three.records());
    assert!(one.firing().count() > 0);
}

#[test]
fn alert_records_keep_to_their_schema_and_events_to_theirs() {
    let scene = Scene::of(attacked("one_touch_sweep", (4, 6, 8.0), ("records", 600.0)));
    let lines = lines_of(&scene, 5);
    for (_, line) in lines.iter().step_by(997) {
        let event = serde_json::from_slice(line).unwrap();
        let faults = crate::support::contract::faults_of_event(&event);
        assert!(faults.is_empty(), "{faults:?} in {event}");
    }
    let run = scene.judge(&lines, 1);
    let statuses: BTreeSet<AlertStatus> = run
        .alerts
        .iter()
        .map(|alert: &Alert| alert.status)
        .collect();
    assert_eq!(statuses.len(), 2, "firing and resolved");
    for record in run.records() {
        let alert = serde_json::from_str(&record).unwrap();
        let faults = crate::support::contract::faults_of_alert(&alert);
        assert!(faults.is_empty(), "{faults:?} in {alert}");
    }
}
