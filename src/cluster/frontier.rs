//! How far all source partitions have come, for who reads some of them.

use super::frame::Assembly;
use crate::config::Config;
use crate::engine::spread::{Frontier, ToAlerts};
use crate::source::consumer_config;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::time::Duration;

/// Key of the records that tell it.
pub(super) const KEY: &str = "frontier";
/// Records from the end of the log among which one of them is.
const TAIL: i64 = 200;

/// Reads the end of the log of findings.
pub(super) struct FrontierTail {
    consumer: BaseConsumer,
    assembly: Assembly,
    known: Frontier,
}

impl FrontierTail {
    pub(super) fn new(config: &Config, findings: &str) -> Result<FrontierTail, KafkaError> {
        let consumer: BaseConsumer = consumer_config(&config.kafka)?
            .set("enable.auto.commit", "false")
            // Where there are fewer records than that.
            .set("auto.offset.reset", "earliest")
            .set("statistics.interval.ms", "0")
            .create()?;
        let mut end = TopicPartitionList::new();
        end.add_partition_offset(findings, 0, Offset::OffsetTail(TAIL))?;
        consumer.assign(&end)?;
        Ok(FrontierTail {
            consumer,
            assembly: Assembly::default(),
            known: Frontier::default(),
        })
    }

    /// Reads what has come.
    pub(super) fn poll(&mut self) {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            let Ok(record) = polled else {
                continue;
            };
            if record.key() != Some(KEY.as_bytes()) {
                continue;
            }
            let payload = record.payload().unwrap_or_default();
            let message = self.assembly.take(record.offset(), payload);
            let told = message.and_then(|message| postcard::from_bytes(&message).ok());
            if let Some(ToAlerts::Frontier(frontier)) = told {
                self.known = frontier;
            }
        }
    }

    pub(super) fn known(&self) -> Frontier {
        self.known
    }
}
