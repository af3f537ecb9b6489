//! Sums: given how many summands there were, are they larger than usual?
//!
//! A few exports of thousands of records among pages of twenty make a sum whose tail no count
//! distribution has. How many summands there are is a question of its own (a count's); asked here
//! is P(S ≥ x) given their number n. The sizes come from the histogram of the entity's class, the
//! mean size is the entity's own, shrunk to its class's. That tail has no closed form and is
//! bounded from above instead, for a cut c by
//!
//! ```text
//! P(S ≥ x | n) ≤ P(one of n is larger than c) + P(the others add up to x)
//! ```
//!
//! In the second term, summands of at most c and mean μ are smaller in convex order than c times
//! a Bernoulli(μ / c), so their sum is replaced by c times a count of mean n μ / c; it is negative
//! binomial, because a window's sizes are alike: today somebody lists, yesterday they read. The
//! cut that gives the smallest bound is taken; and where n summands add up to x one of them is at
//! least x / n, which is all that can be said of a few.
//!
//! That knows of the sizes below c their mean alone. Where it makes a sum unlikely, the distribution
//! of a compound negative binomial with the sizes as they are is computed on a lattice
//! ([`compound_upper`]): one export beside a page is as unlikely as alone, and two are less likely
//! than one.
//!
//! Where the bound decides the p-value is conservative: a test that doubts, not one that is calibrated.
//! Where one summand decides (the principle of a single big jump, Foss, Korshunov and Zachary 2013) the
//! bound is tight.

mod describe;

use super::evidence::{Evidence, Learning};
use super::overdispersion::{ClassOverdispersion, Deviations, Variance};
use super::rate::trust;
use super::{Judged, keep_rows};
use crate::measure::{SIZE_BUCKETS, Sizes};
use crate::score::entities::Entity;
use crate::statistics::{FixedSum, NegativeBinomial, PValue, Tail, compound_upper};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// Summands that the mean size of the class stands for.
const LENT_SUMMANDS: f64 = 20.0;
/// Summands of a class before its sizes say anything.
const SUMMANDS_MIN: f64 = 200.0;
/// Beyond the largest size of a class the chance of a larger one falls with a power that lies
/// between these: sizes have a variance, and few are believed to be bounded.
const TAIL_INDEX_MIN: f64 = 2.0;
const TAIL_INDEX_MAX: f64 = 6.0;
/// That power is read off between where so many summands are larger.
const TAIL_SUMMANDS: [f64; 2] = [40.0, 4.0];
/// Discounted summands that a bucket must hold to count as seen.
const SEEN_MIN: f64 = 0.5;
/// Nothing is smaller on average.
const SIZE_MIN: f64 = 1e-3;
/// Cuts that are tried: the sum, its half, and so on.
const CUTS: i32 = 12;
/// Sums that the bound makes this unlikely are computed, on so many points between 0 and the sum,
/// down to what the rounding of numbers leaves.
const COMPUTED_P: f64 = 0.3;
const POINTS: usize = 64;
const COMPUTED_P_MIN: f64 = 1e-13;
/// Sums below this are few enough for the chance of each to matter.
const DISCRETE_BELOW: f64 = 32.0;

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

/// A sum that was unlikely, and how much of it is not to be learnt.
#[derive(Clone, Copy, Debug)]
struct Doubted {
    sum: f64,
    summands: f64,
    doubt: f64,
}

impl Doubted {
    /// Takes it out of the sizes of its class. Which of them were its own is not kept: the largest
    /// that fit into it are taken to be, or else one export would make the next one usual for
    /// everybody.
    fn take_from(self, counts: &mut [f64; SIZE_BUCKETS]) {
        let (mut sum, mut summands) = (self.sum, self.summands);
        for (bucket, count) in counts.iter_mut().enumerate().rev() {
            let smallest = Sizes::bound(bucket) / Sizes::RATIO;
            let fit = (sum / smallest).min(summands).min(*count).floor();
            *count -= self.doubt * fit;
            sum -= fit * smallest;
            summands -= fit;
        }
    }
}

/// What a class knows of the sizes of summands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SizeClass {
    /// Per bucket, the discounted number of summands in it and in larger ones.
    #[serde(with = "BigArray")]
    above: [f64; SIZE_BUCKETS],
    summands: f64,
    /// Mean size.
    mean: f64,
    /// How sums of as many summands scatter.
    overdispersion: ClassOverdispersion,
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct SumSeries {
    learning: Learning,
    /// Sum and summands per entity.
    means: Vec<Evidence>,
    classes: Vec<SizeClass>,
}

impl SumSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<Evidence>();

    pub(in crate::score) fn new(learning: Learning) -> SumSeries {
        SumSeries {
            learning,
            means: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Judges a window; tells `each` of every entity that appeared and could be judged; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        values: SumValues<'_>,
        mut each: impl FnMut(usize, Judged),
    ) {
        self.means.resize_with(entities.len(), Evidence::default);
        self.classes.resize_with(classes, SizeClass::default);
        let full = self.learning.windows_per_week;
        self.learn_means(entities, values, full);
        let mut deviations = vec![Deviations::default(); classes];
        let mut doubted: Vec<Vec<Doubted>> = vec![Vec::new(); classes];
        for (row, (evidence, entity)) in self.means.iter_mut().zip(entities).enumerate() {
            let number = usize::from(entity.class);
            let class = &self.classes[number];
            let (sum, summands) = (values.sums[row] as f64, values.summands[row] as f64);
            let mut weight = 1.0;
            if summands > 0.0 && class.summands >= SUMMANDS_MIN {
                let [amount, exposure] = evidence.effective(full);
                let known = exposure + LENT_SUMMANDS;
                let size = ((amount + LENT_SUMMANDS * class.mean) / known).max(SIZE_MIN);
                let variance = variance_of(summands, size, known);
                let tail = class.tail(summands, size, known, sum);
                let expected = variance.mean;
                each(row, Judged::new(expected, tail));
                weight = trust(tail.p());
                if weight < 1.0 {
                    doubted[number].push(Doubted {
                        sum,
                        summands,
                        doubt: 1.0 - weight,
                    });
                }
                deviations[number].add(sum, &variance, &class.overdispersion.fit);
            }
            evidence.learn(&self.learning, [weight * sum, weight * summands]);
        }
        let keep = f64::from(self.learning.keep);
        for (number, class) in self.classes.iter_mut().enumerate() {
            let sizes = values.sizes.get(number);
            class.learn(sizes, &doubted[number], &deviations[number], keep);
        }
    }

    /// The mean size in every class, over what its entities have shown; before that, over what
    /// they show now.
    fn learn_means(&mut self, entities: &[Entity], values: SumValues<'_>, full: f64) {
        let mut totals = vec![[FixedSum::default(); 2]; self.classes.len()];
        for (row, (evidence, entity)) in self.means.iter().zip(entities).enumerate() {
            let [amount, exposure] = if evidence.is_empty() {
                [values.sums[row] as f64, values.summands[row] as f64]
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
        self.means.iter_mut().for_each(Evidence::next_day);
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.means, marks);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.means.capacity() * size_of::<Evidence>()
            + self.classes.capacity() * size_of::<SizeClass>()
    }
}

/// The variance of the sum of so many summands, whose mean size is known from `known` of them.
fn variance_of(summands: f64, size: f64, known: f64) -> Variance {
    let mean = summands * size;
    let of_linear = mean * (1.0 + summands / known);
    Variance {
        mean,
        known: of_linear,
        of_linear,
        of_quadratic: mean * mean,
    }
}

impl Default for SizeClass {
    fn default() -> Self {
        SizeClass {
            above: [0.0; SIZE_BUCKETS],
            summands: 0.0,
            mean: 1.0,
            overdispersion: ClassOverdispersion::default(),
        }
    }
}

impl SizeClass {
    /// The tail of a sum of so many summands, whose mean size is known from `known` others.
    fn tail(&self, summands: f64, size: f64, known: f64, sum: f64) -> Tail {
        let p = self.upper(summands, size, known, sum);
        let mass = match sum < DISCRETE_BELOW {
            true => p.get() - self.upper(summands, size, known, sum + 1.0).get(),
            false => 0.0,
        };
        Tail::new(p, mass.max(0.0))
    }

    /// P(S ≥ sum), bounded from above.
    fn upper(&self, summands: f64, size: f64, known: f64, sum: f64) -> PValue {
        // An entity whose summands are larger than its class's has more of the large ones.
        let larger = (size / self.mean.max(SIZE_MIN)).max(1.0);
        let fit = &self.overdispersion.fit;
        // What is not known of the mean size, as a relative variance.
        let doubt = (1.0 + fit.linear) / (size * known);
        let mean = summands * size;
        if sum <= mean {
            // The bound is no better than that it is always so.
            return PValue::ONE;
        }
        let jump = |size: f64| {
            let share = (larger * self.share_above(size)).min(1.0);
            -(summands * (-share).ln_1p()).exp_m1()
        };
        let tighten = |smallest: f64, halvings: i32| {
            let cut = sum / 2_f64.powi(halvings);
            let jump = jump(cut);
            if jump >= smallest {
                // The rest only adds to it, and is dear.
                return smallest;
            }
            let rest = NegativeBinomial::new(mean / cut, fit.quadratic + doubt).upper(sum / cut);
            smallest.min(jump + rest.p().get())
        };
        let one_is_large = jump((sum / summands).ceil());
        let bound = (0..CUTS).fold(one_is_large, tighten);
        if bound >= COMPUTED_P || summands == 1.0 {
            return PValue::new(bound);
        }
        let chances = self.lattice(sum / POINTS as f64);
        let computed = compound_upper(summands * larger, fit.quadratic + doubt, &chances);
        PValue::new(bound.min(computed.max(COMPUTED_P_MIN)))
    }

    /// The chances of the sizes 0, 1, 2, ... steps; what lies between two of them is shared out so
    /// that the mean stays.
    fn lattice(&self, step: f64) -> [f64; POINTS] {
        let mut chances = [0.0; POINTS];
        let mut larger = 1.0;
        for bucket in 0..SIZE_BUCKETS {
            let size = Sizes::middle(bucket) / step;
            let point = size as usize;
            if point >= POINTS {
                break;
            }
            let above = self.share_above(Sizes::bound(bucket));
            let (chance, part) = (larger - above, size.fract());
            chances[point] += chance * (1.0 - part);
            if let Some(next) = chances.get_mut(point + 1) {
                *next += chance * part;
            }
            larger = above;
        }
        chances
    }

    /// The chance that a summand is larger than `size`.
    fn share_above(&self, size: f64) -> f64 {
        let share = |above: f64| (above + 0.5) / (self.summands + 1.0);
        let largest = self.above.iter().rposition(|above| *above >= SEEN_MIN);
        let top = Sizes::bound(largest.unwrap_or(0));
        if size <= top {
            return share(self.above[Sizes::bucket(size as u64)]);
        }
        share(0.0) * (top / size).powf(self.tail_index())
    }

    /// The power by which the tail of sizes falls, as far as it is seen (after Hill 1975; a
    /// lognormal's falls ever faster).
    fn tail_index(&self) -> f64 {
        let [inner, outer] =
            TAIL_SUMMANDS.map(|least| self.above.iter().rposition(|above| *above >= least));
        let (Some(inner), Some(outer)) = (inner, outer) else {
            return TAIL_INDEX_MIN;
        };
        if outer <= inner {
            // All of one size: nothing says how they fall off.
            return TAIL_INDEX_MIN;
        }
        // Where so many are larger lies within a bucket.
        let place = |bucket: usize, summands: f64| {
            let here = self.above[bucket];
            let next = self.above.get(bucket + 1).copied().unwrap_or(0.0);
            let part = (here / summands).ln() / (here / next.max(SEEN_MIN)).ln();
            (bucket as f64 + part) * Sizes::RATIO.ln()
        };
        let stretch = place(outer, TAIL_SUMMANDS[1]) - place(inner, TAIL_SUMMANDS[0]);
        let fall = (TAIL_SUMMANDS[0] / TAIL_SUMMANDS[1]).ln();
        (fall / stretch).clamp(TAIL_INDEX_MIN, TAIL_INDEX_MAX)
    }

    fn learn(
        &mut self,
        sizes: Option<&Sizes>,
        doubted: &[Doubted],
        deviations: &Deviations,
        keep: f64,
    ) {
        self.overdispersion.learn(deviations, keep);
        self.summands *= keep;
        self.above.iter_mut().for_each(|above| *above *= keep);
        let Some(sizes) = sizes else { return };
        let mut counts = sizes.counts().map(|count| count as f64);
        doubted.iter().for_each(|one| one.take_from(&mut counts));
        let mut above = 0.0;
        for (bucket, count) in counts.iter().enumerate().rev() {
            // A bucket holds sizes on both sides of a cut that falls into it: all count.
            above += count;
            self.above[bucket] += above;
        }
        self.summands += above;
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
        class.learn(Some(&sizes), &[], &Deviations::default(), 1.0);
        class.mean = total as f64 / 200_000.0;
        class
    }

    fn p(class: &SizeClass, summands: f64, sum: f64) -> f64 {
        class.tail(summands, class.mean, 1e6, sum).p().get()
    }

    #[test]
    fn the_bound_holds_at_every_level() {
        let mut rng = Pcg64::seed_from_u64(7);
        let class = class(&mut rng);
        let n = 100_000;
        let mut values: Vec<f64> = (0..n)
            .map(|_| {
                let sum: u64 = (0..30).map(|_| size(&mut rng)).sum();
                p(&class, 30.0, sum as f64)
            })
            .collect();
        values.sort_by(f64::total_cmp);
        for level in [1e-1, 1e-2, 1e-3] {
            let below = values.partition_point(|p| *p <= level) as f64 / f64::from(n);
            assert!(below <= level, "{level}: {below}");
        }
    }

    #[test]
    fn a_jump_that_nobody_of_the_class_made_is_unlikely() {
        let mut rng = Pcg64::seed_from_u64(8);
        let class = class(&mut rng);
        assert!(p(&class, 30.0, 900.0) > 1e-2);
        assert!(p(&class, 30.0, 20_000.0) < 1e-3);
        assert!(p(&class, 30.0, 200_000.0) <= p(&class, 30.0, 20_000.0));
        assert_eq!(p(&class, 3.0, 0.0), 1.0);
    }

    #[test]
    fn one_summand_is_as_unlikely_as_its_size() {
        let mut rng = Pcg64::seed_from_u64(11);
        let class = class(&mut rng);
        let n = 100_000;
        let least = Sizes::bound(Sizes::bucket(800)) / std::f64::consts::SQRT_2;
        let larger = (0..n).filter(|_| size(&mut rng) as f64 >= least).count();
        let (p, due) = (p(&class, 1.0, 800.0), larger as f64 / f64::from(n));
        assert!((p / due - 1.0).abs() < 0.2, "{p} {due}");
    }

    #[test]
    fn an_export_beside_a_page_is_nearly_as_unlikely_as_alone_and_two_are_less_likely() {
        let mut rng = Pcg64::seed_from_u64(12);
        let class = class(&mut rng);
        let alone = p(&class, 1.0, 8_000.0);
        let beside = p(&class, 3.0, 8_050.0);
        assert!(alone < beside && beside < 6.0 * alone, "{alone} {beside}");
        let two = p(&class, 3.0, 16_000.0);
        assert!(two < 0.5 * beside, "{beside} {two}");
    }

    #[test]
    fn what_one_took_does_not_become_usual_for_all() {
        let mut rng = Pcg64::seed_from_u64(10);
        let (mut doubting, mut trusting) = (class(&mut rng), class(&mut rng));
        let before = p(&doubting, 4.0, 5_000.0);
        let mut window = Sizes::default();
        [5_000, 5_000, 5_000, 20, 30, 40]
            .into_iter()
            .for_each(|size| window.add(size));
        let export = Doubted {
            sum: 15_020.0,
            summands: 4.0,
            doubt: 0.9,
        };
        let none = Deviations::default();
        for _ in 0..20 {
            doubting.learn(Some(&window), &[export], &none, 1.0);
            trusting.learn(Some(&window), &[], &none, 1.0);
        }
        let (doubting, trusting) = (p(&doubting, 4.0, 5_000.0), p(&trusting, 4.0, 5_000.0));
        assert!(doubting < 0.2 * trusting, "{before} {doubting} {trusting}");
    }

    #[test]
    fn as_many_more_summands_of_the_usual_size_are_not_unlikely() {
        let mut rng = Pcg64::seed_from_u64(9);
        let class = class(&mut rng);
        let sum: u64 = (0..30_000).map(|_| size(&mut rng)).sum();
        assert!(p(&class, 30_000.0, sum as f64) > 1e-2);
    }
}
