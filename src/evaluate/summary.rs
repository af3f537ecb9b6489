//! From alerts and labels to figures.

use super::bootstrap::{Share, mean_share, quantile, quantile_estimate};
use super::calibration::Calibrated;
use super::days::Days;
use super::matching::{Grace, Hit, Matched, Verdict, bring_together, is_burst};
use super::outcome::{Outcome, outcomes};
use super::record::RaisedAlert;
use super::report::{
    Alarms, AlertRow, BoundRow, BudgetRow, BurstRow, CurvePoint, DayRow, DetectionRow, EpisodeRow,
    Evaluation, IntensityRecall, KindRow, RegimeRow, RunRow, ScenarioRow, UnseenRow,
};
use super::sweep::{Sweep, Threshold};
use super::truth::Truth;
use crate::domain::{EntityMembers, EpisodeKind, EpisodeLabel, Intensity, Span};
use std::collections::{BTreeMap, BTreeSet};

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

fn found(hits: &[Hit], threshold: Threshold, within_window: bool) -> bool {
    hits.iter()
        .any(|hit| threshold.keeps_hit(hit) && (hit.in_time || within_window))
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

fn at_budget(scored: &[Scored<'_>], sweep: &Sweep, budget: f64) -> BudgetRow {
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

fn as_shipped(scored: &[Scored<'_>], false_alarms_per_day: f64) -> BudgetRow {
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
fn curve(scored: &[Scored<'_>], sweep: &Sweep) -> Vec<CurvePoint> {
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

fn scenarios(scored: &[Scored<'_>], sweep: &Sweep, budgets: &[f64]) -> Vec<ScenarioRow> {
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

fn seconds(span: Span) -> f64 {
    span.0 as f64 / 1e3
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
fn bursts(scored: &[Scored<'_>]) -> Vec<BurstRow> {
    let all: Vec<&Outcome<'_>> = scored
        .iter()
        .flat_map(|run| &run.outcomes)
        .filter(|outcome| is_burst(outcome.label))
        .collect();
    let of = |intensity: Option<Intensity>| {
        let of = all.iter().copied();
        of.filter(|outcome| outcome.label.intensity == intensity)
            .collect()
    };
    let by_intensity = Intensity::ALL.map(|intensity| (intensity.name(), of(Some(intensity))));
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

fn alarms_of(scored: &[&Scored<'_>]) -> Alarms {
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

fn detections(scored: &[Scored<'_>], honest: &[&Scored<'_>]) -> Vec<DetectionRow> {
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

fn unseen(scored: &[Scored<'_>]) -> Vec<UnseenRow> {
    let mut rows: BTreeMap<&str, UnseenRow> = BTreeMap::new();
    for outcome in scored.iter().flat_map(|run| &run.outcomes) {
        let class = outcome.label.class.map_or("", |class| class.name());
        for class in [class, "all"] {
            let known = rows.get(class).map_or(-1.0, |row| row.records);
            if outcome.records.is_none() || class.is_empty() || outcome.unseen <= known {
                continue;
            }
            rows.insert(
                class,
                UnseenRow {
                    class: class.to_owned(),
                    records: outcome.unseen,
                    run: outcome.run,
                    episode: outcome.label.id.clone(),
                    scenario: outcome.label.scenario.clone(),
                    found_later: outcome.is_found(),
                },
            );
        }
    }
    rows.into_values().collect()
}

fn bounds(runs: &[Traffic]) -> Vec<BoundRow> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Bound>> = BTreeMap::new();
    for bound in runs.iter().flat_map(|run| &run.bounds) {
        let key = (bound.detection.as_str(), bound.class.as_str());
        groups.entry(key).or_default().push(bound);
    }
    let row = |((detection, class), bounds): ((&str, &str), Vec<&Bound>)| {
        let sorted = |of: fn(&Bound) -> f64| {
            let mut values: Vec<f64> = bounds.iter().map(|bound| of(bound)).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (expected, excess) = (sorted(|one| one.expected), sorted(|one| one.excess));
        BoundRow {
            detection: detection.to_owned(),
            class: class.to_owned(),
            entities: bounds.len(),
            expected_median: quantile(&expected, 0.5).unwrap_or(0.0),
            excess_median: quantile(&excess, 0.5).unwrap_or(0.0),
            excess_most: excess.last().copied().unwrap_or(0.0),
        }
    };
    groups.into_iter().map(row).collect()
}

fn episodes(scored: &[Scored<'_>]) -> Vec<EpisodeRow> {
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

fn label_of(entity: &EntityMembers) -> String {
    let parts: Vec<String> = entity
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    parts.join(", ")
}

fn alerts(scored: &[Scored<'_>]) -> Vec<AlertRow> {
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
