//! What became of a message that was to be read next, where its log does not have it.

use crate::sink::OffsetResets;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Where the log of a partition lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Offset of the oldest message.
    pub begin: i64,
    /// Offset after the newest message.
    pub end: i64,
}

/// What became of the message that was to be read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// It is there, or is yet to come.
    InLog {
        /// Its offset.
        next: i64,
    },
    /// It is gone, and others after it.
    Expired {
        /// Messages that nobody can read any more; fewer where transactions or compaction have taken
        /// offsets.
        lost: i64,
    },
    /// There was never such a message in this log: the topic was made anew, or cut.
    Replaced,
}

impl Log {
    /// Asks the broker where it lies.
    ///
    /// # Errors
    /// Where the broker does not say.
    pub fn of<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        topic: &str,
        partition: i32,
    ) -> Result<Log, KafkaError> {
        let (begin, end) = consumer.fetch_watermarks(topic, partition, ENDS_WITHIN)?;
        Ok(Log { begin, end })
    }
}

impl Bearing {
    /// Finds it. Where it is not known what was to be read next, reading began at the oldest message.
    pub fn take(next: Option<i64>, log: Log) -> Bearing {
        match next {
            Some(next) if next > log.end => Bearing::Replaced,
            Some(next) if next < log.begin => Bearing::Expired {
                lost: log.begin - next,
            },
            next => Bearing::InLog {
                next: next.unwrap_or(log.begin),
            },
        }
    }

    /// Counts it.
    pub fn count(self, resets: &mut OffsetResets) {
        match self {
            Bearing::InLog { .. } => {}
            Bearing::Expired { lost } => {
                resets.expired += 1;
                resets.messages_lost += lost.unsigned_abs();
            }
            Bearing::Replaced => resets.replaced += 1,
        }
    }

    /// Where reading goes on.
    pub fn goes_on(self, log: Log) -> i64 {
        match self {
            Bearing::InLog { next } => next,
            Bearing::Expired { .. } | Bearing::Replaced => log.begin,
        }
    }
}

/// Goes on there. A partition that has stopped cannot be sought in: it is given back and taken again.
///
/// # Errors
/// Where it is not this consumer's to read.
pub fn set_at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    consumer.incremental_unassign(&list)?;
    consumer.incremental_assign(&list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_counted_and_reading_goes_on_at_the_oldest() {
        let log = |begin, end| Log { begin, end };
        let in_log = |next| Bearing::InLog { next };
        let expired = |lost| Bearing::Expired { lost };
        // What was to be read next, the log, what became of it, and where reading goes on.
        let table = [
            (Some(5), log(0, 10), in_log(5), 5),
            (Some(0), log(0, 0), in_log(0), 0),
            (Some(10), log(10, 10), in_log(10), 10),
            (Some(10), log(4, 10), in_log(10), 10),
            (Some(9), log(10, 10), expired(1), 10),
            (Some(0), log(7, 10), expired(7), 7),
            (Some(11), log(0, 10), Bearing::Replaced, 0),
            (Some(11), log(10, 10), Bearing::Replaced, 10),
            (Some(1), log(0, 0), Bearing::Replaced, 0),
            (None, log(3, 10), in_log(3), 3),
        ];
        for (next, log, bearing, goes_on) in table {
            assert_eq!(Bearing::take(next, log), bearing, "{next:?} in {log:?}");
            assert_eq!(bearing.goes_on(log), goes_on, "{next:?} in {log:?}");
        }
    }
}
