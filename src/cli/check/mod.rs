//! `vigie check`

mod cases;

use super::{ConfigFile, Failure};
use crate::config::{Config, TestSuite};
use crate::detection::Plan;
use crate::domain::EventTime;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Check a configuration: all its mistakes at once, or what it comes to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie check --config config/vigie.yaml
  vigie check                                   the shipped settings and catalogue
  vigie check --config my.yaml --tests my.tests.yaml

A file of tests says which alerts some events must raise, and which they must not:
  tests:
    - name: whoever touches a decoy is told of
      config:                                   # what differs from --config; may be left out
        lists: {decoys: [parcel-0]}
      start: 2026-01-05                         # what +1h counts from; this is the default
      events:                                   # or {file: events.jsonl}
        - {time: +0s, repeat: {every: 1m, times: 120}, kind: access, actor: 'user-{n%10}',
           role: support, action: read, shipment: 'parcel-{n%40}'}
      expect:
        - {detection: decoy_record_touched, entity: {actor: user-0}, severity: critical,
           after: +5m, before: +10m, count: 1}
      expect_none:
        - {detection: decoy_record_touched, entity: {actor: user-1}}
Windows are judged when events have passed their end, so let some come after it. Exit status 1
where a test fails. config/tests/shipped.yaml holds more.")]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Files of tests to run.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    tests: Vec<PathBuf>,
}

impl Check {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let config = self.file.load_for_kafka()?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = EventTime(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        for mute in config.policy.expired(now) {
            eprintln!("warning: {mute}");
        }
        if self.tests.is_empty() {
            print!("{}", describe(&config));
            return Ok(());
        }
        let load = |path: &PathBuf| TestSuite::load(path, self.file.config.as_deref());
        let suites = self.tests.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let (mut tests, mut failed) = (0, 0);
        for (path, suite) in self.tests.iter().zip(&suites) {
            for test in &suite.tests {
                let faults = cases::run(test)?;
                tests += 1;
                failed += usize::from(!faults.is_empty());
                print!("{}", cases::told(path, test, &faults));
            }
        }
        if failed > 0 {
            return Err(Failure::Running(
                format!("{failed} of {tests} tests failed").into(),
            ));
        }
        Ok(())
    }
}

/// What a configuration comes to, for a person.
fn describe(config: &Config) -> String {
    let plan: &Plan = &config.plan;
    let budget = config.alerts.false_alarms_per_day;
    let total: f64 = plan
        .detections
        .iter()
        .map(|detection| detection.policy.weight)
        .sum();
    let mut text = format!(
        "ok: {} detections, {budget} false alarms a day\n\n{:<24} {:<8} {:<22} {:<14} {:>10}\n",
        plan.detections.len(),
        "detection",
        "class",
        "entity",
        "windows",
        "alarms/day"
    );
    for detection in &plan.detections {
        let entity: Vec<&str> = detection
            .entity
            .iter()
            .map(|member| member.name())
            .collect();
        let windows: Vec<String> = detection
            .windows
            .iter()
            .map(|window| window.to_string())
            .collect();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{:<24} {:<10} {:<20} {:<14} {:>10.2}",
            detection.name,
            detection.policy.class.name(),
            entity.join(" > "),
            windows.join(" "),
            budget * detection.policy.weight / total
        );
    }
    let policy = &config.policy;
    if !policy.is_empty() {
        let _ = writeln!(
            text,
            "\npolicy: {} mutes, {} calendars",
            policy.mutes.len(),
            policy.calendars.len()
        );
    }
    if let Some(plan) = &config.memory.plan {
        let _ = writeln!(text, "\nmemory: {plan}");
    }
    text
}
