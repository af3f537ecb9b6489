//! The nodes that this process runs: what is given to it of the meeting, the shards and the alerts.

use super::changelog::Changelog;
use super::frame::Assembly;
use super::frontier;
use super::given::{Change, Given, NodesGiven};
use super::topics::Topics;
use super::writer::{LogWriter, WriteError};
use crate::config::Config;
use crate::domain::{Alert, EventTime};
use crate::engine::spread::{Node, Place, ToAlerts, ToMeet, ToShard};
use crate::engine::{BackStatus, EngineSettings, PolicySwap, SeriesStatus};
use crate::score::EntityCounts;
use crate::sink::{Lag, OffsetResets, SinkError};
use crate::snapshot::{Header, Outputs, Snapshot};
use crate::source::{self, Bearing, Log, consumer_config, set_at};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);
/// Messages taken in a row before anything else is looked at.
const BATCH: usize = 200;
/// How long what a node has said may take to arrive before its state is written down.
const SETTLE: Duration = Duration::from_secs(2);
/// How long alert records may be refused while their node is here.
const SHUT_OUT_FOR: Duration = Duration::from_secs(30);
/// Statistics in a row that show no log that has stopped, after it was said that one has.
const LOOKS: u32 = 3;
/// How often they tell of themselves.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// The nodes cannot go on.
#[derive(Debug, thiserror::Error)]
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
    /// A log ends before what a node was to read next.
    #[error(
        "topic `{0}` was made anew, or has lost its newest records, and the states that are kept follow what \
         it held. Choose another cluster.topic_prefix to begin anew; if that was not meant, see who has \
         administered the topic"
    )]
    Replaced(String),
    /// There is state that cannot be gone on from.
    #[error("{0}")]
    State(String),
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

/// What the nodes of this process can tell of themselves.
#[derive(Debug)]
pub struct NodesStatus {
    /// Scoring and alerting, of all of them together.
    pub back: BackStatus,
    /// What their logs held a moment ago that was not read yet.
    pub lag: Vec<Lag>,
    /// What their logs had lost before it was read, of every one that was ever read here.
    pub resets: Vec<((String, i32), OffsetResets)>,
    /// Whether the group has decided at all who runs which.
    pub has_joined: bool,
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
    /// Called a few times a second.
    fn publish(&mut self, status: NodesStatus);
    /// The state of a node was written down.
    fn kept(&mut self);
    /// The state of a node could not be written down.
    fn not_kept(&mut self);
}

/// Runs the nodes that are given to this process.
pub struct Host<O> {
    consumer: Arc<BaseConsumer<NodesGiven>>,
    topics: Topics,
    settings: EngineSettings,
    shape: Vec<String>,
    keep_every: Duration,
    nodes: BTreeMap<Place, Hosted>,
    writer: LogWriter,
    swaps: Receiver<Arc<PolicySwap>>,
    published: Option<Instant>,
    /// By topic and partition.
    resets: BTreeMap<(String, i32), OffsetResets>,
    /// How often it is looked still for logs that have stopped.
    looks_left: u32,
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
        let membership = NodesGiven::new(config, stop)?;
        let consumer: BaseConsumer<NodesGiven> = consumer_config(&config.kafka)?
            .set("group.id", format!("{}-nodes", config.kafka.group))
            .create_with_context(membership)?;
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
            published: None,
            resets: BTreeMap::new(),
            looks_left: 0,
            shut_out: None,
            outside,
        })
    }

    /// Runs what is given to it until it is told to stop, and writes all down.
    ///
    /// # Errors
    /// Where the log does not take what the nodes say, or a state cannot be gone on from.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), HostError> {
        while !stop.load(Ordering::Relaxed) {
            self.take_changes()?;
            while let Ok(swap) = self.swaps.try_recv() {
                self.settings.obey(&swap);
                for hosted in self.nodes.values_mut() {
                    hosted.node.swap(&swap);
                }
            }
            let mut has_drained = false;
            for taken in 0..BATCH {
                has_drained = !self.take(if taken == 0 { POLL } else { Duration::ZERO })?;
                if has_drained {
                    break;
                }
            }
            // What a log had before it stopped is taken first.
            if has_drained && self.looks_left > 0 {
                self.go_on_astray()?;
            }
            self.keep_due()?;
            let is_due = |published: Instant| published.elapsed() >= PUBLISH_EVERY;
            if self.published.is_none_or(is_due) {
                self.publish();
                self.published = Some(Instant::now());
            }
            // Who was replaced while it was stopped is told so by the group in a moment.
            match self.shut_out {
                _ if !self.outside.is_shut_out() => self.shut_out = None,
                None => self.shut_out = Some(Instant::now()),
                Some(since) if since.elapsed() > SHUT_OUT_FOR => return Err(HostError::ShutOut),
                Some(_) => {}
            }
        }
        let ahead = self.nodes.iter().filter(|(_, hosted)| hosted.is_ahead);
        let ahead: Vec<Place> = ahead.map(|(place, _)| *place).collect();
        // Where the logs do not answer, a state has nowhere to go.
        if self.writer.settle(SETTLE) {
            for place in ahead {
                self.keep(place)?;
            }
            self.writer.settle(SETTLE);
        }
        Ok(())
    }

    /// Leaves the group of the nodes, which may take so long.
    pub fn leave(self, within: Duration) {
        source::leave(self.consumer, NodesGiven::membership, within);
    }

    fn take_changes(&mut self) -> Result<(), HostError> {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Given(place, mut given) => {
                    if place == Place::Alerts {
                        self.outside.begin(given.outputs.take())?;
                    }
                    let (topic, partition) = self.topics.log_of(place);
                    self.resets
                        .entry((topic.to_owned(), partition))
                        .or_default();
                    let hosted = self.restore(place, given)?;
                    self.nodes.insert(place, hosted);
                }
                Change::Taken(place) => {
                    tracing::info!(%place, "a node has gone to another replica");
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
                .map_err(|error| HostError::State(format!("the state of {place}: {error}")))?,
        };
        tracing::info!(
            %place,
            from = given.next,
            "a node was given to this replica"
        );
        Ok(Hosted {
            node,
            assembly: Assembly::default(),
            next: given.next,
            changelog: Changelog::new(self.topics.changelog_of(place), given.standing),
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
        let record = match polled {
            Ok(record) => record,
            // Of any other the context was told already.
            Err(error) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
                    self.looks_left = LOOKS;
                }
                return Ok(true);
            }
        };
        // One that was given a moment ago is among the changes still.
        self.take_changes()?;
        let place = self.topics.place(record.topic(), record.partition());
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

    /// Nodes whose log has stopped, because it does not have what is to be read next, go on at the oldest
    /// record there is: what is missing is counted, and nobody waits for it.
    fn go_on_astray(&mut self) -> Result<(), HostError> {
        let Some(stopped) = self.consumer.context().take_stopped() else {
            return Ok(());
        };
        self.looks_left -= 1;
        for (topic, partition) in stopped {
            let place = self.topics.place(&topic, partition);
            let Some(hosted) = self.nodes.get_mut(&place) else {
                continue;
            };
            self.looks_left = LOOKS;
            // Where the broker does not say, it is asked again.
            let Ok(log) = Log::of(&self.consumer, &topic, partition) else {
                continue;
            };
            let bearing = Bearing::take(Some(hosted.next), log);
            bearing.count(self.resets.entry((topic.clone(), partition)).or_default());
            match bearing {
                Bearing::InLog { .. } => {}
                Bearing::Replaced => return Err(HostError::Replaced(topic)),
                Bearing::Expired { lost } => {
                    tracing::error!(
                        %place,
                        topic,
                        partition,
                        wanted = hosted.next,
                        oldest = log.begin,
                        messages_lost = lost,
                        "records of the cluster were deleted before they were read, and what they held is not \
                         judged; going on at the oldest there is. Let the topic keep its records \
                         (cluster.retention) for longer than all replicas may be down or behind"
                    );
                    hosted.next = log.begin;
                    hosted.assembly = Assembly::default();
                    hosted.is_ahead = true;
                    hosted.node.interrupt();
                }
            }
            if let Err(error) = set_at(&self.consumer, &topic, partition, hosted.next) {
                // It was taken meanwhile.
                tracing::debug!(%error, topic, partition, "a log is not read on");
            }
        }
        Ok(())
    }

    fn step(&mut self, place: Place, message: &[u8]) -> Result<(), HostError> {
        let (writer, topics) = (&mut self.writer, &self.topics);
        let Some(hosted) = self.nodes.get_mut(&place) else {
            return Ok(());
        };
        let odd = |error: postcard::Error| {
            HostError::State(format!(
                "a record of {place} does not read ({error}): all replicas must be of one version"
            ))
        };
        match &mut hosted.node {
            Node::Meet(node) => {
                let says = node.take(postcard::from_bytes::<ToMeet>(message).map_err(odd)?);
                for (shard, message) in (0..).zip(&says.to_shards) {
                    writer.send(topics.log_of(Place::Shard(shard)), "met", message)?;
                }
                if let Some(frontier) = says.frontier {
                    let message = ToAlerts::Frontier(frontier);
                    writer.send(topics.log_of(Place::Alerts), frontier::KEY, &message)?;
                }
            }
            Node::Shard(node) => {
                let message = postcard::from_bytes::<ToShard>(message).map_err(odd)?;
                let was_interrupted = node.is_interrupted();
                let verdicts = node.take(message);
                match (was_interrupted, node.is_interrupted()) {
                    (false, true) => tracing::error!(
                        %place,
                        "something is missing in its log; nothing is judged until all partitions were heard of again"
                    ),
                    (true, false) => tracing::info!(%place, "judging goes on"),
                    _ => {}
                }
                for verdict in verdicts {
                    let message = ToAlerts::Verdict(verdict);
                    writer.send(topics.log_of(Place::Alerts), "verdict", &message)?;
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

    /// Writes down the state of the node that has waited for it longest, of those that have taken
    /// something and were written down long enough ago. One at a time: the others go on in between.
    fn keep_due(&mut self) -> Result<(), HostError> {
        let is_settled = self.outside.is_settled();
        let due = self.nodes.iter().filter(|(place, hosted)| {
            let is_ready = is_settled || **place != Place::Alerts;
            is_ready && hosted.is_ahead && hosted.kept.elapsed() >= self.keep_every
        });
        match due.min_by_key(|(_, hosted)| hosted.kept) {
            Some((place, _)) => self.keep(*place),
            None => Ok(()),
        }
    }

    /// Writes down the state of a node.
    fn keep(&mut self, place: Place) -> Result<(), HostError> {
        // What it has said so far must be where it belongs.
        let is_settled = place != Place::Alerts || self.outside.is_settled();
        if !is_settled || !self.writer.settle(SETTLE) {
            return Ok(());
        }
        let bytes = self.snapshot(place);
        let Some(hosted) = self.nodes.get_mut(&place) else {
            return Ok(());
        };
        hosted.kept = Instant::now();
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!("no state of {place} was kept, detection goes on: {error}");
                self.outside.not_kept();
                return Ok(());
            }
        };
        let next = hosted.assembly.resume(hosted.next);
        hosted
            .changelog
            .keep(&mut self.writer, &self.topics.changelog, &bytes, next)?;
        hosted.is_ahead = false;
        let (topic, partition) = self.topics.log_of(place);
        if let Err(error) = self.consumer.store_offset(topic, partition, next - 1) {
            // A partition that was taken meanwhile is somebody else's to commit.
            tracing::debug!(%error, topic, partition, "offset not stored");
        }
        self.outside.kept();
        Ok(())
    }

    /// The file of a node's state.
    fn snapshot(&mut self, place: Place) -> Result<Vec<u8>, Box<dyn Error>> {
        let hosted = self.nodes.get(&place).ok_or("it has gone")?;
        let closed_to = hosted.node.closed_to();
        let outputs = match place {
            Place::Alerts => self.outside.outputs(closed_to)?,
            Place::Meet | Place::Shard(_) => Outputs::default(),
        };
        let header = Header {
            began: EventTime::MIN,
            closed_to,
            partitions: Vec::new(),
            outputs,
            shape: self.shape.clone(),
        };
        let state = hosted.node.save()?;
        Ok(Snapshot { header, state }.to_bytes()?)
    }

    fn publish(&mut self) {
        let plan = &self.settings.plan;
        let mut back = BackStatus {
            detections: vec![SeriesStatus::default(); plan.detections.len()],
            entities: vec![EntityCounts::default(); plan.groups.len()],
            ..BackStatus::default()
        };
        self.nodes
            .values()
            .for_each(|hosted| hosted.node.tell(&mut back));
        let membership = self.consumer.context();
        let resets = self.resets.iter();
        self.outside.publish(NodesStatus {
            back,
            lag: membership.lag(),
            resets: resets
                .map(|(place, resets)| (place.clone(), *resets))
                .collect(),
            has_joined: membership.has_joined(),
        });
    }
}
