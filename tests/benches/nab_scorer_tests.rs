use super::nab_scorer::*;

/// A hundred rows with a window of ten, 60 to 69, and these detections.
fn file(detections: &[usize]) -> Scored {
    let mut scores = vec![0.0; 100];
    detections.iter().for_each(|row| scores[*row] = 1.0);
    Scored {
        scores,
        windows: vec![60..=69],
    }
}

fn standard(detections: &[usize]) -> f64 {
    score(&[file(detections)], PROFILES[0]).normalised
}

#[test]
fn nothing_is_0_and_the_first_row_of_every_window_is_100() {
    assert_eq!(standard(&[]), 0.0);
    assert!((standard(&[60]) - 100.0).abs() < 1e-9);
    assert!(
        (standard(&[60, 64, 69]) - 100.0).abs() < 1e-9,
        "the earliest counts"
    );
}

#[test]
fn a_later_detection_is_worth_what_the_sigmoid_says() {
    // Position -(69 - 65 + 1) / 10 = -0.5: (2 / (1 + e^-2.5) - 1) / (2 / (1 + e^-5) - 1).
    let worth = 0.848_283_639_957_513 / 0.986_614_298_151_430;
    let expected = 100.0 * (worth + 1.0) / 2.0;
    assert!(
        (standard(&[65]) - expected).abs() < 1e-9,
        "{}",
        standard(&[65])
    );
}

#[test]
fn false_alarms_cost_all_before_a_window_and_less_right_behind_it() {
    let cost = |detections: &[usize]| (100.0 - standard(detections)) * 2.0 / 100.0 / 0.11;
    assert!((cost(&[30, 60]) - 1.0).abs() < 1e-9);
    // One width less one behind: the sigmoid of (78 - 69) / 9 = 1.
    assert!((cost(&[60, 78]) - 0.986_614_298_151_430).abs() < 1e-9);
    // One row behind: the sigmoid of 1 / 9.
    assert!((cost(&[60, 70]) - (5.0_f64 / 18.0).tanh()).abs() < 1e-9);
    // Three widths less one behind: all of it.
    assert!((cost(&[60, 97]) - 1.0).abs() < 1e-9);
}

#[test]
fn the_probationary_period_does_not_count_and_profiles_weigh() {
    assert!((standard(&[5, 14, 60]) - 100.0).abs() < 1e-9);
    assert!(standard(&[15, 60]) < 100.0);
    assert_eq!(
        (probation(100), probation(4_032), probation(22_695)),
        (15, 604, 750)
    );
    let of = |profile: usize| score(&[file(&[30, 60])], PROFILES[profile]).normalised;
    assert!((of(1) - (100.0 - 11.0)).abs() < 1e-9);
    assert!((of(2) - (100.0 - 100.0 * 0.11 / 3.0)).abs() < 1e-9);
}

#[test]
fn one_threshold_for_all_files_is_the_best_one() {
    let mut one = file(&[60]);
    one.scores[20] = 0.5;
    let mut other = file(&[]);
    other.scores[60] = 0.4;
    let best = score(&[one, other], PROFILES[0]);
    assert_eq!((best.hits, best.windows, best.false_alarms), (2, 2, 1));
    assert_eq!(best.threshold, 0.4);
    assert!((best.normalised - 100.0 * (4.0 - 0.11) / 4.0).abs() < 1e-9);
}
