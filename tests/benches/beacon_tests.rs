use super::beacon::*;

fn every(seconds: f64) -> Vec<f64> {
    let times = (0..).map(|n| f64::from(n) * seconds);
    times.take_while(|time| *time < DAY_SECONDS).collect()
}

#[test]
fn a_clock_with_one_size_scores_1() {
    let times = every(900.0);
    let sizes = vec![1_200.0; times.len()];
    assert!((score(&times, &sizes) - 1.0).abs() < 0.01);
}

#[test]
fn skew_and_scatter_are_those_of_the_quartiles() {
    // Quartiles 2, 3, 7: Bowley (7 + 2 - 6) / 5 = 0.6; deviations 2 1 0 4 7: MAD 2 of median 3.
    let values = [1.0, 2.0, 3.0, 7.0, 10.0];
    let expected = (1.0 - 0.6 + (3.0 - 2.0) / 3.0) / 2.0;
    assert!((regularity(&values) - expected).abs() < 1e-12);
    assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
}

#[test]
fn a_morning_of_work_scores_less_and_three_contacts_nothing() {
    let times: Vec<f64> = (0..200)
        .map(|n| 32_400.0 + f64::from(n * n % 7_000))
        .collect();
    let mut times = times;
    times.sort_by(f64::total_cmp);
    let sizes: Vec<f64> = (0..200).map(|n| f64::from(n * 7_919 % 10_007)).collect();
    assert!(score(&times, &sizes) < 0.6, "{}", score(&times, &sizes));
    assert_eq!(score(&[0.0, 60.0, 120.0], &[1.0; 3]), 0.0);
}
