//! Ones: how much more often than a law says who comes, comes once.
//!
//! Among counts of at least one, those of exactly one have causes of their own: a buyer looks once,
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

/// P(X = 1 | X >= 1).
fn chance_of_one(law: &NegativeBinomial) -> f64 {
    (law.ln_one() - law.not_zero().ln()).exp().min(1.0)
}
