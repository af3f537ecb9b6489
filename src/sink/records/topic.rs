//! Alert records in a Kafka topic.

use super::read_back::{ReadBack, Reading};
use super::told::Told;
use super::{AlertSink, OutputPosition, SinkError};
use crate::domain::{Alert, EventTime};
use crate::limits::ALERTS_QUEUED_MAX;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one record may wait for room in the queue before it is given up.
const ROOM_WAIT: Duration = Duration::from_millis(100);
/// How long the broker may take to answer before anything else is looked at.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// How long a transaction may be open, in milliseconds: an outage of the broker is part of it. Who takes
/// over ends it at once; brokers allow a quarter of an hour.
const TRANSACTION_MILLISECONDS: &str = "600000";

/// What the broker said of records.
#[derive(Clone, Default)]
struct Deliveries(Arc<Delivered>);

#[derive(Default)]
struct Delivered {
    failures: AtomicU64,
    /// Per partition, the offset after the last record of this process, or, before there is one, after
    /// what was read back.
    ends: Mutex<BTreeMap<i32, i64>>,
}

impl Deliveries {
    fn ends(&self) -> MutexGuard<'_, BTreeMap<i32, i64>> {
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            // A broker that had the record already may not say where.
            Ok(message) if message.offset() >= 0 => {
                self.ends()
                    .insert(message.partition(), message.offset() + 1);
            }
            Ok(_) => {}
            Err((error, _)) => {
                self.failed();
                tracing::error!(%error, "an alert record was not delivered");
            }
        }
    }
}

/// Produces to a topic, keyed by the alert's id.
pub struct KafkaSink {
    topic: String,
    producer: ThreadedProducer<Deliveries>,
    deliveries: Deliveries,
    /// Others who write in the same name are to be shut out, before the topic is read back.
    opening: Option<Opening>,
    /// What the topic holds is being read back; until then records wait.
    reading: Option<Reading>,
    /// Records go in transactions.
    is_transactional: bool,
    /// Those of the next transaction.
    batch: Vec<(String, String)>,
    /// Somebody else writes in this name now.
    is_shut_out: bool,
    waiting: Vec<(String, String)>,
    told: Told,
    has_position: bool,
}

/// What a topic is read back with, and from where on.
struct Opening {
    client: ClientConfig,
    group: String,
    from: BTreeMap<i32, i64>,
}

impl KafkaSink {
    /// With the options of the source's client.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub fn new(
        brokers: &str,
        topic: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<KafkaSink, SinkError> {
        KafkaSink::of(client_config(brokers, options), topic)
    }

    fn of(mut config: ClientConfig, topic: &str) -> Result<KafkaSink, SinkError> {
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            // A record waits for its broker as long as there is room.
            .set("message.timeout.ms", "0")
            .set(
                "queue.buffering.max.messages",
                ALERTS_QUEUED_MAX.to_string(),
            );
        let deliveries = Deliveries::default();
        let producer = config
            .create_with_context(deliveries.clone())
            .map_err(|source| sink_error(topic, source))?;
        Ok(KafkaSink {
            topic: topic.to_owned(),
            producer,
            deliveries,
            opening: None,
            reading: None,
            is_transactional: false,
            batch: Vec::new(),
            is_shut_out: false,
            waiting: Vec::new(),
            told: Told::default(),
            has_position: false,
        })
    }

    /// To a topic whose records from these offsets on are not to be written again, read in the name of
    /// this group; without offsets, to whatever it holds. The broker is waited for by a thread beside:
    /// records wait until it is done, and nothing else does.
    ///
    /// # Errors
    /// Where librdkafka refuses the options, or the thread cannot be started.
    pub fn resume(
        brokers: &str,
        topic: &str,
        options: &BTreeMap<String, String>,
        group: &str,
        from: Option<BTreeMap<i32, i64>>,
    ) -> Result<KafkaSink, SinkError> {
        let mut sink = KafkaSink::new(brokers, topic, options)?;
        let client = client_config(brokers, options);
        let reading = Reading::start(client, topic, group, from);
        sink.reading = Some(reading.map_err(|source| sink_error(topic, source))?);
        sink.has_position = true;
        Ok(sink)
    }

    /// As [`KafkaSink::resume`], where others may believe that it is they who write: whoever began to in
    /// this name before is shut out by the broker, and only then the topic is read back. What is written
    /// between two flushes is a transaction.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub fn alone(
        brokers: &str,
        topic: &str,
        options: &BTreeMap<String, String>,
        name: &str,
        from: BTreeMap<i32, i64>,
    ) -> Result<KafkaSink, SinkError> {
        let mut config = client_config(brokers, options);
        config
            .set("transactional.id", name)
            .set("transaction.timeout.ms", TRANSACTION_MILLISECONDS);
        let mut sink = KafkaSink::of(config, topic)?;
        let mut client = client_config(brokers, options);
        client.set("isolation.level", "read_committed");
        sink.opening = Some(Opening {
            client,
            group: name.to_owned(),
            from,
        });
        sink.is_transactional = true;
        sink.has_position = true;
        Ok(sink)
    }

    /// Shuts others out, if that is still to be done.
    fn open(&mut self) {
        let Some(opening) = self.opening.take() else {
            return;
        };
        match self.producer.init_transactions(OPEN_WAIT) {
            Ok(()) => {
                let Opening {
                    client,
                    group,
                    from,
                } = opening;
                match Reading::start(client, &self.topic, &group, Some(from)) {
                    Ok(reading) => self.reading = Some(reading),
                    Err(error) => self.shut_out(&error),
                }
            }
            Err(KafkaError::Transaction(error)) if !error.is_fatal() => {
                self.opening = Some(opening);
            }
            Err(error) => self.shut_out(&error),
        }
    }

    fn shut_out(&mut self, error: &KafkaError) {
        self.is_shut_out = true;
        tracing::error!(
            error = super::error_chain(error),
            topic = self.topic,
            "alert records are not written from here any more: another replica does, or the broker refuses"
        );
    }

    /// Goes on as soon as everything is read back: what waits is written, but for what is there.
    fn read_back(&mut self, patience: Duration) {
        self.open();
        let Some(ReadBack { told, ends }) = self
            .reading
            .as_ref()
            .and_then(|reading| reading.done(patience))
        else {
            return;
        };
        self.reading = None;
        self.told = told;
        *self.deliveries.ends() = ends;
        for (id, json) in std::mem::take(&mut self.waiting) {
            if let Err(error) = self.produce(&id, &json) {
                self.deliveries.failed();
                tracing::error!(
                    error = super::error_chain(&error),
                    alert = id,
                    "an alert record was not delivered"
                );
            }
        }
        if let Err(error) = self.flush() {
            self.deliveries.failed();
            let error = super::error_chain(&error);
            tracing::error!(error, "alert records were not delivered");
        }
    }

    /// Hands a record to the producer, if the topic does not hold it.
    fn produce(&mut self, id: &str, json: &str) -> Result<(), SinkError> {
        if self.told.take(json.as_bytes()) {
            return Ok(());
        }
        if self.is_transactional {
            self.batch.push((id.to_owned(), json.to_owned()));
            return Ok(());
        }
        let mut record = BaseRecord::to(&self.topic).key(id).payload(json);
        // Room comes back as the broker takes what waits; without one this gives up in a second.
        for _ in 0..10 {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    record = unsent;
                    std::thread::sleep(ROOM_WAIT);
                }
                Err((source, _)) => return Err(sink_error(&self.topic, source)),
            }
        }
        Err(sink_error(&self.topic, queue_full()))
    }
}

impl KafkaSink {
    /// Writes the records of a batch in one transaction, and waits until they are there.
    fn transact(&self, batch: &[(String, String)]) -> Result<(), KafkaError> {
        loop {
            self.producer.begin_transaction()?;
            let sent = batch.iter().try_for_each(|(id, json)| {
                let record = BaseRecord::to(&self.topic).key(id).payload(json);
                // There is room: nothing else is on its way.
                self.producer.send(record).map_err(|(error, _)| error)
            });
            match sent.and_then(|()| patiently(|| self.producer.commit_transaction(OPEN_WAIT))) {
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {}
                // The broker has ended it meanwhile.
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::State)) => {}
                committed => return committed,
            }
            patiently(|| self.producer.abort_transaction(OPEN_WAIT))?;
        }
    }
}

/// Tries until the broker has answered: one that is away is waited for.
fn patiently(attempt: impl Fn() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    loop {
        match attempt() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
            Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {}
            answered => return answered,
        }
    }
}

fn sink_error(topic: &str, source: KafkaError) -> SinkError {
    SinkError::Kafka {
        topic: topic.to_owned(),
        source,
    }
}

fn queue_full() -> KafkaError {
    KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
}

/// What every client of the alerts topic is told.
fn client_config(brokers: &str, options: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    for (name, value) in connection_options(options) {
        config.set(name, value);
    }
    config
}

/// The options that speak of the connection, and not of consuming: for producers.
pub fn connection_options(
    options: &BTreeMap<String, String>,
) -> impl Iterator<Item = (&String, &String)> {
    options.iter().filter(|(name, _)| is_common(name))
}

/// Whether an option speaks of the connection, and not of consuming.
fn is_common(name: &str) -> bool {
    [
        "security.",
        "ssl.",
        "sasl.",
        "socket.",
        "client.",
        "broker.",
        "metadata.",
        "reconnect.",
        "debug",
        "enable.ssl",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

impl AlertSink for KafkaSink {
    fn write(&mut self, alert: &Alert, json: &str) -> Result<(), SinkError> {
        self.read_back(Duration::ZERO);
        if self.reading.is_none() && self.opening.is_none() {
            return self.produce(&alert.id, json);
        }
        if self.waiting.len() >= ALERTS_QUEUED_MAX {
            return Err(sink_error(&self.topic, queue_full()));
        }
        self.waiting.push((alert.id.clone(), json.to_owned()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        if self.is_shut_out {
            return Err(sink_error(&self.topic, KafkaError::Canceled));
        }
        self.transact(&batch).map_err(|error| {
            self.shut_out(&error);
            sink_error(&self.topic, error)
        })
    }

    fn is_shut_out(&self) -> bool {
        self.is_shut_out
    }

    fn is_settled(&mut self) -> bool {
        self.read_back(Duration::ZERO);
        self.reading.is_none()
            && self.opening.is_none()
            && !self.is_shut_out
            && self.batch.is_empty()
            && self.producer.in_flight_count() == 0
    }

    fn position(
        &mut self,
        told_to: Option<EventTime>,
    ) -> Result<Option<OutputPosition>, SinkError> {
        if !self.has_position {
            return Ok(None);
        }
        let mut ends = self.deliveries.ends().clone();
        ends.extend(self.told.left(told_to));
        Ok(Some(OutputPosition::Topic(ends)))
    }

    fn failures(&self) -> u64 {
        self.deliveries.0.failures.load(Ordering::Relaxed)
    }

    fn settle(&mut self, deadline: Duration) {
        let started = Instant::now();
        self.read_back(deadline);
        let deadline = deadline.saturating_sub(started.elapsed());
        if let Err(error) = self.producer.flush(deadline) {
            let left = self.producer.in_flight_count();
            tracing::error!(%error, left, "alert records were still on their way to the broker");
        }
        if !self.waiting.is_empty() {
            let left = self.waiting.len();
            tracing::error!(
                left,
                "alert records still waited for the topic to be read back"
            );
        }
    }
}
