use super::midas::*;

#[test]
fn the_statistic_is_chi_squared_of_the_tick_against_the_mean() {
    // Five came where 20 in 10 ticks are 2 a tick: (5 + 20 - 50)² / (20 × 9).
    assert!((score_of(5.0, 20.0, 10.0) - 625.0 / 180.0).abs() < 1e-12);
    assert_eq!(
        score_of(2.0, 20.0, 10.0),
        (2.0 + 20.0 - 20.0_f64).powi(2) / 180.0
    );
    assert_eq!(score_of(5.0, 20.0, 1.0), 0.0);
    assert_eq!(score_of(5.0, 0.0, 9.0), 0.0);
}

/// Ticks of three edges, then the score of the last edge of a burst.
fn burst_after(ticks: usize, burst: usize) -> (MidasF, f64) {
    let mut midas = MidasF::new();
    for _ in 0..ticks {
        (0..3).for_each(|_| {
            midas.score(1, 2);
        });
        midas.end_tick();
    }
    let scores = (0..burst).map(|_| midas.score(1, 2));
    let last = scores.last().unwrap_or_default();
    (midas, last)
}

#[test]
fn a_burst_scores_far_above_the_usual_tick() {
    let (_, usual) = burst_after(100, 3);
    let (_, burst) = burst_after(100, 200);
    assert!(usual < 10.0 && burst > 1_000.0, "{usual} {burst}");
}

#[test]
fn a_burst_is_not_learnt() {
    let (mut midas, first) = burst_after(100, 200);
    for _ in 0..5 {
        midas.end_tick();
        (0..200).for_each(|_| {
            midas.score(1, 2);
        });
    }
    // What was above the threshold was replaced by the mean: it is as strange as before.
    let later = midas.score(1, 2);
    assert!(later > first, "{first} {later}");
}
