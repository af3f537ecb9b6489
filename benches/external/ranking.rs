//! How well a score ranks: ROC AUC, average precision, recall at a false-positive rate.
//!
//! Equal scores are one step, so that ties bring half of what they cover and no order of input
//! matters. Items may weigh more than one: a unit of a hundred edges is a hundred edges.

/// How well a score ranks positives before negatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranking {
    /// Area under the ROC curve: the chance that a positive ranks before a negative.
    pub(crate) auc: f64,
    /// Average precision: precision at every step, weighted by the recall it adds.
    pub(crate) average_precision: f64,
    /// The largest recall with at most one false positive in a hundred negatives.
    pub(crate) recall_at_one_percent: f64,
}

/// An item: its score, larger for stranger; whether it is a positive; what it weighs.
pub(crate) type Item = (f64, bool, f64);

impl Ranking {
    /// Of these items.
    pub(crate) fn of(items: impl IntoIterator<Item = Item>) -> Ranking {
        let mut items: Vec<Item> = items.into_iter().collect();
        items.sort_by(|one, other| other.0.total_cmp(&one.0));
        let weight_of = |wanted: bool| -> f64 {
            let wanted = items.iter().filter(|item| item.1 == wanted);
            wanted.map(|item| item.2).sum()
        };
        let (positives, negatives) = (weight_of(true), weight_of(false));
        let (mut hits, mut false_hits) = (0.0, 0.0);
        let mut ranking = Ranking {
            auc: 0.0,
            average_precision: 0.0,
            recall_at_one_percent: 0.0,
        };
        for step in items.chunk_by(|one, other| one.0 == other.0) {
            let of = |wanted: bool| -> f64 {
                let wanted = step.iter().filter(|item| item.1 == wanted);
                wanted.map(|item| item.2).sum()
            };
            let (new_hits, new_false_hits) = (of(true), of(false));
            ranking.auc += new_false_hits * (hits + new_hits / 2.0) / (positives * negatives);
            hits += new_hits;
            false_hits += new_false_hits;
            ranking.average_precision += new_hits / positives * hits / (hits + false_hits);
            if false_hits <= 0.01 * negatives {
                ranking.recall_at_one_percent = hits / positives;
            }
        }
        ranking
    }
}
