//! Offsets whose work is done: stored for the group, or committed with what a successor needs.

use super::client::{Context, TopicPartition, to_metadata};
use crate::observe::Resume;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const METADATA_WITHIN: Duration = Duration::from_secs(2);

/// Partitions as the engine numbers them, for whoever stores offsets.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<Vec<TopicPartition>>>);

impl Places {
    pub(super) fn push(&self, place: TopicPartition) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(place);
    }

    pub(super) fn all(&self) -> Vec<TopicPartition> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    fn get(&self, number: i32) -> Option<TopicPartition> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(number)
            .ok()
            .and_then(|number| places.get(number).cloned())
    }
}

/// Stores offsets whose work is done.
#[derive(Clone)]
pub struct OffsetStore {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) places: Places,
}

impl OffsetStore {
    /// Topic and partition of every partition that was ever read, by number.
    pub fn places(&self) -> Vec<TopicPartition> {
        self.places.all()
    }

    /// Everything before `offset` in this partition is done.
    pub fn store(&self, partition: i32, offset: i64) {
        let Some((topic, partition)) = self.places.get(partition) else {
            return;
        };
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&topic, partition, Offset::Offset(offset));
        // A partition that was revoked meanwhile is somebody else's to commit.
        if let Err(error) = added.and_then(|()| self.consumer.store_offsets(&list)) {
            tracing::debug!(%error, topic, partition, "offset not stored");
        }
    }
}

/// Commits where reading goes on, with what stage 1 needs for it as the offset's metadata.
#[derive(Clone)]
pub struct Committer {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) places: Places,
}

impl Committer {
    /// Topic and partition of a number.
    pub fn place(&self, number: i32) -> Option<TopicPartition> {
        self.places.get(number)
    }

    /// All partitions that these topics have; none where the broker does not say.
    pub fn partitions(&self, topics: &[String]) -> Vec<TopicPartition> {
        let mut all = Vec::new();
        for topic in topics {
            let metadata = self.consumer.fetch_metadata(Some(topic), METADATA_WITHIN);
            let Ok(metadata) = metadata else {
                return Vec::new();
            };
            let found = metadata.topics().first();
            let count = found.map_or(0, |topic| topic.partitions().len() as i32);
            all.extend((0..count).map(|partition| (topic.clone(), partition)));
        }
        all
    }

    /// Everything before these places, by number, is in the hands of others.
    pub fn commit(&self, resume: &BTreeMap<i32, Resume>) {
        let mut list = TopicPartitionList::new();
        for (number, resume) in resume {
            let Some((topic, partition)) = self.places.get(*number) else {
                continue;
            };
            let metadata = to_metadata(resume);
            let mut element = list.add_partition(&topic, partition);
            // What a list refuses it cannot hold; neither of these is.
            let _ = element.set_offset(Offset::Offset(resume.offset));
            element.set_metadata(metadata);
        }
        if list.count() == 0 {
            return;
        }
        // Who has lost a partition meanwhile is told so by the broker, and its offset stays.
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "offsets not committed");
        }
    }
}

impl std::fmt::Debug for OffsetStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OffsetStore")
    }
}
