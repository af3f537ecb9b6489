//! Where a daemon begins to read, as `kafka.start` says.

use crate::support::becomes;
use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::Story;
use crate::support::kafka::shared;
use std::time::Duration;

const BATCH: usize = 10;

#[test]
fn reading_starts_where_the_configuration_says() {
    let kafka = shared();
    let made = Setting::made(&kafka, 1);
    let story = Story::began(Duration::from_secs(4 * 3_600));
    let batch = |number: u64| {
        let begin = number * 600;
        kafka.produce(&made.topic, story.traffic(0, begin..begin + 600, 60));
    };
    let start_at = |start: &str| {
        // Each in a group of its own: none is to wait for another's partition.
        Daemon::start(&Setting {
            group: format!("{}-{}", made.group, start.replace(':', "-")),
            start: start.to_owned(),
            ..made.clone()
        })
    };
    batch(0);
    let between = jiff::Timestamp::now();
    batch(1);
    start_at("earliest").has_read(2 * BATCH);
    start_at("28d").has_read(2 * BATCH);
    start_at(&between.to_string()).has_read(BATCH);

    let latest = start_at("latest");
    becomes("partitions whose end is known", SOON, 1, || {
        latest.scrape().count("vigie_kafka_lag_messages")
    });
    latest.has_read(0);
    batch(2);
    latest.has_read(BATCH);
}
