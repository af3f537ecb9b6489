//! A node: where it stands among the others, and what all of them can do.

use super::{AlertNode, MeetNode, ShardNode};
use crate::domain::EventTime;
use crate::engine::{BackStatus, EngineSettings, PolicySwap, StateError};
use std::fmt;

/// Which node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Where the source partitions meet.
    Meet,
    /// Who judges some of the groups.
    Shard(usize),
    /// Who raises alerts.
    Alerts,
}

impl Place {
    /// All, of so many shards, in the order in which they speak to each other.
    pub fn all(shards: usize) -> impl Iterator<Item = Place> {
        let shards = (0..shards).map(Place::Shard);
        std::iter::once(Place::Meet)
            .chain(shards)
            .chain([Place::Alerts])
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Meet => f.write_str("meeting"),
            Place::Shard(shard) => write!(f, "shard {shard}"),
            Place::Alerts => f.write_str("alerts"),
        }
    }
}

/// One of the nodes.
pub enum Node {
    /// Where the source partitions meet.
    Meet(Box<MeetNode>),
    /// Who judges some of the groups.
    Shard(Box<ShardNode>),
    /// Who raises alerts.
    Alerts(Box<AlertNode>),
}

impl Node {
    /// Without history, among so many shards.
    pub fn new(settings: &EngineSettings, place: Place, shards: usize) -> Node {
        match place {
            Place::Meet => Node::Meet(Box::new(MeetNode::new(settings, shards))),
            Place::Shard(shard) => Node::Shard(Box::new(ShardNode::new(settings, shard, shards))),
            Place::Alerts => Node::Alerts(Box::new(AlertNode::new(settings, shards))),
        }
    }

    /// Goes on from what another of the same place wrote down.
    ///
    /// # Errors
    /// Where the bytes are not what [`Node::save`] wrote.
    pub fn restore(
        settings: &EngineSettings,
        place: Place,
        shards: usize,
        bytes: &[u8],
    ) -> Result<Node, StateError> {
        Ok(match place {
            Place::Meet => Node::Meet(Box::new(MeetNode::restore(settings, shards, bytes)?)),
            Place::Shard(shard) => {
                Node::Shard(Box::new(ShardNode::restore(settings, shard, bytes)?))
            }
            Place::Alerts => Node::Alerts(Box::new(AlertNode::restore(settings, shards, bytes)?)),
        })
    }

    /// Writes down all that it knows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        match self {
            Node::Meet(node) => node.save(),
            Node::Shard(node) => node.save(),
            Node::Alerts(node) => node.save(),
        }
    }

    /// Some of what its log held was deleted before it was read.
    pub fn interrupt(&mut self) {
        match self {
            Node::Meet(node) => node.interrupt(),
            Node::Shard(node) => node.interrupt(),
            // What a shard has judged is missing, and nobody else says it.
            Node::Alerts(_) => {}
        }
    }

    /// Goes on with other policy.
    pub fn swap(&mut self, swap: &PolicySwap) {
        match self {
            Node::Meet(node) => node.swap(swap),
            Node::Shard(node) => node.swap(swap),
            Node::Alerts(node) => node.swap(swap),
        }
    }

    /// How far event time has come for it; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        match self {
            Node::Meet(node) => node.closed_to(),
            Node::Shard(node) => node.closed_to(),
            Node::Alerts(node) => node.closed_to(),
        }
    }

    /// Adds what it can tell of itself.
    pub fn tell(&self, status: &mut BackStatus) {
        match self {
            Node::Meet(node) => node.tell(status),
            Node::Shard(node) => node.tell(status),
            Node::Alerts(node) => node.tell(status),
        }
    }
}
