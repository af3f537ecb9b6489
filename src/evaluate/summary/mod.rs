//! From alerts and labels to figures.

mod alarms;
mod listing;
mod recall;
mod scenarios;
mod unseen;

use super::calibration::Calibrated;
use super::days::Days;
use super::matching::{Grace, Hit, Matched, Verdict, bring_together};
use super::outcome::{Outcome, outcomes};
use super::record::RaisedAlert;
use super::report::{BudgetRow, Evaluation, RunRow};
use super::sweep::Sweep;
use super::truth::Truth;
use crate::domain::{EpisodeKind, EpisodeLabel, Intensity, Span};
use alarms::{alarms_of, detections};
use listing::{alerts, episodes};
use recall::{as_shipped, at_budget, curve};
use scenarios::{bursts, scenarios};
use unseen::{bounds, unseen};

/// What is always said.
const ABOUT: &str = "Recall is by episode: an alert in time that names a true key. Labels exist \
    for simulated traffic only: recall on attacks that a simulator injects is an upper bound on \
    recall on real ones, and what happens outside the events cannot be seen at all.";

/// What to evaluate at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// False alarms a day, ascending.
    pub budgets: Vec<f64>,
    /// How late an alert may be.
    pub grace: Grace,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            budgets: vec![5.0, 10.0, 20.0, 50.0],
            grace: Grace::default(),
        }
    }
}

/// Labels and alerts of one run.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// What it is called.
    pub name: String,
    /// What was put in.
    pub truth: Truth,
    /// Alerts as shipped.
    pub alerts: Vec<RaisedAlert>,
    /// Alerts of the same traffic at a looser budget, to sweep over; without them the shipped
    /// ones are swept.
    pub sweep: Option<Vec<RaisedAlert>>,
    /// What actors could do unseen, by the baselines at the end of the run.
    pub bounds: Vec<Bound>,
}

/// What an entity could do unseen in thirty days, spread evenly.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The detection that would tell of it.
    pub detection: String,
    /// The entity's class.
    pub class: String,
    /// What is expected of it in thirty days.
    pub expected: f64,
    /// What it could do beyond that.
    pub excess: f64,
}

/// A run with all that is derived from it.
struct Scored<'a> {
    number: usize,
    traffic: &'a Traffic,
    days: Days,
    matched: Matched,
    /// As `matched`, of the alerts that are swept over.
    swept: Option<Matched>,
    outcomes: Vec<Outcome<'a>>,
}

impl<'a> Scored<'a> {
    fn new(run: usize, traffic: &'a Traffic, grace: Grace) -> Scored<'a> {
        let decided = traffic.alerts.iter().map(|alert| alert.first().decided);
        let covers = traffic.truth.covers(decided);
        let matched = bring_together(&traffic.alerts, &traffic.truth, grace);
        Scored {
            number: run,
            days: Days::new(&traffic.truth, covers),
            outcomes: outcomes(
                run,
                &traffic.truth.episodes,
                &traffic.alerts,
                &matched,
                covers.1,
            ),
            swept: traffic
                .sweep
                .as_ref()
                .map(|alerts| bring_together(alerts, &traffic.truth, grace)),
            matched,
            traffic,
        }
    }

    fn to_sweep(&self) -> (&'a [RaisedAlert], &Matched) {
        match (&self.traffic.sweep, &self.swept) {
            (Some(alerts), Some(matched)) => (alerts, matched),
            _ => (&self.traffic.alerts, &self.matched),
        }
    }

    fn false_alarms(&self) -> impl Iterator<Item = (&'a RaisedAlert, Verdict)> {
        self.traffic
            .alerts
            .iter()
            .zip(self.matched.verdicts.iter().copied())
            .filter(|(_, verdict)| matches!(verdict, Verdict::False { .. }))
    }

    /// Attacks, each with the hits that are swept over.
    fn attacks(&self) -> impl Iterator<Item = (&'a EpisodeLabel, &[Hit])> {
        let (_, matched) = self.to_sweep();
        self.traffic
            .truth
            .episodes
            .iter()
            .zip(matched.hits.iter().map(Vec::as_slice))
            .filter(|(episode, _)| episode.kind == EpisodeKind::Attack)
    }
}

/// The word for an intensity that may not be there.
fn intensity_name(intensity: Option<Intensity>) -> &'static str {
    intensity.map_or("", Intensity::name)
}

fn seconds(span: Span) -> f64 {
    span.0 as f64 / 1e3
}

/// Evaluates runs, pooled.
pub fn evaluate(
    runs: &[Traffic],
    settings: &Settings,
    calibration: Option<Calibrated>,
) -> Evaluation {
    let scored: Vec<Scored<'_>> = runs
        .iter()
        .enumerate()
        .map(|(run, traffic)| Scored::new(run, traffic, settings.grace))
        .collect();
    // False alarms are those of honest days, where there are any: beside attacks, alerts on who
    // helped them, on their victims and on what comes after are as many as the attacks are.
    let (quiet, attacked): (Vec<&Scored<'_>>, Vec<&Scored<'_>>) =
        scored.iter().partition(|run| run.outcomes.is_empty());
    let (honest, beside): (Vec<&Scored<'_>>, &[&Scored<'_>]) = match quiet.is_empty() {
        true => (scored.iter().collect(), &[]),
        false => (quiet, &attacked),
    };
    let days = days_of(&honest);
    let sweep = Sweep::new(
        honest
            .iter()
            .flat_map(|run| {
                let (alerts, matched) = run.to_sweep();
                alerts
                    .iter()
                    .zip(&matched.verdicts)
                    .filter(|(_, verdict)| matches!(verdict, Verdict::False { .. }))
                    .map(|(alert, _)| alert.strength())
            })
            .collect(),
        days,
    );
    let alarms = alarms_of(&honest);
    let mut recall: Vec<BudgetRow> = settings
        .budgets
        .iter()
        .map(|budget| at_budget(&scored, &sweep, *budget))
        .collect();
    recall.push(as_shipped(&scored, alarms.per_day));
    Evaluation {
        about: String::from(ABOUT),
        warnings: warnings(&scored, &recall),
        runs: scored.iter().map(run_row).collect(),
        days: scored.iter().map(|run| days_of(&[run])).sum(),
        curve: curve(&scored, &sweep),
        scenarios: scenarios(&scored, &sweep, &settings.budgets),
        bursts: bursts(&scored),
        detections: detections(&scored, &honest),
        unseen: unseen(&scored),
        bounds: bounds(runs),
        calibration,
        episodes: episodes(&scored),
        alerts: alerts(&scored),
        alarms,
        beside_attacks: (!beside.is_empty()).then(|| alarms_of(beside)),
        recall,
    }
}

/// Length of runs, in days.
fn days_of(runs: &[&Scored<'_>]) -> f64 {
    runs.iter()
        .flat_map(|run| run.days.all())
        .map(|day| day.length)
        .sum()
}

fn warnings(scored: &[Scored<'_>], recall: &[BudgetRow]) -> Vec<String> {
    let mut warnings = Vec::new();
    for run in scored {
        let (name, truth) = (&run.traffic.name, &run.traffic.truth);
        if truth.run.is_none() {
            warnings.push(format!(
                "{name}: no label says from when to when the traffic is; taken from the first \
                 labelled day to the last"
            ));
        }
        if truth.unknown > 0 {
            warnings.push(format!(
                "{name}: {} labels of an unknown kind ignored",
                truth.unknown
            ));
        }
    }
    let short: Vec<String> = recall
        .iter()
        .filter(|row| !row.reached)
        .filter_map(|row| row.budget.map(|budget| budget.to_string()))
        .collect();
    if !short.is_empty() {
        warnings.push(format!(
            "there are fewer false alarms than {} a day: recall there is what all alerts \
             together find, and could be higher had more been raised; run with a larger budget to \
             sweep further",
            short.join(", ")
        ));
    }
    warnings
}

fn run_row(run: &Scored<'_>) -> RunRow {
    let truth = &run.traffic.truth;
    let decided = run.traffic.alerts.iter().map(|alert| alert.first().decided);
    let (start, end) = truth.covers(decided);
    RunRow {
        name: run.traffic.name.clone(),
        story: truth
            .run
            .as_ref()
            .map(|run| run.story.clone())
            .unwrap_or_default(),
        start,
        end,
        attacks: run.outcomes.len(),
        alerts: run.traffic.alerts.len(),
    }
}
