//! What became of attacks, by scenario and intensity, and how long bursts went on unseen.

use super::recall::found;
use super::{Scored, intensity_name, seconds};
use crate::domain::Intensity;
use crate::evaluate::bootstrap::{Share, quantile, quantile_estimate};
use crate::evaluate::matching::{Hit, is_burst};
use crate::evaluate::outcome::Outcome;
use crate::evaluate::report::{BurstRow, ScenarioRow};
use crate::evaluate::sweep::{Sweep, Threshold};
use std::collections::BTreeMap;

pub(super) fn scenarios(scored: &[Scored<'_>], sweep: &Sweep, budgets: &[f64]) -> Vec<ScenarioRow> {
    let thresholds: Vec<Threshold> = budgets.iter().map(|budget| sweep.at(*budget)).collect();
    type Group<'a, 'o> = Vec<(&'o Outcome<'a>, &'o [Hit])>;
    let mut groups: BTreeMap<(&str, Option<Intensity>), Group<'_, '_>> = BTreeMap::new();
    for run in scored {
        for (outcome, (_, hits)) in run.outcomes.iter().zip(run.attacks()) {
            let key = (outcome.label.scenario.as_str(), outcome.label.intensity);
            groups.entry(key).or_default().push((outcome, hits));
        }
    }
    groups
        .into_iter()
        .map(|((scenario, intensity), group)| {
            let outcomes: Vec<&Outcome<'_>> = group.iter().map(|(outcome, _)| *outcome).collect();
            let recall = thresholds
                .iter()
                .map(|threshold| {
                    Share::of(group.iter().map(|(_, hits)| found(hits, *threshold, false)))
                })
                .collect();
            scenario_row(scenario, intensity_name(intensity), &outcomes, recall)
        })
        .collect()
}

fn scenario_row(
    scenario: &str,
    intensity: &str,
    outcomes: &[&Outcome<'_>],
    recall: Vec<Share>,
) -> ScenarioRow {
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let each = |of: &dyn Fn(&Outcome<'_>) -> Option<f64>| -> Vec<f64> {
        outcomes.iter().filter_map(|outcome| of(outcome)).collect()
    };
    let to_detect = each(&|outcome| outcome.to_detect().map(seconds));
    let beyond = each(&|outcome| outcome.beyond_window().map(seconds));
    let lost = sorted(each(&|outcome| outcome.records.map(|(_, lost)| lost)));
    let shares = sorted(each(&|outcome| {
        outcome.records.map(|(all, lost)| lost / all)
    }));
    let taken: f64 = each(&|outcome| outcome.records.map(|(all, _)| all))
        .iter()
        .sum();
    let ranges = each(&|outcome| outcome.range_recall);
    let found = || outcomes.iter().filter(|outcome| outcome.is_found());
    ScenarioRow {
        scenario: scenario.to_owned(),
        intensity: intensity.to_owned(),
        episodes: outcomes.len(),
        recall,
        shipped: Share::of(outcomes.iter().map(|outcome| outcome.is_found())),
        shipped_within_window: Share::of(
            outcomes.iter().map(|outcome| outcome.found_within_window),
        ),
        seconds_to_detect_median: quantile_estimate(&to_detect, 0.5),
        seconds_to_detect_p90: quantile(&sorted(to_detect), 0.9),
        seconds_beyond_window_median: quantile_estimate(&beyond, 0.5),
        records_lost_median: quantile(&lost, 0.5),
        share_lost_median: quantile(&shares, 0.5),
        share_lost: (taken > 0.0).then(|| lost.iter().sum::<f64>() / taken),
        exact_key: Share::of(found().map(|outcome| outcome.exact_key)),
        right_class: Share::of(
            outcomes
                .iter()
                .filter(|outcome| outcome.named)
                .map(|outcome| outcome.is_found()),
        ),
        expected_detection: Share::of(
            found()
                .filter(|outcome| !outcome.label.detections.is_empty())
                .map(|outcome| outcome.expected_detection),
        ),
        range_recall: (!ranges.is_empty())
            .then(|| ranges.iter().sum::<f64>() / ranges.len() as f64),
    }
}

/// A row for each intensity of which there were bursts, and one for all.
pub(super) fn bursts(scored: &[Scored<'_>]) -> Vec<BurstRow> {
    let all: Vec<&Outcome<'_>> = scored
        .iter()
        .flat_map(|run| &run.outcomes)
        .filter(|outcome| is_burst(outcome.label))
        .collect();
    let by_intensity = Intensity::ALL.map(|intensity| {
        let alike = all.iter().copied();
        let alike = alike.filter(|outcome| outcome.label.intensity == Some(intensity));
        (intensity.name(), alike.collect())
    });
    by_intensity
        .into_iter()
        .chain([("all", all.clone())])
        .filter(|(_, outcomes)| !outcomes.is_empty())
        .map(|(intensity, outcomes)| burst_row(intensity, &outcomes))
        .collect()
}

fn burst_row(intensity: &str, outcomes: &[&Outcome<'_>]) -> BurstRow {
    let mut beyond: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| outcome.beyond_window().map(seconds))
        .collect();
    beyond.sort_by(f64::total_cmp);
    BurstRow {
        intensity: intensity.to_owned(),
        episodes: outcomes.len(),
        found: beyond.len(),
        seconds_beyond_window_median: quantile_estimate(&beyond, 0.5),
        seconds_beyond_window_p90: quantile(&beyond, 0.9),
    }
}
