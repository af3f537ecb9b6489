//! What the nodes say to each other.

use crate::domain::EventTime;
use crate::observe::{PaneTable, PaneTraces};
use crate::score::{Judgement, Met};
use serde::{Deserialize, Serialize};

/// What a source partition has sealed, as far as the reader of this log needs it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sealed<P> {
    /// The source partition.
    pub partition: i32,
    /// Every pane before this one is sealed; `None` where nothing is yet.
    pub sealed_before: Option<i64>,
    /// The partition has nothing to read, and goes where the others are.
    pub is_idle: bool,
    /// The panes that were sealed since the last time, oldest first.
    pub panes: Vec<(i64, P)>,
}

/// To the one who says which panes are complete.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToMeet {
    /// These source partitions exist, and are to be waited for.
    Announce(Vec<i32>),
    /// Panes.
    Sealed(Sealed<PaneTraces>),
}

/// To who judges some of the groups.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToShard {
    /// Panes, with a table per group of the shard.
    Sealed(Sealed<Vec<PaneTable>>),
    /// Panes are complete; with a table per group of the shard of what comes of their parcels.
    Met(Met),
}

/// To who raises alerts.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToAlerts {
    /// What a shard has judged.
    Verdict(Verdict),
    /// How far all have come; for who reads the source.
    Frontier(Frontier),
}

/// What a shard has judged of panes that are complete.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The shard.
    pub shard: usize,
    /// As in [`Met`].
    pub since: Option<i64>,
    /// As in [`Met`].
    pub joint: i64,
    /// Windows that end up to then are judged; `None` before the first pane.
    pub closed_to: Option<EventTime>,
    /// In the order of the windows' ends, and of the groups in each.
    pub judgements: Vec<Judgement>,
}

/// How far all source partitions have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    /// Every pane before this one is complete.
    pub joint: Option<i64>,
    /// Where idle partitions are to go: as far as the slowest of the others.
    pub target: Option<i64>,
}
