use super::farrington::*;
use statrs::distribution::{DiscreteCDF, NegativeBinomial as Reference, Poisson};

#[test]
fn an_exponential_trend_is_fitted_exactly() {
    let times: Vec<f64> = (0..8).map(f64::from).collect();
    let values: Vec<f64> = times.iter().map(|time| (2.0 + 0.3 * time).exp()).collect();
    let fit = fit(&times, &values);
    assert!(
        (fit.slope - 0.3).abs() < 1e-6 && (fit.intercept - 2.0).abs() < 1e-6,
        "{fit:?}"
    );
    assert_eq!(fit.dispersion, 1.0);
}

#[test]
fn what_stuck_out_is_weighed_down() {
    let times: Vec<f64> = (0..40).map(f64::from).collect();
    let mut values: Vec<f64> = (0..40).map(|n| f64::from(8 + n % 5)).collect();
    values[20] = 60.0;
    let robust = fit(&times, &values);
    let mean = (robust.intercept + robust.slope * 20.0).exp();
    // Without weights the mean is 11.25, without the value 10.
    assert!((9.8..10.3).contains(&mean), "{mean}");
}

#[test]
fn the_bound_is_the_quantile_of_the_negative_binomial() {
    for (mean, dispersion) in [(3.0, 1.0), (20.0, 2.5), (400.0, 9.0)] {
        let expected = if dispersion > 1.0 {
            let size = mean / (dispersion - 1.0);
            Reference::new(size, 1.0 / dispersion)
                .unwrap()
                .inverse_cdf(0.99)
        } else {
            Poisson::new(mean).unwrap().inverse_cdf(0.99)
        };
        assert_eq!(
            bound(mean, dispersion),
            expected as f64,
            "{mean} {dispersion}"
        );
    }
}

#[test]
fn a_value_at_the_bound_scores_1_and_a_weekly_peak_is_expected() {
    let design = Design {
        period: 7,
        periods: 4,
        half_window: 0,
        recent: 2,
    };
    let mut values: Vec<f64> = (0..35)
        .map(|day| if day % 7 == 6 { 60.0 } else { 20.0 })
        .collect();
    let scores_before = scores(&values, design);
    assert!(scores_before[34].abs() < 0.2, "{}", scores_before[34]);
    values[33] = bound(20.0, 1.0);
    assert!((scores(&values, design)[33] - 1.0).abs() < 0.05);
    let few = vec![0.0, 0.0, 0.0, 1.0, 0.0, 3.0];
    assert!(scores(&few, design).iter().all(|score| *score == 0.0));
}
