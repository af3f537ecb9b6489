//! What a mix's baseline knows of an entity.

use super::MixSeries;
use crate::score::baseline::{CategoryKnowledge, MixKnowledge};
use crate::score::entities::Entity;

impl MixSeries {
    /// `None` where it was never judged.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
    ) -> Option<MixKnowledge> {
        let baseline = self.baselines.get(row)?;
        let class = self.classes.get(usize::from(entities[row].class))?;
        let full = self.learning.windows_per_week * 20.0;
        let own = baseline.shares(class.names.len(), full);
        let ordinary = vec![1.0; class.names.len()];
        let expected = class.shares_of(baseline, full, &ordinary);
        let mut categories: Vec<CategoryKnowledge> = class
            .names
            .iter()
            .enumerate()
            .map(|(number, name)| CategoryKnowledge {
                category: name.to_string(),
                own_share: own[number],
                class_share: (class.hits[number] + 0.5) / (class.trials + 1.0),
                expected_share: expected[number],
            })
            .collect();
        categories.sort_by(|one, other| {
            let larger = other.expected_share.total_cmp(&one.expected_share);
            larger.then_with(|| one.category.cmp(&other.category))
        });
        let [trials] = baseline.trials.effective(full);
        Some(MixKnowledge {
            categories,
            evidence_trials: trials,
            lent_trials: class.lent(),
            least_trials: self.trials_min,
            settled_share: baseline.trials.settled_share(full),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;
    use crate::score::baseline::described::entities_of_a_class;
    use crate::score::baseline::{Learning, MixValues};

    #[test]
    fn the_category_that_an_entity_has_most_of_comes_first() {
        let mut series = MixSeries::new(10, Learning::new(Span::DAY, Span::days(14)));
        let entities = entities_of_a_class(6);
        let values: Vec<MixValues<'_>> = (0..6)
            .map(|row| MixValues {
                row,
                trials: 100,
                hits: match row {
                    2 => vec![("photos", 90), ("labels", 10)],
                    _ => vec![("photos", 20), ("labels", 80)],
                },
            })
            .collect();
        for _ in 0..10 {
            series.judge(&entities, 1, &values, |_, _, _, _| {});
            series.next_day();
        }
        let told = |row| series.describe(&entities, row).unwrap();
        let (odd, usual) = (told(2), told(0));
        assert_eq!(odd.categories[0].category, "photos");
        assert_eq!(usual.categories[0].category, "labels");
        let photos = &odd.categories[0];
        assert!((photos.own_share - 0.9).abs() < 0.02, "{photos:?}");
        assert!(photos.class_share < 0.5, "{photos:?}");
        assert!(photos.expected_share > photos.class_share);
        assert_eq!(series.describe(&entities_of_a_class(7), 6), None);
    }
}
