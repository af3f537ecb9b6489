//! Replicas that come, go, die and are stopped: the alerts of one process that is left alone.
//!
//! ```text
//! VIGIE_KILLS=1000 VIGIE_SEED=7 tests/run kafka::cluster::killed     so many kills, at other moments
//! VIGIE_STORM=120 tests/run kafka::cluster::storm                    so many seconds of a storm
//! ```

use super::durability::{are_the_same, finishes, messages, number, records};
use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::kafka::{Client, Message, shared};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::io::Write;
use std::time::{Duration, Instant};

const SHARDS: usize = 3;
/// As [`Setting`] has it.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
const LEAVE_WITHIN: Duration = Duration::from_secs(20);

/// What one process and several replicas read, with outputs of their own.
struct Stage {
    kafka: Client,
    alone: Setting,
    together: Setting,
    partitions: i32,
}

impl Stage {
    fn new(partitions: i32) -> Stage {
        let kafka = shared();
        let alone = Setting::made(&kafka, partitions);
        let together = Setting {
            topic: alone.topic.clone(),
            ..Setting::made(&kafka, partitions)
        };
        Stage {
            kafka,
            alone,
            together,
            partitions,
        }
    }

    fn produce(&self, messages: &[Message]) {
        self.kafka
            .produce(&self.alone.topic, messages.iter().cloned());
    }

    /// With a record wherever one can be raised.
    fn yaml(setting: &Setting) -> String {
        setting
            .yaml()
            .replace("bound: append", "bound: none\n  idle_after: 1h")
            .replace(
                "alerts:",
                "alerts:\n  false_alarms_per_day: 1000\n  per_day_max: 100000",
            )
    }

    fn replica(&self) -> Daemon {
        let yaml = Stage::yaml(&self.together);
        let prefix = &self.together.group;
        Daemon::start_with(&format!(
            "{yaml}state:\n  interval: 1s\ncluster:\n  enabled: true\n  topic_prefix: {prefix}\n  shards: {SHARDS}\n"
        ))
    }

    /// What one process raises that reads everything.
    fn expected(&self) -> Vec<String> {
        finishes(
            Daemon::start_with(&Stage::yaml(&self.alone)),
            self.partitions,
        );
        records(&self.kafka, &self.alone.alerts)
    }

    /// Waits until the replicas have raised as much as that, and nothing twice, and nothing else.
    fn raises(&self, expected: &[String], limit: Duration) {
        let started = Instant::now();
        let mut found = Vec::new();
        while found.len() < expected.len() && started.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(500));
            found = records(&self.kafka, &self.together.alerts);
        }
        are_the_same("topic", &found, expected);
        // Who comes too late has had time to be heard.
        std::thread::sleep(Duration::from_secs(2));
        are_the_same(
            "topic",
            &records(&self.kafka, &self.together.alerts),
            expected,
        );
    }
}

/// Told at once, whatever becomes of the test.
fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

#[test]
fn killed_and_stopped_and_more_and_fewer_replicas_raise_what_one_process_would_have_raised() {
    let (kills, seed) = (number("VIGIE_KILLS", 10), number("VIGIE_SEED", 21));
    let stage = Stage::new(4);
    let messages = messages(4);
    let mut rng = Pcg64::seed_from_u64(seed as u64);
    // A part of the stream for one, three, five and two replicas, and one for each kill between.
    let mut parts = messages.chunks(messages.len().div_ceil(kills + 4));
    let mut produce = || {
        if let Some(part) = parts.next() {
            stage.produce(part);
        }
    };
    produce();
    let mut replicas = vec![stage.replica()];
    std::thread::sleep(Duration::from_secs(2));
    produce();
    replicas.extend([stage.replica(), stage.replica()]);
    for kill in 1..=kills {
        produce();
        std::thread::sleep(Duration::from_millis(rng.random_range(500..5_000)));
        // It is killed as its owner lets go of it.
        replicas.swap_remove(rng.random_range(0..replicas.len()));
        replicas.push(stage.replica());
        tell(&format!("killed {kill} of {kills}"));
    }
    produce();
    replicas.extend([stage.replica(), stage.replica()]);
    // Two are stopped until others have their work, and then go on believing in themselves.
    let (one, other) = (rng.random_range(0..2), rng.random_range(2..5));
    for zombie in [one, other] {
        replicas[zombie].freeze();
    }
    produce();
    std::thread::sleep(SESSION_TIMEOUT + Duration::from_secs(4));
    for zombie in [one, other] {
        replicas[zombie].thaw();
    }
    std::thread::sleep(Duration::from_secs(2));
    for replica in replicas.drain(2..) {
        let ended = replica.leave(LEAVE_WITHIN);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    produce();

    let expected = stage.expected();
    assert!(expected.len() > 100, "{} records", expected.len());
    stage.raises(&expected, 6 * SOON);
    assert!(replicas.iter_mut().all(Daemon::is_alive));
}
