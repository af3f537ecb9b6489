//! A second daemon joins the group and takes over a part of the work.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::{Story, message};
use crate::support::kafka::shared;
use crate::support::{becomes, eventually};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PARTITIONS: i32 = 2;

/// An hour of traffic in every partition, in the middle of which an actor touches the decoy.
/// Gives the number of messages in each partition.
fn hour(story: Story, number: u64, produce: impl Fn(Vec<crate::support::kafka::Message>)) -> usize {
    let mut count = 0;
    for partition in 0..PARTITIONS {
        let begin = number * 3_600;
        let actor = format!("actor-{number}-{partition}");
        let mut messages = Vec::from_iter(story.traffic(partition, begin..begin + 1_800, 60));
        messages.push(message(partition, &story.touch(begin + 1_800, &actor)));
        messages.extend(story.traffic(partition, begin + 1_800..begin + 3_600, 60));
        count = messages.len();
        produce(messages);
    }
    count
}

#[test]
fn a_second_member_takes_over_a_partition_and_nothing_is_lost_or_alerted_twice() {
    let kafka = shared();
    let setting = Setting::made(&kafka, PARTITIONS);
    let story = Story::began(Duration::from_secs(4 * 3_600));
    let produce = |messages| kafka.produce(&setting.topic, messages);
    let partitions = |daemon: &Daemon| daemon.scrape().count("vigie_kafka_lag_messages");

    let first = Daemon::start(&setting);
    let history = hour(story, 0, produce);
    first.has_read(2 * history);
    let second = Daemon::start(&setting);
    becomes("partitions of each", SOON, (1, 1), || {
        (partitions(&first), partitions(&second))
    });

    let later = hour(story, 1, produce);
    let wanted = 2 * (history + later);
    let read = |daemon: &Daemon| daemon.scrape().sum("vigie_events_read_total", &[]);
    let settled = eventually("both to have read everything", SOON, || {
        let lag = |daemon: &Daemon| daemon.scrape().sum("vigie_kafka_lag_messages", &[]);
        let both = read(&first) + read(&second);
        (lag(&first) + lag(&second) == 0.0 && both >= wanted as f64).then_some(both)
    });
    // At the most the partition that moved was read again from its beginning.
    assert!(
        settled <= (wanted + history) as f64,
        "{settled} of {wanted}"
    );

    let ids = eventually("an alert for each actor", SOON, || {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in kafka.consume(&setting.alerts) {
            let alert: Value = serde_json::from_slice(&record.payload).expect("an alert in JSON");
            if let Some(actor) = alert["entity"]["actor"].as_str() {
                let id = alert["id"].as_str().unwrap_or_default();
                ids.entry(actor.to_owned())
                    .or_default()
                    .insert(id.to_owned());
            }
        }
        (ids.len() == 4).then_some(ids)
    });
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
}
