//! Replicas that come, go, die and are stopped: the alerts of one process that is left alone.
//!
//! ```text
//! VIGIE_KILLS=1000 VIGIE_SEED=7 tests/run kafka::cluster::killed     so many kills, at other moments
//! VIGIE_STORM=120 tests/run kafka::cluster::a_storm                  so many seconds of a storm
//! ```

use super::durability::{are_the_same, finishes, messages, number, records};
use crate::support::daemon::{Daemon, SOON, Setting, as_replica};
use crate::support::events::{Story, message};
use crate::support::eventually;
use crate::support::kafka::{Client, Message, shared};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vigie::cluster::survey;
use vigie::config::Config;
use vigie::engine::spread::Place;

const SHARDS: usize = 3;
/// As [`Setting`] has it.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// How long judging may hold still while replicas come and leave in order, and beyond the session of those
/// that are stopped. Both are for a machine that does nothing else: here, twice as much.
const PAUSE_MAX: Duration = Duration::from_secs(5);
const NOISE: u32 = 2;
const LEAVE_WITHIN: Duration = Duration::from_secs(20);

/// What one process and several replicas read, with outputs of their own.
pub(super) struct Stage {
    pub(super) kafka: Client,
    pub(super) alone: Setting,
    together: Setting,
    partitions: i32,
}

impl Stage {
    fn new(partitions: i32) -> Stage {
        Stage::on(shared(), partitions)
    }

    /// On this Kafka.
    pub(super) fn on(kafka: Client, partitions: i32) -> Stage {
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

    pub(super) fn produce(&self, messages: &[Message]) {
        self.kafka
            .produce(&self.alone.topic, messages.iter().cloned());
    }

    /// With a record wherever one can be raised.
    pub(super) fn yaml(setting: &Setting) -> String {
        setting
            .yaml()
            .replace("bound: append", "bound: none\n  idle_after: 1h")
            .replace(
                "alerts:",
                "alerts:\n  false_alarms_per_day: 1000\n  per_day_max: 100000",
            )
    }

    pub(super) fn replica(&self) -> Daemon {
        Daemon::start_with(&replica_of(&self.together))
    }

    /// What one process raises that reads everything.
    pub(super) fn expected(&self) -> Vec<String> {
        finishes(
            Daemon::start_with(&Stage::yaml(&self.alone)),
            self.partitions,
        );
        records(&self.kafka, &self.alone.alerts)
    }

    /// Waits until the replicas have raised as much as that, and nothing twice, and nothing else.
    pub(super) fn raises(&self, expected: &[String], limit: Duration) {
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

/// The configuration of a replica.
fn replica_of(setting: &Setting) -> String {
    as_replica(&Stage::yaml(setting), &setting.group, SHARDS, "1s")
}

/// The newest state of each node.
fn states(setting: &Setting) -> Vec<(Place, Vec<u8>)> {
    let config = Config::parse("vigie.yaml", &replica_of(setting), Path::new("."));
    let config = config.expect("a configuration");
    let newest = |place| {
        let mut kept = survey(&config, place).expect("a changelog");
        let content = kept.swap_remove(0).open().found.content;
        (place, content.expect("whole").state)
    };
    Place::all(SHARDS).map(newest).collect()
}

/// Waits until everything is read and judged, and lets them leave.
fn finish(replicas: Vec<Daemon>) {
    eventually("everything to be read and judged", 6 * SOON, || {
        let behind = |replica: &Daemon| replica.scrape().sum("vigie_kafka_lag_messages", &[]);
        let is_behind = replicas.iter().any(|replica| behind(replica) > 0.0);
        // What is told of the logs is half a second old.
        std::thread::sleep(Duration::from_secs(2));
        (!is_behind).then_some(())
    });
    for replica in replicas {
        let ended = replica.leave(LEAVE_WITHIN);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

/// Told at once, whatever becomes of the test.
pub(super) fn tell(what: &str) {
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
    finish(replicas);

    // They know what one knows that nobody has disturbed.
    let apart = Setting {
        topic: stage.alone.topic.clone(),
        ..Setting::made(&stage.kafka, 4)
    };
    let undisturbed = Daemon::start_with(&replica_of(&apart));
    eventually("the undisturbed to have raised all", 6 * SOON, || {
        (records(&stage.kafka, &apart.alerts).len() == expected.len()).then_some(())
    });
    finish(vec![undisturbed]);
    for ((place, known), (_, expected)) in states(&stage.together).into_iter().zip(states(&apart)) {
        assert!(known == expected, "the state of {place} differs");
    }
}

struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A stream that goes on a minute of event time at a time, and how long the replicas hold still.
struct Pulse<'s> {
    stage: &'s Stage,
    story: Story,
    stop: AtomicBool,
    /// The longest time without a judgement since this was asked last.
    longest: Mutex<Duration>,
}

impl Pulse<'_> {
    const BEAT: Duration = Duration::from_millis(250);

    /// A movement in every partition, and now and then somebody at the decoy.
    fn minute(&self, minute: u64) {
        let partitions = 0..self.stage.partitions;
        let mut messages: Vec<Message> = partitions
            .map(|partition| {
                let id = format!("parcel-{partition}-{minute}");
                message(partition, &self.story.movement(minute * 60, &id))
            })
            .collect();
        if minute.is_multiple_of(5) {
            let partition = (minute % self.stage.partitions as u64) as i32;
            let touch = self.story.touch(minute * 60, &format!("actor-{minute}"));
            messages.push(message(partition, &touch));
        }
        self.stage.produce(&messages);
    }

    fn beat(&self) {
        let findings = format!("{}-findings", self.stage.together.group);
        let (mut minute, mut end, mut moved) = (0, 0, Instant::now());
        while !self.stop.load(Ordering::Relaxed) {
            let beat = Instant::now();
            self.minute(minute);
            minute += 1;
            let now: i64 = self.stage.kafka.ends(&findings).values().sum();
            let mut longest = self.longest.lock().expect("no panic");
            *longest = (*longest).max(moved.elapsed());
            drop(longest);
            if now > end {
                (end, moved) = (now, Instant::now());
            }
            std::thread::sleep(Pulse::BEAT.saturating_sub(beat.elapsed()));
        }
    }

    /// Stops beating when it goes.
    fn guard(&self) -> StopOnDrop<'_> {
        StopOnDrop(&self.stop)
    }

    fn longest(&self) -> Duration {
        std::mem::take(&mut *self.longest.lock().expect("no panic"))
    }
}

#[test]
fn a_storm_of_rebalances_changes_nothing_and_holds_nobody_up_for_long() {
    const MEMBERS: usize = 8;
    let seconds = number("VIGIE_STORM", 30);
    let stage = Stage::new(32);
    let pulse = Pulse {
        stage: &stage,
        story: Story::began(Duration::from_secs(30 * 3_600)),
        stop: AtomicBool::new(false),
        longest: Mutex::default(),
    };
    let mut rng = Pcg64::seed_from_u64(22);
    let mut replicas: Vec<Daemon> = (0..MEMBERS).map(|_| stage.replica()).collect();
    std::thread::scope(|scope| {
        let beating = pulse.guard();
        scope.spawn(|| pulse.beat());
        let is_calm = || {
            pulse.longest();
            std::thread::sleep(Duration::from_secs(3));
            (pulse.longest() < Duration::from_secs(2)).then_some(())
        };
        let mut frozen: Vec<Daemon> = Vec::new();
        let mut pauses = Vec::new();
        for has_zombies in [false, true] {
            // One that is stopped while it joins would have two sessions, one after the other.
            eventually("all to have found their parts", 3 * SOON, is_calm);
            pulse.longest();
            if has_zombies {
                frozen = replicas.drain(..2).collect();
                frozen.iter().for_each(Daemon::freeze);
            }
            for _ in 0..seconds / 2 {
                let second = Instant::now();
                if replicas.len() > MEMBERS / 2 && rng.random_bool(0.5) {
                    let leaver = replicas.swap_remove(rng.random_range(0..replicas.len()));
                    let ended = leaver.leave(LEAVE_WITHIN);
                    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
                } else {
                    replicas.push(stage.replica());
                }
                std::thread::sleep(Duration::from_secs(1).saturating_sub(second.elapsed()));
            }
            frozen.iter().for_each(Daemon::thaw);
            pauses.push(pulse.longest());
        }
        std::thread::sleep(Duration::from_secs(3));
        drop(beating);
        tell(&format!(
            "longest pause while all left in order: {:?}, with two that were stopped: {:?}",
            pauses[0], pauses[1]
        ));
        let limits = [PAUSE_MAX, SESSION_TIMEOUT + PAUSE_MAX];
        let mut both = pauses.iter().zip(limits);
        assert!(
            both.all(|(pause, limit)| *pause <= NOISE * limit),
            "{pauses:?}"
        );
        replicas.extend(frozen);
    });
    let expected = stage.expected();
    assert!(expected.len() > 10, "{} records", expected.len());
    stage.raises(&expected, 3 * SOON);
    assert!(replicas.iter_mut().all(Daemon::is_alive));
}
