//! What many entities of a class do in one window, told from what a few of them do.

/// Entities that may do something of their own: so many, and such a share.
const FEW: usize = 2;
const FEW_SHARE: f64 = 0.02;
/// Entities beside those for a window to show anything.
const MANY: usize = 6;
/// Of those that have a hit at all no larger share says by how much everybody is shifted.
const SPREAD_MAX: f64 = 0.9;
/// Nothing shifts everybody further.
const SHIFT_MAX: f64 = 1e4;
/// Halvings of its logarithm: to a tenth of a per cent.
const BISECTIONS: u32 = 13;

/// Of so many entities, those that may do something of their own.
fn few_of(entities: usize) -> usize {
    FEW.max((FEW_SHARE * entities as f64).ceil() as usize)
}

/// The mean without the largest few: what these show is their own. `None` where too few are left.
pub(super) fn mean_of_the_others(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.truncate(sorted.len().saturating_sub(few_of(values.len())));
    (sorted.len() >= MANY).then(|| sorted.iter().sum::<f64>() / sorted.len() as f64)
}

/// By what factor the hits that are `expected` of each entity are more, if so many of them, but for
/// a few, have a hit at all; 1 where they are not more. Where hits are rare a wrong clock gives one
/// to every third seller, and neither the sum of hits nor the median entity tells.
pub(super) fn spread_shift(expected: &[f64], hit: usize) -> f64 {
    let most = (SPREAD_MAX * expected.len() as f64).floor();
    let hit = (hit.saturating_sub(few_of(expected.len())) as f64).min(most);
    let hit_at = |shift: f64| -> f64 {
        let chance = |mean: &f64| -(-shift * mean).exp_m1();
        expected.iter().map(chance).sum()
    };
    let (mut low, mut high) = (1.0, SHIFT_MAX);
    if hit == 0.0 || hit <= hit_at(low) {
        return 1.0;
    }
    for _ in 0..BISECTIONS {
        let middle = f64::sqrt(low * high);
        match hit_at(middle) < hit {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_few_do_moves_nobody() {
        let mut values = vec![0.1; 60];
        (values[3], values[40]) = (1e6, 1e3);
        assert!((mean_of_the_others(&values).unwrap() - 0.1).abs() < 1e-12);
        values[50] = 1e6;
        assert!(mean_of_the_others(&values).unwrap() > 1.0);
        assert_eq!(mean_of_the_others(&values[..7]), None);
        let rare = [0.01; 60];
        assert_eq!(spread_shift(&rare, 2), 1.0);
        assert!(spread_shift(&rare, 6) > 2.0);
    }

    #[test]
    fn so_many_with_a_hit_tell_by_how_much_more_there_are() {
        // A third of 300 expect twice as much as the others; all have thirty times that.
        let expected: Vec<f64> = (0..300)
            .map(|n| if n % 3 == 0 { 0.01 } else { 0.005 })
            .collect();
        let due: f64 = expected.iter().map(|mean| 1.0 - (-30.0 * mean).exp()).sum();
        let hit = due.round() as usize + few_of(300);
        let shift = spread_shift(&expected, hit);
        assert!((shift / 30.0 - 1.0).abs() < 0.03, "{shift}");
        // Where all have one, it may be any factor from some on.
        assert!(spread_shift(&expected, 300) < SHIFT_MAX / 10.0);
        assert_eq!(spread_shift(&[], 0), 1.0);
    }
}
