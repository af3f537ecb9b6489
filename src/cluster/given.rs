//! Which nodes the group gives to this process, and the states that they go on from.

use super::changelog::{KeptState, Newest, Reader, Stood};
use super::topics::Topics;
use crate::config::Config;
use crate::engine::spread::Place;
use crate::sink::Lag;
use crate::snapshot::{Outputs, Recovery, Snapshot};
use crate::source::{Membership, STOPPED, TopicPartition, lag_of};
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often reading a changelog is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A node that was given to this process, as it was when it was written down last.
pub(super) struct Given {
    /// `None` where it never was.
    pub(super) state: Option<Vec<u8>>,
    /// Of the one who raises alerts: how far the outputs had come.
    pub(super) outputs: Option<Outputs>,
    /// Offset of the first record of its log that it does not know.
    pub(super) next: i64,
    /// The states that stand on its changelog, oldest first.
    pub(super) standing: VecDeque<Stood>,
}

/// What the group has decided.
pub(super) enum Change {
    Given(Place, Given),
    Taken(Place),
    /// It was given, and cannot be gone on with; why, and what to do.
    Refused(String),
}

/// Finds the states of what is given.
pub(super) struct NodesGiven {
    shape: Vec<String>,
    topics: Topics,
    changelog: Reader,
    changes: Mutex<Vec<Change>>,
    lag: Mutex<Vec<Lag>>,
    /// Logs that the last statistics show as not read any more, until somebody has looked.
    stopped: Mutex<Option<Vec<TopicPartition>>>,
    membership: Membership,
    has_joined: AtomicBool,
    stop: Arc<AtomicBool>,
}

impl NodesGiven {
    /// Which reads states until `stop` says that the process leaves.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub(super) fn new(config: &Config, stop: Arc<AtomicBool>) -> Result<NodesGiven, KafkaError> {
        let topics = Topics::of(&config.cluster);
        Ok(NodesGiven {
            shape: config.shape(),
            changelog: Reader::new(config, &topics.changelog)?,
            topics,
            changes: Mutex::default(),
            lag: Mutex::default(),
            stopped: Mutex::default(),
            membership: Membership::default(),
            has_joined: AtomicBool::new(false),
            stop,
        })
    }

    /// What was decided since the last time, in order.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes())
    }

    /// What the logs held a moment ago that was not read yet.
    pub(super) fn lag(&self) -> Vec<Lag> {
        self.lag
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Logs that have stopped; `None` where nothing is new since the last time.
    pub(super) fn take_stopped(&self) -> Option<Vec<TopicPartition>> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.take()
    }

    /// Whether it is a member of the group of the nodes.
    pub(super) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Whether the group has decided at all.
    pub(super) fn has_joined(&self) -> bool {
        self.has_joined.load(Ordering::Relaxed)
    }

    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, partitions: &TopicPartitionList) -> Vec<Place> {
        let elements = partitions.elements();
        let place = |topic: &str, partition| self.topics.place(topic, partition);
        elements
            .iter()
            .map(|element| place(element.topic(), element.partition()))
            .collect()
    }

    /// The last states of nodes, by partition of the changelog, waiting for a broker that is away;
    /// `None` where the process leaves meanwhile.
    fn read(&self, places: &[Place]) -> Option<BTreeMap<i32, Newest>> {
        let changelog = |place: &Place| self.topics.changelog_of(*place);
        let partitions: Vec<i32> = places.iter().map(changelog).collect();
        while !self.stop.load(Ordering::Relaxed) {
            match self.changelog.newest(&partitions) {
                Ok(kept) => return Some(kept),
                Err(error) => {
                    tracing::warn!("{}; trying again", crate::sink::error_chain(&error));
                    std::thread::sleep(AGAIN_AFTER);
                }
            }
        }
        None
    }

    fn decide(&self, newest: Newest) -> Result<Given, String> {
        let Newest { kept, standing } = newest;
        let halves = |kept: KeptState| (kept.found, kept.next);
        let (mut found, nexts): (Vec<_>, Vec<i64>) = kept.into_iter().map(halves).unzip();
        let at = match Recovery::decide(&found, &self.shape, "choose another cluster.topic_prefix")
        {
            Recovery::Fresh => {
                return Ok(Given {
                    state: None,
                    outputs: None,
                    next: 0,
                    standing,
                });
            }
            Recovery::Restore { newest } => newest,
            Recovery::RestoreOlder { older, why } => {
                tracing::warn!("going on from an older state: {why}");
                older
            }
            Recovery::Refuse(why) => return Err(why),
        };
        let found = found.swap_remove(at);
        let Snapshot { header, state } = found.content.map_err(|damage| damage.to_string())?;
        Ok(Given {
            state: Some(state),
            outputs: Some(header.outputs),
            next: nexts[at],
            standing,
        })
    }

    /// Tells of what is given, and says from where its log is read.
    fn give(&self, partitions: &TopicPartitionList) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        let places = self.places(partitions);
        if places.is_empty() {
            return list;
        }
        let Some(mut kept) = self.read(&places) else {
            // It leaves, and what is not taken cannot be given back.
            return partitions.clone();
        };
        for (place, element) in places.into_iter().zip(partitions.elements()) {
            let kept = kept.remove(&self.topics.changelog_of(place));
            let change = match self.decide(kept.unwrap_or_default()) {
                Ok(given) => {
                    let from = Offset::Offset(given.next);
                    // An offset that a list refuses is one it cannot hold; none of these is.
                    let _ = list.add_partition_offset(element.topic(), element.partition(), from);
                    Change::Given(place, given)
                }
                Err(why) => {
                    let _ = list.add_partition(element.topic(), element.partition());
                    Change::Refused(why)
                }
            };
            self.changes().push(change);
        }
        list
    }
}

impl ClientContext for NodesGiven {
    fn stats(&self, statistics: Statistics) {
        self.membership.note(&statistics);
        let (mut lag, mut stopped) = (Vec::new(), Vec::new());
        for (topic, statistics) in statistics.topics {
            for (partition, statistics) in statistics.partitions {
                // Statistics go on about partitions that are not read here, or no more.
                if statistics.desired && statistics.fetch_state == STOPPED {
                    stopped.push((topic.clone(), partition));
                }
                if statistics.desired && statistics.fetch_state == "active" {
                    lag.extend(lag_of(&statistics).map(|messages| Lag {
                        topic: topic.clone(),
                        partition,
                        messages,
                    }));
                }
            }
        }
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = lag;
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the Kafka client of the nodes reports an error; it goes on trying");
    }
}

impl ConsumerContext for NodesGiven {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let outcome = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.has_joined.store(true, Ordering::Relaxed);
                let list = self.give(partitions);
                consumer.incremental_assign(&list)
            }
            _ => {
                let taken = self.places(partitions).into_iter().map(Change::Taken);
                self.changes().extend(taken);
                consumer.incremental_unassign(partitions)
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a rebalance of the nodes failed");
        }
    }
}
