//! `vigie check`

use super::{ConfigFile, Failure};
use crate::config::Config;
use crate::detection::Plan;
use std::fmt::Write;

/// Check a configuration: all its mistakes at once, or what it comes to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie check --config config/vigie.yaml
  vigie check                                   the shipped settings and catalogue")]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let config = self.file.load_for_kafka()?;
        print!("{}", describe(&config));
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
    text
}
