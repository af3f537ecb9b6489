//! The beta-binomial distribution: k of n when the chance itself varies from window to window.

use super::special::ln_beta;
use super::{PValue, Tail};
use statrs::function::gamma::ln_gamma;

/// Terms summed at the most. Beyond this n, k and n are scaled down together, which keeps the
/// share and, the variance being that of the chance by then, all but a little of the tail.
const TRIALS_MAX: f64 = 4096.0;

/// A beta-binomial distribution with Beta(a, b) mixing.
#[derive(Clone, Copy, Debug)]
pub struct BetaBinomial {
    a: f64,
    b: f64,
}

impl BetaBinomial {
    /// By the mean share and the concentration a + b; the intra-class correlation is
    /// 1 / (concentration + 1).
    pub fn new(share: f64, concentration: f64) -> BetaBinomial {
        let share = share.clamp(1e-6, 1.0 - 1e-6);
        let concentration = concentration.clamp(1e-3, 1e9);
        BetaBinomial {
            a: share * concentration,
            b: (1.0 - share) * concentration,
        }
    }

    /// Mean share.
    pub fn share(&self) -> f64 {
        self.a / (self.a + self.b)
    }

    /// P(K >= k of n).
    pub fn upper(&self, k: f64, n: f64) -> Tail {
        if n < 1.0 {
            return Tail::NONE;
        }
        let scale = if n > TRIALS_MAX { TRIALS_MAX / n } else { 1.0 };
        let n = (n * scale).round();
        let k = (k * scale).round().clamp(0.0, n);
        let (a, b) = (self.a, self.b);
        let ln_choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
        let ln_pmf = ln_choose + ln_beta(k + a, n - k + b) - ln_beta(a, b);
        // Sum outwards from k; the largest term may lie beyond it, so the sum is rescaled by it.
        let (mut term, mut sum, mut ln_scale) = (1.0_f64, 1.0_f64, 0.0_f64);
        let mut j = k;
        while j < n {
            term *= (n - j) * (j + a) / ((j + 1.0) * (n - j - 1.0 + b));
            sum += term;
            if sum > 1e200 {
                (term, sum, ln_scale) = (
                    term * 1e-200,
                    sum * 1e-200,
                    ln_scale + 200.0 * std::f64::consts::LN_10,
                );
            }
            if term < sum * 1e-14 && b >= 1.0 {
                break;
            }
            j += 1.0;
        }
        Tail::new(PValue::from_ln(ln_pmf + sum.ln() + ln_scale), ln_pmf.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Binomial, DiscreteCDF};

    #[test]
    fn the_whole_is_one_and_steps_are_the_mass() {
        for (share, concentration) in [(0.02, 50.0), (0.41, 49.0), (0.9, 3.0), (0.5, 0.5)] {
            let distribution = BetaBinomial::new(share, concentration);
            assert!((distribution.upper(0.0, 60.0).p().get() - 1.0).abs() < 1e-9);
            for k in 0..60 {
                let k = f64::from(k);
                let here = distribution.upper(k, 60.0);
                let step = here.p().get() - distribution.upper(k + 1.0, 60.0).p().get();
                assert!(
                    (step - here.mass()).abs() < 1e-9,
                    "{share} {concentration} {k}"
                );
            }
        }
    }

    #[test]
    fn a_huge_concentration_is_the_binomial() {
        let ours = BetaBinomial::new(0.1, 1e9).upper(30.0, 100.0).p().get();
        let reference = Binomial::new(0.1, 100).unwrap().sf(29);
        assert!((ours / reference - 1.0).abs() < 1e-4, "{ours} {reference}");
    }

    #[test]
    fn thousands_of_trials_are_scaled_without_moving_the_tail_much() {
        let distribution = BetaBinomial::new(0.03, 50.0);
        let exact = distribution.upper(400.0, 4_000.0).p().ln();
        let scaled = distribution.upper(4_000.0, 40_000.0).p().ln();
        assert!((exact / scaled - 1.0).abs() < 0.02, "{exact} {scaled}");
    }
}
