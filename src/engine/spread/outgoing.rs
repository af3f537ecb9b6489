//! What stage 1 says to the others.

use super::message::{Sealed, ToMeet, ToShard};
use crate::observe::Progress;
use crate::score::deal;

/// One step of stage 1, for each who reads it.
#[derive(Debug)]
pub struct Outgoing {
    /// To the one who says which panes are complete.
    pub to_meet: ToMeet,
    /// To each shard; empty where there is nothing for them.
    pub to_shards: Vec<ToShard>,
}

impl Outgoing {
    /// The partition has nothing to read.
    pub fn idle(partition: i32) -> Outgoing {
        let nothing = Sealed {
            partition,
            sealed_before: None,
            is_idle: true,
            panes: Vec::new(),
        };
        Outgoing {
            to_meet: ToMeet::Sealed(nothing),
            to_shards: Vec::new(),
        }
    }

    /// The partition has sealed panes.
    pub fn sealed(partition: i32, progress: Progress, shards: usize) -> Outgoing {
        let Progress {
            sealed_before,
            panes,
            is_idle,
            ..
        } = progress;
        let mut traces = Vec::with_capacity(panes.len());
        let mut tables: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
        for pane in panes {
            traces.push((pane.pane, pane.traces));
            for (all, some) in tables.iter_mut().zip(deal(pane.tables, shards)) {
                all.push((pane.pane, some));
            }
        }
        let to_shard = |panes| {
            ToShard::Sealed(Sealed {
                partition,
                sealed_before: Some(sealed_before),
                is_idle,
                panes,
            })
        };
        Outgoing {
            to_shards: tables.into_iter().map(to_shard).collect(),
            to_meet: ToMeet::Sealed(Sealed {
                partition,
                sealed_before: Some(sealed_before),
                is_idle,
                panes: traces,
            }),
        }
    }
}
