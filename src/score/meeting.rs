//! Where the events of all partitions meet: what is known of parcels, measured.
//!
//! The traces of a pane go through [`Parcels`] in a total order. What comes out is put into
//! tables of the same form as those that partitions seal, and merged like one more partition's. So are
//! events that partitions had no room to measure.

use super::entities::pooled_name_among;
use super::lobby::{Lobby, Place};
use super::newcomers::Gate;
use crate::detection::{GroupId, Plan};
use crate::domain::{Event, EventTime, Kind, join_key};
use crate::measure::ValueHasher;
use crate::observe::{PaneHasher, PaneTable, Told, Traces};
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

    /// The tables, one per group, of what comes of a pane that ends at `end`: of its parcels, and of
    /// events that were not measured before. Where `lobby` says that somebody is nobody yet, what
    /// they did is measured as a pooled entity's, and the hash of their key noted in `pooled`.
    pub(super) fn step(
        &mut self,
        plan: &Plan,
        parcels: Option<&mut Parcels>,
        end: EventTime,
        traces: &[&Traces],
        lobby: Option<(&Lobby<'_>, Gate)>,
        pooled: &mut [Vec<u64>],
    ) -> Vec<PaneTable> {
        let mut tables: Vec<PaneTable> = plan.groups.iter().map(PaneTable::new).collect();
        let (hasher, pane_hasher, scratch) = (&self.hasher, &self.pane_hasher, &mut self.scratch);
        let mut put = |id: GroupId, event: &Event<'_>| {
            let (group, table) = (&plan.groups[id], &mut tables[id]);
            let Some((lobby, gate)) = lobby else {
                return table.add(group, event, hasher, pane_hasher, scratch);
            };
            let Some(key) = join_key(&group.entity, event, scratch) else {
                return;
            };
            let class = group.pool.and_then(|pool| event.member(pool)).unwrap_or("");
            match lobby.place(gate, id, key) {
                Place::Own => table.add_to(key, class, group, event, hasher, pane_hasher),
                Place::Pooled(hash) => {
                    pooled[id].push(hash);
                    let name = pooled_name_among(lobby.groups[id].entities().class_names(), class);
                    table.add_to(&name, class, group, event, hasher, pane_hasher);
                }
            }
        };
        if let Some(parcels) = parcels {
            parcels.step(end, traces, &mut |event, missing| {
                let is_recorded = Kind::RECORDED.contains(&event.kind);
                for id in plan.groups_for(event.kind) {
                    if (!is_recorded || plan.parcels.waits(*id, missing))
                        && plan.groups[*id].accepts(event)
                    {
                        put(*id, event);
                    }
                }
            });
        }
        for traces in traces {
            for trace in traces.all().filter(|trace| trace.is_deferred) {
                let Told { event, missing, .. } = traces.read_deferred(&trace);
                for id in plan.groups_for(event.kind) {
                    if !plan.parcels.waits(*id, missing) && plan.groups[*id].accepts(&event) {
                        put(*id, &event);
                    }
                }
            }
        }
        tables
    }
}
