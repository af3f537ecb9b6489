//! Which partitions were there when reading began.
//!
//! `kafka.start` speaks of those. One that is added later has nothing in it that was written before, so
//! it is read from its beginning, whatever `kafka.start` says: what producers write to it before it is
//! noticed would be lost otherwise.

use super::client::TopicPartition;
use std::collections::BTreeMap;

/// How many partitions each topic had, where that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Census(BTreeMap<String, i32>);

impl Census {
    /// Of partitions that were read before.
    pub(super) fn of<'a>(read: impl IntoIterator<Item = &'a TopicPartition>) -> Census {
        let mut census = Census::default();
        for (topic, partition) in read {
            let count = census.0.entry(topic.clone()).or_default();
            // Partitions are added at the end, and never taken away.
            *count = (*count).max(partition + 1);
        }
        census
    }

    /// Whether this topic was counted.
    pub(super) fn has(&self, topic: &str) -> bool {
        self.0.contains_key(topic)
    }

    /// Counts a topic; 0 where it is not there yet. The first count holds.
    pub(super) fn count(&mut self, topic: &str, partitions: i32) {
        self.0.entry(topic.to_owned()).or_insert(partitions);
    }

    /// Whether a partition was added since.
    pub(super) fn is_new(&self, place: &TopicPartition) -> bool {
        self.0.get(&place.0).is_some_and(|count| place.1 >= *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(topic: &str, partition: i32) -> TopicPartition {
        (topic.to_owned(), partition)
    }

    #[test]
    fn new_is_what_was_added_to_a_topic_that_was_counted() {
        // Another member has read the partition between.
        let mut census = Census::of(&[place("a", 0), place("a", 2), place("b", 0)]);
        census.count("a", 9);
        census.count("late", 0);
        assert!(["a", "b", "late"].iter().all(|topic| census.has(topic)));
        let known = [place("a", 0), place("a", 1), place("a", 2), place("b", 0)];
        assert!(known.iter().all(|place| !census.is_new(place)));
        let new = [place("a", 3), place("b", 1), place("late", 0)];
        assert!(new.iter().all(|place| census.is_new(place)));
        assert!(!census.has("c") && !census.is_new(&place("c", 5)));
    }
}
