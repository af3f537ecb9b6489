//! Findings in, records out.

use super::*;
use crate::config::Config;
use crate::statistics::PValue;
use std::path::Path;

const START: EventTime = EventTime(1_767_571_200_000);

fn stage(settings: &str) -> Alerting {
    let config =
        Config::parse("test", &format!("alerts: {{ {settings} }}"), Path::new(".")).unwrap();
    Alerting::new(Arc::clone(&config.plan), config.alerts)
}

fn series_of(stage: &Alerting, name: &str, span: Span) -> usize {
    stage
        .plan
        .series
        .iter()
        .position(|series| {
            stage.plan.detections[series.detection].name == name && series.span == span
        })
        .unwrap()
}

fn finding(key: &str, p: f64) -> Finding {
    Finding {
        key: EntityKey::new(key),
        observed: 4_012.0,
        expected: 31.0,
        p: PValue::new(p),
        records: 4_100,
        maturity: Maturity::Mature,
        part: EntityKey::default(),
        trials: None,
        members: Vec::new(),
    }
}

/// `actor_volume_surge`, the window of an hour that ends so many hours after the start.
fn hour(stage: &Alerting, hours: i64, findings: Vec<Finding>) -> Judgement {
    judgement(stage, "actor_volume_surge", hours, findings)
}

fn judgement(stage: &Alerting, name: &str, hours: i64, findings: Vec<Finding>) -> Judgement {
    let end = START + Span::hours(hours);
    Judgement {
        series: series_of(stage, name, Span::HOUR),
        window: AlertWindow {
            start: end - Span::HOUR,
            end,
        },
        decided: end + Span::minutes(5),
        tests: 300,
        findings,
        below: [0.0; crate::score::CALIBRATION_LEVELS.len()],
    }
}

fn step(stage: &mut Alerting, hours: i64, findings: Vec<Finding>) -> Vec<Alert> {
    let judgement = hour(stage, hours, findings);
    stage.step(&[judgement])
}

#[test]
fn an_episode_fires_once_and_resolves_when_it_is_over() {
    let mut stage = stage("");
    let first = step(&mut stage, 1, vec![finding("eve", 1e-9)]);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].status, AlertStatus::Firing);
    assert_eq!(
        first[0].explanation,
        "4,012 accesses by actor eve in 1h, 31 expected (×129)."
    );
    assert_eq!((first[0].records, first[0].evidence.len()), (4_100, 1));
    // It goes on, no stronger in kind: nothing more to say.
    assert!(step(&mut stage, 2, vec![finding("eve", 1e-8)]).is_empty());
    assert_eq!(stage.active().count(), 1);
    // Its last window, then the time it may rest.
    assert!(step(&mut stage, 3, vec![]).is_empty());
    let end = step(&mut stage, 4, vec![]);
    assert_eq!(end.len(), 1);
    assert_eq!(
        (end[0].status, &end[0].id),
        (AlertStatus::Resolved, &first[0].id)
    );
    assert_eq!(end[0].severity, first[0].severity);
    assert_eq!(stage.active().count(), 0);
}

#[test]
fn an_episode_that_gets_worse_says_so_with_the_same_id() {
    let mut stage = stage("");
    let first = step(&mut stage, 1, vec![finding("eve", 1e-5)]);
    assert_eq!(first[0].severity, Severity::Warning);
    let worse = step(&mut stage, 2, vec![finding("eve", 1e-30)]);
    assert_eq!(worse.len(), 1);
    assert_eq!(
        (worse[0].severity, &worse[0].id),
        (Severity::Critical, &first[0].id)
    );
    step(&mut stage, 3, vec![finding("eve", 1e-5)]);
    step(&mut stage, 4, vec![]);
    let end = step(&mut stage, 5, vec![]);
    assert_eq!(
        (end[0].severity, end[0].p_value),
        (Severity::Critical, worse[0].p_value)
    );
}

#[test]
fn what_the_budget_does_not_pay_for_does_not_fire() {
    let fired = |budget: u32, p: f64| {
        let mut stage = stage(&format!("false_alarms_per_day: {budget}"));
        step(&mut stage, 1, vec![finding("eve", p)]).len()
    };
    assert_eq!((fired(10, 1e-5), fired(10, 1e-3)), (1, 0));
    assert_eq!((fired(1000, 1e-3), fired(1, 1e-4)), (1, 0));
}

#[test]
fn the_threshold_spends_exactly_the_budget_on_uniform_p_values() {
    let stage = stage("");
    let day: f64 = (0..stage.plan.series.len())
        .map(|series| {
            let windows = stage.plan.series[series].span.per_day();
            let threshold = stage.budget.threshold(series, 300).get();
            threshold * 300.0 * windows
        })
        .sum();
    assert!((day - 10.0).abs() < 1e-9, "{day}");
}

#[test]
fn a_young_baseline_asks_for_a_look_and_not_for_an_alarm() {
    let mut stage = stage("");
    let young = Finding {
        maturity: Maturity::Young,
        ..finding("eve", 1e-200)
    };
    let alerts = step(&mut stage, 1, vec![young]);
    assert_eq!(alerts[0].severity, Severity::Warning);
}

#[test]
fn a_rule_fires_whatever_the_budget_and_keeps_its_severity() {
    let mut stage = stage("false_alarms_per_day: 0.001");
    let rule = stage
        .plan
        .series
        .iter()
        .position(|series| {
            matches!(
                stage.plan.detections[series.detection].test,
                Test::Rule { .. }
            )
        })
        .unwrap();
    let touched = Finding {
        observed: 1.0,
        expected: 0.0,
        maturity: Maturity::New,
        ..finding("eve", 0.5)
    };
    let judgement = Judgement {
        series: rule,
        ..hour(&stage, 1, vec![touched])
    };
    let alerts = stage.step(&[judgement]);
    assert_eq!((alerts.len(), alerts[0].severity), (1, Severity::Critical));
}

#[test]
fn what_is_muted_is_counted_by_reason() {
    let mut stage = stage("per_day_max: 2, cooldown: 24h");
    let small = Finding {
        observed: 40.0,
        ..finding("small", 1e-12)
    };
    assert!(step(&mut stage, 1, vec![small]).is_empty());
    step(&mut stage, 2, vec![finding("eve", 1e-20)]);
    for hours in 3..=6 {
        step(&mut stage, hours, vec![]);
    }
    assert!(step(&mut stage, 7, vec![finding("eve", 1e-20)]).is_empty());
    let crowd = (0..9)
        .map(|n| finding(&format!("crowd-{n}"), 1e-9))
        .collect();
    assert_eq!(step(&mut stage, 8, crowd).len(), 3);
    let muted: Vec<_> = stage
        .muted()
        .iter()
        .map(|(reason, n)| (reason.name(), *n))
        .collect();
    assert_eq!(
        muted,
        [("small_effect", 1), ("cooldown", 1), ("rate_limit", 6)]
    );
    // After the cool-down it may speak again.
    let again = step(&mut stage, 60, vec![finding("eve", 1e-20)]);
    let firing = again
        .iter()
        .filter(|alert| alert.status == AlertStatus::Firing);
    assert_eq!(firing.count(), 1);
}

#[test]
fn windows_and_entities_of_one_moment_come_in_order_and_each_once() {
    let mut stage = stage("");
    let day = series_of(&stage, "actor_volume_surge", Span::DAY);
    let of_day = Judgement {
        series: day,
        window: AlertWindow {
            start: START,
            end: START + Span::DAY,
        },
        ..hour(&stage, 24, vec![finding("eve", 1e-20)])
    };
    let of_hour = hour(&stage, 24, vec![finding("bob", 1e-9), finding("eve", 1e-9)]);
    let fanout = judgement(
        &stage,
        "actor_fanout_spread",
        24,
        vec![finding("bob", 1e-9)],
    );
    let alerts = stage.step(&[of_hour, of_day, fanout]);
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.detection.as_str(), alert.entity["actor"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("actor_fanout_spread", "bob"),
            ("actor_volume_surge", "bob"),
            ("actor_volume_surge", "eve")
        ]
    );
    // The day's window is the stronger and speaks; the hour's is evidence.
    assert_eq!(alerts[2].window.end - alerts[2].window.start, Span::DAY);
    assert_eq!(alerts[2].evidence.len(), 2);
}

#[test]
fn ids_are_the_same_on_every_run_and_differ_between_entities() {
    let ids = || {
        let mut stage = stage("");
        let both = vec![finding("bob", 1e-9), finding("eve", 1e-9)];
        step(&mut stage, 1, both)
            .into_iter()
            .map(|alert| alert.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ids());
    assert_ne!(ids()[0], ids()[1]);
}
