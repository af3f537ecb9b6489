//! Everybody at the same number of false alarms a day.
//!
//! A peer's threshold is the loosest at which its false alarms are within the budget; what its
//! alerts find there is judged by the rules of `vigie evaluate`. Peers know no classes, so none is
//! asked of them: an alert that names a true key in time is a hit, whatever it thinks it saw.

use super::candidates::{Candidate, Candidates, Cooldowns, Members};
use serde_json::json;
use vigie::domain::{EpisodeLabel, EventTime, Intensity, Label, RegimeLabel, RunLabel, Span};
use vigie::evaluate::{AlertBook, AlertRecord, RaisedAlert, Settings, Traffic, Truth, evaluate};

/// Labels of one run.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    pub(crate) run: RunLabel,
    pub(crate) regimes: Vec<RegimeLabel>,
    pub(crate) episodes: Vec<EpisodeLabel>,
}

impl Labels {
    /// As evaluation takes them; without classes where whoever alerts knows none.
    fn truth(&self, with_classes: bool) -> Truth {
        let mut truth = Truth::default();
        let episodes = self.episodes.iter().cloned().map(|episode| EpisodeLabel {
            class: episode.class.filter(|_| with_classes),
            ..episode
        });
        let labels = std::iter::once(Label::Run(self.run.clone()))
            .chain(self.regimes.iter().cloned().map(Label::Regime))
            .chain(episodes.map(Label::Episode));
        for label in labels {
            truth.add(label).expect("labels that are in order");
        }
        truth
    }
}

/// What somebody finds at a budget.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) false_alarms_per_day: f64,
    pub(crate) recall: f64,
    /// At each intensity, weakest first.
    pub(crate) by_intensity: [f64; Intensity::ALL.len()],
}

fn found(row: &vigie::evaluate::BudgetRow) -> Found {
    let mut by_intensity = [0.0; Intensity::ALL.len()];
    for (place, intensity) in by_intensity.iter_mut().zip(Intensity::ALL) {
        let of = row.by_intensity.iter();
        let of = of.filter(|one| one.intensity == intensity.name());
        *place = of.map(|one| one.recall.share).next().unwrap_or_default();
    }
    Found {
        false_alarms_per_day: row.false_alarms_per_day,
        recall: row.recall.share,
        by_intensity,
    }
}

/// A peer at each budget, and last at the threshold it is published with.
pub(crate) fn peer(runs: &[(Labels, Candidates)], budgets: &[f64], published: f64) -> Vec<Found> {
    let truths: Vec<Truth> = runs.iter().map(|(labels, _)| labels.truth(false)).collect();
    let traffic = |alerts: &dyn Fn(&Candidates) -> Vec<RaisedAlert>| -> Vec<Traffic> {
        let runs = runs.iter().zip(&truths).enumerate();
        runs.map(|(run, ((_, candidates), truth))| Traffic {
            name: format!("run {run}"),
            truth: truth.clone(),
            alerts: alerts(candidates),
            sweep: None,
            bounds: Vec::new(),
        })
        .collect()
    };
    let costs = Costs::of(
        runs,
        &traffic(&|candidates| alerts_of(candidates.strongest(SWEPT_MAX))),
    );
    let thresholds = costs.thresholds();
    let at = |threshold: f64| {
        let alerts = |candidates: &Candidates| alerts_of(candidates.alerts(threshold));
        shipped(&traffic(&alerts))
    };
    let loosest = budgets
        .iter()
        .map(|budget| costs.loosest(&thresholds, *budget));
    loosest
        .map(|threshold| threshold.map_or_else(Found::default, at))
        .chain(std::iter::once_with(|| at(published)))
        .collect()
}

/// Candidates of a run that are swept over: no budget that is compared reaches below them.
const SWEPT_MAX: usize = 40_000;

/// Which candidates would be false alarms, if they were told of.
struct Costs<'c> {
    /// Per run, in the order of time.
    runs: Vec<Vec<(&'c Candidate, bool)>>,
    days: f64,
}

impl<'c> Costs<'c> {
    /// What an alert is on does not depend on other alerts, so each candidate is judged once.
    fn of(runs: &'c [(Labels, Candidates)], traffic: &[Traffic]) -> Costs<'c> {
        let evaluation = evaluate(traffic, &no_budgets(), None);
        let mut verdicts = vec![Vec::new(); runs.len()];
        for alert in &evaluation.alerts {
            verdicts[alert.run].push(alert.verdict == "false");
        }
        let strongest = runs
            .iter()
            .map(|(_, candidates)| candidates.strongest(SWEPT_MAX));
        let costs = strongest.zip(verdicts).map(|(strongest, verdicts)| {
            let candidates = strongest.into_iter().map(|(_, candidate)| candidate);
            candidates.zip(verdicts).collect()
        });
        Costs {
            runs: costs.collect(),
            days: evaluation.days,
        }
    }

    /// Every score, strongest first.
    fn thresholds(&self) -> Vec<f64> {
        let all = self.runs.iter().flatten();
        let mut scores: Vec<f64> = all.map(|(candidate, _)| candidate.score).collect();
        scores.sort_by(|one, other| other.total_cmp(one));
        scores.dedup();
        scores
    }

    fn false_alarms_per_day(&self, threshold: f64) -> f64 {
        let of_run = |run: &Vec<(&Candidate, bool)>| {
            let mut cooldowns = Cooldowns::default();
            let loud = run.iter().filter(|(one, _)| one.score >= threshold);
            let told = loud.filter(|(one, _)| cooldowns.tells_of(one));
            told.filter(|(_, is_false)| *is_false).count()
        };
        self.runs.iter().map(of_run).sum::<usize>() as f64 / self.days
    }

    /// The loosest threshold within the budget, by bisection.
    ///
    /// More false alarms come with a looser threshold, but for cool-downs that begin earlier:
    /// they can move an alert across an edge of an episode, which is less than the resolution.
    fn loosest(&self, thresholds: &[f64], budget: f64) -> Option<f64> {
        let within = |threshold: &f64| self.false_alarms_per_day(*threshold) <= budget;
        let many = thresholds.partition_point(within);
        many.checked_sub(1).map(|last| thresholds[last])
    }
}

fn no_budgets() -> Settings {
    Settings {
        budgets: Vec::new(),
        ..Settings::default()
    }
}

/// What all alerts find, as they were raised.
fn shipped(traffic: &[Traffic]) -> Found {
    let evaluation = evaluate(traffic, &no_budgets(), None);
    let row = evaluation.recall.last().expect("a row as shipped");
    Found {
        false_alarms_per_day: evaluation.alarms.per_day,
        ..found(row)
    }
}

/// vigie, from alert records raised at a budget that is looser than those compared.
pub(crate) fn vigie(runs: &[(Labels, Vec<vigie::domain::Alert>)], budgets: &[f64]) -> Vec<Found> {
    let traffic: Vec<Traffic> = runs
        .iter()
        .enumerate()
        .map(|(run, (labels, alerts))| Traffic {
            name: format!("run {run}"),
            truth: labels.truth(true),
            alerts: book(
                alerts
                    .iter()
                    .map(|alert| serde_json::to_vec(alert).expect("an alert has a form in JSON")),
            ),
            sweep: None,
            bounds: Vec::new(),
        })
        .collect();
    let settings = Settings {
        budgets: budgets.to_vec(),
        ..Settings::default()
    };
    let evaluation = evaluate(&traffic, &settings, None);
    evaluation.recall[..budgets.len()]
        .iter()
        .map(found)
        .collect()
}

fn book(records: impl Iterator<Item = Vec<u8>>) -> Vec<RaisedAlert> {
    let mut book = AlertBook::default();
    for record in records {
        book.add(AlertRecord::read(&record).expect("a record as the schema has it"));
    }
    book.finish()
}

fn alerts_of(candidates: Vec<(&Members, &Candidate)>) -> Vec<RaisedAlert> {
    let time = |time: EventTime| time.to_string();
    let record = |(number, (members, candidate)): (usize, (&Members, &Candidate))| {
        let start = EventTime(candidate.end.0 - candidate.window.0.max(Span::MINUTE.0));
        let record = json!({
            "id": number.to_string(),
            "status": "firing",
            "detection": "peer",
            "class": "harvesting",
            "entity": members,
            "window": {"start": time(start), "end": time(candidate.end)},
            "decided": time(candidate.end),
            "false_alarms_per_day": 1.0,
        });
        record.to_string().into_bytes()
    };
    book(candidates.into_iter().enumerate().map(record))
}
