//! A state that was read: all stages in one, or a node of a cluster.

use super::store::Kept;
use crate::alert::OpenEpisode;
use crate::config::Config;
use crate::engine::spread::{Node, Place};
use crate::engine::{Back, StateError};
use crate::score::Knowledge;
use crate::snapshot::{Damage, Snapshot, shape_differences};
use thiserror::Error;

/// Why a state cannot be gone on from.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Damage(Damage),
    #[error("it was written under settings that shape baselines in another way ({})", .0.join("; "))]
    Unfit(Vec<String>),
    #[error("{}", crate::sink::error_chain(.0))]
    State(StateError),
}

impl Fault {
    /// Whether the state before it may stand in for it.
    pub(super) fn is_of_the_file(&self) -> bool {
        matches!(self, Fault::Damage(damage) if damage.is_of_the_file())
    }
}

pub(super) enum Decoded {
    Whole(Box<Back>),
    Node(Node),
}

impl Decoded {
    /// Reads a state to its last byte.
    ///
    /// # Errors
    /// Where it is damaged, does not fit the configuration, or is not what was written.
    pub(super) fn read(kept: &Kept, config: &Config) -> Result<Decoded, Fault> {
        let content = kept.found.content.as_ref();
        let Snapshot { header, state } = content.map_err(|damage| Fault::Damage(damage.clone()))?;
        let differences = shape_differences(&header.shape, &config.shape());
        if !differences.is_empty() {
            return Err(Fault::Unfit(differences));
        }
        Decoded::of(kept.place, config, state).map_err(Fault::State)
    }

    fn of(place: Option<Place>, config: &Config, state: &[u8]) -> Result<Decoded, StateError> {
        let (settings, shards) = (config.engine(), config.cluster.shards as usize);
        Ok(match place {
            None => Decoded::Whole(Box::new(Back::restore(&settings, state)?)),
            Some(place) => Decoded::Node(Node::restore(&settings, place, shards, state)?),
        })
    }

    /// Where it has baselines.
    pub(super) fn knowledge(&self) -> Option<Knowledge<'_>> {
        match self {
            Decoded::Whole(back) => Some(back.knowledge()),
            Decoded::Node(Node::Shard(node)) => Some(node.knowledge()),
            Decoded::Node(Node::Meet(_) | Node::Alerts(_)) => None,
        }
    }

    /// Where it raises alerts.
    pub(super) fn open_episodes(&self) -> Option<Vec<OpenEpisode<'_>>> {
        match self {
            Decoded::Whole(back) => Some(back.open_episodes().collect()),
            Decoded::Node(Node::Alerts(node)) => Some(node.open_episodes().collect()),
            Decoded::Node(Node::Meet(_) | Node::Shard(_)) => None,
        }
    }

    /// Where parcels meet.
    pub(super) fn parcels(&self) -> Option<usize> {
        match self {
            Decoded::Whole(back) => Some(back.parcels()),
            Decoded::Node(Node::Meet(node)) => Some(node.parcels()),
            Decoded::Node(Node::Shard(_) | Node::Alerts(_)) => None,
        }
    }

    /// From where a source partition is read on; `None` where nothing was read of it, or others say.
    pub(super) fn offset(&self, partition: i32) -> Option<i64> {
        match self {
            Decoded::Whole(back) => Some(back.resume().get(&partition)?.offset),
            Decoded::Node(_) => None,
        }
    }
}
