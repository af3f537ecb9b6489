//! The result, as `--json` writes it. Names of members are stable: a renamed one is a breaking
//! change. Lengths of time are in seconds, shares between 0 and 1, times RFC 3339.

use super::bootstrap::{Estimate, Share};
use super::calibration::Calibrated;
use crate::domain::EventTime;
use serde::Serialize;

/// Everything that was found out.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// What the figures are about, and what they are not.
    pub about: String,
    /// What a reader must know before trusting a figure.
    pub warnings: Vec<String>,
    /// The runs, in the order in which they were given.
    pub runs: Vec<RunRow>,
    /// Days in all.
    pub days: f64,
    /// Recall at each budget, and last as shipped.
    pub recall: Vec<BudgetRow>,
    /// Recall against false alarms a day.
    pub curve: Vec<CurvePoint>,
    /// By scenario and intensity.
    pub scenarios: Vec<ScenarioRow>,
    /// Attacks of a day at the most, by intensity, as shipped: how long they went on unseen.
    pub bursts: Vec<BurstRow>,
    /// All alerts, as shipped.
    pub alarms: Alarms,
    /// Alerts of the runs with attacks, where there are others to count false alarms on.
    pub beside_attacks: Option<Alarms>,
    /// By detection, as shipped.
    pub detections: Vec<DetectionRow>,
    /// The most records that were taken unseen within thirty days.
    pub unseen: Vec<UnseenRow>,
    /// What an actor could do unseen in thirty days, by the baselines at the end of the runs.
    pub bounds: Vec<BoundRow>,
    /// Whether p-values are what they say; where scores were given.
    pub calibration: Option<Calibrated>,
    /// What became of every episode.
    pub episodes: Vec<EpisodeRow>,
    /// What became of every alert.
    pub alerts: Vec<AlertRow>,
}

/// The budget whose figures stand in front, where it was asked for.
const HEADLINE_BUDGET: f64 = 10.0;

impl Evaluation {
    /// Position in `recall` of the figures that stand in front: at ten false alarms a day, else
    /// at the budget nearest to it.
    pub(super) fn headline(&self) -> Option<usize> {
        let distance = |budget: f64| (budget.max(1e-9) / HEADLINE_BUDGET).ln().abs();
        let budgets = self.recall.iter().enumerate();
        budgets
            .filter_map(|(position, row)| Some((position, distance(row.budget?))))
            .min_by(|one, other| one.1.total_cmp(&other.1))
            .map(|(position, _)| position)
    }
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunRow {
    /// What it is called.
    pub name: String,
    /// What it is traffic of.
    pub story: String,
    /// First instant.
    pub start: EventTime,
    /// First instant after it.
    pub end: EventTime,
    /// Attacks in it.
    pub attacks: usize,
    /// Alerts on it.
    pub alerts: usize,
}

/// Recall at a budget.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetRow {
    /// False alarms a day that are allowed; none as shipped.
    pub budget: Option<f64>,
    /// Whether there are so many; if not, more might be found within the budget.
    pub reached: bool,
    /// Alerts stronger than this are kept; none where all are.
    pub threshold: Option<f64>,
    /// False alarms a day that are kept.
    pub false_alarms_per_day: f64,
    /// Attacks found in time.
    pub recall: Share,
    /// The same where the grace begins at the end of the alert's window.
    pub recall_within_window: Share,
    /// Mean over scenarios of their recall.
    pub mean_over_scenarios: Option<Estimate>,
    /// The same at each intensity, weakest first.
    pub by_intensity: Vec<IntensityRecall>,
    /// Share of true alerts among those kept, if one attack a week is all there is.
    pub precision_at_one_attack_a_week: f64,
}

/// Recall at an intensity.
#[derive(Clone, Debug, Serialize)]
pub struct IntensityRecall {
    /// The intensity.
    pub intensity: String,
    /// Attacks found in time.
    pub recall: Share,
    /// Mean over scenarios.
    pub mean_over_scenarios: Option<Estimate>,
}

/// A point of recall against cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CurvePoint {
    /// False alarms a day.
    pub false_alarms_per_day: f64,
    /// Attacks found in time.
    pub recall: Share,
    /// The same at each intensity, weakest first.
    pub by_intensity: [Share; 3],
}

/// A scenario at an intensity.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioRow {
    /// The scenario.
    pub scenario: String,
    /// The intensity; empty where labels say none.
    pub intensity: String,
    /// Attacks.
    pub episodes: usize,
    /// Recall at each budget.
    pub recall: Vec<Share>,
    /// Recall as shipped.
    pub shipped: Share,
    /// The same where the grace begins at the end of the alert's window.
    pub shipped_within_window: Share,
    /// From the beginning to the first alert: median of those found.
    pub seconds_to_detect_median: Option<Estimate>,
    /// Nine in ten are found by then.
    pub seconds_to_detect_p90: Option<f64>,
    /// Bursts: beyond the length of the alert's own window, median.
    pub seconds_beyond_window_median: Option<Estimate>,
    /// Records taken before the first alert, or in all where there was none: median.
    pub records_lost_median: Option<f64>,
    /// The same as a share of all that was taken: median.
    pub share_lost_median: Option<f64>,
    /// All records lost, as a share of all records taken.
    pub share_lost: Option<f64>,
    /// Found attacks of which an alert names exactly a true key, no more and no less.
    pub exact_key: Share,
    /// Attacks of which a true key was named, by an alert of the right class.
    pub right_class: Share,
    /// Found attacks on which one of the expected detections raised an alert.
    pub expected_detection: Share,
    /// Long attacks: how much of them was under alert, early parts weighing more; mean.
    pub range_recall: Option<f64>,
}

/// Bursts of one intensity, or all.
#[derive(Clone, Debug, Serialize)]
pub struct BurstRow {
    /// `all` in the last row.
    pub intensity: String,
    /// How many there were.
    pub episodes: usize,
    /// How many of them were found.
    pub found: usize,
    /// From the beginning of those to their first alert, beyond the length of its own window, median.
    pub seconds_beyond_window_median: Option<Estimate>,
    /// The same that nine of ten keep to.
    pub seconds_beyond_window_p90: Option<f64>,
}

/// All alerts as shipped.
#[derive(Clone, Debug, Serialize)]
pub struct Alarms {
    /// Days they are of.
    pub length: f64,
    /// Alerts.
    pub alerts: usize,
    /// On an attack, in time.
    pub hits: usize,
    /// On an attack, after the grace.
    pub late: usize,
    /// On a nuisance.
    pub nuisance: usize,
    /// On nothing that was to be found.
    pub false_alarms: usize,
    /// Of these, on an attacker but of another class.
    pub other_class: usize,
    /// Of these, on a hard negative.
    pub hard_negative: usize,
    /// False alarms a day.
    pub per_day: f64,
    /// Most on one day.
    pub worst_day: usize,
    /// Hits among hits and false alarms.
    pub precision: Share,
    /// By what is unusual on the day.
    pub by_regime: Vec<RegimeRow>,
    /// By kind of hard negative.
    pub by_hard_negative: Vec<KindRow>,
    /// By kind of nuisance.
    pub by_nuisance: Vec<KindRow>,
    /// Every day.
    pub days: Vec<DayRow>,
}

/// Days of one regime.
#[derive(Clone, Debug, Serialize)]
pub struct RegimeRow {
    /// The regime; `ordinary` where nothing is unusual.
    pub regime: String,
    /// Days.
    pub days: f64,
    /// False alarms.
    pub false_alarms: usize,
    /// False alarms a day.
    pub per_day: f64,
    /// Most on one day.
    pub worst_day: usize,
}

/// Episodes of one kind that are not attacks.
#[derive(Clone, Debug, Serialize)]
pub struct KindRow {
    /// The kind.
    pub kind: String,
    /// How often it happened.
    pub episodes: usize,
    /// Episodes with an alert.
    pub episodes_alarmed: usize,
    /// Alerts.
    pub alarms: usize,
}

/// What the entities of a class could do in thirty days, spread evenly, before a test of many
/// windows tells of it in the mean.
#[derive(Clone, Debug, Serialize)]
pub struct BoundRow {
    /// The detection that would tell of it.
    pub detection: String,
    /// The class.
    pub class: String,
    /// Its entities with mature baselines.
    pub entities: usize,
    /// What is expected of them in thirty days: median.
    pub expected_median: f64,
    /// What they could do beyond that: median.
    pub excess_median: f64,
    /// And of the one that could do most.
    pub excess_most: f64,
}

/// A day of a run.
#[derive(Clone, Debug, Serialize)]
pub struct DayRow {
    /// Position of the run.
    pub run: usize,
    /// Where the day begins.
    pub day: EventTime,
    /// Its regime.
    pub regime: String,
    /// False alarms.
    pub false_alarms: usize,
    /// Alerts on nuisances.
    pub nuisance: usize,
    /// Alerts on attacks.
    pub hits: usize,
}

/// A detection.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DetectionRow {
    /// Its name.
    pub detection: String,
    /// Alerts.
    pub alerts: usize,
    /// On an attack, in time.
    pub hits: usize,
    /// On an attack, after the grace.
    pub late: usize,
    /// On a nuisance.
    pub nuisance: usize,
    /// On nothing that was to be found.
    pub false_alarms: usize,
    /// False alarms a day.
    pub per_day: f64,
    /// Most on one day.
    pub worst_day: usize,
    /// Attacks that it is there to find, and on which it raised an alert in time.
    pub found: Share,
}

/// The most records taken unseen within thirty days.
#[derive(Clone, Debug, Serialize)]
pub struct UnseenRow {
    /// Class of the attack; `all` over all of them.
    pub class: String,
    /// The most within thirty days.
    pub records: f64,
    /// In which run.
    pub run: usize,
    /// In which episode.
    pub episode: String,
    /// Of which scenario.
    pub scenario: String,
    /// Whether it was found later.
    pub found_later: bool,
}

/// What became of an episode.
#[derive(Clone, Debug, Serialize)]
pub struct EpisodeRow {
    /// Position of the run.
    pub run: usize,
    /// Its id.
    pub id: String,
    /// `attack`, `hard_negative` or `nuisance_bot`.
    pub kind: String,
    /// The scenario.
    pub scenario: String,
    /// The intensity; empty where labels say none.
    pub intensity: String,
    /// The class; empty where labels say none.
    pub class: String,
    /// When it begins.
    pub start: EventTime,
    /// When it is over.
    pub end: EventTime,
    /// Found in time, as shipped.
    pub found: bool,
    /// Which detection was first.
    pub found_by: Option<String>,
    /// From the beginning to the first alert.
    pub seconds_to_detect: Option<f64>,
    /// Length of that alert's window.
    pub seconds_of_window: Option<f64>,
    /// False alarms a day that must be allowed for it to be found; none where it is not.
    pub false_alarms_per_day: Option<f64>,
    /// Records taken.
    pub records: Option<f64>,
    /// Records taken before the first alert.
    pub records_lost: Option<f64>,
    /// What it is.
    pub story: String,
}

/// What became of an alert.
#[derive(Clone, Debug, Serialize)]
pub struct AlertRow {
    /// Position of the run.
    pub run: usize,
    /// Its id.
    pub id: String,
    /// `hit`, `late`, `nuisance` or `false`.
    pub verdict: &'static str,
    /// The detection.
    pub detection: String,
    /// Its severity, the strongest.
    pub severity: String,
    /// The entity, on one line.
    pub entity: String,
    /// When it was first raised.
    pub decided: EventTime,
    /// End of the window it was first seen in.
    pub window_end: EventTime,
    /// Its strength.
    pub false_alarms_per_day: f64,
    /// The scenario of the attack, hard negative or nuisance that it is on.
    pub scenario: Option<String>,
    /// In its own words.
    pub explanation: String,
}
