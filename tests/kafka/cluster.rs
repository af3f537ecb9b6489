//! Several replicas, one of which is killed every so often: the alerts of one process that is left
//! alone.

use super::durability::{finishes, messages, records};
use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::eventually;
use crate::support::kafka::{Client, shared};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeSet;

const PARTITIONS: i32 = 4;
const REPLICAS: usize = 3;
const KILLS: usize = 10;

/// Of a group, output and logs of its own, on a topic that others read as well.
fn yaml(setting: &Setting, topic: &str) -> String {
    let read = format!("topics: [{topic}]");
    let yaml = setting
        .yaml()
        .replace(&format!("topics: [{}]", setting.topic), &read)
        .replace("bound: append", "bound: none");
    let prefix = &setting.group;
    format!(
        "{yaml}state:\n  interval: 1s\ncluster:\n  enabled: true\n  topic_prefix: {prefix}\n  shards: 3\n"
    )
}

/// Waits until the replicas have raised what is expected.
fn raise(kafka: &Client, alerts: &str, expected: &BTreeSet<String>) {
    let start = std::time::Instant::now();
    let mut after = BTreeSet::new();
    while start.elapsed() < 4 * SOON {
        after = records(kafka, alerts).into_iter().collect();
        if after == *expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let missing: Vec<_> = expected.difference(&after).collect();
    let other: Vec<_> = after.difference(expected).collect();
    panic!("missing: {missing:#?}\nraised: {other:#?}");
}

#[test]
fn killed_ten_times_three_replicas_raise_what_one_process_would_have_raised() {
    let kafka = shared();
    let messages = messages(PARTITIONS);
    let (alone, together) = (
        Setting::made(&kafka, PARTITIONS),
        Setting::made(&kafka, PARTITIONS),
    );
    let topic = alone.topic.clone();
    for some in messages.chunks(50_000) {
        kafka.produce(&topic, some.iter().cloned());
    }
    let single = alone.yaml().replace("bound: append", "bound: none");
    finishes(Daemon::start_with(&single), PARTITIONS);
    let expected: BTreeSet<String> = records(&kafka, &alone.alerts).into_iter().collect();
    assert!(expected.len() > 3, "{expected:#?}");

    let yaml = yaml(&together, &topic);
    let mut replicas: Vec<Daemon> = (0..REPLICAS).map(|_| Daemon::start_with(&yaml)).collect();
    let mut rng = Pcg64::seed_from_u64(21);
    for kill in 0..KILLS {
        let victim = rng.random_range(0..REPLICAS);
        std::thread::sleep(std::time::Duration::from_millis(
            rng.random_range(500..6_000),
        ));
        // It is killed as its owner lets go of it.
        replicas.swap_remove(victim);
        eprintln!("kill {kill}");
        replicas.push(Daemon::start_with(&yaml));
    }
    raise(&kafka, &together.alerts, &expected);
    eventually("somebody to have read everything", SOON, || {
        let read = replicas
            .iter()
            .map(|replica| replica.scrape().sum("vigie_kafka_lag_messages", &[]));
        (read.sum::<f64>() == 0.0).then_some(())
    });
}
