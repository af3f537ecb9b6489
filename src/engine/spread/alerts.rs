//! The one who raises alerts.

use super::message::Verdict;
use crate::alert::{AlertState, Alerting, OpenEpisode};
use crate::detection::Plan;
use crate::domain::{Alert, EventTime};
use crate::engine::back::{alerting, strongest_first};
use crate::engine::{BackStatus, EngineSettings, PolicySwap, StateError};
use crate::score::Judgement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// By shard, and by what was complete before: what was judged.
type Waiting = Vec<BTreeMap<Option<i64>, Verdict>>;

/// Reads what all shards have judged.
pub struct AlertNode {
    plan: Arc<Plan>,
    alerting: Alerting,
    waiting: Waiting,
    /// By shard: every pane before this one is told of.
    joint: Vec<Option<i64>>,
    closed_to: Option<EventTime>,
}

#[derive(Serialize)]
struct Saving<'s> {
    alerts: &'s AlertState,
    waiting: &'s Waiting,
    joint: &'s [Option<i64>],
    closed_to: Option<EventTime>,
}

#[derive(Deserialize)]
struct Saved {
    alerts: AlertState,
    waiting: Waiting,
    joint: Vec<Option<i64>>,
    closed_to: Option<EventTime>,
}

impl AlertNode {
    /// Without history.
    pub fn new(settings: &EngineSettings, shards: usize) -> AlertNode {
        AlertNode {
            plan: Arc::clone(&settings.plan),
            alerting: alerting(settings),
            waiting: (0..shards).map(|_| BTreeMap::new()).collect(),
            joint: vec![None; shards],
            closed_to: None,
        }
    }

    /// Goes on from what another wrote down; policy may have been another.
    ///
    /// # Errors
    /// Where the bytes are not what [`AlertNode::save`] wrote.
    pub fn restore(
        settings: &EngineSettings,
        shards: usize,
        bytes: &[u8],
    ) -> Result<AlertNode, StateError> {
        let saved: Saved = StateError::read(bytes)?;
        let mut node = AlertNode::new(settings, shards);
        node.alerting.restore(saved.alerts);
        node.waiting = saved.waiting;
        node.joint = saved.joint;
        node.closed_to = saved.closed_to;
        Ok(node)
    }

    /// Writes down all that it knows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let saving = Saving {
            alerts: self.alerting.state(),
            waiting: &self.waiting,
            joint: &self.joint,
            closed_to: self.closed_to,
        };
        Ok(postcard::to_stdvec(&saving)?)
    }

    /// Goes on with other policy.
    pub fn swap(&mut self, swap: &PolicySwap) {
        self.plan = Arc::clone(&swap.plan);
        self.alerting
            .swap(Arc::clone(&swap.plan), swap.alert, Arc::clone(&swap.policy));
    }

    /// Takes what a shard has judged; gives the alert records that are due once all have.
    pub fn take(&mut self, verdict: Verdict) -> Vec<Alert> {
        let shard = verdict.shard;
        if let (Some(joint), Some(of_shard)) = (self.joint.get(shard), self.waiting.get_mut(shard))
            && verdict.since >= *joint
        {
            of_shard.entry(verdict.since).or_insert(verdict);
        }
        let mut records = Vec::new();
        while let Some(judged) = self.judged_by_all() {
            let mut judgements: Vec<Judgement> = Vec::new();
            for verdict in judged {
                self.joint[verdict.shard] = Some(verdict.joint);
                self.closed_to = self.closed_to.max(verdict.closed_to);
                judgements.extend(verdict.judgements);
            }
            // As one process that judges all groups gives them.
            judgements.sort_by_key(|judgement| {
                (judgement.decided, self.plan.series[judgement.series].group)
            });
            records.extend(self.alerting.step(&judgements));
        }
        records
    }

    /// Takes out what is to be told of next, once every shard has said something. A shard's verdicts come
    /// in order: one that has gone on without what others judged has none of it, or it is gone for good.
    fn judged_by_all(&mut self) -> Option<Vec<Verdict>> {
        let firsts = self.waiting.iter().map(|of_shard| {
            let (since, _) = of_shard.first_key_value()?;
            Some(*since)
        });
        let firsts: Option<Vec<Option<i64>>> = firsts.collect();
        let since = firsts?.into_iter().min()?;
        let of_shards = self.waiting.iter_mut();
        Some(of_shards.filter_map(|waits| waits.remove(&since)).collect())
    }

    /// Windows that end up to then are told of; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.closed_to
    }

    /// The open episodes.
    pub fn open_episodes(&self) -> impl Iterator<Item = OpenEpisode<'_>> {
        self.alerting.open_episodes()
    }

    /// Adds what it can tell of itself.
    pub fn tell(&self, status: &mut BackStatus) {
        status.active = strongest_first(&self.alerting);
        status.muted = self.alerting.muted().clone();
    }
}
