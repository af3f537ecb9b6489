//! Partitions whose next message is not in their log any more.
//!
//! Either it has expired, since retention is shorter than the time that nobody read, or the topic was
//! deleted and made anew. The client could be told to go on at the oldest or the newest message by
//! itself, but says nothing of it then. So it is told to stop (`auto.offset.reset=error`), what the
//! broker has is looked at, the loss is counted, and reading goes on at the oldest message there is.

use super::bearing::{Bearing, Log, set_at};
use super::client::TopicPartition;
use super::{KafkaSource, Outlet, Reading};
use rdkafka::consumer::Consumer;

impl Reading {
    /// Counts what became of the next message, and tells of it.
    fn note(&mut self, bearing: Bearing, log: Log) {
        let (topic, partition) = (&self.place.0, self.place.1);
        bearing.count(&mut self.resets);
        match bearing {
            Bearing::InLog { .. } => {}
            Bearing::Expired { lost } => {
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
            let log = match Log::of(&self.consumer, &place.0, place.1) {
                Ok(log) => log,
                Err(error) => {
                    tracing::debug!(%error, topic = place.0, partition = place.1, "the broker did not say what it has");
                    return;
                }
            };
            let bearing = Bearing::take(reading.next_offset, log);
            let next = bearing.goes_on(log);
            if let Err(error) = set_at(&self.consumer, &place.0, place.1, next) {
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
