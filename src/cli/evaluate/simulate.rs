//! Simulated traffic through the engine, in process: many seeds, two at a time.
//!
//! Every seed is judged once and alerted twice. What is shipped is what the configuration raises.
//! To say what would be found at other budgets, a second alerting looks at the same judgements with
//! a larger budget and without a bound on alerts a day, which would cut off a bad day and with it
//! the false alarms that the sweep has to count. Each time an open episode of it grows stronger
//! that is noted, so that the sweep knows when a stricter threshold would have opened it.

use crate::alert::{AlertSettings, Alerting};
use crate::cli::Failure;
use crate::cli::simulate::{Attacks, Hubs, Splits};
use crate::config::Config;
use crate::domain::{Alert, AlertStatus, Label, RegimeLabel, Span, entity_members, label_of};
use crate::engine::{Back, EngineSettings, Front, Step};
use crate::evaluate::{
    AlertBook, AlertRecord, Bound, Calibration, Surroundings, TestRow, Traffic, Truth,
};
use crate::score::{Judgement, ScoreObserver, TestedEntity, Unseen};
use crate::simulate::{Hub, Plan, to_json_line};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Days over which what stays unseen is told.
const BOUND_DAYS: f64 = 30.0;

/// First and last seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeds {
    first: u64,
    last: u64,
}

impl std::str::FromStr for Seeds {
    type Err = String;
    fn from_str(text: &str) -> Result<Seeds, String> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let seed = |text: &str| text.trim_start_matches('=').parse().ok();
        match (seed(first), seed(last)) {
            (Some(first), Some(last)) if first <= last && last - first < SEEDS_MAX => {
                Ok(Seeds { first, last })
            }
            _ => Err(format!(
                "`{text}` are no seeds; write 7, or 101..130 for thirty of them, at most {SEEDS_MAX}"
            )),
        }
    }
}

const SEEDS_MAX: u64 = 10_000;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(super) struct Simulation {
    /// Simulate traffic, run the engine on it, and evaluate: no files needed.
    #[arg(long, conflicts_with_all = ["alerts", "labels", "scores"])]
    pub(super) simulate: bool,
    /// How large the simulated hub is.
    #[arg(long, value_enum, default_value_t = Hubs::Small, requires = "simulate")]
    hub: Hubs,
    /// Seeds, first and last: each is another hub with other attacks.
    #[arg(
        long,
        value_name = "FIRST..LAST",
        default_value = "1..3",
        requires = "simulate"
    )]
    seeds: Seeds,
    /// Days of each.
    #[arg(long, default_value_t = 28, requires = "simulate", value_parser = clap::value_parser!(i64).range(1..=3_650))]
    days: i64,
    /// Half of the parameters and targets: tune on the one, report on the other.
    #[arg(long, value_enum, default_value_t = Splits::Tune, requires = "simulate")]
    split: Splits,
    /// Attacks to put in: `all`, `none`, or names, separated by commas.
    #[arg(
        long,
        value_name = "NAMES",
        default_value = "all",
        requires = "simulate"
    )]
    attacks: Attacks,
    /// Attacks that begin in a day.
    #[arg(long, value_name = "NUMBER", default_value_t = 4.0, requires = "simulate", value_parser = super::positive)]
    attacks_per_day: f64,
    /// Days at the beginning without attacks, hard negatives and regimes.
    #[arg(long, value_name = "DAYS", default_value_t = 7, requires = "simulate")]
    quiet_days: i64,
    /// Further hubs, without attacks: where there are any, false alarms are counted on them alone.
    /// They have hard negatives, and days on which something is unusual for everybody: a peak, an
    /// outage, a strike, an onboarding wave, a holiday and a reform, as many as fit.
    #[arg(long, value_name = "FIRST..LAST", requires = "simulate")]
    quiet_seeds: Option<Seeds>,
    /// Hard negatives (honest, but they look like attacks) that begin in a day on those hubs.
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, requires = "quiet_seeds", value_parser = super::positive)]
    hard_negatives_per_day: f64,
    /// Days of those hubs; as many as of the others where not given.
    #[arg(long, value_name = "DAYS", requires = "quiet_seeds", value_parser = clap::value_parser!(i64).range(1..=3_650))]
    quiet_seed_days: Option<i64>,
    /// Configuration to run with; the hub's decoys and registered pollers come on top of it.
    #[arg(long, value_name = "FILE", requires = "simulate")]
    config: Option<PathBuf>,
    /// False alarms a day up to which the sweep looks.
    #[arg(long, value_name = "B", default_value_t = 100.0, requires = "simulate", value_parser = super::positive)]
    sweep: f64,
    /// Do not look at every p-value, which takes some time and is not needed for recall.
    #[arg(long, requires = "simulate")]
    no_calibration: bool,
    /// Seeds that run at the same time.
    #[arg(long, value_name = "NUMBER", requires = "simulate", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// A hub to simulate.
#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    days: i64,
    attacked: bool,
}

/// What came of one hub.
type Done = Result<(Traffic, Calibration), Failure>;

impl Simulation {
    pub(super) fn run(&self) -> Result<(Vec<Traffic>, Calibration), Failure> {
        let hubs = self.hubs();
        let days: i64 = hubs.iter().map(|hub| hub.days).sum();
        let progress = progress_bar(days.unsigned_abs());
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<Done>>> = Mutex::new(hubs.iter().map(|_| None).collect());
        let work = || {
            while let Some(position) = Some(next.fetch_add(1, Ordering::Relaxed))
                && let Some(hub) = hubs.get(position)
            {
                let result = self.run_hub(*hub, &progress);
                done.lock().unwrap_or_else(PoisonError::into_inner)[position] = Some(result);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads().min(hubs.len()) {
                scope.spawn(work);
            }
            work();
        });
        progress.finish_and_clear();
        // In the order of the seeds, whichever was ready first: sums of floats are the same. Those
        // with attacks come first, because people look at the first.
        let (mut runs, mut calibration) = (Vec::new(), Calibration::default());
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut done: Vec<(Run, Option<Done>)> = hubs.into_iter().zip(done).collect();
        done.sort_by_key(|(hub, _)| !hub.attacked);
        for (_, result) in done {
            let Some(result) = result else { continue };
            let (traffic, counted) = result?;
            runs.push(traffic);
            calibration.merge(&counted);
        }
        Ok((runs, calibration))
    }

    fn threads(&self) -> usize {
        self.threads.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        )
    }

    /// The longest first, so that none is left over at the end.
    fn hubs(&self) -> Vec<Run> {
        let run = |days, attacked| {
            move |seed| Run {
                seed,
                days,
                attacked,
            }
        };
        let quiet_days = self.quiet_seed_days.unwrap_or(self.days);
        let attacked = (self.seeds.first..=self.seeds.last).map(run(self.days, true));
        let quiet = self.quiet_seeds.into_iter();
        let quiet = quiet.flat_map(|seeds| (seeds.first..=seeds.last).map(run(quiet_days, false)));
        let mut hubs: Vec<Run> = attacked.chain(quiet).collect();
        hubs.sort_by_key(|hub| -hub.days);
        hubs
    }

    fn plan(&self, run: Run) -> Plan {
        let plan = Plan {
            size: self.hub.size(),
            days: run.days,
            quiet_days: self.quiet_days,
            split: self.split.split(),
            ..Plan::new(run.seed)
        };
        if run.attacked {
            return Plan {
                attacks_per_day: self.attacks_per_day,
                attacks: self.attacks.0.clone(),
                ..plan
            };
        }
        Plan {
            attacks_per_day: 0.0,
            hard_negatives_per_day: self.hard_negatives_per_day,
            regimes: true,
            ..plan
        }
    }

    fn run_hub(&self, run: Run, progress: &ProgressBar) -> Done {
        let mut hub = Hub::new(self.plan(run).settings());
        let change = format!(
            "time: {{ bound: neighbours }}\nlists: {{ decoys: [{}], registered_pollers: [{}] }}\n",
            quoted(&hub.decoys()),
            quoted(&hub.pollers())
        );
        let config = Config::load_changed(self.config.as_deref(), &change)?;
        let mut judge = Judge {
            observes: !self.no_calibration,
            ..Judge::new(&config.engine(), self.sweep, &truth_of(&hub, run)?)
        };
        let mut front = Front::new(&config.engine());
        judge.take(front.assign(0))?;
        let end = hub.now() + Span::days(run.days);
        let (mut lines, mut offset) = (Vec::new(), 0);
        let mut failure = Ok(());
        while hub.now() < end {
            hub.visit_minute(|event| {
                lines.clear();
                to_json_line(event, &mut lines);
                let line = lines.strip_suffix(b"\n").unwrap_or(&lines);
                let (_, step) = front.feed(0, offset, None, line);
                offset += 1;
                if let Some(step) = step {
                    let taken = judge.take(step);
                    failure = std::mem::replace(&mut failure, Ok(())).and(taken);
                }
            });
            std::mem::replace(&mut failure, Ok(()))?;
            if hub.now().floor(Span::DAY) == hub.now() {
                progress.inc(1);
            }
        }
        for step in front.finish() {
            judge.take(step)?;
        }
        let truth = truth_of(&hub, run)?;
        Ok((
            Traffic {
                name: format!("seed {}", run.seed),
                truth,
                bounds: judge.bounds(),
                alerts: judge.shipped.finish(),
                sweep: Some(judge.swept.finish()),
            },
            judge.calibration,
        ))
    }
}

/// The regime of the days in which baselines have less than a week of history.
const FIRST_WEEK: &str = "first week";

/// The labels as far as they have come, of a run as long as is planned.
fn truth_of(hub: &Hub, planned: Run) -> Result<Truth, Failure> {
    let mut truth = Truth::default();
    let mut add = |label| {
        truth
            .add(label)
            .map_err(|said| Failure::Running(said.into()))
    };
    for label in hub
        .labels()
        .take_while(|label| !matches!(label, Label::Event(_)))
    {
        let label = match label {
            Label::Run(mut run) => {
                run.end = run.start + Span::days(planned.days);
                add(Label::Regime(RegimeLabel {
                    regime: String::from(FIRST_WEEK),
                    start: run.start,
                    end: run.start + Span::days(7),
                }))?;
                Label::Run(run)
            }
            other => other,
        };
        add(label)?;
    }
    Ok(truth)
}

fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}

/// The back of the engine with all that looks on.
struct Judge {
    settings: EngineSettings,
    back: Back,
    looser: Alerting,
    shipped: AlertBook,
    swept: AlertBook,
    /// Strength of the looser alerting's open episodes, as far as noted.
    noted: HashMap<String, f64>,
    around: Surroundings,
    /// Whether every test is looked at.
    observes: bool,
    calibration: Calibration,
}

impl Judge {
    fn new(settings: &EngineSettings, sweep: f64, truth: &Truth) -> Judge {
        let plan = &settings.plan;
        let loose = AlertSettings {
            false_alarms_per_day: sweep.max(settings.alert.false_alarms_per_day),
            alerts_per_day_max: f64::from(u32::MAX),
            ..settings.alert
        };
        let mut looser = Alerting::new(Arc::clone(plan), loose);
        looser.swap(Arc::clone(plan), loose, Arc::clone(&settings.policy));
        Judge {
            back: Back::new(settings),
            looser,
            shipped: AlertBook::default(),
            swept: AlertBook::default(),
            noted: HashMap::new(),
            around: Surroundings::new(truth),
            observes: true,
            calibration: Calibration::default(),
            settings: settings.clone(),
        }
    }

    /// What actors could do unseen.
    fn bounds(&self) -> Vec<Bound> {
        let plan = &self.settings.plan;
        let bound = |unseen: Unseen| Bound {
            detection: plan.detections[plan.series[unseen.series].detection]
                .name
                .clone(),
            class: unseen.class,
            expected: unseen.expected,
            excess: unseen.excess,
        };
        self.back
            .unseen(BOUND_DAYS)
            .into_iter()
            .map(bound)
            .collect()
    }

    fn take(&mut self, step: Step) -> Result<(), Failure> {
        let (plan, around, calibration) =
            (&self.settings.plan, &self.around, &mut self.calibration);
        let mut label = String::new();
        let mut note = |test: TestedEntity<'_>| {
            let series = &plan.series[test.series];
            let detection = &plan.detections[series.detection];
            let start = test.end - series.span;
            let is_touched = if let [member] = detection.entity.as_slice() {
                // Nearly all entities are of one member: no map for them.
                label.clear();
                label.extend([member.name(), " ", test.key]);
                around.is_touched(std::iter::once(label.as_str()), start, test.end)
            } else {
                let label = label_of(&entity_members(&detection.entity, test.key));
                around.is_touched(label.split(", "), start, test.end)
            };
            if is_touched {
                calibration.exclude();
                return;
            }
            calibration.note(&TestRow {
                detection: &detection.name,
                window: series.span,
                class: test.class,
                maturity: test.maturity.name(),
                regime: around.regime(test.end),
                expected: test.expected,
                tail: test.tail,
            });
        };
        let observer: Option<ScoreObserver<'_>> =
            if self.observes { Some(&mut note) } else { None };
        let judgements = self.back.judge(step, observer);
        if judgements.is_empty() {
            return Ok(());
        }
        for alert in self.back.alert(&judgements) {
            self.shipped.add(record_of(&alert)?);
        }
        self.sweep(&judgements)
    }

    fn sweep(&mut self, judgements: &[Judgement]) -> Result<(), Failure> {
        let is_rule = |name: &str| {
            let mut detections = self.settings.plan.detections.iter();
            detections.any(|one| one.test.is_rule() && one.name == name)
        };
        for mut alert in self.looser.step(judgements) {
            if is_rule(&alert.detection) {
                // It fires whatever the budget.
                alert.false_alarms_per_day = f64::MIN_POSITIVE;
            }
            if alert.status == AlertStatus::Firing {
                self.noted
                    .insert(alert.id.clone(), alert.false_alarms_per_day);
            } else {
                self.noted.remove(&alert.id);
            }
            self.swept.add(record_of(&alert)?);
        }
        for alert in self.looser.active() {
            let Some(noted) = self.noted.get_mut(&alert.id) else {
                continue;
            };
            if alert.false_alarms_per_day < *noted {
                *noted = alert.false_alarms_per_day;
                self.swept.add(record_of(alert)?);
            }
        }
        Ok(())
    }
}

/// As whoever reads the alert would have it.
fn record_of(alert: &Alert) -> Result<AlertRecord, Failure> {
    let json = serde_json::to_vec(alert).map_err(Failure::running)?;
    AlertRecord::read(&json).map_err(|said| Failure::Running(said.into()))
}

fn progress_bar(days: u64) -> ProgressBar {
    let template = "{bar:30} {percent:>3} %, {pos} of {len} days, {eta} to go";
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(days);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
