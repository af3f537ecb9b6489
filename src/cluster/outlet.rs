//! What stage 1 seals, written to the log, and the source's offsets committed once it is there.

use super::frontier::FrontierTail;
use super::topics::Topics;
use super::writer::{LogWriter, WriteError};
use crate::config::Config;
use crate::engine::spread::{Frontier, Outgoing, Place, ToMeet};
use crate::engine::{PolicySwap, Step};
use crate::observe::Resume;
use crate::source::{self, Committer, TopicPartition};
use rdkafka::error::KafkaError;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often the source is asked for partitions that are new.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// How long records may take to arrive when the process leaves.
const SETTLE: Duration = Duration::from_secs(2);

/// Nothing more can be handed on.
#[derive(Debug, Error)]
pub enum OutletError {
    /// The log does not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The thread of the nodes has stopped.
    #[error("the thread of the nodes has stopped")]
    Host,
}

/// Speaks for the source partitions that this process reads.
pub struct Outlet {
    topics: Topics,
    /// Of the source, in the order that numbers its partitions.
    source: Vec<String>,
    writer: LogWriter,
    committer: Committer,
    tail: FrontierTail,
    /// Where reading goes on, once so many records have arrived.
    done: VecDeque<(u64, i32, Resume)>,
    committed: Instant,
    announced: Vec<i32>,
    looked: Option<Instant>,
    swaps: Sender<Arc<PolicySwap>>,
}

impl Outlet {
    /// For what this committer's consumer reads; swaps of policy go on to the nodes of this process.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub fn new(
        config: &Config,
        committer: Committer,
        swaps: Sender<Arc<PolicySwap>>,
    ) -> Result<Outlet, KafkaError> {
        let topics = Topics::of(&config.cluster);
        Ok(Outlet {
            tail: FrontierTail::new(config, &topics.findings)?,
            writer: LogWriter::new(config)?,
            source: config.kafka.topics.clone(),
            done: VecDeque::new(),
            committed: Instant::now(),
            announced: Vec::new(),
            looked: None,
            committer,
            topics,
            swaps,
        })
    }

    /// The number of a source partition in all replicas.
    fn number(&self, (topic, partition): &TopicPartition) -> Option<i32> {
        let topic = self.source.iter().position(|known| known == topic)?;
        Some((topic as i32) << 16 | partition)
    }

    fn say(&mut self, outgoing: &Outgoing) -> Result<(), WriteError> {
        for (shard, message) in (0..).zip(&outgoing.to_shards) {
            let log = self.topics.log_of(Place::Shard(shard));
            self.writer.send(log, "source", message)?;
        }
        let meet = self.topics.log_of(Place::Meet);
        self.writer.send(meet, "source", &outgoing.to_meet)
    }

    /// Tells of all partitions that the source has: nobody goes on without one that is read later.
    fn announce(&mut self, now: Instant) -> Result<(), WriteError> {
        let is_due = |looked| now.duration_since(looked) >= LOOK_EVERY;
        if !self.looked.is_none_or(is_due) {
            return Ok(());
        }
        let places = self.committer.partitions(&self.source);
        let numbers: Vec<i32> = places
            .iter()
            .filter_map(|place| self.number(place))
            .collect();
        if numbers.is_empty() {
            return Ok(());
        }
        self.looked = Some(now);
        if numbers == self.announced {
            return Ok(());
        }
        let meet = self.topics.log_of(Place::Meet);
        self.writer
            .send(meet, "source", &ToMeet::Announce(numbers.clone()))?;
        self.announced = numbers;
        Ok(())
    }

    fn number_of(&self, local: i32) -> Option<i32> {
        self.number(&self.committer.place(local)?)
    }

    fn commit(&mut self) {
        let mut latest = BTreeMap::new();
        while let Some((records, _, _)) = self.done.front()
            && self.writer.has_arrived(*records)
            && let Some((_, local, resume)) = self.done.pop_front()
        {
            latest.insert(local, resume);
        }
        self.committer.commit(&latest);
    }
}

impl source::Outlet for Outlet {
    type Rest = ();
    type Error = OutletError;

    fn send(&mut self, step: Step) -> Result<(), OutletError> {
        let shards = self.topics.shards();
        match step {
            Step::Assign { .. } => self.announce(Instant::now())?,
            Step::Revoke(partition) => self.done.retain(|(_, local, _)| *local != partition),
            Step::Idle(partition) => {
                if let Some(number) = self.number_of(partition) {
                    self.say(&Outgoing::idle(number))?;
                }
            }
            Step::Progress(partition, progress) => {
                if let Some(number) = self.number_of(partition) {
                    let resume = (*progress.resume).clone();
                    self.say(&Outgoing::sealed(number, progress, shards))?;
                    self.done
                        .push_back((self.writer.records(), partition, resume));
                }
            }
            Step::Swap(swap) => self.swaps.send(swap).map_err(|_| OutletError::Host)?,
        }
        Ok(())
    }

    fn keep_house(&mut self, now: Instant) -> Result<(), OutletError> {
        self.tail.poll();
        if now.duration_since(self.committed) >= COMMIT_EVERY {
            self.committed = now;
            self.announce(now)?;
            self.commit();
        }
        Ok(())
    }

    fn frontier(&self) -> Option<Frontier> {
        Some(self.tail.known())
    }

    fn finish(mut self) -> Result<(), OutletError> {
        self.writer.settle(SETTLE);
        self.commit();
        Ok(())
    }
}
