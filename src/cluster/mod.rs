//! Several replicas as one detector: the stages spread by Kafka's consumer groups, with the logs that
//! join them as topics.
//!
//! ```text
//! source ──► observe ──► PREFIX-partials ──► meet, shards ──► PREFIX-findings ──► alerts ──► output
//!            (outlet)    a partition each      (host)          one partition        (host)
//! ```
//!
//! One group spreads the source's partitions, another one the nodes: each reads one partition, says
//! what follows from it, and writes itself down to a partition of PREFIX-changelog, with the offset
//! that it has come to. Who is given a node goes on from the last state and the log after it. The
//! offsets of the source are committed once what was read up to there is in the log, with what stage 1
//! needs to go on from there as their metadata.

mod changelog;
mod frame;
mod frontier;
mod given;
mod host;
mod outlet;
mod survey;
mod topics;
mod writer;

use std::hash::{BuildHasher, RandomState};

pub use changelog::{KeptState, PackedState, ReadError};
pub use host::{Host, HostError, NodesStatus, Outside};
pub use outlet::{Outlet, OutletError};
pub use survey::survey;
pub use topics::{TopicsError, prepare};

/// A number that nobody else has, in this process or another.
fn unique() -> u64 {
    // The keys of each are drawn by the operating system.
    RandomState::new().hash_one(std::process::id())
}
