//! `vigie simulate`

use super::Failure;
use super::words::{per_second, thousands};
use crate::domain::{EpisodeKind, EventTime, Intensity, Label, Span};
use crate::simulate::{Hub, HubSize, Plan, Scenario, Split, to_json_line};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use thiserror::Error;

/// Make labelled traffic of a hub that does not exist.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie simulate --days 28 --seed 7 --events events.jsonl.zst --labels labels.jsonl --config-out simulated.yaml
  vigie replay --config simulated.yaml --input events.jsonl.zst --alerts alerts.jsonl
  vigie simulate --attacks id_space_walk,lookup_miss_walk --intensity low --days 14 --events - | head
  vigie simulate --list                         every scenario with its parameters

The same options give the same bytes. Labels stand beside the events and never in them.")]
pub(super) struct Simulate {
    /// How large the hub is.
    #[arg(long, value_enum, default_value_t = Hubs::Small)]
    hub: Hubs,
    /// Another seed is another hub with other episodes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of event time.
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    days: i64,
    /// First day, as 2026-01-05.
    #[arg(long, value_name = "DATE", value_parser = date, default_value = "2026-01-05")]
    start: EventTime,
    /// Where to write events, a line each: a file, packed where it ends in .gz or .zst, or `-`
    /// for standard output.
    #[arg(long, value_name = "OUT", required_unless_present = "list")]
    events: Option<PathBuf>,
    /// Where to write labels, a line each.
    #[arg(long, value_name = "OUT")]
    labels: Option<PathBuf>,
    /// Attacks to put in: `all`, `none`, or names, separated by commas.
    #[arg(long, value_name = "NAMES", default_value = "all", value_parser = attacks)]
    attacks: Attacks,
    /// How strong they are; all three where not given.
    #[arg(long, value_enum)]
    intensity: Option<Intensities>,
    /// Attacks that begin in a day.
    #[arg(long, value_name = "NUMBER", default_value_t = 4.0)]
    attacks_per_day: f64,
    /// Days at the beginning without attacks.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    quiet_days: i64,
    /// Half of the parameters and targets: tune on the one, report on the other.
    #[arg(long, value_enum, default_value_t = Splits::Tune)]
    split: Splits,
    /// Where to write the references of decoys, a line each.
    #[arg(long, value_name = "OUT")]
    decoys: Option<PathBuf>,
    /// Where to write a configuration to replay the events with.
    #[arg(long, value_name = "OUT")]
    config_out: Option<PathBuf>,
    /// Print every scenario with its parameters, and do nothing else.
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Hubs {
    Small,
    Reference,
    Large,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Intensities {
    Low,
    Middle,
    High,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Splits {
    Tune,
    Report,
}

/// What `--attacks` names.
#[derive(Clone, Debug)]
struct Attacks(Vec<&'static Scenario>);

fn attacks(text: &str) -> Result<Attacks, String> {
    match text {
        "all" => return Ok(Attacks(Scenario::attacks().collect())),
        "none" => return Ok(Attacks(Vec::new())),
        _ => {}
    }
    let named = text.split(',').map(|name| {
        let mut all = Scenario::attacks();
        all.find(|scenario| scenario.name() == name).ok_or_else(|| {
            format!("there is no attack `{name}`; `vigie simulate --list` prints all")
        })
    });
    Ok(Attacks(named.collect::<Result<_, _>>()?))
}

fn date(text: &str) -> Result<EventTime, String> {
    let midnight: Result<jiff::Timestamp, _> = format!("{text}T00:00:00Z").parse();
    let midnight = midnight.map_err(|_| String::from("must be a date such as 2026-01-05"))?;
    Ok(EventTime(midnight.as_millisecond()))
}

/// A file could not be written.
#[derive(Debug, Error)]
#[error("{path} cannot be written")]
struct OutputError {
    path: PathBuf,
    source: io::Error,
}

/// A file that is being written, packed as its name ends.
enum Output {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(flate2::write::GzEncoder<BufWriter<Box<dyn Write>>>),
    Zstandard(zstd::Encoder<'static, BufWriter<Box<dyn Write>>>),
}

const BUFFER_BYTES: usize = 1 << 18;
const ZSTANDARD_LEVEL: i32 = 3;

impl Output {
    fn create(path: &Path) -> io::Result<Output> {
        let raw: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path)?)
        };
        let buffered = BufWriter::with_capacity(BUFFER_BYTES, raw);
        let end = path.extension().and_then(|end| end.to_str());
        Ok(match end {
            Some("gz") => {
                let level = flate2::Compression::default();
                Output::Gzip(flate2::write::GzEncoder::new(buffered, level))
            }
            Some("zst") => Output::Zstandard(zstd::Encoder::new(buffered, ZSTANDARD_LEVEL)?),
            _ => Output::Plain(buffered),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Plain(writer) => writer.write_all(bytes),
            Output::Gzip(writer) => writer.write_all(bytes),
            Output::Zstandard(writer) => writer.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Output::Plain(mut writer) => writer.flush(),
            Output::Gzip(writer) => writer.finish()?.flush(),
            Output::Zstandard(writer) => writer.finish()?.flush(),
        }
    }
}

/// What was made, for the summary.
#[derive(Default)]
struct Made {
    events: u64,
    bytes: u64,
}

impl Simulate {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        if self.list {
            print!("{}", list());
            return Ok(());
        }
        let started = Instant::now();
        let mut hub = Hub::new(self.plan().settings());
        let made = match &self.events {
            Some(path) => self.write_events(path, &mut hub)?,
            None => Made::default(),
        };
        if let Some(path) = &self.labels {
            written(path, |output| write_labels(&hub, output))?;
        }
        if let Some(path) = &self.decoys {
            let text = hub.decoys().join("\n");
            written(path, |output| output.write(format!("{text}\n").as_bytes()))?;
        }
        if let Some(path) = &self.config_out {
            let text = self.configuration(&hub, path);
            written(path, |output| output.write(text.as_bytes()))?;
        }
        let seconds = started.elapsed();
        eprint!("{}", summary(&hub, &made));
        eprintln!(
            "in {:.1} s, {} events/s",
            seconds.as_secs_f64(),
            per_second(made.events, seconds)
        );
        Ok(())
    }

    fn plan(&self) -> Plan {
        Plan {
            size: match self.hub {
                Hubs::Small => HubSize::Small,
                Hubs::Reference => HubSize::Reference,
                Hubs::Large => HubSize::Large,
            },
            start: self.start,
            days: self.days,
            quiet_days: self.quiet_days,
            split: match self.split {
                Splits::Tune => Split::Tune,
                Splits::Report => Split::Report,
            },
            attacks_per_day: self.attacks_per_day,
            attacks: self.attacks.0.clone(),
            intensities: match self.intensity {
                None => Intensity::ALL.to_vec(),
                Some(Intensities::Low) => vec![Intensity::Low],
                Some(Intensities::Middle) => vec![Intensity::Middle],
                Some(Intensities::High) => vec![Intensity::High],
            },
            ..Plan::new(self.seed)
        }
    }

    fn write_events(&self, path: &Path, hub: &mut Hub) -> Result<Made, Failure> {
        let mut made = Made::default();
        let progress = progress_bar(self.days as u64 * 24);
        let end = hub.now() + Span::days(self.days);
        let mut lines = Vec::new();
        written(path, |output| {
            while hub.now() < end {
                lines.clear();
                hub.visit_minute(|event| {
                    to_json_line(event, &mut lines);
                    made.events += 1;
                });
                made.bytes += lines.len() as u64;
                output.write(&lines)?;
                if hub.now().floor(Span::HOUR) == hub.now() {
                    progress.inc(1);
                    progress.set_message(format!("{} events", thousands(made.events)));
                }
            }
            Ok(())
        })?;
        progress.finish_and_clear();
        Ok(made)
    }

    /// A configuration under which the events can be replayed.
    fn configuration(&self, hub: &Hub, path: &Path) -> String {
        let decoys = match &self.decoys {
            // Where the list is a file, it is named as seen from the configuration.
            Some(file) if file.is_absolute() || file.parent() == path.parent() => {
                let name = if file.is_absolute() {
                    file.display().to_string()
                } else {
                    file.file_name().unwrap_or_default().display().to_string()
                };
                format!("{{ file: \"{name}\" }}")
            }
            _ => format!("[\"{}\"]", hub.decoys().join("\", \"")),
        };
        format!(
            "# For events that `vigie simulate` made with seed {}.\ntime: {{ bound: neighbours }}\nlists:\n  decoys: {decoys}\n  pollers: [\"{}\"]\n",
            self.seed,
            hub.pollers().join("\", \"")
        )
    }
}

/// Writes a file from start to end.
fn written(path: &Path, write: impl FnOnce(&mut Output) -> io::Result<()>) -> Result<(), Failure> {
    let failed = |source| {
        Failure::running(OutputError {
            path: path.to_owned(),
            source,
        })
    };
    let mut output = Output::create(path).map_err(failed)?;
    write(&mut output).map_err(failed)?;
    output.finish().map_err(failed)
}

fn write_labels(hub: &Hub, output: &mut Output) -> io::Result<()> {
    for label in hub.labels() {
        let mut line = serde_json::to_vec(&label)?;
        line.push(b'\n');
        output.write(&line)?;
    }
    Ok(())
}

fn progress_bar(hours: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}, {eta} to go");
    ProgressBar::new(hours).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Every scenario with its parameters.
fn list() -> String {
    let mut text = String::new();
    for scenario in Scenario::all() {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{} ({})\n  {}",
            scenario.name(),
            scenario.family().name(),
            scenario.about()
        );
        if !scenario.detections().is_empty() {
            let _ = writeln!(text, "  for {}", scenario.detections().join(", "));
        }
        for parameter in scenario.parameters() {
            let _ = write!(text, "  {:<12}", parameter.name);
            for (intensity, (low, high)) in Intensity::ALL.iter().zip(parameter.ranges) {
                let range = format!("{low} to {high}");
                let _ = write!(text, "  {:<6} {range:<16}", intensity.name());
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn summary(hub: &Hub, made: &Made) -> String {
    let (mut attacks, mut others, mut labelled) = (0, 0, 0);
    for label in hub.labels() {
        match label {
            Label::Episode(episode) => {
                labelled += episode.events;
                if episode.kind == EpisodeKind::Attack {
                    attacks += 1;
                } else {
                    others += 1;
                }
            }
            Label::Event(_) => break,
            _ => {}
        }
    }
    format!(
        "{} events, {} bytes; {attacks} attacks and {others} other episodes with {} events\n",
        thousands(made.events),
        thousands(made.bytes),
        thousands(labelled)
    )
}
