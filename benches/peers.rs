//! The same simulated stream through what people use today, and through vigie.
//!
//! ```text
//! cargo bench --bench peers                                seeds, days and budgets as below
//! cargo bench --bench peers -- --seeds 901,902 --days 35   others
//! cargo bench --bench peers -- ablations                   vigie alone, with parts left out
//! cargo bench --bench peers -- --regimes ablations         the same, with a peak and other bad days
//! ```
//!
//! Each detector is implemented from its definition (`peers/`, one file each, with its source),
//! runs on its natural keys and has the whole budget. All are compared at equal false alarms a
//! day: a threshold on its score is loosened until they are spent. One alert per entity in 24
//! hours; hits by the rules of `vigie evaluate`. Parameters and targets of the attacks are drawn
//! from the half that is kept for reporting.
//!
//! The traffic is a model: recall on injected attacks is an upper bound for everybody alike.

#[path = "peers/arena.rs"]
mod arena;
#[path = "peers/beacon.rs"]
mod beacon;
#[path = "peers/candidates.rs"]
mod candidates;
#[path = "peers/counts.rs"]
mod counts;
#[path = "peers/events.rs"]
mod events;
#[path = "peers/farrington.rs"]
mod farrington;
#[path = "peers/hourly.rs"]
mod hourly;
#[path = "peers/lookout.rs"]
mod lookout;
#[path = "peers/midas.rs"]
mod midas;
#[path = "peers/walk.rs"]
mod walk;
#[path = "peers/zscore.rs"]
mod zscore;

use arena::{Found, Labels};
use candidates::Candidates;
use indicatif::{ProgressBar, ProgressStyle};
use lookout::{Lookout, Variant};
use std::collections::BTreeMap;
use std::process::ExitCode;
use vigie::domain::{Alert, EpisodeKind, Event, EventTime, Label, Span};
use vigie::simulate::{Hub, Plan, Split};

const USAGE: &str = "usage: cargo bench --bench peers -- [--seeds A,B,...] [--days N]
       [--attacks-per-day X] [--budgets A,B,...] [--regimes] [peers] [ablations]
       --regimes puts in a peak, an outage, a strike, a holiday, a reform and an onboarding wave, as
       many as fit; peers when neither is named";
/// Seeds of the runs; none of them was used for tuning.
const SEEDS: [u64; 2] = [901, 902];
const DAYS: i64 = 35;
const ATTACKS_PER_DAY: f64 = 6.0;
const BUDGETS: [f64; 4] = [5.0, 10.0, 20.0, 50.0];

struct Arguments {
    seeds: Vec<u64>,
    days: i64,
    attacks_per_day: f64,
    budgets: Vec<f64>,
    regimes: bool,
    peers: bool,
    ablations: bool,
}

fn main() -> ExitCode {
    // cargo adds --bench by itself.
    let arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(fault) => {
            eprintln!("{fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.peers {
        compare(&arguments);
    }
    if arguments.ablations {
        ablate(&arguments);
    }
    ExitCode::SUCCESS
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        seeds: SEEDS.to_vec(),
        days: DAYS,
        attacks_per_day: ATTACKS_PER_DAY,
        budgets: BUDGETS.to_vec(),
        regimes: false,
        peers: false,
        ablations: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seeds" => parsed.seeds = list(&value()?)?,
            "--days" => parsed.days = number(&value()?)?,
            "--attacks-per-day" => parsed.attacks_per_day = number(&value()?)?,
            "--budgets" => parsed.budgets = list(&value()?)?,
            "--regimes" => parsed.regimes = true,
            "peers" => parsed.peers = true,
            "ablations" => parsed.ablations = true,
            other => return Err(format!("`{other}` is not known")),
        }
    }
    parsed.peers |= !parsed.ablations;
    parsed.budgets.sort_by(f64::total_cmp);
    Ok(parsed)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn list<T: std::str::FromStr>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(number).collect()
}

/// Who looks at a run as it passes.
trait Watch {
    fn see(&mut self, event: &Event<'_>);
    fn end_hour(&mut self, now: EventTime);
}

/// Lets one run pass before whoever `begin` makes; gives its labels.
fn pass<W: Watch>(arguments: &Arguments, seed: u64, begin: impl Fn(&Hub) -> W) -> (Labels, W) {
    let plan = Plan {
        days: arguments.days,
        attacks_per_day: arguments.attacks_per_day,
        split: Split::Report,
        regimes: arguments.regimes,
        ..Plan::new(seed)
    };
    let mut hub = Hub::new(plan.settings());
    let mut watch = begin(&hub);
    let end = hub.now() + Span::days(arguments.days);
    let bar = progress(format!("seed {seed}"), arguments.days.unsigned_abs() * 24);
    while hub.now() < end {
        let minute = hub.next_minute();
        minute.events.iter().for_each(|event| watch.see(event));
        if hub.now().floor(Span::HOUR) == hub.now() {
            watch.end_hour(hub.now());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    (labels_of(&hub), watch)
}

fn labels_of(hub: &Hub) -> Labels {
    let (mut run, mut regimes, mut episodes) = (None, Vec::new(), Vec::new());
    for label in hub.labels() {
        match label {
            Label::Run(label) => run = Some(label),
            Label::Regime(label) => regimes.push(label),
            Label::Episode(label) => episodes.push(label),
            Label::Event(_) => {}
        }
    }
    Labels {
        run: run.expect("a run has a label"),
        regimes,
        episodes,
    }
}

fn progress(what: String, length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = "{msg:10} {bar:30} {percent:>3} %, {eta} to go";
    bar.set_style(ProgressStyle::with_template(template).expect("a template"));
    bar.set_message(what);
    bar
}

/// What a peer has to say about all runs, and the score from which it alerts as published.
struct Peer {
    name: &'static str,
    published: f64,
    runs: Vec<(Labels, Candidates)>,
}

/// Everybody at once.
struct Field {
    counts: counts::Counts,
    detectors: events::Detectors,
    vigie: Lookout,
}

impl Watch for Field {
    fn see(&mut self, event: &Event<'_>) {
        self.counts.take(event);
        self.detectors.take(event);
        self.vigie.take(event);
    }

    fn end_hour(&mut self, now: EventTime) {
        self.counts.end_hour(now);
        self.detectors.end_hour(now);
    }
}

/// Everybody on the same runs.
fn compare(arguments: &Arguments) {
    let mut peers: BTreeMap<usize, Peer> = BTreeMap::new();
    let mut alerts: Vec<(Labels, Vec<Alert>)> = Vec::new();
    for seed in &arguments.seeds {
        let (labels, field) = pass(arguments, *seed, |hub| Field {
            counts: counts::Counts::new(hub.now()),
            detectors: events::Detectors::new(),
            vigie: Lookout::new(hub, Variant::Whole),
        });
        let end = labels.run.end;
        let of_counts = counts::DETECTORS
            .iter()
            .map(|one| (one.name, one.published, field.counts.judge(one, end)));
        let all = field.detectors.finish().into_iter().chain(of_counts);
        for (place, (name, published, candidates)) in all.enumerate() {
            let peer = peers.entry(place).or_insert_with(|| Peer {
                name,
                published,
                runs: Vec::new(),
            });
            peer.runs.push((labels.clone(), candidates));
        }
        alerts.push((labels, field.vigie.finish()));
    }
    print_runs(&alerts);
    let mut rows: Vec<(&str, Vec<Found>)> = peers
        .into_values()
        .map(|peer| {
            let found = arena::peer(&peer.runs, &arguments.budgets, peer.published);
            (peer.name, found)
        })
        .collect();
    rows.push(("vigie", arena::vigie(&alerts, &arguments.budgets)));
    print_table(&rows, &arguments.budgets);
}

/// vigie with parts left out, side by side.
struct Variants(Vec<Lookout>);

impl Watch for Variants {
    fn see(&mut self, event: &Event<'_>) {
        self.0.iter_mut().for_each(|variant| variant.take(event));
    }

    fn end_hour(&mut self, _now: EventTime) {}
}

fn ablate(arguments: &Arguments) {
    let mut runs: Vec<Vec<(Labels, Vec<Alert>)>> = vec![Vec::new(); Variant::ALL.len()];
    for seed in &arguments.seeds {
        let begin = |hub: &Hub| {
            let variants = Variant::ALL.iter();
            Variants(
                variants
                    .map(|variant| Lookout::new(hub, *variant))
                    .collect(),
            )
        };
        let (labels, variants) = pass(arguments, *seed, begin);
        for (runs, variant) in runs.iter_mut().zip(variants.0) {
            runs.push((labels.clone(), variant.finish()));
        }
    }
    print_runs(&runs[0]);
    let rows: Vec<(&str, Vec<Found>)> = Variant::ALL
        .iter()
        .zip(&runs)
        .map(|(variant, runs)| (variant.name(), arena::vigie(runs, &arguments.budgets)))
        .collect();
    print_table(&rows, &arguments.budgets);
}

fn print_runs(runs: &[(Labels, Vec<Alert>)]) {
    println!("# the same simulated stream, at equal false alarms a day\n");
    for (labels, _) in runs {
        let attacks = labels.episodes.iter();
        let attacks = attacks.filter(|one| one.kind == EpisodeKind::Attack);
        let days = (labels.run.end - labels.run.start).0 / Span::DAY.0;
        println!(
            "seed {}: {days} days, {} attacks; {}",
            labels.run.seed,
            attacks.count(),
            labels.run.story
        );
    }
}

fn print_table(rows: &[(&str, Vec<Found>)], budgets: &[f64]) {
    for (place, budget) in budgets.iter().enumerate() {
        print_block(&format!("at {budget} false alarms a day"), rows, place);
    }
    print_block("as published", rows, budgets.len());
}

fn print_block(title: &str, rows: &[(&str, Vec<Found>)], place: usize) {
    println!("\n{title}: share of attacks found");
    println!(
        "{:<32} {:>6} {:>6} {:>6} {:>6} {:>14}",
        "", "all", "low", "middle", "high", "false a day"
    );
    for (name, found) in rows {
        let Some(found) = found.get(place) else {
            continue;
        };
        print!("{name:<32} {:>6.3}", found.recall);
        for recall in found.by_intensity {
            print!(" {recall:>6.3}");
        }
        println!(" {:>14.1}", found.false_alarms_per_day);
    }
}
