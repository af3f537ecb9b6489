//! A broker that is killed and comes back, again and again, under load: one process with its state in a
//! directory, and replicas of a cluster, go on where they were.
//!
//! ```text
//! VIGIE_OUTAGES=10 VIGIE_OUTAGE_SECONDS=120 tests/run kafka::outage
//! ```

use super::cluster::{Stage, tell};
use super::durability::{are_the_same, finishes, messages, number, records, state};
use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::directory;
use crate::support::eventually;
use crate::support::kafka::Node;
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 4;
const RESUMES_WITHIN: Duration = Duration::from_secs(30);

fn read_by(daemons: &[&Daemon]) -> f64 {
    let read = |daemon: &&Daemon| daemon.scrape().sum("vigie_events_read_total", &[]);
    daemons.iter().map(read).sum()
}

#[test]
fn after_every_outage_all_go_on_within_half_a_minute_and_nothing_is_different() {
    let outages = number("VIGIE_OUTAGES", 2);
    let outage = Duration::from_secs(number("VIGIE_OUTAGE_SECONDS", 20) as u64);
    let mut node = Node::start();
    let stage = Stage::on(node.client(), PARTITIONS);
    let kept = Setting {
        topic: stage.alone.topic.clone(),
        ..Setting::made(&stage.kafka, PARTITIONS)
    };
    let folder = directory::fresh();
    let yaml = Stage::yaml(&kept) + &state(folder.path(), "1s");
    let messages = messages(PARTITIONS);
    let parts: Vec<_> = messages
        .chunks(messages.len().div_ceil(outages + 1))
        .collect();
    stage.produce(parts[0]);
    let single = Daemon::start_with(&yaml);
    let replicas = [stage.replica(), stage.replica()];
    eventually("all to read", SOON, || {
        let all = [&single, &replicas[0], &replicas[1]];
        let read = all.map(|daemon| read_by(&[daemon]));
        let is_ready = |daemon: &&Daemon| daemon.get("/-/ready").status == 200;
        (read.iter().all(|read| *read > 1_000.0) && all.iter().all(is_ready)).then_some(())
    });
    for (number, part) in (1..).zip(&parts[1..]) {
        node.kill();
        std::thread::sleep(outage);
        for daemon in [&single, &replicas[0], &replicas[1]] {
            assert_eq!(daemon.get("/-/healthy").status, 200);
            assert_eq!(daemon.get("/-/ready").status, 200);
        }
        let before = [read_by(&[&single]), read_by(&[&replicas[0], &replicas[1]])];
        node.restart();
        let back = Instant::now();
        stage.produce(part);
        eventually("one process to read on", RESUMES_WITHIN, || {
            (read_by(&[&single]) > before[0]).then_some(())
        });
        let alone = back.elapsed();
        eventually("the replicas to read on", RESUMES_WITHIN, || {
            (read_by(&[&replicas[0], &replicas[1]]) > before[1]).then_some(())
        });
        let together = back.elapsed();
        tell(&format!(
            "outage {number} of {outages}: one process read on after {alone:?}, the replicas after {together:?}"
        ));
    }
    let expected = stage.expected();
    assert!(expected.len() > 100, "{} records", expected.len());
    finishes(single, PARTITIONS);
    are_the_same("alone", &records(&stage.kafka, &kept.alerts), &expected);
    stage.raises(&expected, 6 * SOON);
}
