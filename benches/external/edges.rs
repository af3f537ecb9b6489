//! The labelled edges of the DARPA 1998 evaluation as access events.
//!
//! Source is the actor and destination the seller it reads: who touches whom. An edge is one
//! read, at the beginning of its minute; minutes count from [`EPOCH`]. Edges carry no role, no
//! shipment and no size, so the detections that ask for those have nothing to go by.

use super::data::{progress, rows};
use serde::Deserialize;
use std::path::Path;

/// 1998-06-01, in milliseconds since 1970: a Monday of that summer.
pub(crate) const EPOCH: i64 = 896_659_200_000;
pub(crate) const MINUTE: i64 = 60_000;

/// What an edge belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    Normal,
    Flood,
    Probe,
    Harvest,
    U2r,
}

impl Family {
    pub(crate) const ALL: [Family; 5] = [
        Family::Normal,
        Family::Flood,
        Family::Probe,
        Family::Harvest,
        Family::U2r,
    ];
}

/// One edge.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Edge {
    pub(crate) minute: u32,
    pub(crate) src: u32,
    pub(crate) dst: u32,
    pub(crate) family: Family,
}

impl Edge {
    /// As an event, told apart by its number in the file.
    pub(crate) fn event(&self, number: usize) -> String {
        let Edge {
            minute, src, dst, ..
        } = self;
        let time = EPOCH + i64::from(*minute) * MINUTE;
        format!(
            r#"{{"id":"edge-{number}","time":{time},"kind":"access","actor":"{src}","action":"read","seller":"{dst}"}}"#
        )
    }
}

/// All edges, in the order of time.
pub(crate) fn read(path: &Path) -> Vec<Edge> {
    let bar = progress("reading the edges", None);
    let edges: Vec<Edge> = bar
        .wrap_iter(rows(path))
        .map(|edge| edge.expect("an edge"))
        .collect();
    bar.finish_and_clear();
    assert!(
        edges.is_sorted_by_key(|edge| edge.minute),
        "events are produced in the order of time"
    );
    edges
}
