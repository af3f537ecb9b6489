//! What tests do with a Kafka: make topics, produce, read everything, look at a group's offsets.

use crate::support::eventually;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A name that no other test or run uses.
pub(crate) fn fresh_name(stem: &str) -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "{stem}-{}-{}-{}",
        now.unwrap_or_default().as_millis(),
        std::process::id(),
        NAMES.fetch_add(1, Ordering::Relaxed)
    )
}

/// A message to produce.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Partition to write it to.
    pub(crate) partition: i32,
    /// Key.
    pub(crate) key: String,
    /// Payload.
    pub(crate) payload: Vec<u8>,
}

impl Message {
    /// To be written to this topic.
    pub(crate) fn record<'a>(&'a self, topic: &'a str) -> BaseRecord<'a, [u8], Vec<u8>> {
        BaseRecord::to(topic)
            .partition(self.partition)
            .key(self.key.as_bytes())
            .payload(&self.payload)
    }
}

/// A message that was read.
#[derive(Debug)]
pub(crate) struct Record {
    /// Partition it stands in.
    pub(crate) partition: i32,
    /// Its place there.
    pub(crate) offset: i64,
    /// In milliseconds since the epoch.
    pub(crate) timestamp: Option<i64>,
    /// Key; empty where it has none.
    pub(crate) key: Vec<u8>,
    /// Payload.
    pub(crate) payload: Vec<u8>,
    /// Headers, in their order.
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    fn of(message: &BorrowedMessage<'_>) -> Record {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Record {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().unwrap_or_default().to_vec(),
            payload: message.payload().unwrap_or_default().to_vec(),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

/// A client of one Kafka.
pub(crate) struct Client {
    brokers: String,
}

impl Client {
    /// Of the Kafka at `host:port`.
    pub(crate) fn new(brokers: &str) -> Client {
        Client {
            brokers: brokers.to_owned(),
        }
    }

    /// Where it is, as `host:port`.
    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Whether a broker answers.
    pub(crate) fn is_answered(&self) -> bool {
        let metadata = self
            .consumer("none")
            .fetch_metadata(None, Duration::from_secs(1));
        metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
    }

    /// Makes a topic that keeps the broker's append times.
    pub(crate) fn create_topic(&self, topic: &str, partitions: i32) {
        self.create_topic_with(
            topic,
            partitions,
            &[("message.timestamp.type", "LogAppendTime")],
        );
    }

    /// Makes a topic with these settings.
    pub(crate) fn create_topic_with(
        &self,
        topic: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) {
        let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let topic = settings
            .iter()
            .fold(topic, |topic, (name, value)| topic.set(name, value));
        let (admin, options) = self.admin();
        let made = wait(admin.create_topics([&topic], &options));
        let made = made.expect("an answer to creating a topic");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    /// Gives a topic more partitions, so that it has so many.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: usize) {
        let grown = NewPartitions::new(topic, partitions);
        let (admin, options) = self.admin();
        let made = wait(admin.create_partitions([&grown], &options));
        let made = made.expect("an answer to adding partitions");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    /// Deletes what stands before an offset, as retention does.
    pub(crate) fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("a partition and an offset");
        let (admin, options) = self.admin();
        let gone = wait(admin.delete_records(&list, &options));
        let gone = gone.expect("an answer to deleting records");
        let elements = gone.elements();
        assert!(
            elements
                .iter()
                .all(|element| element.error().is_ok() && element.offset().to_raw() == Some(offset)),
            "{gone:?}"
        );
    }

    /// Removes a topic with all that is in it, and waits until it is gone.
    pub(crate) fn delete_topic(&self, topic: &str) {
        let (admin, options) = self.admin();
        let deleted = wait(admin.delete_topics(&[topic], &options));
        let deleted = deleted.expect("an answer to deleting a topic");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        eventually("the topic to be gone", TIMEOUT, || {
            let metadata = self.consumer("none").fetch_metadata(None, TIMEOUT);
            let metadata = metadata.expect("the names of all topics");
            let is_there = metadata.topics().iter().any(|one| one.name() == topic);
            (!is_there).then_some(())
        });
    }

    fn admin(&self) -> (AdminClient<DefaultClientContext>, AdminOptions) {
        let admin = self.config().create().expect("an admin client");
        (admin, AdminOptions::new().operation_timeout(Some(TIMEOUT)))
    }

    /// Produces, in order for each partition, and waits until the broker has everything.
    pub(crate) fn produce(&self, topic: &str, messages: impl IntoIterator<Item = Message>) {
        let messages: Vec<Message> = messages.into_iter().collect();
        self.write(messages.iter().map(|message| message.record(topic)));
    }

    /// The same with records that are written out whole.
    pub(crate) fn write<'a>(
        &self,
        records: impl IntoIterator<Item = BaseRecord<'a, [u8], Vec<u8>>>,
    ) {
        let failures = Failures::default();
        let mut config = self.config();
        config
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "30000")
            // The partition is always given, so a client that does not know it yet must wait.
            .set("topic.metadata.propagation.max.ms", "10000");
        let producer: ThreadedProducer<Failures> = config
            .create_with_context(failures.clone())
            .expect("a producer");
        for record in records {
            producer
                .send(record)
                .map_err(|(error, _)| error)
                .expect("room for a message");
        }
        producer
            .flush(TIMEOUT)
            .expect("the broker takes everything");
        let failures = failures.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(failures.is_empty(), "not delivered: {failures:?}");
    }

    /// Everything that is in a topic now, and committed.
    pub(crate) fn consume(&self, topic: &str) -> Vec<Record> {
        let mut config = self.config();
        config
            .set("group.id", "none")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut left: BTreeSet<i32> = self.partitions(topic).collect();
        let mut from = TopicPartitionList::new();
        for partition in &left {
            from.add_partition_offset(topic, *partition, Offset::Beginning)
                .expect("a partition and an offset");
        }
        consumer.assign(&from).expect("partitions that exist");
        let mut records = Vec::new();
        eventually("everything in a topic to be read", TIMEOUT, || {
            // Somebody may go on writing.
            while !left.is_empty()
                && let Some(polled) = consumer.poll(Duration::from_millis(50))
            {
                match polled {
                    Ok(message) => records.push(Record::of(&message)),
                    Err(KafkaError::PartitionEOF(partition)) => {
                        left.remove(&partition);
                    }
                    // It connects again.
                    Err(KafkaError::MessageConsumption(
                        RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
                    )) => {}
                    Err(error) => panic!("a message: {error}"),
                }
            }
            left.is_empty().then_some(())
        });
        records
    }

    /// Per partition, the offset after its last message.
    pub(crate) fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let consumer = self.consumer("none");
        self.partitions(topic)
            .map(|partition| {
                let marks = consumer.fetch_watermarks(topic, partition, TIMEOUT);
                (partition, marks.expect("the ends of a partition").1)
            })
            .collect()
    }

    /// Per partition, the offset that a group has committed, if it has.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, Option<i64>> {
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            list.add_partition(topic, partition);
        }
        let committed = self.consumer(group).committed_offsets(list, TIMEOUT);
        let committed = committed.expect("a group's offsets");
        let elements = committed.elements();
        elements
            .iter()
            .map(|element| {
                (
                    element.partition(),
                    element.offset().to_raw().filter(|offset| *offset >= 0),
                )
            })
            .collect()
    }

    fn partitions(&self, topic: &str) -> impl Iterator<Item = i32> + use<> {
        let metadata = self.consumer("none").fetch_metadata(Some(topic), TIMEOUT);
        let metadata = metadata.expect("a topic's metadata");
        let count = metadata.topics()[0].partitions().len();
        0..i32::try_from(count).expect("a number of partitions")
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = self.config();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        config.create().expect("a consumer")
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            // That a node which is starting does not answer yet is no news.
            .set("log_level", "2");
        config
    }
}

fn wait<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(answer)
}

/// Why messages could not be delivered.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<Option<RDKafkaErrorCode>>>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push(error.rdkafka_error_code());
        }
    }
}
