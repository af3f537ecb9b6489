//! Everybody at the same number of false alarms a day.
//!
//! A peer's threshold is the loosest at which its false alarms are within the budget; what its
//! alerts find there is judged by the rules of `vigie evaluate`. Peers know no classes, so none is
//! asked of them: an alert that names a true key in time is a hit, whatever it thinks it saw.

use super::candidates::Candidates;
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
#[derive(Clone, Debug)]
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
    let at = |threshold: f64| {
        let traffic: Vec<Traffic> = runs
            .iter()
            .zip(&truths)
            .enumerate()
            .map(|(run, ((_, candidates), truth))| Traffic {
                name: format!("run {run}"),
                truth: truth.clone(),
                alerts: alerts_of(candidates, threshold),
                sweep: None,
            })
            .collect();
        shipped(&traffic)
    };
    let mut thresholds: Vec<f64> = runs
        .iter()
        .flat_map(|(_, candidates)| candidates.thresholds())
        .collect();
    thresholds.sort_by(|one, other| other.total_cmp(one));
    thresholds.dedup();
    budgets
        .iter()
        .map(|budget| loosest(&thresholds, *budget, at))
        .chain(std::iter::once_with(|| at(published)))
        .collect()
}

/// The loosest threshold within the budget, by bisection; nothing is found without any.
///
/// More false alarms come with a looser threshold, but for cool-downs that begin earlier: they
/// can move an alert across an edge of an episode, which is less than the resolution here.
fn loosest(thresholds: &[f64], budget: f64, at: impl Fn(f64) -> Found) -> Found {
    let nothing = Found {
        false_alarms_per_day: 0.0,
        recall: 0.0,
        by_intensity: [0.0; Intensity::ALL.len()],
    };
    let (mut within, mut best) = (0, nothing);
    let mut beyond = thresholds.len() + 1;
    while beyond - within > 1 {
        let middle = within + (beyond - within) / 2;
        let found = at(thresholds[middle - 1]);
        if found.false_alarms_per_day <= budget {
            (within, best) = (middle, found);
        } else {
            beyond = middle;
        }
    }
    best
}

/// What all alerts find, as they were raised.
fn shipped(traffic: &[Traffic]) -> Found {
    let settings = Settings {
        budgets: Vec::new(),
        ..Settings::default()
    };
    let evaluation = evaluate(traffic, &settings, None);
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

fn alerts_of(candidates: &Candidates, threshold: f64) -> Vec<RaisedAlert> {
    let time = |time: EventTime| time.to_string();
    let record = |(number, (members, candidate)): (usize, (&_, &super::candidates::Candidate))| {
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
    book(
        candidates
            .alerts(threshold)
            .into_iter()
            .enumerate()
            .map(record),
    )
}
