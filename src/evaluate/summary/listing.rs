//! Every episode and every alert, one by one.

use super::{Scored, intensity_name, seconds};
use crate::domain::{EpisodeKind, label_of};
use crate::evaluate::matching::Verdict;
use crate::evaluate::outcome::Outcome;
use crate::evaluate::report::{AlertRow, EpisodeRow};
use std::collections::BTreeMap;

pub(super) fn episodes(scored: &[Scored<'_>]) -> Vec<EpisodeRow> {
    let mut rows = Vec::new();
    for (number, run) in scored.iter().enumerate() {
        let mut outcomes = run.outcomes.iter();
        let (_, swept) = run.to_sweep();
        for (position, label) in run.traffic.truth.episodes.iter().enumerate() {
            let outcome = (label.kind == EpisodeKind::Attack)
                .then(|| outcomes.next())
                .flatten();
            let needed = swept.hits[position]
                .iter()
                .filter(|hit| hit.in_time)
                .map(|hit| hit.strength)
                .min_by(f64::total_cmp);
            rows.push(EpisodeRow {
                run: number,
                id: label.id.clone(),
                kind: String::from(match label.kind {
                    EpisodeKind::Attack => "attack",
                    EpisodeKind::HardNegative => "hard_negative",
                    EpisodeKind::NuisanceBot => "nuisance_bot",
                }),
                scenario: label.scenario.clone(),
                intensity: intensity_name(label.intensity).to_owned(),
                class: label.class.map_or("", |class| class.name()).to_owned(),
                start: label.start,
                end: label.end,
                found: outcome.is_some_and(Outcome::is_found),
                found_by: outcome
                    .and_then(|outcome| outcome.first_by)
                    .map(str::to_owned),
                seconds_to_detect: outcome.and_then(Outcome::to_detect).map(seconds),
                seconds_of_window: outcome
                    .and_then(|outcome| outcome.first)
                    .map(|hit| seconds(hit.window.end - hit.window.start)),
                false_alarms_per_day: needed,
                records: outcome
                    .and_then(|outcome| outcome.records)
                    .map(|(all, _)| all),
                records_lost: outcome
                    .and_then(|outcome| outcome.records)
                    .map(|(_, lost)| lost),
                story: label.story.clone(),
            });
        }
    }
    rows
}

pub(super) fn alerts(scored: &[Scored<'_>]) -> Vec<AlertRow> {
    let mut rows = Vec::new();
    for (number, run) in scored.iter().enumerate() {
        let episodes = &run.traffic.truth.episodes;
        let mut on: BTreeMap<usize, usize> = run.matched.others.iter().copied().collect();
        for (position, hits) in run.matched.hits.iter().enumerate() {
            on.extend(hits.iter().map(|hit| (hit.alert, position)));
        }
        for (position, alert) in run.traffic.alerts.iter().enumerate() {
            let first = alert.first();
            rows.push(AlertRow {
                run: number,
                id: alert.id.clone(),
                verdict: match run.matched.verdicts[position] {
                    Verdict::Hit => "hit",
                    Verdict::Late => "late",
                    Verdict::Nuisance => "nuisance",
                    Verdict::False { .. } => "false",
                },
                detection: alert.detection.clone(),
                severity: alert.severity.clone(),
                entity: label_of(&alert.entity),
                decided: first.decided,
                window_end: first.window.end,
                false_alarms_per_day: alert.strength(),
                scenario: on
                    .get(&position)
                    .map(|position| episodes[*position].scenario.clone()),
                explanation: alert.explanation.clone(),
            });
        }
    }
    rows
}
