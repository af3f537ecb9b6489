//! Rejected messages, written to a topic as they came: same key, payload, headers and timestamp.
//!
//! Headers say where each came from and why it was refused. They are named, and written as text, as
//! Kafka Connect's dead letter queue does it, so that what reads those reads these; of its headers,
//! those on Java classes, tasks and stack traces have nothing to say here and are left out.
//!
//! Nobody waits for the topic: what does not fit into a bounded queue is counted and let go.

use super::rejections::Sampled;
use crate::config::KafkaConfig;
use crate::decode::Rejection;
use crate::limits::{
    DEAD_LETTER_BYTES_MAX, DEAD_LETTERS_QUEUED_KBYTES_MAX, DEAD_LETTERS_QUEUED_MAX,
};
use crate::sink::{DeadLetters, connection_options};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What Kafka Connect calls the step in which a message's payload is understood.
const STAGE: &str = "VALUE_CONVERTER";
/// What goes to the broker together, in bytes: less than any topic takes at once.
const BATCH_BYTES: usize = 16 << 10;
/// How long what waits may take to reach the topic when the daemon leaves.
const SETTLE: Duration = Duration::from_secs(1);

/// Why a rejected message did not reach the topic; a closed set, and a label on a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Too many wait already: the topic is slow, or away.
    QueueFull,
    /// It is larger than the topic takes.
    TooLarge,
    /// The broker refuses it: the topic is not there, or may not be written to.
    Refused,
}

impl Loss {
    const ALL: [Loss; 3] = [Loss::QueueFull, Loss::TooLarge, Loss::Refused];

    fn name(self) -> &'static str {
        match self {
            Loss::QueueFull => "queue_full",
            Loss::TooLarge => "too_large",
            Loss::Refused => "refused",
        }
    }

    fn of(error: &KafkaError) -> Loss {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Loss::QueueFull,
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::MessageBatchTooLarge,
            ) => Loss::TooLarge,
            _ => Loss::Refused,
        }
    }
}

/// What became of them, as the producer's own thread tells it.
#[derive(Clone, Default)]
struct Books(Arc<Page>);

#[derive(Default)]
struct Page {
    taken: AtomicU64,
    written: AtomicU64,
    lost: [AtomicU64; Loss::ALL.len()],
    lines: Mutex<[Sampled; Loss::ALL.len()]>,
}

impl Books {
    fn lose(&self, error: &KafkaError) {
        let loss = Loss::of(error);
        self.0.lost[loss as usize].fetch_add(1, Ordering::Relaxed);
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(untold) = lines[loss as usize].due(Instant::now()) {
            tracing::error!(
                %error,
                reason = loss.name(),
                since_last_line = untold,
                "a rejected message is not in the dead-letter topic"
            );
        }
    }

    fn read(&self) -> DeadLetters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let lost = Loss::ALL.map(|loss| (loss.name(), read(&self.0.lost[loss as usize])));
        let written = read(&self.0.written);
        // Read last: what is done by now was taken before.
        let taken = read(&self.0.taken);
        let done = written + lost.iter().map(|(_, n)| n).sum::<u64>();
        DeadLetters {
            written,
            lost: lost.to_vec(),
            waiting: taken.saturating_sub(done),
        }
    }
}

impl ClientContext for Books {}

impl ProducerContext for Books {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.0.written.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => self.lose(error),
        }
    }
}

/// Writes rejected messages to their topic.
pub(super) struct DeadLetterTopic {
    topic: String,
    group: String,
    producer: ThreadedProducer<Books>,
    books: Books,
}

impl DeadLetterTopic {
    /// `None` where the configuration names no topic.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub(super) fn new(kafka: &KafkaConfig) -> Result<Option<DeadLetterTopic>, KafkaError> {
        let Some(topic) = &kafka.dead_letter_topic else {
            return Ok(None);
        };
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka.brokers);
        for (name, value) in connection_options(&kafka.options) {
            config.set(name, value);
        }
        config
            .set("enable.idempotence", "true")
            // As the producers of Java do it: a key has the partition that it would have there.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            // One waits for its broker as long as there is room.
            .set("message.timeout.ms", "0")
            // A batch is refused whole: what is large goes by itself, and takes nothing with it.
            .set("batch.size", BATCH_BYTES.to_string())
            .set("message.max.bytes", DEAD_LETTER_BYTES_MAX.to_string())
            // A topic that is not there is soon told of, and one that is made later soon found.
            .set("topic.metadata.propagation.max.ms", "10000")
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set(
                "queue.buffering.max.messages",
                DEAD_LETTERS_QUEUED_MAX.to_string(),
            )
            .set(
                "queue.buffering.max.kbytes",
                DEAD_LETTERS_QUEUED_KBYTES_MAX.to_string(),
            );
        let books = Books::default();
        Ok(Some(DeadLetterTopic {
            topic: topic.clone(),
            group: kafka.group.clone(),
            producer: config.create_with_context(books.clone())?,
            books,
        }))
    }

    /// Takes one, or counts it as lost. Never waits.
    pub(super) fn write(&self, message: &impl Message, reason: Rejection) {
        self.books.0.taken.fetch_add(1, Ordering::Relaxed);
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&self.topic).headers(self.headers(message, reason));
        record.key = message.key();
        record.payload = message.payload();
        record.timestamp = message.timestamp().to_millis();
        if let Err((error, _)) = self.producer.send(record) {
            self.books.lose(&error);
        }
    }

    /// The message's own, and after them what is to be said of it.
    fn headers(&self, message: &impl Message, reason: Rejection) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        for own in message.headers().into_iter().flat_map(Headers::iter) {
            headers = headers.insert(Header {
                key: own.key,
                value: own.value,
            });
        }
        [
            ("topic", message.topic()),
            ("partition", &message.partition().to_string()),
            ("offset", &message.offset().to_string()),
            ("connector.name", &self.group),
            ("stage", STAGE),
            ("exception.message", reason.name()),
        ]
        .into_iter()
        .fold(headers, |headers, (name, value)| {
            headers.insert(Header {
                key: &format!("__connect.errors.{name}"),
                value: Some(value),
            })
        })
    }

    /// What became of all that were rejected.
    pub(super) fn status(&self) -> DeadLetters {
        self.books.read()
    }

    /// Waits, for no longer than [`SETTLE`], for what is on its way.
    pub(super) fn settle(&self) {
        if let Err(error) = self.producer.flush(SETTLE) {
            let left = self.status().waiting;
            tracing::error!(%error, left, "rejected messages were still on their way to the dead-letter topic");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;
    use std::path::Path;

    /// A topic of a broker that is not there.
    fn away() -> DeadLetterTopic {
        let text = "kafka: {brokers: '127.0.0.1:1', group: g, dead_letter_topic: d}";
        let config = Config::parse("test", text, Path::new(".")).unwrap();
        DeadLetterTopic::new(&config.kafka).unwrap().unwrap()
    }

    fn message(bytes: usize) -> OwnedMessage {
        let own = Header {
            key: "trace",
            value: Some(b"\xff\x00".as_slice()),
        };
        let none = Header {
            key: "none",
            value: None::<&[u8]>,
        };
        let headers = OwnedHeaders::new().insert(own).insert(none);
        let payload = Some(vec![b'x'; bytes]);
        let created = Timestamp::CreateTime(1_000);
        OwnedMessage::new(
            payload,
            None,
            String::from("t"),
            created,
            3,
            17,
            Some(headers),
        )
    }

    #[test]
    fn what_a_topic_that_is_away_has_no_room_for_is_counted_and_nobody_waits() {
        const OVER: usize = 7;
        let topic = away();
        let message = message(10);
        let started = Instant::now();
        for _ in 0..DEAD_LETTERS_QUEUED_MAX + OVER {
            topic.write(&message, Rejection::NotJson);
        }
        assert!(started.elapsed() < Duration::from_secs(5));
        let status = topic.status();
        let expected = DeadLetters {
            written: 0,
            lost: vec![
                ("queue_full", OVER as u64),
                ("too_large", 0),
                ("refused", 0),
            ],
            waiting: DEAD_LETTERS_QUEUED_MAX as u64,
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn what_is_larger_than_any_topic_takes_is_counted_and_the_next_is_taken() {
        let topic = away();
        topic.write(&message(DEAD_LETTER_BYTES_MAX), Rejection::TooLarge);
        topic.write(&message(10), Rejection::NotJson);
        let status = topic.status();
        assert_eq!(status.lost[1], ("too_large", 1));
        assert_eq!((status.written, status.waiting), (0, 1));
    }

    #[test]
    fn headers_are_its_own_and_then_where_from_and_why() {
        let headers = away().headers(&message(1), Rejection::TooDeep);
        let read: Vec<(&str, Option<&[u8]>)> = headers
            .iter()
            .map(|header| (header.key, header.value))
            .collect();
        let expected: [(&str, Option<&[u8]>); 8] = [
            ("trace", Some(b"\xff\x00")),
            ("none", None),
            ("__connect.errors.topic", Some(b"t")),
            ("__connect.errors.partition", Some(b"3")),
            ("__connect.errors.offset", Some(b"17")),
            ("__connect.errors.connector.name", Some(b"g")),
            ("__connect.errors.stage", Some(b"VALUE_CONVERTER")),
            ("__connect.errors.exception.message", Some(b"too_deep")),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn each_is_written_or_lost_or_waits() {
        let books = Books::default();
        let errors = [
            RDKafkaErrorCode::QueueFull,
            RDKafkaErrorCode::MessageSizeTooLarge,
            RDKafkaErrorCode::InvalidMessageSize,
            RDKafkaErrorCode::UnknownTopic,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::TopicAuthorizationFailed,
        ];
        books.0.taken.store(10, Ordering::Relaxed);
        books.0.written.store(3, Ordering::Relaxed);
        for error in errors {
            books.lose(&KafkaError::MessageProduction(error));
        }
        let expected = DeadLetters {
            written: 3,
            lost: vec![("queue_full", 1), ("too_large", 2), ("refused", 3)],
            waiting: 1,
        };
        assert_eq!(books.read(), expected);
    }
}
