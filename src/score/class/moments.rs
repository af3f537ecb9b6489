//! How the entities of a class differ in size: the prior that a young entity is judged by.

use crate::statistics::FixedSum;

/// Entities whose sizes must be known before they say anything about others.
const ENTITIES_MIN: u64 = 5;

/// What is known of an entity's rate: a Gamma distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::score) struct Prior {
    /// Mean rate.
    pub(in crate::score) mean: f64,
    /// Shape: small where the sizes differ much.
    pub(in crate::score) shape: f64,
}

impl Prior {
    /// After so many events in so much exposure.
    pub(in crate::score) fn posterior(&self, events: f64, exposure: f64) -> Prior {
        let shape = self.shape + events;
        Prior {
            mean: shape / (self.shape / self.mean + exposure),
            shape,
        }
    }
}

/// Moments of the entities' rates, in fixed point: the order of entities does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::score) struct PriorMoments {
    entities: u64,
    rate: FixedSum,
    square: FixedSum,
    /// What of the scatter of the rates is due to counting.
    counting: FixedSum,
}

impl PriorMoments {
    /// Adds an entity's rate, known from this much exposure.
    pub(in crate::score) fn add(&mut self, rate: f64, exposure: f64) {
        self.entities += 1;
        self.rate.add(rate);
        self.square.add(rate * rate);
        self.counting.add(rate / exposure.max(1e-3));
    }

    pub(in crate::score) fn merge(&mut self, other: &PriorMoments) {
        self.entities += other.entities;
        self.rate.merge(other.rate);
        self.square.merge(other.square);
        self.counting.merge(other.counting);
    }

    /// The prior by the method of moments, where there are enough entities.
    pub(in crate::score) fn prior(&self) -> Option<Prior> {
        if self.entities < ENTITIES_MIN {
            return None;
        }
        let n = self.entities as f64;
        let mean = self.rate.get() / n;
        if mean <= 0.0 {
            return None;
        }
        let variance = self.square.get() / n - mean * mean - self.counting.get() / n;
        let shape = if variance > 0.0 {
            mean * mean / variance
        } else {
            f64::INFINITY
        };
        Some(Prior {
            mean,
            shape: shape.clamp(0.02, 50.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_has_the_moments_of_the_class() {
        let mut moments = PriorMoments::default();
        for rate in [5.0, 10.0, 15.0, 10.0, 10.0, 10.0] {
            moments.add(rate, 1e6);
        }
        let prior = moments.prior().unwrap();
        assert!((prior.mean - 10.0).abs() < 1e-6);
        assert!((prior.shape - 100.0 / (50.0 / 6.0)).abs() < 0.1);
    }

    #[test]
    fn a_handful_says_nothing() {
        let mut moments = PriorMoments::default();
        for _ in 0..4 {
            moments.add(1.0, 1.0);
        }
        assert_eq!(moments.prior(), None);
    }
}
