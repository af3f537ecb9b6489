//! A state of many entities: what a snapshot of it holds up, and how soon a restart goes on from it.
//!
//! ```text
//! VIGIE_ENTITIES=1000000 tests/run --release --test suite kafka::scale    so many actors and sellers
//! ```

use super::cluster::tell;
use super::durability::{number, state};
use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::Story;
use crate::support::kafka::{Client, Message, shared};
use crate::support::{directory, eventually};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const HOUR: u64 = 3_600;
/// With an event of everybody in each.
const HOURS: u64 = 3;
const PARTITIONS: i32 = 4;
const SHARDS: usize = 8;
/// The meeting and the one who raises alerts are nodes as well.
const NODES: usize = SHARDS + 2;
const RESTORED_WITHIN: Duration = Duration::from_secs(30);
/// Longer than the run.
const NEVER: &str = "1d";

/// So many actors and sellers, half of each, and what is read of them.
struct Crowd {
    kafka: Client,
    setting: Setting,
    story: Story,
    entities: usize,
}

impl Crowd {
    fn new() -> Crowd {
        let kafka = shared();
        let crowd = Crowd {
            setting: Setting::made(&kafka, PARTITIONS),
            kafka,
            story: Story::began(Duration::from_secs(24 * HOUR)),
            entities: number("VIGIE_ENTITIES", 20_000),
        };
        for hour in 0..HOURS {
            for minute in 0..60 {
                let entities = (minute..crowd.entities).step_by(60);
                let second = hour * HOUR + minute as u64 * 60;
                let messages = entities.map(|entity| crowd.message(entity, second));
                crowd.kafka.produce(&crowd.setting.topic, messages);
            }
        }
        crowd
    }

    fn message(&self, entity: usize, second: u64) -> Message {
        let id = format!("{entity}-{second}");
        let event = match entity % 2 {
            0 => self.story.access(second, &format!("actor-{entity}"), &id),
            _ => {
                let seller = format!("seller-{entity}");
                self.story.movement_of(second, &id, &seller)
            }
        };
        Message {
            partition: (entity / 2) as i32 % PARTITIONS,
            key: String::new(),
            payload: event.to_string().into_bytes(),
        }
    }

    fn has_read_all(&self, daemon: &Daemon) {
        let patience = SOON + Duration::from_micros(300) * self.entities as u32;
        eventually("everything to be read", patience, || {
            let scrape = daemon.scrape();
            let lag = scrape.sum("vigie_kafka_lag_messages", &[]);
            let known = scrape.count("vigie_kafka_lag_messages") == PARTITIONS as usize;
            (known && lag == 0.0).then_some(())
        });
    }

    /// Goes on as it was, thousands of events a second, for so long; the longest time in which nothing was
    /// read, and how many snapshots were kept.
    fn goes_on(&self, daemon: &Daemon, from: u64, time: Duration) -> (Duration, usize) {
        const BEAT: Duration = Duration::from_millis(10);
        const EVENTS: usize = 20;
        let stop = AtomicBool::new(false);
        let (mut longest, mut kept) = (Duration::ZERO, Vec::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut messages = (0..).map(|number| {
                    let second = from + number as u64 / 100;
                    self.message(number % self.entities, second)
                });
                let started = Instant::now();
                for beat in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    self.kafka
                        .produce(&self.setting.topic, messages.by_ref().take(EVENTS));
                    std::thread::sleep((BEAT * beat).saturating_sub(started.elapsed()));
                }
            });
            let (started, mut read, mut moved) = (Instant::now(), 0.0, Instant::now());
            while started.elapsed() < time {
                let scrape = daemon.scrape();
                let now = scrape.sum("vigie_events_read_total", &[]);
                let last = scrape.sum("vigie_checkpoint_last_success_timestamp_seconds", &[]);
                if kept.last() != Some(&last) {
                    kept.push(last);
                }
                if now > read {
                    // Not while it begins.
                    if started.elapsed() > Duration::from_secs(3) {
                        longest = longest.max(moved.elapsed());
                    }
                    (read, moved) = (now, Instant::now());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            stop.store(true, Ordering::Relaxed);
        });
        (longest, kept.len() - 1)
    }
}

fn leaves(daemon: Daemon) {
    let ended = daemon.leave(3 * SOON);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_large_state_is_gone_on_from_soon_and_reading_does_not_wait_for_it_to_be_written() {
    let crowd = Crowd::new();
    let folder = directory::fresh();
    let yaml = |interval| crowd.setting.yaml() + &state(folder.path(), interval);
    let daemon = Daemon::start_with(&yaml(NEVER));
    crowd.has_read_all(&daemon);
    leaves(daemon);

    let mut from = HOURS * HOUR;
    let mut stalls = Vec::new();
    for interval in [NEVER, "3s"] {
        let started = Instant::now();
        let daemon = Daemon::start_with(&yaml(interval));
        eventually("it to go on", RESTORED_WITHIN, || {
            (daemon.get("/-/ready").status == 200).then_some(())
        });
        tell(&format!(
            "goes on from its directory after {:?}",
            started.elapsed()
        ));
        stalls.push(crowd.goes_on(&daemon, from, Duration::from_secs(20)));
        from += HOUR;
        leaves(daemon);
    }
    let [(without, none), (with, some)] = stalls[..] else {
        unreachable!("two runs");
    };
    tell(&format!(
        "longest time in which nothing was read: {without:?} without a snapshot, {with:?} with {some}"
    ));
    assert_eq!(none, 0);
    assert!(some >= 2, "{some} snapshots");
}

#[test]
fn a_large_state_of_a_cluster_is_gone_on_from_soon() {
    let crowd = Crowd::new();
    let prefix = &crowd.setting.group;
    let yaml = format!(
        "{}state:\n  interval: 10s\ncluster:\n  enabled: true\n  topic_prefix: {prefix}\n  shards: {SHARDS}\n",
        crowd.setting.yaml()
    );
    let daemon = Daemon::start_with(&yaml);
    crowd.has_read_all(&daemon);
    leaves(daemon);
    let started = Instant::now();
    let daemon = Daemon::start_with(&yaml);
    eventually("all nodes to go on", RESTORED_WITHIN, || {
        let log = daemon.log();
        (log.matches("a node was given to this replica").count() == NODES).then_some(())
    });
    tell(&format!(
        "goes on from the changelog after {:?}",
        started.elapsed()
    ));
    leaves(daemon);
}
