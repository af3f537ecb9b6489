//! Shares: a beta-binomial baseline per entity, with what its class shares.
//!
//! k of n, where the chance itself varies: between the entities of a class, and from window to
//! window of one entity. Both variations are intra-class correlations, learnt per class by the
//! method of moments; the predictive's concentration follows from the two and from how much the
//! entity has shown.

use super::evidence::{Evidence, Learning};
use super::{Judged, keep_rows};
use crate::score::entities::Entity;
use crate::statistics::{BetaBinomial, FixedSum};

/// Correlation within a window, before anything was seen.
const WITHIN_INITIAL: f64 = 0.02;
/// Correlation between entities, before anything was seen.
const BETWEEN_INITIAL: f64 = 0.05;
const CORRELATION_MIN: f64 = 0.002;
const CORRELATION_MAX: f64 = 0.5;
/// Windows' or entities' worth of evidence that those initial values stand for.
const INITIAL_WEIGHT: f64 = 20.0;
/// Windows with fewer trials say little about correlation.
const TRIALS_MIN: u64 = 20;
/// Deviations beyond this many times the expected square are learnt as if they stood there.
const SQUARE_MAX: f64 = 25.0;
/// Total trials before a class has a share.
const CLASS_TRIALS_MIN: f64 = 200.0;

#[derive(Clone, Copy, Debug, Default)]
struct RatioClass {
    /// Share, over all entities.
    share: Option<f64>,
    /// Sum of squared deviations relative to the binomial's, and their number.
    within: [f64; 2],
    between: f64,
}

/// All entities of one series.
#[derive(Debug)]
pub(in crate::score) struct RatioSeries {
    trials_min: u64,
    learning: Learning,
    baselines: Vec<Evidence>,
    classes: Vec<RatioClass>,
}

impl RatioSeries {
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
        self.learn_classes(entities, appeared);
        let full = self.full();
        for &(row, hits, trials) in appeared {
            if trials == 0 {
                continue;
            }
            let hits = hits.min(trials);
            let class = &mut self.classes[usize::from(entities[row].class)];
            let within = class.within();
            let (k, n) = (hits as f64, trials as f64);
            let baseline = &mut self.baselines[row];
            if let Some(class_share) = class.share {
                let (seen_hits, seen) = baseline.effective(full);
                let lent = 1.0 / class.between - 1.0;
                let share = (lent * class_share + seen_hits) / (lent + seen);
                let correlation = (within + 1.0 / (lent + seen + 1.0)).min(CORRELATION_MAX);
                if trials >= self.trials_min {
                    let predictive = BetaBinomial::new(share, 1.0 / correlation - 1.0);
                    let tail = predictive.upper(k, n);
                    each(
                        row,
                        Judged {
                            expected: predictive.share(),
                            tail,
                        },
                    );
                }
                if trials >= TRIALS_MIN {
                    class.learn_within(k / n, n, share, self.learning.keep);
                }
            }
            // A window's trials are alike: they say no more than so many independent ones.
            let independent = n / (1.0 + (n - 1.0) * within);
            baseline.learn(&self.learning, k / n * independent, independent);
        }
    }

    /// Trials that make a baseline mature: a week of windows of some tens of independent trials.
    fn full(&self) -> f64 {
        self.learning.windows_per_week * 20.0
    }

    fn learn_classes(&mut self, entities: &[Entity], appeared: &[(usize, u64, u64)]) {
        #[derive(Clone, Copy, Default)]
        struct Totals {
            hits: FixedSum,
            trials: FixedSum,
            share: FixedSum,
            square: FixedSum,
            noise: FixedSum,
            entities: f64,
        }
        let full = self.full();
        let mut totals = vec![Totals::default(); self.classes.len()];
        for (baseline, entity) in self.baselines.iter().zip(entities) {
            let (hits, trials) = baseline.effective(full);
            if trials < 1.0 {
                continue;
            }
            let class = &mut totals[usize::from(entity.class)];
            class.hits.add(hits);
            class.trials.add(trials);
            if trials >= TRIALS_MIN as f64 {
                let share = hits / trials;
                class.share.add(share);
                class.square.add(share * share);
                class.noise.add(share * (1.0 - share) / trials);
                class.entities += 1.0;
            }
        }
        // Before anything is known, the class is what appears now.
        for &(row, hits, trials) in appeared {
            let class = usize::from(entities[row].class);
            if self.classes[class].share.is_none() {
                let n = trials as f64;
                let independent = n / (1.0 + (n - 1.0).max(0.0) * WITHIN_INITIAL);
                totals[class]
                    .hits
                    .add(hits.min(trials) as f64 / n.max(1.0) * independent);
                totals[class].trials.add(independent);
            }
        }
        for (class, totals) in self.classes.iter_mut().zip(totals) {
            let trials = totals.trials.get();
            if trials < CLASS_TRIALS_MIN && class.share.is_none() {
                continue;
            }
            let share = ((totals.hits.get() + 0.5) / (trials + 1.0)).clamp(1e-4, 1.0 - 1e-4);
            class.share = Some(share);
            let n = totals.entities;
            let mean = if n > 0.0 {
                totals.share.get() / n
            } else {
                share
            };
            let variance = if n > 1.0 {
                (totals.square.get() / n - mean * mean - totals.noise.get() / n).max(0.0)
            } else {
                0.0
            };
            let spread = variance / (mean * (1.0 - mean)).max(1e-4);
            let between = (INITIAL_WEIGHT * BETWEEN_INITIAL + n * spread) / (INITIAL_WEIGHT + n);
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
        self.baselines.capacity() * size_of::<Evidence>()
    }
}

impl RatioClass {
    fn within(&self) -> f64 {
        let [sum, windows] = self.within;
        let correlation = (sum + INITIAL_WEIGHT * WITHIN_INITIAL) / (windows + INITIAL_WEIGHT);
        correlation.clamp(CORRELATION_MIN, CORRELATION_MAX)
    }

    /// One window of n trials had this share where another was expected.
    fn learn_within(&mut self, share: f64, trials: f64, expected: f64, keep: f32) {
        let binomial = (expected * (1.0 - expected)).max(1e-4);
        let square = (share - expected).powi(2) / binomial;
        let usual = self.within() + 1.0 / trials;
        let correlation = (square.min(SQUARE_MAX * usual) - 1.0 / trials) / (1.0 - 1.0 / trials);
        // Forgotten per window of an entity, so the memory is as long as thousands of them.
        let keep = 1.0 - (1.0 - f64::from(keep)) / 100.0;
        self.within = [
            keep * self.within[0] + correlation,
            keep * self.within[1] + 1.0,
        ];
    }
}
