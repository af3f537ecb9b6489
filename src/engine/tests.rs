//! Policy that changes while the stages run.

use super::*;
use crate::config::Config;
use crate::domain::{AlertStatus, EntityKey, Span};
use crate::score::TestedEntity;
use std::path::Path;

const START: i64 = 1_767_571_200_000;

fn parse(text: &str) -> Config {
    Config::parse("test", text, Path::new(".")).unwrap()
}

/// Twenty desks, each with a read every ten minutes for two days; on the second afternoon one of
/// them reads as much in a minute as it did in a day.
fn events() -> Vec<String> {
    let read = |time: i64, actor: &str, shipment: i64| {
        format!(
            r#"{{"time":{time},"kind":"access","actor":"{actor}","role":"desk","action":"read","shipment":"p-{shipment}","seller":"s-{}"}}"#,
            shipment % 7
        )
    };
    let mut events = Vec::new();
    for step in 0..2 * 2_880 {
        let time = START + step * 30_000;
        events.push(read(time, &format!("desk-{}", step % 20), step % 90));
        if step == 5_000 {
            events.extend((0..150).map(|n| read(time + n * 400, "desk-3", n)));
        }
    }
    events
}

/// Tests as they are made: the series, the window's end, the entity and its p-value.
type Tests = Vec<(usize, EventTime, EntityKey, f64)>;

/// Feeds the events, and swaps where `swap_at` names a configuration for an event.
fn run(config: &Config, swap_at: &[(usize, &Config)]) -> (Vec<Alert>, Tests) {
    let settings = config.engine();
    let (mut front, mut back) = (Front::new(&settings), Back::new(&settings));
    let (mut alerts, mut tests) = (Vec::new(), Vec::new());
    let mut take = |back: &mut Back, step: Step| {
        let mut listener = |test: TestedEntity<'_>| {
            let p = test.tail.p().get();
            tests.push((test.series, test.end, test.key.clone(), p));
        };
        alerts.extend(back.take_observed(step, Some(&mut listener)));
    };
    let step = front.assign(0);
    take(&mut back, step);
    for (number, line) in events().iter().enumerate() {
        for (_, config) in swap_at.iter().filter(|(at, _)| *at == number) {
            let step = front.swap(&config.swap());
            take(&mut back, step);
        }
        let (_, step) = front.feed(0, number as i64, None, line.as_bytes());
        if let Some(step) = step {
            take(&mut back, step);
        }
    }
    for step in front.finish() {
        take(&mut back, step);
    }
    (alerts, tests)
}

#[test]
fn who_appeared_in_a_window_is_judged_when_it_closes_however_long_that_takes() {
    let config = parse(
        "
detections:
  - name: seen_in_a_week
    class: probing
    entity: [actor]
    where: { kind: access, action: export }
    measure: count
    window: [1h, 7d]
    test: rule
    at_least: 1
    explain: \"{entity} {observed}\"
",
    );
    let settings = config.engine();
    let (mut front, mut back) = (Front::new(&settings), Back::new(&settings));
    let mut seen: Vec<(EntityKey, f64)> = Vec::new();
    // Weeks end on Thursdays; this one begins three days after the start.
    let end = EventTime(START) + Span::days(10);
    let mut take = |back: &mut Back, step: Step| {
        let mut listener = |test: TestedEntity<'_>| {
            let series = &settings.plan.series[test.series];
            let name = &settings.plan.detections[series.detection].name;
            if name == "seen_in_a_week" && series.span == Span::days(7) && test.end == end {
                seen.push((test.key.clone(), test.observed));
            }
        };
        back.take_observed(step, Some(&mut listener));
    };
    let step = front.assign(0);
    take(&mut back, step);
    let mut offset = 0;
    for hour in 0..11 * 24 {
        let once = (hour == 4 * 24).then_some("once");
        for actor in ["bob", "eve"].into_iter().chain(once) {
            let time = START + hour * Span::HOUR.0 + 60_000;
            let line =
                format!(r#"{{"time":{time},"kind":"access","actor":"{actor}","action":"export"}}"#);
            let (_, step) = front.feed(0, offset, None, line.as_bytes());
            offset += 1;
            if let Some(step) = step {
                take(&mut back, step);
            }
        }
    }
    for step in front.finish() {
        take(&mut back, step);
    }
    // Who comes once is forgotten after a day, but not before he was judged.
    let week = 7.0 * 24.0;
    assert_eq!(
        seen,
        [("bob", week), ("eve", week), ("once", 1.0)]
            .map(|(key, observed)| (EntityKey::new(key), observed))
    );
}

#[test]
fn a_swap_of_policy_touches_no_baseline() {
    let config = parse("");
    let (alerts, tests) = run(&config, &[]);
    assert!(alerts.iter().any(|alert| alert.entity["actor"] == "desk-3"));
    // Everything that is policy is something else for half a day, and then as it was.
    let text = "
alerts: {false_alarms_per_day: 0.0001, resolve_after: 5h, cooldown: 1h, per_day_max: 1}
lists: {decoys: [p-1]}
policy: {calendars: [{name: n, kind: peak, yearly: 01-01..12-31, effect: mute}]}
detections: [{name: actor_volume_surge, enabled: false}, {name: one_touch_sweep, min_effect: 9}]";
    let crate::config::Reload::Swap { config: other, .. } =
        crate::config::Reload::decide(&config, &parse(text))
    else {
        panic!("it is not policy alone")
    };
    let there_and_back = [(1_500, &*other), (3_000, &config)];
    let (swapped_alerts, swapped_tests) = run(&config, &there_and_back);
    // The rule on decoys is tested only where somebody touches one.
    let of_rule = |series: usize| {
        let detection = &config.plan.detections[config.plan.series[series].detection];
        detection.name == "decoy_record_touched"
    };
    let without_rule = |tests: Tests| -> Tests {
        let mut tests = tests;
        tests.retain(|(series, ..)| !of_rule(*series));
        tests
    };
    assert_eq!(without_rule(tests), without_rule(swapped_tests));
    assert_eq!(alerts, swapped_alerts);
}

#[test]
fn a_list_that_is_swapped_holds_from_the_next_message_on() {
    let config = parse("lists: {decoys: [p-1]}");
    let other = parse("lists: {decoys: [nothing]}");
    let touched = |swap_at: &[(usize, &Config)]| -> Vec<EventTime> {
        let (alerts, _) = run(&config, swap_at);
        let of_decoys = alerts
            .iter()
            .filter(|alert| alert.detection == "decoy_record_touched")
            .filter(|alert| alert.status == AlertStatus::Firing);
        of_decoys.map(|alert| alert.decided).collect()
    };
    let half = EventTime(START) + Span::hours(12);
    let before = |times: &[EventTime]| times.iter().filter(|time| **time < half).count();
    let (straight, swapped) = (touched(&[]), touched(&[(1_440, &other)]));
    assert!(straight.len() > before(&straight) && before(&straight) > 0);
    assert_eq!(swapped.len(), before(&swapped));
    assert_eq!(before(&swapped), before(&straight));
}
