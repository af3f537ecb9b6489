//! What a location's baseline knows of an entity.

use super::{BETWEEN_INITIAL, LENT_VALUES, LocationSeries, SPREAD_INITIAL, Scale, VARIANCE_MIN};
use crate::score::baseline::LocationKnowledge;
use crate::score::entities::Entity;

impl LocationSeries {
    /// `None` where it was never judged.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
    ) -> Option<LocationKnowledge> {
        let baseline = self.baselines.get(row)?;
        let class = self.classes.get(usize::from(entities[row].class))?;
        let full = self.learning.windows_per_week * LENT_VALUES;
        let [sum, squares, values] = baseline.effective(full);
        let own = (values > 0.0).then(|| sum / values);
        let of_class = class.spread.mean(SPREAD_INITIAL).max(VARIANCE_MIN);
        let own_squares = (squares - values * own.unwrap_or(0.5).powi(2)).max(0.0);
        let spread = (LENT_VALUES * of_class + own_squares) / (LENT_VALUES + values);
        let lent = of_class / class.between.mean(BETWEEN_INITIAL).max(VARIANCE_MIN);
        let expected = (lent * 0.5 + sum) / (lent + values);
        Some(LocationKnowledge {
            own_ridit: own,
            expected_ridit: expected,
            expected_value: Scale::of(&class.values).map(|scale| scale.value(expected)),
            standard_deviation_ridit: spread.max(VARIANCE_MIN).sqrt(),
            evidence_values: values,
            lent_values: lent,
            least_values: self.trials_min,
            settled_share: baseline.settled_share(full),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Direction;
    use crate::domain::Span;
    use crate::measure::Sizes;
    use crate::score::baseline::described::entities_of_a_class;
    use crate::score::baseline::{Learning, LocationValues};

    #[test]
    fn who_sells_dear_goods_is_told_to_be_expected_to() {
        let learning = Learning::new(Span::DAY, Span::days(14));
        let mut series = LocationSeries::new(Direction::Down, 5, learning);
        let entities = entities_of_a_class(8);
        // In hundredths.
        let histogram = |value: u64| {
            let mut sizes = Sizes::default();
            (0..40).for_each(|_| sizes.add(value));
            sizes
        };
        let (cheap, dear) = (histogram(1_000), histogram(50_000));
        let values: Vec<LocationValues<'_>> = (0..8)
            .map(|row| LocationValues {
                row,
                histogram: if row == 1 { &dear } else { &cheap },
                things: 40,
            })
            .collect();
        for _ in 0..10 {
            series.judge(&entities, 1, &values, |_, _, _| {});
            series.next_day();
        }
        let told = |row| series.describe(&entities, row).unwrap();
        let (usual, odd) = (told(0), told(1));
        assert!(odd.own_ridit.unwrap() > 0.9, "{odd:?}");
        assert!(odd.expected_ridit > usual.expected_ridit, "{odd:?}");
        assert!(odd.expected_value > usual.expected_value, "{odd:?}");
        assert!(usual.expected_value.unwrap() < 100.0, "{usual:?}");
        assert!(odd.standard_deviation_ridit > 0.0 && odd.least_values == 5);
    }
}
