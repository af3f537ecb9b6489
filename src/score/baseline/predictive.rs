//! The predictive distribution of a count in a window that may be unusual for its class.
//!
//! What moves a class moves its entities by factors of their own. As part of the variance of a
//! negative binomial these would be Gamma, and on a peak day the most moved of a few hundred was an
//! alarm: factors are products of many causes, hence lognormal.

use crate::statistics::{NegativeBinomial, Tail};

/// Less scatter than this between entities makes no difference.
const EXTRA_MIN: f64 = 1e-3;
/// Up to here both laws agree well enough.
const UNLIKELY: f64 = 0.1;

/// What is expected of a count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predictive {
    /// Mean and variance, what the class scatters more than usual included.
    pub(super) law: NegativeBinomial,
    dispersion: f64,
    /// What of it is more than usual.
    extra: f64,
}

impl Predictive {
    /// With the given mean and relative variance beyond Poisson, `extra` of which is what entities
    /// scatter more than usual.
    pub(super) fn new(mean: f64, dispersion: f64, extra: f64) -> Predictive {
        Predictive {
            law: NegativeBinomial::new(mean, dispersion),
            dispersion,
            extra,
        }
    }

    /// P(X >= x).
    pub(super) fn upper(&self, x: f64) -> Tail {
        let tail = self.law.upper(x);
        if self.extra < EXTRA_MIN || tail.p().get() > UNLIKELY {
            return tail;
        }
        let ordinary = NegativeBinomial::new(self.law.mean(), self.dispersion - self.extra);
        let scattered = ordinary.upper_of_scattered(x, self.extra);
        if scattered.p() > tail.p() {
            scattered
        } else {
            tail
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scatters_makes_large_counts_likelier_and_likely_ones_as_they_were() {
        let (usual, moved) = (
            Predictive::new(100.0, 0.04, 0.0),
            Predictive::new(100.0, 0.14, 0.1),
        );
        let p = |predictive: &Predictive, x: f64| predictive.upper(x).p().get();
        assert_eq!(p(&usual, 300.0), usual.law.upper(300.0).p().get());
        assert_eq!(p(&moved, 120.0), moved.law.upper(120.0).p().get());
        assert!(p(&moved, 400.0) > 3.0 * moved.law.upper(400.0).p().get());
        let tails: Vec<f64> = (100..500).map(|x| p(&moved, f64::from(x))).collect();
        assert!(
            tails.is_sorted_by(|one, next| next <= &(one * 1.05)),
            "falls"
        );
    }
}
