//! Sums: how many summands there are, and how large they are.
//!
//! A few exports of thousands of records among pages of twenty make a sum whose tail no count
//! distribution has. The predictive is a compound one: the number of summands is negative
//! binomial, their sizes come from the histogram of the entity's class. Its tail has no closed
//! form and is bounded from above instead, for a cut c by
//!
//! ```text
//! P(S ≥ x) ≤ P(a summand larger than c) + P(the others add up to x)
//! ```
//!
//! The first term is that of a thinned negative binomial. In the second, summands of at most c
//! and mean μ are smaller in convex order than c times a Bernoulli(μ / c), so their sum is
//! replaced by c times a thinned negative binomial of the same mean. The cut that gives the
//! smallest bound is taken. The p-value is therefore conservative: a test that doubts, not one
//! that is calibrated. Where one summand decides (the principle of a single big jump, Foss,
//! Korshunov and Zachary 2013) the bound is tight.

use super::evidence::{Evidence, Learning};
use super::rate::trust;
use super::{Judged, RateSeries, keep_rows};
use crate::detection::Direction;
use crate::domain::{EventTime, Span};
use crate::measure::{SIZE_BUCKETS, Sizes};
use crate::score::entities::Entity;
use crate::statistics::{FixedSum, NegativeBinomial, PValue, Tail};

/// Summands that the mean size of the class stands for.
const LENT_SUMMANDS: f64 = 20.0;
/// Summands of a class before its sizes say anything.
const SUMMANDS_MIN: f64 = 200.0;
/// Beyond the largest size of a class the chance of a larger one falls with this power: sizes
/// have a variance. A lognormal's falls faster.
const TAIL_INDEX: f64 = 2.0;
/// Discounted summands that a bucket must hold to count as seen.
const SEEN_MIN: f64 = 0.5;
/// Cuts that are tried: the sum, its half, and so on.
const CUTS: i32 = 12;

/// One window's values.
#[derive(Clone, Copy)]
pub(in crate::score) struct SumValues<'v> {
    /// Per entity, the sum.
    pub(in crate::score) sums: &'v [u64],
    /// Per entity, the number of its summands.
    pub(in crate::score) summands: &'v [u64],
    /// Per class, the sizes of all summands; classes beyond its end had none.
    pub(in crate::score) sizes: &'v [Sizes],
}

/// What a class knows of the sizes of summands.
#[derive(Clone, Debug)]
struct SizeClass {
    /// Discounted number of summands larger than every bucket, after [`SizeClass::learn`].
    above: [f64; SIZE_BUCKETS],
    summands: f64,
    /// Mean size.
    mean: f64,
}

/// All entities of one series.
#[derive(Debug)]
pub(in crate::score) struct SumSeries {
    counts: RateSeries,
    learning: Learning,
    /// Sum and summands per entity.
    means: Vec<Evidence>,
    classes: Vec<SizeClass>,
}

impl SumSeries {
    pub(in crate::score) fn new(window: Span, learning: Learning) -> SumSeries {
        SumSeries {
            counts: RateSeries::new(Direction::Up, window, learning),
            learning,
            means: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Judges the window that started at `start`; tells `each` of every entity that could be
    /// judged; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        values: SumValues<'_>,
        start: EventTime,
        mut each: impl FnMut(usize, Judged),
    ) {
        self.means.resize_with(entities.len(), Evidence::default);
        self.classes.resize_with(classes, SizeClass::default);
        let full = self.learning.windows_per_week;
        self.learn_means(entities, values, full);
        let (classes, means, learning) = (&self.classes, &mut self.means, &self.learning);
        self.counts.judge(
            entities,
            classes.len(),
            values.summands,
            start,
            |row, count, _| {
                let class = &classes[usize::from(entities[row].class)];
                let (sum, summands) = (values.sums[row] as f64, values.summands[row] as f64);
                let mut weight = 1.0;
                if class.summands >= SUMMANDS_MIN {
                    let (amount, exposure) = means[row].effective(full);
                    let mean = (amount + LENT_SUMMANDS * class.mean) / (exposure + LENT_SUMMANDS);
                    let tail = class.tail(count, mean, sum);
                    let expected = mean * count.mean();
                    each(row, Judged { expected, tail });
                    weight = trust(tail.p());
                }
                means[row].learn(learning, weight * sum, weight * summands);
            },
        );
        for (number, class) in self.classes.iter_mut().enumerate() {
            class.learn(values.sizes.get(number), f64::from(self.learning.keep));
        }
    }

    /// The mean size in every class, over what its entities have shown; before that, over what
    /// they show now.
    fn learn_means(&mut self, entities: &[Entity], values: SumValues<'_>, full: f64) {
        let mut totals = vec![[FixedSum::default(); 2]; self.classes.len()];
        for (row, (evidence, entity)) in self.means.iter().zip(entities).enumerate() {
            let (amount, exposure) = if evidence.is_empty() {
                (values.sums[row] as f64, values.summands[row] as f64)
            } else {
                evidence.effective(full)
            };
            let class = &mut totals[usize::from(entity.class)];
            class[0].add(amount);
            class[1].add(exposure);
        }
        for (class, [amount, exposure]) in self.classes.iter_mut().zip(totals) {
            if exposure.get() > 0.0 {
                class.mean = amount.get() / exposure.get();
            }
        }
    }

    pub(in crate::score) fn next_day(&mut self) {
        self.counts.next_day();
        self.means.iter_mut().for_each(Evidence::next_day);
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        self.counts.keep(marks);
        keep_rows(&mut self.means, marks);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.counts.bytes()
            + self.means.capacity() * size_of::<Evidence>()
            + self.classes.capacity() * size_of::<SizeClass>()
    }
}

impl Default for SizeClass {
    fn default() -> Self {
        SizeClass {
            above: [0.0; SIZE_BUCKETS],
            summands: 0.0,
            mean: 1.0,
        }
    }
}

impl SizeClass {
    /// P(S ≥ sum), bounded from above, where the number of summands is distributed as `count`
    /// and their mean is `mean`.
    fn tail(&self, count: &NegativeBinomial, mean: f64, sum: f64) -> Tail {
        if sum <= 0.0 {
            return Tail::new(PValue::ONE, count.lower(0.0).p().get());
        }
        // An entity whose summands are larger than its class's has more of the large ones.
        let larger = (mean / self.mean.max(1e-9)).max(1.0);
        let bound = |halvings: i32| {
            let cut = sum / 2_f64.powi(halvings);
            let share = (larger * self.share_above(cut)).min(1.0);
            let jump = count.thinned(share).upper(1.0).p().get();
            let rest = count.thinned((mean / cut).min(1.0)).upper(sum / cut).p();
            jump + rest.get()
        };
        let smallest = (0..CUTS).map(bound).fold(1.0, f64::min);
        Tail::new(PValue::new(smallest), 0.0)
    }

    /// The chance that a summand is larger than `size`.
    fn share_above(&self, size: f64) -> f64 {
        let share = |above: f64| (above + 0.5) / (self.summands + 1.0);
        let largest = self.above.iter().rposition(|above| *above >= SEEN_MIN);
        let top = Sizes::bound(largest.unwrap_or(0));
        if size <= top {
            return share(self.above[Sizes::bucket(size as u64)]);
        }
        share(0.0) * (top / size).powf(TAIL_INDEX)
    }

    fn learn(&mut self, sizes: Option<&Sizes>, keep: f64) {
        self.summands *= keep;
        self.above.iter_mut().for_each(|above| *above *= keep);
        let Some(sizes) = sizes else { return };
        let mut above = 0;
        for (bucket, count) in sizes.counts().iter().enumerate().rev() {
            // A bucket holds sizes on both sides of a cut that falls into it: all count.
            above += count;
            self.above[bucket] += above as f64;
        }
        self.summands += above as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Sizes as of a client that pages and sometimes exports.
    fn size(rng: &mut Pcg64) -> u64 {
        if rng.random::<f64>() < 0.01 {
            400 + rng.random_range(0..800)
        } else {
            10 + rng.random_range(0..30)
        }
    }

    fn class(rng: &mut Pcg64) -> SizeClass {
        let mut sizes = Sizes::default();
        let mut total = 0;
        for _ in 0..200_000 {
            let one = size(rng);
            total += one;
            sizes.add(one);
        }
        let mut class = SizeClass::default();
        class.learn(Some(&sizes), 1.0);
        class.mean = total as f64 / 200_000.0;
        class
    }

    #[test]
    fn the_bound_holds_at_every_level() {
        let mut rng = Pcg64::seed_from_u64(7);
        let class = class(&mut rng);
        // Without dispersion the number of summands is Poisson; drawn by thinning.
        let count = NegativeBinomial::new(30.0, 1e-9);
        let n = 100_000;
        let mut p: Vec<f64> = (0..n)
            .map(|_| {
                let summands = (0..3_000).filter(|_| rng.random::<f64>() < 0.01).count();
                let sum: u64 = (0..summands).map(|_| size(&mut rng)).sum();
                class.tail(&count, class.mean, sum as f64).p().get()
            })
            .collect();
        p.sort_by(f64::total_cmp);
        for level in [1e-1, 1e-2, 1e-3] {
            let below = p.partition_point(|p| *p <= level) as f64 / f64::from(n);
            assert!(below <= level, "{level}: {below}");
        }
    }

    #[test]
    fn a_jump_that_nobody_of_the_class_made_is_unlikely() {
        let mut rng = Pcg64::seed_from_u64(8);
        let class = class(&mut rng);
        let count = NegativeBinomial::new(30.0, 0.2);
        let p = |sum| class.tail(&count, class.mean, sum).p().get();
        assert!(p(900.0) > 1e-2);
        assert!(p(20_000.0) < 1e-3 && p(200_000.0) <= p(20_000.0));
        assert_eq!(p(0.0), 1.0);
    }
}
