//! The group changes: a second daemon takes over a part of the work, or leaves its own behind.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::{Story, message};
use crate::support::kafka::{Client, shared};
use crate::support::{becomes, eventually};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PARTITIONS: i32 = 2;
const HOUR: u64 = 3_600;
/// Messages in each partition in an hour.
const HOURLY: usize = 61;

/// A topic in which time passes, hour by hour.
struct Scene {
    kafka: Client,
    setting: Setting,
    story: Story,
}

impl Scene {
    fn set() -> Scene {
        let kafka = shared();
        Scene {
            setting: Setting::made(&kafka, PARTITIONS),
            kafka,
            story: Story::began(Duration::from_secs(5 * HOUR)),
        }
    }

    /// An hour of traffic in every partition, in the middle of which an actor touches the decoy.
    fn passes(&self, hour: u64) {
        let (begin, end) = (hour * HOUR, (hour + 1) * HOUR);
        let middle = begin + HOUR / 2;
        for partition in 0..PARTITIONS {
            let actor = format!("actor-{hour}-{partition}");
            let touch = message(partition, &self.story.touch(middle, &actor));
            let traffic = |seconds| self.story.traffic(partition, seconds, 60);
            let messages = traffic(begin..middle)
                .chain([touch])
                .chain(traffic(middle..end));
            self.kafka.produce(&self.setting.topic, messages);
        }
    }

    /// The alert records on each actor, once there are some on so many of them.
    fn alerts(&self, actors: usize) -> BTreeMap<String, Vec<Value>> {
        eventually("an alert on each actor", SOON, || {
            let mut alerts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for record in self.kafka.consume(&self.setting.alerts) {
                let alert: Value =
                    serde_json::from_slice(&record.payload).expect("an alert in JSON");
                if let Some(actor) = alert["entity"]["actor"].as_str() {
                    alerts.entry(actor.to_owned()).or_default().push(alert);
                }
            }
            (alerts.len() == actors).then_some(alerts)
        })
    }

    /// However many daemons have read of it, each touch is one episode, in the window it was in.
    fn each_touch_is_told_of_as_it_was(&self, hours: u64) {
        for (actor, alerts) in self.alerts(hours as usize * PARTITIONS as usize) {
            let ids: BTreeSet<&str> = alerts
                .iter()
                .filter_map(|alert| alert["id"].as_str())
                .collect();
            assert_eq!(ids.len(), 1, "{actor}: {alerts:?}");
            let hour: u64 = actor
                .split('-')
                .nth(1)
                .and_then(|hour| hour.parse().ok())
                .expect("an hour");
            let touched = self.story.at(hour * HOUR + HOUR / 2);
            for alert in alerts {
                let time = |end: &str| -> jiff::Timestamp {
                    let text = alert["window"][end].as_str().unwrap_or_default();
                    text.parse().expect("a time")
                };
                assert!((time("start")..time("end")).contains(&touched), "{alert}");
            }
        }
    }
}

fn partitions(daemon: &Daemon) -> usize {
    daemon.scrape().count("vigie_kafka_lag_messages")
}

fn read(daemon: &Daemon) -> usize {
    daemon.scrape().sum("vigie_events_read_total", &[]) as usize
}

#[test]
fn a_second_member_takes_over_a_partition_and_nothing_is_lost_or_alerted_twice() {
    let scene = Scene::set();
    let first = Daemon::start(&scene.setting);
    scene.passes(0);
    first.has_read(2 * HOURLY);
    let second = Daemon::start(&scene.setting);
    becomes("partitions of each", SOON, (1, 1), || {
        (partitions(&first), partitions(&second))
    });

    scene.passes(1);
    scene.each_touch_is_told_of_as_it_was(2);
    let both = read(&first) + read(&second);
    // At the most the partition that moved was read again from its beginning.
    assert!((4 * HOURLY..=5 * HOURLY).contains(&both), "{both}");
}

#[test]
fn a_partition_of_a_member_that_left_brings_no_old_events_into_new_windows() {
    let scene = Scene::set();
    let first = Daemon::start(&scene.setting);
    let second = Daemon::start(&scene.setting);
    becomes("partitions of each", SOON, (1, 1), || {
        (partitions(&first), partitions(&second))
    });
    scene.passes(0);
    scene.passes(1);
    first.has_read(2 * HOURLY);
    second.has_read(2 * HOURLY);
    scene.each_touch_is_told_of_as_it_was(2);

    second.leave(SOON);
    becomes("partitions of the first", SOON, 2, || partitions(&first));
    scene.passes(2);
    first.has_read(6 * HOURLY);
    scene.each_touch_is_told_of_as_it_was(3);
    // What the first has dropped, since the second had judged it, it has counted.
    assert!(first.scrape().sum("vigie_panes_late_total", &[]) > 0.0);
}
