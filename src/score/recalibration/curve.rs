//! A distribution of p-values: how often those up to each of some levels come.

use crate::statistics::PValue;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// P-values are counted up to each of these.
pub(super) const LEVELS: [f64; 26] = [
    0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03,
    0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 3e-5,
];
/// How much more often small p-values come, as p falls by a factor of 10, is taken from these two
/// levels, 1e-2 and 1e-4.
const TREND: (usize, usize) = (18, 24);
const _: () = assert!(LEVELS[TREND.0] == 1e-2 && LEVELS[TREND.1] == 1e-4);
/// The exponent beyond the last level.
const SLOPE_MIN: f64 = 0.6;

/// A distribution of p-values.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Curve {
    /// How often p-values up to each of the levels come.
    #[serde(with = "BigArray")]
    chances: [f64; LEVELS.len()],
    /// The logarithms of a level and of its chance, from likely to unlikely.
    #[serde(with = "BigArray")]
    points: [(f64, f64); LEVELS.len()],
    /// The exponent of p below the last level: less than 1 where small p-values come the more often
    /// the smaller they are.
    slope: f64,
}

impl Curve {
    pub(super) fn new(chances: [f64; LEVELS.len()]) -> Curve {
        let mut points = [(0.0, 0.0); LEVELS.len()];
        for ((point, level), chance) in points.iter_mut().zip(LEVELS).zip(chances) {
            *point = (level.ln(), chance.ln());
        }
        let (from, to) = TREND;
        let times = |level: usize| chances[level] / LEVELS[level];
        let growth = (times(to).max(1.0) / times(from).max(1.0)).log10();
        let decades = (LEVELS[from] / LEVELS[to]).log10();
        Curve {
            chances,
            points,
            slope: (1.0 - growth / decades).clamp(SLOPE_MIN, 1.0),
        }
    }

    pub(super) fn chances(&self) -> &[f64; LEVELS.len()] {
        &self.chances
    }

    pub(super) fn uniform() -> Curve {
        Curve::new(LEVELS)
    }

    /// How often a p-value as small as this comes.
    pub(super) fn chance(&self, p: PValue) -> PValue {
        PValue::from_ln(along(self.points.iter().copied(), p.ln(), self.slope))
    }

    /// How often one up to the next level below this one comes; beyond the last level, one as small
    /// as this.
    pub(super) fn chance_at_level(&self, p: PValue) -> PValue {
        match self.points.iter().find(|(ln_p, _)| *ln_p <= p.ln()) {
            Some((_, ln)) => PValue::from_ln(*ln),
            None => self.chance(p),
        }
    }

    /// The p-value that comes so often.
    pub(super) fn quantile(&self, chance: PValue) -> PValue {
        let swapped = self.points.iter().map(|(ln_p, ln)| (*ln, *ln_p));
        PValue::from_ln(along(swapped, chance.ln(), 1.0 / self.slope))
    }
}

/// The line through falling points, at `x`; beyond the last one it goes on with this slope.
fn along(points: impl Iterator<Item = (f64, f64)>, x: f64, slope: f64) -> f64 {
    let (mut x0, mut y0) = (0.0, 0.0);
    for (x1, y1) in points {
        if x >= x1 {
            return if x0 > x1 {
                y0 + (y1 - y0) * (x0 - x) / (x0 - x1)
            } else {
                y1
            };
        }
        (x0, y0) = (x1, y1);
    }
    y0 + slope * (x - x0)
}
