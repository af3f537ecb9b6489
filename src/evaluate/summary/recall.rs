//! Which attacks are found at which cost.

use super::Scored;
use crate::domain::{EpisodeLabel, Intensity};
use crate::evaluate::bootstrap::{Share, mean_share};
use crate::evaluate::matching::Hit;
use crate::evaluate::report::{BudgetRow, CurvePoint, IntensityRecall};
use crate::evaluate::sweep::{Sweep, Threshold};
use std::collections::BTreeMap;

pub(super) fn found(hits: &[Hit], threshold: Threshold, within_window: bool) -> bool {
    hits.iter()
        .any(|hit| threshold.keeps_hit(hit) && (hit.in_time || within_window))
}

/// Mean precision where there is one attack a week, found with this chance.
fn precision_at_one_a_week(recall: f64, false_alarms_per_day: f64) -> f64 {
    let false_alarms = 7.0 * false_alarms_per_day;
    if recall + false_alarms > 0.0 {
        recall / (recall + false_alarms)
    } else {
        0.0
    }
}

/// Recall over episodes and over scenarios, from each attack's (scenario, intensity, found).
fn recall_row(
    attacks: &[(&EpisodeLabel, bool, bool)],
    budget: Option<f64>,
    threshold: Threshold,
    false_alarms_per_day: f64,
) -> BudgetRow {
    let of = |wanted: Option<Intensity>| {
        let mut by_scenario: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (episode, found, _) in attacks {
            if wanted.is_none() || episode.intensity == wanted {
                let cell = by_scenario.entry(&episode.scenario).or_default();
                cell.0 += u64::from(*found);
                cell.1 += 1;
            }
        }
        let cells: Vec<(u64, u64)> = by_scenario.into_values().collect();
        let (hits, all) = cells
            .iter()
            .fold((0, 0), |(hits, all), (found, of)| (hits + found, all + of));
        (Share::new(hits, all), mean_share(&cells))
    };
    let (recall, mean_over_scenarios) = of(None);
    BudgetRow {
        budget,
        reached: true,
        threshold: threshold.bound(),
        false_alarms_per_day,
        recall,
        recall_within_window: Share::of(attacks.iter().map(|(_, _, within)| *within)),
        mean_over_scenarios,
        by_intensity: Intensity::ALL
            .into_iter()
            .map(|intensity| {
                let (recall, mean_over_scenarios) = of(Some(intensity));
                IntensityRecall {
                    intensity: intensity.name().to_owned(),
                    recall,
                    mean_over_scenarios,
                }
            })
            .collect(),
        precision_at_one_attack_a_week: precision_at_one_a_week(recall.share, false_alarms_per_day),
    }
}

pub(super) fn at_budget(scored: &[Scored<'_>], sweep: &Sweep, budget: f64) -> BudgetRow {
    let threshold = sweep.at(budget);
    let attacks: Vec<_> = scored
        .iter()
        .flat_map(Scored::attacks)
        .map(|(episode, hits)| {
            let of = |within_window| found(hits, threshold, within_window);
            (episode, of(false), of(true))
        })
        .collect();
    BudgetRow {
        reached: threshold != Threshold::All,
        ..recall_row(&attacks, Some(budget), threshold, sweep.per_day(threshold))
    }
}

pub(super) fn as_shipped(scored: &[Scored<'_>], false_alarms_per_day: f64) -> BudgetRow {
    let attacks: Vec<_> = scored
        .iter()
        .flat_map(|run| &run.outcomes)
        .map(|outcome| {
            (
                outcome.label,
                outcome.is_found(),
                outcome.found_within_window,
            )
        })
        .collect();
    recall_row(&attacks, None, Threshold::All, false_alarms_per_day)
}

/// Recall at false alarms a day that are even on a logarithmic scale.
pub(super) fn curve(scored: &[Scored<'_>], sweep: &Sweep) -> Vec<CurvePoint> {
    const PER_DECADE: i32 = 16;
    let attacks: Vec<(&EpisodeLabel, &[Hit])> = scored.iter().flat_map(Scored::attacks).collect();
    let mut points: Vec<CurvePoint> = Vec::new();
    for step in -2 * PER_DECADE..=2 * PER_DECADE {
        let budget = 10_f64.powf(f64::from(step) / f64::from(PER_DECADE));
        let threshold = sweep.at(budget);
        points.push(CurvePoint {
            // Between two alarms nothing changes: the budget is where the curve is drawn.
            false_alarms_per_day: if threshold == Threshold::All {
                sweep.per_day(threshold)
            } else {
                budget
            },
            recall: Share::of(
                attacks
                    .iter()
                    .map(|(_, hits)| found(hits, threshold, false)),
            ),
            by_intensity: Intensity::ALL.map(|intensity| {
                let alike = attacks
                    .iter()
                    .filter(|(episode, _)| episode.intensity == Some(intensity));
                Share::of(alike.map(|(_, hits)| found(hits, threshold, false)))
            }),
        });
        if threshold == Threshold::All {
            break;
        }
    }
    points
}
