//! How much more than a Poisson count scatters: variance = mean × (1 + linear) + quadratic × mean².
//!
//! The linear part is that of events that come in clumps: a person opens a page and reads on, and
//! at night, when one sitting an hour is expected, that is nearly all scatter there is. The
//! quadratic part is that of rates that vary. (NB1 and NB2 in Cameron and Trivedi, Regression
//! Analysis of Count Data, 2013, section 3.3.) Both are fitted per class by weighted least
//! squares of the squared deviations, discounted per window.

use crate::statistics::FixedSum;
use serde::{Deserialize, Serialize};

/// Nothing is steadier than 5 % from window to window.
const QUADRATIC_MIN: f64 = 0.0025;
const QUADRATIC_MAX: f64 = 20.0;
/// Records of a transfer are hundreds at once.
const LINEAR_MAX: f64 = 10_000.0;
/// Taken before anything was seen, and how many well measured windows that stands for.
const INITIAL: Overdispersion = Overdispersion {
    linear: 3.0,
    quadratic: 0.25,
};
const INITIAL_WINDOWS: f64 = 6.0;
/// Windows' worth of evidence that the class's value stands for with an entity.
const LENT_WINDOWS: f64 = 12.0;
/// Deviations beyond so many standard deviations, and so many times the scale on which the
/// tail decays, are learnt as if they stood there.
const WINSOR_SD: f64 = 5.0;
const WINSOR_SCALES: f64 = 4.0;

/// The two parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Overdispersion {
    pub(super) linear: f64,
    pub(super) quadratic: f64,
}

/// How the variance of one count depends on the two parts, uncertainty of the mean included:
/// variance = `known` + linear × `of_linear` + quadratic × `of_quadratic`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variance {
    pub(super) mean: f64,
    pub(super) known: f64,
    pub(super) of_linear: f64,
    pub(super) of_quadratic: f64,
}

impl Variance {
    pub(super) fn with(&self, parts: &Overdispersion) -> f64 {
        self.known + parts.linear * self.of_linear + parts.quadratic * self.of_quadratic
    }

    /// The dispersion (1 / size) of the negative binomial with that mean and variance.
    pub(super) fn dispersion(&self, parts: &Overdispersion) -> f64 {
        (self.with(parts) - self.mean) / (self.mean * self.mean)
    }

    /// How far from the mean values are believed.
    pub(super) fn reach(&self, parts: &Overdispersion) -> f64 {
        let variance = self.with(parts);
        WINSOR_SD * variance.sqrt() + WINSOR_SCALES * variance / self.mean
    }

    /// The square of what `x` deviates, as far as it is believed, beyond what is known.
    fn excess(&self, x: f64, parts: &Overdispersion) -> f64 {
        let reach = self.reach(parts);
        let deviation = (x - self.mean).clamp(-reach, reach);
        deviation * deviation - self.known
    }
}

/// What a class's windows say; the order of its entities does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deviations {
    /// The sums of the normal equations.
    sums: [FixedSum; 5],
}

impl Deviations {
    /// One entity's window: `x` where `variance` was expected, with its usual parts.
    pub(super) fn add(&mut self, x: f64, variance: &Variance, usual: &Overdispersion) {
        let excess = variance.excess(x, usual);
        let expected = variance.with(usual);
        // A negative binomial's, by its dispersion and variance.
        let kurtosis = 6.0 * variance.dispersion(usual) + 1.0 / expected;
        let weight = 1.0 / (expected * expected * (2.0 + kurtosis));
        let (linear, quadratic) = (variance.of_linear, variance.of_quadratic);
        let terms = [
            linear * linear,
            linear * quadratic,
            quadratic * quadratic,
            linear * excess,
            quadratic * excess,
        ];
        for (sum, term) in self.sums.iter_mut().zip(terms) {
            sum.add(weight * term);
        }
    }
}

/// What a class has learnt.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ClassOverdispersion {
    sums: [f64; 5],
    pub(super) fit: Overdispersion,
}

impl Default for ClassOverdispersion {
    fn default() -> Self {
        ClassOverdispersion {
            sums: [0.0; 5],
            fit: INITIAL,
        }
    }
}

impl ClassOverdispersion {
    pub(super) fn learn(&mut self, window: &Deviations, keep: f64) {
        for (sum, new) in self.sums.iter_mut().zip(window.sums) {
            *sum = keep * *sum + new.get();
        }
        let [
            mut linear,
            cross,
            mut quadratic,
            mut of_linear,
            mut of_quadratic,
        ] = self.sums;
        let initial = INITIAL_WINDOWS / (INITIAL.quadratic * INITIAL.quadratic);
        linear += INITIAL_WINDOWS;
        of_linear += INITIAL_WINDOWS * INITIAL.linear;
        quadratic += initial;
        of_quadratic += initial * INITIAL.quadratic;
        let determinant = linear * quadratic - cross * cross;
        let mut fit = Overdispersion {
            linear: (quadratic * of_linear - cross * of_quadratic) / determinant,
            quadratic: (linear * of_quadratic - cross * of_linear) / determinant,
        };
        // Where one part would be negative the other explains all.
        if fit.linear < 0.0 {
            fit.quadratic = of_quadratic / quadratic;
        } else if fit.quadratic < QUADRATIC_MIN {
            fit.linear = (of_linear - QUADRATIC_MIN * cross) / linear;
        }
        self.fit = Overdispersion {
            linear: fit.linear.clamp(0.0, LINEAR_MAX),
            quadratic: fit.quadratic.clamp(QUADRATIC_MIN, QUADRATIC_MAX),
        };
    }
}

/// An entity's own quadratic part, shrunk to its class's.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct OwnOverdispersion {
    /// Weighted excess, and weight.
    sums: [f32; 2],
}

impl OwnOverdispersion {
    pub(super) fn shrunk_to(&self, class: &Overdispersion) -> Overdispersion {
        let lent = LENT_WINDOWS / (class.quadratic * class.quadratic);
        let [excess, weight] = self.sums.map(f64::from);
        let quadratic = (excess + lent * class.quadratic) / (weight + lent);
        Overdispersion {
            linear: class.linear,
            quadratic: quadratic.clamp(QUADRATIC_MIN, QUADRATIC_MAX),
        }
    }

    /// As [`Deviations::add`]; `weight` is the share of a whole window.
    pub(super) fn learn(
        &mut self,
        x: f64,
        variance: &Variance,
        usual: &Overdispersion,
        weight: f64,
        keep: f32,
    ) {
        let excess = variance.excess(x, usual) - usual.linear * variance.of_linear;
        let precision = weight * (variance.of_quadratic / variance.with(usual)).powi(2);
        let [sum, weights] = self.sums.map(|sum| sum * keep);
        self.sums = [
            sum + (precision * excess / variance.of_quadratic) as f32,
            weights + precision as f32,
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Gamma, Poisson};
    use rand_pcg::Pcg64;

    /// Learns from windows whose rates vary and whose events come in clumps of a fixed size.
    fn fitted(clump: f64, rate_cv: f64, means: &[f64], windows: usize) -> Overdispersion {
        let mut rng = Pcg64::seed_from_u64(11);
        let mut class = ClassOverdispersion::default();
        let rates = Gamma::new(1.0 / (rate_cv * rate_cv), rate_cv * rate_cv).unwrap();
        for _ in 0..windows {
            let mut deviations = Deviations::default();
            for mean in means {
                let clumps = mean * rates.sample(&mut rng) / clump;
                let x = clump * Poisson::new(clumps).unwrap().sample(&mut rng);
                let variance = Variance {
                    mean: *mean,
                    known: *mean,
                    of_linear: *mean,
                    of_quadratic: mean * mean,
                };
                deviations.add(x, &variance, &class.fit);
            }
            class.learn(&deviations, 1.0);
        }
        class.fit
    }

    #[test]
    fn both_parts_are_told_apart() {
        let means = [0.05, 0.5, 3.0, 40.0, 400.0];
        let fit = fitted(4.0, 0.3, &means, 3_000);
        assert!((fit.linear - 3.0).abs() < 0.6, "{fit:?}");
        assert!((fit.quadratic - 0.09).abs() < 0.02, "{fit:?}");
    }

    #[test]
    fn single_events_at_a_steady_rate_have_neither() {
        let fit = fitted(1.0, 0.02, &[0.2, 5.0, 60.0], 2_000);
        assert!(fit.linear < 0.1 && fit.quadratic < 0.01, "{fit:?}");
    }

    #[test]
    fn little_evidence_leaves_it_near_where_it_began() {
        let fit = fitted(1.0, 0.02, &[0.2], 3);
        assert!((fit.linear - INITIAL.linear).abs() < 0.5, "{fit:?}");
        assert!((fit.quadratic - INITIAL.quadratic).abs() < 0.1, "{fit:?}");
    }
}
