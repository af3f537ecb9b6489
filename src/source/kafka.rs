//! Events from Kafka.
//!
//! One consumer on a thread of its own, which also runs stage 1: messages are routed by
//! partition as they come. Partitions are not given queues of their own: a split queue can stall
//! a partition for good (rust-rdkafka issues 840 and 665).
//!
//! Offsets are stored once the work up to them is done: judged, and their alert records with the
//! sinks. Baselines are kept in memory, so they are not where a restart begins: it begins at
//! `kafka.start`. A partition that comes back to this process in a rebalance goes on where it
//! left, since its baselines are still there.

use super::RejectionLog;
use crate::config::{KafkaConfig, Start};
use crate::domain::EventTime;
use crate::engine::{EngineSettings, Front, Pipeline, PipelineError};
use crate::observe::Verdict;
use crate::sink::{Lag, SharedStatus};
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(100);
const HOUSEKEEPING: Duration = Duration::from_millis(250);
const OFFSETS_FOR_TIMES_TIMEOUT: Duration = Duration::from_secs(10);
/// An error of the same kind is worth a line in the log no more often than this.
const ERROR_LINE_EVERY: Duration = Duration::from_secs(10);
/// Messages handled in a row before the status is published.
const BATCH: usize = 1_000;
/// A partition so many panes ahead of the slowest waits for it.
const LEAD_MAX: i64 = 360;

type TopicPartition = (String, i32);

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
        .set(
            "auto.offset.reset",
            if kafka.start == Start::Latest {
                "latest"
            } else {
                "earliest"
            },
        )
        .set("enable.auto.commit", "true")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("statistics.interval.ms", "500")
        .set_log_level(RDKafkaLogLevel::Warning);
    config.create_native_config()?;
    Ok(config)
}

/// What the client tells through its callbacks.
#[derive(Default)]
struct Told {
    /// Partitions that have come and gone, in order.
    changes: Vec<Change>,
    /// Where to go on, should the partition come back.
    positions: BTreeMap<TopicPartition, i64>,
    assigned: BTreeSet<TopicPartition>,
    lag: BTreeMap<TopicPartition, i64>,
    lag_is_new: bool,
    errors: u64,
    /// When each kind of error was last told of in the log.
    last_lines: Vec<(Option<RDKafkaErrorCode>, Instant)>,
}

enum Change {
    Assigned(TopicPartition),
    Revoked(TopicPartition),
}

struct Context {
    start: Start,
    started: EventTime,
    told: Mutex<Told>,
}

impl Context {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offsets to begin at: where this process left, or where the configuration says.
    fn with_offsets(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &TopicPartitionList,
    ) -> TopicPartitionList {
        let known = self.told().positions.clone();
        let fresh = |offset| {
            let mut list = TopicPartitionList::new();
            for element in partitions.elements() {
                let place = (element.topic().to_owned(), element.partition());
                if !known.contains_key(&place) {
                    // An offset that a list refuses is one it cannot hold; none of these is.
                    let _ = list.add_partition_offset(element.topic(), element.partition(), offset);
                }
            }
            list
        };
        let mut list = match self.start {
            Start::Earliest => fresh(Offset::Beginning),
            Start::Latest => fresh(Offset::End),
            Start::At(time) => self.at_time(consumer, fresh(Offset::Offset(time.0.max(0)))),
            Start::Ago(ago) => self.at_time(
                consumer,
                fresh(Offset::Offset((self.started - ago).0.max(0))),
            ),
        };
        for element in partitions.elements() {
            if let Some(position) = known.get(&(element.topic().to_owned(), element.partition())) {
                let _ = list.add_partition_offset(
                    element.topic(),
                    element.partition(),
                    Offset::Offset(*position),
                );
            }
        }
        list
    }

    fn at_time(
        &self,
        consumer: &BaseConsumer<Context>,
        times: TopicPartitionList,
    ) -> TopicPartitionList {
        if times.count() == 0 {
            return times;
        }
        match consumer.offsets_for_times(times.clone(), OFFSETS_FOR_TIMES_TIMEOUT) {
            Ok(offsets) => offsets,
            Err(error) => {
                tracing::warn!(%error, "the broker did not say where kafka.start is; reading from the oldest message");
                let mut list = times;
                let _ = list.set_all_offsets(Offset::Beginning);
                list
            }
        }
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let mut told = self.told();
        told.lag_is_new = true;
        for (topic, statistics) in statistics.topics {
            for (partition, statistics) in statistics.partitions {
                let place = (topic.clone(), partition);
                let next = if statistics.app_offset >= 0 {
                    statistics.app_offset
                } else {
                    statistics.next_offset
                };
                // Statistics go on about partitions that have left. Until the first answer of the
                // broker the end of the partition is not known.
                if told.assigned.contains(&place) && next >= 0 && statistics.hi_offset >= 0 {
                    told.lag.insert(place, (statistics.hi_offset - next).max(0));
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut told = self.told();
        told.errors += 1;
        let code = error.rdkafka_error_code();
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
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let list = self.with_offsets(consumer, partitions);
                let mut told = self.told();
                told.assigned.extend(places.iter().cloned());
                told.changes
                    .extend(places.into_iter().map(Change::Assigned));
                drop(told);
                consumer.incremental_assign(&list)
            }
            _ => {
                let mut told = self.told();
                for place in places {
                    told.lag.remove(&place);
                    told.assigned.remove(&place);
                    told.changes.push(Change::Revoked(place));
                }
                drop(told);
                consumer.incremental_unassign(partitions)
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a rebalance failed");
        }
    }
}

/// A partition that this process reads, or has read.
struct Reading {
    place: TopicPartition,
    assigned: bool,
    next_offset: i64,
    /// How far it had been read when somebody last looked, and since when that is so.
    looked_at: (i64, Instant),
    paused: bool,
}

/// The consumer and stage 1.
pub struct KafkaSource {
    consumer: Arc<BaseConsumer<Context>>,
    front: Front,
    pipeline: Pipeline,
    status: SharedStatus,
    idle_after: Duration,
    readings: Vec<Reading>,
    numbers: BTreeMap<TopicPartition, i32>,
    rejections: RejectionLog,
    warned_of_create_time: BTreeSet<String>,
    wants_append_time: bool,
    housekeeping: Instant,
}

/// Partitions as the engine numbers them, for whoever stores offsets.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<Vec<TopicPartition>>>);

impl Places {
    fn push(&self, place: TopicPartition) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(place);
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
    consumer: Arc<BaseConsumer<Context>>,
    places: Places,
}

impl OffsetStore {
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

impl std::fmt::Debug for OffsetStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OffsetStore")
    }
}

/// A consumer that has subscribed but reads nothing yet.
pub struct Subscription {
    consumer: Arc<BaseConsumer<Context>>,
    places: Places,
    wants_append_time: bool,
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
        let context = Context {
            start: kafka.start,
            started,
            told: Mutex::default(),
        };
        let consumer: BaseConsumer<Context> =
            consumer_config(kafka)?.create_with_context(context)?;
        let topics: Vec<&str> = kafka.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics)?;
        Ok(Subscription {
            consumer: Arc::new(consumer),
            places: Places::default(),
            wants_append_time,
        })
    }

    /// Commits what was stored, and leaves the group. Can block while a broker is dead.
    pub fn leave(self) {
        if let Err(error) = self.consumer.commit_consumer_state(CommitMode::Sync) {
            // Nothing to commit is the usual case of a short run.
            tracing::debug!(%error, "offsets not committed on leaving");
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

impl KafkaSource {
    /// A source that feeds this pipeline.
    pub fn new(
        subscription: &Subscription,
        settings: &EngineSettings,
        pipeline: Pipeline,
        status: SharedStatus,
        idle_after: Duration,
        now: Instant,
    ) -> KafkaSource {
        KafkaSource {
            consumer: Arc::clone(&subscription.consumer),
            front: Front::new(settings),
            pipeline,
            status,
            idle_after,
            readings: Vec::new(),
            numbers: BTreeMap::new(),
            rejections: RejectionLog::default(),
            warned_of_create_time: BTreeSet::new(),
            wants_append_time: subscription.wants_append_time,
            housekeeping: now,
        }
    }

    /// Reads until told to stop; then lets the back finish what it has.
    ///
    /// # Errors
    /// Where the judging thread has died.
    pub fn run(mut self, places: &Subscription, stop: &AtomicBool) -> Result<(), PipelineError> {
        let mut in_batch = 0;
        while !stop.load(Ordering::Relaxed) {
            let consumer = Arc::clone(&self.consumer);
            let polled = consumer.poll(if in_batch == 0 { POLL } else { Duration::ZERO });
            self.take_changes(&places.places)?;
            let idle = polled.is_none();
            // Of an error the context was told already.
            if let Some(Ok(message)) = polled {
                self.take(&message)?;
            }
            in_batch = if idle { 0 } else { in_batch + 1 };
            if idle || in_batch >= BATCH {
                in_batch = 0;
                self.publish();
                self.keep_house(Instant::now())?;
            }
        }
        self.publish();
        self.pipeline.finish().map(|_| ())
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), PipelineError> {
        let place = (message.topic(), message.partition());
        let Some(number) = self.readings.iter().position(|reading| {
            reading.assigned && reading.place.1 == place.1 && reading.place.0 == place.0
        }) else {
            return Ok(());
        };
        let offset = message.offset();
        let reading = &mut self.readings[number];
        reading.next_offset = offset + 1;
        let payload = message.payload().unwrap_or_default();
        if crate::decode::is_blank(payload) {
            return Ok(());
        }
        let appended = match message.timestamp() {
            Timestamp::LogAppendTime(milliseconds) => Some(EventTime(milliseconds)),
            Timestamp::CreateTime(_) | Timestamp::NotAvailable => None,
        };
        if appended.is_none()
            && self.wants_append_time
            && !self.warned_of_create_time.contains(place.0)
        {
            self.warned_of_create_time.insert(place.0.to_owned());
            tracing::warn!(
                topic = place.0,
                "the topic keeps its producers' times (message.timestamp.type=CreateTime), so event times are bounded \
                 by their neighbours; set LogAppendTime on the topic, or time.bound to neighbours or none"
            );
        }
        let (verdict, step) = self.front.feed(number as i32, offset, appended, payload);
        if let Verdict::Rejected(reason) = verdict {
            self.rejections.note(
                Instant::now(),
                reason,
                &format!("{}[{}]", place.0, place.1),
                offset,
            );
        }
        match step {
            Some(step) => self.pipeline.send(step),
            None => Ok(()),
        }
    }

    /// Partitions that have come and gone since the last poll.
    fn take_changes(&mut self, places: &Places) -> Result<(), PipelineError> {
        let changes = std::mem::take(&mut self.consumer.context().told().changes);
        for change in changes {
            let step = match change {
                Change::Assigned(place) => {
                    tracing::info!(topic = place.0, partition = place.1, "partition assigned");
                    let number = self.number_of(&place, places);
                    let reading = &mut self.readings[number as usize];
                    reading.assigned = true;
                    reading.paused = false;
                    reading.looked_at.1 = Instant::now();
                    self.front.assign(number)
                }
                Change::Revoked(place) => {
                    tracing::info!(topic = place.0, partition = place.1, "partition revoked");
                    let number = self.number_of(&place, places);
                    let reading = &mut self.readings[number as usize];
                    reading.assigned = false;
                    self.consumer
                        .context()
                        .told()
                        .positions
                        .insert(place, reading.next_offset);
                    self.front.revoke(number)
                }
            };
            self.status.lock().ready = true;
            self.pipeline.send(step)?;
        }
        Ok(())
    }

    fn number_of(&mut self, place: &TopicPartition, places: &Places) -> i32 {
        if let Some(number) = self.numbers.get(place) {
            return *number;
        }
        let number = self.readings.len() as i32;
        self.readings.push(Reading {
            place: place.clone(),
            assigned: false,
            next_offset: 0,
            looked_at: (0, Instant::now()),
            paused: false,
        });
        self.numbers.insert(place.clone(), number);
        places.push(place.clone());
        number
    }

    fn publish(&mut self) {
        let mut status = self.status.lock();
        status.counts.clone_from(self.front.counts());
        status.deduplication_overflow = self.front.deduplication_overflow();
        status.watermark = self.front.watermark();
    }

    /// What is due a few times a second: lag, idle partitions, partitions far ahead.
    fn keep_house(&mut self, now: Instant) -> Result<(), PipelineError> {
        if now.duration_since(self.housekeeping) < HOUSEKEEPING {
            return Ok(());
        }
        self.housekeeping = now;
        let (lag, lag_is_new, errors) = {
            let mut told = self.consumer.context().told();
            (
                told.lag.clone(),
                std::mem::take(&mut told.lag_is_new),
                told.errors,
            )
        };
        {
            let mut status = self.status.lock();
            status.kafka_errors = errors;
            status.lag = lag
                .iter()
                .map(|((topic, partition), messages)| Lag {
                    topic: topic.clone(),
                    partition: *partition,
                    messages: *messages,
                })
                .collect();
        }
        if lag_is_new {
            self.note_idle(&lag, now)?;
        }
        self.align();
        Ok(())
    }

    /// Partitions that have had nothing to read for a while follow the others.
    fn note_idle(
        &mut self,
        lag: &BTreeMap<TopicPartition, i64>,
        now: Instant,
    ) -> Result<(), PipelineError> {
        let mut idle = BTreeSet::new();
        for (number, reading) in self.readings.iter_mut().enumerate() {
            // Only what is known to be read to its end can be idle; a paused partition is not.
            let at_end = reading.assigned && !reading.paused && lag.get(&reading.place) == Some(&0);
            if !at_end || reading.looked_at.0 != reading.next_offset {
                reading.looked_at = (reading.next_offset, now);
            } else if now.duration_since(reading.looked_at.1) >= self.idle_after {
                idle.insert(number as i32);
            }
        }
        for number in &idle {
            if let Some(step) = self.front.follow(*number, |other| idle.contains(&other)) {
                self.pipeline.send(step)?;
            }
        }
        Ok(())
    }

    /// Partitions far ahead of the slowest in event time wait for it: what they have sealed
    /// would only pile up.
    fn align(&mut self) {
        for (number, reading) in self
            .readings
            .iter_mut()
            .enumerate()
            .filter(|(_, reading)| reading.assigned)
        {
            let lead = self.front.lead(number as i32);
            let pause = if reading.paused {
                lead > LEAD_MAX / 2
            } else {
                lead > LEAD_MAX
            };
            if pause == reading.paused {
                continue;
            }
            let mut list = TopicPartitionList::new();
            list.add_partition(&reading.place.0, reading.place.1);
            let outcome = if pause {
                self.consumer.pause(&list)
            } else {
                self.consumer.resume(&list)
            };
            match outcome {
                Ok(()) => reading.paused = pause,
                Err(error) => tracing::debug!(%error, "a partition could not be paused or resumed"),
            }
        }
    }
}
