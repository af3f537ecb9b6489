//! What a share's baseline knows of an entity.

use super::RatioSeries;
use crate::score::baseline::RatioKnowledge;
use crate::score::entities::Entity;

impl RatioSeries {
    /// `None` where it was never judged.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
    ) -> Option<RatioKnowledge> {
        let baseline = self.baselines.get(row)?;
        let class = self.classes.get(usize::from(entities[row].class))?;
        let full = self.full();
        let [hits, expected, trials] = baseline.effective(full);
        let lent = 1.0 / class.between - 1.0;
        let of_own = |amount: f64| (trials > 0.0).then(|| amount / trials);
        let past = of_own(expected);
        Some(RatioKnowledge {
            own_share: of_own(hits),
            class_share: past,
            expected_share: past.map(|past| (lent * past + hits) / (lent + trials)),
            evidence_trials: trials,
            lent_trials: lent,
            correlation_in_window: class.within(),
            least_trials: self.trials_min,
            settled_share: baseline.settled_share(full),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;
    use crate::score::baseline::Learning;
    use crate::score::baseline::described::entities_of_a_class;

    #[test]
    fn who_has_twice_the_share_of_the_class_is_told_to_be_expected_in_between() {
        let mut series = RatioSeries::new(10, Learning::new(Span::DAY, Span::days(14)));
        let entities = entities_of_a_class(12);
        assert_eq!(series.describe(&entities, 0), None);
        let values: Vec<(usize, u64, u64)> = (0..12)
            .map(|row| (row, if row == 5 { 40 } else { 20 }, 100))
            .collect();
        for _ in 0..10 {
            series.judge(&entities, 1, &values, |_, _| {});
            series.next_day();
        }
        let told = series.describe(&entities, 5).unwrap();
        assert!((told.own_share.unwrap() - 0.4).abs() < 0.02, "{told:?}");
        assert!((told.class_share.unwrap() - 0.22).abs() < 0.03, "{told:?}");
        let expected = told.expected_share.unwrap();
        assert!(expected > 0.25 && expected < 0.4, "{told:?}");
        assert!(told.evidence_trials > 50.0 && told.least_trials == 10);
    }
}
