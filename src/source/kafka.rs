//! Events from Kafka.
//!
//! One consumer on a thread of its own, which also runs stage 1: messages are routed by
//! partition as they come. Partitions are not given queues of their own: a split queue can stall
//! a partition for good (rust-rdkafka issues 840 and 665).
//!
//! Offsets are stored once the work up to them is done: judged, and their alert records with the
//! sinks, and durable where there is a `state.directory`. They are not where a restart begins: that
//! is where the snapshot says, or else `kafka.start` (`begin` has the cases). A partition that comes
//! back to this process in a rebalance goes on where it left, since its baselines are still there.

mod astray;
mod bearing;
mod begin;
mod census;
mod client;
mod group;
mod offsets;
mod subscription;

pub use bearing::{Bearing, Log, set_at};
pub use client::{STOPPED, TopicPartition, consumer_config, lag_of};
pub use group::{Membership, leave};
pub use offsets::{Committer, OffsetStore};
pub use subscription::Subscription;

use super::dead_letters::DeadLetterTopic;
use super::{Outlet, RejectionLog};
use crate::domain::EventTime;
use crate::engine::{EngineSettings, Front, PolicySwap, Step};
use crate::observe::{ObserveSettings, Resume, Verdict};
use crate::sink::{Lag, OffsetResets, SharedStatus};
use client::{Begun, Change, Context};
use offsets::Places;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(100);
const HOUSEKEEPING: Duration = Duration::from_millis(250);
/// A process that does not look after its house for so long was stopped.
const ASTOUNDED: Duration = Duration::from_secs(5);
/// Messages handled in a row before the status is published.
const BATCH: usize = 1_000;
/// A partition so many panes ahead of the slowest waits for it.
const LEAD_MAX: i64 = 360;

/// A partition that this process reads, or has read.
struct Reading {
    place: TopicPartition,
    assigned: bool,
    /// Unknown before the first message where the broker did not say where reading begins.
    next_offset: Option<i64>,
    /// How far it had been read when somebody last looked, and since when that is so.
    looked_at: (Option<i64>, Instant),
    is_idle: bool,
    paused: bool,
    resets: OffsetResets,
}

impl Reading {
    fn new(place: TopicPartition, now: Instant) -> Reading {
        Reading {
            place,
            assigned: false,
            next_offset: None,
            looked_at: (None, now),
            is_idle: false,
            paused: false,
            resets: OffsetResets::default(),
        }
    }
}

/// The consumer and stage 1.
pub struct KafkaSource<O> {
    consumer: Arc<BaseConsumer<Context>>,
    front: Front,
    observe: ObserveSettings,
    outlet: O,
    status: SharedStatus,
    idle_after: Duration,
    /// Where panes that wait for slower partitions take more, those ahead wait.
    waiting_bytes_max: usize,
    readings: Vec<Reading>,
    numbers: BTreeMap<TopicPartition, i32>,
    rejections: RejectionLog,
    dead_letters: Option<Arc<DeadLetterTopic>>,
    warned_of_create_time: BTreeSet<String>,
    wants_append_time: bool,
    housekeeping: Instant,
    /// It is known which partitions were there when reading began.
    is_counted: bool,
    /// Other policies, to be put in force between two messages.
    swaps: Receiver<Arc<PolicySwap>>,
}

impl<O: Outlet> KafkaSource<O> {
    /// A source that feeds this outlet.
    pub fn new(
        subscription: &Subscription,
        settings: &EngineSettings,
        outlet: O,
        status: SharedStatus,
        idle_after: Duration,
        swaps: Receiver<Arc<PolicySwap>>,
        now: Instant,
    ) -> KafkaSource<O> {
        let mut front = Front::new(settings);
        let places = subscription.places.all();
        let readings = places.iter().cloned().map(|place| Reading::new(place, now));
        let numbers = places.iter().cloned().zip(0..).collect();
        for (number, resume) in &subscription.resume {
            front.resume(*number, resume.clone());
        }
        KafkaSource {
            consumer: Arc::clone(&subscription.consumer),
            front,
            observe: settings.observe,
            outlet,
            status,
            idle_after,
            waiting_bytes_max: settings
                .memory
                .as_ref()
                .map_or(usize::MAX, |memory| memory.waiting_bytes),
            readings: readings.collect(),
            numbers,
            rejections: RejectionLog::default(),
            dead_letters: subscription.dead_letters.clone(),
            warned_of_create_time: BTreeSet::new(),
            wants_append_time: subscription.wants_append_time,
            housekeeping: now,
            is_counted: false,
            swaps,
        }
    }

    /// Reads until told to stop; then lets the outlet finish what it has.
    ///
    /// # Errors
    /// Where it can take nothing more.
    pub fn run(mut self, places: &Subscription, stop: &AtomicBool) -> Result<O::Rest, O::Error> {
        let mut in_batch = 0;
        while !stop.load(Ordering::Relaxed) {
            let consumer = Arc::clone(&self.consumer);
            let polled = consumer.poll(if in_batch == 0 { POLL } else { Duration::ZERO });
            self.take_changes(&places.places)?;
            // In the order of the log: what comes after a swap is judged by it.
            while let Ok(swap) = self.swaps.try_recv() {
                let step = self.front.swap(&swap);
                self.outlet.send(step)?;
            }
            let idle = polled.is_none();
            // Of an error the context was told already.
            if let Some(Ok(message)) = polled {
                self.take(&message)?;
            }
            in_batch = if idle { 0 } else { in_batch + 1 };
            if idle || in_batch >= BATCH {
                in_batch = 0;
                self.publish();
                self.keep_house(Instant::now(), idle)?;
            }
        }
        if let Some(topic) = &self.dead_letters {
            topic.settle();
        }
        self.publish();
        self.outlet.finish()
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), O::Error> {
        let place = (message.topic(), message.partition());
        let Some(number) = self.readings.iter().position(|reading| {
            reading.assigned && reading.place.1 == place.1 && reading.place.0 == place.0
        }) else {
            return Ok(());
        };
        let offset = message.offset();
        let reading = &mut self.readings[number];
        reading.next_offset = Some(offset + 1);
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
            if let Some(topic) = &self.dead_letters {
                topic.write(message, reason);
            }
        }
        match step {
            Some(step) => self.outlet.send(step),
            None => Ok(()),
        }
    }

    /// Partitions that have come and gone since the last poll.
    fn take_changes(&mut self, places: &Places) -> Result<(), O::Error> {
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
                    reading.is_idle = false;
                    let begun = self.consumer.context().told().begun.remove(&place);
                    reading.next_offset = begun.map(|begun| begun.offset);
                    self.resume(number, begun);
                    self.front.assign(number)
                }
                Change::Revoked(place) => {
                    tracing::info!(topic = place.0, partition = place.1, "partition revoked");
                    let number = self.number_of(&place, places);
                    let reading = &mut self.readings[number as usize];
                    reading.assigned = false;
                    let mut told = self.consumer.context().told();
                    let next = reading.next_offset;
                    told.positions.extend(next.map(|next| (place, next)));
                    drop(told);
                    self.front.revoke(number)
                }
            };
            self.status.lock().ready = true;
            self.outlet.send(step)?;
        }
        Ok(())
    }

    /// Takes up what is known of a partition at the offset that reading begins at.
    fn resume(&mut self, number: i32, begun: Option<Begun>) {
        let place = &self.readings[number as usize].place;
        let committed = {
            let mut told = self.consumer.context().told();
            told.committed.remove(place)
        };
        match committed {
            Some(Some(resume)) => self.front.resume(number, resume),
            Some(None) => self.front.forget(number),
            None => {}
        }
        if let Some(begun) = begun.filter(|begun| begun.is_fresh) {
            let beginning = Resume::beginning(self.observe, begun.offset);
            self.front.resume(number, beginning);
        }
    }

    fn number_of(&mut self, place: &TopicPartition, places: &Places) -> i32 {
        if let Some(number) = self.numbers.get(place) {
            return *number;
        }
        let number = self.readings.len() as i32;
        self.readings
            .push(Reading::new(place.clone(), Instant::now()));
        self.numbers.insert(place.clone(), number);
        places.push(place.clone());
        number
    }

    fn publish(&mut self) {
        let mut status = self.status.lock();
        status.counts.clone_from(self.front.counts());
        status.dead_letters = self.dead_letters.as_ref().map(|topic| topic.status());
        status.deduplication_overflow = self.front.deduplication_overflow();
        status.watermark = self.front.watermark();
    }

    /// What is due a few times a second: lag, idle partitions, partitions far ahead.
    fn keep_house(&mut self, now: Instant, is_idle: bool) -> Result<(), O::Error> {
        if now.duration_since(self.housekeeping) < HOUSEKEEPING {
            return Ok(());
        }
        // Whoever was stopped for a while knows nothing of what it is about to call idle.
        if now.duration_since(self.housekeeping) >= ASTOUNDED {
            for reading in &mut self.readings {
                reading.looked_at.1 = now;
            }
        }
        self.housekeeping = now;
        self.outlet.keep_house(now)?;
        if !self.is_counted {
            self.is_counted = self.consumer.context().take_census(&self.consumer);
        }
        self.go_on_astray(is_idle);
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
            status.offset_resets = self
                .readings
                .iter()
                .map(|reading| (reading.place.clone(), reading.resets))
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
    ) -> Result<(), O::Error> {
        let mut idle = BTreeSet::new();
        for (number, reading) in (0..).zip(&mut self.readings) {
            // Only what is known to be read to its end can be idle; a paused partition is not.
            let at_end = reading.assigned && !reading.paused && lag.get(&reading.place) == Some(&0);
            if !at_end || reading.looked_at.0 != reading.next_offset {
                reading.looked_at = (reading.next_offset, now);
                reading.is_idle = false;
            } else if now.duration_since(reading.looked_at.1) >= self.idle_after {
                idle.insert(number);
                if !std::mem::replace(&mut reading.is_idle, true) {
                    self.outlet.send(Step::Idle(number))?;
                }
            }
        }
        let frontier = self.outlet.frontier();
        for number in &idle {
            let step = match frontier {
                None => self.front.follow(*number, |other| idle.contains(&other)),
                Some(frontier) => frontier
                    .target
                    .and_then(|target| self.front.follow_to(*number, target)),
            };
            if let Some(step) = step {
                self.outlet.send(step)?;
            }
        }
        Ok(())
    }

    /// Partitions far ahead of the slowest in event time wait for it: what they have sealed
    /// would only pile up.
    fn align(&mut self) {
        let slowest = match self.outlet.frontier() {
            None => self.front.slowest(),
            Some(frontier) => frontier.joint,
        };
        let is_full = self.front.waiting_bytes() > self.waiting_bytes_max;
        for (number, reading) in self
            .readings
            .iter_mut()
            .enumerate()
            .filter(|(_, reading)| reading.assigned)
        {
            let lead = self.front.lead(number as i32, slowest);
            let lead_max = match (is_full, reading.paused) {
                (true, _) => 0,
                (false, true) => LEAD_MAX / 2,
                (false, false) => LEAD_MAX,
            };
            let pause = lead > lead_max;
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
