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
use serde::{Deserialize, Serialize};

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
    /// Adds a count of at least one, where one alone had this chance among such.
    pub(super) fn add(&mut self, x: f64, one: f64) {
        match x > 1.0 {
            true => self.sums[0].add(one),
            false => self.sums[1].add(1.0 - one),
        }
    }
}

/// What a class knows.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
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

    /// How far out a count of at least one is among such, of which `one` are one by the law;
    /// `upper` is its tail by the law, where it is more than one.
    pub(super) fn upper(&self, law: &NegativeBinomial, one: f64, upper: Option<Tail>) -> Tail {
        let odds = self.odds() * (1.0 - one);
        let more = odds / (one + odds);
        let Some(upper) = upper else {
            return Tail::new(PValue::ONE, 1.0 - more);
        };
        let beyond = PValue::from_ln(law.not_zero().ln() + (-one).ln_1p());
        upper.given(beyond).times(more)
    }
}

/// P(X = 1 | X >= 1).
pub(super) fn chance_of_one(law: &NegativeBinomial) -> f64 {
    (law.ln_one() - law.not_zero().ln()).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    fn upper(known: &OneInflation, law: &NegativeBinomial, x: f64) -> Tail {
        let tail = (x > 1.0).then(|| law.upper(x));
        known.upper(law, chance_of_one(law), tail)
    }

    #[test]
    fn a_chance_of_one_is_that_of_the_law_among_those_who_came() {
        let law = NegativeBinomial::new(0.8, 0.5);
        let one = law.upper(1.0);
        assert!((chance_of_one(&law) - one.mass() / one.p().get()).abs() < 1e-12);
    }

    #[test]
    fn without_knowledge_the_law_decides() {
        let law = NegativeBinomial::new(0.8, 0.5);
        for x in [1.0, 2.0, 5.0] {
            let (plain, tail) = (
                law.upper(x).given(law.not_zero()),
                upper(&OneInflation::default(), &law, x),
            );
            assert!((plain.p().ln() - tail.p().ln()).abs() < 1e-9, "{x}");
            assert!((plain.mass() - tail.mass()).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn more_than_one_is_as_likely_as_it_comes() {
        // One of fifty who come does more, where the law says two of five.
        let law = NegativeBinomial::new(0.8, 0.5);
        let mut rng = Pcg64::seed_from_u64(51);
        let mut ones = Ones::default();
        for _ in 0..20_000 {
            let x = if rng.random::<f64>() < 0.02 { 2.0 } else { 1.0 };
            ones.add(x, chance_of_one(&law));
        }
        let mut known = OneInflation::default();
        known.learn(&ones, 1.0);
        let upper = |x: f64| upper(&known, &law, x);
        let (one, two) = (upper(1.0), upper(2.0));
        assert!((two.p().get() - 0.02).abs() < 3e-3, "{two:?}");
        assert!((one.mass() + two.p().get() - 1.0).abs() < 1e-9);
        // Beyond two it falls as the law does.
        let fall = upper(4.0).p().get() / two.p().get();
        let of_law = law.upper(4.0).p().get() / law.upper(2.0).p().get();
        assert!((fall / of_law - 1.0).abs() < 1e-9, "{fall} {of_law}");
    }
}
