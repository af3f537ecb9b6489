//! What p-values came, and how often such come by that.

use super::UNCOUNTED;
use super::curve::{Curve, LEVELS};
use crate::statistics::{FixedSum, PValue, Tail};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// P-values due that what is known from elsewhere stands for, at each level: what never came in n
/// tests has a p-value of 1 / 2n (Krichevsky and Trofimov, IEEE Transactions on Information Theory
/// 1981).
const PRIOR: f64 = 0.5;
/// The same for the chance of more than the least that can be, which mostly is none: a buyer of one
/// parcel asks for it, and nobody but a scraper asks for two.
const PRIOR_OF_MORE: f64 = 0.05;

/// What came since the last refresh; the sums do not depend on the order of entities.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Fresh {
    tests: u64,
    #[serde(with = "BigArray")]
    below: [FixedSum; LEVELS.len()],
}

impl Fresh {
    fn count(&mut self, tail: Tail, times: f64) {
        let spread = tail.spread();
        let left_out = spread.below(UNCOUNTED);
        let sums = self.below.iter_mut().zip(LEVELS);
        for (sum, level) in sums.skip_while(|(_, level)| tail.had_reached(*level)) {
            let below = spread.below(level);
            if below == 0.0 {
                break;
            }
            sum.add(times * (below - left_out));
        }
    }

    fn merge(&mut self, other: &Fresh) {
        self.tests += other.tests;
        for (sum, below) in self.below.iter_mut().zip(other.below) {
            sum.merge(below);
        }
    }
}

/// What came before; it fades.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Known {
    tests: f64,
    #[serde(with = "BigArray")]
    below: [f64; LEVELS.len()],
}

impl Known {
    fn learn(&mut self, keep: f64, fresh: &Fresh) {
        self.tests = keep * self.tests + fresh.tests as f64;
        for (below, new) in self.below.iter_mut().zip(fresh.below) {
            *below = (keep * *below + new.get()).max(0.0);
        }
    }

    /// How often p-values come, where `prior` at each level are taken to have come as `above` says.
    fn curve(&self, above: &Curve, prior: f64) -> Curve {
        Curve::new(std::array::from_fn(|level| {
            let counted = 1.0 - UNCOUNTED / LEVELS[level];
            let below = self.below[level] / counted;
            (below + prior) / (self.tests + prior / above.chances()[level])
        }))
    }
}

/// How often p-values come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Curves {
    /// Of any value.
    of_any: Curve,
    /// Of what is more than the least that can be.
    of_more: Curve,
}

impl Curves {
    pub(super) fn uniform() -> Curves {
        Curves {
            of_any: Curve::uniform(),
            of_more: Curve::uniform(),
        }
    }
}

/// What is known of some tests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Counts {
    fresh: Fresh,
    known: Known,
    curves: Curves,
}

impl Counts {
    /// Nothing: they are taken to be as others.
    pub(super) fn new(above: &Curves) -> Counts {
        Counts {
            fresh: Fresh::default(),
            known: Known::default(),
            curves: *above,
        }
    }

    /// Counts a test.
    pub(super) fn add(&mut self, tail: Tail) {
        self.fresh.tests += 1;
        self.fresh.count(tail, 1.0);
    }

    /// A test that was counted is taken for one that was not far out.
    pub(super) fn take_back(&mut self, tail: Tail) {
        self.fresh.count(tail, -1.0);
    }

    /// Counts what another has counted since it learnt.
    pub(super) fn merge(&mut self, other: &Counts) {
        self.fresh.merge(&other.fresh);
    }

    /// Draws the curves again.
    pub(super) fn learn(&mut self, keep: f64, above: &Curves) {
        self.known.learn(keep, &self.fresh);
        self.fresh = Fresh::default();
        self.curves = Curves {
            of_any: self.known.curve(&above.of_any, PRIOR),
            of_more: self.known.curve(&above.of_more, PRIOR_OF_MORE),
        };
    }

    /// How often p-values come, for those who begin with that.
    pub(super) fn curves(&self) -> &Curves {
        &self.curves
    }

    /// The tail on the scale of what came before. Of what is as good as the least that can be it is
    /// asked how often more comes: where that lies between two levels the lower one tells, because a
    /// line between them runs through chances that do not exist.
    pub(super) fn rescaled(&self, tail: Tail) -> Tail {
        let Curves { of_any, of_more } = &self.curves;
        let is_least = tail.p().get() > LEVELS[0];
        let beyond = |p| match is_least {
            true => of_more.chance_at_level(p),
            false => of_any.chance(p),
        };
        tail.rescaled(|p| of_any.chance(p), beyond)
    }

    /// What a test has to say for its p-value to be this one.
    pub(super) fn quantile(&self, p: PValue) -> PValue {
        self.curves.of_any.quantile(p)
    }

    /// How many were counted up to a level.
    #[cfg(test)]
    pub(super) fn below(&self, level: f64) -> f64 {
        let level = LEVELS.iter().position(|one| *one == level).unwrap();
        self.known.below[level] + self.fresh.below[level].get()
    }
}
