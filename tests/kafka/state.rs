//! `vigie state` beside a cluster: the states of its nodes, from the changelog.

use super::durability::messages;
use crate::support::daemon::{Daemon, SOON, Setting, as_replica, command};
use crate::support::kafka::shared;
use crate::support::process::{Ended, Process};
use crate::support::{directory, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const PARTITIONS: i32 = 2;
/// Some two days.
const MESSAGES: usize = 40_000;

fn state(config: &Path, words: &[&str]) -> Ended {
    let mut command = command();
    command.arg("state").args(words).arg("--config").arg(config);
    Process::start(command, "cargo builds it").wait(Duration::from_secs(60))
}

/// The newest state of each node, once there is one of each that has come so far.
fn newest(config: &Path, closed_to: &str) -> Option<BTreeMap<String, Value>> {
    let ended = state(config, &["--json"]);
    let told: Value = serde_json::from_str(&ended.stdout).ok()?;
    let mut newest = BTreeMap::new();
    for facts in told.as_array()? {
        let node = facts["node"].as_str()?.to_owned();
        newest.entry(node).or_insert_with(|| facts.clone());
    }
    let has_come = |facts: &Value| facts["header"]["closed_to"].as_str() >= Some(closed_to);
    (newest.len() == 4 && newest.values().all(has_come)).then_some(newest)
}

#[test]
fn what_the_nodes_of_a_cluster_know_is_told_while_they_run() {
    let kafka = shared();
    let setting = Setting::made(&kafka, PARTITIONS);
    let mut messages = messages(PARTITIONS);
    messages.truncate(MESSAGES);
    let last: Value = serde_json::from_slice(&messages[MESSAGES - 1].payload).expect("JSON");
    // To the hour: the rest of it is open.
    let last_hour = format!("{}:00:00Z", &last["time"].as_str().expect("a time")[..13]);
    kafka.produce(&setting.topic, messages);
    let yaml = setting
        .yaml()
        .replace("bound: append", "bound: none\n  idle_after: 1h");
    let prefix = &setting.group;
    let yaml = as_replica(&yaml, prefix, 2, "1s");
    let folder = directory::fresh();
    let config = folder.path().join("vigie.yaml");
    std::fs::write(&config, &yaml).expect("a file");
    // Nobody has made the topics yet.
    let ended = state(&config, &["verify"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(
        ended.stderr.contains(&format!("{prefix}-changelog")),
        "{}",
        ended.stderr
    );

    let mut daemon = Daemon::start_with(&yaml);
    let nodes = eventually("states of all nodes", 6 * SOON, || {
        newest(&config, &last_hour)
    });
    let names: Vec<&str> = nodes.keys().map(String::as_str).collect();
    assert_eq!(names, ["alerts", "meeting", "shard 0", "shard 1"]);
    assert!(
        nodes["meeting"]["parcels"].as_u64() > Some(100),
        "{nodes:?}"
    );
    assert!(nodes["alerts"]["open_episodes"].is_array(), "{nodes:?}");
    for (node, facts) in &nodes {
        assert_eq!(facts["header"]["configuration"]["fits"], true, "{facts}");
        assert!(facts["log_offset"].as_u64() > Some(0), "{facts}");
        assert!(facts["written"].is_string() && facts["bytes_packed"].as_u64() > Some(0));
        assert_eq!(facts["entities"].is_array(), node.starts_with("shard"));
    }
    let groups: Vec<&Value> = ["shard 0", "shard 1"]
        .into_iter()
        .flat_map(|shard| nodes[shard]["entities"].as_array().expect("groups"))
        .collect();
    let entities: u64 = groups
        .iter()
        .filter_map(|group| group["entities"].as_u64())
        .sum();
    // What is read is judged, and nothing new comes: both count the same.
    let counted = daemon.scrape().sum("vigie_entities", &[]);
    assert_eq!(entities as f64, counted);
    let ended = state(&config, &["verify"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 4, "{}", ended.stdout);

    let of_actors = groups
        .iter()
        .find(|group| group["members"] == serde_json::json!(["actor"]) && group["entities"] != 0);
    let entity = &of_actors.expect("actors")["oldest"]["entity"];
    let exported = state(&config, &["export", "--entity", &entity.to_string()]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let exported: Value = serde_json::from_str(&exported.stdout).expect("JSON");
    assert_eq!(&exported["known"][0]["entity"], entity);
    assert!(daemon.is_alive());
    let ended = daemon.leave(Duration::from_secs(20));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
