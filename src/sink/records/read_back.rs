//! Reading back what a topic holds from given offsets on, on a thread that waits for the broker.

use super::told::Told;
use crate::limits::READ_BACK_MAX;
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long the broker may take to answer before it is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(100);
/// A broker that starts does not know its topics yet: only one that says so for so long has none.
const ABSENT_AFTER: Duration = Duration::from_secs(5);
/// That the broker is away is worth a line in the log no more often than this.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What was read back.
pub(super) struct ReadBack {
    /// The records.
    pub(super) told: Told,
    /// Per partition, the offset after the last.
    pub(super) ends: BTreeMap<i32, i64>,
}

/// A topic that is being read back.
pub(super) struct Reading {
    answer: Receiver<ReadBack>,
    stop: Arc<AtomicBool>,
}

impl Reading {
    /// Starts reading from these offsets to the end; without them, finds the end.
    ///
    /// # Errors
    /// Where librdkafka refuses the options, or there is no thread to be had.
    pub(super) fn start(
        mut config: ClientConfig,
        topic: &str,
        group: &str,
        from: Option<BTreeMap<i32, i64>>,
    ) -> Result<Reading, KafkaError> {
        // What was aborted was never told. (Where nobody aborts, everything counts at once.)
        if config.get("isolation.level").is_none() {
            config.set("isolation.level", "read_uncommitted");
        }
        // It joins no group and commits nothing; librdkafka wants a name all the same.
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "50");
        let consumer: BaseConsumer = config.create()?;
        let (tell, answer) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            consumer,
            topic: topic.to_owned(),
            from,
            stop: Arc::clone(&stop),
        };
        std::thread::Builder::new()
            .name(String::from("vigie-back"))
            .spawn(move || {
                if let Some(read_back) = reader.run() {
                    // Whoever asked may have left.
                    let _ = tell.send(read_back);
                }
            })
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Reading { answer, stop })
    }

    /// What was read, once all of it is; waits as long as this for it.
    pub(super) fn done(&self, patience: Duration) -> Option<ReadBack> {
        self.answer.recv_timeout(patience).ok()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Reader {
    consumer: BaseConsumer,
    topic: String,
    from: Option<BTreeMap<i32, i64>>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    /// Tries until it is done, or nobody waits any more.
    fn run(&self) -> Option<ReadBack> {
        let nothing = || ReadBack {
            told: Told::default(),
            ends: BTreeMap::new(),
        };
        let mut absent_since: Option<Instant> = None;
        let mut last_line: Option<Instant> = None;
        while !self.stop.load(Ordering::Relaxed) {
            match self.attempt() {
                Ok(read_back) => return Some(read_back),
                Err(error) if is_forbidden(&error) => {
                    tracing::error!(
                        %error,
                        topic = self.topic,
                        "vigie may not read its own alerts topic: records since the last snapshot may be in it twice"
                    );
                    return Some(nothing());
                }
                Err(error) if error.rdkafka_error_code() == Some(UNKNOWN_TOPIC) => {
                    let since = absent_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= ABSENT_AFTER {
                        return Some(nothing());
                    }
                }
                Err(error) => {
                    absent_since = None;
                    if last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
                        last_line = Some(Instant::now());
                        tracing::warn!(
                            %error,
                            topic = self.topic,
                            "alert records wait until the topic is read back; trying again"
                        );
                    }
                }
            }
            // So that the client's own errors are taken off its queue as well.
            let _ = self.consumer.poll(RETRY_AFTER);
        }
        None
    }

    fn attempt(&self) -> Result<ReadBack, KafkaError> {
        let mut told = Told::default();
        let mut ends = BTreeMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in self.partitions()? {
            let (low, high) =
                self.consumer
                    .fetch_watermarks(&self.topic, partition, ANSWER_WITHIN)?;
            let begin = match &self.from {
                None => high,
                Some(from) => begin(from.get(&partition).copied(), low, high),
            };
            if high - begin > READ_BACK_MAX {
                tracing::warn!(
                    partition,
                    "only the last {READ_BACK_MAX} records of the topic are read back"
                );
            }
            let begin = begin.max(high - READ_BACK_MAX);
            ends.insert(partition, begin);
            if begin < high {
                assignment.add_partition_offset(&self.topic, partition, Offset::Offset(begin))?;
            }
        }
        self.read(&assignment, &mut told, &mut ends)?;
        if self.from.is_some() {
            tracing::info!(
                topic = self.topic,
                records = told.len(),
                "read back what was written since the snapshot"
            );
        }
        Ok(ReadBack { told, ends })
    }

    fn partitions(&self) -> Result<Vec<i32>, KafkaError> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(&self.topic), ANSWER_WITHIN)?;
        let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        let topic = metadata.topics().first();
        let error = topic.map_or(Some(unknown), |topic| topic.error());
        if let Some(error) = error {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
        Ok(partitions.iter().map(|partition| partition.id()).collect())
    }

    /// Reads each of these partitions to its end.
    fn read(
        &self,
        assignment: &TopicPartitionList,
        told: &mut Told,
        ends: &mut BTreeMap<i32, i64>,
    ) -> Result<(), KafkaError> {
        self.consumer.assign(assignment)?;
        let assigned = assignment.elements();
        let mut left: BTreeSet<i32> = assigned.iter().map(|one| one.partition()).collect();
        let mut heard = Instant::now();
        while !left.is_empty() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    told.note(message.payload().unwrap_or_default(), partition, offset);
                    ends.insert(partition, offset + 1);
                    heard = Instant::now();
                }
                // It comes again where somebody goes on writing.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    left.remove(&partition);
                }
                Some(Err(error)) if is_forbidden(&error) => return Err(error),
                // It goes on trying by itself; should that lead nowhere, it is begun anew.
                Some(Err(_)) | None if heard.elapsed() < ANSWER_WITHIN => {}
                Some(Err(error)) => return Err(error),
                None => {
                    return Err(KafkaError::MessageConsumption(
                        RDKafkaErrorCode::OperationTimedOut,
                    ));
                }
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(KafkaError::Canceled);
            }
        }
        Ok(())
    }
}

const UNKNOWN_TOPIC: RDKafkaErrorCode = RDKafkaErrorCode::UnknownTopicOrPartition;

/// Where to begin. What is not within the partition belongs to one that was there before it.
fn begin(from: Option<i64>, low: i64, high: i64) -> i64 {
    from.filter(|from| (low..=high).contains(from))
        .unwrap_or(low)
}

/// Whether trying again is of no use.
fn is_forbidden(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_outside_the_partition_is_of_another_topic_of_the_name() {
        assert_eq!(begin(Some(7), 0, 10), 7);
        assert_eq!(begin(Some(10), 0, 10), 10);
        assert_eq!(begin(Some(11), 0, 10), 0);
        assert_eq!(begin(Some(3), 5, 10), 5);
        assert_eq!(begin(None, 5, 10), 5);
    }
}
