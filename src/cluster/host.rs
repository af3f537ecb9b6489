//! The nodes that this process runs: what is given to it of the meeting, the shards and the alerts.

use super::changelog::{Changelog, KeptState, Reader};
use super::frame::Assembly;
use super::frontier;
use super::place::Place;
use super::topics::Topics;
use super::writer::{LogWriter, WriteError};
use crate::config::Config;
use crate::domain::{Alert, EventTime};
use crate::engine::spread::{AlertNode, MeetNode, ShardNode, ToAlerts, ToMeet, ToShard};
use crate::engine::{BackStatus, EngineSettings, PolicySwap, SeriesStatus, StateError};
use crate::score::EntityCounts;
use crate::sink::SinkError;
use crate::snapshot::{Header, Outputs, Recovery, Snapshot};
use crate::source::consumer_config;
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;

const POLL: Duration = Duration::from_millis(50);
/// Messages taken in a row before anything else is looked at.
const BATCH: usize = 200;
/// How long what a node has said may take to arrive before its state is written down.
const SETTLE: Duration = Duration::from_secs(2);
/// How long alert records may be refused while their node is here.
const SHUT_OUT_FOR: Duration = Duration::from_secs(30);
/// How often reading a changelog is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The nodes cannot go on.
#[derive(Debug, Error)]
pub enum HostError {
    /// The log does not take what they say.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Alert records cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The broker has given the name in which alert records are written to another producer, and their
    /// node is still here.
    #[error(
        "the broker refuses alert records from here, and nobody else has taken over; a restart goes on \
         where they end. Is transactional id GROUP-alerts used by another program?"
    )]
    ShutOut,
    /// There is state that cannot be gone on from.
    #[error("{0}")]
    State(String),
}

enum Node {
    Meet(Box<MeetNode>),
    Shard(ShardNode),
    Alerts(AlertNode),
}

impl Node {
    fn new(settings: &EngineSettings, place: Place, shards: usize) -> Node {
        match place {
            Place::Meet => Node::Meet(Box::new(MeetNode::new(settings, shards))),
            Place::Shard(shard) => Node::Shard(ShardNode::new(settings, shard as usize, shards)),
            Place::Alerts => Node::Alerts(AlertNode::new(settings, shards)),
        }
    }

    fn restore(
        settings: &EngineSettings,
        place: Place,
        shards: usize,
        state: &[u8],
    ) -> Result<Node, StateError> {
        Ok(match place {
            Place::Meet => Node::Meet(Box::new(MeetNode::restore(settings, shards, state)?)),
            Place::Shard(shard) => {
                Node::Shard(ShardNode::restore(settings, shard as usize, state)?)
            }
            Place::Alerts => Node::Alerts(AlertNode::restore(settings, shards, state)?),
        })
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        match self {
            Node::Meet(node) => node.save(),
            Node::Shard(node) => node.save(),
            Node::Alerts(node) => node.save(),
        }
    }

    fn swap(&mut self, swap: &PolicySwap) {
        match self {
            Node::Meet(node) => node.swap(swap),
            Node::Shard(node) => node.swap(swap),
            Node::Alerts(node) => node.swap(swap),
        }
    }

    fn closed_to(&self) -> Option<EventTime> {
        match self {
            Node::Meet(node) => node.closed_to(),
            Node::Shard(node) => node.closed_to(),
            Node::Alerts(node) => node.closed_to(),
        }
    }

    fn tell(&self, status: &mut BackStatus) {
        match self {
            Node::Meet(node) => node.tell(status),
            Node::Shard(node) => node.tell(status),
            Node::Alerts(node) => node.tell(status),
        }
    }
}

/// A node that this process runs.
struct Hosted {
    node: Node,
    assembly: Assembly,
    /// Offset of the next record of its log.
    next: i64,
    changelog: Changelog,
    kept: Instant,
    /// It has taken something since its state was written down.
    is_ahead: bool,
}

/// A node that was given to this process, as it was when it was written down last.
struct Given {
    state: Option<Vec<u8>>,
    outputs: Option<Outputs>,
    next: i64,
}

enum Change {
    Given(Place, Given),
    Taken(Place),
    Refused(String),
}

/// Restores what is given, and tells of it.
struct HostContext {
    shape: Vec<String>,
    topics: Topics,
    changelog: Reader,
    changes: Mutex<Vec<Change>>,
    has_joined: AtomicBool,
    stop: Arc<AtomicBool>,
}

impl HostContext {
    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last states of nodes, waiting for a broker that is away; `None` where the process leaves
    /// meanwhile.
    fn read(&self, places: &[Place]) -> Option<BTreeMap<i32, Vec<KeptState>>> {
        let partitions: Vec<i32> = places
            .iter()
            .map(|place| place.changelog(&self.topics))
            .collect();
        let began = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            match self.changelog.read(&partitions) {
                Ok(kept) => {
                    let took = began.elapsed();
                    tracing::debug!(?places, ?took, "states were read");
                    return Some(kept);
                }
                Err(error) => {
                    tracing::warn!("{}; trying again", crate::sink::error_chain(&error));
                    std::thread::sleep(AGAIN_AFTER);
                }
            }
        }
        None
    }

    fn decide(&self, kept: Vec<KeptState>) -> Result<Given, String> {
        let (found, nexts): (Vec<_>, Vec<i64>) =
            kept.into_iter().map(|kept| (kept.found, kept.next)).unzip();
        let at = match Recovery::decide(&found, &self.shape) {
            Recovery::Fresh => {
                return Ok(Given {
                    state: None,
                    outputs: None,
                    next: 0,
                });
            }
            Recovery::Restore { newest } => newest,
            Recovery::RestoreOlder { older, why } => {
                tracing::warn!("going on from an older state: {why}");
                older
            }
            Recovery::Refuse(why) => return Err(why),
        };
        let found = found.into_iter().nth(at);
        let (state, outputs) = found
            .and_then(|found| found.content.ok())
            .map(|Snapshot { header, state }| (state, header.outputs))
            .unzip();
        Ok(Given {
            state,
            outputs,
            next: nexts[at],
        })
    }

    fn give(&self, partitions: &TopicPartitionList) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        let elements = partitions.elements();
        let places: Vec<Place> = elements
            .iter()
            .map(|element| Place::of(&self.topics, element.topic(), element.partition()))
            .collect();
        if places.is_empty() {
            return list;
        }
        let Some(mut kept) = self.read(&places) else {
            return list;
        };
        for (place, element) in places.into_iter().zip(&elements) {
            let kept = kept.remove(&place.changelog(&self.topics));
            let change = match self.decide(kept.unwrap_or_default()) {
                Ok(given) => {
                    let from = match &given.state {
                        Some(_) => Offset::Offset(given.next),
                        None => Offset::Beginning,
                    };
                    // An offset that a list refuses is one it cannot hold; none of these is.
                    let _ = list.add_partition_offset(element.topic(), element.partition(), from);
                    Change::Given(place, given)
                }
                Err(why) => Change::Refused(why),
            };
            self.changes().push(change);
        }
        list
    }
}

impl ClientContext for HostContext {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the Kafka client of the nodes reports an error; it goes on trying");
    }
}

impl ConsumerContext for HostContext {
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
                let places = partitions.elements();
                let taken = places.iter().map(|element| {
                    Change::Taken(Place::of(
                        &self.topics,
                        element.topic(),
                        element.partition(),
                    ))
                });
                self.changes().extend(taken);
                consumer.incremental_unassign(partitions)
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a rebalance of the nodes failed");
        }
    }
}

/// What nodes do to the world outside.
pub trait Outside {
    /// The one who raises alerts was given to this process. What was told when its state was written down
    /// lies before these positions; without them, it has none.
    ///
    /// # Errors
    /// Where records cannot be written.
    fn begin(&mut self, outputs: Option<Outputs>) -> Result<(), SinkError>;
    /// It was given to another.
    fn end(&mut self);
    /// These alert records are due.
    fn raise(&mut self, alerts: &[Alert]);
    /// Whether no alert record will ever be taken again.
    fn is_shut_out(&self) -> bool;
    /// Whether every alert record has reached its place.
    fn is_settled(&mut self) -> bool;
    /// How far the outputs have come when everything decided up to then was told.
    ///
    /// # Errors
    /// Where that cannot be known.
    fn outputs(&mut self, told_to: Option<EventTime>) -> Result<Outputs, SinkError>;
    /// What the nodes of this process can tell of themselves; called a few times a second.
    fn publish(&mut self, status: BackStatus, has_joined: bool);
    /// The state of a node was written down.
    fn kept(&mut self);
}

/// Runs the nodes that are given to this process.
pub struct Host<O> {
    consumer: Arc<BaseConsumer<HostContext>>,
    topics: Topics,
    settings: EngineSettings,
    shape: Vec<String>,
    keep_every: Duration,
    nodes: BTreeMap<Place, Hosted>,
    writer: LogWriter,
    swaps: Receiver<Arc<PolicySwap>>,
    /// Since when no alert record is taken.
    shut_out: Option<Instant>,
    outside: O,
}

impl<O: Outside> Host<O> {
    /// Joins the group of the nodes.
    ///
    /// # Errors
    /// Where librdkafka refuses the options.
    pub fn new(
        config: &Config,
        swaps: Receiver<Arc<PolicySwap>>,
        stop: Arc<AtomicBool>,
        outside: O,
    ) -> Result<Host<O>, KafkaError> {
        let topics = Topics::of(&config.cluster);
        let context = HostContext {
            shape: config.shape(),
            changelog: Reader::new(config, &topics.changelog)?,
            topics: topics.clone(),
            changes: Mutex::default(),
            has_joined: AtomicBool::new(false),
            stop,
        };
        let consumer: BaseConsumer<HostContext> = consumer_config(&config.kafka)?
            .set("group.id", format!("{}-nodes", config.kafka.group))
            .set("auto.offset.reset", "earliest")
            .set("statistics.interval.ms", "0")
            .create_with_context(context)?;
        consumer.subscribe(&[&topics.partials, &topics.findings])?;
        Ok(Host {
            consumer: Arc::new(consumer),
            topics,
            settings: config.engine(),
            shape: config.shape(),
            keep_every: Duration::from_millis(config.state.interval.0.unsigned_abs()),
            nodes: BTreeMap::new(),
            writer: LogWriter::new(config)?,
            swaps,
            shut_out: None,
            outside,
        })
    }

    /// Runs what is given to it until it is told to stop, and writes all down.
    ///
    /// # Errors
    /// Where the log does not take what the nodes say, or a state cannot be gone on from.
    pub fn run(mut self, stop: &AtomicBool) -> Result<(), HostError> {
        while !stop.load(Ordering::Relaxed) {
            self.take_changes()?;
            while let Ok(swap) = self.swaps.try_recv() {
                self.settings.obey(&swap);
                for hosted in self.nodes.values_mut() {
                    hosted.node.swap(&swap);
                }
            }
            for taken in 0..BATCH {
                if !self.take(if taken == 0 { POLL } else { Duration::ZERO })? {
                    break;
                }
            }
            self.keep_due()?;
            self.publish();
            // Who was replaced while it was stopped is told so by the group in a moment.
            match self.shut_out {
                _ if !self.outside.is_shut_out() => self.shut_out = None,
                None => self.shut_out = Some(Instant::now()),
                Some(since) if since.elapsed() > SHUT_OUT_FOR => return Err(HostError::ShutOut),
                Some(_) => {}
            }
        }
        self.keep_all()?;
        self.writer.settle(SETTLE);
        Ok(())
    }

    fn take_changes(&mut self) -> Result<(), HostError> {
        let changes = std::mem::take(&mut *self.consumer.context().changes());
        for change in changes {
            match change {
                Change::Given(place, mut given) => {
                    if place == Place::Alerts {
                        self.outside.begin(given.outputs.take())?;
                    }
                    let hosted = self.restore(place, given)?;
                    self.nodes.insert(place, hosted);
                }
                Change::Taken(place) => {
                    tracing::info!(?place, "a node has gone to another replica");
                    self.nodes.remove(&place);
                    if place == Place::Alerts {
                        self.outside.end();
                    }
                }
                Change::Refused(why) => return Err(HostError::State(why)),
            }
        }
        Ok(())
    }

    fn restore(&self, place: Place, given: Given) -> Result<Hosted, HostError> {
        let (settings, shards) = (&self.settings, self.topics.shards());
        let node = match &given.state {
            None => Node::new(settings, place, shards),
            Some(state) => Node::restore(settings, place, shards, state)
                .map_err(|error| HostError::State(format!("the state of {place:?}: {error}")))?,
        };
        tracing::info!(
            ?place,
            from = given.next,
            "a node was given to this replica"
        );
        Ok(Hosted {
            node,
            assembly: Assembly::default(),
            next: given.next,
            changelog: Changelog::new(place.changelog(&self.topics)),
            kept: Instant::now(),
            is_ahead: false,
        })
    }

    /// Takes a record; whether there was one.
    fn take(&mut self, wait: Duration) -> Result<bool, HostError> {
        let consumer = Arc::clone(&self.consumer);
        let Some(polled) = consumer.poll(wait) else {
            return Ok(false);
        };
        // Of an error the context was told already.
        let Ok(record) = polled else {
            return Ok(true);
        };
        // One that was given a moment ago is among the changes still.
        self.take_changes()?;
        let place = Place::of(&self.topics, record.topic(), record.partition());
        let Some(hosted) = self.nodes.get_mut(&place) else {
            return Ok(true);
        };
        let offset = record.offset();
        hosted.next = offset + 1;
        if place == Place::Alerts && record.key() == Some(frontier::KEY.as_bytes()) {
            return Ok(true);
        }
        hosted.is_ahead = true;
        let payload = record.payload().unwrap_or_default();
        match hosted.assembly.take(offset, payload) {
            Some(message) => self.step(place, &message).map(|()| true),
            None => Ok(true),
        }
    }

    fn step(&mut self, place: Place, message: &[u8]) -> Result<(), HostError> {
        let (writer, topics) = (&mut self.writer, &self.topics);
        let Some(hosted) = self.nodes.get_mut(&place) else {
            return Ok(());
        };
        let odd = |error: postcard::Error| {
            HostError::State(format!(
                "a record of {place:?} does not read ({error}): all replicas must be of one version"
            ))
        };
        match &mut hosted.node {
            Node::Meet(node) => {
                let says = node.take(postcard::from_bytes::<ToMeet>(message).map_err(odd)?);
                for (shard, message) in (0..).zip(&says.to_shards) {
                    writer.send((&topics.partials, shard), "met", message)?;
                }
                if let Some(frontier) = says.frontier {
                    let message = ToAlerts::Frontier(frontier);
                    writer.send((&topics.findings, 0), frontier::KEY, &message)?;
                }
            }
            Node::Shard(node) => {
                let message = postcard::from_bytes::<ToShard>(message).map_err(odd)?;
                for verdict in node.take(message) {
                    let message = ToAlerts::Verdict(verdict);
                    writer.send((&topics.findings, 0), "verdict", &message)?;
                }
            }
            Node::Alerts(node) => {
                let message = postcard::from_bytes::<ToAlerts>(message).map_err(odd)?;
                if let ToAlerts::Verdict(verdict) = message {
                    self.outside.raise(&node.take(verdict));
                }
            }
        }
        Ok(())
    }

    fn keep_due(&mut self) -> Result<(), HostError> {
        let due: Vec<Place> = self
            .nodes
            .iter()
            .filter(|(_, hosted)| hosted.is_ahead && hosted.kept.elapsed() >= self.keep_every)
            .map(|(place, _)| *place)
            .collect();
        self.keep(&due)
    }

    fn keep_all(&mut self) -> Result<(), HostError> {
        let all: Vec<Place> = self.nodes.keys().copied().collect();
        self.keep(&all)
    }

    /// Writes down the states of these nodes: what they have said so far is where it belongs.
    fn keep(&mut self, places: &[Place]) -> Result<(), HostError> {
        if places.is_empty() || !self.writer.settle(SETTLE) {
            return Ok(());
        }
        for place in places {
            if *place == Place::Alerts && !self.outside.is_settled() {
                continue;
            }
            let Some(hosted) = self.nodes.get_mut(place) else {
                continue;
            };
            let said = |error: &dyn std::error::Error| {
                tracing::error!("no state of {place:?} was kept, detection goes on: {error}");
            };
            let closed_to = hosted.node.closed_to();
            let outputs = match place {
                Place::Alerts => self.outside.outputs(closed_to),
                Place::Meet | Place::Shard(_) => Ok(Outputs::default()),
            };
            let outputs = match outputs {
                Ok(outputs) => outputs,
                Err(error) => {
                    said(&error);
                    continue;
                }
            };
            let header = Header {
                began: EventTime::MIN,
                closed_to,
                partitions: Vec::new(),
                outputs,
                shape: self.shape.clone(),
            };
            let state = match hosted.node.save() {
                Ok(state) => state,
                Err(error) => {
                    said(&error);
                    continue;
                }
            };
            let bytes = match (Snapshot { header, state }).to_bytes() {
                Ok(bytes) => bytes,
                Err(error) => {
                    said(&error);
                    continue;
                }
            };
            let next = hosted.assembly.resume(hosted.next);
            hosted
                .changelog
                .keep(&mut self.writer, &self.topics.changelog, &bytes, next)?;
            hosted.kept = Instant::now();
            hosted.is_ahead = false;
            let (topic, partition) = place.log(&self.topics);
            if let Err(error) = self.consumer.store_offset(topic, partition, next - 1) {
                // A partition that was taken meanwhile is somebody else's to commit.
                tracing::debug!(%error, topic, partition, "offset not stored");
            }
            self.outside.kept();
        }
        Ok(())
    }

    fn publish(&mut self) {
        let plan = &self.settings.plan;
        let mut status = BackStatus {
            detections: vec![SeriesStatus::default(); plan.detections.len()],
            entities: vec![EntityCounts::default(); plan.groups.len()],
            ..BackStatus::default()
        };
        self.nodes
            .values()
            .for_each(|hosted| hosted.node.tell(&mut status));
        let has_joined = self.consumer.context().has_joined.load(Ordering::Relaxed);
        self.outside.publish(status, has_joined);
    }
}
