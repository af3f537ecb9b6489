//! `vigie replay`

mod difference;

use super::words::{per_second, thousands};
use super::{ConfigFile, Failure, logging};
use crate::config::Config;
use crate::domain::{Alert, AlertStatus};
use crate::engine::{
    Back, BackStatus, Counts, EngineSettings, Front, Pipeline, StepDone, TestListener,
};
use crate::observe::Verdict;
use crate::sink::{AlertSinks, FileSink, ScoreSink};
use crate::source::{FileSource, RejectionLog};
use difference::Difference;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Run the same engine over a file, as fast as it goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie replay --input events.jsonl --alerts alerts.jsonl
  zcat events-*.gz | vigie replay --config my.yaml --input - --alerts - | jq .explanation
  vigie replay --input events.jsonl.zst --scores scores.csv.zst

Review a change of thresholds in a pull request, over traffic that was recorded: what the changed
configuration would add, drop, or move in time or severity; exit status 3 where it is anything.
  git show main:vigie.yaml > main.yaml
  vigie replay --config main.yaml --against vigie.yaml --input recorded.jsonl.zst \\
    --diff difference.jsonl --fail-on-difference

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
    /// Where to write every test as CSV, with its p-value; packed where it ends in .gz or .zst.
    #[arg(long, value_name = "OUT")]
    scores: Option<PathBuf>,
    /// A second configuration: tell which alerts it adds, drops, or moves.
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// Where to write those differences, a line of JSON each; `-` for standard output.
    #[arg(long, value_name = "OUT", requires = "against")]
    diff: Option<PathBuf>,
    /// Exit with status 3 where the second configuration makes a difference.
    #[arg(long, requires = "against")]
    fail_on_difference: bool,
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

/// One configuration's stages.
struct Run {
    front: Front,
    pipeline: Pipeline,
}

impl Run {
    fn start(
        settings: &EngineSettings,
        tests: Option<TestListener>,
        mut told: impl FnMut(&[Alert]) + Send + 'static,
    ) -> Result<Run, Failure> {
        let after_step = move |_: &_, done: StepDone| {
            if !done.alerts.is_empty() {
                told(&done.alerts);
            }
        };
        let mut pipeline =
            Pipeline::start_observed(Back::new(settings), settings.queue(), tests, after_step)
                .map_err(Failure::running)?;
        let mut front = Front::new(settings);
        pipeline.send(front.assign(0)).map_err(Failure::running)?;
        Ok(Run { front, pipeline })
    }

    fn feed(&mut self, offset: i64, line: &[u8]) -> Result<Verdict, Failure> {
        let (verdict, step) = self.front.feed(0, offset, None, line);
        if let Some(step) = step {
            self.pipeline.send(step).map_err(Failure::running)?;
        }
        Ok(verdict)
    }

    fn finish(mut self) -> Result<(Counts, BackStatus), Failure> {
        for step in self.front.finish() {
            self.pipeline.send(step).map_err(Failure::running)?;
        }
        let back = self.pipeline.finish().map_err(Failure::running)?;
        Ok((self.front.counts().clone(), back.status()))
    }
}

/// What two threads write to, one after the other.
type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replay {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let config = self.file.load()?;
        let other = self
            .against
            .as_ref()
            .map(|path| Config::load(Some(path)))
            .transpose()?;
        logging::start(&config.log);
        let mut source = FileSource::open(&self.input).map_err(Failure::running)?;
        let mut sinks = AlertSinks::default();
        if let Some(path) = &self.alerts {
            sinks.push(FileSink::create(path).map_err(Failure::running)?);
        }
        let ours = Shared::<Vec<Alert>>::default();
        let theirs = Shared::<Vec<Alert>>::default();
        let fired = Shared::<Fired>::default();
        let scores = self
            .scores
            .as_ref()
            .map(|path| ScoreSink::create(path, Arc::clone(&config.plan)))
            .transpose()
            .map_err(Failure::running)?
            .map(|sink| Arc::new(Mutex::new(sink)));
        let tests = scores.as_ref().map(|scores| -> TestListener {
            let scores = Arc::clone(scores);
            Box::new(move |test| lock(&scores).write(&test))
        });
        let (noted, kept) = (Arc::clone(&fired), Arc::clone(&ours));
        let keeps = other.is_some();
        let mut run = Run::start(&config.engine(), tests, move |alerts| {
            let mut fired = lock(&noted);
            for alert in alerts {
                sinks.write(alert);
                fired.note(alert);
            }
            fired.failures = sinks.failures();
            if keeps {
                lock(&kept).extend_from_slice(alerts);
            }
        })?;
        let mut other_run = other
            .map(|other| {
                let kept = Arc::clone(&theirs);
                Run::start(&other.engine(), None, move |alerts| {
                    lock(&kept).extend_from_slice(alerts);
                })
            })
            .transpose()?;

        let started = Instant::now();
        let progress = progress_bar(source.bytes);
        let mut rejections = RejectionLog::default();
        let mut line = Vec::new();
        let mut lines = 0_u64;
        let place = self.input.display().to_string();
        while let Some(read) = source.lines.next(&mut line).map_err(Failure::running)? {
            lines += 1;
            if lines.is_multiple_of(LINES_PER_LOOK) {
                let read = run.front.counts().read();
                progress.set_position(source.bytes_read.load(Ordering::Relaxed));
                progress.set_message(format!(
                    "{} events, {}/s",
                    thousands(read),
                    per_second(read, started.elapsed())
                ));
            }
            if crate::decode::is_blank(&line) {
                continue;
            }
            if let Verdict::Rejected(reason) = run.feed(read.number, &line)? {
                progress
                    .suspend(|| rejections.note(Instant::now(), reason, &place, read.number + 1));
            }
            if let Some(other) = &mut other_run {
                other.feed(read.number, &line)?;
            }
        }
        let (counts, status) = run.finish()?;
        if let Some(other) = other_run {
            other.finish()?;
        }
        progress.finish_and_clear();
        // The stages are done, and have let go of it.
        if let Some(scores) = scores.and_then(Arc::into_inner) {
            let scores = scores.into_inner().unwrap_or_else(PoisonError::into_inner);
            scores.finish().map_err(Failure::running)?;
        }
        let fired = lock(&fired);
        eprint!("{}", summary(&counts, &status, &fired, started.elapsed()));
        if fired.failures > 0 {
            let message = format!("{} alert records could not be written", fired.failures);
            return Err(Failure::Running(message.into()));
        }
        match &self.against {
            Some(against) => self.tell_difference(&lock(&ours), &lock(&theirs), against),
            None => Ok(()),
        }
    }

    fn tell_difference(
        &self,
        ours: &[Alert],
        theirs: &[Alert],
        against: &Path,
    ) -> Result<(), Failure> {
        let differences = difference::compare(ours, theirs);
        if let Some(path) = &self.diff {
            write_lines(path, &differences).map_err(|source| {
                Failure::Running(format!("{} cannot be written: {source}", path.display()).into())
            })?;
        }
        let other = against.display().to_string();
        eprint!("{}", difference::report(&differences, &other));
        if self.fail_on_difference && !differences.is_empty() {
            return Err(Failure::Difference(differences.len()));
        }
        Ok(())
    }
}

fn write_lines(path: &Path, differences: &[Difference]) -> std::io::Result<()> {
    let mut writer: Box<dyn std::io::Write> = if path == Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(std::io::BufWriter::new(std::fs::File::create(path)?))
    };
    for difference in differences {
        serde_json::to_writer(&mut writer, difference)?;
        writer.write_all(b"\n")?;
    }
    writer.flush()
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
        status
            .entities
            .iter()
            .map(|of_group| of_group.known as u64)
            .sum(),
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
