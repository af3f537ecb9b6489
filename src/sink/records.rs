//! Alert records, one JSON object each: to a Kafka topic, a file, or whoever listens.
//!
//! A process that was killed raises again what it had raised since its last snapshot, the same to the
//! byte. A sink that goes on from a position reads back what its output holds from there on, and drops
//! a record that is there.

mod file;
mod read_back;
mod told;
mod topic;

pub use file::FileSink;
pub use topic::{KafkaSink, connection_options};

use crate::domain::{Alert, EventTime};
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::path::PathBuf;
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

/// How far an output has come: what was told lies before it, what may be raised again does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputPosition {
    /// An offset per partition of a topic; a partition that is not named is read from its beginning.
    Topic(BTreeMap<i32, i64>),
    /// The length of a file, in bytes.
    File(u64),
}

/// Takes alert records.
pub trait AlertSink: Send {
    /// Takes a record, or fails.
    ///
    /// # Errors
    /// Where the record is not taken.
    fn write(&mut self, alert: &Alert, json: &str) -> Result<(), SinkError>;

    /// What was taken since the last time is all that was decided together.
    ///
    /// # Errors
    /// Where it is not taken.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Whether everything taken has reached its place. What waits is tried again.
    fn is_settled(&mut self) -> bool {
        true
    }

    /// How far its output has come, durably, when everything decided up to `told_to` has been taken; to be
    /// asked while it is settled. What was read back and may still be raised again lies behind it.
    /// `None` where nothing can be read back.
    ///
    /// # Errors
    /// Where the output cannot be made durable.
    fn position(
        &mut self,
        _told_to: Option<EventTime>,
    ) -> Result<Option<OutputPosition>, SinkError> {
        Ok(None)
    }

    /// Whether it will never take a record again, because somebody else writes in its name.
    fn is_shut_out(&self) -> bool {
        false
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

    /// What was written since the last time is all that was decided together.
    pub fn flush(&mut self) {
        for sink in &mut self.sinks {
            if let Err(error) = sink.flush() {
                self.refused += 1;
                let error = error_chain(&error);
                tracing::error!(error, "alert records were not delivered");
            }
        }
    }

    /// Whether everything taken has reached its place.
    pub fn is_settled(&mut self) -> bool {
        self.sinks.iter_mut().all(|sink| sink.is_settled())
    }

    /// How far each output that can be read back has come, when everything decided up to `told_to` has been
    /// taken.
    ///
    /// # Errors
    /// Where one cannot be made durable.
    pub fn positions(
        &mut self,
        told_to: Option<EventTime>,
    ) -> Result<Vec<OutputPosition>, SinkError> {
        let sinks = self.sinks.iter_mut();
        sinks
            .filter_map(|sink| sink.position(told_to).transpose())
            .collect()
    }

    /// Whether one of them will never take a record again.
    pub fn is_shut_out(&self) -> bool {
        self.sinks.iter().any(|sink| sink.is_shut_out())
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

impl<F: FnMut(&Alert) + Send> AlertSink for F {
    fn write(&mut self, alert: &Alert, _: &str) -> Result<(), SinkError> {
        self(alert);
        Ok(())
    }
}
