//! How much room open panes have, over all partitions of a process, and what is done without it.
//!
//! Three things are bounded, each so that what leaves does not depend on the order of events:
//! * Rows of tables. Without room for them events are *deferred*: kept as traces, and measured where
//!   partitions meet. Measures merge, so nothing that is measured changes.
//! * Traces of a pane. Where they are too many, those of half of the shipments are *shed*, by the
//!   keyed hash of the shipment; then half of these, and so on. How often follows from all traces of
//!   the pane, and a trace that is shed by one partition would be by every other (adaptive sampling:
//!   Wegman, see Flajolet, Computing 1990).
//!   Where more panes are open than the plan reckons with, the fullest is halved so that all fit. That
//!   depends on when events come, and so does which accesses had found a place in tables by then.
//! * Identifiers. What cannot be remembered counts as new, and is counted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bounds of what open panes take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaneBounds {
    /// Tables of all open panes.
    pub tables: usize,
    /// Traces of all open panes.
    pub traces: usize,
    /// Traces of one pane, over all partitions.
    pub traces_of_pane: usize,
    /// Identifiers of all open panes.
    pub identifiers: usize,
}

/// Of which shipments traces are kept: those whose hash begins with so many zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share(u32);

impl Share {
    /// All of them.
    pub const ALL: Share = Share(0);

    /// Whether traces of this shipment are kept.
    #[inline]
    pub fn holds(self, shipment: u64) -> bool {
        self.0 == 0 || shipment >> (u64::BITS - self.0.min(u64::BITS - 1)) == 0
    }

    /// Half of it.
    pub fn half(self) -> Share {
        Share((self.0 + 1).min(u64::BITS - 1))
    }
}

/// What the open panes of one minute (say) have, over all partitions.
#[derive(Clone, Copy, Debug, Default)]
struct OfPane {
    traces: usize,
    share: Share,
}

/// The room that open panes have.
#[derive(Debug)]
pub struct Room {
    bounds: Option<PaneBounds>,
    tables: usize,
    identifiers: usize,
    traces: usize,
    panes: BTreeMap<i64, OfPane>,
    crowded: Option<i64>,
}

impl Room {
    /// So much; without bounds as much as is asked for.
    pub fn new(bounds: Option<PaneBounds>) -> Room {
        Room {
            bounds,
            tables: 0,
            identifiers: 0,
            traces: 0,
            panes: BTreeMap::new(),
            crowded: None,
        }
    }

    /// Whether anything is bounded.
    #[inline]
    pub(super) fn is_bounded(&self) -> bool {
        self.bounds.is_some()
    }

    /// Whether there is none for rows.
    pub(super) fn lacks_rows(&self) -> bool {
        self.bounds
            .is_some_and(|bounds| self.tables >= bounds.tables)
    }

    /// Whether there is none for identifiers.
    pub(super) fn lacks_identifiers(&self) -> bool {
        self.bounds
            .is_some_and(|bounds| self.identifiers >= bounds.identifiers)
    }

    /// Tables have grown, or are gone.
    pub(super) fn tables_changed(&mut self, before: usize, after: usize) {
        self.tables = (self.tables + after).saturating_sub(before);
    }

    /// Identifiers take other room than before.
    pub(super) fn identifiers_changed(&mut self, before: usize, after: usize) {
        self.identifiers = (self.identifiers + after).saturating_sub(before);
    }

    /// Traces of a pane take other room than before.
    pub(super) fn traces_changed(&mut self, pane: i64, before: usize, after: usize) {
        let Some(bounds) = self.bounds else {
            return;
        };
        let of_pane = self.panes.entry(pane).or_default();
        of_pane.traces = (of_pane.traces + after).saturating_sub(before);
        self.traces = (self.traces + after).saturating_sub(before);
        if of_pane.traces > bounds.traces_of_pane {
            self.crowded = Some(pane);
        } else if self.traces > bounds.traces {
            let panes = self.panes.iter();
            let fullest = panes.max_by_key(|(_, of_pane)| of_pane.traces);
            self.crowded = fullest.map(|(pane, _)| *pane);
        }
    }

    /// A pane that has too many traces, of which half as many shipments are to keep theirs.
    pub fn halve(&mut self) -> Option<i64> {
        let pane = self.crowded.take()?;
        let of_pane = self.panes.get_mut(&pane)?;
        of_pane.share = of_pane.share.half();
        Some(pane)
    }

    /// A partition has sealed a pane with traces of so many bytes: they have left.
    pub(super) fn traces_left(&mut self, pane: i64, bytes: usize) {
        if let Some(of_pane) = self.panes.get_mut(&pane) {
            of_pane.traces = of_pane.traces.saturating_sub(bytes);
            self.traces = self.traces.saturating_sub(bytes);
        }
    }

    /// Of which shipments a pane keeps traces.
    pub(super) fn share(&self, pane: i64) -> Share {
        self.panes
            .get(&pane)
            .map_or(Share::ALL, |of_pane| of_pane.share)
    }

    /// No partition has panes before this one any more.
    pub fn forget_before(&mut self, pane: i64) {
        self.panes = self.panes.split_off(&pane);
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.tables + self.identifiers + self.traces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_halving_keeps_half_of_what_was_kept() {
        let mut share = Share::ALL;
        let hashes = || (0..1_u64 << 10).map(|n| n << 54);
        for kept in [1_024, 512, 256, 128, 64] {
            assert_eq!(hashes().filter(|hash| share.holds(*hash)).count(), kept);
            share = share.half();
        }
        let least = (0..100).fold(share, |share, _| share.half());
        assert!(least.holds(1) && !least.holds(2));
    }

    #[test]
    fn without_bounds_there_is_room_for_all() {
        let mut room = Room::new(None);
        room.tables_changed(0, usize::MAX / 4);
        room.traces_changed(1, 0, usize::MAX / 4);
        assert!(!room.lacks_rows() && !room.lacks_identifiers());
        assert_eq!((room.share(1), room.halve()), (Share::ALL, None));
    }
}
