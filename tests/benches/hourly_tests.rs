use super::hourly::*;
use rand::SeedableRng;
use rand_distr::{Distribution, Poisson};
use rand_pcg::Pcg64;
use vigie::statistics::NegativeBinomial;

#[test]
fn an_hour_is_judged_by_the_same_hour_of_other_days() {
    // Ten at eight, one at all other hours; twenty days, every hour exactly its mean.
    let values: Vec<f64> = (0..480)
        .map(|at| if at % 24 == 8 { 10.0 } else { 1.0 })
        .collect();
    let mut values = values;
    values[19 * 24 + 8] = 20.0;
    values[19 * 24 + 9] = 20.0;
    let scores = scores(&values, 0);
    // (19 × 10 + 33/24) / 20 is the mean at eight, to a rounding of the last day's hours.
    let expected = -NegativeBinomial::new(9.57, 1e-9).upper(20.0).p().ln();
    assert!(
        (scores[19 * 24 + 8] - expected).abs() < 0.1,
        "{}",
        scores[19 * 24 + 8]
    );
    assert!(scores[19 * 24 + 9] > 3.0 * scores[19 * 24 + 8]);
    assert!(scores[..72].iter().all(|score| *score == 0.0));
}

#[test]
fn poisson_counts_are_alarms_about_as_often_as_they_say() {
    let mut random = Pcg64::seed_from_u64(11);
    let poisson = Poisson::new(6.0).unwrap();
    let values: Vec<f64> = (0..24_000).map(|_| poisson.sample(&mut random)).collect();
    let below = scores(&values, 0)
        .iter()
        .filter(|score| **score > 100_f64.ln())
        .count();
    // At most 1 in 100; discrete, so fewer.
    assert!((60..300).contains(&below), "{below}");
}
