//! Messages that are gone before they were read: retention ran out, or the topic was made anew.

use super::durability::{records, state};
use crate::support::daemon::{Daemon, SOON, Scrape, Setting, as_replica};
use crate::support::directory;
use crate::support::events::{Story, message};
use crate::support::kafka::{Client, Message, shared};
use crate::support::{becomes, eventually};
use std::path::Path;
use std::time::Duration;

const HOUR: u64 = 3_600;
/// Messages in an hour.
const HOURLY: i64 = 60;
/// Where a restart goes on after an hour: the watermark is the eighth largest time less a minute of
/// lateness, so with a message a minute the panes of the last nine are open.
const RESUMED: i64 = HOURLY - 9;
/// What the log says of messages that expired.
const TOLD: &str = "messages were deleted before they were read";
/// A fetch that was on its way when the daemon was stopped has come back by then.
const FETCHED: Duration = Duration::from_secs(1);
/// Longer than the session of a member of the group.
const EXCLUDED: Duration = Duration::from_secs(8);

struct Scene {
    kafka: Client,
    setting: Setting,
    story: Story,
}

impl Scene {
    fn set() -> Scene {
        let kafka = shared();
        let setting = Setting {
            // Where a reset must never lead.
            start: String::from("latest"),
            ..Setting::made(&kafka, 1)
        };
        Scene {
            setting,
            kafka,
            story: Story::began(Duration::from_secs(6 * HOUR)),
        }
    }

    fn yaml(&self, folder: &Path) -> String {
        self.setting.yaml() + &state(folder, "1s")
    }

    fn start(&self, yaml: &str) -> Daemon {
        self.start_of(yaml, 1)
    }

    /// One that reads so many partitions.
    fn start_of(&self, yaml: &str, partitions: usize) -> Daemon {
        let daemon = Daemon::start_with(yaml);
        becomes("partitions whose end is known", SOON, partitions, || {
            daemon.scrape().count("vigie_kafka_lag_messages")
        });
        daemon
    }

    fn passes(&self, hour: u64) {
        let seconds = hour * HOUR..(hour + 1) * HOUR;
        self.kafka
            .produce(&self.setting.topic, self.story.traffic(0, seconds, 60));
    }

    fn expires(&self, before: i64) {
        self.kafka.delete_before(&self.setting.topic, 0, before);
    }
}

/// Messages lost, and how often reading was reset for either reason.
fn losses(scrape: &Scrape) -> [f64; 3] {
    let resets = |reason| scrape.sum("vigie_kafka_offset_resets_total", &[("reason", reason)]);
    [
        scrape.sum("vigie_kafka_messages_lost_total", &[]),
        resets("expired"),
        resets("replaced"),
    ]
}

fn times(log: &str, word: &str) -> usize {
    log.matches(word).count()
}

#[test]
fn a_restart_counts_what_expired_meanwhile_and_goes_on_at_the_oldest() {
    let scene = Scene::set();
    let folder = directory::fresh();
    let yaml = scene.yaml(folder.path());
    let daemon = scene.start(&yaml);
    scene.passes(0);
    daemon.has_read(HOURLY as usize);
    assert_eq!(losses(&daemon.scrape()), [0.0; 3]);
    daemon.leave(SOON);
    scene.passes(1);
    let oldest = HOURLY + HOURLY / 2;
    scene.expires(oldest);

    let daemon = scene.start(&yaml);
    daemon.has_read((2 * HOURLY - oldest) as usize);
    let lost = (oldest - RESUMED) as f64;
    assert_eq!(losses(&daemon.scrape()), [lost, 1.0, 0.0]);
    assert_eq!(times(&daemon.log(), TOLD), 1, "{}", daemon.log());
    scene.passes(2);
    daemon.has_read((3 * HOURLY - oldest) as usize);
    assert_eq!(losses(&daemon.scrape()), [lost, 1.0, 0.0]);
    daemon.leave(SOON);

    // What it goes on from now is there.
    let daemon = scene.start(&yaml);
    scene.passes(3);
    eventually("more to be read", SOON, || {
        let read = daemon.scrape().sum("vigie_events_read_total", &[]);
        (read >= HOURLY as f64).then_some(())
    });
    assert_eq!(losses(&daemon.scrape()), [0.0; 3]);
}

#[test]
fn a_daemon_that_was_stopped_counts_what_expired_meanwhile_and_goes_on_at_the_oldest() {
    let scene = Scene::set();
    let daemon = scene.start(&scene.setting.yaml());
    scene.passes(0);
    daemon.has_read(HOURLY as usize);
    let half = HOURLY / 2;
    // It comes back to its partition, and the second time to a group that has excluded it.
    for (hour, stopped) in [(1, FETCHED), (2, EXCLUDED)] {
        daemon.freeze();
        std::thread::sleep(stopped);
        scene.passes(hour as u64);
        scene.expires(hour * HOURLY + half);
        daemon.thaw();
        daemon.has_read((HOURLY + hour * half) as usize);
        let lost = (hour * half) as f64;
        assert_eq!(losses(&daemon.scrape()), [lost, hour as f64, 0.0]);
        assert_eq!(times(&daemon.log(), TOLD), hour as usize);
    }
}

#[test]
fn everything_that_was_to_be_read_may_be_gone() {
    let scene = Scene::set();
    let daemon = scene.start(&scene.setting.yaml());
    scene.passes(0);
    daemon.has_read(HOURLY as usize);
    daemon.freeze();
    std::thread::sleep(FETCHED);
    scene.passes(1);
    scene.expires(2 * HOURLY);
    daemon.thaw();
    // Nothing is there that could be read, and the loss is seen all the same.
    let all = [HOURLY as f64, 1.0, 0.0];
    becomes("losses", SOON, all, || losses(&daemon.scrape()));
    scene.passes(2);
    daemon.has_read(2 * HOURLY as usize);
    assert_eq!(losses(&daemon.scrape()), all);
}

#[test]
fn a_topic_that_was_made_anew_is_read_from_its_oldest_message() {
    let scene = Scene::set();
    let folder = directory::fresh();
    let yaml = scene.yaml(folder.path());
    let topic = &scene.setting.topic;
    let renew = |hour: u64| {
        scene.kafka.delete_topic(topic);
        scene.kafka.create_topic(topic, 1);
        let begin = hour * HOUR;
        let seconds = begin..begin + HOUR / 3;
        scene
            .kafka
            .produce(topic, scene.story.traffic(0, seconds, 60));
    };
    let third = HOURLY as usize / 3;
    let daemon = scene.start(&yaml);
    scene.passes(0);
    daemon.has_read(HOURLY as usize);
    daemon.leave(SOON);
    renew(1);
    let daemon = scene.start(&yaml);
    daemon.has_read(third);
    assert_eq!(losses(&daemon.scrape()), [0.0, 0.0, 1.0]);

    // And under a daemon that runs, to which it looks smaller again.
    scene.passes(2);
    daemon.has_read(third + HOURLY as usize);
    renew(3);
    daemon.has_read(2 * third + HOURLY as usize);
    assert_eq!(losses(&daemon.scrape()), [0.0, 0.0, 2.0]);
    assert_eq!(times(&daemon.log(), "made anew"), 2, "{}", daemon.log());
}

#[test]
fn a_replica_counts_what_expired_before_the_offset_that_was_committed_is_read() {
    let scene = Scene::set();
    // That of the source, and those of the three nodes.
    const PARTITIONS: usize = 1 + 3;
    let setting = &scene.setting;
    let yaml = as_replica(&setting.yaml(), &setting.group, 1, "1s");
    let daemon = scene.start_of(&yaml, PARTITIONS);
    scene.passes(0);
    daemon.has_read(HOURLY as usize);
    becomes("the offset to go on from", SOON, Some(RESUMED), || {
        let setting = &scene.setting;
        scene.kafka.committed(&setting.group, &setting.topic)[&0]
    });
    drop(daemon);
    scene.passes(1);
    let oldest = HOURLY + HOURLY / 2;
    scene.expires(oldest);
    let daemon = scene.start_of(&yaml, PARTITIONS);
    daemon.has_read((2 * HOURLY - oldest) as usize);
    let lost = (oldest - RESUMED) as f64;
    assert_eq!(losses(&daemon.scrape()), [lost, 1.0, 0.0]);
}

#[test]
fn a_replica_goes_on_without_what_expired_in_the_logs_of_its_nodes() {
    const SHARDS: usize = 2;
    let scene = Scene {
        story: Story::began(Duration::from_secs(30 * HOUR)),
        ..Scene::set()
    };
    let setting = &scene.setting;
    let start = |interval| {
        let yaml = as_replica(&setting.yaml(), &setting.group, SHARDS, interval);
        scene.start_of(&yaml, 1 + SHARDS + 2)
    };
    // Two hours of traffic, in the first of which somebody touches the decoy, and is told of.
    let mut hour = 0;
    let mut goes_on = |daemon: &Daemon| {
        let actor = format!("actor-{hour}");
        let touch = scene.story.touch(hour * HOUR + HOUR / 2, &actor);
        let seconds = hour * HOUR..(hour + 2) * HOUR;
        hour += 2;
        let mut messages: Vec<Message> = scene.story.traffic(0, seconds, 60).collect();
        messages.insert(HOURLY as usize / 2, message(0, &touch));
        scene.kafka.produce(&setting.topic, messages);
        eventually("an alert of the touch", SOON, || {
            let told = records(&scene.kafka, &setting.alerts);
            let is_of_it = |record: &String| record.contains(&format!("\"{actor}\""));
            told.iter().any(is_of_it).then_some(())
        });
        becomes("messages not read", SOON, 0.0, || {
            daemon.scrape().sum("vigie_kafka_lag_messages", &[])
        });
    };
    let daemon = start("1s");
    goes_on(&daemon);
    daemon.leave(SOON);

    let [partials, findings] =
        ["partials", "findings"].map(|log| format!("{}-{log}", setting.group));
    let [shard, other, meet] = [0, 1, 2].map(|partition| (&partials, partition));
    let alerts = (&findings, 0);
    let gone = [
        vec![shard, other, meet, alerts],
        vec![meet],
        vec![shard],
        vec![alerts],
    ];
    for expired in gone {
        // It dies before it has written down what it knows.
        let daemon = start("1h");
        goes_on(&daemon);
        assert_eq!(losses(&daemon.scrape()), [0.0; 3]);
        drop(daemon);
        for (topic, partition) in &expired {
            let end = scene.kafka.ends(topic)[partition];
            scene.kafka.delete_before(topic, *partition, end);
        }
        let daemon = start("1h");
        let resets = || {
            let scrape = daemon.scrape();
            let reset = |(topic, partition): &(&String, i32)| {
                let labels = [
                    ("topic", topic.as_str()),
                    ("partition", &partition.to_string()),
                ];
                let lost = scrape.sum("vigie_kafka_messages_lost_total", &labels);
                let resets = scrape.sum("vigie_kafka_offset_resets_total", &labels);
                lost > 0.0 && resets == 1.0
            };
            let [_, all, replaced] = losses(&scrape);
            (
                expired.iter().filter(|log| reset(log)).count(),
                all,
                replaced,
            )
        };
        let all = expired.len();
        becomes(
            "logs that lack something",
            SOON,
            (all, all as f64, 0.0),
            resets,
        );
        goes_on(&daemon);
        assert_eq!(resets(), (all, all as f64, 0.0));
        daemon.leave(SOON);
    }
}

#[test]
fn a_replica_refuses_logs_that_were_made_anew_under_its_states() {
    let scene = Scene::set();
    let setting = &scene.setting;
    let yaml = as_replica(&setting.yaml(), &setting.group, 1, "1s");
    let daemon = scene.start_of(&yaml, 1 + 3);
    scene.passes(0);
    daemon.has_read(HOURLY as usize);
    let ended = daemon.leave(SOON);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let partials = format!("{}-partials", setting.group);
    scene.kafka.delete_topic(&partials);

    // It makes what is missing, and its states follow what is not there.
    let ended = Daemon::start_with(&yaml).ends(SOON);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let why = format!("`{partials}` was made anew");
    assert!(ended.stderr.contains(&why), "{}", ended.stderr);
}
