//! kill -9 while it reads: what it raises, and what it knows at the end, is as if nothing had happened.
//!
//! ```text
//! VIGIE_KILLS=1000 VIGIE_SEED=7 tests/run kafka::durability      so many kills, at other moments
//! ```

use crate::support::daemon::{Daemon, SOON, Setting, run_to_end};
use crate::support::directory;
use crate::support::events::{Story, message};
use crate::support::hub::{Scene, lines_of, tiny_hub};
use crate::support::kafka::{Client, Message, Node, shared};
use crate::support::{becomes, eventually};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use vigie::domain::{Intensity, Span};
use vigie::simulate::{Injection, Scenario, Settings};
use vigie::snapshot::{Directory, Files, Snapshot};

const PARTITIONS: i32 = 2;
const LEAVE_WITHIN: Duration = Duration::from_secs(20);
/// After how long it is killed at the most, once it has read what it was to read: about half of
/// all come before a snapshot.
const LIVES_ON: Duration = Duration::from_millis(1_500);
/// Kills from one line of progress to the next.
const LINE_EVERY: usize = 10;

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

/// A daemon with state, output and group of its own.
struct Subject {
    setting: Setting,
    folder: TempDir,
}

impl Subject {
    fn new(kafka: &Client) -> Subject {
        Subject {
            setting: Setting::made(kafka, PARTITIONS),
            folder: directory::fresh(),
        }
    }

    /// It reads this topic, raises a record wherever it can, and keeps a snapshot every second. It
    /// has a name in its group, so that nobody waits for it when it is dead.
    fn yaml(&self, topic: &str) -> String {
        let Setting {
            topic: own, group, ..
        } = &self.setting;
        let yaml = self
            .setting
            .yaml()
            .replace(&format!("topics: [{own}]"), &format!("topics: [{topic}]"))
            .replace("bound: append", "bound: none\n  idle_after: 1h")
            .replace(
                "  options:",
                &format!("  options:\n    group.instance.id: {group}"),
            )
            .replace(
                "alerts:",
                &format!(
                    "alerts:\n  file: {}\n  false_alarms_per_day: 1000\n  per_day_max: 100000",
                    self.file().display()
                ),
            );
        format!("{yaml}{}", state(self.folder.path(), "1s"))
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("alerts.jsonl")
    }

    /// The records of the file, in the order of their ids.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file()).expect("a file of records");
        sorted(text.lines().map(str::to_owned))
    }

    /// The newest snapshot.
    fn snapshot(&self) -> Snapshot {
        let directory = Directory::new(self.folder.path().to_path_buf(), Files);
        let found = directory.find().expect("a directory").swap_remove(0);
        found.content.expect("a snapshot")
    }
}

pub(super) fn state(folder: &Path, interval: &str) -> String {
    format!(
        "state:\n  directory: {}\n  interval: {interval}\n",
        folder.display()
    )
}

/// Waits until everything is read, and lets it leave.
pub(super) fn finishes(daemon: Daemon, partitions: i32) {
    eventually("everything to be read", 6 * SOON, || {
        let scrape = daemon.scrape();
        let lag = scrape.sum("vigie_kafka_lag_messages", &[]);
        let known = scrape.count("vigie_kafka_lag_messages") == partitions as usize;
        (known && lag == 0.0).then_some(())
    });
    let ended = daemon.leave(LEAVE_WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// Each begins with its id and its status.
fn sorted(records: impl Iterator<Item = String>) -> Vec<String> {
    let mut records: Vec<String> = records.collect();
    records.sort_unstable();
    records
}

/// The records of a topic, in the order of their ids.
pub(super) fn records(kafka: &Client, topic: &str) -> Vec<String> {
    let records = kafka.consume(topic).into_iter();
    sorted(records.map(|record| String::from_utf8(record.payload).expect("JSON")))
}

/// Nothing missing, nothing twice, nothing else.
pub(super) fn are_the_same(what: &str, found: &[String], expected: &[String]) {
    let mut surplus = BTreeMap::<&String, i64>::new();
    for record in found {
        *surplus.entry(record).or_default() += 1;
    }
    for record in expected {
        *surplus.entry(record).or_default() -= 1;
    }
    let is_known = |record: &String| expected.binary_search(record).is_ok();
    let (mut missing, mut doubled, mut different) = (Vec::new(), Vec::new(), Vec::new());
    for (record, surplus) in surplus {
        match surplus {
            0 => {}
            n if n < 0 => missing.push(record),
            _ if is_known(record) => doubled.push(record),
            _ => different.push(record),
        }
    }
    assert!(
        missing.is_empty() && doubled.is_empty() && different.is_empty(),
        "{what}: of {} missing {missing:#?}, doubled {doubled:#?}, different {different:#?}",
        expected.len()
    );
}

/// How many records a start found that it would have written again.
fn read_back(log: &str) -> u64 {
    let fields = |line: &str| Some(serde_json::from_str::<Value>(line).ok()?["fields"].take());
    let lines = log.lines().filter_map(fields);
    lines
        .filter(|fields| {
            let text = fields["message"].as_str().unwrap_or_default();
            text.starts_with("read back")
        })
        .filter_map(|fields| fields["records"].as_u64())
        .sum()
}

pub(super) fn number(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| {
            panic!("{variable} is `{text}`, and must be a number");
        }),
        Err(_) => default,
    }
}

#[test]
fn killed_at_any_moment_it_raises_what_it_would_have_raised_and_nothing_twice() {
    let (kills, seed) = (number("VIGIE_KILLS", 10), number("VIGIE_SEED", 20));
    let kafka = shared();
    let messages = messages(PARTITIONS);
    let (straight, killed) = (Subject::new(&kafka), Subject::new(&kafka));
    let topic = straight.setting.topic.clone();

    let mut rng = Pcg64::seed_from_u64(seed as u64);
    let yaml = killed.yaml(&topic);
    let (mut kept, mut back) = (0, 0);
    let mut note = |log: &str| {
        kept += usize::from(log.contains("going on from a snapshot"));
        back += read_back(log);
        (kept, back)
    };
    for (life, some) in messages.chunks(messages.len().div_ceil(kills)).enumerate() {
        kafka.produce(&topic, some.iter().cloned());
        let daemon = Daemon::start_with(&yaml);
        let reads = rng.random_range(0.0..some.len() as f64);
        eventually("some messages to be read", 3 * SOON, || {
            let scrape = daemon.scrape();
            (scrape.sum("vigie_events_read_total", &[]) >= reads).then_some(())
        });
        std::thread::sleep(LIVES_ON.mul_f64(rng.random()));
        let (kept, back) = note(&daemon.log());
        // It is killed as its owner lets go of it.
        drop(daemon);
        if (life + 1) % LINE_EVERY == 0 {
            // Told at once, whatever becomes of the test.
            let _ = writeln!(
                std::io::stderr(),
                "killed {} of {kills} times, {kept} starts from a snapshot, {back} records read back",
                life + 1
            );
        }
    }
    let last = Daemon::start_with(&yaml);
    eventually("both outputs to be read back", SOON, || {
        let ready = last.log().matches("read back").count() >= 2;
        ready.then_some(())
    });
    let (kept, back) = note(&last.log());
    finishes(last, PARTITIONS);
    // Every start but the first had a snapshot, and some had records to look through.
    assert_eq!(kept, messages.chunks(messages.len().div_ceil(kills)).len());
    assert!(back > 0, "no kill came between a record and its snapshot");

    finishes(Daemon::start_with(&straight.yaml(&topic)), PARTITIONS);
    let expected = records(&kafka, &straight.setting.alerts);
    assert!(expected.len() > 100, "{} records", expected.len());
    are_the_same("straight, file", &straight.lines(), &expected);
    are_the_same("topic", &records(&kafka, &killed.setting.alerts), &expected);
    are_the_same("file", &killed.lines(), &expected);

    let (expected, found) = (straight.snapshot(), killed.snapshot());
    assert_eq!(found.header.closed_to, expected.header.closed_to);
    assert_eq!(found.header.partitions, expected.header.partitions);
    assert!(
        found.state == expected.state,
        "{} bytes of state and {}",
        found.state.len(),
        expected.state.len()
    );
}

/// Traffic in one partition, and an access to the decoy near its beginning.
fn touches(story: &Story, seconds: std::ops::Range<u64>) -> Vec<Message> {
    let mut messages: Vec<Message> = story.traffic(0, seconds.clone(), 60).collect();
    let at = seconds.start + 30;
    messages.insert(1, message(0, &story.touch(at, &format!("actor-{at}"))));
    messages
}

#[test]
fn a_start_without_a_broker_serves_and_tells_nothing_twice_once_it_is_back() {
    let mut node = Node::start();
    let kafka = node.client();
    let setting = Setting::made(&kafka, 1);
    let folder = directory::fresh();
    let yaml = setting.yaml() + &state(folder.path(), "1d");
    let story = Story::began(Duration::from_secs(4 * 3_600));
    kafka.produce(&setting.topic, touches(&story, 0..3_600));
    let daemon = Daemon::start_with(&yaml);
    // One that fires, and is resolved.
    becomes("records", SOON, 2, || {
        records(&kafka, &setting.alerts).len()
    });
    drop(daemon);

    node.kill();
    let daemon = Daemon::start_with(&yaml);
    assert_eq!(daemon.get("/-/healthy").status, 200);
    eventually("it to say that it waits", SOON, || {
        let waits = daemon.log().contains("alert records wait");
        waits.then_some(())
    });
    node.restart();
    kafka.produce(&setting.topic, touches(&story, 3_600..7_200));
    finishes(daemon, 1);
    let found = records(&kafka, &setting.alerts);
    assert!(found.len() > 2, "{found:#?}");

    let straight = Setting::made(&kafka, 1);
    let yaml = straight.yaml().replace(
        &format!("topics: [{}]", straight.topic),
        &format!("topics: [{}]", setting.topic),
    );
    finishes(Daemon::start_with(&yaml), 1);
    are_the_same("topic", &found, &records(&kafka, &straight.alerts));
}

#[test]
fn a_topic_that_was_made_anew_is_told_all_that_comes() {
    let kafka = shared();
    let setting = Setting::made(&kafka, 1);
    let folder = directory::fresh();
    let yaml = setting.yaml() + &state(folder.path(), "1s");
    let story = Story::began(Duration::from_secs(6 * 3_600));
    kafka.produce(&setting.topic, touches(&story, 0..3_600));
    let daemon = Daemon::start_with(&yaml);
    let mut second = 3_600;
    eventually("a snapshot that knows of two records", SOON, || {
        kafka.produce(&setting.topic, story.traffic(0, second..second + 60, 60));
        second += 60;
        let directory = Directory::new(folder.path().to_path_buf(), Files);
        // It may go while it is read.
        let newest = directory.find().ok()?.into_iter().next()?.content.ok()?;
        let (_, ends) = newest.header.outputs.topic?;
        (ends.get(&0) == Some(&2)).then_some(())
    });
    drop(daemon);
    let before = records(&kafka, &setting.alerts);
    kafka.delete_topic(&setting.alerts);
    kafka.create_topic(&setting.alerts, 1);
    kafka.produce(&setting.topic, touches(&story, 10_800..14_400));
    finishes(Daemon::start_with(&yaml), 1);
    let after = records(&kafka, &setting.alerts);
    assert_eq!(after.len(), 2, "{after:#?}");
    assert!(after.iter().all(|record| !before.contains(record)));
}

#[test]
fn what_was_to_come_at_the_first_start_is_still_to_come_after_a_kill() {
    let kafka = shared();
    let setting = Setting {
        start: String::from("latest"),
        ..Setting::made(&kafka, 1)
    };
    let folder = directory::fresh();
    let yaml = setting.yaml() + &state(folder.path(), "1d");
    let story = Story::began(Duration::from_secs(4 * 3_600));
    let before = story.traffic(0, 0..600, 60);
    kafka.produce(&setting.topic, before);
    let daemon = Daemon::start_with(&yaml);
    becomes("partitions whose end is known", SOON, 1, || {
        daemon.scrape().count("vigie_kafka_lag_messages")
    });
    drop(daemon);
    kafka.produce(&setting.topic, story.traffic(0, 600..1_200, 60));
    Daemon::start_with(&yaml).has_read(10);
}

#[test]
fn a_second_daemon_on_a_directory_is_refused_until_the_first_is_gone() {
    let kafka = shared();
    let setting = Setting::made(&kafka, 1);
    let folder = directory::fresh();
    let yaml = setting.yaml() + &state(folder.path(), "1s");
    let first = Daemon::start_with(&yaml);
    let config = folder.path().join("second.yaml");
    std::fs::write(&config, &yaml).expect("a file in a fresh directory");
    let second = run_to_end("run", &config);
    assert_eq!(second.code, Some(1));
    assert!(
        second
            .stderr
            .contains("in use by another vigie; stop that one"),
        "{}",
        second.stderr
    );
    assert_eq!(first.get("/-/healthy").status, 200);
    // Killed, it leaves no lock behind.
    drop(first);
    Daemon::start_with(&yaml);
}
