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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Poisson};
    use rand_pcg::Pcg64;

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
                OneInflation::default().upper(&law, x),
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
            ones.add(x, &law);
        }
        let mut known = OneInflation::default();
        known.learn(&ones, 1.0);
        let (one, two) = (known.upper(&law, 1.0), known.upper(&law, 2.0));
        assert!((two.p().get() - 0.02).abs() < 3e-3, "{two:?}");
        assert!((one.mass() + two.p().get() - 1.0).abs() < 1e-9);
        // Beyond two it falls as the law does.
        let fall = known.upper(&law, 4.0).p().get() / two.p().get();
        let of_law = law.upper(4.0).p().get() / law.upper(2.0).p().get();
        assert!((fall / of_law - 1.0).abs() < 1e-9, "{fall} {of_law}");
    }

    #[test]
    fn strangers_are_judged_by_what_strangers_did() {
        let mut rng = Pcg64::seed_from_u64(52);
        let beyond_one = Poisson::new(1.5).unwrap();
        let mut strangers = Strangers::default();
        assert!(strangers.upper(3.0).is_none());
        for _ in 0..50 {
            let mut counts = Counts::default();
            for _ in 0..100 {
                let beyond: f64 = beyond_one.sample(&mut rng);
                strangers.note(&mut counts, 1.0 + beyond);
            }
            strangers.learn(&counts, 1.0);
        }
        let p = |x: f64| strangers.upper(x).unwrap().p().get();
        assert_eq!(p(1.0), 1.0);
        // P(Poisson(1.5) >= 1) and >= 5.
        assert!((p(2.0) - 0.777).abs() < 0.02, "{}", p(2.0));
        assert!((p(6.0) / 0.0186 - 1.0).abs() < 0.3, "{}", p(6.0));
        // One who fetched everything does not make the next one usual.
        let mut counts = Counts::default();
        strangers.note(&mut counts, 1e6);
        let before = p(60.0);
        let mut after = strangers;
        after.learn(&counts, 1.0);
        let after = after.upper(60.0).unwrap().p().get();
        assert!(after < before.max(1e-12).sqrt(), "{before:e} {after:e}");
    }
}
