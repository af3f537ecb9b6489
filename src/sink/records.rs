//! Alert records, one JSON object each: to a Kafka topic, a file, or whoever listens.

use crate::domain::Alert;
use crate::limits::ALERTS_QUEUED_MAX;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;

/// A record could not be written.
#[derive(Debug, Error)]
pub enum SinkError {
    /// To a file.
    #[error("alert records cannot be written to {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// To a topic.
    #[error("alert records cannot be produced to topic `{topic}`")]
    Kafka {
        /// The topic.
        topic: String,
        /// Why.
        source: KafkaError,
    },
    /// As JSON.
    #[error("an alert record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Takes alert records.
pub trait AlertSink: Send {
    /// Takes a record, or fails.
    ///
    /// # Errors
    /// Where the record is not taken.
    fn write(&mut self, alert: &Alert, json: &str) -> Result<(), SinkError>;

    /// Whether everything taken has reached its place.
    fn is_settled(&self) -> bool {
        true
    }

    /// Records taken that turned out not to be deliverable.
    fn failures(&self) -> u64 {
        0
    }

    /// Waits, up to a deadline, until everything taken has reached its place.
    fn settle(&mut self, _deadline: Duration) {}
}

/// All sinks of a run.
#[derive(Default)]
pub struct AlertSinks {
    sinks: Vec<Box<dyn AlertSink>>,
    refused: u64,
}

impl AlertSinks {
    /// Adds one.
    pub fn push(&mut self, sink: impl AlertSink + 'static) {
        self.sinks.push(Box::new(sink));
    }

    /// Gives the record to every sink. One that fails does not keep it from the others.
    pub fn write(&mut self, alert: &Alert) {
        let json = match serde_json::to_string(alert) {
            Ok(json) => json,
            Err(error) => {
                self.refused += 1;
                tracing::error!(%error, "an alert record cannot be written as JSON");
                return;
            }
        };
        for sink in &mut self.sinks {
            if let Err(error) = sink.write(alert, &json) {
                self.refused += 1;
                tracing::error!(
                    error = error_chain(&error),
                    alert = alert.id,
                    "an alert record was not delivered"
                );
            }
        }
    }

    /// Whether everything taken has reached its place.
    pub fn is_settled(&self) -> bool {
        self.sinks.iter().all(|sink| sink.is_settled())
    }

    /// Records that did not reach their place.
    pub fn failures(&self) -> u64 {
        self.refused + self.sinks.iter().map(|sink| sink.failures()).sum::<u64>()
    }

    /// Waits, up to a deadline for each.
    pub fn settle(&mut self, deadline: Duration) {
        self.sinks.iter_mut().for_each(|sink| sink.settle(deadline));
    }
}

/// An error and what caused it, on one line.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Writes a line a record to a file or to standard output.
pub struct FileSink {
    path: PathBuf,
    writer: Box<dyn Write + Send>,
}

impl FileSink {
    /// Appends to a file; `-` is standard output.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn append(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::open(path, || {
            File::options().create(true).append(true).open(path)
        })
    }

    /// Begins a file anew; `-` is standard output.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn create(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::open(path, || File::create(path))
    }

    fn open(
        path: &Path,
        open: impl FnOnce() -> std::io::Result<File>,
    ) -> Result<FileSink, SinkError> {
        let writer: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(std::io::stdout())
        } else {
            let file = open().map_err(|source| SinkError::File {
                path: path.to_owned(),
                source,
            })?;
            Box::new(BufWriter::new(file))
        };
        Ok(FileSink {
            path: path.to_owned(),
            writer,
        })
    }
}

impl AlertSink for FileSink {
    fn write(&mut self, _: &Alert, json: &str) -> Result<(), SinkError> {
        // Alerts are few and somebody may be watching: each is flushed.
        writeln!(self.writer, "{json}")
            .and_then(|()| self.writer.flush())
            .map_err(|source| SinkError::File {
                path: self.path.clone(),
                source,
            })
    }
}

/// Counts what the broker did not take.
#[derive(Clone, Default)]
struct Deliveries(Arc<AtomicU64>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "an alert record was not delivered");
        }
    }
}

/// Produces to a topic, keyed by the alert's id.
pub struct KafkaSink {
    topic: String,
    producer: ThreadedProducer<Deliveries>,
    failures: Deliveries,
}

/// How long one record may wait for room in the queue before it is given up.
const ROOM_WAIT: Duration = Duration::from_millis(100);

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
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        for (name, value) in connection_options(options) {
            config.set(name, value);
        }
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            // A record waits for its broker as long as there is room.
            .set("message.timeout.ms", "0")
            .set(
                "queue.buffering.max.messages",
                ALERTS_QUEUED_MAX.to_string(),
            );
        let failures = Deliveries::default();
        let producer = config
            .create_with_context(failures.clone())
            .map_err(|source| SinkError::Kafka {
                topic: topic.to_owned(),
                source,
            })?;
        Ok(KafkaSink {
            topic: topic.to_owned(),
            producer,
            failures,
        })
    }
}

/// The options that speak of the connection, and not of consuming: for producers.
pub fn connection_options(
    options: &BTreeMap<String, String>,
) -> impl Iterator<Item = (&String, &String)> {
    options.iter().filter(|(name, _)| is_common(name))
}

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
        let mut record = BaseRecord::to(&self.topic)
            .key(alert.id.as_str())
            .payload(json);
        // Room comes back as the broker takes what waits; without one this gives up in a second.
        for _ in 0..10 {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    record = unsent;
                    std::thread::sleep(ROOM_WAIT);
                }
                Err((source, _)) => {
                    return Err(SinkError::Kafka {
                        topic: self.topic.clone(),
                        source,
                    });
                }
            }
        }
        let source = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        Err(SinkError::Kafka {
            topic: self.topic.clone(),
            source,
        })
    }

    fn is_settled(&self) -> bool {
        self.producer.in_flight_count() == 0
    }

    fn failures(&self) -> u64 {
        self.failures.0.load(Ordering::Relaxed)
    }

    fn settle(&mut self, deadline: Duration) {
        if let Err(error) = self.producer.flush(deadline) {
            let left = self.producer.in_flight_count();
            tracing::error!(%error, left, "alert records were still on their way to the broker");
        }
    }
}

impl<F: FnMut(&Alert) + Send> AlertSink for F {
    fn write(&mut self, alert: &Alert, _: &str) -> Result<(), SinkError> {
        self(alert);
        Ok(())
    }
}
