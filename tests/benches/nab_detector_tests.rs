use super::nab_detector::*;

fn wave(rows: usize) -> Vec<f64> {
    (0..rows).map(|row| f64::from((row % 50) as u32)).collect()
}

#[test]
fn a_value_never_seen_is_strange_once_and_one_worse_is_news() {
    let mut values = wave(400);
    values[300] = 120.0;
    values[310] = 119.0;
    values[320] = 300.0;
    let scores = scores(&values);
    let strange: Vec<usize> = (100..400).filter(|row| scores[*row] > 0.5).collect();
    assert_eq!(strange, [300, 320]);
}

#[test]
fn what_was_seen_before_is_not_strange_and_nothing_is_known_at_first() {
    let mut values = wave(400);
    values[3] = 120.0;
    values[300] = 120.0;
    let scores = scores(&values);
    assert!(scores.iter().all(|score| *score < 0.1), "{scores:?}");
}

#[test]
fn a_stream_of_one_value_is_finite() {
    let mut values = vec![7.0; 60];
    values.push(8.0);
    assert!(scores(&values).iter().all(|score| score.is_finite()));
    assert!(scores(&[]).is_empty());
}

#[test]
fn an_episode_is_over_after_a_hundred_rows() {
    let mut scores = vec![0.0; 300];
    [10, 60, 111, 250]
        .into_iter()
        .for_each(|row| scores[row] = 1.0);
    let kept = first_of_episode(&scores);
    let kept: Vec<usize> = (1..300).filter(|row| kept[*row] > 0.0).collect();
    // The one at 60 belongs to that at 10, and that at 111 to the one at 60.
    assert_eq!(kept, [10, 250]);
}
