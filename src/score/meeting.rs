//! Where the events of all partitions meet: what is known of parcels, measured.
//!
//! The traces of a pane go through [`Parcels`] in a total order. What comes out is put into
//! tables of the same form as those that partitions seal, and merged like one more partition's.

use crate::detection::{Missing, Plan};
use crate::domain::{Event, EventTime, Kind};
use crate::measure::ValueHasher;
use crate::observe::{PaneHasher, PaneTable, Traces};
use crate::parcel::Parcels;

/// How what comes of parcels is measured.
pub(super) struct Meeting {
    hasher: ValueHasher,
    pane_hasher: PaneHasher,
    scratch: String,
}

impl Meeting {
    pub(super) fn new(hasher: ValueHasher) -> Meeting {
        Meeting {
            hasher,
            pane_hasher: PaneHasher::new(),
            scratch: String::new(),
        }
    }

    /// The tables, one per group, of what comes of a pane that ends at `end`.
    pub(super) fn step(
        &mut self,
        plan: &Plan,
        parcels: &mut Parcels,
        end: EventTime,
        traces: &[&Traces],
    ) -> Vec<PaneTable> {
        let mut tables: Vec<PaneTable> = plan.groups.iter().map(PaneTable::new).collect();
        let (hasher, pane_hasher, scratch) = (&self.hasher, &self.pane_hasher, &mut self.scratch);
        let mut measure = |event: &Event<'_>, missing: Missing| {
            let is_recorded = Kind::RECORDED.contains(&event.kind);
            for id in plan.groups_for(event.kind) {
                let group = &plan.groups[*id];
                if (!is_recorded || plan.parcels.waits(*id, missing)) && group.accepts(event) {
                    tables[*id].add(group, event, hasher, pane_hasher, scratch);
                }
            }
        };
        parcels.step(end, traces, &mut measure);
        tables
    }
}
