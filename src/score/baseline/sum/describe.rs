//! What a sum's baseline knows of an entity.

use super::{LENT_SUMMANDS, SIZE_MIN, SumSeries};
use crate::score::baseline::SumKnowledge;
use crate::score::entities::Entity;

impl SumSeries {
    /// `None` where it was never judged.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
    ) -> Option<SumKnowledge> {
        let evidence = self.means.get(row)?;
        let class = self.classes.get(usize::from(entities[row].class))?;
        let full = self.learning.windows_per_week;
        let [amount, summands] = evidence.effective(full);
        let expected = (amount + LENT_SUMMANDS * class.mean) / (summands + LENT_SUMMANDS);
        Some(SumKnowledge {
            own_mean_size: (summands > 0.0).then(|| amount / summands),
            class_mean_size: class.mean,
            expected_mean_size: expected.max(SIZE_MIN),
            evidence_summands: summands,
            class_summands: class.summands,
            settled_share: evidence.settled_share(full),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;
    use crate::measure::Sizes;
    use crate::score::baseline::described::entities_of_a_class;
    use crate::score::baseline::{Learning, SumValues};

    #[test]
    fn the_size_that_is_told_times_the_summands_is_what_is_expected_of_the_sum() {
        let mut series = SumSeries::new(Learning::new(Span::DAY, Span::days(14)));
        let entities = entities_of_a_class(3);
        let mut sizes = vec![Sizes::default()];
        for size in [2, 4, 6] {
            (0..100).for_each(|_| sizes[0].add(size));
        }
        let values = SumValues {
            sums: &[200, 400, 600],
            summands: &[100; 3],
            sizes: &sizes,
        };
        let mut expected = Vec::new();
        for _ in 0..3 {
            expected.clear();
            let told = series.describe(&entities, 2);
            series.judge(&entities, 1, values, |_, judged| {
                expected.push(judged.expected);
            });
            if let (Some(told), Some(expected)) = (told, expected.get(2)) {
                assert!((told.own_mean_size.unwrap() - 6.0).abs() < 1e-3);
                assert!((told.class_mean_size - 4.0).abs() < 1e-6);
                assert!(told.expected_mean_size < 6.0);
                let sum = 100.0 * told.expected_mean_size;
                assert!((sum / expected - 1.0).abs() < 1e-3, "{sum} {expected}");
            }
        }
        assert_eq!(expected.len(), 3);
    }
}
