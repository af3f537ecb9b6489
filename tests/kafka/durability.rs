//! kill -9 while it reads: what it raises, and what it knows at the end, is as if nothing had happened.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::directory;
use crate::support::eventually;
use crate::support::hub::{Scene, lines_of, tiny_hub};
use crate::support::kafka::{Client, Message, shared};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use vigie::domain::{Intensity, Span};
use vigie::simulate::{Injection, Scenario, Settings};

const PARTITIONS: i32 = 2;
const KILLS: usize = 10;
const LEAVE_WITHIN: Duration = Duration::from_secs(20);

/// Eight days of the tiny hub with a sweep on the seventh, dealt out to the partitions.
pub(super) fn messages(partitions: i32) -> Vec<Message> {
    let scenario = Scenario::named("one_touch_sweep").expect("a scenario");
    let after = Span(Span::days(6).0 + Span::hours(6).0);
    let injection = Injection::new(scenario, after, Intensity::High);
    let scene = Scene::of(Settings {
        injections: vec![injection],
        ..tiny_hub(911)
    });
    let lines = lines_of(&scene, 8);
    let message = |(partition, (_, payload)): (i32, (_, Vec<u8>))| Message {
        partition: partition % partitions,
        key: String::new(),
        payload,
    };
    (0..).zip(lines).map(message).collect()
}

/// A daemon of its own group, output and state, on a topic that others read as well.
fn yaml(setting: &Setting, topic: &str, state: &Path) -> String {
    let read = format!("topics: [{topic}]");
    let yaml = setting
        .yaml()
        .replace(&format!("topics: [{}]", setting.topic), &read)
        .replace("bound: append", "bound: none");
    format!(
        "{yaml}state:\n  directory: {}\n  interval: 1s\n",
        state.display()
    )
}

/// Waits until everything is read, and lets it leave.
pub(super) fn finishes(daemon: Daemon, partitions: i32) {
    eventually("everything to be read", 3 * SOON, || {
        let scrape = daemon.scrape();
        let lag = scrape.sum("vigie_kafka_lag_messages", &[]);
        let known = scrape.count("vigie_kafka_lag_messages") == partitions as usize;
        (known && lag == 0.0).then_some(())
    });
    let ended = daemon.leave(LEAVE_WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

pub(super) fn records(kafka: &Client, topic: &str) -> Vec<String> {
    let records = kafka.consume(topic);
    let text = records
        .into_iter()
        .map(|record| String::from_utf8(record.payload).expect("JSON"));
    text.collect()
}

#[test]
fn killed_ten_times_it_raises_what_it_would_have_raised() {
    let kafka = shared();
    let messages = messages(PARTITIONS);
    let (straight, killed) = (
        Setting::made(&kafka, PARTITIONS),
        Setting::made(&kafka, PARTITIONS),
    );
    let topic = straight.topic.clone();
    for some in messages.chunks(50_000) {
        kafka.produce(&topic, some.iter().cloned());
    }
    let folders = [directory::fresh(), directory::fresh()];

    finishes(
        Daemon::start_with(&yaml(&straight, &topic, folders[0].path())),
        PARTITIONS,
    );
    let expected = records(&kafka, &straight.alerts);
    assert!(expected.len() > 3, "{expected:#?}");

    let mut rng = Pcg64::seed_from_u64(20);
    let yaml = yaml(&killed, &topic, folders[1].path());
    let mut kept = 0;
    for _ in 0..KILLS {
        let daemon = Daemon::start_with(&yaml);
        let reads = rng.random_range(0.0..messages.len() as f64 / 4.0);
        eventually("some messages to be read", 3 * SOON, || {
            let scrape = daemon.scrape();
            let lag = scrape.sum("vigie_kafka_lag_messages", &[]);
            let has_read = scrape.sum("vigie_events_read_total", &[]) >= reads;
            let is_done = scrape.count("vigie_kafka_lag_messages") > 0 && lag == 0.0;
            (has_read || is_done).then_some(())
        });
        kept += usize::from(daemon.log().contains("going on from a snapshot"));
        // It is killed as its owner lets go of it.
        drop(daemon);
    }
    assert!(kept > KILLS / 2, "it went on from {kept} snapshots");
    finishes(Daemon::start_with(&yaml), PARTITIONS);

    let after = records(&kafka, &killed.alerts);
    let set = |records: &[String]| records.iter().cloned().collect::<BTreeSet<String>>();
    assert_eq!(set(&after), set(&expected));
}
