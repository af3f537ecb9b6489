//! The negative binomial distribution, by mean and size: the predictive distribution of a
//! Gamma-Poisson count.
//!
//! Variance = mean + mean² / size. A Poisson test in its place fires at 1.9e-2 where 1e-6 was
//! asked for, once rates vary by 20 %.

use super::special::{
    continued_fraction, ln_beta, ln_beta_reg, ln_beta_reg_from, ln_one_minus_exp,
};
use super::{PValue, Tail};
use serde::{Deserialize, Serialize};

/// Where the integral over a scattered mean is evaluated, in standard deviations, and how far apart:
/// for a normal density sums over halves of them are exact to many digits.
const SCATTER_NODES: std::ops::RangeInclusive<i32> = -8..=14;
const SCATTER_STEP: f64 = 0.5;

/// A negative binomial distribution with `mean` > 0 and `size` (r) > 0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct NegativeBinomial {
    mean: f64,
    size: f64,
}

impl NegativeBinomial {
    /// With the given mean and relative variance beyond Poisson, `dispersion` = 1 / size.
    /// Both are kept away from 0 and infinity.
    pub fn new(mean: f64, dispersion: f64) -> NegativeBinomial {
        NegativeBinomial {
            mean: mean.clamp(1e-12, 1e15),
            size: 1.0 / dispersion.clamp(1e-9, 1e6),
        }
    }

    /// Expectation.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The same dispersion around another mean.
    pub fn with_mean(&self, mean: f64) -> NegativeBinomial {
        NegativeBinomial::new(mean, 1.0 / self.size)
    }

    /// ln of the chance of a hit, p = r / (r + mean), and of q = 1 - p.
    fn ln_p_q(&self) -> (f64, f64) {
        let ln_p = -(self.mean / self.size).ln_1p();
        let ln_q = -(self.size / self.mean).ln_1p();
        (ln_p, ln_q)
    }

    /// ln P(X = 0), which most entities are asked for in most windows.
    fn ln_zero(&self) -> f64 {
        -self.size * (self.mean / self.size).ln_1p()
    }

    /// ln P(X = 1).
    pub fn ln_one(&self) -> f64 {
        let (ln_p, ln_q) = self.ln_p_q();
        self.size.ln() + self.size * ln_p + ln_q
    }

    /// P(X >= 1).
    pub fn not_zero(&self) -> PValue {
        PValue::from_ln(ln_one_minus_exp(self.ln_zero()))
    }

    /// ln of p^r q^x / B(r, x), for x > 0: x times the probability of x, and what the incomplete
    /// beta functions of both tails begin with.
    fn ln_prefactor(&self, x: f64, (ln_p, ln_q): (f64, f64)) -> f64 {
        self.size * ln_p + x * ln_q - ln_beta(x, self.size)
    }

    /// ln of how much likelier x is where the mean is `shift` times as high and the size the same.
    pub fn ln_ratio(&self, x: f64, shift: f64) -> f64 {
        let (r, mean) = (self.size, self.mean);
        let ln_larger = ((r + shift * mean) / (r + mean)).ln();
        x * (shift.ln() - ln_larger) - r * ln_larger
    }

    /// P(X >= x).
    pub fn upper(&self, x: f64) -> Tail {
        if x <= 0.0 {
            return Tail::new(PValue::ONE, self.ln_zero().exp());
        }
        let ln_prefactor = self.ln_prefactor(x, self.ln_p_q());
        let ln_pmf = ln_prefactor - x.ln();
        let q = self.mean / (self.mean + self.size);
        let p = if q < (x + 1.0) / (x + self.size + 2.0) {
            // P(X >= x) = I_q(x, r)
            PValue::from_ln(ln_pmf + continued_fraction(x, self.size, q).ln())
        } else {
            // P(X < x) = I_p(r, x)
            let p = self.size / (self.mean + self.size);
            let below = ln_beta_reg_from(ln_prefactor, self.size, x, p);
            PValue::from_ln(ln_one_minus_exp(below.min(0.0)))
        };
        Tail::new(p, ln_pmf.exp())
    }

    /// P(X >= x) where the mean is multiplied by a lognormal factor of mean 1 whose variance is
    /// `scatter`. Far out that is likelier than under a negative binomial of the same variance, whose
    /// factor is a Gamma.
    pub fn upper_of_scattered(&self, x: f64, scatter: f64) -> Tail {
        let variance = scatter.ln_1p();
        let (mut side, mut mass, mut weights) = (0.0, 0.0, 0.0);
        for node in SCATTER_NODES {
            let z = f64::from(node) * SCATTER_STEP;
            let weight = (-z * z / 2.0).exp();
            let factor = (variance.sqrt() * z - variance / 2.0).exp();
            let tail = self.with_mean(self.mean * factor).upper(x);
            side += weight * tail.p().get();
            mass += weight * tail.mass();
            weights += weight;
        }
        Tail::new(PValue::new(side / weights), mass / weights)
    }

    /// P(X <= x).
    pub fn lower(&self, x: f64) -> Tail {
        if x <= 0.0 {
            let ln = self.ln_zero();
            return Tail::new(PValue::from_ln(ln), ln.exp());
        }
        let (ln_p, ln_q) = self.ln_p_q();
        let p = self.size / (self.mean + self.size);
        let ln = ln_beta_reg(self.size, x + 1.0, p, ln_p, ln_q);
        let ln_pmf = self.ln_prefactor(x, (ln_p, ln_q)) - x.ln();
        Tail::new(PValue::from_ln(ln), ln_pmf.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Gamma, LogNormal};
    use rand_pcg::Pcg64;
    use statrs::distribution::{Discrete, DiscreteCDF, NegativeBinomial as Reference, Poisson};

    #[test]
    fn tails_agree_with_statrs() {
        for size in [0.05, 0.5, 4.0, 250.0] {
            for mean in [0.02, 1.0, 30.0, 4_000.0] {
                let ours = NegativeBinomial::new(mean, 1.0 / size);
                let reference = Reference::new(size, size / (size + mean)).unwrap();
                for x in [0_u64, 1, 2, 7, 40, 500, 9_000] {
                    let upper = if x == 0 { 1.0 } else { reference.sf(x - 1) };
                    let lower = reference.cdf(x);
                    let pmf = reference.pmf(x);
                    let (up, low) = (ours.upper(x as f64), ours.lower(x as f64));
                    for (name, ours, theirs) in [
                        ("upper", up.p().get(), upper),
                        ("lower", low.p().get(), lower),
                        ("pmf", up.mass(), pmf),
                        ("pmf", low.mass(), pmf),
                    ] {
                        if theirs > 1e-250 {
                            let close =
                                (ours / theirs - 1.0).abs() < 1e-6 || (ours - theirs).abs() < 1e-11;
                            assert!(close, "{name} r={size} mean={mean} x={x}: {ours} {theirs}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_likelihood_ratio_is_that_of_the_two_masses() {
        let (usual, larger) = (
            NegativeBinomial::new(12.0, 0.25),
            NegativeBinomial::new(18.0, 0.25),
        );
        for x in [1.0, 7.0, 12.0, 40.0] {
            let ratio = (larger.upper(x).mass() / usual.upper(x).mass()).ln();
            assert!((usual.ln_ratio(x, 1.5) - ratio).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn tails_and_mass_add_up() {
        let distribution = NegativeBinomial::new(12.0, 0.25);
        for x in 1..200 {
            let x = f64::from(x);
            let sum = distribution.upper(x).p().get() + distribution.lower(x - 1.0).p().get();
            assert!((sum - 1.0).abs() < 1e-10, "{x}: {sum}");
            let step = distribution.upper(x).p().get() - distribution.upper(x + 1.0).p().get();
            assert!((step - distribution.upper(x).mass()).abs() < 1e-10);
        }
        for mean in [1e-6, 0.02, 1.0, 30.0] {
            let distribution = NegativeBinomial::new(mean, 0.25);
            let (ours, theirs) = (distribution.not_zero(), distribution.upper(1.0).p());
            assert!((ours.ln() - theirs.ln()).abs() < 1e-10, "{mean}");
        }
    }

    #[test]
    fn a_scattered_mean_makes_a_tail_that_drawing_gives_and_a_heavier_one_far_out() {
        let (law, scatter) = (NegativeBinomial::new(40.0, 0.02), 0.15_f64);
        let variance = scatter.ln_1p();
        let factor = LogNormal::new(-variance / 2.0, variance.sqrt()).unwrap();
        let mut rng = Pcg64::seed_from_u64(14);
        let draws: Vec<f64> = (0..200_000)
            .map(|_| {
                let mean = 40.0 * factor.sample(&mut rng);
                let rate = Gamma::new(50.0, mean / 50.0).unwrap().sample(&mut rng);
                rand_distr::Poisson::new(rate).unwrap().sample(&mut rng)
            })
            .collect();
        for x in [20.0, 45.0, 80.0, 120.0] {
            let tail = law.upper_of_scattered(x, scatter);
            let drawn = |is: &dyn Fn(f64) -> bool| {
                draws.iter().filter(|draw| is(**draw)).count() as f64 / draws.len() as f64
            };
            let beyond = drawn(&|draw| draw >= x);
            let error = 4.0 * (beyond / draws.len() as f64).sqrt();
            assert!(
                (tail.p().get() - beyond).abs() < error,
                "{x}: {tail:?} {beyond}"
            );
            let here = drawn(&|draw| draw == x);
            assert!((tail.mass() - here).abs() < 1e-3, "{x}: {tail:?} {here}");
        }
        let same_variance = NegativeBinomial::new(40.0, 0.02 + scatter * 1.02);
        let far = |tail: Tail| tail.p().get();
        assert!(
            far(law.upper_of_scattered(250.0, scatter)) > 5.0 * far(same_variance.upper(250.0))
        );
        // Without scatter nothing changes.
        let (plain, still) = (law.upper(70.0), law.upper_of_scattered(70.0, 0.0));
        assert!((still.p().get() / plain.p().get() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn without_dispersion_it_is_poisson_and_the_tail_stays_finite_far_out() {
        let ours = NegativeBinomial::new(20.0, 1e-9);
        let poisson = Poisson::new(20.0).unwrap();
        assert!((ours.upper(45.0).p().get() / poisson.sf(44) - 1.0).abs() < 1e-5);
        let far = NegativeBinomial::new(5.0, 0.01).upper(50_000.0).p();
        assert_eq!(far, PValue::FLOOR);
    }
}
