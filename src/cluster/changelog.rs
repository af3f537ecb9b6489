//! States of nodes on a compacted topic, a partition each.
//!
//! A state is a snapshot's file, cut into records with keys of their own, and then one record, the
//! manifest, that says how many there are. The records of a partition arrive in order, so a manifest
//! stands behind all that it speaks of. The newest two stay and those before are deleted by tombstones,
//! also those that stood when a writer began: a manifest names the states before it, which need not be
//! read for that. Nobody writes a state under the keys of another: one that writes after its time adds a
//! state that is older, and harms none. The newest state is the one that has come furthest in its log.

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
/// Offsets before its end from which a log is read at first.
const LENGTH_FIRST: i64 = 64;
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
    /// The states that stood before it, oldest first.
    before: Vec<Stood>,
}

/// The records of a state that stands: its manifest, and so many parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stood {
    /// The key of the manifest.
    key: String,
    parts: u32,
}

impl Stood {
    fn key_of(&self, part: u32) -> String {
        format!("{}/{part}", self.key)
    }

    /// All keys. The manifest's is first: without it nobody asks for the parts.
    fn keys(&self) -> impl Iterator<Item = String> {
        let parts = (0..self.parts).map(|part| self.key_of(part));
        std::iter::once(self.key.clone()).chain(parts)
    }
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

/// The same before its file is unpacked.
#[derive(Debug)]
pub struct PackedState {
    name: String,
    /// `None` where parts of it are missing.
    file: Option<Vec<u8>>,
    written: Option<EventTime>,
    next: i64,
}

impl PackedState {
    /// Unpacks its file.
    pub fn open(self) -> KeptState {
        let file = self.file.as_deref();
        KeptState {
            bytes: file.map_or(0, |file| file.len() as u64),
            found: Found {
                name: self.name,
                content: file.map_or(Err(Damage::Sum), Snapshot::from_bytes),
            },
            written: self.written,
            next: self.next,
        }
    }
}

/// What a replica writes of the states of one node.
pub(super) struct Changelog {
    partition: i32,
    records: Records,
}

impl Changelog {
    /// Of the node whose changelog is this partition, in which these states stand, oldest first.
    pub(super) fn new(partition: i32, standing: VecDeque<Stood>) -> Changelog {
        Changelog {
            partition,
            records: Records::of(super::unique(), standing),
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
    /// The states that stand, oldest first.
    standing: VecDeque<Stood>,
}

/// A key and a value; without one, a tombstone.
type Record = (String, Option<Vec<u8>>);

impl Records {
    fn of(writer: u64, standing: VecDeque<Stood>) -> Records {
        Records {
            stem: format!("{writer:016x}"),
            written: 0,
            standing,
        }
    }

    /// The records, in order, that write a state down and delete what it makes needless.
    fn keep(&mut self, state: &[u8], next: i64) -> Result<Vec<Record>, postcard::Error> {
        let parts = state.chunks(PART_BYTES);
        let stood = Stood {
            key: format!("{}/{}", self.stem, self.written),
            parts: parts.len() as u32,
        };
        self.written += 1;
        let manifest = Manifest {
            parts: stood.parts,
            next,
            before: self.standing.iter().cloned().collect(),
        };
        let mut records: Vec<Record> = (0..)
            .zip(parts)
            .map(|(part, bytes)| (stood.key_of(part), Some(bytes.to_vec())))
            .collect();
        records.push((stood.key.clone(), Some(postcard::to_stdvec(&manifest)?)));
        self.standing.push_back(stood);
        while self.standing.len() > KEPT {
            let needless = self.standing.pop_front();
            let keys = needless.iter().flat_map(Stood::keys);
            records.extend(keys.map(|key| (key, None)));
        }
        Ok(records)
    }
}

/// What a node can be gone on from.
#[derive(Default)]
pub(super) struct Newest {
    /// Its states, the one that has come furthest first, up to the first that is not damaged.
    pub(super) kept: Vec<KeptState>,
    /// What stands of it, oldest first.
    pub(super) standing: VecDeque<Stood>,
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

    /// The oldest offset of a partition, and the next.
    ///
    /// # Errors
    /// Where there is no such partition, or Kafka does not say.
    pub(super) fn ends(&self, partition: i32) -> Result<(i64, i64), ReadError> {
        let ends = self
            .consumer
            .fetch_watermarks(&self.topic, partition, ASK_WITHIN);
        ends.map_err(|source| ReadError::Kafka(self.topic.clone(), source))
    }

    /// Every state that stands in a partition, the one that has come furthest first.
    ///
    /// # Errors
    /// Where it cannot be read to its end.
    pub(super) fn all(&self, partition: i32) -> Result<Vec<PackedState>, ReadError> {
        let records = self.read(&BTreeMap::from([(partition, Offset::Beginning)]))?;
        let standing = records.into_iter().next();
        Ok(standing.map_or_else(Vec::new, |(_, standing)| {
            states(&self.place(partition), &standing)
        }))
    }

    /// What each of these partitions can be gone on from. A log holds many states that are needless
    /// already, so it is read from so near to its end as there is one.
    ///
    /// # Errors
    /// Where one cannot be read to its end.
    pub(super) fn newest(&self, partitions: &[i32]) -> Result<BTreeMap<i32, Newest>, ReadError> {
        let mut newest = BTreeMap::new();
        let mut left = BTreeMap::new();
        for partition in partitions {
            left.insert(*partition, self.ends(*partition)?);
        }
        let mut length = LENGTH_FIRST;
        while !left.is_empty() {
            let begin = |(low, high): &(i64, i64)| Offset::Offset((high - length).max(*low));
            let from = left.iter().map(|(at, ends)| (*at, begin(ends))).collect();
            for (partition, records) in self.read(&from)? {
                let is_whole = left
                    .get(&partition)
                    .is_none_or(|(low, high)| high - length <= *low);
                if let Some(kept) = usable(&self.place(partition), &records, is_whole) {
                    let standing = standing(&records);
                    newest.insert(partition, Newest { kept, standing });
                    left.remove(&partition);
                }
            }
            length *= 4;
        }
        Ok(newest)
    }

    fn place(&self, partition: i32) -> String {
        format!("{}[{partition}]", self.topic)
    }

    /// The records that stand in these partitions from there to the end.
    fn read(&self, from: &BTreeMap<i32, Offset>) -> Result<BTreeMap<i32, Standing>, ReadError> {
        let records = self.read_to_end(from);
        // What is not assigned is not fetched.
        let unassigned = self.consumer.unassign();
        unassigned.map_err(|source| ReadError::Kafka(self.topic.clone(), source))?;
        records
    }

    fn read_to_end(
        &self,
        from: &BTreeMap<i32, Offset>,
    ) -> Result<BTreeMap<i32, Standing>, ReadError> {
        let failed = |source| ReadError::Kafka(self.topic.clone(), source);
        let mut list = TopicPartitionList::new();
        for (partition, offset) in from {
            list.add_partition_offset(&self.topic, *partition, *offset)
                .map_err(failed)?;
        }
        self.consumer.assign(&list).map_err(failed)?;
        let mut left: BTreeSet<i32> = from.keys().copied().collect();
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

/// The manifests among records of which the last of each key stands, the state that has come furthest first.
fn manifests(records: &Standing) -> Vec<(Stood, Manifest, Option<EventTime>)> {
    let mut manifests: Vec<_> = records
        .iter()
        .filter(|(key, _)| key.matches('/').count() == 1)
        .map(|(key, (value, written))| {
            // Of one that does not read, no part is known: a state that is damaged, and comes last.
            let manifest: Manifest = postcard::from_bytes(value).unwrap_or(Manifest {
                parts: 0,
                next: i64::MIN,
                before: Vec::new(),
            });
            let stood = Stood {
                key: key.clone(),
                parts: manifest.parts,
            };
            (stood, manifest, *written)
        })
        .collect();
    manifests.sort_by_key(|(_, manifest, _)| std::cmp::Reverse(manifest.next));
    manifests
}

/// The states of these manifests.
fn states(place: &str, records: &Standing) -> Vec<PackedState> {
    let state = |(stood, manifest, written): (Stood, Manifest, Option<EventTime>)| {
        let parts = (0..stood.parts).map(|part| records.get(&stood.key_of(part)));
        let parts: Option<Vec<&[u8]>> = parts.map(|part| Some(&part?.0[..])).collect();
        PackedState {
            name: format!("{place} {}", stood.key),
            file: parts.map(|parts| parts.concat()),
            written,
            next: manifest.next,
        }
    };
    manifests(records).into_iter().map(state).collect()
}

/// The states that these manifests are of, and that they name, oldest first.
fn standing(records: &Standing) -> VecDeque<Stood> {
    let mut standing: VecDeque<Stood> = VecDeque::new();
    for (stood, manifest, _) in manifests(records) {
        for stood in std::iter::once(stood).chain(manifest.before.into_iter().rev()) {
            if !standing.contains(&stood) {
                standing.push_front(stood);
            }
        }
    }
    standing
}

/// The states up to the first that is not damaged; `None` where that may stand before these records, which
/// are not the whole log.
fn usable(place: &str, records: &Standing, is_whole: bool) -> Option<Vec<KeptState>> {
    let mut usable = Vec::new();
    for state in states(place, records) {
        if state.file.is_none() && !is_whole {
            return None;
        }
        let kept = state.open();
        let is_damaged = matches!(&kept.found.content, Err(damage) if damage.is_of_the_file());
        usable.push(kept);
        if !is_damaged {
            return Some(usable);
        }
    }
    is_whole.then_some(usable)
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

    /// The last value of each key that has one.
    fn left_by(records: &[Record]) -> Standing {
        let mut standing = Standing::new();
        for (key, value) in records {
            match value {
                Some(value) => standing.insert(key.clone(), (value.clone(), None)),
                None => standing.remove(key),
            };
        }
        standing
    }

    /// What a reader finds, and would go on from.
    fn found(records: &[Record]) -> Result<Option<(i64, Vec<u8>)>, String> {
        let standing = left_by(records);
        let (found, nexts): (Vec<_>, Vec<_>) = usable("changelog[0]", &standing, true)
            .unwrap_or_default()
            .into_iter()
            .map(|kept| (kept.found, kept.next))
            .unzip();
        let at = match Recovery::decide(&found, &[String::from("pane")], "") {
            Recovery::Fresh => return Ok(None),
            Recovery::Restore { newest } => newest,
            Recovery::RestoreOlder { older, .. } => older,
            Recovery::Refuse(why) => return Err(why),
        };
        let state = found[at].content.as_ref().expect("whole").state.clone();
        Ok(Some((nexts[at], state)))
    }

    fn written() -> (Vec<Record>, Vec<(i64, Vec<u8>)>) {
        let mut writer = Records::of(7, VecDeque::new());
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
    fn of_the_end_of_a_log_a_state_that_is_cut_off_is_looked_for_further_back() {
        let (records, states) = written();
        for from in 0..records.len() {
            let standing = left_by(&records[from..]);
            if let Some(kept) = usable("changelog[0]", &standing, false) {
                let newest = kept.last().map(|kept| kept.next);
                assert_eq!(newest, states.last().map(|(next, _)| *next), "{from}");
            }
            let is_whole = records[from..].iter().any(|(key, _)| key.ends_with("/3/0"));
            assert_eq!(
                usable("changelog[0]", &standing, false).is_some(),
                is_whole,
                "{from}"
            );
        }
    }

    #[test]
    fn who_goes_on_deletes_what_stood_before_him_and_never_the_last_two() {
        let (mut records, _) = written();
        for writer in 1..=3 {
            // Nothing but the newest is seen of what the last has left.
            let at = records
                .iter()
                .rposition(|(key, value)| value.is_some() && key.matches('/').count() == 1);
            let (key, value) = &records[at.expect("a manifest")];
            let seen = Standing::from([(key.clone(), (value.clone().expect("a value"), None))]);
            let mut writer = Records::of(writer, standing(&seen));
            for number in 0..3 {
                let bytes = snapshot(number).to_bytes().expect("bytes");
                let next = records.len() as i64;
                records.extend(writer.keep(&bytes, next).expect("records"));
                let stand = left_by(&records);
                let whole = states("changelog[0]", &stand);
                assert!(whole.len() == 2 && whole.iter().all(|state| state.file.is_some()));
                // Three parts and a manifest each, and nothing else.
                assert_eq!(stand.len(), 2 * 4);
            }
        }
    }

    #[test]
    fn what_another_program_wrote_is_no_reason_to_begin_anew() {
        let (mut records, states) = written();
        let unread = (String::from("7/9"), Some(vec![255]));
        let refused = found(std::slice::from_ref(&unread));
        assert!(refused.is_err_and(|why| why.contains("no snapshot can be read")));
        records.push(unread);
        assert_eq!(found(&records).expect("a decision").as_ref(), states.last());
    }

    #[test]
    fn who_writes_after_his_time_deletes_nothing_and_is_not_gone_on_from() {
        let (mut records, states) = written();
        let mut late = Records::of(8, VecDeque::new());
        for next in [1, 2, 3, 4] {
            let bytes = snapshot(9).to_bytes().expect("bytes");
            records.extend(late.keep(&bytes, next).expect("records"));
        }
        assert_eq!(found(&records).expect("a decision").as_ref(), states.last());
    }
}
