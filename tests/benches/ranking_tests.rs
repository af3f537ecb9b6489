use super::ranking::*;

#[test]
fn a_hand_counted_ranking() {
    // + - + - : of four pairs three are in order; precision is 1 at the first positive and
    // 2/3 at the second.
    let items = [
        (4.0, true, 1.0),
        (3.0, false, 1.0),
        (2.0, true, 1.0),
        (1.0, false, 1.0),
    ];
    let ranking = Ranking::of(items);
    assert!((ranking.auc - 0.75).abs() < 1e-12);
    assert!((ranking.average_precision - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
    assert_eq!(ranking.recall_at_one_percent, 0.5);
}

#[test]
fn ties_are_worth_half_and_weights_are_repetitions() {
    let tied = Ranking::of([(1.0, true, 1.0), (1.0, false, 1.0)]);
    assert_eq!((tied.auc, tied.average_precision), (0.5, 0.5));
    let heavy = Ranking::of([(2.0, true, 1.0), (1.0, false, 3.0), (0.0, true, 2.0)]);
    let repeated = [(2.0, true), (1.0, false), (1.0, false), (1.0, false)];
    let repeated = repeated.into_iter().chain([(0.0, true), (0.0, true)]);
    assert_eq!(
        heavy,
        Ranking::of(repeated.map(|(score, positive)| (score, positive, 1.0)))
    );
}
