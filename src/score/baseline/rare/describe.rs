//! What is known of how rarely somebody comes.

use super::{ALPHA_PRIOR, RareSeries};
use crate::score::baseline::RareKnowledge;

impl RareSeries {
    /// `None` where it was never judged.
    pub(in crate::score) fn describe(&self, row: usize) -> Option<RareKnowledge> {
        let contacts = self.contacts.get(row)?;
        let source = self.settled.get(contacts.source as usize)?;
        Some(RareKnowledge {
            settled_contacts: contacts.count(true),
            pending_contacts: contacts.count(false) - contacts.count(true),
            source_contacts: source.total(),
            alpha: (self.surprises + ALPHA_PRIOR) / (self.chances + ALPHA_PRIOR),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;
    use crate::score::baseline::described::entities_of_a_class;

    #[test]
    fn who_comes_in_every_window_has_as_many_contacts() {
        let mut series = RareSeries::new(Span::days(14));
        let entities = entities_of_a_class(4);
        assert_eq!(series.describe(0), None);
        for _ in 0..3 {
            for window in 0..10 {
                let appeared: Vec<usize> = if window == 0 { vec![0, 1] } else { vec![0] };
                series.judge(&entities, &appeared, |_, _| {});
            }
            series.next_day();
        }
        let (often, seldom) = (series.describe(0).unwrap(), series.describe(1).unwrap());
        // The last day's are yesterday's.
        assert!((often.settled_contacts - 19.5).abs() < 0.6, "{often:?}");
        assert!((often.pending_contacts - 10.0).abs() < 0.01, "{often:?}");
        assert!(seldom.settled_contacts < 2.1, "{seldom:?}");
        let sum = often.settled_contacts + seldom.settled_contacts;
        assert!((often.source_contacts - sum).abs() < 0.01, "{often:?}");
    }
}
