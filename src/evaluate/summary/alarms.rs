//! Alerts as shipped: what they were, by day, by regime, by what they fell for and by detection.

use super::{Scored, days_of};
use crate::domain::{EpisodeKind, EpisodeLabel};
use crate::evaluate::bootstrap::Share;
use crate::evaluate::matching::Verdict;
use crate::evaluate::report::{Alarms, DayRow, DetectionRow, KindRow, RegimeRow};
use crate::evaluate::sweep::Threshold;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn alarms_of(scored: &[&Scored<'_>]) -> Alarms {
    let days = days_of(scored);
    let day_rows = day_rows(scored);
    let verdicts = || scored.iter().flat_map(|run| &run.matched.verdicts);
    let count = |wanted: &dyn Fn(&Verdict) -> bool| verdicts().filter(|one| wanted(one)).count();
    let hits = count(&|one| *one == Verdict::Hit);
    let false_alarms = count(&|one| matches!(one, Verdict::False { .. }));
    let worst = |regime: Option<&str>| {
        day_rows
            .iter()
            .filter(|day| regime.is_none_or(|regime| day.regime == regime))
            .map(|day| day.false_alarms)
            .max()
            .unwrap_or(0)
    };
    let mut lengths: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    let all_days = scored.iter().flat_map(|run| run.days.all());
    for (day, row) in all_days.zip(&day_rows) {
        let regime = lengths.entry(&day.regime).or_default();
        regime.0 += day.length;
        regime.1 += row.false_alarms;
    }
    Alarms {
        length: days,
        alerts: verdicts().count(),
        hits,
        late: count(&|one| *one == Verdict::Late),
        nuisance: count(&|one| *one == Verdict::Nuisance),
        false_alarms,
        other_class: count(&|one| {
            matches!(
                one,
                Verdict::False {
                    other_class: true,
                    ..
                }
            )
        }),
        hard_negative: count(&|one| {
            matches!(
                one,
                Verdict::False {
                    hard_negative: Some(_),
                    ..
                }
            )
        }),
        per_day: per_day(false_alarms, days),
        worst_day: worst(None),
        precision: Share::new(hits as u64, (hits + false_alarms) as u64),
        by_regime: lengths
            .iter()
            .map(|(regime, (days, false_alarms))| RegimeRow {
                regime: (*regime).to_owned(),
                days: *days,
                false_alarms: *false_alarms,
                per_day: per_day(*false_alarms, *days),
                worst_day: worst(Some(regime)),
            })
            .collect(),
        by_hard_negative: kinds(scored, EpisodeKind::HardNegative),
        by_nuisance: kinds(scored, EpisodeKind::NuisanceBot),
        days: day_rows,
    }
}

fn per_day(count: usize, days: f64) -> f64 {
    if days > 0.0 { count as f64 / days } else { 0.0 }
}

fn day_rows(scored: &[&Scored<'_>]) -> Vec<DayRow> {
    let mut rows = Vec::new();
    for run in scored {
        let number = run.number;
        let first = rows.len();
        rows.extend(run.days.all().iter().map(|day| DayRow {
            run: number,
            day: day.start,
            regime: day.regime.clone(),
            false_alarms: 0,
            nuisance: 0,
            hits: 0,
        }));
        for (alert, verdict) in run.traffic.alerts.iter().zip(&run.matched.verdicts) {
            let Some(day) = run.days.position(alert.first().window) else {
                continue;
            };
            let row = &mut rows[first + day];
            match verdict {
                Verdict::False { .. } => row.false_alarms += 1,
                Verdict::Nuisance => row.nuisance += 1,
                Verdict::Hit => row.hits += 1,
                Verdict::Late => {}
            }
        }
    }
    rows
}

/// Episodes that are no attacks, and the alerts that fell for them.
fn kinds(scored: &[&Scored<'_>], kind: EpisodeKind) -> Vec<KindRow> {
    let mut rows: BTreeMap<&str, KindRow> = BTreeMap::new();
    for run in scored {
        let episodes = &run.traffic.truth.episodes;
        let mut alarmed: BTreeSet<usize> = BTreeSet::new();
        for (alert, position) in run.matched.others.iter().copied() {
            let fell = match run.matched.verdicts[alert] {
                Verdict::False { .. } => kind == EpisodeKind::HardNegative,
                Verdict::Nuisance => kind == EpisodeKind::NuisanceBot,
                Verdict::Hit | Verdict::Late => false,
            };
            if fell && episodes[position].kind == kind {
                alarmed.insert(position);
                kind_row(&mut rows, &episodes[position]).alarms += 1;
            }
        }
        for (position, episode) in episodes.iter().enumerate() {
            if episode.kind == kind {
                let row = kind_row(&mut rows, episode);
                row.episodes += 1;
                row.episodes_alarmed += usize::from(alarmed.contains(&position));
            }
        }
    }
    rows.into_values().collect()
}

fn kind_row<'a, 'r>(
    rows: &'r mut BTreeMap<&'a str, KindRow>,
    episode: &'a EpisodeLabel,
) -> &'r mut KindRow {
    rows.entry(&episode.scenario).or_insert_with(|| KindRow {
        kind: episode.scenario.clone(),
        episodes: 0,
        episodes_alarmed: 0,
        alarms: 0,
    })
}

pub(super) fn detections(scored: &[Scored<'_>], honest: &[&Scored<'_>]) -> Vec<DetectionRow> {
    let mut rows: BTreeMap<&str, DetectionRow> = BTreeMap::new();
    let mut by_day: BTreeMap<(&str, usize, usize), usize> = BTreeMap::new();
    let mut expected: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let days = days_of(honest);
    let is_honest = |run: &Scored<'_>| honest.iter().any(|other| other.number == run.number);
    for (number, run) in scored.iter().enumerate() {
        let alerts = &run.traffic.alerts;
        for (alert, verdict) in alerts.iter().zip(&run.matched.verdicts) {
            let row = rows.entry(&alert.detection).or_default();
            row.alerts += 1;
            match verdict {
                Verdict::Hit => row.hits += 1,
                Verdict::Late => row.late += 1,
                Verdict::Nuisance => row.nuisance += 1,
                Verdict::False { .. } => row.false_alarms += usize::from(is_honest(run)),
            }
        }
        for (alert, _) in run.false_alarms().filter(|_| is_honest(run)) {
            if let Some(day) = run.days.position(alert.first().window) {
                *by_day.entry((&alert.detection, number, day)).or_default() += 1;
            }
        }
        for (position, episode) in run.traffic.truth.episodes.iter().enumerate() {
            if episode.kind != EpisodeKind::Attack {
                continue;
            }
            for name in &episode.detections {
                let there = run.matched.hits[position].iter().any(|hit| {
                    hit.in_time
                        && Threshold::All.keeps_hit(hit)
                        && alerts[hit.alert].detection == *name
                });
                let cell = expected.entry(name).or_default();
                cell.0 += u64::from(there);
                cell.1 += 1;
                rows.entry(name).or_default();
            }
        }
    }
    for ((detection, _, _), count) in by_day {
        if let Some(row) = rows.get_mut(detection) {
            row.worst_day = row.worst_day.max(count);
        }
    }
    rows.into_iter()
        .map(|(detection, row)| {
            let (hits, of) = expected.get(detection).copied().unwrap_or_default();
            DetectionRow {
                detection: detection.to_owned(),
                per_day: per_day(row.false_alarms, days),
                found: Share::new(hits, of),
                ..row
            }
        })
        .collect()
}
