//! From a topic with events to a topic with alerts, to Prometheus, and to the shipped rules.

use crate::support::contract::{faults_of_alert, faults_of_event};
use crate::support::daemon::{Daemon, SOON, Scrape, Setting, with_dead_letters};
use crate::support::events::{Story, message};
use crate::support::eventually;
use crate::support::kafka::{Client, Message, shared};
use crate::support::prometheus::{Prometheus, check_metrics};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const PARTITIONS: i32 = 3;
const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/prometheus/vigie.rules.yaml"
);
const HOUR: u64 = 3_600;

/// A daemon and the Prometheus that watches it, both from before the first event on.
struct Scene {
    kafka: Client,
    setting: Setting,
    daemon: Daemon,
    prometheus: Prometheus,
}

impl Scene {
    fn set() -> Scene {
        let kafka = shared();
        let setting = Setting::made(&kafka, PARTITIONS);
        let rejected = format!("{}-rejected", setting.topic);
        kafka.create_topic(&rejected, 1);
        let daemon = Daemon::start_with(&with_dead_letters(&setting.yaml(), &rejected));
        let prometheus = Prometheus::start(daemon.address(), Path::new(RULES));
        // An increase is seen only by who has seen the zero before it.
        eventually("Prometheus to see that nothing has fired", SOON, || {
            (prometheus.value("sum(vigie_alerts_total)") == Some(0.0)).then_some(())
        });
        Scene {
            kafka,
            setting,
            daemon,
            prometheus,
        }
    }

    fn plays(&self, messages: &[Message]) {
        self.kafka.produce(&self.setting.topic, messages.to_vec());
    }

    /// The alert records on the topic, once they are as many as the daemon has counted.
    fn alerts(&self) -> Vec<Value> {
        eventually(
            "alert records to be as many as alerts counted",
            SOON,
            || {
                let counted = self.daemon.scrape().sum("vigie_alerts_total", &[]);
                let records: Vec<Value> = self
                    .kafka
                    .consume(&self.setting.alerts)
                    .iter()
                    .map(|record| {
                        let alert: Value =
                            serde_json::from_slice(&record.payload).expect("an alert in JSON");
                        assert_eq!(
                            record.key,
                            alert["id"].as_str().unwrap_or_default().as_bytes()
                        );
                        alert
                    })
                    .collect();
                let firing = firing(&records).count() as f64;
                (firing > 0.0 && firing == counted).then_some(records)
            },
        )
    }
}

fn firing(alerts: &[Value]) -> impl Iterator<Item = &Value> {
    alerts.iter().filter(|alert| alert["status"] == "firing")
}

/// Four hours of quiet traffic in every partition. An actor touches the decoy early in each of
/// them, so that its episode ends, and one more does towards the end, so that its does not.
fn story() -> Vec<Message> {
    let story = Story::began(Duration::from_secs(6 * HOUR));
    let touch = |partition, second, actor: &str| {
        let event = story.touch(second, actor);
        assert_eq!(faults_of_event(&event), [""; 0]);
        message(partition, &event)
    };
    let mut messages = Vec::new();
    for partition in 0..PARTITIONS {
        messages.extend(story.traffic(partition, 0..600, 60));
        messages.push(touch(partition, 610, &format!("early-{partition}")));
        messages.extend(story.traffic(partition, 660..4 * HOUR - 1_200, 60));
        if partition == 0 {
            messages.push(touch(partition, 4 * HOUR - 1_200, "late"));
        }
        messages.extend(story.traffic(partition, 4 * HOUR - 1_200..4 * HOUR, 60));
    }
    messages
}

/// What the books of the daemon say.
fn books(scrape: &Scrape) -> BTreeMap<&'static str, f64> {
    ["read", "rejected", "late", "duplicate"]
        .into_iter()
        .map(|entry| {
            (
                entry,
                scrape.sum(&format!("vigie_events_{entry}_total"), &[]),
            )
        })
        .chain([("processed", scrape.sum("vigie_events_total", &[]))])
        .collect()
}

#[test]
fn the_topic_the_metrics_and_prometheus_tell_of_the_same_alerts() {
    let scene = Scene::set();
    let messages = story();
    scene.plays(&messages);
    scene.daemon.has_read(messages.len());
    let alerts = scene.alerts();
    for alert in &alerts {
        assert_eq!(faults_of_alert(alert), [""; 0], "{alert}");
    }

    let of_decoys = |status: &str| -> BTreeSet<&str> {
        alerts
            .iter()
            .filter(|alert| alert["detection"] == "decoy_record_touched")
            .filter(|alert| alert["status"] == status)
            .filter_map(|alert| alert["entity"]["actor"].as_str())
            .collect()
    };
    let early = BTreeSet::from(["early-0", "early-1", "early-2"]);
    let mut all = early.clone();
    all.insert("late");
    assert_eq!(of_decoys("firing"), all);
    assert_eq!(of_decoys("resolved"), early);

    let on_topic = firing(&alerts).count() as f64;
    let seen = || scene.prometheus.value("sum(vigie_alerts_total)");
    eventually("Prometheus to see the alerts on the topic", SOON, || {
        (seen() == Some(on_topic)).then_some(())
    });
}

#[test]
fn every_message_is_in_the_books_once_and_prometheus_can_read_them() {
    let scene = Scene::set();
    let story = Story::began(Duration::from_secs(6 * HOUR));
    let mut messages = Vec::new();
    for partition in 0..PARTITIONS {
        messages.extend(story.traffic(partition, 0..HOUR, 60));
        messages.extend(messages.last().cloned());
        messages.push(message(partition, &story.movement(0, "straggler")));
        messages.push(Message {
            payload: b"no JSON".to_vec(),
            ..messages[0].clone()
        });
    }
    scene.plays(&messages);
    scene.daemon.has_read(messages.len());
    let books = books(&scene.daemon.scrape());
    let of_each = f64::from(PARTITIONS);
    let expected = BTreeMap::from([
        ("read", 63.0 * of_each),
        ("processed", 60.0 * of_each),
        ("rejected", of_each),
        ("late", of_each),
        ("duplicate", of_each),
    ]);
    assert_eq!(books, expected);

    let balance = "sum(vigie_events_read_total) - sum(vigie_events_total) \
                   - sum(vigie_events_rejected_total) - sum(vigie_events_late_total) \
                   - sum(vigie_events_duplicate_total)";
    eventually("Prometheus to see everything read", SOON, || {
        (scene.prometheus.value("vigie_events_read_total") == Some(63.0 * of_each)).then_some(())
    });
    assert_eq!(scene.prometheus.value(balance), Some(0.0));
    let balance = "sum(vigie_events_rejected_total) - sum(vigie_dead_letters_total) \
                   - sum(vigie_dead_letters_lost_total) - sum(vigie_dead_letters_waiting)";
    eventually(
        "Prometheus to see the rejected in their topic",
        SOON,
        || (scene.prometheus.value("vigie_dead_letters_total") == Some(of_each)).then_some(()),
    );
    assert_eq!(scene.prometheus.value(balance), Some(0.0));
    let checked = check_metrics(&scene.daemon.get("/metrics").body);
    assert_eq!(
        checked.code,
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
}

#[test]
fn the_shipped_rules_fire_on_a_critical_alert_and_name_only_what_is_exported() {
    let scene = Scene::set();
    let messages = story();
    scene.plays(&messages);
    scene.daemon.has_read(messages.len());
    scene.alerts();
    eventually("the rule for critical alerts to fire", SOON, || {
        let firing = scene.prometheus.firing();
        firing
            .contains(&String::from("VigieCriticalAlert"))
            .then_some(())
    });
    let scrape = scene.daemon.scrape();
    let rules = std::fs::read_to_string(RULES).expect("the shipped rules");
    let unknown: Vec<&str> = rules
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("vigie_") && scrape.count(word) == 0)
        .collect();
    assert_eq!(unknown, [""; 0]);
}
