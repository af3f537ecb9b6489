//! Who judges some of the groups.

use super::message::{ToShard, Verdict};
use crate::detection::Plan;
use crate::domain::EventTime;
use crate::engine::{BackStatus, EngineSettings, PolicySwap, SeriesStatus, StateError};
use crate::score::{Knowledge, Shard, ShardState};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Reads what the source partitions say of its groups, and which panes are complete.
pub struct ShardNode {
    plan: Arc<Plan>,
    shard: Shard,
    detections: Vec<SeriesStatus>,
    number: usize,
}

#[derive(Serialize)]
struct Saving<'s> {
    shard: &'s ShardState,
    detections: &'s [SeriesStatus],
}

#[derive(Deserialize)]
struct Saved {
    shard: ShardState,
    detections: Vec<SeriesStatus>,
}

impl ShardNode {
    /// This one of so many shards, without history.
    pub fn new(settings: &EngineSettings, number: usize, shards: usize) -> ShardNode {
        let plan = Arc::clone(&settings.plan);
        ShardNode {
            detections: vec![SeriesStatus::default(); plan.detections.len()],
            shard: Shard::new(Arc::clone(&plan), settings.score, number, shards),
            number,
            plan,
        }
    }

    /// Goes on from what another wrote down.
    ///
    /// # Errors
    /// Where the bytes are not what [`ShardNode::save`] wrote.
    pub fn restore(
        settings: &EngineSettings,
        number: usize,
        bytes: &[u8],
    ) -> Result<ShardNode, StateError> {
        let saved: Saved = StateError::read(bytes)?;
        let plan = Arc::clone(&settings.plan);
        Ok(ShardNode {
            shard: Shard::restore(Arc::clone(&plan), settings.score, saved.shard),
            detections: saved.detections,
            number,
            plan,
        })
    }

    /// Writes down all that it knows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let saving = Saving {
            shard: self.shard.state(),
            detections: &self.detections,
        };
        Ok(postcard::to_stdvec(&saving)?)
    }

    /// Goes on with other policy.
    pub fn swap(&mut self, swap: &PolicySwap) {
        self.plan = Arc::clone(&swap.plan);
        self.shard.swap(Arc::clone(&swap.plan));
    }

    /// Some of what was said was lost.
    pub fn interrupt(&mut self) {
        self.shard.interrupt();
    }

    /// Whether something was lost, and nothing is judged until all source partitions were heard of again.
    pub fn is_interrupted(&self) -> bool {
        self.shard.is_interrupted()
    }

    /// Takes what somebody says; gives what is judged by now.
    pub fn take(&mut self, message: ToShard) -> Vec<Verdict> {
        match message {
            ToShard::Sealed(sealed) => {
                if let Some(sealed_before) = sealed.sealed_before {
                    self.shard
                        .arrive(sealed.partition, sealed_before, sealed.panes);
                }
            }
            ToShard::Met(met) => self.shard.meet(met),
        }
        let mut verdicts = Vec::new();
        while let Some(judged) = self.shard.step(None) {
            for judgement in &judged.judgements {
                let detection = self.plan.series[judgement.series].detection;
                self.detections[detection].note(judgement);
            }
            verdicts.push(Verdict {
                shard: self.number,
                since: judged.since,
                joint: judged.joint,
                closed_to: self.shard.closed_to(),
                judgements: judged.judgements,
            });
        }
        verdicts
    }

    /// Windows that end up to then are judged; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.shard.closed_to()
    }

    /// What its baselines know, to look at.
    pub fn knowledge(&self) -> Knowledge<'_> {
        self.shard.knowledge()
    }

    /// Adds what it can tell of itself.
    pub fn tell(&self, status: &mut BackStatus) {
        let all = status.detections.iter_mut().zip(&self.detections);
        all.for_each(|(sum, one)| sum.add(one));
        for (group, entities) in self.shard.entities() {
            status.entities[group] = entities;
        }
        status.state_bytes += self.shard.state_bytes();
    }
}
