//! Metrics as scraped text.

use super::*;
use crate::config::Config;
use crate::domain::{Alert, AlertClass, AlertStatus, AlertWindow, EventTime, Maturity};
use crate::observe::Verdict;
use crate::sink::live::{DeadLetters, Lag, OffsetResets};
use std::path::Path;

pub(in crate::sink) fn alert(detection: &str, actor: &str, severity: Severity) -> Alert {
    Alert {
        id: format!("{detection}-{actor}"),
        status: AlertStatus::Firing,
        detection: detection.to_owned(),
        class: AlertClass::Harvesting,
        severity,
        entity: BTreeMap::from([("actor", actor.to_owned())]),
        members: Vec::new(),
        window: AlertWindow {
            start: EventTime(0),
            end: EventTime(3_600_000),
        },
        decided: EventTime(3_900_000),
        measure: String::from("count"),
        observed: 90.0,
        expected: 3.0,
        p_value: 1e-9,
        false_alarms_per_day: 1e-4,
        evidence: Vec::new(),
        records: 90,
        explanation: String::new(),
        maturity: Maturity::Mature,
        benign_causes: Vec::new(),
        references: Vec::new(),
    }
}

fn render(change: impl FnOnce(&mut LiveStatus)) -> String {
    let config = Config::parse("test", "", Path::new(".")).unwrap();
    let status = SharedStatus::default();
    status.lock().back = crate::engine::Back::new(&config.engine()).status();
    change(&mut status.lock());
    Metrics::new(Arc::clone(&config.plan), status).render()
}

/// The value of a series, written as it is scraped.
fn value(text: &str, series: &str) -> f64 {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {series} in\n{text}"))
        .parse()
        .unwrap()
}

#[test]
fn every_alert_counter_is_born_at_zero() {
    let text = render(|_| {});
    let config = Config::parse("test", "", Path::new(".")).unwrap();
    for detection in &config.plan.detections {
        for severity in Severity::ALL {
            let series = format!(
                "vigie_alerts_total{{detection=\"{}\",class=\"{}\",severity=\"{}\"}}",
                detection.name,
                detection.policy.class.name(),
                severity.name()
            );
            assert_eq!(value(&text, &series), 0.0);
        }
    }
}

#[test]
fn the_names_of_the_contract_are_there() {
    let text = render(|status| {
        status.lag.push(Lag {
            topic: String::from("shipments"),
            partition: 3,
            messages: 17,
        });
        status.watermark = Some(EventTime(1_500));
        status
            .back
            .active
            .push(alert("actor_volume_surge", "eve", Severity::Critical));
    });
    for name in [
        "vigie_alerts_total",
        "vigie_alerts_active",
        "vigie_alert_active",
        "vigie_alerts_muted_total",
        "vigie_events_read_total",
        "vigie_events_total",
        "vigie_events_rejected_total",
        "vigie_events_late_total",
        "vigie_events_duplicate_total",
        "vigie_watermark_timestamp_seconds",
        "vigie_kafka_lag_messages",
        "vigie_entities",
        "vigie_entities_evicted_total",
        "vigie_parcels_evicted_total",
        "vigie_state_bytes",
        "vigie_tests_total",
        "vigie_checkpoint_last_success_timestamp_seconds",
        "vigie_config_last_reload_successful",
        "vigie_config_last_reload_success_timestamp_seconds",
        "vigie_build_info",
        "process_resident_memory_bytes",
    ] {
        assert!(
            text.contains(&format!("# TYPE {name} ")),
            "{name} in\n{text}"
        );
    }
    // Only what was tested has a calibration.
    assert!(!text.contains("vigie_calibration_ratio{"));
    assert_eq!(value(&text, "vigie_watermark_timestamp_seconds"), 1.5);
    let lag = "vigie_kafka_lag_messages{topic=\"shipments\",partition=\"3\"}";
    assert_eq!(value(&text, lag), 17.0);
}

#[test]
fn what_was_read_is_what_became_of_it() {
    let text = render(|status| {
        for verdict in [
            Verdict::Processed(crate::domain::Kind::Access),
            Verdict::Processed(crate::domain::Kind::Movement),
            Verdict::Late,
            Verdict::Late,
            Verdict::Duplicate,
            Verdict::Rejected(crate::decode::Rejection::NotJson),
        ] {
            status.counts.add(verdict);
        }
    });
    assert_eq!(value(&text, "vigie_events_read_total"), 6.0);
    assert_eq!(value(&text, "vigie_events_total{kind=\"access\"}"), 1.0);
    assert_eq!(value(&text, "vigie_events_late_total"), 2.0);
    assert_eq!(value(&text, "vigie_events_duplicate_total"), 1.0);
    let rejected: f64 = text
        .lines()
        .filter(|line| line.starts_with("vigie_events_rejected_total{"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert_eq!(rejected, 1.0);
}

#[test]
fn what_was_refused_is_written_or_lost_or_waits_where_a_topic_is_named() {
    assert!(!render(|_| {}).contains("vigie_dead_letters"));
    let text = render(|status| {
        status.dead_letters = Some(DeadLetters {
            written: 5,
            lost: vec![("queue_full", 0), ("too_large", 2)],
            waiting: 1,
        });
    });
    assert_eq!(value(&text, "vigie_dead_letters_total"), 5.0);
    let lost = |reason| format!("vigie_dead_letters_lost_total{{reason=\"{reason}\"}}");
    assert_eq!(value(&text, &lost("queue_full")), 0.0);
    assert_eq!(value(&text, &lost("too_large")), 2.0);
    assert_eq!(value(&text, "vigie_dead_letters_waiting"), 1.0);
}

#[test]
fn what_was_deleted_unread_is_counted_by_partition_from_zero_on() {
    let text = render(|status| {
        let lost = OffsetResets {
            expired: 1,
            replaced: 2,
            messages_lost: 40,
        };
        status.offset_resets = vec![
            ((String::from("t"), 0), lost),
            ((String::from("t"), 1), OffsetResets::default()),
        ];
    });
    let lost = |n| format!("vigie_kafka_messages_lost_total{{topic=\"t\",partition=\"{n}\"}}");
    assert_eq!(
        (value(&text, &lost(0)), value(&text, &lost(1))),
        (40.0, 0.0)
    );
    let resets = |n, reason| {
        let labels = format!("topic=\"t\",partition=\"{n}\",reason=\"{reason}\"");
        value(
            &text,
            &format!("vigie_kafka_offset_resets_total{{{labels}}}"),
        )
    };
    assert_eq!((resets(0, "expired"), resets(0, "replaced")), (1.0, 2.0));
    assert_eq!((resets(1, "expired"), resets(1, "replaced")), (0.0, 0.0));
}

#[test]
fn an_entity_with_quotes_and_newlines_stays_one_escaped_label() {
    let text = render(|status| {
        let evil = "a\"b\\c\nd".to_owned() + &"x".repeat(10_000);
        status
            .back
            .active
            .push(alert("actor_volume_surge", &evil, Severity::Warning));
    });
    let line = text
        .lines()
        .find(|line| line.starts_with("vigie_alert_active{"))
        .unwrap();
    assert!(
        line.contains(r#"a\"b\\c\nd"#) && line.ends_with(" 1"),
        "{line}"
    );
    assert!(line.len() < 1_000, "{} characters", line.len());
}

#[test]
fn only_so_many_active_alerts_have_a_series_and_all_are_counted() {
    let text = render(|status| {
        for n in 0..ACTIVE_ALERT_SERIES_MAX + 50 {
            let actor = format!("actor-{n}");
            status
                .back
                .active
                .push(alert("actor_volume_surge", &actor, Severity::Warning));
        }
    });
    let series = text
        .lines()
        .filter(|line| line.starts_with("vigie_alert_active{"));
    assert_eq!(series.count(), ACTIVE_ALERT_SERIES_MAX);
    let counted = "vigie_alerts_active{detection=\"actor_volume_surge\",class=\"harvesting\",severity=\"warning\"}";
    assert_eq!(value(&text, counted), (ACTIVE_ALERT_SERIES_MAX + 50) as f64);
}
