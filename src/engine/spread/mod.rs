//! The stages spread over several processes, joined by logs instead of queues.
//!
//! ```text
//! observe ──► meet ──► shards ──► alerts
//!         └──────────────┘
//! ```
//!
//! Stage 1 writes down what it seals ([`Outgoing`]): the traces of parcels for the one who says which
//! panes are complete ([`MeetNode`]), the tables of each group for the shard that judges it
//! ([`ShardNode`]). One ([`AlertNode`]) raises alerts. Each node reads one log and is a function of it,
//! so a node that is begun again from a state and the log after it says the same again.
//!
//! Whoever hands on what they say may do so more than once, and it may be somebody whose work was given
//! to another: every node drops what it has, by partition and pane, or by what
//! was complete before. What is in a pane
//! follows from the source up to where it was sealed, whoever seals it, and nobody begins to read
//! beyond what has arrived in every log: so there is no gap, and it does not matter whose pane came first.

mod alerts;
mod meet;
mod message;
mod node;
mod outgoing;
mod shard;

pub use alerts::AlertNode;
pub use meet::MeetNode;
pub use message::{Frontier, Sealed, ToAlerts, ToMeet, ToShard, Verdict};
pub use node::{Node, Place};
pub use outgoing::Outgoing;
pub use shard::ShardNode;

#[cfg(test)]
mod tests;
