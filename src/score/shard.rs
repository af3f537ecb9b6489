//! Some of the groups, judged apart from the others.
//!
//! No group knows another, so a shard is a part of the questions and not of the entities: what a
//! class has in common, its season, its common mode and how much it scatters, is known where the
//! class is judged, and the judgements are, to the bit, those of one process that judges all.

use super::gathering::Gathering;
use super::intake::Door;
use super::judge::GroupJudge;
use super::judges::{self, Bench, Judges};
use super::knowledge::Knowledge;
use super::lobby::Coming;
use super::meet::Met;
use super::{EntityCounts, Judgement, ScoreObserver, ScoreSettings};
use crate::detection::{GroupId, Plan};
use crate::domain::{EventTime, Span};
use crate::measure::ValueHasher;
use crate::observe::PaneTable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a [`Shard`] knows: a function of what came, and all that a restart needs.
#[derive(Serialize, Deserialize)]
pub struct ShardState {
    judges: Judges,
    gathering: Gathering<Vec<PaneTable>>,
    /// What is complete, as far as it waits for its parts.
    met: BTreeMap<Option<i64>, Met>,
    /// Every pane before this one is judged.
    joint: Option<i64>,
}

impl ShardState {
    /// Whether what is complete next was judged before.
    fn is_known(&self) -> bool {
        let next = self.met.first_key_value();
        next.is_some_and(|(_, met)| Some(met.joint) <= self.joint)
    }
}

/// What a shard has judged of what was complete.
pub struct Judged {
    /// As in [`Met`].
    pub since: Option<i64>,
    /// As in [`Met`].
    pub joint: i64,
    /// In the order of the windows' ends, and of the groups in each.
    pub judgements: Vec<Judgement>,
}

/// Judges the groups of one shard.
pub struct Shard {
    plan: Arc<Plan>,
    settings: ScoreSettings,
    door: Door,
    tick: Span,
    state: ShardState,
}

/// The groups that a shard judges.
fn groups_of(plan: &Plan, shard: usize, shards: usize) -> impl Iterator<Item = GroupId> {
    (0..plan.groups.len()).filter(move |group| group % shards == shard)
}

/// A table per group, dealt out to the shards.
pub fn deal(tables: Vec<PaneTable>, shards: usize) -> Vec<Vec<PaneTable>> {
    let mut dealt: Vec<Vec<PaneTable>> = (0..shards).map(|_| Vec::new()).collect();
    for (group, table) in tables.into_iter().enumerate() {
        dealt[group % shards].push(table);
    }
    dealt
}

impl Shard {
    /// One of so many, without history.
    pub fn new(plan: Arc<Plan>, settings: ScoreSettings, shard: usize, shards: usize) -> Shard {
        let state = ShardState {
            judges: Judges::new(&plan, groups_of(&plan, shard, shards)),
            gathering: Gathering::default(),
            met: BTreeMap::new(),
            joint: None,
        };
        Shard::restore(plan, settings, state)
    }

    /// Goes on where another was.
    pub fn restore(plan: Arc<Plan>, settings: ScoreSettings, state: ShardState) -> Shard {
        let groups: Vec<GroupId> = state
            .judges
            .groups()
            .iter()
            .map(GroupJudge::group)
            .collect();
        let hasher = ValueHasher::new(settings.hash_key);
        let memory = settings.memory;
        Shard {
            door: Door::new(&plan, &groups, hasher),
            tick: judges::tick(&plan),
            settings: ScoreSettings {
                memory: memory.map(|memory| memory.part(&plan, &groups)),
                ..settings
            },
            plan,
            state,
        }
    }

    /// What it knows.
    pub fn state(&self) -> &ShardState {
        &self.state
    }

    /// Goes on with a plan that differs from the one before in its policies and in the content of
    /// its lists at the most.
    pub fn swap(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
    }

    /// Some of what came before what comes next was lost.
    pub fn interrupt(&mut self) {
        self.state.gathering.interrupt();
    }

    /// Whether something was lost, and what is complete is not judged until all of it was heard of again.
    pub fn is_interrupted(&self) -> bool {
        self.state.gathering.is_interrupted()
    }

    /// A partition has sealed every pane before `sealed_before`: the tables of this shard's groups.
    pub fn arrive(
        &mut self,
        partition: i32,
        sealed_before: i64,
        tables: impl IntoIterator<Item = (i64, Vec<PaneTable>)>,
    ) {
        self.state
            .gathering
            .arrive(partition, sealed_before, tables);
    }

    /// What is complete, with the tables of this shard's groups. What came before is left out.
    pub fn meet(&mut self, met: Met) {
        if Some(met.joint) > self.state.joint {
            self.state.met.entry(met.since).or_insert(met);
        }
    }

    /// Judges what is complete next, once all its parts are here.
    pub fn step(&mut self, mut observer: Option<ScoreObserver<'_>>) -> Option<Judged> {
        let state = &mut self.state;
        while state.is_known() {
            state.met.pop_first();
        }
        let next = state.met.first_entry()?;
        if !state.gathering.has_reached(&next.get().reached) {
            return None;
        }
        let met = next.remove();
        if met.since != state.joint && !state.gathering.is_interrupted() {
            // What came between is gone for good.
            state.gathering.interrupt();
        }
        state.joint = Some(met.joint);
        let is_whole = state.gathering.is_whole(met.joint, &met.reached) && met.is_whole;
        let reached = |partition| met.reached.get(&partition).copied().unwrap_or(i64::MIN);
        // Panes that it does not name came too late.
        let parts = state.gathering.take_before(met.joint, reached);
        let bench = Bench {
            plan: &self.plan,
            settings: &self.settings,
            tick: self.tick,
        };
        let mut judgements = Vec::new();
        let to = EventTime(met.joint * self.plan.pane.0);
        if !is_whole {
            state.judges.interrupt(to, self.tick);
        }
        for (pane, of_parcels) in met.panes.iter().filter(|_| is_whole) {
            let begins = EventTime(pane * self.plan.pane.0);
            state
                .judges
                .begin(begins, &bench, &mut observer, &mut judgements);
            let of_events = parts.get(pane).into_iter().flatten();
            let tables = of_events.chain([of_parcels]).map(|tables| &tables[..]);
            let coming = Coming {
                tables: tables.collect(),
                traces: Vec::new(),
            };
            let (judges, bounds) = (&mut state.judges, self.settings.memory.as_ref());
            let lobby = judges.lobby(&self.plan, &self.door);
            let refusal = judges.refuse(&lobby, &coming, bounds);
            judges.take_in(&coming.tables, begins, &self.door, bounds, refusal);
        }
        state
            .judges
            .close_up_to(to, &bench, &mut observer, &mut judgements);
        Some(Judged {
            since: met.since,
            joint: met.joint,
            judgements,
        })
    }

    /// Windows that end up to then are judged; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.state.judges.closed_to()
    }

    /// By group of this shard: what became of entities.
    pub fn entities(&self) -> impl Iterator<Item = (GroupId, EntityCounts)> {
        let groups = self.state.judges.groups().iter();
        groups.map(|group| (group.group(), group.counts()))
    }

    /// What its baselines know, to look at.
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            judges: &self.state.judges,
            plan: &self.plan,
        }
    }

    /// Bytes of baselines and open windows.
    pub fn state_bytes(&self) -> usize {
        self.state.judges.bytes()
    }
}
