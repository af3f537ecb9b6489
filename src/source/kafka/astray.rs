//! Partitions whose next message is not in their log any more.
//!
//! Either it has expired, since retention is shorter than the time that nobody read, or the topic was
//! deleted and made anew. The client could be told to go on at the oldest or the newest message by
//! itself, but says nothing of it then. So it is told to stop (`auto.offset.reset=error`), what the
//! broker has is looked at, the loss is counted, and reading goes on at the oldest message there is.

use super::client::{Context, TopicPartition};
use super::{KafkaSource, Outlet, Reading};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Where the log of a partition lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    /// Offset of the oldest message.
    begin: i64,
    /// Offset after the newest message.
    end: i64,
}

/// What became of the message that was to be read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearing {
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

impl Bearing {
    /// Finds it. Where it is not known what was to be read next, reading began at the oldest message.
    fn take(next: Option<i64>, log: Log) -> Bearing {
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

    /// Where reading goes on.
    fn goes_on(self, log: Log) -> i64 {
        match self {
            Bearing::InLog { next } => next,
            Bearing::Expired { .. } | Bearing::Replaced => log.begin,
        }
    }
}

impl Reading {
    /// Counts what became of the next message, and tells of it.
    fn note(&mut self, bearing: Bearing, log: Log) {
        let (topic, partition) = (&self.place.0, self.place.1);
        match bearing {
            Bearing::InLog { .. } => {}
            Bearing::Expired { lost } => {
                self.resets.expired += 1;
                self.resets.messages_lost += lost.unsigned_abs();
                tracing::error!(
                    topic,
                    partition,
                    wanted = self.next_offset,
                    oldest = log.begin,
                    messages_lost = lost,
                    "messages were deleted before they were read, and nobody has watched them; going on at the oldest \
                     there is. Let the topic keep its messages (retention.ms, retention.bytes) for longer than this \
                     daemon may be down or behind"
                );
            }
            Bearing::Replaced => {
                self.resets.replaced += 1;
                tracing::error!(
                    topic,
                    partition,
                    wanted = self.next_offset,
                    oldest = log.begin,
                    end = log.end,
                    "the partition ends before the message that was to be read next: the topic was deleted and made \
                     anew, or has lost its newest messages; going on at the oldest there is. If that was not meant, \
                     see who has administered the topic"
                );
            }
        }
    }
}

impl<O: Outlet> KafkaSource<O> {
    /// Partitions that have stopped since their next message is gone go on at the oldest there is.
    pub(super) fn go_on_astray(&mut self, is_idle: bool) {
        let stopped: Vec<TopicPartition> = {
            let mut told = self.consumer.context().told();
            // What a partition had before it stopped comes before the error that says so. Where more
            // have stopped than have said so, some of that may still be on its way.
            let is_all = is_idle || told.stopped.len() <= told.astray;
            if told.astray == 0 || told.stopped.is_empty() || !is_all {
                return;
            }
            std::mem::take(&mut told.stopped).into_iter().collect()
        };
        for place in stopped {
            let mut readings = self.readings.iter_mut();
            let Some(reading) = readings.find(|reading| reading.assigned && reading.place == place)
            else {
                continue;
            };
            // Where the broker does not say, it is asked again with the next statistics.
            let log = match self
                .consumer
                .fetch_watermarks(&place.0, place.1, ENDS_WITHIN)
            {
                Ok((begin, end)) => Log { begin, end },
                Err(error) => {
                    tracing::debug!(%error, topic = place.0, partition = place.1, "the broker did not say what it has");
                    return;
                }
            };
            let bearing = Bearing::take(reading.next_offset, log);
            let next = bearing.goes_on(log);
            if let Err(error) = set_at(&self.consumer, &place, next) {
                tracing::error!(%error, topic = place.0, partition = place.1, "a partition cannot be read on");
                return;
            }
            reading.note(bearing, log);
            reading.next_offset = Some(next);
            reading.paused = false;
        }
        self.consumer.context().told().astray = 0;
    }
}

/// Goes on there. A partition that has stopped cannot be sought in: it is given back and taken again.
fn set_at(
    consumer: &BaseConsumer<Context>,
    place: &TopicPartition,
    offset: i64,
) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&place.0, place.1, Offset::Offset(offset))?;
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
