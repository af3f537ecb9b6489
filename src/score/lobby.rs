//! Which newcomers of a pane become entities, and what becomes of the others.

use super::judge::GroupJudge;
use super::newcomers::{DoorKeeper, Gate};
use super::room::StateBounds;
use crate::detection::{Group, GroupId, Plan};
use crate::domain::{first_member, join_key};
use crate::measure::ValueHasher;
use crate::observe::{PaneTable, Told, Traces};

/// The newcomers of a pane may take one part in so many of what is left, all at once: a flood that
/// would fit into it for some minutes is none that anybody wants to watch one by one.
const AT_ONCE: usize = 16;

/// Which groups know the same entities: if one knows somebody, it is no stranger to the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Kin {
    /// Per group, others with the same members.
    same: Vec<Vec<usize>>,
    /// Per group of edges, those of whom its edges start from.
    sources: Vec<Vec<usize>>,
}

impl Kin {
    /// Among these groups, which it names by their place among them.
    pub(super) fn new(plan: &Plan, groups: &[GroupId]) -> Kin {
        let specs: Vec<&Group> = groups.iter().map(|id| &plan.groups[*id]).collect();
        let all = |wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..specs.len()).filter(|at| wanted(*at)).collect()
        };
        let groups = || specs.iter().enumerate();
        Kin {
            same: groups()
                .map(|(id, group)| all(&|other| other != id && specs[other].entity == group.entity))
                .collect(),
            sources: groups()
                .map(|(_, group)| match group.entity.as_slice() {
                    [_] | [] => Vec::new(),
                    [first, ..] => all(&|other| specs[other].entity == [*first]),
                })
                .collect(),
        }
    }
}

/// Where what somebody did is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is an entity, or becomes one.
    Own,
    /// It is nobody yet; this is the hash of its key.
    Pooled(u64),
}

/// A pane, as it comes.
pub(super) struct Coming<'p> {
    /// Tables of its partitions, each with one per group that is judged.
    pub(super) tables: Vec<&'p [PaneTable]>,
    /// Of events that are measured when they have met, where all groups are judged; they are measured
    /// already where some are.
    pub(super) traces: Vec<&'p Traces>,
}

/// What is known when a pane comes.
pub(super) struct Lobby<'s> {
    pub(super) plan: &'s Plan,
    pub(super) groups: &'s [GroupJudge],
    pub(super) kin: &'s Kin,
    pub(super) keeper: &'s DoorKeeper,
    pub(super) hasher: &'s ValueHasher,
    /// Bytes of an entity, per group.
    pub(super) costs: &'s [usize],
}

impl Lobby<'_> {
    fn may_come_in(&self, group: usize, key: &str, hash: u64) -> bool {
        let knows = |id: &usize, key: &str| self.groups[*id].knows(key);
        self.keeper.has_seen_twice(hash)
            || self.kin.same[group].iter().any(|id| knows(id, key))
            || self.kin.sources[group]
                .iter()
                .any(|id| knows(id, first_member(key)))
    }

    /// Where to measure what this one did.
    pub(super) fn place(&self, gate: Gate, group: usize, key: &str) -> Place {
        let Gate::Closed(limit) = gate else {
            return Place::Own;
        };
        if self.groups[group].knows(key) {
            return Place::Own;
        }
        let hash = self.hasher.hash(key);
        match hash <= limit && self.may_come_in(group, key, hash) {
            true => Place::Own,
            false => Place::Pooled(hash),
        }
    }

    /// Whether all newcomers of a pane come in, where `taken` bytes are taken.
    pub(super) fn gate(&self, coming: &Coming<'_>, taken: usize, bounds: &StateBounds) -> Gate {
        let room = bounds.entities.saturating_sub(taken) / AT_ONCE;
        if self.at_most(coming) <= room {
            return Gate::Open;
        }
        let mut newcomers = vec![Vec::new(); self.groups.len()];
        self.each_key(coming, &mut |group, key| {
            if !self.groups[group].knows(key) {
                let hash = self.hasher.hash(key);
                newcomers[group].push((hash, self.may_come_in(group, key, hash)));
            }
        });
        let mut wanted = 0;
        let mut may = Vec::new();
        for (group, newcomers) in newcomers.iter_mut().enumerate() {
            newcomers.sort_unstable();
            newcomers.dedup();
            wanted += newcomers.len() * self.costs[group];
            may.extend(
                newcomers
                    .iter()
                    .filter(|(_, may_come_in)| *may_come_in)
                    .map(|(hash, _)| (*hash, self.costs[group])),
            );
        }
        match wanted <= room {
            true => Gate::Open,
            false => Gate::closed(may, bounds.of_newcomers()),
        }
    }

    /// Bytes that a pane could ask for at the most.
    fn at_most(&self, coming: &Coming<'_>) -> usize {
        let of_tables = coming.tables.iter();
        let of_tables = of_tables.flat_map(|tables| tables.iter().zip(self.costs));
        let rows: usize = of_tables.map(|(table, cost)| table.len() * cost).sum();
        let deferred = coming.traces.iter().flat_map(|traces| traces.all());
        let deferred = deferred.filter(|trace| trace.is_deferred).count();
        rows.saturating_add(deferred.saturating_mul(self.costs.iter().sum()))
    }

    /// Tells of every entity of a pane that is known before its events have met: what comes of
    /// parcels has the same members.
    fn each_key(&self, coming: &Coming<'_>, tell: &mut dyn FnMut(usize, &str)) {
        let mut scratch = String::new();
        for tables in &coming.tables {
            for (group, table) in tables.iter().enumerate() {
                table.rows().for_each(|row| tell(group, row.key));
            }
        }
        for traces in &coming.traces {
            for trace in traces.all().filter(|trace| trace.is_deferred) {
                let Told { event, missing, .. } = traces.read_deferred(&trace);
                for group in self.plan.groups_for(event.kind) {
                    let spec = &self.plan.groups[*group];
                    if !self.plan.parcels.waits(*group, missing)
                        && spec.accepts(&event)
                        && let Some(key) = join_key(&spec.entity, &event, &mut scratch)
                    {
                        tell(*group, key);
                    }
                }
            }
        }
    }
}
