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
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};
use thiserror::Error;

const PART_BYTES: usize = 900_000;
const KEPT: usize = 2;
const ASK_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
/// How long nothing may come while reading.
const STALLED: Duration = Duration::from_secs(60);

/// The changelog cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Kafka does not give it.
    #[error("topic `{0}` cannot be read")]
    Kafka(String, #[source] KafkaError),
    /// Nothing came for a while.
    #[error("reading topic `{0}` has stalled")]
    Stalled(String),
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
    records: Records,
}

impl Changelog {
    /// Of the node whose changelog is this partition.
    pub(super) fn new(partition: i32) -> Changelog {
        Changelog {
            partition,
            records: Records::of(super::unique()),
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
        for (key, value) in self.records.keep(state, next)? {
            writer.put(place, &key, value.as_deref())?;
        }
        Ok(())
    }
}

/// The records of the states that one writer keeps.
struct Records {
    stem: String,
    written: u64,
    /// Keys of the states that stand, oldest first.
    standing: VecDeque<Vec<String>>,
}

/// A key and a value; without one, a tombstone.
type Record = (String, Option<Vec<u8>>);

impl Records {
    fn of(writer: u64) -> Records {
        Records {
            stem: format!("{writer:016x}"),
            written: 0,
            standing: VecDeque::new(),
        }
    }

    /// The records, in order, that write a state down and delete what it makes needless.
    fn keep(&mut self, state: &[u8], next: i64) -> Result<Vec<Record>, postcard::Error> {
        let stem = format!("{}/{}", self.stem, self.written);
        self.written += 1;
        let mut records: Vec<Record> = (0..)
            .zip(state.chunks(PART_BYTES))
            .map(|(number, part): (u32, _)| (format!("{stem}/{number}"), Some(part.to_vec())))
            .collect();
        let parts = records.len() as u32;
        let manifest = postcard::to_stdvec(&Manifest { parts, next })?;
        records.push((stem, Some(manifest)));
        // The manifest goes first: without it nobody asks for the parts.
        let keys = records.iter().rev().map(|(key, _)| key.clone());
        self.standing.push_back(keys.collect());
        while self.standing.len() > KEPT {
            let needless = self.standing.pop_front().unwrap_or_default();
            records.extend(needless.into_iter().map(|key| (key, None)));
        }
        Ok(records)
    }
}

/// Reads states; connected before one is asked for.
pub(super) struct Reader {
    consumer: BaseConsumer,
    topic: String,
}

impl Reader {
    /// # Errors
    /// Where librdkafka refuses the options.
    pub(super) fn new(config: &Config, topic: &str) -> Result<Reader, KafkaError> {
        let consumer: BaseConsumer = consumer_config(&config.kafka)?
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("statistics.interval.ms", "0")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        Ok(Reader {
            consumer,
            topic: topic.to_owned(),
        })
    }

    /// Whether there is such a partition.
    ///
    /// # Errors
    /// Where there is none, or Kafka does not say.
    pub(super) fn ask_for(&self, partition: i32) -> Result<(), ReadError> {
        let ends = self
            .consumer
            .fetch_watermarks(&self.topic, partition, ASK_WITHIN);
        ends.map_err(|source| ReadError::Kafka(self.topic.clone(), source))?;
        Ok(())
    }

    /// Every state that stands in each of these partitions, the one that has come furthest first.
    ///
    /// # Errors
    /// Where one cannot be read to its end.
    pub(super) fn read(
        &self,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, Vec<KeptState>>, ReadError> {
        let records = self.read_to_end(partitions);
        // What is not assigned is not fetched.
        let unassigned = self.consumer.unassign();
        let failed = |source| ReadError::Kafka(self.topic.clone(), source);
        unassigned.map_err(failed)?;
        let named = |(partition, records): (i32, Standing)| {
            let place = format!("{}[{partition}]", self.topic);
            (partition, states(&place, &records))
        };
        Ok(records?.into_iter().map(named).collect())
    }

    fn read_to_end(&self, partitions: &[i32]) -> Result<BTreeMap<i32, Standing>, ReadError> {
        let failed = |source| ReadError::Kafka(self.topic.clone(), source);
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(&self.topic, *partition, Offset::Beginning)
                .map_err(failed)?;
        }
        self.consumer.assign(&list).map_err(failed)?;
        let mut left: BTreeSet<i32> = partitions.iter().copied().collect();
        let begun = left.iter().map(|partition| (*partition, Standing::new()));
        let mut records: BTreeMap<i32, Standing> = begun.collect();
        let mut heard = Instant::now();
        while !left.is_empty() {
            match self.consumer.poll(POLL) {
                Some(Ok(record)) => {
                    heard = Instant::now();
                    let key = record.key().unwrap_or_default();
                    let key = String::from_utf8_lossy(key).into_owned();
                    let standing = records.entry(record.partition()).or_default();
                    match record.payload() {
                        Some(value) => {
                            let written = record.timestamp().to_millis().map(EventTime);
                            standing.insert(key, (value.to_vec(), written))
                        }
                        None => standing.remove(&key),
                    };
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    left.remove(&partition);
                }
                Some(Err(error)) if heard.elapsed() > STALLED => return Err(failed(error)),
                _ if heard.elapsed() > STALLED => {
                    return Err(ReadError::Stalled(self.topic.clone()));
                }
                _ => {}
            }
        }
        Ok(records)
    }
}

/// The last value of each key, and when it was written.
type Standing = BTreeMap<String, (Vec<u8>, Option<EventTime>)>;

/// The states among records of which the last of each key stands, the one that has come furthest first.
fn states(place: &str, records: &Standing) -> Vec<KeptState> {
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
            let name = format!("{place} {key}");
            Some(KeptState {
                found: Found { name, content },
                bytes: bytes.len() as u64,
                written: *written,
                next: manifest.next,
            })
        })
        .collect();
    kept.sort_by_key(|kept| std::cmp::Reverse(kept.next));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Header, Outputs, Recovery};

    fn snapshot(number: u8) -> Snapshot {
        // Not to be compressed, so that it takes three parts.
        let mut word = u32::from(number) + 1;
        let state = std::iter::repeat_with(|| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (word >> 24) as u8
        });
        Snapshot {
            header: Header {
                began: EventTime(0),
                closed_to: None,
                partitions: Vec::new(),
                outputs: Outputs::default(),
                shape: vec![String::from("pane")],
            },
            state: state.take(2 * PART_BYTES + PART_BYTES / 2).collect(),
        }
    }

    /// What a reader finds, and would go on from.
    fn found(records: &[Record]) -> Result<Option<(i64, Vec<u8>)>, String> {
        let mut standing = BTreeMap::new();
        for (key, value) in records {
            match value {
                Some(value) => standing.insert(key.clone(), (value.clone(), None)),
                None => standing.remove(key),
            };
        }
        let (found, nexts): (Vec<_>, Vec<_>) = states("changelog[0]", &standing)
            .into_iter()
            .map(|kept| (kept.found, kept.next))
            .unzip();
        let at = match Recovery::decide(&found, &[String::from("pane")]) {
            Recovery::Fresh => return Ok(None),
            Recovery::Restore { newest } => newest,
            Recovery::RestoreOlder { older, .. } => older,
            Recovery::Refuse(why) => return Err(why),
        };
        let state = found[at].content.as_ref().expect("whole").state.clone();
        Ok(Some((nexts[at], state)))
    }

    fn written() -> (Vec<Record>, Vec<(i64, Vec<u8>)>) {
        let mut writer = Records::of(7);
        let (mut records, mut states) = (Vec::new(), Vec::new());
        for number in 0..4 {
            let snapshot = snapshot(number);
            let next = i64::from(number) * 10;
            let bytes = snapshot.to_bytes().expect("bytes");
            records.extend(writer.keep(&bytes, next).expect("records"));
            states.push((next, snapshot.state));
        }
        (records, states)
    }

    #[test]
    fn cut_anywhere_the_newest_state_that_is_whole_is_found() {
        let (records, states) = written();
        let mut last = None;
        for end in 0..=records.len() {
            let found = found(&records[..end]).expect("a decision");
            assert!(found >= last, "never back");
            assert!(found.is_none() || states.contains(found.as_ref().expect("some")));
            last = found;
        }
        assert_eq!(last.as_ref(), states.last());
    }

    #[test]
    fn what_is_lost_or_changed_is_passed_over_for_the_state_before() {
        let (records, states) = written();
        let of_newest: Vec<usize> = (0..records.len())
            .filter(|at| records[*at].0.contains("/3"))
            .filter(|at| {
                records[*at]
                    .1
                    .as_ref()
                    .is_some_and(|value| value.len() > 100)
            })
            .collect();
        assert_eq!(of_newest.len(), 3);
        for at in of_newest {
            let mut lost = records.clone();
            lost.remove(at);
            assert_eq!(found(&lost).expect("a decision").as_ref(), states.get(2));
            let mut changed = records.clone();
            let value = changed[at].1.as_mut().expect("a part");
            value[3] ^= 1;
            assert_eq!(found(&changed).expect("a decision").as_ref(), states.get(2));
        }
    }

    #[test]
    fn who_writes_after_his_time_deletes_nothing_and_is_not_gone_on_from() {
        let (mut records, states) = written();
        let mut late = Records::of(8);
        for next in [1, 2, 3, 4] {
            let bytes = snapshot(9).to_bytes().expect("bytes");
            records.extend(late.keep(&bytes, next).expect("records"));
        }
        assert_eq!(found(&records).expect("a decision").as_ref(), states.last());
    }
}
