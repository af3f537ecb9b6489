//! Where a node reads, and where its states stand.

use super::topics::Topics;
use std::fmt;

/// Which node a partition is read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Where the source partitions meet.
    Meet,
    /// Who judges some of the groups.
    Shard(i32),
    /// Who raises alerts.
    Alerts,
}

impl Place {
    pub(super) fn of(topics: &Topics, topic: &str, partition: i32) -> Place {
        match partition {
            _ if topic == topics.findings => Place::Alerts,
            meet if meet == topics.meet() => Place::Meet,
            shard => Place::Shard(shard),
        }
    }

    pub(super) fn changelog(self, topics: &Topics) -> i32 {
        match self {
            Place::Meet => topics.meet(),
            Place::Shard(shard) => shard,
            Place::Alerts => topics.changelog_of_alerts(),
        }
    }

    pub(super) fn log(self, topics: &Topics) -> (&str, i32) {
        match self {
            Place::Meet => (&topics.partials, topics.meet()),
            Place::Shard(shard) => (&topics.partials, shard),
            Place::Alerts => (&topics.findings, 0),
        }
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
