//! How panes come in, and what becomes of entities for which there is no room.

use super::judges::{Bench, Judges};
use super::lobby::{Coming, Kin, Lobby, Place};
use super::newcomers::Gate;
use super::room::{StateBounds, Worth, entity_bytes};
use crate::detection::{GroupId, Plan};
use crate::domain::EventTime;
use crate::measure::ValueHasher;
use crate::observe::{PaneTable, PaneTraces, Share};
use ahash::RandomState;
use std::collections::HashSet;

/// Keys of those in the tables of a pane who are nobody yet.
pub(super) type Refused<'p> = HashSet<&'p str, RandomState>;

/// What letting entities in takes beside what is known of them.
pub(super) struct Door {
    kin: Kin,
    /// Bytes of an entity, per group that is judged.
    costs: Vec<usize>,
    hasher: ValueHasher,
}

impl Door {
    /// Of these groups.
    pub(super) fn new(plan: &Plan, groups: &[GroupId], hasher: ValueHasher) -> Door {
        let bytes = entity_bytes(plan);
        Door {
            kin: Kin::new(plan, groups),
            costs: groups.iter().map(|id| bytes[*id]).collect(),
            hasher,
        }
    }
}

/// What is decided for all before anybody comes in: who does not.
pub(super) struct Refusal<'p> {
    pub(super) gate: Gate,
    refused: Vec<Refused<'p>>,
    /// Hashes of the keys of those who are nobody yet, per group.
    pub(super) pooled: Vec<Vec<u64>>,
}

/// Of a pane of several partitions traces are kept of as many shipments as of one of all, and of no more
/// than there is room for; gives the events of which there are none.
pub(super) fn trim(parts: &mut [&mut PaneTraces], bytes_max: usize) -> u64 {
    let shares = parts.iter().map(|part| part.share);
    let mut share = shares.max().unwrap_or(Share::ALL);
    loop {
        for part in parts.iter_mut().filter(|part| part.share != share) {
            part.share = share;
            part.shed += part.traces.retain(share);
        }
        let bytes: usize = parts.iter().map(|part| part.traces.size()).sum();
        if bytes <= bytes_max || share.half() == share {
            break;
        }
        share = share.half();
    }
    parts.iter().map(|part| part.shed).sum()
}

impl Judges {
    /// Whom a pane may bring.
    pub(super) fn lobby<'s>(&'s self, plan: &'s Plan, door: &'s Door) -> Lobby<'s> {
        Lobby {
            plan,
            groups: &self.groups,
            kin: &door.kin,
            keeper: &self.keeper,
            hasher: &door.hasher,
            costs: &door.costs,
        }
    }

    /// Who of a pane does not come in, if anybody.
    pub(super) fn refuse<'p>(
        &self,
        lobby: &Lobby<'_>,
        coming: &Coming<'p>,
        bounds: Option<&StateBounds>,
    ) -> Option<Refusal<'p>> {
        let gate = lobby.gate(coming, self.held_bytes, bounds?);
        if gate == Gate::Open {
            return None;
        }
        let mut pooled = vec![Vec::new(); self.groups.len()];
        Some(Refusal {
            gate,
            refused: refused(lobby, gate, &coming.tables, &mut pooled),
            pooled,
        })
    }

    /// Adds tables, each with one per group, to the pane that has begun.
    pub(super) fn take_in(
        &mut self,
        tables: &[&[PaneTable]],
        begins: EventTime,
        door: &Door,
        bounds: Option<&StateBounds>,
        refusal: Option<Refusal<'_>>,
    ) {
        for (at, group) in self.groups.iter_mut().enumerate() {
            let before = group.entities().len();
            let refused = refusal.as_ref().map(|refusal| &refusal.refused[at]);
            let tables: Vec<&PaneTable> = tables.iter().map(|tables| &tables[at]).collect();
            group.merge(&tables, begins, &door.hasher, refused, bounds.is_some());
            if bounds.is_some() {
                self.held_bytes += (group.entities().len() - before) * door.costs[at];
            }
        }
        if let (Some(bounds), Some(refusal)) = (bounds, refusal) {
            let mut all = Vec::new();
            for (group, mut hashes) in self.groups.iter_mut().zip(refusal.pooled) {
                sort_and_dedup(&mut hashes);
                group.note_pooled(hashes.len());
                all.append(&mut hashes);
            }
            sort_and_dedup(&mut all);
            self.keeper.note(&all, bounds.newcomers);
        }
    }

    /// Forgets whom it costs least to forget, where there are more entities than there is room for.
    pub(super) fn make_room(&mut self, bench: &Bench<'_>, now: EventTime) {
        let Some(bounds) = &bench.settings.memory else {
            return;
        };
        let groups = &mut self.groups;
        let held: Vec<usize> = groups
            .iter()
            .map(|group| group.held_bytes(bench.plan))
            .collect();
        self.held_bytes = held.iter().sum();
        if self.held_bytes <= bounds.entities {
            return;
        }
        let mut all: Vec<(Worth, usize, usize)> = Vec::new();
        for (id, group) in groups.iter().enumerate() {
            let entities = group.entities().all().iter().enumerate();
            let own = entities.filter(|(_, entity)| !entity.is_pooled);
            all.extend(own.map(|(row, entity)| (Worth::of(entity, now), id, row)));
        }
        let key = |id: usize, row: usize| &groups[id].entities().all()[row].key;
        all.sort_unstable_by(|(one, id, row), (other, other_id, other_row)| {
            one.total_cmp(other)
                .then_with(|| id.cmp(other_id))
                .then_with(|| key(*id, *row).cmp(key(*other_id, *other_row)))
        });
        let each: Vec<usize> = held
            .iter()
            .zip(groups.iter())
            .map(|(held, group)| held / group.entities().len().max(1))
            .collect();
        let mut marks: Vec<Vec<bool>> = groups
            .iter()
            .map(|group| vec![true; group.entities().len()])
            .collect();
        let mut excess = self.held_bytes - bounds.after_eviction();
        for (_, id, row) in all {
            if excess == 0 {
                break;
            }
            marks[id][row] = false;
            excess = excess.saturating_sub(each[id]);
            self.held_bytes = self.held_bytes.saturating_sub(each[id]);
        }
        for (group, marks) in groups.iter_mut().zip(marks) {
            if marks.contains(&false) {
                group.evict(marks, now);
            }
        }
    }
}

/// Those in the tables of a pane who are nobody yet; the hashes of their keys go to `pooled`.
fn refused<'p>(
    lobby: &Lobby<'_>,
    gate: Gate,
    tables: &[&'p [PaneTable]],
    pooled: &mut [Vec<u64>],
) -> Vec<Refused<'p>> {
    let of_group = |(at, pooled): (usize, &mut Vec<u64>)| {
        let rows = tables.iter().flat_map(|tables| tables[at].rows());
        let refused = rows.filter_map(|row| match lobby.place(gate, at, row.key) {
            Place::Own => None,
            Place::Pooled(hash) => {
                pooled.push(hash);
                Some(row.key.as_str())
            }
        });
        refused.collect()
    };
    pooled.iter_mut().enumerate().map(of_group).collect()
}

fn sort_and_dedup(hashes: &mut Vec<u64>) {
    hashes.sort_unstable();
    hashes.dedup();
}
