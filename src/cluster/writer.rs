//! Writes to the logs, and knows what has arrived there.

use super::frame;
use crate::config::Config;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// How long a record waits for room in the client's queue before it is tried again.
const ROOM_WAIT: Duration = Duration::from_millis(20);

/// What may be on its way: where memory is not bounded, and at least, which holds two records.
const BUFFER_BYTES: usize = 64 << 20;
const BUFFER_LEAST: usize = 2 << 20;

/// The log does not take what it is given, and never will.
#[derive(Clone, Debug, Error)]
pub enum WriteError {
    /// Kafka refuses a record.
    #[error("a record cannot be written to topic `{topic}`")]
    Refused {
        /// The topic.
        topic: String,
        /// Why.
        source: KafkaError,
    },
    /// A message cannot be encoded.
    #[error("a message cannot be encoded")]
    Code(#[from] postcard::Error),
}

#[derive(Default)]
struct Outstanding {
    /// Records that were handed over and have not arrived.
    numbers: BTreeSet<u64>,
    refused: Option<KafkaError>,
}

/// What has not arrived yet.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Outstanding>>);

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, Outstanding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        let mut outstanding = self.lock();
        outstanding.numbers.remove(&number);
        if let Err((error, _)) = result {
            outstanding.refused.get_or_insert_with(|| error.clone());
        }
    }
}

/// A producer of whole messages. It waits for a broker that is away.
pub(super) struct LogWriter {
    producer: ThreadedProducer<Deliveries>,
    deliveries: Deliveries,
    writer: u64,
    /// Records handed over so far.
    records: u64,
    /// Messages so far, by topic and partition.
    messages: BTreeMap<(String, i32), u64>,
}

impl LogWriter {
    /// One that nobody else is taken for.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub(super) fn new(config: &Config) -> Result<LogWriter, KafkaError> {
        let bytes = match &config.memory.plan {
            // One is written to by the reader, one by the nodes.
            Some(plan) => (plan.queue_bytes / 2).max(BUFFER_LEAST),
            None => BUFFER_BYTES,
        };
        let kilobytes = bytes >> 10;
        let mut client = ClientConfig::new();
        for (name, value) in crate::sink::connection_options(&config.kafka.options) {
            client.set(name, value);
        }
        client
            .set("bootstrap.servers", &config.kafka.brokers)
            .set("enable.idempotence", "true")
            .set("compression.type", "zstd")
            .set("linger.ms", "5")
            // A record waits for its broker as long as there is room.
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.kbytes", kilobytes.to_string());
        let deliveries = Deliveries::default();
        Ok(LogWriter {
            producer: client.create_with_context(deliveries.clone())?,
            deliveries,
            writer: super::unique(),
            records: 0,
            messages: BTreeMap::new(),
        })
    }

    /// Writes a message, cut into as many records as it needs; waits while there is no room.
    ///
    /// # Errors
    /// Where Kafka refuses it, or has refused one before.
    pub(super) fn send(
        &mut self,
        (topic, partition): (&str, i32),
        kind: &str,
        message: &impl Serialize,
    ) -> Result<(), WriteError> {
        let bytes = postcard::to_stdvec(message)?;
        let place = (topic.to_owned(), partition);
        let number = self.messages.entry(place).or_default();
        *number += 1;
        for record in frame::cut(self.writer, *number, &bytes) {
            self.put((topic, partition), kind, Some(&record))?;
        }
        Ok(())
    }

    /// Writes a record as it is; without a value, a tombstone.
    ///
    /// # Errors
    /// Where Kafka refuses it, or has refused one before.
    pub(super) fn put(
        &mut self,
        (topic, partition): (&str, i32),
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<(), WriteError> {
        let refused = |source| WriteError::Refused {
            topic: topic.to_owned(),
            source,
        };
        loop {
            let number = self.records;
            if let Some(error) = self.deliveries.lock().refused.clone() {
                return Err(refused(error));
            }
            let mut record = BaseRecord::with_opaque_to(topic, Box::new(number))
                .partition(partition)
                .key(key);
            record.payload = value;
            self.deliveries.lock().numbers.insert(number);
            match self.producer.send(record) {
                Ok(()) => {
                    self.records += 1;
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.deliveries.lock().numbers.remove(&number);
                    std::thread::sleep(ROOM_WAIT);
                }
                Err((error, _)) => return Err(refused(error)),
            }
        }
    }

    /// Records handed over so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Whether the first so many records have arrived.
    pub(super) fn has_arrived(&self, records: u64) -> bool {
        let outstanding = self.deliveries.lock();
        outstanding.refused.is_none()
            && outstanding
                .numbers
                .first()
                .is_none_or(|first| *first >= records)
    }

    /// Waits, up to a deadline, until everything has arrived; whether it has.
    pub(super) fn settle(&self, deadline: Duration) -> bool {
        self.producer.flush(deadline).is_ok() && self.has_arrived(self.records)
    }
}
