//! Locations: are all of an entity's values smaller, or larger, than they used to be?
//!
//! Values as prices are differ by orders of magnitude, from parcel to parcel and from seller to
//! seller; their mean says what the dearest do. So a value is first turned into its *ridit*: the
//! share of its class's values that are smaller, half of those that are as large included (Bross,
//! "How to use ridit analysis", Biometrics 1958; the statistic of Wilcoxon's test of location).
//! The mean ridit of a window is held against the entity's own of the past, shrunk to its class's.
//! It scatters by how the entity's values do, by how well its past is known, and by how much more
//! windows scatter than that, which the class has learnt; the tail is Student's t.
//!
//! What moves everybody, a sale or a reform, is taken out: the median shift of the class.
//!
//! What is observed and expected is told as the value that has this ridit.

mod describe;

use super::evidence::{Evidence, Learning};
use super::rate::trust;
use super::scatter::{Remembered, Scatter};
use super::{Judged, keep_rows};
use crate::detection::Direction;
use crate::measure::{SIZE_BUCKETS, Sizes};
use crate::score::entities::Entity;
use crate::statistics::{PValue, Tail, ln_student_upper};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// Values of a class before it says what is small.
const CLASS_VALUES_MIN: f64 = 200.0;
/// Variance of ridits within an entity before anything was seen: that of a uniform distribution.
const SPREAD_INITIAL: f64 = 1.0 / 12.0;
/// The same between the means of entities.
const BETWEEN_INITIAL: f64 = 0.1 / 12.0;
/// Variance between the windows of an entity, over that of one of its values, before anything was
/// seen.
const WITHIN_INITIAL: f64 = 0.02;
/// Nothing scatters less.
const VARIANCE_MIN: f64 = 1e-5;
/// Values that the spread of the class stands for with an entity.
const LENT_VALUES: f64 = 30.0;
/// More degrees of freedom are not believed.
const FREEDOM_MAX: f64 = 60.0;
/// Values of its own before an entity says how far windows and entities scatter.
const OWN_MIN: f64 = 50.0;
/// So many entities at no shift are imagined beside those of a window.
const UNMOVED: f64 = 6.0;
const SETTLED_MIN: f64 = 0.4;

/// One entity's window: the histogram of its values, in hundredths, and of how many things they
/// are; a parcel tells its value at every scan.
#[derive(Clone, Copy, Debug)]
pub(in crate::score) struct LocationValues<'v> {
    pub(in crate::score) row: usize,
    pub(in crate::score) histogram: &'v Sizes,
    pub(in crate::score) things: u64,
}

impl LocationValues<'_> {
    /// Adds the values to others, as if they were so many.
    fn add_to(&self, values: &mut [f64; SIZE_BUCKETS], weight: f64) {
        let counts = self.histogram.counts();
        let events: u64 = counts.iter().sum();
        for (sum, count) in values.iter_mut().zip(counts) {
            *sum += *count as f64 * weight / events.max(1) as f64;
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LocationClass {
    /// Discounted values per bucket.
    #[serde(with = "BigArray")]
    values: [f64; SIZE_BUCKETS],
    spread: Remembered,
    /// Of windows around their entity.
    scatter: Scatter,
    between: Remembered,
}

impl Default for LocationClass {
    fn default() -> Self {
        LocationClass {
            values: [0.0; SIZE_BUCKETS],
            spread: Remembered::default(),
            scatter: Scatter::new(WITHIN_INITIAL),
            between: Remembered::default(),
        }
    }
}

/// What a class's values say of how large a value is.
#[derive(Clone, Copy, Debug)]
struct Scale {
    ridits: [f64; SIZE_BUCKETS],
}

impl Scale {
    fn of(values: &[f64; SIZE_BUCKETS]) -> Option<Scale> {
        let total: f64 = values.iter().sum();
        let mut below = 0.0;
        (total >= CLASS_VALUES_MIN).then(|| Scale {
            ridits: values.map(|count| {
                let ridit = (below + 0.5 * count) / total;
                below += count;
                ridit
            }),
        })
    }

    /// Mean ridit and mean square of a histogram's values.
    fn moments(&self, histogram: &Sizes) -> Option<(f64, f64)> {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (values, ridit) in histogram.counts().iter().zip(self.ridits) {
            let values = *values as f64;
            count += values;
            sum += values * ridit;
            squares += values * ridit * ridit;
        }
        (count > 0.0).then(|| (sum / count, squares / count))
    }

    /// The value of a ridit, in the unit of the quantity.
    fn value(&self, ridit: f64) -> f64 {
        let after = self.ridits.partition_point(|known| *known < ridit);
        let Some(before) = after.checked_sub(1) else {
            return middle(0.0);
        };
        let Some(next) = self.ridits.get(after) else {
            return middle(before as f64);
        };
        let known = self.ridits[before];
        let share = (ridit - known) / (next - known).max(1e-12);
        middle(before as f64 + share)
    }
}

/// The middle of a bucket, in units of the quantity.
fn middle(bucket: f64) -> f64 {
    2_f64.powf(bucket / 2.0 + 0.25) / 100.0
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct LocationSeries {
    direction: Direction,
    trials_min: u64,
    learning: Learning,
    /// Ridits, their squares, and values.
    baselines: Vec<Evidence<3>>,
    classes: Vec<LocationClass>,
}

/// One entity's window beside what is expected of it.
#[derive(Clone, Copy, Debug)]
struct Sample<'v> {
    values: LocationValues<'v>,
    class: usize,
    things: f64,
    mean: f64,
    squares: f64,
    expected: f64,
    /// Variance of the entity's values, and of the mean expected.
    spread: f64,
    doubt: f64,
    /// Values of its own.
    own: f64,
}

impl LocationSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<Evidence<3>>();

    pub(in crate::score) fn new(
        direction: Direction,
        trials_min: u64,
        learning: Learning,
    ) -> LocationSeries {
        LocationSeries {
            direction,
            trials_min,
            learning,
            baselines: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Judges the entities that appeared, in order of their keys; tells `each` of every entity
    /// that could be judged its typical value and what was expected; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        appeared: &[LocationValues<'_>],
        mut each: impl FnMut(usize, f64, Judged),
    ) {
        self.baselines
            .resize_with(entities.len(), Evidence::default);
        self.classes.resize_with(classes, LocationClass::default);
        let scales = self.scales(entities, appeared);
        let full = self.learning.windows_per_week * LENT_VALUES;
        let samples: Vec<Sample<'_>> = appeared
            .iter()
            .filter_map(|values| self.sample(entities, values, &scales, full))
            .collect();
        let shifts = self.shifts(&samples);
        let mut now = self.classes.clone();
        let keep = f64::from(self.learning.keep);
        for class in &mut now {
            class.values = class.values.map(|count| count * keep);
        }
        for sample in &samples {
            let class = &self.classes[sample.class];
            let (n, spread) = (sample.things, sample.spread);
            let scatter = class.scatter.of(n);
            let variance = spread * scatter + sample.doubt;
            let off = sample.mean - sample.expected - shifts[sample.class];
            let row = sample.values.row;
            let baseline = &mut self.baselines[row];
            let mut weight = 1.0;
            if n >= self.trials_min as f64
                && let Some(scale) = &scales[sample.class]
            {
                let freedom = (LENT_VALUES + sample.own).min(FREEDOM_MAX);
                let tail = tail_of(off / variance.sqrt(), freedom, self.direction);
                let expected = scale.value(sample.expected + shifts[sample.class]);
                let judged = Judged::new(expected, tail);
                each(row, scale.value(sample.mean), judged);
                if baseline.settled_share(full) >= SETTLED_MIN {
                    weight = trust(tail.p());
                }
            }
            let class = &mut now[sample.class];
            let within = sample.squares - sample.mean * sample.mean;
            if n >= 2.0 {
                class.spread.learn(within * n / (n - 1.0));
            }
            if sample.own >= OWN_MIN {
                let doubt = sample.doubt / spread;
                class.scatter.learn(n, off * off / spread, doubt);
            }
            // A window's values are alike: they say no more than so many independent ones.
            let independent = weight / scatter;
            baseline.learn(
                &self.learning,
                [
                    (sample.mean - shifts[sample.class]) * independent,
                    sample.squares * independent,
                    independent,
                ],
            );
            let [sum, _, own] = baseline.effective(full);
            if own >= OWN_MIN {
                let mean = sum / own;
                class.between.learn((mean - 0.5).powi(2) - spread / own);
            }
            sample.values.add_to(&mut class.values, independent);
        }
        // Before there is a scale nobody is judged, and all count.
        for values in appeared {
            let class = usize::from(entities[values.row].class);
            if scales[class].is_none() {
                values.add_to(&mut now[class].values, values.things as f64);
            }
        }
        self.classes = now;
    }

    /// The scale of each class; before anything is known, the class is what appears now.
    fn scales(&self, entities: &[Entity], appeared: &[LocationValues<'_>]) -> Vec<Option<Scale>> {
        let mut now = vec![[0.0; SIZE_BUCKETS]; self.classes.len()];
        for values in appeared {
            let class = usize::from(entities[values.row].class);
            values.add_to(&mut now[class], values.things as f64);
        }
        let classes = self.classes.iter().zip(&now);
        classes
            .map(|(class, now)| Scale::of(&class.values).or_else(|| Scale::of(now)))
            .collect()
    }

    fn sample<'v>(
        &self,
        entities: &[Entity],
        values: &LocationValues<'v>,
        scales: &[Option<Scale>],
        full: f64,
    ) -> Option<Sample<'v>> {
        let class_number = usize::from(entities[values.row].class);
        let (mean, squares) = scales[class_number]?.moments(values.histogram)?;
        let class = &self.classes[class_number];
        let [sum, sum_of_squares, own] = self.baselines[values.row].effective(full);
        let of_class = class.spread.mean(SPREAD_INITIAL).max(VARIANCE_MIN);
        let own_mean = if own > 0.0 { sum / own } else { 0.5 };
        let own_squares = (sum_of_squares - own * own_mean * own_mean).max(0.0);
        let spread = (LENT_VALUES * of_class + own_squares) / (LENT_VALUES + own);
        let between = class.between.mean(BETWEEN_INITIAL).max(VARIANCE_MIN);
        let lent = of_class / between;
        Some(Sample {
            values: *values,
            class: class_number,
            things: values.things.max(1) as f64,
            mean,
            squares,
            expected: (lent * 0.5 + sum) / (lent + own),
            spread: spread.max(VARIANCE_MIN),
            doubt: spread / (lent + own),
            own,
        })
    }

    /// By how much everybody's values are larger in this window, class by class.
    fn shifts(&self, samples: &[Sample<'_>]) -> Vec<f64> {
        let mut by_class: Vec<Vec<f64>> = vec![Vec::new(); self.classes.len()];
        for sample in samples {
            if sample.things >= self.trials_min as f64 {
                by_class[sample.class].push(sample.mean - sample.expected);
            }
        }
        by_class
            .into_iter()
            .map(|mut shifts| {
                shifts.sort_by(f64::total_cmp);
                let entities = shifts.len() as f64;
                let median = shifts.get(shifts.len() / 2).copied().unwrap_or(0.0);
                median * entities / (entities + UNMOVED)
            })
            .collect()
    }

    pub(in crate::score) fn next_day(&mut self) {
        self.baselines.iter_mut().for_each(Evidence::next_day);
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.baselines, marks);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.baselines.capacity() * size_of::<Evidence<3>>()
            + self.classes.capacity() * size_of::<LocationClass>()
    }
}

fn tail_of(t: f64, freedom: f64, direction: Direction) -> Tail {
    let above = |t: f64| Tail::new(PValue::from_ln(ln_student_upper(t, freedom)), 0.0);
    match direction {
        Direction::Up => above(t),
        Direction::Down => above(-t),
        Direction::Both => above(t.abs()).two_sided(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EntityKey, EventTime, Span};
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, LogNormal};
    use rand_pcg::Pcg64;

    const SELLERS: usize = 60;
    const DAYS: usize = 45;

    /// What the last day's values are multiplied by: everybody's, and one seller's.
    #[derive(Clone, Copy)]
    struct LastDay {
        all: f64,
        one: f64,
    }

    /// p-value, typical value and the one expected, per day and seller. A parcel tells its value up
    /// to five times, and sellers' prices differ.
    fn days(direction: Direction, last: LastDay) -> Vec<Vec<(f64, f64, f64)>> {
        let mut rng = Pcg64::seed_from_u64(12);
        let entities: Vec<Entity> = (0..SELLERS)
            .map(|n| Entity {
                key: EntityKey::new(format!("seller-{n:02}")),
                class: 0,
                classed: EventTime(0),
                pool: (n % 32) as u8,
                first_seen: EventTime(0),
                last_seen: EventTime(0),
                unlikely: EventTime::MIN,
                is_pooled: false,
            })
            .collect();
        let levels: Vec<f64> = (0..SELLERS)
            .map(|_| LogNormal::new(2.0, 0.5).unwrap().sample(&mut rng))
            .collect();
        let mut series =
            LocationSeries::new(direction, 10, Learning::new(Span::DAY, Span::days(14)));
        let mut told = Vec::new();
        for day in 0..DAYS {
            series.next_day();
            let is_last = day + 1 == DAYS;
            let windows: Vec<(Sizes, u64)> = (0..SELLERS)
                .map(|row| {
                    let parcels = 12 + (row as u64 * 7) % 60;
                    let mut histogram = Sizes::default();
                    for _ in 0..parcels {
                        let price = LogNormal::new(0.0, 0.7).unwrap().sample(&mut rng);
                        let mut value = 100.0 * levels[row] * price;
                        if is_last {
                            value *= last.all * if row == 7 { last.one } else { 1.0 };
                        }
                        for _ in 0..=rng.random_range(0..5) {
                            histogram.add(value.round() as u64);
                        }
                    }
                    (histogram, parcels)
                })
                .collect();
            let appeared: Vec<LocationValues<'_>> = windows
                .iter()
                .enumerate()
                .map(|(row, (histogram, things))| LocationValues {
                    row,
                    histogram,
                    things: *things,
                })
                .collect();
            let mut of_day = vec![(1.0, 0.0, 0.0); SELLERS];
            series.judge(&entities, 1, &appeared, |row, observed, judged| {
                of_day[row] = (judged.tail.p().get(), observed, judged.expected);
            });
            told.push(of_day);
        }
        told
    }

    const USUAL: LastDay = LastDay { all: 1.0, one: 1.0 };

    #[test]
    fn small_p_values_come_as_often_as_they_say() {
        for direction in [Direction::Down, Direction::Up, Direction::Both] {
            let told = days(direction, USUAL);
            let ps: Vec<f64> = told[1..].iter().flatten().map(|told| told.0).collect();
            for (level, within) in [(1e-1, 1.3), (1e-2, 1.7), (1e-3, 4.0)] {
                let below = ps.iter().filter(|p| **p <= level).count() as f64;
                let due = level * ps.len() as f64;
                assert!(below < within * due, "{level}: {below} of {due}");
                assert!(
                    level < 1e-1 || below * within > due,
                    "{level}: {below} of {due}"
                );
            }
        }
    }

    #[test]
    fn goods_at_half_their_value_are_found_and_a_sale_is_nobodys() {
        let last = LastDay { all: 0.7, one: 0.5 };
        let told = days(Direction::Down, last).pop().unwrap();
        let (p, typical, expected) = told[7];
        assert!(p < 1e-6, "{p:e}");
        assert!(
            (1.6..2.6).contains(&(expected / typical)),
            "{expected} {typical}"
        );
        let others = told.iter().enumerate().filter(|(row, _)| *row != 7);
        let least = others.map(|(_, told)| told.0).fold(1.0, f64::min);
        assert!(least > 1e-4, "{least:e}");
    }

    #[test]
    fn the_other_way_is_no_news() {
        let last = LastDay { all: 1.0, one: 4.0 };
        let told = days(Direction::Down, last).pop().unwrap();
        assert!(told[7].0 > 0.5);
        let told = days(Direction::Both, last).pop().unwrap();
        assert!(told[7].0 < 1e-6, "{:e}", told[7].0);
    }

    #[test]
    fn too_few_values_are_not_judged() {
        let entity = Entity {
            key: EntityKey::new("seller"),
            class: 0,
            classed: EventTime(0),
            pool: 0,
            first_seen: EventTime(0),
            last_seen: EventTime(0),
            unlikely: EventTime::MIN,
            is_pooled: false,
        };
        let mut series = LocationSeries::new(
            Direction::Down,
            10,
            Learning::new(Span::DAY, Span::days(14)),
        );
        let mut histogram = Sizes::default();
        (0..300).for_each(|value| histogram.add(value));
        for things in [9, 300, 9] {
            let values = LocationValues {
                row: 0,
                histogram: &histogram,
                things,
            };
            let mut judged = 0;
            let entities = std::slice::from_ref(&entity);
            series.judge(entities, 1, &[values], |_, _, _| judged += 1);
            assert_eq!(judged, usize::from(things == 300));
        }
    }
}
