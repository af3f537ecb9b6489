//! Judge: one group's windows, entities and baselines.

mod describe;
mod forget;

pub(super) use forget::row_bytes;

use crate::detection::{GroupId, Plan, Series, SeriesId, Slot, Test};
use crate::domain::{AlertWindow, EntityKey, EventTime, Maturity};
use crate::limits::FINDING_P_MAX;
use crate::measure::{ANY, Sketch, ValueHasher};
use crate::observe::{PaneRow, PaneTable};
use crate::score::baseline::{
    CumulativeSeries, FirstSeenSeries, Judged, Learning, LocationSeries, LocationValues, MixSeries,
    MixValues, RareSeries, RateSeries, RatioSeries, RegularSeries, RuleSeries, SumSeries,
    SumValues,
};
use crate::score::collector::Collector;
use crate::score::entities::{Entities, EntityCounts, is_pooled_name, pooled_name_among};
use crate::score::intake::Refused;
use crate::score::recalibration::{Recalibration, Stratum};
use crate::score::windows::Window;
use crate::score::{CALIBRATION_LEVELS, Judgement, ScoreObserver, ScoreSettings, Unseen};
use crate::statistics::PValue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Debug, Serialize, Deserialize)]
enum Baselines {
    Rate(RateSeries),
    Sum(SumSeries),
    Ratio(RatioSeries),
    Mix(MixSeries),
    Location(LocationSeries),
    Cumulative(CumulativeSeries),
    Regular(RegularSeries),
    FirstSeen(FirstSeenSeries),
    Rare(RareSeries),
    Rule(RuleSeries, u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct JudgedSeries {
    id: SeriesId,
    baselines: Baselines,
    /// `None` for what is no model: a rule counts how often it was met.
    recalibration: Option<Recalibration>,
}

/// All state of one group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GroupJudge {
    entities: Entities,
    windows: Vec<Window>,
    series: Vec<JudgedSeries>,
    group: GroupId,
    day: i64,
    /// The entities of the pane being merged.
    #[serde(skip)]
    rows: Vec<u32>,
}

impl GroupJudge {
    pub(super) fn new(plan: &Plan, group: GroupId) -> GroupJudge {
        let spec = &plan.groups[group];
        GroupJudge {
            entities: Entities::default(),
            windows: spec
                .windows
                .iter()
                .map(|span| Window::new(spec, *span))
                .collect(),
            series: Vec::new(),
            group,
            day: i64::MIN,
            rows: Vec::new(),
        }
    }

    /// Its number in the plan.
    pub(super) fn group(&self) -> GroupId {
        self.group
    }

    fn start_series(&mut self, plan: &Plan, settings: &ScoreSettings) {
        for (id, series) in plan
            .series
            .iter()
            .enumerate()
            .filter(|(_, series)| series.group == self.group)
        {
            let learning =
                Learning::new(series.span, settings.half_life).without(settings.ablation);
            let baselines = match plan.detections[series.detection].test {
                Test::Rate(direction) => {
                    Baselines::Rate(RateSeries::new(direction, series.span, learning))
                }
                Test::Sum => Baselines::Sum(SumSeries::new(learning)),
                Test::Ratio { trials_min } => {
                    Baselines::Ratio(RatioSeries::new(trials_min, learning))
                }
                Test::Mix { trials_min } => Baselines::Mix(MixSeries::new(trials_min, learning)),
                Test::Location {
                    direction,
                    trials_min,
                } => Baselines::Location(LocationSeries::new(direction, trials_min, learning)),
                Test::Cumulative(direction) => {
                    Baselines::Cumulative(CumulativeSeries::new(direction, series.span, learning))
                }
                Test::Regular => Baselines::Regular(RegularSeries::default()),
                Test::FirstSeen => {
                    Baselines::FirstSeen(FirstSeenSeries::new(settings.forget_after))
                }
                Test::Rare => Baselines::Rare(RareSeries::new(settings.half_life)),
                Test::Rule { at_least } => Baselines::Rule(RuleSeries::default(), at_least),
            };
            let is_rule = plan.detections[series.detection].test.is_rule();
            let recalibrated = !is_rule && !settings.ablation.recalibration;
            self.series.push(JudgedSeries {
                id,
                baselines,
                recalibration: recalibrated.then(|| Recalibration::new(settings.half_life)),
            });
        }
    }

    /// Adds the tables of a pane that began then. Whose key is among those refused is part of a pooled
    /// entity. Where memory is bounded it depends on the room which table holds a row: then entities
    /// are born, and appear, in the order of their keys.
    pub(super) fn merge(
        &mut self,
        tables: &[&PaneTable],
        begins: EventTime,
        hasher: &ValueHasher,
        refused: Option<&Refused<'_>>,
        is_bounded: bool,
    ) {
        // As the pane finds them.
        let classes = self.entities.class_names().to_vec();
        let pooled_in = |row: PaneRow<'_>| {
            let is_refused = refused.is_some_and(|refused| refused.contains(row.key.as_str()));
            if is_refused {
                Some(pooled_name_among(&classes, row.class))
            } else {
                is_pooled_name(&classes, row.key).then(|| row.key.clone())
            }
        };
        if is_bounded {
            self.appear(tables, begins, hasher, &pooled_in);
        }
        for table in tables.iter().filter(|table| !table.is_empty()) {
            if is_bounded {
                let name = |row: PaneRow<'_>| pooled_in(row).unwrap_or_else(|| row.key.clone());
                let numbers = table.rows().map(|row| self.entities.number(&name(row)));
                self.rows.clear();
                // All have appeared.
                self.rows.extend(numbers.flatten());
            } else {
                self.entities
                    .of_pane(table.rows(), begins, hasher, &pooled_in, &mut self.rows);
                self.grow();
            }
            if let Some(shortest) = self.windows.first_mut() {
                shortest.merge_pane(table, &self.rows);
                for (class, sizes) in table.sizes() {
                    shortest.merge_sizes(usize::from(self.entities.class(class)), sizes);
                }
            }
        }
    }

    /// The entities of these tables appear in the order of their keys, and classes in that of their
    /// names: of several that an entity names the last.
    fn appear(
        &mut self,
        tables: &[&PaneTable],
        begins: EventTime,
        hasher: &ValueHasher,
        pooled_in: &dyn Fn(PaneRow<'_>) -> Option<EntityKey>,
    ) {
        let rows = tables.iter().flat_map(|table| table.rows());
        let mut rows: Vec<(EntityKey, bool, PaneRow<'_>)> = rows
            .map(|row| match pooled_in(row) {
                Some(name) => (name, true, row),
                None => (row.key.clone(), false, row),
            })
            .collect();
        rows.sort_unstable_by(|(one, _, row), (other, _, other_row)| {
            one.cmp(other).then_with(|| other_row.class.cmp(row.class))
        });
        rows.dedup_by(|(one, ..), (other, ..)| one == other);
        let own = rows.iter().filter(|(_, is_pooled, _)| !is_pooled);
        let sizes = tables.iter().flat_map(|table| table.sizes());
        let named: BTreeSet<&str> = own
            .map(|(_, _, row)| row.class)
            .chain(sizes.map(|(class, _)| class))
            .collect();
        for class in named {
            self.entities.class(class);
        }
        let rows = rows.into_iter().map(|(_, _, row)| row);
        self.entities
            .of_pane(rows, begins, hasher, pooled_in, &mut self.rows);
        self.grow();
        if let Some(shortest) = self.windows.first_mut() {
            for entity in &self.rows {
                shortest.touch(*entity as usize);
            }
        }
    }

    fn grow(&mut self) {
        let entities = self.entities.len();
        self.windows
            .iter_mut()
            .for_each(|window| window.grow(entities));
    }

    /// Closes the windows that end now, shortest first. Those that began before
    /// `complete_from` saw only part of their events and are not judged.
    pub(super) fn close(
        &mut self,
        plan: &Plan,
        settings: &ScoreSettings,
        end: EventTime,
        complete_from: EventTime,
        observer: &mut Option<ScoreObserver<'_>>,
        judgements: &mut Vec<Judgement>,
    ) {
        if self.series.is_empty() {
            self.start_series(plan, settings);
        }
        self.start_day(end, settings);
        for number in 0..self.windows.len() {
            let span = self.windows[number].span;
            if end.0.rem_euclid(span.0) != 0 {
                // Longer windows are multiples of this one.
                break;
            }
            let window = AlertWindow {
                start: end - span,
                end,
            };
            if window.start >= complete_from {
                for series in &mut self.series {
                    if plan.series[series.id].window == number {
                        let spec = &plan.series[series.id];
                        let decided = end + settings.allowed_lateness;
                        let classes = self.entities.classes();
                        let judgement = Judgement::new(series.id, window, decided, classes);
                        if let Some(recalibration) = &mut series.recalibration {
                            recalibration.refresh(end);
                        }
                        let collector = Collector {
                            judgement,
                            recalibration: series.recalibration.as_mut(),
                            entities: &self.entities,
                            window: &self.windows[number],
                            spec,
                            p_max: PValue::new(FINDING_P_MAX),
                            observer,
                        };
                        let judgement = judge(&mut series.baselines, spec, collector);
                        for finding in &judgement.findings {
                            if finding.p <= PValue::new(VERY_UNLIKELY_P) {
                                self.entities.note_unlikely(&finding.key, end);
                            }
                        }
                        judgements.push(judgement);
                    }
                }
            }
            if let [closing, longer, ..] = &mut self.windows[number..] {
                longer.merge_window(closing);
            }
            self.windows[number].clear();
        }
    }

    /// See [`super::Score::unseen`].
    pub(super) fn unseen(
        &self,
        days: f64,
        plan: &Plan,
        threshold: &dyn Fn(SeriesId, u8, &[u64]) -> PValue,
        bounds: &mut Vec<Unseen>,
    ) {
        let all = self.entities.all();
        let mut tests = vec![0; self.entities.classes()];
        all.iter()
            .for_each(|entity| tests[usize::from(entity.class)] += 1);
        for series in &self.series {
            let Baselines::Cumulative(cumulative) = &series.baselines else {
                continue;
            };
            let windows = days * plan.series[series.id].span.per_day();
            let p_of_class: Vec<PValue> = (0..tests.len())
                .map(|class| threshold(series.id, class as u8, &tests))
                .collect();
            let p = |row: usize, expected: f64| {
                let class = all[row].class;
                let p = p_of_class[usize::from(class)];
                match &series.recalibration {
                    Some(recalibration) => {
                        let stratum = Stratum::new(class, Maturity::Mature, expected);
                        recalibration.quantile(stratum, p)
                    }
                    None => p,
                }
            };
            for (row, expected, excess) in cumulative.unseen(p, windows) {
                bounds.push(Unseen {
                    series: series.id,
                    class: self.entities.class_name(all[row].class).to_owned(),
                    expected: expected * windows,
                    excess: excess * windows,
                });
            }
        }
    }

    pub(super) fn drop_open_windows(&mut self) {
        self.windows.iter_mut().for_each(Window::clear);
    }

    pub(super) fn entities(&self) -> &Entities {
        &self.entities
    }

    /// Whether the entity is known.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.entities.knows(key)
    }

    /// So many appeared in a pane that are watched as part of a pooled entity.
    pub(super) fn note_pooled(&mut self, appeared: usize) {
        self.entities.note_pooled(appeared);
    }

    pub(super) fn counts(&self) -> EntityCounts {
        self.entities.counts()
    }
}

/// What of an entity is less likely than this keeps it from being forgotten.
const VERY_UNLIKELY_P: f64 = 1e-4;

fn judge(baselines: &mut Baselines, spec: &Series, mut collector: Collector<'_, '_>) -> Judgement {
    let (entities, window) = (collector.entities, collector.window);
    let all = entities.all();
    let classes = entities.classes();
    let AlertWindow { start, end } = collector.judgement.window;
    let per = spec.per.unwrap_or(spec.of);
    match baselines {
        Baselines::Rate(rate) => {
            let observed = of_everybody(entities, window, spec.of);
            rate.judge(all, classes, &observed, start, |row, forecast, tail| {
                if let Some(tail) = tail {
                    let judged = Judged::new(forecast.law.mean(), tail);
                    collector.add(row, observed[row] as f64, judged);
                }
                1.0
            });
        }
        Baselines::Cumulative(cumulative) => {
            let observed = of_everybody(entities, window, spec.of);
            cumulative.judge(all, classes, &observed, start, |row, judged| {
                collector.add(row, observed[row] as f64, judged);
            });
        }
        Baselines::Sum(sum) => {
            let observed = of_everybody(entities, window, spec.of);
            let summands = of_everybody(entities, window, per);
            let values = SumValues {
                sums: &observed,
                summands: &summands,
                sizes: window.sizes(),
            };
            sum.judge(all, classes, values, |row, judged| {
                collector.add(row, observed[row] as f64, judged);
            });
        }
        Baselines::Ratio(ratio) => {
            let appeared: Vec<(usize, u64, u64)> = in_key_order(entities, window)
                .map(|row| (row, window.value(row, spec.of), window.trials(row, per)))
                .collect();
            ratio.judge(all, classes, &appeared, |row, judged| {
                let trials = window.trials(row, per).max(1);
                let share = window.value(row, spec.of).min(trials) as f64 / trials as f64;
                collector.add(row, share, judged);
            });
        }
        Baselines::Mix(mix) => {
            let appeared: Vec<MixValues<'_>> = in_key_order(entities, window)
                .filter_map(|row| {
                    let mut hits: Vec<_> = window.tally(row, spec.of)?.values().collect();
                    let any = hits.iter().position(|(category, _)| *category == ANY);
                    let events = match any {
                        Some(any) => hits.swap_remove(any).1,
                        None => hits.iter().map(|(_, count)| count).sum(),
                    };
                    let trials = spec.per.map_or(events, |per| window.value(row, per));
                    if matches!(spec.per, Some(Slot::Sketch(_))) {
                        // Of different things, each of which may have had several events.
                        let each = trials as f64 / events.max(1) as f64;
                        hits.iter_mut()
                            .for_each(|(_, count)| *count = (*count as f64 * each).round() as u64);
                    }
                    Some(MixValues { row, trials, hits })
                })
                .collect();
            mix.judge(all, classes, &appeared, |row, observed, judged, part| {
                collector.add_of(row, observed, judged, part);
            });
        }
        Baselines::Location(location) => {
            let appeared: Vec<LocationValues<'_>> = in_key_order(entities, window)
                .filter_map(|row| match window.sketch(row, spec.of) {
                    Some(Sketch::Histogram(histogram)) => Some(LocationValues {
                        row,
                        histogram,
                        things: match spec.per {
                            Some(per) => window.value(row, per),
                            None => histogram.counts().iter().sum(),
                        },
                    }),
                    _ => None,
                })
                .collect();
            location.judge(all, classes, &appeared, |row, observed, judged| {
                collector.add(row, observed, judged);
            });
        }
        Baselines::Regular(regular) => {
            let appeared = in_key_order(entities, window).filter_map(|row| {
                match window.sketch(row, spec.of) {
                    Some(Sketch::Arrivals(arrivals)) => Some((row, arrivals)),
                    _ => None,
                }
            });
            regular.judge(all, classes, appeared, |row, judged| {
                collector.add(row, window.value(row, spec.of) as f64, judged);
            });
        }
        Baselines::FirstSeen(edges) => {
            let appeared: Vec<(usize, u64)> = in_key_order(entities, window)
                .map(|row| (row, window.value(row, spec.of)))
                .collect();
            edges.judge(all, classes, &appeared, end, |row, judged| {
                collector.add(row, window.value(row, spec.of) as f64, judged);
            });
        }
        Baselines::Rare(rare) => {
            let appeared: Vec<usize> = in_key_order(entities, window).collect();
            rare.judge(all, &appeared, |row, judged| {
                collector.add(row, window.value(row, spec.of) as f64, judged);
            });
        }
        Baselines::Rule(rule, at_least) => {
            let met: Vec<(usize, u64)> = in_key_order(entities, window)
                .map(|row| (row, window.value(row, spec.of)))
                .filter(|(_, value)| *value >= *at_least)
                .collect();
            let tail = rule.judge(met.len());
            // Whoever meets it is told of, however often that happens.
            collector.p_max = PValue::ONE;
            for (row, value) in met {
                collector.add(row, value as f64, Judged::new(0.0, tail));
            }
            // The rule is one test of the whole window, whoever meets it.
            collector.judgement.tests = vec![1];
            collector.judgement.below = CALIBRATION_LEVELS.map(|level| tail.chance_below(level));
        }
    }
    collector.finish()
}

/// The value of a measure for every entity: 0 for those that did not appear.
fn of_everybody(entities: &Entities, window: &Window, slot: Slot) -> Vec<u64> {
    let mut values = vec![0; entities.len()];
    for row in window.touched() {
        values[*row as usize] = window.value(*row as usize, slot);
    }
    values
}

/// The entities that appeared, in an order that does not depend on who came first: these
/// baselines add up floats as they go.
fn in_key_order(entities: &Entities, window: &Window) -> impl Iterator<Item = usize> {
    let mut rows: Vec<u32> = window.touched().to_vec();
    rows.sort_unstable_by(|one, other| {
        entities.all()[*one as usize]
            .key
            .cmp(&entities.all()[*other as usize].key)
    });
    rows.into_iter().map(|row| row as usize)
}
