use super::zscore::*;

/// Mean 4 and standard deviation 2.160..: 28 / 6 is the variance.
const SEVEN: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

fn with(more: &[f64]) -> Vec<f64> {
    SEVEN.iter().chain(more).copied().collect()
}

#[test]
fn c1_is_the_distance_from_the_seven_values_before() {
    let scores = c1(&with(&[12.0]));
    assert!(scores[..7].iter().all(|score| *score == 0.0));
    assert!((scores[7] - 8.0 / (28.0_f64 / 6.0).sqrt()).abs() < 1e-12);
}

#[test]
fn c2_does_not_look_at_the_newest_two_and_c3_adds_up_what_exceeds_1() {
    let sd = (28.0_f64 / 6.0).sqrt();
    // Judged at 9 against the first seven, whatever stands between.
    let series = with(&[500.0, 900.0, 12.0]);
    assert!((c2(&series)[9] - 8.0 / sd).abs() < 1e-12);
    assert_eq!(c2(&series)[7..9], [0.0, 0.0]);
    assert!((c3(&series)[9] - (8.0 / sd - 1.0)).abs() < 1e-12);
    // One more, judged against values 1 to 7, which hold the 500.
    let series = with(&[500.0, 900.0, 12.0, 12.0]);
    let c3 = c3(&series);
    let own = (c2(&series)[10] - 1.0).max(0.0);
    assert!((c3[10] - (c3[9] + own)).abs() < 1e-12);
}

#[test]
fn the_mean_is_over_what_the_memory_holds_and_never_over_the_value() {
    let scores = above_mean(&with(&[10.0]), 168);
    assert!((scores[7] - 6.0 / (28.0_f64 / 6.0).sqrt()).abs() < 1e-12);
    let mut long = vec![1_000.0; 50];
    long.extend(with(&[10.0]));
    assert_eq!(above_mean(&long, 7)[57], scores[7]);
}

#[test]
fn a_baseline_that_never_varied_is_not_surprised_without_bounds() {
    let mut values = vec![3.0; 20];
    values.push(4.0);
    assert_eq!(c1(&values)[20], 2.0);
}
