//! Appearance: how much those do who come, given that they came.
//!
//! **Ones.** Among counts of at least one, those of exactly one have causes of their own: a buyer looks once,
//! a caller uses one endpoint, a client one address. A one-inflated zero-truncated distribution
//! (Godwin and Böhning, "Estimation of the population size by using the one-inflated positive
//! Poisson model", JRSS C 2017) gives them a chance of their own and leaves what is beyond as the
//! law has it. Here the odds of more than one are the law's times a factor, which is learnt per
//! class as Mantel and Haenszel (JNCI 1959) pool an odds ratio: those with more than one, weighted
//! with the law's chance of one, over those with one, weighted with its chance of more.

use crate::statistics::{FixedSum, NegativeBinomial, PValue, Tail};

/// What the factor of 1 at the beginning stands for, in weights as they are added.
const PRIOR: f64 = 2.0;
const ODDS_MIN: f64 = 1e-4;
const ODDS_MAX: f64 = 1e4;

/// What a window adds; the sums do not depend on the order of entities.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ones {
    sums: [FixedSum; 2],
}

impl Ones {
    pub(super) fn add(&mut self, x: f64, law: &NegativeBinomial) {
        let one = chance_of_one(law);
        match x > 1.0 {
            true => self.sums[0].add(one),
            false => self.sums[1].add(1.0 - one),
        }
    }
}

/// What a class knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OneInflation {
    sums: [f64; 2],
}

impl OneInflation {
    pub(super) fn learn(&mut self, ones: &Ones, keep: f64) {
        for (sum, new) in self.sums.iter_mut().zip(ones.sums) {
            *sum = keep * *sum + new.get();
        }
    }

    /// The factor on the odds of more than one.
    fn odds(&self) -> f64 {
        let [more, one] = self.sums;
        ((more + PRIOR) / (one + PRIOR)).clamp(ODDS_MIN, ODDS_MAX)
    }

    /// How far out `x` ≥ 1 is among counts of at least one.
    pub(super) fn upper(&self, law: &NegativeBinomial, x: f64) -> Tail {
        let one = chance_of_one(law);
        let odds = self.odds() * (1.0 - one);
        let more = odds / (one + odds);
        if x <= 1.0 {
            return Tail::new(PValue::ONE, 1.0 - more);
        }
        let beyond = PValue::from_ln(law.not_zero().ln() + (-one).ln_1p());
        law.upper(x).given(beyond).times(more)
    }
}

/// Events from which on an entity has a rate of its own.
pub(super) const STRANGER_EVENTS: f64 = 10.0;
/// Counts of strangers before they say anything about others.
const COUNTS_MIN: f64 = 200.0;
/// Counts farther out than this many standard deviations are learnt as if they stood there.
const WINSOR_SD: f64 = 6.0;

/// What a window adds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    counts: u64,
    sum: FixedSum,
    squares: FixedSum,
}

/// What a class knows of those who have hardly been seen yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strangers {
    counts: f64,
    sum: f64,
    squares: f64,
}

impl Strangers {
    fn moments(&self) -> (f64, f64) {
        let mean = self.sum / self.counts;
        (mean, self.squares / self.counts - mean * mean)
    }

    /// Adds what one of them did to a window's.
    pub(super) fn note(&self, counts: &mut Counts, x: f64) {
        let mut beyond_one = x - 1.0;
        if self.counts >= COUNTS_MIN {
            let (mean, variance) = self.moments();
            beyond_one = beyond_one.min(mean + WINSOR_SD * variance.max(1.0).sqrt());
        }
        counts.counts += 1;
        counts.sum.add(beyond_one);
        counts.squares.add(beyond_one * beyond_one);
    }

    pub(super) fn learn(&mut self, counts: &Counts, keep: f64) {
        self.counts = keep * self.counts + counts.counts as f64;
        self.sum = keep * self.sum + counts.sum.get();
        self.squares = keep * self.squares + counts.squares.get();
    }

    /// How far out `x` ≥ 1 is among their counts; `None` where too few are known.
    pub(super) fn upper(&self, x: f64) -> Option<Tail> {
        if self.counts < COUNTS_MIN {
            return None;
        }
        let (mean, variance) = self.moments();
        // As if half a count more had gone one beyond.
        let mean = mean.max(0.5 / self.counts);
        let law = NegativeBinomial::new(mean, (variance - mean) / (mean * mean));
        Some(law.upper(x - 1.0))
    }
}

/// P(X = 1 | X >= 1).
fn chance_of_one(law: &NegativeBinomial) -> f64 {
    (law.ln_one() - law.not_zero().ln()).exp().min(1.0)
}
