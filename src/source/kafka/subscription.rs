//! A consumer before it reads.

use super::census::Census;
use super::client::{Context, Origin, TopicPartition, consumer_config};
use super::group::{self, Membership};
use super::offsets::{Committer, OffsetStore, Places};
use crate::config::KafkaConfig;
use crate::domain::EventTime;
use crate::observe::Resume;
use crate::source::dead_letters::DeadLetterTopic;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A consumer that has subscribed but reads nothing yet.
pub struct Subscription {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) places: Places,
    pub(super) wants_append_time: bool,
    pub(super) dead_letters: Option<Arc<DeadLetterTopic>>,
    /// Where partitions that were read before go on, by number.
    pub(super) resume: BTreeMap<i32, Resume>,
}

impl Subscription {
    /// Joins the group. `started` is the time that `kafka.start: 14d` counts back from.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub fn new(
        kafka: &KafkaConfig,
        wants_append_time: bool,
        started: EventTime,
    ) -> Result<Subscription, KafkaError> {
        Subscription::with(kafka, wants_append_time, started, Origin::Known)
    }

    /// Joins the group as one of many: who is given a partition goes on where it was committed last,
    /// and [`Committer`] commits.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub fn shared(
        kafka: &KafkaConfig,
        wants_append_time: bool,
        started: EventTime,
    ) -> Result<Subscription, KafkaError> {
        Subscription::with(kafka, wants_append_time, started, Origin::Committed)
    }

    fn with(
        kafka: &KafkaConfig,
        wants_append_time: bool,
        started: EventTime,
        origin: Origin,
    ) -> Result<Subscription, KafkaError> {
        // What is no name but a pattern cannot be counted.
        let names = kafka.topics.iter().filter(|topic| !topic.starts_with('^'));
        let context = Context {
            topics: names.cloned().collect(),
            start: kafka.start,
            started,
            origin,
            membership: Membership::default(),
            told: Mutex::default(),
        };
        let mut options = consumer_config(kafka)?;
        if origin == Origin::Committed {
            options.set("enable.auto.commit", "false");
        }
        let consumer: BaseConsumer<Context> = options.create_with_context(context)?;
        let topics: Vec<&str> = kafka.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics)?;
        Ok(Subscription {
            consumer: Arc::new(consumer),
            places: Places::default(),
            wants_append_time,
            dead_letters: DeadLetterTopic::new(kafka)?.map(Arc::new),
            resume: BTreeMap::new(),
        })
    }

    /// Partitions that were read before, by number, and where reading them goes on; to be told before
    /// the first message is asked for.
    pub fn resume(&mut self, partitions: Vec<TopicPartition>, resume: &BTreeMap<i32, Resume>) {
        let mut told = self.consumer.context().told();
        told.census = Census::of(&partitions);
        told.read_before.extend(partitions.iter().cloned());
        for (number, place) in (0..).zip(partitions) {
            if let Some(resume) = resume.get(&number) {
                told.positions.insert(place.clone(), resume.offset);
            }
            self.places.push(place);
        }
        drop(told);
        self.resume.clone_from(resume);
    }

    /// Commits what was stored, and leaves the group. Can block while a broker is dead.
    pub fn leave(self, within: Duration) {
        if let Err(error) = self.consumer.commit_consumer_state(CommitMode::Sync) {
            // Nothing to commit is the usual case of a short run.
            tracing::debug!(%error, "offsets not committed on leaving");
        }
        group::leave(self.consumer, |context| &context.membership, within);
    }

    /// What commits offsets.
    pub fn committer(&self) -> Committer {
        Committer {
            consumer: Arc::clone(&self.consumer),
            places: self.places.clone(),
        }
    }

    /// What stores offsets.
    pub fn offset_store(&self) -> OffsetStore {
        OffsetStore {
            consumer: Arc::clone(&self.consumer),
            places: self.places.clone(),
        }
    }
}
