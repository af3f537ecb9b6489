//! Strangers: how much those do who come and have hardly been seen yet.
//!
//! They have no rate. A buyer's rate in its first days says when its parcel was sent, and that of
//! its class how many of those who came last week came again. What such entities do when they come
//! is learnt from such entities: counts less one are negative binomial, by their moments.

use crate::statistics::{FixedSum, NegativeBinomial, Tail};
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Poisson};
    use rand_pcg::Pcg64;

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
