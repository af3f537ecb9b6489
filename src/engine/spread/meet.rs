//! The one who says which panes are complete.

use super::message::{Frontier, ToMeet, ToShard};
use crate::domain::EventTime;
use crate::engine::{BackStatus, EngineSettings, PolicySwap, StateError};
use crate::score::{Meet, MeetState, Met, deal};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What it says: to each shard, and to who reads the source.
#[derive(Debug)]
pub struct MeetSays {
    /// To each shard; empty where no pane has become complete.
    pub to_shards: Vec<ToShard>,
    /// How far all have come, where that is new.
    pub frontier: Option<Frontier>,
}

/// Reads what all source partitions say.
pub struct MeetNode {
    meet: Meet,
    frontier: Frontier,
    shards: usize,
}

#[derive(Serialize)]
struct Saving<'s> {
    meet: &'s MeetState,
    frontier: Frontier,
}

#[derive(Deserialize)]
struct Saved {
    meet: MeetState,
    frontier: Frontier,
}

impl MeetNode {
    /// Without history.
    pub fn new(settings: &EngineSettings, shards: usize) -> MeetNode {
        MeetNode {
            meet: Meet::new(Arc::clone(&settings.plan), settings.score),
            frontier: Frontier::default(),
            shards,
        }
    }

    /// Goes on from what another wrote down.
    ///
    /// # Errors
    /// Where the bytes are not what [`MeetNode::save`] wrote.
    pub fn restore(
        settings: &EngineSettings,
        shards: usize,
        bytes: &[u8],
    ) -> Result<MeetNode, StateError> {
        let saved: Saved = StateError::read(bytes)?;
        Ok(MeetNode {
            meet: Meet::restore(Arc::clone(&settings.plan), settings.score, saved.meet),
            frontier: saved.frontier,
            shards,
        })
    }

    /// Writes down all that it knows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let saving = Saving {
            meet: self.meet.state(),
            frontier: self.frontier,
        };
        Ok(postcard::to_stdvec(&saving)?)
    }

    /// Goes on with other lists.
    pub fn swap(&mut self, swap: &PolicySwap) {
        self.meet.swap(Arc::clone(&swap.plan));
    }

    /// Some of what was said was lost.
    pub fn interrupt(&mut self) {
        self.meet.interrupt();
    }

    /// Takes what somebody says.
    pub fn take(&mut self, message: ToMeet) -> MeetSays {
        match message {
            ToMeet::Announce(partitions) => {
                partitions
                    .into_iter()
                    .for_each(|partition| self.meet.join(partition));
            }
            ToMeet::Sealed(sealed) => self.meet.arrive(
                sealed.partition,
                sealed.sealed_before,
                sealed.is_idle,
                sealed.panes,
            ),
        }
        let met = self.meet.step();
        let frontier = Frontier {
            joint: self.meet.joint(),
            target: self.meet.target(),
        };
        let is_new = frontier != self.frontier;
        self.frontier = frontier;
        MeetSays {
            to_shards: met.map_or_else(Vec::new, |met| to_each(met, self.shards)),
            frontier: is_new.then_some(frontier),
        }
    }

    /// Windows that end up to then are judged once what it said is; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.meet.closed_to()
    }

    /// Parcels that something is known of.
    pub fn parcels(&self) -> usize {
        self.meet.parcels()
    }

    /// Adds what it can tell of itself.
    pub fn tell(&self, status: &mut BackStatus) {
        status.late_panes += self.meet.late_panes();
        status.shed += self.meet.shed();
        status.parcels_evicted = self.meet.parcels_evicted();
        status.state_bytes += self.meet.state_bytes();
    }
}

/// What is complete, for each shard with the tables of its groups.
fn to_each(met: Met, shards: usize) -> Vec<ToShard> {
    let Met {
        since,
        joint,
        is_whole,
        reached,
        panes,
    } = met;
    let mut dealt: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
    for (pane, tables) in panes {
        for (all, some) in dealt.iter_mut().zip(deal(tables, shards)) {
            all.push((pane, some));
        }
    }
    let to_shard = |panes| {
        ToShard::Met(Met {
            since,
            joint,
            is_whole,
            reached: reached.clone(),
            panes,
        })
    };
    dealt.into_iter().map(to_shard).collect()
}
