//! The Kafka client: its options, and what it tells through its callbacks.

use super::census::Census;
use super::group::Membership;
use crate::config::{KafkaConfig, Start};
use crate::domain::EventTime;
use crate::observe::Resume;
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{self, Statistics};
use rdkafka::{ClientContext, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The state of fetching in which a partition waits to be told where to go on.
pub const STOPPED: &str = "none";
/// An error of the same kind is worth a line in the log no more often than this.
const ERROR_LINE_EVERY: Duration = Duration::from_secs(10);

/// A topic and the number of a partition of it.
pub type TopicPartition = (String, i32);

/// Where partitions that were read before go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Where this process has left them, or was told.
    Known,
    /// Where the group has committed them last.
    Committed,
}

/// The consumer's options.
///
/// # Errors
/// Where librdkafka does not know one of them.
pub fn consumer_config(kafka: &KafkaConfig) -> Result<ClientConfig, KafkaError> {
    let mut config = ClientConfig::new();
    config
        // Rebalances and statistics must not starve while the queue is full.
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.wait.max.ms", "100")
        // With a full queue the client looks away for a second by default, in which a reader
        // that is catching up empties it and waits.
        .set("fetch.queue.backoff.ms", "20")
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("reconnect.backoff.max.ms", "5000");
    for (name, value) in &kafka.options {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", &kafka.brokers)
        .set("group.id", &kafka.group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        // A partition whose next message is gone stops, and is looked at; see `astray`.
        .set("auto.offset.reset", "error")
        .set("enable.auto.commit", "true")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("statistics.interval.ms", "500")
        .set_log_level(RDKafkaLogLevel::Warning);
    config.create_native_config()?;
    Ok(config)
}

/// Messages of a partition that were not read yet; `None` until the first answer of the broker, before which
/// its end is not known.
pub fn lag_of(statistics: &statistics::Partition) -> Option<i64> {
    let next = if statistics.app_offset >= 0 {
        statistics.app_offset
    } else {
        statistics.next_offset
    };
    let is_known = next >= 0 && statistics.hi_offset >= 0;
    is_known.then(|| (statistics.hi_offset - next).max(0))
}

/// Where reading goes on, as metadata of a committed offset: hexadecimal digits.
pub(super) fn to_metadata(resume: &Resume) -> String {
    let bytes = postcard::to_stdvec(resume).unwrap_or_default();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn from_metadata(text: &str) -> Option<Resume> {
    let digits = text.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    postcard::from_bytes(&bytes?).ok()
}

/// What the client tells through its callbacks.
#[derive(Default)]
pub(super) struct Told {
    /// Partitions that have come and gone, in order.
    pub(super) changes: Vec<Change>,
    /// Which partitions were there when reading began.
    pub(super) census: Census,
    /// Partitions that an earlier process has read.
    pub(super) read_before: BTreeSet<TopicPartition>,
    /// Where to go on, should the partition come back.
    pub(super) positions: BTreeMap<TopicPartition, i64>,
    /// Where a partition that was just assigned begins, as far as that is known.
    pub(super) begun: BTreeMap<TopicPartition, Begun>,
    /// What was committed with the offset where a partition begins; `None` where nothing was.
    pub(super) committed: BTreeMap<TopicPartition, Option<Resume>>,
    pub(super) assigned: BTreeSet<TopicPartition>,
    pub(super) lag: BTreeMap<TopicPartition, i64>,
    pub(super) lag_is_new: bool,
    /// How often a partition was said to have stopped since its next message is gone.
    pub(super) astray: usize,
    /// Assigned partitions that were not being read when statistics came last.
    pub(super) stopped: BTreeSet<TopicPartition>,
    pub(super) errors: u64,
    /// When each kind of error was last told of in the log.
    pub(super) last_lines: Vec<(Option<RDKafkaErrorCode>, Instant)>,
}

/// Where reading of a partition begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) offset: i64,
    /// Nothing was read of it that stage 1 would know of.
    pub(super) is_fresh: bool,
}

pub(super) enum Change {
    Assigned(TopicPartition),
    Revoked(TopicPartition),
}

pub(super) struct Context {
    pub(super) topics: Vec<String>,
    pub(super) start: Start,
    pub(super) started: EventTime,
    pub(super) origin: Origin,
    pub(super) membership: Membership,
    pub(super) told: Mutex<Told>,
}

impl Context {
    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        self.membership.note(&statistics);
        let mut told = self.told();
        told.lag_is_new = true;
        told.stopped.clear();
        for (topic, statistics) in statistics.topics {
            for (partition, statistics) in statistics.partitions {
                let place = (topic.clone(), partition);
                if told.assigned.contains(&place) && statistics.fetch_state == STOPPED {
                    told.stopped.insert(place.clone());
                }
                // Statistics go on about partitions that have left.
                if told.assigned.contains(&place)
                    && let Some(lag) = lag_of(&statistics)
                {
                    told.lag.insert(place, lag);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut told = self.told();
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::AutoOffsetReset) {
            told.astray += 1;
            return;
        }
        told.errors += 1;
        let now = Instant::now();
        let known = told.last_lines.iter().position(|(known, _)| *known == code);
        match known.map(|at| &mut told.last_lines[at].1) {
            Some(last) if now.duration_since(*last) < ERROR_LINE_EVERY => return,
            Some(last) => *last = now,
            None => told.last_lines.push((code, now)),
        }
        drop(told);
        if code == Some(RDKafkaErrorCode::UnknownTopicOrPartition) {
            tracing::warn!(%error, "a topic is not there yet; waiting for it");
        } else {
            tracing::warn!(%error, reason, "the Kafka client reports an error; it goes on trying");
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let places: Vec<TopicPartition> = partitions
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        let outcome = match error {
            // Through a client that is being closed nothing can be asked, and what is not taken cannot be
            // given back.
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                if self.membership.is_leaving() =>
            {
                consumer.incremental_assign(partitions)
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let beginnings = self.begin(consumer, partitions);
                let mut told = self.told();
                told.assigned.extend(places.iter().cloned());
                told.changes
                    .extend(places.into_iter().map(Change::Assigned));
                drop(told);
                let assigned = consumer.incremental_assign(&beginnings.list);
                beginnings.mark(consumer);
                assigned
            }
            _ => {
                let mut told = self.told();
                for place in places {
                    told.lag.remove(&place);
                    told.assigned.remove(&place);
                    told.changes.push(Change::Revoked(place));
                }
                drop(told);
                // The client would keep paused what is paused, also when it is given back.
                if let Err(error) = consumer.resume(partitions) {
                    tracing::debug!(%error, "partitions that leave are not resumed");
                }
                consumer.incremental_unassign(partitions)
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a rebalance failed");
        }
    }
}
