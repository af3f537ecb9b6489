//! `vigie run`, as its users run it: the built binary with a configuration file.

use super::http::{self, Answer};
use super::kafka::{Client, fresh_name};
use super::process::{Ended, Process};
use super::{becomes, directory, events, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const START_WITHIN: Duration = Duration::from_secs(20);
/// How long a condition that the daemon brings about may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// What a test's daemon reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Brokers, as `host:port`.
    pub(crate) brokers: String,
    /// Topic it reads.
    pub(crate) topic: String,
    /// Topic of its alert records.
    pub(crate) alerts: String,
    /// Consumer group.
    pub(crate) group: String,
    /// Where reading starts.
    pub(crate) start: String,
}

impl Setting {
    /// Of names that nobody else uses.
    pub(crate) fn fresh(brokers: &str) -> Setting {
        let topic = fresh_name("shipments");
        Setting {
            brokers: brokers.to_owned(),
            alerts: format!("{topic}-alerts"),
            group: format!("{topic}-vigie"),
            start: String::from("earliest"),
            topic,
        }
    }

    /// With both topics made.
    pub(crate) fn made(client: &Client, partitions: i32) -> Setting {
        let setting = Setting::fresh(client.brokers());
        client.create_topic(&setting.topic, partitions);
        client.create_topic(&setting.alerts, 1);
        setting
    }

    /// The configuration: as shipped, but with everything that waits waiting less.
    pub(crate) fn yaml(&self) -> String {
        let Setting {
            brokers,
            topic,
            alerts,
            group,
            start,
        } = self;
        let decoy = events::DECOY;
        format!(
            "kafka:
  brokers: {brokers}
  topics: [{topic}]
  group: {group}
  start: {start}
  options:
    auto.commit.interval.ms: 100
    reconnect.backoff.max.ms: 500
    session.timeout.ms: 6000
    heartbeat.interval.ms: 500
time:
  bound: append
  allowed_lateness: 1m
alerts:
  topic: {alerts}
  resolve_after: 10m
http:
  listen: 127.0.0.1:0
log:
  format: json
lists:
  decoys: [{decoy}]
"
        )
    }
}

/// The same configuration, as that of a replica that judges in so many parts and writes its states down so
/// often.
pub(crate) fn as_replica(yaml: &str, prefix: &str, shards: usize, interval: &str) -> String {
    format!(
        "{yaml}state:
  interval: {interval}
cluster:
  enabled: true
  topic_prefix: {prefix}
  shards: {shards}
"
    )
}

/// The same configuration with a topic for rejected messages.
pub(crate) fn with_dead_letters(yaml: &str, topic: &str) -> String {
    yaml.replace(
        "  start:",
        &format!("  dead_letter_topic: {topic}\n  start:"),
    )
}

/// The `vigie` command, without what the surroundings of the tests would change of it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.env_remove("RUST_LOG");
    command
}

/// Runs `vigie SUBCOMMAND --config FILE` to its end.
pub(crate) fn run_to_end(subcommand: &str, config: &Path) -> Ended {
    let mut command = command();
    command.arg(subcommand).arg("--config").arg(config);
    Process::start(command, "cargo builds it").wait(START_WITHIN)
}

/// A running daemon.
pub(crate) struct Daemon {
    process: Process,
    address: String,
    directory: TempDir,
}

impl Daemon {
    /// Starts it and waits until it serves.
    pub(crate) fn start(setting: &Setting) -> Daemon {
        Daemon::start_with(&setting.yaml())
    }

    /// As [`Daemon::start`], with this configuration.
    pub(crate) fn start_with(yaml: &str) -> Daemon {
        Daemon::start_by(command(), yaml)
    }

    /// As [`Daemon::start_with`]; it can be told how long its files may be, and is not killed for
    /// trying more.
    pub(crate) fn start_limited(yaml: &str) -> Daemon {
        let vigie = command();
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
        shell.arg(vigie.get_program()).env_remove("RUST_LOG");
        Daemon::start_by(shell, yaml)
    }

    fn start_by(mut command: Command, yaml: &str) -> Daemon {
        let directory = directory::fresh();
        let config = directory.path().join("vigie.yaml");
        std::fs::write(&config, yaml).expect("a file in a fresh directory");
        command.arg("run").arg("--config").arg(&config);
        let mut process = Process::start(command, "cargo builds it");
        let address = eventually("vigie to say where it serves", START_WITHIN, || {
            let ended = process.status();
            assert!(ended.is_none(), "vigie ended while starting: {ended:?}");
            address_in(&process.stderr())
        });
        Daemon {
            process,
            address,
            directory,
        }
    }

    /// Writes its configuration anew, which it does not read before it is asked to.
    pub(crate) fn rewrite(&self, yaml: &str) {
        let config = self.directory.path().join("vigie.yaml");
        std::fs::write(config, yaml).expect("a file in a directory of its own");
    }

    /// No file that it writes may become longer than this; without a number, than it could be at
    /// first. Of one that was started to be limited.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        self.process.limit_files(bytes);
    }

    /// Asks it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        self.process.hang_up();
    }

    /// What it has written to its log so far.
    pub(crate) fn log(&self) -> String {
        self.process.stderr()
    }

    /// Its answer to a POST without a body.
    pub(crate) fn post(&self, path: &str) -> Answer {
        http::post(&self.address, path).expect("vigie answers")
    }

    /// Where it serves, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its answer to a GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(&self.address, path).expect("vigie answers")
    }

    /// What it exports now.
    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::parse(&self.get("/metrics").body)
    }

    /// The most memory that it had so far, in bytes.
    pub(crate) fn resident_most(&self) -> u64 {
        self.process.resident_most()
    }

    /// Stops it where it is; it does not know that time passes.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.process.thaw();
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.status().is_none()
    }

    /// Waits until it has read so many messages, and no more.
    pub(crate) fn has_read(&self, messages: usize) {
        becomes("messages read", SOON, messages as f64, || {
            self.scrape().sum("vigie_events_read_total", &[])
        });
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ends(self, limit: Duration) -> Ended {
        self.process.wait(limit)
    }

    /// Asks it to leave, and waits until it has.
    pub(crate) fn leave(self, limit: Duration) -> Ended {
        self.process.terminate();
        self.process.wait(limit)
    }
}

/// The address in the line of the log that tells it.
fn address_in(log: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(line["fields"]["address"].as_str()?.to_owned())
    })
}

/// What was exported at one moment: series by name and labels.
#[derive(Debug)]
pub(crate) struct Scrape(BTreeMap<String, Vec<(String, f64)>>);

impl Scrape {
    fn parse(text: &str) -> Scrape {
        let mut series: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name_and_labels, value) = line.rsplit_once(' ').expect("a series and its value");
            let (name, labels) = name_and_labels
                .split_once('{')
                .unwrap_or((name_and_labels, ""));
            series.entry(name.to_owned()).or_default().push((
                labels.trim_end_matches('}').to_owned(),
                value.parse().expect("a value"),
            ));
        }
        Scrape(series)
    }

    /// How many series a metric has.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, Vec::len)
    }

    /// How many series of a metric have all these labels.
    pub(crate) fn count_of(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.with(name, labels).count()
    }

    /// The sum of a metric over its series that have all these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.with(name, labels).sum()
    }

    fn with(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = f64> {
        let wanted: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        self.0
            .get(name)
            .into_iter()
            .flatten()
            .filter(move |(labels, _)| wanted.iter().all(|pair| labels.contains(pair)))
            .map(|(_, value)| *value)
    }
}
