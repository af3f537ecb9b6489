//! Sums of a random number of summands.

/// A dispersion below this is that of a Poisson count.
const DISPERSION_MIN: f64 = 1e-6;

/// P(S ≥ N) where S is the sum of a negative binomial number of independent summands, of which one
/// is `k` with the probability `chances[k]` and N or more with what is left. `count` and
/// `dispersion` are the mean of their number and the square of its coefficient of variation beyond
/// Poisson's. In N² / 2 steps by the recursion of Panjer ("Recursive evaluation of a family of compound
/// distributions", ASTIN Bulletin 12, 1981); absolute errors are of the order of 1e-15.
pub fn compound_upper<const N: usize>(count: f64, dispersion: f64, chances: &[f64; N]) -> f64 {
    let shape = 1.0 / dispersion.max(DISPERSION_MIN);
    let odds = count / shape;
    let a = odds / (1.0 + odds);
    let b = (shape - 1.0) * a;
    let none = chances[0];
    let mut below = [0.0; N];
    below[0] = (-shape * (odds * (1.0 - none)).ln_1p()).exp();
    for sum in 1..N {
        let terms = (1..=sum).map(|size| {
            let weight = a + b * size as f64 / sum as f64;
            weight * chances[size] * below[sum - size]
        });
        below[sum] = terms.sum::<f64>() / (1.0 - a * none);
    }
    1.0 - below.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NegativeBinomial;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Gamma, Poisson};
    use rand_pcg::Pcg64;

    #[test]
    fn a_compound_of_ones_is_the_count_itself() {
        let mut ones = [0.0; 24];
        ones[1] = 1.0;
        for dispersion in [0.05, 1.0, 3.0] {
            let due = NegativeBinomial::new(7.0, dispersion).upper(24.0).p().get();
            let upper = compound_upper(7.0, dispersion, &ones);
            assert!((upper / due - 1.0).abs() < 1e-6, "{upper} {due}");
        }
    }

    #[test]
    fn sums_come_as_often_as_drawn_ones() {
        // Pages of 1 to 4, one export of 20 among 50, and one of 40 or more among 200.
        let mut chances = [0.0; 40];
        (chances[0], chances[20]) = (0.1, 0.02);
        chances[1..5].fill((1.0 - 0.1 - 0.02 - 0.005) / 4.0);
        let (count, dispersion) = (4.0, 0.5);
        let mut rng = Pcg64::seed_from_u64(3);
        let rates = Gamma::new(1.0 / dispersion, dispersion * count).unwrap();
        let draw = |rng: &mut Pcg64| {
            let number = Poisson::new(f64::max(rates.sample(rng), 1e-12))
                .unwrap()
                .sample(rng);
            let mut sum = 0;
            for _ in 0..number as u64 {
                let mut left: f64 = rng.random();
                let below = chances.iter().position(|chance| {
                    left -= chance;
                    left < 0.0
                });
                sum += below.unwrap_or(40);
            }
            sum
        };
        let n = 400_000;
        let above = (0..n).filter(|_| draw(&mut rng) >= 40).count() as f64;
        let due = compound_upper(count, dispersion, &chances) * f64::from(n);
        // Four standard deviations.
        assert!((above - due).abs() < 4.0 * due.sqrt(), "{above} {due}");
    }
}
