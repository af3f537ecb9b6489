//! Prometheus itself, which scrapes a daemon and is asked what it has seen.

use super::process::{Ended, Process};
use super::{directory, eventually, http, ports};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const INSTALL: &str = "run tests/setup, or install prometheus";
const START_WITHIN: Duration = Duration::from_secs(30);
const TOOL_WITHIN: Duration = Duration::from_secs(20);

/// A running Prometheus.
pub(crate) struct Prometheus {
    address: String,
    _process: Process,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `target` as the job `vigie`, and follows these rules, once a
    /// second.
    pub(crate) fn start(target: &str, rules: &Path) -> Prometheus {
        let directory = directory::fresh();
        let address = format!("127.0.0.1:{}", ports::free());
        let config = directory.path().join("prometheus.yaml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ['{}']
scrape_configs: [{{job_name: vigie, static_configs: [{{targets: ['{target}']}}]}}]
",
            rules.display()
        );
        std::fs::write(&config, text).expect("a file in a fresh directory");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start(command, INSTALL);
        eventually("Prometheus to be ready", START_WITHIN, || {
            let ended = process.status();
            assert!(
                ended.is_none(),
                "Prometheus ended while starting: {ended:?}"
            );
            http::get(&address, "/-/ready")
                .is_ok_and(|answer| answer.status == 200)
                .then_some(())
        });
        Prometheus {
            address,
            _process: process,
            _directory: directory,
        }
    }

    /// The value of a query whose answer is one series; `None` where it has no answer yet.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        let result = self.ask(&format!("/api/v1/query?query={}", http::encode(query)));
        result["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// The names of the alerts that are firing.
    pub(crate) fn firing(&self) -> Vec<String> {
        let alerts = self.ask("/api/v1/alerts");
        let alerts = alerts["alerts"].as_array().into_iter().flatten();
        alerts
            .filter(|alert| alert["state"] == "firing")
            .filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned()))
            .collect()
    }

    fn ask(&self, path: &str) -> Value {
        let answer = http::get(&self.address, path).expect("Prometheus answers");
        let mut body: Value = serde_json::from_str(&answer.body).expect("an answer in JSON");
        assert_eq!(body["status"], "success", "{path}: {body}");
        body["data"].take()
    }
}

/// What `promtool check metrics` has to say to a scrape.
pub(crate) fn check_metrics(text: &str) -> Ended {
    let directory = directory::fresh();
    let file = directory.path().join("metrics");
    std::fs::write(&file, text).expect("a file in a fresh directory");
    // It reads standard input only.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec promtool check metrics < \"$0\""])
        .arg(&file);
    let ended = Process::start(command, INSTALL).wait(TOOL_WITHIN);
    assert_ne!(ended.code, Some(127), "`promtool` is not there: {INSTALL}");
    ended
}
