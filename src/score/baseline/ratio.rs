//! Shares: a beta-binomial baseline per entity, with what its class shares.
//!
//! k of n, where the chance itself varies: between the entities of a class, and from window to
//! window of one entity. Both variations are intra-class correlations, learnt per class by the
//! method of moments; the predictive's concentration follows from the two and from how much the
//! entity has shown.
//!
//! What share is usual depends on n (a rarefaction curve): an entity departs from the curve of its
//! class by a factor on the odds.
//!
//! The common mode is the median over the class of observed / expected in this window: while a
//! carrier's system is down, look-ups miss for everybody. Where hits are rare it is told by how many
//! have one at all. What moves many and not all, a scanner with a wrong clock, makes the class
//! scatter in that window, and so everybody's predictive; what is usual does not learn it.

mod describe;

use super::evidence::{Evidence, Learning};
use super::rarefaction::{Curve, Shares, clamped, odds, with_odds};
use super::rate::trust;
use super::{Judged, keep_rows, many};
use crate::score::class::CommonModeSketch;
use crate::score::entities::Entity;
use crate::statistics::{BetaBinomial, FixedSum};
use serde::{Deserialize, Serialize};

/// Correlation within a window, before anything was seen.
const WITHIN_INITIAL: f64 = 0.02;
/// Correlation between entities, before anything was seen.
const BETWEEN_INITIAL: f64 = 0.05;
const CORRELATION_MIN: f64 = 0.002;
const CORRELATION_MAX: f64 = 0.5;
/// Windows' or entities' worth of evidence that those initial values stand for.
const INITIAL_WEIGHT: f64 = 20.0;
/// Trials of its own that an entity must have shown before it says anything about correlation
/// within windows.
const OWN_MIN: f64 = 30.0;
/// Windows with fewer trials say little about correlation.
const TRIALS_MIN: u64 = 8;
/// Deviations beyond this many times the expected square are learnt as if they stood there.
const SQUARE_MAX: f64 = 100.0;
/// What many show beyond this many times the usual correlation is their window's.
const UNUSUAL: f64 = 3.0;
/// Share of a mature baseline that must be settled before surprise lowers a window's weight.
const SETTLED_MIN: f64 = 0.4;
/// Entities of so many trials, and so many of them, for a median of their shares.
const MEDIAN_TRIALS: f64 = 3.0;
const MEDIAN_ENTITIES: usize = 6;
/// What it takes: a median of few moves by itself.
const MEDIAN_SHIFT: f64 = 3.0;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RatioClass {
    /// Discounted.
    shares: Shares,
    /// Sum of squared deviations relative to the binomial's, and their number.
    within: [f64; 2],
    between: f64,
}

impl Default for RatioClass {
    fn default() -> Self {
        RatioClass {
            shares: Shares::default(),
            within: [0.0; 2],
            between: BETWEEN_INITIAL,
        }
    }
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct RatioSeries {
    trials_min: u64,
    learning: Learning,
    /// Hits, what the class's curve expected of them, and trials.
    baselines: Vec<Evidence<3>>,
    classes: Vec<RatioClass>,
}

/// One entity's window.
#[derive(Clone, Copy, Debug)]
struct Sample {
    row: usize,
    class: usize,
    hits: f64,
    trials: f64,
    /// What the class's curve says.
    of_class: f64,
    /// What is expected of this entity, before the common mode.
    share: f64,
    /// Trials that the share is known from, those lent by the class included.
    known: f64,
    /// Trials of its own.
    own: f64,
}

impl RatioSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<Evidence<3>>();

    pub(in crate::score) fn new(trials_min: u64, learning: Learning) -> RatioSeries {
        RatioSeries {
            trials_min,
            learning,
            baselines: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Judges the entities that appeared, each with its hits and trials; tells `each` of every
    /// entity that could be judged; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        appeared: &[(usize, u64, u64)],
        mut each: impl FnMut(usize, Judged),
    ) {
        self.baselines
            .resize_with(entities.len(), Evidence::default);
        self.classes.resize_with(classes, RatioClass::default);
        self.learn_spread(entities);
        let full = self.full();
        let curves = self.curves(entities, appeared);
        let samples: Vec<Sample> = appeared
            .iter()
            .filter(|(_, _, trials)| *trials > 0)
            .filter_map(|&(row, hits, trials)| {
                let class = usize::from(entities[row].class);
                let curve = curves[class].as_ref()?;
                let of_class = curve.at(trials);
                let lent = 1.0 / self.classes[class].between - 1.0;
                let [seen_hits, seen_expected, seen] = self.baselines[row].effective(full);
                // How the entity departed from the curve in the past, shrunk to not at all.
                let past = if seen > 0.0 {
                    seen_expected / seen
                } else {
                    of_class
                };
                let shrunk = (lent * past + seen_hits) / (lent + seen);
                let share = with_odds(of_class, odds(shrunk) / odds(past));
                Some(Sample {
                    row,
                    class,
                    hits: hits.min(trials) as f64,
                    trials: trials as f64,
                    of_class,
                    share,
                    known: lent + seen,
                    own: seen,
                })
            })
            .collect();
        let common = self.common_modes(entities, &samples);
        let withins = self.withins(&samples, &common);
        for sample in samples {
            let class = &mut self.classes[sample.class];
            let baseline = &mut self.baselines[sample.row];
            let within = withins[sample.class];
            let (k, n) = (sample.hits, sample.trials);
            let share = with_odds(sample.share, common[sample.class]);
            let mut trusted = 1.0;
            let correlation = (within + 1.0 / (sample.known + 1.0)).min(CORRELATION_MAX);
            if n >= self.trials_min as f64 {
                let predictive = BetaBinomial::new(share, 1.0 / correlation - 1.0);
                let tail = predictive.upper(k, n);
                each(sample.row, Judged::new(predictive.share(), tail));
                trusted = trust(tail.p());
            }
            // A window's trials are alike: they say no more than so many independent ones.
            let independent = n / (1.0 + (n - 1.0) * within);
            // In the frame of an ordinary window: what moved everybody is taken out again.
            let told = match k > 0.0 {
                true => with_odds(clamped(k / n), 1.0 / common[sample.class]),
                false => 0.0,
            };
            // A young entity departs because nobody knows it; its class is known.
            let weight = match baseline.settled_share(full) >= SETTLED_MIN {
                true => trusted,
                false => 1.0,
            };
            let amounts = [told, sample.of_class, 1.0].map(|amount| weight * independent * amount);
            baseline.learn(&self.learning, amounts);
            let trials = trusted * independent;
            class.shares.add(told * trials, trials, n as u64);
        }
        let keep = f64::from(self.learning.keep);
        for class in &mut self.classes {
            class.shares.fade(keep);
        }
    }

    /// Trials that make a baseline mature: a week of windows of some tens of independent trials.
    fn full(&self) -> f64 {
        self.learning.windows_per_week * 20.0
    }

    /// Per class what share is usual; before anything is known, the class is what appears now.
    fn curves(&self, entities: &[Entity], appeared: &[(usize, u64, u64)]) -> Vec<Option<Curve>> {
        let mut now = vec![Shares::default(); self.classes.len()];
        for &(row, hits, trials) in appeared.iter().filter(|(_, _, trials)| *trials > 0) {
            let n = trials as f64;
            let independent = n / (1.0 + (n - 1.0) * WITHIN_INITIAL);
            let share = hits.min(trials) as f64 / n;
            let class = usize::from(entities[row].class);
            now[class].add(share * independent, independent, trials);
        }
        self.classes
            .iter()
            .zip(now)
            .map(|(class, now)| class.shares.curve().or_else(|| now.curve()))
            .collect()
    }

    /// By what factor on the odds every share of a class is higher in this window; 1 where it
    /// is not.
    fn common_modes(&self, entities: &[Entity], samples: &[Sample]) -> Vec<f64> {
        let mut sketches = vec![CommonModeSketch::new(0.0); self.classes.len()];
        for sample in samples {
            let within = self.classes[sample.class].within();
            // Relative variance of a share's estimate, beyond that of counting.
            let scatter = within * (1.0 - sample.share) / sample.share;
            let expected = sample.trials * sample.share;
            let pool = entities[sample.row].pool;
            sketches[sample.class].add(sample.hits as u64, expected, scatter, pool);
        }
        let medians = self.median_shifts(samples);
        let spreads = self.spread_shifts(samples);
        sketches
            .into_iter()
            .zip(medians.into_iter().zip(spreads))
            .map(|(sketch, (median, spread))| sketch.read().ratio.max(median).max(spread))
            .collect()
    }

    /// Per class, by what factor the odds of the median entity are higher than expected. Where
    /// hits are rare a ratio of sums has nothing to divide by, and a breakdown that makes most
    /// look-ups fail for half an hour still moves most entities.
    fn median_shifts(&self, samples: &[Sample]) -> Vec<f64> {
        let mut by_class: Vec<Vec<(f64, f64)>> = vec![Vec::new(); self.classes.len()];
        for sample in samples
            .iter()
            .filter(|sample| sample.trials >= MEDIAN_TRIALS)
        {
            by_class[sample.class].push((sample.hits / sample.trials, sample.share));
        }
        by_class
            .into_iter()
            .map(|mut entities| {
                if entities.len() < MEDIAN_ENTITIES {
                    return 1.0;
                }
                let mut middle = |of: fn(&(f64, f64)) -> f64| {
                    entities.sort_by(|one, other| of(one).total_cmp(&of(other)));
                    // The lower of the two: more than half have to have moved.
                    of(&entities[(entities.len() - 1) / 2])
                };
                let (seen, expected) = (middle(|entity| entity.0), middle(|entity| entity.1));
                let shift = odds(seen) / odds(expected);
                if shift >= MEDIAN_SHIFT { shift } else { 1.0 }
            })
            .collect()
    }

    /// Per class, by what factor shares are higher if so many entities as did have a hit at all.
    fn spread_shifts(&self, samples: &[Sample]) -> Vec<f64> {
        let mut expected: Vec<Vec<f64>> = vec![Vec::new(); self.classes.len()];
        let mut hit = vec![0; self.classes.len()];
        for sample in samples {
            expected[sample.class].push(sample.trials * sample.share);
            hit[sample.class] += usize::from(sample.hits > 0.0);
        }
        let shift = |(expected, hit): (Vec<f64>, usize)| many::spread_shift(&expected, hit);
        expected.into_iter().zip(hit).map(shift).collect()
    }

    /// Per class the correlation within this window: as usual, or more where this window shows
    /// more; the usual learns.
    fn withins(&mut self, samples: &[Sample], common: &[f64]) -> Vec<f64> {
        let mut seen: Vec<Vec<f64>> = vec![Vec::new(); self.classes.len()];
        // Until an entity has shown some trials its windows depart from its class, not from itself.
        let telling = samples
            .iter()
            .filter(|sample| sample.trials >= TRIALS_MIN as f64 && sample.own >= OWN_MIN);
        for sample in telling {
            let share = with_odds(sample.share, common[sample.class]);
            let correlation = self.classes[sample.class].correlation_of(sample, share);
            seen[sample.class].push(correlation);
        }
        let ablation = self.learning.ablation.class_dispersion;
        let keep = self.learning.keep;
        self.classes
            .iter_mut()
            .zip(seen)
            .map(|(class, seen)| {
                let usual = class.within();
                let shown = many::mean_of_the_others(&seen).filter(|_| !ablation);
                let shown = shown.unwrap_or(usual);
                // What happens to many in one window is not how windows usually scatter.
                let beyond = (shown - UNUSUAL * usual).max(0.0);
                class.learn_within(&seen, beyond, keep);
                shown.clamp(usual, CORRELATION_MAX)
            })
            .collect()
    }

    /// How the entities of a class differ from its curve.
    fn learn_spread(&mut self, entities: &[Entity]) {
        #[derive(Clone, Copy, Default)]
        struct Totals {
            square: FixedSum,
            noise: FixedSum,
            binomial: FixedSum,
            entities: f64,
        }
        let full = self.full();
        let mut totals = vec![Totals::default(); self.classes.len()];
        for (baseline, entity) in self.baselines.iter().zip(entities) {
            let [hits, expected, trials] = baseline.effective(full);
            if trials < TRIALS_MIN as f64 {
                continue;
            }
            let (share, expected) = (hits / trials, expected / trials);
            let class = &mut totals[usize::from(entity.class)];
            class.square.add((share - expected).powi(2));
            class.noise.add(expected * (1.0 - expected) / trials);
            class.binomial.add(expected * (1.0 - expected));
            class.entities += 1.0;
        }
        for (class, totals) in self.classes.iter_mut().zip(totals) {
            let n = totals.entities;
            let excess = (totals.square.get() - totals.noise.get()).max(0.0);
            let spread = n * excess / totals.binomial.get().max(1e-4 * n.max(1.0));
            let between = (INITIAL_WEIGHT * BETWEEN_INITIAL + spread) / (INITIAL_WEIGHT + n);
            class.between = between.clamp(CORRELATION_MIN, CORRELATION_MAX);
        }
    }

    pub(in crate::score) fn next_day(&mut self) {
        self.baselines.iter_mut().for_each(Evidence::next_day);
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.baselines, marks);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.baselines.capacity() * size_of::<Evidence<3>>()
    }
}

impl RatioClass {
    fn within(&self) -> f64 {
        let [sum, windows] = self.within;
        let correlation = (sum + INITIAL_WEIGHT * WITHIN_INITIAL) / (windows + INITIAL_WEIGHT);
        correlation.clamp(CORRELATION_MIN, CORRELATION_MAX)
    }

    /// The correlation that one window of an entity shows, where this share was expected.
    fn correlation_of(&self, sample: &Sample, expected: f64) -> f64 {
        let binomial = (expected * (1.0 - expected)).max(1e-4);
        let square = (sample.hits / sample.trials - expected).powi(2) / binomial;
        let known = 1.0 / sample.trials + 1.0 / (sample.known + 1.0);
        let usual = self.within() + known;
        (square.min(SQUARE_MAX * usual) - known) / (1.0 - 1.0 / sample.trials)
    }

    /// A window of the class showed these, of each of which so much is that window's.
    fn learn_within(&mut self, seen: &[f64], beyond: f64, keep: f32) {
        let n = seen.len() as f64;
        let sum = seen.iter().sum::<f64>() - n * beyond;
        // Forgotten per window of an entity, so the memory is as long as thousands of them.
        let keep = (1.0 - (1.0 - f64::from(keep)) / 100.0).powf(n);
        self.within = [keep * self.within[0] + sum, keep * self.within[1] + n];
    }
}
