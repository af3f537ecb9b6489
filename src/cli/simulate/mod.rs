//! `vigie simulate`

mod output;

use super::Failure;
use super::words::{per_second, thousands};
use crate::domain::{EpisodeKind, EventTime, Intensity, Label, Span};
use crate::simulate::{Hub, HubSize, Plan, Scenario, Split};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use output::{EventOutput, FileOutput, OutputError, Pace};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Make labelled traffic of a hub that does not exist.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie simulate --days 28 --seed 7 --events events.jsonl.zst --labels labels.jsonl --config-out simulated.yaml
  vigie replay --config simulated.yaml --input events.jsonl.zst --alerts alerts.jsonl
  vigie simulate --attacks id_space_walk,lookup_miss_walk --intensity low --days 14 --events - | head
  vigie simulate --hub reference --days 1 --attacks none --brokers localhost:9092 --topic shipments --rate 50000
  vigie simulate --hard-negatives --regimes --attacks none --days 28 --events honest.jsonl.zst --labels honest-labels.jsonl
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
    #[arg(long, value_name = "OUT", required_unless_present_any = ["list", "brokers"], conflicts_with = "brokers")]
    events: Option<PathBuf>,
    /// Kafka brokers to send events to, instead of a file.
    #[arg(long, value_name = "HOST:PORT,...", requires = "topic")]
    brokers: Option<String>,
    /// Topic to send events to.
    #[arg(long, requires = "brokers")]
    topic: Option<String>,
    /// Events a second at most.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    rate: Option<f64>,
    /// Where to write labels, a line each.
    #[arg(long, value_name = "OUT")]
    labels: Option<PathBuf>,
    /// Attacks to put in: `all`, `none`, or names, separated by commas.
    #[arg(long, value_name = "NAMES", default_value = "all")]
    attacks: Attacks,
    /// How strong they are; all three where not given.
    #[arg(long, value_enum)]
    intensity: Option<Intensities>,
    /// Attacks that begin in a day.
    #[arg(long, value_name = "NUMBER", default_value_t = 4.0, value_parser = positive)]
    attacks_per_day: f64,
    /// Put in what looks like an attack and is none: so many a day, 2 where no number is given.
    #[arg(long, value_name = "A_DAY", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = positive)]
    hard_negatives: Option<f64>,
    /// Put in a peak, an outage, a strike and what else concerns everybody.
    #[arg(long)]
    regimes: bool,
    /// Days at the beginning in which nothing is put in.
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
pub(super) enum Hubs {
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
pub(super) enum Splits {
    Tune,
    Report,
}

impl Hubs {
    pub(super) fn size(self) -> HubSize {
        match self {
            Hubs::Small => HubSize::Small,
            Hubs::Reference => HubSize::Reference,
            Hubs::Large => HubSize::Large,
        }
    }
}

impl Splits {
    pub(super) fn split(self) -> Split {
        match self {
            Splits::Tune => Split::Tune,
            Splits::Report => Split::Report,
        }
    }
}

/// What `--attacks` names.
#[derive(Clone, Debug)]
pub(super) struct Attacks(pub(super) Vec<&'static Scenario>);

impl std::str::FromStr for Attacks {
    type Err = String;
    fn from_str(text: &str) -> Result<Attacks, String> {
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
}

fn date(text: &str) -> Result<EventTime, String> {
    let midnight: Result<jiff::Timestamp, _> = format!("{text}T00:00:00Z").parse();
    let midnight = midnight.map_err(|_| String::from("must be a date such as 2026-01-05"))?;
    Ok(EventTime(midnight.as_millisecond()))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < f64::INFINITY => Ok(number),
        _ => Err(String::from("must be a number above 0")),
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
        // Before the hub is built, which takes a while where it is large.
        let output = self.output()?;
        let mut hub = Hub::new(self.plan().settings());
        let made = match output {
            Some(output) => self.make(output, &mut hub)?,
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
        let time = started.elapsed();
        eprint!("{}", summary(&hub, &made));
        eprintln!(
            "in {:.1} s, {} events/s",
            time.as_secs_f64(),
            per_second(made.events, time)
        );
        Ok(())
    }

    fn output(&self) -> Result<Option<EventOutput>, Failure> {
        let output = match (&self.events, &self.brokers, &self.topic) {
            (Some(path), _, _) => EventOutput::file(path),
            (None, Some(brokers), Some(topic)) => EventOutput::kafka(brokers, topic),
            _ => return Ok(None),
        };
        Ok(Some(output.map_err(Failure::running)?))
    }

    fn plan(&self) -> Plan {
        Plan {
            size: self.hub.size(),
            start: self.start,
            days: self.days,
            quiet_days: self.quiet_days,
            split: self.split.split(),
            attacks_per_day: self.attacks_per_day,
            attacks: self.attacks.0.clone(),
            intensities: match self.intensity {
                None => Intensity::ALL.to_vec(),
                Some(Intensities::Low) => vec![Intensity::Low],
                Some(Intensities::Middle) => vec![Intensity::Middle],
                Some(Intensities::High) => vec![Intensity::High],
            },
            hard_negatives_per_day: self.hard_negatives.unwrap_or(0.0),
            regimes: self.regimes,
            ..Plan::new(self.seed)
        }
    }

    fn make(&self, mut output: EventOutput, hub: &mut Hub) -> Result<Made, Failure> {
        let mut made = Made::default();
        let pace = Pace::new(self.rate);
        let progress = progress_bar(self.days.unsigned_abs() * 24);
        let end = hub.now() + Span::days(self.days);
        while hub.now() < end {
            let mut fault = None;
            hub.visit_minute(|event| match output.put(event) {
                Ok(bytes) => {
                    made.events += 1;
                    made.bytes += bytes as u64;
                    pace.keep(made.events);
                }
                Err(error) => fault = Some(error),
            });
            match fault {
                Some(fault) => Err(fault),
                None => output.end_minute(),
            }
            .map_err(Failure::running)?;
            if hub.now().floor(Span::HOUR) == hub.now() {
                progress.inc(1);
                progress.set_message(format!("{} events", thousands(made.events)));
            }
        }
        output.finish().map_err(Failure::running)?;
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
            "# For events that `vigie simulate` made with seed {}.\ntime: {{ bound: neighbours }}\nlists:\n  decoys: {decoys}\n  registered_pollers: [\"{}\"]\n",
            self.seed,
            hub.pollers().join("\", \"")
        )
    }
}

/// Writes a file from start to end.
fn written(
    path: &Path,
    write: impl FnOnce(&mut FileOutput) -> Result<(), OutputError>,
) -> Result<(), Failure> {
    let mut output = FileOutput::create(path).map_err(Failure::running)?;
    write(&mut output).map_err(Failure::running)?;
    output.finish().map_err(Failure::running)
}

fn write_labels(hub: &Hub, output: &mut FileOutput) -> Result<(), OutputError> {
    for label in hub.labels() {
        let mut line = serde_json::to_vec(&label).unwrap_or_default();
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
    let mut kinds: BTreeMap<EpisodeKind, (u64, u64)> = BTreeMap::new();
    let mut regimes = Vec::new();
    for label in hub.labels() {
        match label {
            Label::Regime(regime) => regimes.push(regime.regime),
            Label::Episode(episode) => {
                let (episodes, events) = kinds.entry(episode.kind).or_default();
                *episodes += 1;
                *events += episode.events;
            }
            Label::Event(_) => break,
            Label::Run(_) => {}
        }
    }
    let mut text = format!(
        "{} events, {} bytes\n",
        thousands(made.events),
        thousands(made.bytes)
    );
    for (kind, (episodes, events)) in kinds {
        let name = match kind {
            EpisodeKind::Attack => "attacks",
            EpisodeKind::HardNegative => "hard negatives",
            EpisodeKind::NuisanceBot => "nuisance bots",
        };
        let events = thousands(events);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{episodes} {name} with {events} events");
    }
    if !regimes.is_empty() {
        let _ = writeln!(text, "regimes: {}", regimes.join(", "));
    }
    text
}
