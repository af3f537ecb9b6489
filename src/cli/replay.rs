//! `vigie replay`

use super::words::{per_second, thousands};
use super::{ConfigFile, Failure, logging};
use crate::domain::{Alert, AlertStatus};
use crate::engine::{BackStatus, Counts, Front, Pipeline, StepDone};
use crate::limits::QUEUE_MESSAGES;
use crate::observe::Verdict;
use crate::sink::{AlertSinks, FileSink};
use crate::source::{FileSource, RejectionLog};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Run the same engine over a file, as fast as it goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie replay --input events.jsonl --alerts alerts.jsonl
  zcat events-*.gz | vigie replay --config my.yaml --input - --alerts - | jq .explanation

The input holds one event a line, plain, gzip or Zstandard; `-` is standard input. Two runs over
the same input give the same bytes.")]
pub(super) struct Replay {
    #[command(flatten)]
    file: ConfigFile,
    /// Events to read, a line each; `-` for standard input.
    #[arg(long, value_name = "EVENTS")]
    input: PathBuf,
    /// Where to write alert records, a line each; `-` for standard output. Without it they are
    /// only counted.
    #[arg(long, value_name = "OUT")]
    alerts: Option<PathBuf>,
}

/// Lines between two looks at the progress.
const LINES_PER_LOOK: u64 = 20_000;
/// Alerts told in words at the end.
const TOLD: usize = 10;

#[derive(Default)]
struct Fired {
    by_detection: BTreeMap<String, u64>,
    /// The strongest, strongest first.
    strongest: Vec<Alert>,
    failures: u64,
}

impl Fired {
    fn note(&mut self, alert: &Alert) {
        if alert.status != AlertStatus::Firing {
            return;
        }
        *self
            .by_detection
            .entry(alert.detection.clone())
            .or_default() += 1;
        self.strongest.retain(|known| known.id != alert.id);
        let at = self
            .strongest
            .partition_point(|known| known.false_alarms_per_day <= alert.false_alarms_per_day);
        self.strongest.insert(at, alert.clone());
        self.strongest.truncate(TOLD);
    }
}

impl Replay {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let config = self.file.load()?;
        logging::start(&config.log);
        let mut source = FileSource::open(&self.input).map_err(Failure::running)?;
        let mut sinks = AlertSinks::default();
        if let Some(path) = &self.alerts {
            sinks.push(FileSink::create(path).map_err(Failure::running)?);
        }
        let settings = config.engine();
        let fired = Arc::new(Mutex::new(Fired::default()));
        let noted = Arc::clone(&fired);
        let after_step = move |_: &_, done: StepDone| {
            if done.alerts.is_empty() {
                return;
            }
            let mut fired = noted.lock().unwrap_or_else(PoisonError::into_inner);
            for alert in &done.alerts {
                sinks.write(alert);
                fired.note(alert);
            }
            fired.failures = sinks.failures();
        };
        let mut pipeline =
            Pipeline::start(&settings, QUEUE_MESSAGES, after_step).map_err(Failure::running)?;
        let mut front = Front::new(&settings);
        pipeline.send(front.assign(0)).map_err(Failure::running)?;

        let started = Instant::now();
        let progress = progress_bar(source.bytes);
        let mut rejections = RejectionLog::default();
        let mut line = Vec::new();
        let mut lines = 0_u64;
        let place = self.input.display().to_string();
        while let Some(read) = source.lines.next(&mut line).map_err(Failure::running)? {
            lines += 1;
            if lines.is_multiple_of(LINES_PER_LOOK) {
                progress.set_position(source.bytes_read.load(Ordering::Relaxed));
                progress.set_message(format!(
                    "{} events, {}/s",
                    thousands(front.counts().read()),
                    per_second(front.counts().read(), started.elapsed())
                ));
            }
            if crate::decode::is_blank(&line) {
                continue;
            }
            let (verdict, step) = front.feed(0, read.number, None, &line);
            if let Verdict::Rejected(reason) = verdict {
                progress
                    .suspend(|| rejections.note(Instant::now(), reason, &place, read.number + 1));
            }
            if let Some(step) = step {
                pipeline.send(step).map_err(Failure::running)?;
            }
        }
        for step in front.finish() {
            pipeline.send(step).map_err(Failure::running)?;
        }
        let back = pipeline.finish().map_err(Failure::running)?;
        progress.finish_and_clear();
        let fired = fired.lock().unwrap_or_else(PoisonError::into_inner);
        eprint!(
            "{}",
            summary(front.counts(), &back.status(), &fired, started.elapsed())
        );
        if fired.failures > 0 {
            let message = format!("{} alert records could not be written", fired.failures);
            return Err(Failure::Running(message.into()));
        }
        Ok(())
    }
}

fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let style = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    let bar = match bytes {
        Some(bytes) => {
            ProgressBar::new(bytes).with_style(style("{bar:30} {percent:>3} % {msg}, {eta} to go"))
        }
        None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}")),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What was read and what was found, for a person.
fn summary(counts: &Counts, status: &BackStatus, fired: &Fired, took: Duration) -> String {
    let mut text = String::new();
    let mut row = |name: &str, number: u64| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name:<28} {:>14}", thousands(number));
    };
    row("read", counts.read());
    row("processed", counts.processed_in_all());
    for (kind, number) in counts.processed() {
        row(&format!("  {}", kind.name()), number);
    }
    row("rejected", counts.rejected_in_all());
    for (reason, number) in counts.rejected().filter(|(_, number)| *number > 0) {
        row(&format!("  {reason}"), number);
    }
    row("late", counts.late);
    row("duplicate", counts.duplicate);
    row("alerts", fired.by_detection.values().sum());
    for (detection, number) in &fired.by_detection {
        row(&format!("  {detection}"), *number);
    }
    for (reason, number) in &status.muted {
        row(&format!("muted: {}", reason.name()), *number);
    }
    row(
        "entities",
        status.entities.iter().map(|(known, _)| *known as u64).sum(),
    );
    let _ = writeln!(
        text,
        "{:<28} {:>14}",
        "events/s",
        per_second(counts.read(), took)
    );
    if !fired.strongest.is_empty() {
        let _ = writeln!(text, "\nthe strongest:");
        for alert in &fired.strongest {
            let _ = writeln!(
                text,
                "  {} {:<8} {}",
                alert.decided,
                alert.severity.name(),
                alert.explanation
            );
        }
    }
    text
}
