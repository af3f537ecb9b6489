//! What is not whole after a log has lost records.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A gap in what a log held of the source partitions. Of panes that a partition seals after it was heard
/// of again nothing is missing; of those before, something may be.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Gap {
    /// By partition, how far it had come when it was first heard of.
    heard: BTreeMap<i32, i64>,
}

impl Gap {
    /// A partition has sealed every pane before `sealed_before`, and says so for the first time.
    pub(super) fn hear(&mut self, partition: i32, sealed_before: i64) {
        self.heard.entry(partition).or_insert(sealed_before);
    }

    /// Whether panes from `joint` on, up to where these partitions have come, lack nothing.
    pub(super) fn is_over(&self, joint: i64, reached: &BTreeMap<i32, i64>) -> bool {
        let is_whole = |partition| {
            let heard = self.heard.get(partition);
            heard.is_some_and(|sealed_before| *sealed_before <= joint)
        };
        reached.keys().all(is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_over_where_everybody_was_heard_of_again() {
        let reached = BTreeMap::from([(0, 20), (1, 30)]);
        let mut gap = Gap::default();
        assert!(!gap.is_over(20, &reached));
        gap.hear(0, 15);
        assert!(!gap.is_over(20, &reached));
        gap.hear(1, 25);
        gap.hear(1, 30);
        assert!(!gap.is_over(20, &reached) && gap.is_over(25, &reached));
    }
}
