//! `vigie evaluate`

mod read;
mod simulate;

use super::Failure;
use crate::domain::Span;
use crate::evaluate::{
    Calibration, Evaluation, Grace, Settings, Traffic, evaluate, to_html, to_text,
};
use std::path::{Path, PathBuf};

/// Tell how good alerts are: recall at a budget of false alarms, time to detect, calibration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie evaluate --alerts alerts.jsonl --labels labels.jsonl
  vigie evaluate --alerts a.jsonl.zst --labels l.jsonl.zst --scores scores.csv.zst --html report.html
  vigie evaluate --alerts a1 --labels l1 --alerts a2 --labels l2 --json result.json
  vigie evaluate --simulate --seeds 101..130 --quiet-seeds 201..204 --split report --html report.html
  vigie evaluate --simulate --seeds 1..4 --attacks seller_silence,bulk_export --no-calibration
  vigie evaluate --simulate --seeds 1..4 --no-calibration --config mine.yaml --fail-below 0.9 --fail-above 10.5

Alerts and labels hold one JSON object a line, scores are CSV; plain, gzip or Zstandard. Given
several times, runs are pooled; the first alerts belong to the first labels. Recall at so many false
alarms a day is found by sweeping a threshold over the alerts' strength, so alerts should have been
raised with a budget above the largest that is asked for. With --simulate nothing is read: each seed
is a hub with attacks of its own, judged once, and alerted with the budget of the configuration (as
shipped) and with that of --sweep.

Exit status: 0 done, 1 an input cannot be read, 2 usage, 3 a bound of --fail-below or --fail-above
is not kept.")]
pub(super) struct Evaluate {
    #[command(flatten)]
    simulation: simulate::Simulation,
    /// Alert records, a line each; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    alerts: Vec<PathBuf>,
    /// Labels, a line each.
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// Every test's p-value, as `vigie replay --scores` writes it.
    #[arg(long, value_name = "FILE")]
    scores: Vec<PathBuf>,
    /// False alarms a day at which recall is told.
    #[arg(long, value_name = "B,...", value_delimiter = ',', default_values_t = [5.0, 10.0, 20.0, 50.0],
        value_parser = positive)]
    budgets: Vec<f64>,
    /// How long after the end of an episode of up to 24 h an alert is in time.
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = Span::parse)]
    grace: Span,
    /// The same for longer episodes.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = Span::parse)]
    grace_slow: Span,
    /// Where to write the whole result as JSON; `-` for standard output instead of the tables.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Where to write the report: one page that needs nothing else.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Exit with 3 if recall, as shipped, is below this share.
    #[arg(long, value_name = "RECALL", value_parser = positive)]
    fail_below: Option<f64>,
    /// Exit with 3 if there are more false alarms a day, as shipped.
    #[arg(long, value_name = "FALSE_ALARMS", value_parser = positive)]
    fail_above: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| format!("`{text}` is not a number of 0 or more"))
}

impl Evaluate {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        self.check()?;
        let (runs, calibration) = self.runs()?;
        let mut budgets = self.budgets.clone();
        budgets.sort_by(f64::total_cmp);
        budgets.dedup();
        let settings = Settings {
            budgets,
            grace: Grace {
                burst: self.grace,
                slow: self.grace_slow,
            },
        };
        let evaluation = evaluate(&runs, &settings, calibration.finish());
        self.tell(&evaluation)?;
        self.judge(&evaluation)
    }

    /// What clap cannot check.
    fn check(&self) -> Result<(), Failure> {
        if self.simulation.simulate {
            return Ok(());
        }
        let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
        if self.labels.is_empty() {
            return usage("give --labels, and --alerts raised on the same traffic, or --simulate");
        }
        if self.alerts.len() != self.labels.len() {
            return usage("give --alerts and --labels equally often: one of each for every run");
        }
        if !self.scores.is_empty() && self.scores.len() != self.labels.len() {
            return usage("give --scores as often as --labels, or not at all");
        }
        let all = self.alerts.iter().chain(&self.labels).chain(&self.scores);
        if all.filter(|path| *path == Path::new("-")).count() > 1 {
            return usage("only one input can be standard input");
        }
        Ok(())
    }

    fn runs(&self) -> Result<(Vec<Traffic>, Calibration), Failure> {
        if self.simulation.simulate {
            return self.simulation.run();
        }
        let mut runs = Vec::new();
        let mut calibration = Calibration::default();
        for (number, (labels, alerts)) in self.labels.iter().zip(&self.alerts).enumerate() {
            let truth = read::labels(labels)?;
            let alerts = read::alerts(alerts)?;
            if let Some(scores) = self.scores.get(number) {
                read::scores(scores, &truth, &mut calibration)?;
            }
            let name = labels.file_name().map(|name| name.to_string_lossy());
            runs.push(Traffic {
                name: name.map_or_else(|| String::from("-"), |name| name.into_owned()),
                truth,
                alerts,
                sweep: None,
                bounds: Vec::new(),
            });
        }
        Ok((runs, calibration))
    }

    fn tell(&self, evaluation: &Evaluation) -> Result<(), Failure> {
        for warning in &evaluation.warnings {
            eprintln!("vigie: {warning}");
        }
        let to_standard_output = self.json.as_deref() == Some(Path::new("-"));
        if let Some(path) = &self.json {
            let mut json = serde_json::to_string(evaluation).map_err(Failure::running)?;
            json.push('\n');
            read::write(path, &json)?;
        }
        if let Some(path) = &self.html {
            read::write(path, &to_html(evaluation))?;
        }
        if !to_standard_output {
            read::write(Path::new("-"), &to_text(evaluation))?;
        }
        Ok(())
    }

    fn judge(&self, evaluation: &Evaluation) -> Result<(), Failure> {
        let recall = evaluation.recall.last().map_or(0.0, |row| row.recall.share);
        let false_alarms = evaluation.alarms.per_day;
        let mut unmet = Vec::new();
        if let Some(least) = self.fail_below.filter(|least| recall < *least) {
            unmet.push(format!("recall as shipped is {recall:.3}, below {least}"));
        }
        if let Some(most) = self.fail_above.filter(|most| false_alarms > *most) {
            unmet.push(format!(
                "{false_alarms:.2} false alarms a day as shipped, above {most}"
            ));
        }
        if unmet.is_empty() {
            Ok(())
        } else {
            Err(Failure::Unmet(unmet.join("; ")))
        }
    }
}
