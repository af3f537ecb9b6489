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
        class: 0,
        observed: 4_012.0,
        expected: 31.0,
        p: PValue::new(p),
        records: 4_100,
        maturity: Maturity::Mature,
        part: EntityKey::default(),
        trials: None,
        members: Vec::new(),
        members_effective: 0.0,
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
        tests: vec![300],
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
            let threshold = stage.budget.threshold(series, 0, &[300]).get();
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
fn what_other_detections_say_of_the_same_is_taken_in_and_not_told_again() {
    let mut stage = stage("");
    let surge = hour(&stage, 1, vec![finding("eve", 1e-7)]);
    let fanout = judgement(&stage, "actor_fanout_spread", 1, vec![finding("eve", 1e-6)]);
    // The stronger speaks for both.
    let alerts = stage.step(&[surge, fanout]);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].detection, "actor_volume_surge");
    let measures: Vec<&str> = alerts[0]
        .evidence
        .iter()
        .map(|evidence| evidence.measure.as_str())
        .collect();
    assert_eq!(measures, ["count", "distinct(seller)"]);
    assert!(
        alerts[0]
            .explanation
            .contains(" Also: actor eve touched 4,012 different sellers"),
        "{}",
        alerts[0].explanation
    );
    // One that is more severe makes it so, under the same id, and the evidence stays.
    let worse = judgement(
        &stage,
        "actor_fanout_spread",
        2,
        vec![finding("eve", 1e-40)],
    );
    let again = stage.step(&[worse]);
    assert_eq!(again.len(), 1);
    assert_eq!(
        (&again[0].id, again[0].severity),
        (&alerts[0].id, Severity::Critical)
    );
    assert!(again[0].false_alarms_per_day < alerts[0].false_alarms_per_day);
    // Another class, and another entity, are other matters.
    let probing = judgement(&stage, "lookup_miss_walk", 2, vec![finding("eve", 1e-20)]);
    let other = judgement(
        &stage,
        "actor_fanout_spread",
        2,
        vec![finding("bob", 1e-20)],
    );
    assert_eq!(stage.step(&[probing, other]).len(), 2);
    assert_eq!(stage.muted()[&Muted::Companion], 2);
}

#[test]
fn a_companion_of_a_day_ago_speaks_for_itself() {
    let mut stage = stage("");
    step(&mut stage, 1, vec![finding("eve", 1e-6)]);
    for hours in 2..=30 {
        step(&mut stage, hours, vec![]);
    }
    let later = judgement(
        &stage,
        "actor_fanout_spread",
        31,
        vec![finding("eve", 1e-6)],
    );
    assert_eq!(stage.step(&[later]).len(), 1);
}

#[test]
fn groups_of_mostly_the_same_members_are_one_matter() {
    let mut stage = stage("");
    let group = |key: &str, members: &[&str]| Finding {
        members: members
            .iter()
            .map(|member| EntityKey::new(member))
            .collect(),
        members_effective: members.len() as f64,
        ..finding(key, 1e-9)
    };
    let org = group("acme", &["a", "b", "c", "d"]);
    let same = group("AS1", &["a", "b", "c", "x"]);
    let other = group("AS2", &["k", "l", "m", "d"]);
    let judgements = [
        judgement(&stage, "coordinated_organisation_harvest", 1, vec![org]),
        judgement(&stage, "coordinated_network_harvest", 1, vec![same, other]),
    ];
    let alerts = stage.step(&judgements);
    let told: Vec<&str> = alerts
        .iter()
        .flat_map(|alert| alert.entity.values().map(String::as_str))
        .collect();
    assert_eq!(alerts.len(), 2, "{told:?}");
    assert!(told.contains(&"AS2"), "{told:?}");
}

#[test]
fn what_one_member_does_alone_is_not_its_groups() {
    let mut stage = stage("");
    let lone = Finding {
        members: vec![EntityKey::new("eve"), EntityKey::new("bob")],
        members_effective: 1.2,
        ..finding("AS1", 1e-9)
    };
    let judged = judgement(&stage, "coordinated_network_harvest", 1, vec![lone]);
    assert!(stage.step(&[judged]).is_empty());
    assert_eq!(stage.muted()[&Muted::SmallEffect], 1);
}

#[test]
fn of_many_that_are_unusual_together_the_strongest_are_told_of() {
    let mut stage = stage("");
    let crowd = |more: i32| {
        (0..40)
            .map(|n| finding(&format!("crowd-{n:02}"), 10_f64.powi(-30 - n - more)))
            .collect()
    };
    let alerts = step(&mut stage, 8, crowd(0));
    let told: Vec<&str> = alerts
        .iter()
        .map(|alert| alert.entity["actor"].as_str())
        .collect();
    assert_eq!(told, ["crowd-36", "crowd-37", "crowd-38", "crowd-39"]);
    assert_eq!(stage.muted()[&Muted::CommonCause], 36);
    // The longer window that holds that hour says it again, and is not heard.
    let day = Judgement {
        series: series_of(&stage, "actor_volume_surge", Span::DAY),
        window: AlertWindow {
            start: START,
            end: START + Span::DAY,
        },
        ..hour(&stage, 24, crowd(0))
    };
    let opened: Vec<Alert> = stage
        .step(&[day])
        .into_iter()
        .filter(|alert| alert.evidence.iter().any(|one| one.window.start == START))
        .filter(|alert| !told.contains(&alert.entity["actor"].as_str()))
        .collect();
    assert!(opened.is_empty(), "{opened:?}");
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
    let walk = judgement(&stage, "lookup_miss_walk", 24, vec![finding("bob", 1e-9)]);
    let alerts = stage.step(&[of_hour, of_day, walk]);
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.detection.as_str(), alert.entity["actor"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("actor_volume_surge", "bob"),
            ("actor_volume_surge", "eve"),
            ("lookup_miss_walk", "bob")
        ]
    );
    // The day's window is the stronger and speaks; the hour's is evidence.
    assert_eq!(alerts[1].window.end - alerts[1].window.start, Span::DAY);
    assert_eq!(alerts[1].evidence.len(), 2);
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

/// A stage by a whole configuration.
fn stage_by(text: &str) -> Alerting {
    let mut stage = stage("");
    swap(&mut stage, text);
    stage
}

/// The stage goes on by this configuration.
fn swap(stage: &mut Alerting, text: &str) {
    let config = Config::parse("test", text, Path::new(".")).unwrap();
    stage.swap(config.plan, config.alerts, config.policy);
}

fn muted(stage: &Alerting) -> Vec<(&'static str, u64)> {
    let muted = stage.muted().iter();
    muted.map(|(reason, n)| (reason.name(), *n)).collect()
}

/// Two hours from the start on, eve is muted.
const MUTE_EVE: &str = "
policy:
  mutes:
    - match: { actor: ev* }
      from: 2026-01-05T02:00:00Z
      until: 2026-01-05T04:00:00Z
      reason: known
";

#[test]
fn a_mute_holds_for_its_time_and_its_alerts_and_what_goes_on_fires_after_it() {
    let mut stage = stage_by(MUTE_EVE);
    let both = || vec![finding("bob", 1e-9), finding("eve", 1e-9)];
    let told = |alerts: Vec<Alert>| -> Vec<String> {
        let firing = |alert: &Alert| alert.status == AlertStatus::Firing;
        let alerts = alerts.into_iter().filter(firing);
        alerts.map(|alert| alert.entity["actor"].clone()).collect()
    };
    // The windows from two to three and from three to four o'clock are muted.
    assert_eq!(told(step(&mut stage, 3, both())), ["bob"]);
    assert!(told(step(&mut stage, 4, both())).is_empty());
    assert_eq!(muted(&stage), [("mute", 2)]);
    assert_eq!(told(step(&mut stage, 5, both())), ["eve"]);
    assert_eq!(muted(&stage), [("mute", 2)]);
}

#[test]
fn an_episode_that_is_open_when_a_mute_begins_is_not_shown_and_resolves_when_it_is_over() {
    let mut stage = stage_by(MUTE_EVE);
    let first = step(&mut stage, 2, vec![finding("eve", 1e-5)]);
    assert_eq!((first.len(), stage.active().count()), (1, 0));
    // Worse, but muted: nothing is said, and it goes on.
    assert!(step(&mut stage, 3, vec![finding("eve", 1e-30)]).is_empty());
    assert!(step(&mut stage, 4, vec![finding("eve", 1e-30)]).is_empty());
    assert_eq!(muted(&stage), [("mute", 2)]);
    // Seen last at four o'clock, it is over at six, not at four: the mute did not end it.
    assert!(step(&mut stage, 5, vec![]).is_empty());
    assert_eq!(stage.active().count(), 1);
    let end = step(&mut stage, 6, vec![]);
    assert_eq!(
        (end[0].status, &end[0].id, end[0].severity),
        (AlertStatus::Resolved, &first[0].id, Severity::Warning)
    );
}

#[test]
fn an_episode_that_got_worse_while_it_was_muted_says_so_after_the_mute() {
    let mut stage = stage_by(MUTE_EVE);
    let first = step(&mut stage, 2, vec![finding("eve", 1e-5)]);
    for hours in [3, 4] {
        assert!(step(&mut stage, hours, vec![finding("eve", 1e-30)]).is_empty());
    }
    let worse = step(&mut stage, 5, vec![finding("eve", 1e-30)]);
    assert_eq!(
        (&worse[0].id, worse[0].severity),
        (&first[0].id, Severity::Critical)
    );
}

#[test]
fn a_calendar_is_named_first_and_may_ask_for_stronger_alerts_or_mute_them() {
    let calendar = |effect: &str| {
        format!(
            "policy: {{calendars: [{{name: singles' day, kind: peak, yearly: 01-05, effect: {effect}}}]}}"
        )
    };
    let causes = |effect: &str, p: f64| {
        let mut stage = stage_by(&calendar(effect));
        let alerts = step(&mut stage, 1, vec![finding("eve", p)]);
        let first = alerts.first().map(|alert| alert.benign_causes[0].clone());
        (first, muted(&stage))
    };
    let named = Some(String::from("calendar: singles' day (peak)"));
    // 1e-5 is within the budget, and not within a thousandth of it.
    assert_eq!(causes("annotate", 1e-5), (named.clone(), vec![]));
    assert_eq!(causes("{budget: 0.001}", 1e-12), (named, vec![]));
    assert_eq!(
        causes("{budget: 0.001}", 1e-5),
        (None, vec![("calendar", 1)])
    );
    assert_eq!(causes("mute", 1e-30), (None, vec![("mute", 1)]));
    // The day after it is as if there were no calendar.
    let mut stage = stage_by(&calendar("mute"));
    let alerts = step(&mut stage, 25, vec![finding("eve", 1e-5)]);
    assert!(!alerts[0].benign_causes[0].contains("calendar"));
}

#[test]
fn what_is_agreed_is_muted_until_the_list_forgets_it() {
    const UNLESS: &str =
        "detections: [{name: actor_volume_surge, unless: {actor: {in: agreed}}}]\n";
    let mut stage = stage_by(&format!("{UNLESS}lists: {{agreed: [eve]}}"));
    assert!(step(&mut stage, 1, vec![finding("eve", 1e-9)]).is_empty());
    assert_eq!(muted(&stage), [("allowed", 1)]);
    assert_eq!(step(&mut stage, 2, vec![finding("bob", 1e-9)]).len(), 1);
    swap(&mut stage, &format!("{UNLESS}lists: {{agreed: []}}"));
    let alerts = step(&mut stage, 3, vec![finding("eve", 1e-9)]);
    assert_eq!(alerts[0].entity["actor"], "eve");
}

#[test]
fn a_swap_keeps_open_episodes_and_changes_what_follows() {
    let mut stage = stage_by("");
    let first = step(&mut stage, 1, vec![finding("eve", 1e-5)]);
    assert_eq!(first.len(), 1);
    swap(
        &mut stage,
        "alerts: {false_alarms_per_day: 0.001, resolve_after: 3h}",
    );
    assert!(step(&mut stage, 2, vec![finding("bob", 1e-5)]).is_empty());
    assert_eq!(stage.active().count(), 1);
    for hours in 3..=4 {
        assert!(step(&mut stage, hours, vec![]).is_empty());
    }
    let end = step(&mut stage, 5, vec![]);
    assert_eq!(
        (end[0].status, &end[0].id),
        (AlertStatus::Resolved, &first[0].id)
    );
}

#[test]
fn a_detection_switched_off_raises_nothing_and_leaves_its_budget_to_the_others() {
    let mut stage = stage_by("");
    let threshold = |stage: &Alerting, name: &str| {
        let series = series_of(stage, name, Span::HOUR);
        stage.budget.threshold(series, 0, &[300]).get()
    };
    step(&mut stage, 1, vec![finding("eve", 1e-9)]);
    let before = threshold(&stage, "actor_fanout_spread");
    let mut plan = Plan::clone(&stage.plan);
    let surge = &mut plan.detections[0];
    assert_eq!(surge.name, "actor_volume_surge");
    surge.policy.enabled = false;
    let settings = stage.settings;
    stage.swap(Arc::new(plan), settings, Arc::default());
    assert!(threshold(&stage, "actor_fanout_spread") > before);
    // What was open is over when it is quiet, and is not shown until then.
    assert!(
        step(
            &mut stage,
            2,
            vec![finding("eve", 1e-30), finding("bob", 1e-30)]
        )
        .is_empty()
    );
    assert_eq!(stage.active().count(), 0);
    let end = step(&mut stage, 4, vec![finding("eve", 1e-30)]);
    assert_eq!(end[0].status, AlertStatus::Resolved);
}

#[test]
fn what_many_have_in_common_is_remembered_for_a_while() {
    let mut stage = stage("");
    let crowd = |name: &str| {
        (0..40)
            .map(|n| finding(&format!("{name}-{n:02}"), 1e-30 / f64::from(1 + n)))
            .collect()
    };
    assert_eq!(step(&mut stage, 8, crowd("first")).len(), 4);
    // Others whom it reaches later in the day are no news, but for one who is far more unusual.
    let opened = |alerts: Vec<Alert>, name: &str| {
        let firing = alerts
            .into_iter()
            .filter(|alert| alert.status == AlertStatus::Firing)
            .filter(|alert| alert.entity["actor"].starts_with(name));
        firing.count()
    };
    let later = step(&mut stage, 20, crowd("second"));
    assert_eq!(opened(later, "second"), 0);
    let alone = step(&mut stage, 21, vec![finding("eve", 1e-90)]);
    assert_eq!(opened(alone, "eve"), 1);
    // As long as many are, and for a day after that.
    let late = step(&mut stage, 40, vec![finding("third-00", 1e-30)]);
    assert_eq!(opened(late, "third"), 0);
    let after = step(&mut stage, 50, vec![finding("fourth-00", 1e-30)]);
    assert_eq!(opened(after, "fourth"), 1);
}
