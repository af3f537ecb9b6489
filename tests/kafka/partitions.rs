//! Partitions that are added to a topic while it is read, or while nobody reads it.

use super::durability::{records, state};
use crate::support::daemon::{Daemon, SOON, Setting, as_replica};
use crate::support::directory;
use crate::support::events::{Story, message};
use crate::support::kafka::{Client, shared};
use crate::support::{becomes, eventually};
use std::collections::BTreeSet;
use std::time::Duration;

const HOUR: u64 = 3_600;
/// Messages in each partition in an hour.
const HOURLY: usize = 61;
/// Messages that a restart reads again in each: the watermark is the eighth largest time less a minute
/// of lateness, so with one a minute the panes of the last nine are open.
const OPEN: usize = 9;

const SHARDS: usize = 2;
/// Logs that the nodes of a cluster read: those of the shards, of the meeting and of the alerts.
const NODES: usize = SHARDS + 2;

struct Scene {
    kafka: Client,
    setting: Setting,
    story: Story,
}

impl Scene {
    fn set() -> Scene {
        let kafka = shared();
        let setting = Setting {
            start: String::from("latest"),
            ..Setting::made(&kafka, 2)
        };
        Scene {
            setting,
            kafka,
            story: Story::began(Duration::from_secs(6 * HOUR)),
        }
    }

    /// New partitions are noticed soon, and nobody goes ahead of a partition that is behind.
    fn yaml(&self, setting: &Setting) -> String {
        let topic = format!("topics: [{}]", setting.topic);
        setting
            .yaml()
            .replace(&topic, &format!("topics: [{}]", self.setting.topic))
            .replace("bound: append", "bound: append\n  idle_after: 1h")
            .replace(
                "options:\n",
                "options:\n    topic.metadata.refresh.interval.ms: 1000\n",
            )
    }

    /// An hour of traffic in a partition, in the middle of which an actor touches the decoy.
    fn passes(&self, partition: i32, hour: u64) {
        let (begin, end) = (hour * HOUR, (hour + 1) * HOUR);
        let middle = begin + HOUR / 2;
        let touch = self
            .story
            .touch(middle, &format!("actor-{hour}-{partition}"));
        let traffic = |seconds| self.story.traffic(partition, seconds, 60);
        let messages = traffic(begin..middle)
            .chain([message(partition, &touch)])
            .chain(traffic(middle..end));
        self.kafka.produce(&self.setting.topic, messages);
    }

    /// The same, of a replica of its group.
    fn replica(&self) -> Daemon {
        let setting = &self.setting;
        let yaml = self.yaml(setting);
        Daemon::start_with(&as_replica(&yaml, &setting.group, SHARDS, "1s"))
    }

    fn raised(&self, setting: &Setting) -> BTreeSet<String> {
        records(&self.kafka, &setting.alerts).into_iter().collect()
    }

    fn committed(&self, partition: i32) -> Option<i64> {
        self.kafka
            .committed(&self.setting.group, &self.setting.topic)[&partition]
    }
}

/// Lets it leave, which leaves a snapshot.
fn leaves(daemon: Daemon) {
    let ended = daemon.leave(SOON);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

fn is_assigned(daemon: &Daemon, partitions: usize) {
    becomes("partitions whose end is known", SOON, partitions, || {
        daemon.scrape().count("vigie_kafka_lag_messages")
    });
}

/// Waits until they have read so many messages between them.
fn have_read(daemons: &[Daemon], messages: usize) {
    becomes("messages read", SOON, messages as f64, || {
        let read = |daemon: &Daemon| daemon.scrape().sum("vigie_events_read_total", &[]);
        daemons.iter().map(read).sum()
    });
}

/// Partitions are added while these read, and they raise what one process raises that has had all of them
/// from the start.
fn grows_under(scene: &Scene, daemons: &[Daemon]) {
    (0..2).for_each(|partition| scene.passes(partition, 0));
    have_read(daemons, 2 * HOURLY);
    scene.kafka.grow_topic(&scene.setting.topic, 4);
    (2..4).for_each(|partition| scene.passes(partition, 1));
    have_read(daemons, 4 * HOURLY);
    (0..2).for_each(|partition| scene.passes(partition, 1));
    (0..4).for_each(|partition| scene.passes(partition, 2));
    have_read(daemons, 10 * HOURLY);
    for scrape in daemons.iter().map(Daemon::scrape) {
        for fate in ["rejected", "late", "duplicate"] {
            assert_eq!(scrape.sum(&format!("vigie_events_{fate}_total"), &[]), 0.0);
        }
        assert_eq!(scrape.sum("vigie_panes_late_total", &[]), 0.0);
    }

    let other = Setting {
        start: String::from("earliest"),
        ..Setting::made(&scene.kafka, 1)
    };
    let control = Daemon::start_with(&scene.yaml(&other));
    control.has_read(10 * HOURLY);
    let actors = |alerts: &BTreeSet<String>| {
        let touches = (0..2).flat_map(|hour| (0..4).map(move |partition| (hour, partition)));
        let is_there = |(hour, partition): &(u64, i32)| {
            let actor = format!("\"actor-{hour}-{partition}\"");
            alerts.iter().any(|alert| alert.contains(&actor))
        };
        touches.filter(is_there).count()
    };
    // Two partitions had no first hour.
    becomes("actors told of", SOON, 6, || actors(&scene.raised(&other)));
    eventually("the same alerts", SOON, || {
        (scene.raised(&scene.setting) == scene.raised(&other)).then_some(())
    });
}

#[test]
fn what_is_written_to_a_partition_before_it_is_noticed_is_read() {
    let scene = Scene::set();
    let daemon = Daemon::start_with(&scene.yaml(&scene.setting));
    is_assigned(&daemon, 2);
    grows_under(&scene, &[daemon]);
}

#[test]
fn partitions_that_are_added_under_replicas_change_nothing() {
    let scene = Scene::set();
    let replicas = [scene.replica(), scene.replica()];
    // Each has one, and what is dealt out stays where it is.
    for replica in &replicas {
        let topic = [("topic", scene.setting.topic.as_str())];
        becomes("partitions of the source", SOON, 1, || {
            replica
                .scrape()
                .count_of("vigie_kafka_lag_messages", &topic)
        });
    }
    becomes("partitions whose end is known", SOON, 2 + NODES, || {
        let known = |replica: &Daemon| replica.scrape().count("vigie_kafka_lag_messages");
        replicas.iter().map(known).sum()
    });
    grows_under(&scene, &replicas);
}

/// A partition is added between two starts.
fn grows_before(scene: &Scene, start: impl Fn() -> Daemon, logs: usize) {
    let daemon = start();
    is_assigned(&daemon, 2 + logs);
    (0..2).for_each(|partition| scene.passes(partition, 0));
    daemon.has_read(2 * HOURLY);
    leaves(daemon);

    scene.kafka.grow_topic(&scene.setting.topic, 3);
    (0..3).for_each(|partition| scene.passes(partition, 1));
    start().has_read(3 * HOURLY + 2 * OPEN);
}

#[test]
fn a_partition_that_was_added_while_nobody_read_is_read_from_its_beginning() {
    let scene = Scene::set();
    let folder = directory::fresh();
    let yaml = scene.yaml(&scene.setting) + &state(folder.path(), "1s");
    grows_before(&scene, || Daemon::start_with(&yaml), 0);
}

#[test]
fn a_partition_that_was_added_while_no_replica_read_is_read_from_its_beginning() {
    let scene = Scene::set();
    grows_before(&scene, || scene.replica(), NODES);
}

#[test]
fn a_partition_of_which_nothing_is_sealed_is_read_again_from_where_it_began() {
    const FEW: u64 = 5;
    let scene = Scene::set();
    let folder = directory::fresh();
    let yaml = scene.yaml(&scene.setting) + &state(folder.path(), "1s");
    let daemon = Daemon::start_with(&yaml);
    is_assigned(&daemon, 2);
    (0..2).for_each(|partition| scene.passes(partition, 0));
    daemon.has_read(2 * HOURLY);
    scene.kafka.grow_topic(&scene.setting.topic, 3);
    let few = scene.story.traffic(2, HOUR..HOUR + 60 * FEW, 60);
    scene.kafka.produce(&scene.setting.topic, few);
    daemon.has_read(2 * HOURLY + FEW as usize);
    becomes("where the new partition begins", SOON, Some(0), || {
        scene.committed(2)
    });
    leaves(daemon);

    let daemon = Daemon::start_with(&yaml);
    daemon.has_read(2 * OPEN + FEW as usize);
}

#[test]
fn what_comes_to_a_quiet_partition_while_nobody_reads_is_read_and_what_was_before_is_not() {
    let scene = Scene::set();
    let folder = directory::fresh();
    let yaml = scene.yaml(&scene.setting) + &state(folder.path(), "1s");
    let yaml = yaml.replace("idle_after: 1h", "idle_after: 1s");
    // History, which nobody wants to read.
    (0..2).for_each(|partition| scene.passes(partition, 0));
    let daemon = Daemon::start_with(&yaml);
    is_assigned(&daemon, 2);
    scene.passes(0, 1);
    daemon.has_read(HOURLY);
    // It is judged once the quiet one no longer holds it back.
    becomes("alerts of decoys", SOON, 1.0, || {
        let decoys = [("detection", "decoy_record_touched")];
        daemon.scrape().sum("vigie_alerts_total", &decoys)
    });
    leaves(daemon);

    scene.passes(1, 2);
    let daemon = Daemon::start_with(&yaml);
    is_assigned(&daemon, 2);
    daemon.has_read(HOURLY + OPEN);
    scene.passes(0, 2);
    daemon.has_read(2 * HOURLY + OPEN);
}
