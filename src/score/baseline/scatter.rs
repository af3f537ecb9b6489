//! How far windows scatter around their entity, and entities around their class: variances that a
//! class learns from one window of an entity after the other.
//!
//! Two things make windows scatter beyond what as many independent trials would: the trials of one window are of unequal weight or come in clusters, so
//! that n of them say as much as n / design (Kish, "Survey Sampling", 1965); and windows differ,
//! however many trials they have. In units of a single trial's variance that of a share is
//! `design / n + within`, a line in 1 / n, which is fitted by weighted least squares. Taken for one
//! number the first would pass for the second, and nobody's large window could tell anything.

use serde::{Deserialize, Serialize};

/// Windows that the guess at the beginning stands for.
const INITIAL_WINDOWS: f64 = 20.0;
/// Trials of those windows.
const INITIAL_TRIALS: [f64; 2] = [15.0, 150.0];
/// Windows are weighted as if they differed by this much: those of more trials say no more of it.
const TYPICAL_WITHIN: f64 = 0.02;
const DESIGN_MAX: f64 = 8.0;
const WITHIN_MIN: f64 = 0.001;
const WITHIN_MAX: f64 = 0.5;
/// How fast it forgets, per window.
const MEMORY: f64 = 0.998;
/// A window that is farther out than this many times what is usual is learnt as if it stood there.
const SQUARE_MAX: f64 = 16.0;

/// A running mean that starts at a guess.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    sum: f64,
    windows: f64,
}

impl Remembered {
    pub(super) fn learn(&mut self, value: f64) {
        self.sum = MEMORY * self.sum + value;
        self.windows = MEMORY * self.windows + 1.0;
    }

    pub(super) fn mean(&self, guess: f64) -> f64 {
        (self.sum + INITIAL_WINDOWS * guess) / (self.windows + INITIAL_WINDOWS)
    }
}

/// Weighted sums of 1, n, n², y and n y, where y is n times a window's squared deviation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Scatter {
    sums: [f64; 5],
}

impl Scatter {
    /// Before anything was seen.
    pub(super) fn new(within: f64) -> Scatter {
        let mut scatter = Scatter { sums: [0.0; 5] };
        for n in INITIAL_TRIALS {
            let windows = INITIAL_WINDOWS / INITIAL_TRIALS.len() as f64;
            scatter.add(n, 1.0 + within * n, windows);
        }
        scatter
    }

    fn add(&mut self, n: f64, y: f64, windows: f64) {
        let weight = windows / (1.0 + TYPICAL_WITHIN * n).powi(2);
        for (sum, value) in self.sums.iter_mut().zip([1.0, n, n * n, y, n * y]) {
            *sum += weight * value;
        }
    }

    /// Design effect and variance between windows.
    pub(super) fn fit(&self) -> (f64, f64) {
        let [ones, n, squares, y, ny] = self.sums;
        let spread = ones * squares - n * n;
        let slope = if spread > 1e-9 * ones * squares {
            (ones * ny - n * y) / spread
        } else {
            0.0
        };
        let design = ((y - slope * n) / ones).clamp(1.0, DESIGN_MAX);
        // What the bounds of one leave is the other's.
        let within = (y - design * ones) / n;
        (design, within.clamp(WITHIN_MIN, WITHIN_MAX))
    }

    /// The variance of the share of n trials, over that of one: they say as much as the inverse of
    /// it in independent trials.
    pub(super) fn of(&self, n: f64) -> f64 {
        let (design, within) = self.fit();
        design / n + within
    }

    /// A window of n trials was off by this square, over the variance of one trial, where what was
    /// expected is in `doubt` itself.
    pub(super) fn learn(&mut self, n: f64, square: f64, doubt: f64) {
        let usual = self.of(n) + doubt;
        let beyond = square.min(SQUARE_MAX * usual) - doubt;
        self.sums = self.sums.map(|sum| MEMORY * sum);
        self.add(n, n * beyond, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Normal};
    use rand_pcg::Pcg64;

    fn learnt(design: f64, within: f64) -> (f64, f64) {
        let mut rng = Pcg64::seed_from_u64(11);
        let mut scatter = Scatter::new(0.05);
        let mut fits = (0.0, 0.0);
        for window in 0..8_000 {
            let n = 10.0 * 30_f64.powf(rng.random::<f64>());
            let sd = (design / n + within).sqrt();
            let off: f64 = Normal::new(0.0, sd).unwrap().sample(&mut rng);
            scatter.learn(n, off * off, 0.0);
            if window >= 4_000 {
                let (design, within) = scatter.fit();
                fits = (fits.0 + design / 4_000.0, fits.1 + within / 4_000.0);
            }
        }
        fits
    }

    #[test]
    fn clusters_and_windows_that_differ_are_told_apart() {
        for (design, within) in [(1.4, 0.001), (1.0, 0.03), (3.0, 0.02)] {
            let (fitted, between) = learnt(design, within);
            assert!((fitted / design - 1.0).abs() < 0.25, "{design}: {fitted}");
            assert!((between - within).abs() < 0.004, "{within}: {between}");
        }
    }

    #[test]
    fn before_anything_is_seen_it_is_what_was_guessed() {
        let (design, within) = Scatter::new(0.05).fit();
        assert!((design - 1.0).abs() < 1e-9 && (within - 0.05).abs() < 1e-9);
    }
}
