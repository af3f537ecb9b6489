//! The daemon reads its configuration again: policy changes while it runs, and nothing else does.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::{Story, message};
use crate::support::eventually;
use crate::support::kafka::{Client, shared};
use serde_json::Value;
use std::time::Duration;

const HOUR: u64 = 3_600;

/// A daemon that reads its configuration again where a POST asks it to.
struct Scene {
    kafka: Client,
    setting: Setting,
    story: Story,
    yaml: String,
    daemon: Daemon,
    sent: usize,
}

impl Scene {
    fn set() -> Scene {
        let kafka = shared();
        let setting = Setting::made(&kafka, 1);
        let listen = "  listen: 127.0.0.1:0\n";
        let yaml = setting
            .yaml()
            .replace(listen, &format!("{listen}  reload: true\n"));
        Scene {
            daemon: Daemon::start_with(&yaml),
            story: Story::began(Duration::from_secs(6 * HOUR)),
            kafka,
            setting,
            yaml,
            sent: 0,
        }
    }

    /// Half an hour of traffic, in the middle of which an actor touches a shipment.
    fn passes(&mut self, half_hour: u64, actor: &str, shipment: &str) {
        let begin = half_hour * HOUR / 2;
        let (middle, end) = (begin + 900, begin + 1_800);
        let mut touch = self.story.touch(middle, actor);
        touch["shipment"] = Value::from(shipment);
        let messages: Vec<_> = self
            .story
            .traffic(0, begin..middle, 60)
            .chain([message(0, &touch)])
            .chain(self.story.traffic(0, middle..end, 60))
            .collect();
        self.sent += messages.len();
        self.kafka.produce(&self.setting.topic, messages);
        self.daemon.has_read(self.sent);
    }

    /// The actors that an alert on a decoy was raised for, once there are so many.
    fn told_of(&self, so_many: usize) -> Vec<String> {
        eventually("alerts on decoys", SOON, || {
            let records = self.kafka.consume(&self.setting.alerts);
            let alerts = records.iter().map(|record| -> Value {
                serde_json::from_slice(&record.payload).expect("an alert in JSON")
            });
            let actors: Vec<String> = alerts
                .filter(|alert| alert["status"] == "firing")
                .filter(|alert| alert["detection"] == "decoy_record_touched")
                .filter_map(|alert| Some(alert["entity"]["actor"].as_str()?.to_owned()))
                .collect();
            (actors.len() == so_many).then_some(actors)
        })
    }

    fn metric(&self, name: &str) -> f64 {
        self.daemon.scrape().sum(name, &[])
    }

    fn loaded_at(&self) -> f64 {
        self.metric("vigie_config_last_reload_success_timestamp_seconds")
    }

    fn succeeded(&self) -> bool {
        self.metric("vigie_config_last_reload_successful") == 1.0
    }
}

#[test]
fn policy_changes_while_it_runs_and_what_needs_a_restart_is_refused_whole() {
    let mut scene = Scene::set();
    let first_loaded = scene.loaded_at();
    scene.passes(0, "early", "decoy-7");
    scene.passes(1, "nobody", "plain");
    assert_eq!(scene.told_of(1), ["early"]);

    // Another decoy, and a mute: by POST.
    let changed = format!(
        "{}policy: {{mutes: [{{match: {{actor: aud*}}, until: 2099-01-01, reason: audit}}]}}\n",
        scene.yaml.replace("[decoy-7]", "[decoy-8]")
    );
    scene.daemon.rewrite(&changed);
    let answer = scene.daemon.post("/-/reload");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.body,
        "policy.mutes\nlists.decoys: 1 added, 1 removed\n"
    );
    assert!(scene.succeeded() && scene.loaded_at() >= first_loaded);
    scene.passes(2, "late", "decoy-7");
    scene.passes(3, "auditor", "decoy-8");
    scene.passes(4, "eve", "decoy-8");
    scene.passes(5, "nobody", "plain");
    assert_eq!(scene.told_of(2), ["early", "eve"]);
    let muted = scene
        .daemon
        .scrape()
        .sum("vigie_alerts_muted_total", &[("reason", "mute")]);
    assert_eq!(muted, 1.0);

    // Something that needs a restart, and with it policy: refused whole, by name.
    let loaded = scene.loaded_at();
    let shaping = changed
        .replace("[decoy-8]", "[decoy-9]")
        .replace("allowed_lateness: 1m", "allowed_lateness: 2m");
    scene.daemon.rewrite(&shaping);
    let answer = scene.daemon.post("/-/reload");
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(
        answer.body.contains("time.allowed_lateness"),
        "{}",
        answer.body
    );
    assert!(!scene.succeeded());

    // Something broken, by SIGHUP: every mistake is in the log, and what ran runs on.
    scene
        .daemon
        .rewrite("alerts: {cooldown: soon}\ntime: {pane: 7m}\n");
    scene.daemon.hang_up();
    eventually("the refusal to be told", SOON, || {
        let log = scene.daemon.log();
        (log.contains("alerts.cooldown") && log.contains("divide an hour")).then_some(())
    });
    assert!(!scene.succeeded());
    assert_eq!(scene.loaded_at(), loaded);
    scene.passes(6, "mallory", "decoy-8");
    scene.passes(7, "nobody", "plain");
    assert_eq!(scene.told_of(3), ["early", "eve", "mallory"]);

    // And by SIGHUP it goes back to what it was.
    scene.daemon.rewrite(&scene.yaml);
    scene.daemon.hang_up();
    eventually("the reload to succeed", SOON, || {
        (scene.succeeded() && scene.loaded_at() > loaded).then_some(())
    });
    scene.passes(8, "trudy", "decoy-7");
    scene.passes(9, "nobody", "plain");
    assert_eq!(scene.told_of(4), ["early", "eve", "mallory", "trudy"]);
}

#[test]
fn reloading_by_http_is_off_unless_it_is_switched_on_and_takes_a_post() {
    let setting = Setting::made(&shared(), 1);
    let daemon = Daemon::start(&setting);
    assert_eq!(daemon.post("/-/reload").status, 403);
    let answer = daemon.get("/-/reload");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(daemon.post("/metrics").status, 405);
}
