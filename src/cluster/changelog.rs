//! States of nodes on a compacted topic, a partition each.
//!
//! A state is a snapshot's file, cut into records with keys of their own, and then one record, the
//! manifest, that says how many there are. The records of a partition arrive in order, so a manifest
//! stands behind all that it speaks of. The newest two of a writer stay and those before are deleted
//! by tombstones. Nobody writes under the keys of another: one that writes after its time adds a state
//! that is older, and harms none. The newest state is the one that has come furthest in its log.

use super::writer::{LogWriter, WriteError};
use crate::config::Config;
use crate::domain::EventTime;
use crate::snapshot::{Damage, Found, Snapshot};
use crate::source::consumer_config;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use thiserror::Error;

const PART_BYTES: usize = 900_000;
const KEPT: usize = 2;
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing may come while reading.
const STALLED: Duration = Duration::from_secs(60);

/// The changelog cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Kafka does not give it.
    #[error("partition {partition} of topic `{topic}` cannot be read")]
    Kafka {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why.
        source: KafkaError,
    },
    /// Nothing came for a while.
    #[error("reading partition {partition} of topic `{topic}` has stalled")]
    Stalled {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

/// What stands behind the parts of a state.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    parts: u32,
    /// Offset in the node's log of the first record that the state does not know.
    next: i64,
}

/// A state, as it stands in a partition.
#[derive(Clone, Debug)]
pub struct KeptState {
    /// The state.
    pub found: Found,
    /// Length of its file.
    pub bytes: u64,
    /// When it was written, by the clock of the broker or of who wrote it.
    pub written: Option<EventTime>,
    /// Offset in the node's log from which it goes on.
    pub next: i64,
}

/// What a replica writes of the states of one node.
pub(super) struct Changelog {
    partition: i32,
    stem: String,
    written: u64,
    /// Keys of the states that stand, oldest first.
    standing: VecDeque<Vec<String>>,
}

impl Changelog {
    /// Of the node whose changelog is this partition.
    pub(super) fn new(partition: i32) -> Changelog {
        Changelog {
            partition,
            stem: format!("{:016x}", super::unique()),
            written: 0,
            standing: VecDeque::new(),
        }
    }

    /// Writes a state down; it need not be waited for. What it stands on must have arrived.
    ///
    /// # Errors
    /// Where Kafka refuses it.
    pub(super) fn keep(
        &mut self,
        writer: &mut LogWriter,
        topic: &str,
        state: &[u8],
        next: i64,
    ) -> Result<(), WriteError> {
        let place = (topic, self.partition);
        let stem = format!("{}/{}", self.stem, self.written);
        self.written += 1;
        let mut keys = Vec::new();
        for (number, part) in state.chunks(PART_BYTES).enumerate() {
            let key = format!("{stem}/{number}");
            writer.put(place, &key, Some(part))?;
            keys.push(key);
        }
        let parts = keys.len() as u32;
        let manifest = postcard::to_stdvec(&Manifest { parts, next })?;
        // First among its keys, so that what it speaks of goes after it.
        keys.insert(0, stem);
        writer.put(place, &keys[0], Some(&manifest))?;
        self.standing.push_back(keys);
        while self.standing.len() > KEPT {
            for key in self.standing.pop_front().unwrap_or_default() {
                writer.put(place, &key, None)?;
            }
        }
        Ok(())
    }
}

/// Every state that stands in a partition, the one that has come furthest first.
///
/// # Errors
/// Where the partition cannot be read to its end.
pub(super) fn read(
    config: &Config,
    topic: &str,
    partition: i32,
) -> Result<Vec<KeptState>, ReadError> {
    let failed = |source| ReadError::Kafka {
        topic: topic.to_owned(),
        partition,
        source,
    };
    let records = read_to_end(config, topic, partition, &failed)?;
    let mut kept: Vec<KeptState> = records
        .iter()
        .filter(|(key, _)| key.matches('/').count() == 1)
        .filter_map(|(key, (value, written))| {
            let manifest: Manifest = postcard::from_bytes(value).ok()?;
            let parts = (0..manifest.parts).map(|part| records.get(&format!("{key}/{part}")));
            let whole: Option<Vec<&(Vec<u8>, _)>> = parts.collect();
            let parts = whole.iter().flatten();
            let bytes: Vec<u8> = parts.flat_map(|(part, _)| part).copied().collect();
            let content = match whole {
                Some(_) => Snapshot::from_bytes(&bytes),
                None => Err(Damage::Sum),
            };
            let name = format!("{topic}[{partition}] {key}");
            Some(KeptState {
                found: Found { name, content },
                next: manifest.next,
                bytes: bytes.len() as u64,
                written: *written,
            })
        })
        .collect();
    kept.sort_by_key(|kept| std::cmp::Reverse(kept.next));
    Ok(kept)
}

/// A record's value, and when it was written.
type Record = (Vec<u8>, Option<EventTime>);

fn read_to_end(
    config: &Config,
    topic: &str,
    partition: i32,
    failed: &dyn Fn(KafkaError) -> ReadError,
) -> Result<BTreeMap<String, Record>, ReadError> {
    let consumer: BaseConsumer = consumer_config(&config.kafka)
        .map_err(failed)?
        .set("enable.auto.commit", "false")
        .set("statistics.interval.ms", "0")
        .create()
        .map_err(failed)?;
    let (_, end) = consumer
        .fetch_watermarks(topic, partition, ASK_WITHIN)
        .map_err(failed)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning)
        .map_err(failed)?;
    consumer.assign(&list).map_err(failed)?;
    let mut records = BTreeMap::new();
    let mut heard = Instant::now();
    // What compaction took has no record: the position tells how far reading has come.
    loop {
        let position = consumer.position().map_err(failed)?;
        let elements = position.elements();
        let at = elements
            .first()
            .and_then(|element| element.offset().to_raw());
        if end == 0 || at.is_some_and(|at| at >= end) {
            return Ok(records);
        }
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                heard = Instant::now();
                let key = String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
                match record.payload() {
                    Some(value) => {
                        let written = record.timestamp().to_millis().map(EventTime);
                        records.insert(key, (value.to_vec(), written))
                    }
                    None => records.remove(&key),
                };
            }
            Some(Err(error)) if heard.elapsed() > STALLED => return Err(failed(error)),
            _ if heard.elapsed() > STALLED => {
                return Err(ReadError::Stalled {
                    topic: topic.to_owned(),
                    partition,
                });
            }
            _ => {}
        }
    }
}
