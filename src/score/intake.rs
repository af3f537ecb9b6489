//! How panes come in, and what becomes of entities for which there is no room.

use super::Score;
use super::judges::{Bench, Judges};
use super::lobby::{Lobby, Place};
use super::newcomers::Gate;
use super::room::Worth;
use crate::domain::EventTime;
use crate::observe::{PaneTable, SealedPane, Share, Traces};
use ahash::RandomState;
use std::collections::HashSet;

/// Keys of those in the tables of a pane who are nobody yet.
pub(super) type Refused<'p> = HashSet<&'p str, RandomState>;

impl Score {
    /// Of a pane of several partitions traces are kept of as many shipments as of one of all.
    pub(super) fn trim(&mut self, parts: &mut [SealedPane]) {
        let Some(bounds) = &self.settings.memory else {
            return;
        };
        let shares = parts.iter().map(|part| part.share);
        let mut share = shares.max().unwrap_or(Share::ALL);
        loop {
            for part in parts.iter_mut().filter(|part| part.share != share) {
                part.share = share;
                part.shed += part.traces.retain(share);
            }
            let bytes: usize = parts.iter().map(|part| part.traces.size()).sum();
            if bytes <= bounds.traces_of_pane || share.half() == share {
                break;
            }
            share = share.half();
        }
        self.state.shed += parts.iter().map(|part| part.shed).sum::<u64>();
    }

    /// Adds a pane to the open windows.
    pub(super) fn merge(&mut self, parts: &[SealedPane], begins: EventTime) {
        let end = begins + self.plan.pane;
        let state = &mut self.state;
        let lobby = Lobby {
            plan: &self.plan,
            groups: &state.judges.groups,
            kin: &self.kin,
            keeper: &state.keeper,
            hasher: &self.hasher,
            costs: &self.costs,
        };
        let bounds = self.settings.memory;
        let gate = bounds.map_or(Gate::Open, |bounds| {
            lobby.gate(parts, state.judges.held_bytes, &bounds)
        });
        let shut = (gate != Gate::Open).then_some((&lobby, gate));
        let mut pooled = vec![Vec::new(); state.judges.groups.len()];
        // Who comes in is decided for all before any does.
        let refused = shut.map(|_| refused(&lobby, gate, parts, &mut pooled));
        let is_deferred = |part: &SealedPane| part.traces.all().any(|trace| trace.is_deferred);
        let meets = state.parcels.is_some() || parts.iter().any(is_deferred);
        let parcels = state.parcels.as_mut();
        let traces: Vec<&Traces> = parts.iter().map(|part| &part.traces).collect();
        let met = meets.then(|| {
            self.meeting
                .step(&self.plan, parcels, end, &traces, shut, &mut pooled)
        });
        for (id, group) in state.judges.groups.iter_mut().enumerate() {
            let before = group.entities().len();
            let refused = refused.as_ref().map(|refused| &refused[id]);
            let tables = parts.iter().map(|part| &part.tables).chain(&met);
            let tables: Vec<&PaneTable> = tables.map(|tables| &tables[id]).collect();
            group.merge(&tables, begins, &self.hasher, refused, bounds.is_some());
            if bounds.is_some() {
                state.judges.held_bytes += (group.entities().len() - before) * self.costs[id];
            }
        }
        if let Some(bounds) = bounds.filter(|_| refused.is_some()) {
            let mut all = Vec::new();
            for (group, hashes) in state.judges.groups.iter_mut().zip(&mut pooled) {
                sort_and_dedup(hashes);
                group.note_pooled(hashes.len());
                all.append(hashes);
            }
            sort_and_dedup(&mut all);
            state.keeper.note(&all, bounds.newcomers);
        }
    }
}

impl Judges {
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
    parts: &'p [SealedPane],
    pooled: &mut [Vec<u64>],
) -> Vec<Refused<'p>> {
    let of_group = |(id, pooled): (usize, &mut Vec<u64>)| {
        let rows = parts.iter().flat_map(|part| part.tables[id].rows());
        let refused = rows.filter_map(|row| match lobby.place(gate, id, row.key) {
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
