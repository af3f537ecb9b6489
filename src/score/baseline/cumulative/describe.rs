//! What a cumulative test knows of an entity.

use super::{Anchor, CumulativeSeries, Products};
use crate::domain::EventTime;
use crate::score::baseline::{CumulativeKnowledge, ShiftKnowledge};
use crate::score::entities::Entity;

impl CumulativeSeries {
    /// As [`super::RateSeries::describe`], with the evidence that it is not so.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
        start: EventTime,
    ) -> Option<CumulativeKnowledge> {
        let rate = self.rates.describe(entities, row, start)?;
        let products: Products = self.products.get(row).copied().unwrap_or_default();
        let shifts = products.ln.iter().zip(self.sought.shifts);
        let anchor: Option<&Anchor> = self.anchors.as_ref().and_then(|all| all.get(row));
        // Before it is mature what is expected is believed.
        let held = anchor.filter(|anchor| anchor.law.is_some());
        Some(CumulativeKnowledge {
            anchor_per_window: held
                .map(|anchor| f64::from(anchor.rate) * self.rise * rate.season_factor),
            shifts: shifts
                .map(|(ln, factor)| ShiftKnowledge {
                    factor,
                    ln_likelihood_ratio: f64::from(*ln),
                })
                .collect(),
            evidence: products.evidence(),
            rate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Direction;
    use crate::domain::Span;
    use crate::score::baseline::Learning;
    use crate::score::baseline::described::entities_of_a_class;

    #[test]
    fn evidence_of_a_rise_grows_and_the_anchor_stays_behind() {
        let learning = Learning::new(Span::DAY, Span::days(14));
        let mut series = CumulativeSeries::new(Direction::Up, Span::DAY, learning);
        let entities = entities_of_a_class(8);
        let day = |day: i64| EventTime(0) + Span::days(day);
        let judge = |series: &mut CumulativeSeries, today: i64, count: u64| {
            // They wobble by turns.
            let mut values: Vec<u64> = (0..8).map(|row| 95 + (today as u64 + row) % 11).collect();
            values[3] = count;
            series.judge(&entities, 1, &values, day(today), |_, _| {});
            series.next_day();
        };
        for today in 0..28 {
            judge(&mut series, today, 100 + today as u64 % 3);
        }
        let before = series.describe(&entities, 3, day(28)).unwrap();
        assert!(before.evidence < 10.0, "{before:?}");
        for today in 28..36 {
            judge(&mut series, today, 170);
        }
        let after = series.describe(&entities, 3, day(36)).unwrap();
        assert!(after.evidence > 100.0 * before.evidence, "{after:?}");
        let strongest = after.shifts.iter().max_by(|one, other| {
            one.ln_likelihood_ratio
                .total_cmp(&other.ln_likelihood_ratio)
        });
        assert!(strongest.unwrap().factor < 3.0, "{after:?}");
        let anchor = after.anchor_per_window.unwrap();
        assert!(anchor < 130.0, "{after:?}");
        let other = series.describe(&entities, 4, day(36)).unwrap();
        assert!(other.evidence < 10.0, "{other:?}");
        let down = CumulativeSeries::new(Direction::Down, Span::DAY, learning);
        assert_eq!(down.describe(&entities, 0, day(0)), None);
    }
}
