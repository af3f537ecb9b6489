//! A directory that cannot be written: detection goes on, what fails is counted and told, and it is well
//! again as soon as the directory is. By means that need no right but to write there: a limit on the length
//! of files that the kernel keeps, the device that is always full, and a file in the directory's place.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::directory;
use crate::support::events::{Story, message};
use crate::support::eventually;
use crate::support::kafka::{Client, shared};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const KEPT: &str = "vigie_checkpoint_last_success_timestamp_seconds";
const FAILURES: &str = "vigie_checkpoint_failures_total";

/// A daemon that keeps its state every second, and traffic that goes on.
struct Scene {
    kafka: Client,
    setting: Setting,
    folder: TempDir,
    daemon: Daemon,
    story: Story,
    /// How far the traffic has come, in seconds.
    second: u64,
}

impl Scene {
    fn began(more: &str) -> Scene {
        let kafka = shared();
        let setting = Setting::made(&kafka, 1);
        let folder = directory::fresh();
        let yaml = setting
            .yaml()
            .replace("bound: append", "bound: none")
            .replace(
                "alerts:",
                &format!(
                    "alerts:\n{}",
                    more.replace("FOLDER", &folder.path().to_string_lossy())
                ),
            );
        let state = folder.path().join("state");
        let yaml = format!(
            "{yaml}state:\n  directory: {}\n  interval: 1s\n",
            state.display()
        );
        Scene {
            daemon: Daemon::start_limited(&yaml),
            story: Story::began(Duration::from_secs(4 * 3_600)),
            second: 0,
            kafka,
            setting,
            folder,
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn metric(&self, name: &str) -> f64 {
        self.daemon.scrape().sum(name, &[])
    }

    fn alerts(&self) -> f64 {
        let decoys = [("detection", "decoy_record_touched")];
        self.daemon.scrape().sum("vigie_alerts_total", &decoys)
    }

    /// Some minutes pass.
    fn goes_on(&mut self) {
        let end = self.second + 300;
        let traffic = self.story.traffic(0, self.second..end, 60);
        self.kafka.produce(&self.setting.topic, traffic);
        self.second = end;
    }

    /// Somebody looks at the decoy, which nobody did before.
    fn touch(&mut self) {
        let touch = self
            .story
            .touch(self.second, &format!("actor-{}", self.second));
        self.kafka
            .produce(&self.setting.topic, [message(0, &touch)]);
    }

    /// Lets time pass until this is so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Scene) -> bool) {
        eventually(what, SOON, || {
            self.goes_on();
            is_so(self).then_some(())
        });
    }

    fn is_kept_again(&mut self) {
        let before = self.metric(KEPT);
        self.until("a snapshot to be kept", |scene| scene.metric(KEPT) > before);
    }
}

/// What happens to the directory, and what the log says of it.
fn survives(words: &str, breaks: impl FnOnce(&Daemon, &Path), mends: impl FnOnce(&Daemon, &Path)) {
    let mut scene = Scene::began("");
    scene.is_kept_again();
    assert_eq!(scene.metric(FAILURES), 0.0);
    breaks(&scene.daemon, &scene.state());
    scene.touch();
    scene.until("a snapshot to fail", |scene| scene.metric(FAILURES) >= 1.0);
    scene.until("an alert all the same", |scene| scene.alerts() == 1.0);
    let log = scene.daemon.log();
    let told = log
        .lines()
        .find(|line| line.contains("no snapshot was kept, detection goes on"));
    assert!(told.is_some_and(|line| line.contains(words)), "{log}");
    mends(&scene.daemon, &scene.state());
    // One may still be on its way.
    scene.is_kept_again();
    let failures = scene.metric(FAILURES);
    scene.is_kept_again();
    assert_eq!(scene.metric(FAILURES), failures);
    assert_eq!(scene.daemon.get("/-/ready").status, 200);
    assert!(!scene.state().join("unfinished").exists());
}

#[test]
fn no_more_room_than_for_half_a_snapshot() {
    survives(
        "File too large",
        |daemon, _| daemon.limit_files(Some(200)),
        |daemon, _| daemon.limit_files(None),
    );
}

#[test]
fn no_space_left_on_the_device() {
    // What was begun is removed: the next one finds room.
    survives(
        "No space left on device",
        |_, state| {
            std::os::unix::fs::symlink("/dev/full", state.join("unfinished")).expect("a link");
        },
        |_, _| {},
    );
}

#[test]
fn a_directory_that_is_gone_and_comes_back() {
    let beside = |state: &Path| state.with_extension("moved");
    survives(
        "Not a directory",
        |_, state| {
            std::fs::rename(state, beside(state)).expect("a directory");
            std::fs::write(state, "no directory").expect("a file");
        },
        |_, state| {
            std::fs::remove_file(state).expect("a file");
            std::fs::rename(beside(state), state).expect("a directory");
        },
    );
}

fn records(scene: &Scene) -> Vec<String> {
    let records = scene.kafka.consume(&scene.setting.alerts).into_iter();
    let text = records.map(|record| String::from_utf8(record.payload).expect("JSON"));
    text.collect()
}

#[test]
fn a_record_that_its_file_has_no_room_for_waits_and_is_in_no_snapshot() {
    let mut scene = Scene::began("  file: FOLDER/alerts.jsonl\n");
    scene.is_kept_again();
    scene.daemon.limit_files(Some(20));
    scene.touch();
    scene.until("an alert", |scene| scene.alerts() == 1.0);
    let file = scene.folder.path().join("alerts.jsonl");
    let length = |file: &Path| file.metadata().expect("a file").len();
    assert_eq!(length(&file), 20);
    // What knows it to be told is not kept. One snapshot may have been on its way before.
    scene.goes_on();
    let before = scene.metric(KEPT);
    std::thread::sleep(Duration::from_millis(1_200));
    scene.goes_on();
    assert_eq!(scene.metric(KEPT), before);
    scene.daemon.limit_files(None);
    scene.until("the record", |_| length(&file) > 20);
    eventually("the file to hold what the topic holds", SOON, || {
        let text = std::fs::read_to_string(&file).expect("a file");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (!lines.is_empty() && lines == records(&scene)).then_some(())
    });
    assert!(scene.metric("vigie_alert_delivery_failures_total") >= 1.0);
    scene.is_kept_again();
}
