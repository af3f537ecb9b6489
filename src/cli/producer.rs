//! Simulated events to a topic.

use crate::domain::{Event, Member};
use crate::simulate::to_json_line;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a full queue is left alone.
const PAUSE: Duration = Duration::from_millis(2);

/// Counts messages that the broker did not take.
#[derive(Clone, Default)]
struct Failures(Arc<AtomicU64>);

impl ClientContext for Failures {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends events, each under the key of its shipment, or of its actor where it has none.
pub(super) struct EventProducer {
    producer: ThreadedProducer<Failures>,
    failures: Failures,
    topic: String,
    line: Vec<u8>,
}

impl EventProducer {
    /// Connects when the first event is sent.
    pub(super) fn new(brokers: &str, topic: &str) -> Result<EventProducer, KafkaError> {
        let failures = Failures::default();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("linger.ms", "5")
            .create_with_context(failures.clone())?;
        Ok(EventProducer {
            producer,
            failures,
            topic: topic.to_owned(),
            line: Vec::with_capacity(512),
        })
    }

    /// Whether somebody answers there, within a time.
    pub(super) fn reach(&self, limit: Duration) -> Result<(), KafkaError> {
        let client = self.producer.client();
        client.fetch_metadata(Some(&self.topic), limit).map(drop)
    }

    /// Sends an event; waits while the queue is full. Gives the bytes of its line.
    pub(super) fn send(&mut self, event: &Event<'_>) -> Result<usize, KafkaError> {
        self.line.clear();
        to_json_line(event, &mut self.line);
        let key = event
            .member(Member::Shipment)
            .or(event.member(Member::Actor));
        let mut record = BaseRecord::to(&self.topic)
            .payload(self.line.trim_ascii_end())
            .key(key.unwrap_or(""));
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(self.line.len()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(PAUSE);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits until everything is delivered, up to a time.
    pub(super) fn flush(&self, limit: Duration) -> Result<(), KafkaError> {
        self.producer.flush(limit)
    }

    /// Messages that the broker did not take.
    pub(super) fn failures(&self) -> u64 {
        self.failures.0.load(Ordering::Relaxed)
    }
}
