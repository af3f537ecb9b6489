//! Mixes: does a category have a larger share of an entity's events than usual?
//!
//! Every category that occurs is a share of its own, beta-binomial around the entity's past share
//! shrunk to its class's; the smallest of these p-values, times their number (Bonferroni), is the
//! mix's. An event can fall into several categories (data classes returned) or one (a chapter of
//! the tariff); the bound holds either way. The category that decided is told.
//!
//! The common mode is taken per category: a new version of a client, or a reform of the tariff,
//! moves everybody's mix.
//!
//! What it cannot see: a category that shrinks, other than by what grows in its place.

mod describe;

use super::evidence::{Evidence, Learning};
use super::rate::trust;
use super::scatter::{Remembered, Scatter};
use super::{Judged, keep_rows};
use crate::score::class::CommonModeSketch;
use crate::score::entities::Entity;
use crate::statistics::{BetaBinomial, PValue, Tail};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Categories of a class that are told apart; further ones are one.
const CATEGORIES_MAX: usize = 40;
/// Variance between windows, before anything was seen.
const WITHIN_INITIAL: f64 = 0.05;
/// No window says more than that its trials are alike to this degree.
const CORRELATION_MAX: f64 = 0.5;
/// Correlation between the entities of a class, before anything was seen.
const BETWEEN_INITIAL: f64 = 0.05;
const BETWEEN_MAX: f64 = 0.6;
/// Trials of its own that an entity must have shown before it says how far windows and entities
/// scatter: until then its windows depart from its class's mix, not from its own.
const SEEN_MIN: f64 = 50.0;
/// A category that is by less than this more frequent for everybody is not: a median moves a
/// little by itself, and upwards half of the time.
const COMMON_MIN: f64 = 1.1;
/// Trials of a class before its mix says anything.
const CLASS_TRIALS_MIN: f64 = 200.0;
/// No share is closer to none or to all.
const SHARE_MIN: f64 = 1e-4;
const SETTLED_MIN: f64 = 0.4;

/// One entity's window: how many trials, and how often each category occurred.
#[derive(Clone, Debug)]
pub(in crate::score) struct MixValues<'v> {
    pub(in crate::score) row: usize,
    pub(in crate::score) trials: u64,
    pub(in crate::score) hits: Vec<(&'v str, u64)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct MixClass {
    names: Vec<CompactString>,
    /// Discounted hits per category, and trials.
    hits: Vec<f64>,
    trials: f64,
    /// Of windows around their entity.
    scatter: Scatter,
    /// Correlation between the entities of the class.
    between: Remembered,
}

impl Default for MixClass {
    fn default() -> Self {
        MixClass {
            names: Vec::new(),
            hits: Vec::new(),
            trials: 0.0,
            scatter: Scatter::new(WITHIN_INITIAL),
            between: Remembered::default(),
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct MixBaseline {
    trials: Evidence<1>,
    /// Per category of the class, as far as any occurred.
    hits: Vec<Evidence<1>>,
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct MixSeries {
    trials_min: u64,
    learning: Learning,
    baselines: Vec<MixBaseline>,
    classes: Vec<MixClass>,
}

impl MixSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<MixBaseline>();

    pub(in crate::score) fn new(trials_min: u64, learning: Learning) -> MixSeries {
        MixSeries {
            trials_min,
            learning,
            baselines: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Judges the entities that appeared, in order of their keys; tells `each` of every entity
    /// that could be judged its largest category's observed share, what was expected of it, and
    /// its name; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        appeared: &[MixValues<'_>],
        mut each: impl FnMut(usize, f64, Judged, &str),
    ) {
        self.baselines
            .resize_with(entities.len(), MixBaseline::default);
        self.classes.resize_with(classes, MixClass::default);
        self.name_categories(entities, appeared);
        let common = self.common_modes(entities, appeared);
        let full = self.learning.windows_per_week * 20.0;
        let mut now = self.classes.clone();
        for values in appeared.iter().filter(|values| values.trials > 0) {
            let number = usize::from(entities[values.row].class);
            let class = &self.classes[number];
            let baseline = &mut self.baselines[values.row];
            let counts = class.counts(values);
            let shares = class.shares_of(baseline, full, &common[number]);
            let n = values.trials as f64;
            let scatter = class.scatter.of(n);
            let mut weight = 1.0;
            if class.trials >= CLASS_TRIALS_MIN {
                let [seen] = baseline.trials.effective(full);
                let doubt = 1.0 / (seen + class.lent() + 1.0);
                // The correlation of trials at which n of them scatter so.
                let beyond = scatter + doubt - 1.0 / n;
                let correlation = beyond / (1.0 - 1.0 / n).max(0.5);
                let concentration = 1.0 / correlation.clamp(1e-6, CORRELATION_MAX) - 1.0;
                if values.trials >= self.trials_min {
                    let occurring = counts.iter().filter(|count| **count > 0).count() as f64;
                    let strongest = (0..counts.len())
                        .filter(|category| counts[*category] > 0)
                        .map(|category| {
                            let law = BetaBinomial::new(shares[category], concentration);
                            (law.upper(counts[category] as f64, n).p(), category)
                        })
                        .min();
                    if let Some((p, category)) = strongest {
                        let p = PValue::from_ln(p.ln() + occurring.ln());
                        let judged = Judged::new(shares[category], Tail::new(p, 0.0));
                        let observed = counts[category] as f64 / n;
                        each(values.row, observed, judged, &class.names[category]);
                        if baseline.trials.settled_share(full) >= SETTLED_MIN {
                            weight = trust(p);
                        }
                    }
                }
                if seen >= SEEN_MIN {
                    now[number].learn_scatter(&counts, &shares, n, doubt);
                    let own = baseline.shares(counts.len(), full);
                    now[number].learn_between(&own, seen);
                }
            }
            // A window's trials are alike: they say no more than so many independent ones.
            let independent = weight / scatter;
            baseline.trials.learn(&self.learning, [independent]);
            baseline.hits.resize_with(counts.len(), Evidence::default);
            now[number].trials += independent;
            for (category, count) in counts.iter().enumerate() {
                let hits = *count as f64 / n * independent;
                baseline.hits[category].learn(&self.learning, [hits]);
                now[number].hits[category] += hits;
            }
        }
        let keep = f64::from(self.learning.keep);
        for class in &mut now {
            class.trials *= keep;
            class.hits.iter_mut().for_each(|hits| *hits *= keep);
        }
        self.classes = now;
    }

    /// Categories get their numbers in the order of their names, window by window.
    fn name_categories(&mut self, entities: &[Entity], appeared: &[MixValues<'_>]) {
        let mut new: Vec<(usize, &str)> = appeared
            .iter()
            .flat_map(|values| {
                let class = usize::from(entities[values.row].class);
                values.hits.iter().map(move |(name, _)| (class, *name))
            })
            .filter(|(class, name)| !self.classes[*class].names.iter().any(|known| known == name))
            .collect();
        new.sort_unstable();
        new.dedup();
        for (class, name) in new {
            let class = &mut self.classes[class];
            if class.names.len() < CATEGORIES_MAX {
                class.names.push(CompactString::new(name));
                class.hits.push(0.0);
            }
        }
    }

    /// Per class and category, by what factor its share is larger for everybody in this window.
    fn common_modes(&self, entities: &[Entity], appeared: &[MixValues<'_>]) -> Vec<Vec<f64>> {
        let sketch = CommonModeSketch::new(0.0);
        let mut sketches: Vec<Vec<CommonModeSketch>> = self
            .classes
            .iter()
            .map(|class| vec![sketch.clone(); class.names.len()])
            .collect();
        let full = self.learning.windows_per_week * 20.0;
        for values in appeared.iter().filter(|values| values.trials > 0) {
            let entity = &entities[values.row];
            let number = usize::from(entity.class);
            let class = &self.classes[number];
            let ones = vec![1.0; class.names.len()];
            let shares = class.shares_of(&self.baselines[values.row], full, &ones);
            let (_, within) = class.scatter.fit();
            for (category, count) in class.counts(values).into_iter().enumerate() {
                let share = shares[category];
                let scatter = within * (1.0 - share) / share;
                let expected = values.trials as f64 * share;
                sketches[number][category].add(count, expected, scatter, entity.pool);
            }
        }
        sketches
            .into_iter()
            .map(|class| {
                class
                    .into_iter()
                    .map(|sketch| sketch.read().ratio)
                    .map(|ratio| if ratio >= COMMON_MIN { ratio } else { 1.0 })
                    .collect()
            })
            .collect()
    }

    pub(in crate::score) fn next_day(&mut self) {
        for baseline in &mut self.baselines {
            baseline.trials.next_day();
            baseline.hits.iter_mut().for_each(Evidence::next_day);
        }
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.baselines, marks);
    }

    /// Bytes of what entities have per category, by how many there are.
    pub(in crate::score) fn categories_held_bytes(&self) -> usize {
        let categories: usize = self
            .baselines
            .iter()
            .map(|baseline| baseline.hits.len())
            .sum();
        categories * size_of::<Evidence<1>>()
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        let categories: usize = self
            .baselines
            .iter()
            .map(|baseline| baseline.hits.capacity())
            .sum();
        self.baselines.capacity() * size_of::<MixBaseline>() + categories * size_of::<Evidence<1>>()
    }
}

impl MixClass {
    /// Counts per category; what has no place of its own falls into the last.
    fn counts(&self, values: &MixValues<'_>) -> Vec<u64> {
        let mut counts = vec![0; self.names.len()];
        let Some(last) = counts.len().checked_sub(1) else {
            return counts;
        };
        for (name, count) in &values.hits {
            let category = self.names.iter().position(|known| known == name);
            counts[category.unwrap_or(last)] += (*count).min(values.trials);
        }
        counts
            .iter_mut()
            .for_each(|count| *count = (*count).min(values.trials));
        counts
    }

    /// What is expected of an entity, category by category.
    fn shares_of(&self, baseline: &MixBaseline, full: f64, common: &[f64]) -> Vec<f64> {
        let [seen] = baseline.trials.effective(full);
        let none = Evidence::default();
        let lent = self.lent();
        (0..self.names.len())
            .map(|category| {
                let of_class = (self.hits[category] + 0.5) / (self.trials + 1.0);
                let [hits] = baseline.hits.get(category).unwrap_or(&none).effective(full);
                let share = (lent * of_class + hits) / (lent + seen);
                // What nearly everything is cannot become so many times as much.
                let more = share * (1.0 - share) * (common[category] - 1.0);
                (share + more).clamp(SHARE_MIN, 1.0 - SHARE_MIN)
            })
            .collect()
    }

    /// Trials that the class's mix stands for with an entity.
    fn lent(&self) -> f64 {
        let correlation = self.between.mean(BETWEEN_INITIAL);
        1.0 / correlation.clamp(BETWEEN_INITIAL, BETWEEN_MAX) - 1.0
    }

    /// One window of n trials had these counts where these shares were expected, which are in
    /// `doubt` themselves.
    fn learn_scatter(&mut self, counts: &[u64], shares: &[f64], n: f64, doubt: f64) {
        if n < 10.0 {
            return;
        }
        let seen = counts.iter().map(|count| *count as f64 / n);
        if let Some(mean) = mean_square(seen, shares) {
            self.scatter.learn(n, mean, doubt);
        }
    }

    /// An entity's own mix, from so many trials, beside its class's.
    fn learn_between(&mut self, own: &[f64], seen: f64) {
        let of_class: Vec<f64> = self
            .hits
            .iter()
            .map(|hits| (hits + 0.5) / (self.trials + 1.0))
            .collect();
        if let Some(mean) = mean_square(own.iter().copied(), &of_class) {
            self.between.learn((mean - 1.0 / seen).max(0.0));
        }
    }
}

impl MixBaseline {
    /// The entity's own shares, category by category.
    fn shares(&self, categories: usize, full: f64) -> Vec<f64> {
        let [seen] = self.trials.effective(full);
        let none = Evidence::default();
        (0..categories)
            .map(|category| {
                let [hits] = self.hits.get(category).unwrap_or(&none).effective(full);
                hits / seen.max(1.0)
            })
            .collect()
    }
}

/// How far shares are from what is expected, squared, over the variance of a single trial; over all
/// categories.
fn mean_square(seen: impl Iterator<Item = f64>, expected: &[f64]) -> Option<f64> {
    let (mut square, mut of_one) = (0.0, 0.0);
    for (seen, expected) in seen.zip(expected) {
        square += (seen - expected).powi(2);
        of_one += expected * (1.0 - expected);
    }
    (of_one > 0.0).then(|| square / of_one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EntityKey, EventTime, Span};
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const ENTITIES: usize = 60;
    const TRIALS: u64 = 60;

    /// Entities that each deal in two categories of six: a class that says little of its members.
    fn draw(rng: &mut Pcg64, row: usize, moved: f64) -> Vec<(&'static str, u64)> {
        let mut counts = [0_u64; NAMES.len()];
        for _ in 0..TRIALS {
            let first = row % NAMES.len();
            let category = if rng.random_bool(moved) {
                (first + 3) % NAMES.len()
            } else if rng.random_bool(0.7) {
                first
            } else {
                (first + 1) % NAMES.len()
            };
            counts[category] += 1;
        }
        let named = NAMES.into_iter().zip(counts);
        named.filter(|(_, count)| *count > 0).collect()
    }

    /// p-values of days, the last of which has one entity moved.
    fn days(days: usize, moved: f64) -> Vec<Vec<f64>> {
        let mut rng = Pcg64::seed_from_u64(8);
        let entities: Vec<Entity> = (0..ENTITIES)
            .map(|n| Entity {
                key: EntityKey::new(format!("entity-{n:02}")),
                class: 0,
                classed: EventTime(0),
                pool: (n % 32) as u8,
                first_seen: EventTime(0),
                last_seen: EventTime(0),
                unlikely: EventTime::MIN,
                is_pooled: false,
            })
            .collect();
        let learning = Learning::new(Span::DAY, Span::days(14));
        let mut series = MixSeries::new(10, learning);
        let mut all = Vec::new();
        for day in 0..days {
            series.next_day();
            let values: Vec<MixValues<'_>> = (0..ENTITIES)
                .map(|row| MixValues {
                    row,
                    trials: TRIALS,
                    hits: draw(
                        &mut rng,
                        row,
                        if day + 1 == days && row == 7 {
                            moved
                        } else {
                            0.0
                        },
                    ),
                })
                .collect();
            let mut ps = vec![1.0; ENTITIES];
            series.judge(&entities, 1, &values, |row, _, judged, _| {
                ps[row] = judged.tail.p().get();
            });
            all.push(ps);
        }
        all
    }

    #[test]
    fn entities_that_differ_from_their_class_are_judged_by_themselves() {
        let usual = days(40, 0.0);
        // From the first day on, when they are judged by a class that says little of them.
        let all = usual.iter().flatten().count() as f64;
        for level in [1e-2, 1e-3] {
            let below = usual.iter().flatten().filter(|p| **p <= level).count() as f64;
            assert!(
                below <= 1.5 * level * all + 3.0,
                "{below} of {all} at {level}"
            );
        }
        let moved = days(40, 0.2);
        let p = moved.last().unwrap()[7];
        assert!(p < 1e-5, "{p:e}");
    }
}
