//! A state of many entities: what a snapshot of it holds up, and how soon a restart goes on from it.
//!
//! ```text
//! VIGIE_ENTITIES=1000000 tests/run --release --test suite kafka::scale    so many actors and sellers
//! ```

use super::cluster::tell;
use super::durability::{number, state};
use crate::support::daemon::{Daemon, SOON, Setting, as_replica};
use crate::support::events::Story;
use crate::support::kafka::{Client, Message, shared};
use crate::support::{directory, eventually};
use std::time::{Duration, Instant};

const HOUR: u64 = 3_600;
/// With an event of everybody in each.
const HOURS: u64 = 3;
const PARTITIONS: i32 = 4;
const SHARDS: usize = 8;
/// The meeting and the one who raises alerts are nodes as well.
const NODES: usize = SHARDS + 2;
const FROM_DIRECTORY_WITHIN: Duration = Duration::from_secs(10);
const FROM_CHANGELOG_WITHIN: Duration = Duration::from_secs(30);
/// A tenth of a second is how often one looks; on a machine that does other things too it is more. Who waits
/// for a million entities to be written down waits longer than this.
const STALL_MAX: Duration = Duration::from_secs(1);
/// Messages that a producer takes without waiting for the broker.
const AT_ONCE: usize = 50_000;
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
    fn new(entities: usize) -> Crowd {
        let kafka = shared();
        Crowd {
            setting: Setting::made(&kafka, PARTITIONS),
            kafka,
            story: Story::began(Duration::from_secs(24 * HOUR)),
            entities,
        }
    }

    /// With an event of everybody in each of the first hours.
    fn with_history() -> Crowd {
        let crowd = Crowd::new(number("VIGIE_ENTITIES", 20_000));
        (0..HOURS).for_each(|hour| crowd.come(hour));
        crowd
    }

    /// Everybody comes once in this hour.
    fn come(&self, hour: u64) {
        let second = |number: usize| hour * HOUR + (number as u64 * HOUR) / self.entities as u64;
        let all: Vec<usize> = (0..self.entities).collect();
        for some in all.chunks(AT_ONCE) {
            let messages = some
                .iter()
                .map(|entity| self.message(*entity, second(*entity)));
            self.kafka.produce(&self.setting.topic, messages);
        }
    }

    fn as_replica(&self) -> String {
        let setting = &self.setting;
        as_replica(&setting.yaml(), &setting.group, SHARDS, "10s")
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

    /// Waits until it has read and judged these hours, and knows all these logs.
    fn has_read(&self, daemon: &Daemon, hours: u64, logs: usize) {
        let patience = SOON + Duration::from_micros(300) * self.entities as u32;
        eventually("everything to be read", patience, || {
            let scrape = daemon.scrape();
            let lag = scrape.sum("vigie_kafka_lag_messages", &[]);
            let known = scrape.count("vigie_kafka_lag_messages") == logs;
            let read = scrape.sum("vigie_events_read_total", &[]);
            let all = self.entities * hours as usize;
            (known && lag == 0.0 && read as usize >= all).then_some(())
        });
    }

    /// It has baselines of all, and has read no more than some minutes again.
    fn is_known_to(&self, daemon: &Daemon) {
        eventually("all to be known", SOON, || {
            let scrape = daemon.scrape();
            let read = scrape.sum("vigie_events_read_total", &[]) as usize;
            assert!(read < self.entities / 5, "{read} messages were read again");
            let known = scrape.sum("vigie_entities", &[]) as usize;
            (known >= self.entities).then_some(())
        });
    }

    /// Goes on from this second of the story, thousands of events a second; the longest time in which nothing
    /// was read, and how many snapshots were kept meanwhile.
    fn goes_on(&self, daemon: &Daemon, from: u64) -> (Duration, usize) {
        // By then the windows are closed that end where it begins.
        const CALM_AFTER: Duration = Duration::from_secs(10);
        const FOR: Duration = Duration::from_secs(25);
        const EVERY: Duration = Duration::from_micros(500);
        let count = FOR.as_micros() / EVERY.as_micros();
        let messages: Vec<Message> = (0..count as usize)
            .map(|number| self.message(number % self.entities, from + number as u64 / 100))
            .collect();
        let (mut longest, mut kept) = (Duration::ZERO, Vec::new());
        let started = Instant::now();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let due = messages.iter().zip(0..);
                self.kafka.write(due.map(|(message, number)| {
                    std::thread::sleep((EVERY * number).saturating_sub(started.elapsed()));
                    message.record(&self.setting.topic)
                }));
            });
            let (mut read, mut moved) = (0.0, Instant::now());
            while !writer.is_finished() {
                let scrape = daemon.scrape();
                let now = scrape.sum("vigie_events_read_total", &[]);
                if started.elapsed() > CALM_AFTER {
                    let last = scrape.sum("vigie_checkpoint_last_success_timestamp_seconds", &[]);
                    if kept.last() != Some(&last) {
                        kept.push(last);
                    }
                    longest = longest.max(moved.elapsed());
                }
                if now > read {
                    (read, moved) = (now, Instant::now());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        (longest, kept.len() - 1)
    }
}

#[test]
fn a_replica_stays_within_its_memory() {
    const MEBIBYTES: u64 = 128;
    // Nobody comes twice.
    let crowd = Crowd::new(120_000);
    crowd.come(0);
    let yaml = crowd.as_replica();
    let daemon = Daemon::start_with(&format!("{yaml}memory: {{ max_bytes: {MEBIBYTES}MiB }}\n"));
    crowd.has_read(&daemon, 1, PARTITIONS as usize + NODES);
    let (scrape, most) = (daemon.scrape(), daemon.resident_most());
    let pooled = scrape.sum("vigie_entity_panes_pooled_total", &[]);
    assert!(pooled > crowd.entities as f64 / 2.0, "{pooled} pooled");
    tell(&format!("{} MiB at the most", most >> 20));
    assert!(most <= (MEBIBYTES << 20) * 11 / 10, "{most} bytes");
    leaves(daemon);
}

fn leaves(daemon: Daemon) {
    let ended = daemon.leave(3 * SOON);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_large_state_is_gone_on_from_soon_and_reading_does_not_wait_for_it_to_be_written() {
    let crowd = Crowd::with_history();
    let folder = directory::fresh();
    let yaml = |interval| crowd.setting.yaml() + &state(folder.path(), interval);
    let daemon = Daemon::start_with(&yaml(NEVER));
    crowd.has_read(&daemon, HOURS, PARTITIONS as usize);
    leaves(daemon);

    let started = Instant::now();
    let daemon = Daemon::start_with(&yaml("3s"));
    eventually("it to go on", FROM_DIRECTORY_WITHIN, || {
        (daemon.get("/-/ready").status == 200).then_some(())
    });
    let took = started.elapsed();
    tell(&format!("goes on from its directory after {took:?}"));
    crowd.is_known_to(&daemon);
    let (longest, kept) = crowd.goes_on(&daemon, HOURS * HOUR);
    tell(&format!(
        "longest time in which nothing was read: {longest:?}, with {kept} snapshots"
    ));
    assert!(kept >= 2, "{kept} snapshots");
    assert!(longest <= STALL_MAX, "{longest:?}");
    leaves(daemon);
}

#[test]
fn a_large_state_of_a_cluster_is_gone_on_from_soon() {
    let crowd = Crowd::with_history();
    let yaml = crowd.as_replica();
    let daemon = Daemon::start_with(&yaml);
    crowd.has_read(&daemon, HOURS, PARTITIONS as usize + NODES);
    leaves(daemon);
    let started = Instant::now();
    let daemon = Daemon::start_with(&yaml);
    eventually("all nodes to go on", FROM_CHANGELOG_WITHIN, || {
        let log = daemon.log();
        (log.matches("a node was given to this replica").count() == NODES).then_some(())
    });
    tell(&format!(
        "goes on from the changelog after {:?}",
        started.elapsed()
    ));
    crowd.is_known_to(&daemon);
    leaves(daemon);
}
