//! Where the source partitions meet, apart from where groups are judged: it says which panes are
//! complete, in which order, and what comes of their parcels.
//!
//! Whoever judges some of the groups takes panes as this says, so all of them judge the same panes
//! together, whatever order theirs came in.

use super::ScoreSettings;
use super::gathering::Gathering;
use super::intake;
use super::judges;
use super::meeting::Meeting;
use super::room::parcel_bounds;
use crate::detection::Plan;
use crate::domain::{EventTime, Span};
use crate::measure::ValueHasher;
use crate::observe::{PaneTable, PaneTraces, Traces};
use crate::parcel::{Parcels, ParcelsEvicted};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Panes that are complete.
#[derive(Debug, Serialize, Deserialize)]
pub struct Met {
    /// What was complete before: `joint` of the one before this, which nothing can come between.
    pub since: Option<i64>,
    /// Every pane before this one is complete.
    pub joint: i64,
    /// Nothing that is in these panes was lost.
    pub is_whole: bool,
    /// How far each source partition has come: what it sealed beyond that comes later.
    pub reached: BTreeMap<i32, i64>,
    /// The panes that are complete now, oldest first, each with a table per group of what comes of
    /// its parcels.
    pub panes: Vec<(i64, Vec<PaneTable>)>,
}

/// What a [`Meet`] knows: a function of what came, and all that a restart needs.
#[derive(Serialize, Deserialize)]
pub struct MeetState {
    parcels: Option<Parcels>,
    gathering: Gathering<PaneTraces>,
    /// Every pane before this one was complete at the last step.
    joint: Option<i64>,
    /// Windows that end up to here are judged once the last step is taken.
    closed_to: Option<EventTime>,
    late_panes: u64,
    /// Events of which a part was not measured for want of room.
    shed: u64,
}

/// The meeting of all source partitions.
pub struct Meet {
    plan: Arc<Plan>,
    meeting: Meeting,
    tick: Span,
    /// Bytes of traces of a pane, over all partitions, where they are bounded.
    traces_of_pane: Option<usize>,
    state: MeetState,
}

impl Meet {
    /// Without history.
    pub fn new(plan: Arc<Plan>, settings: ScoreSettings) -> Meet {
        let state = MeetState {
            parcels: (plan.parcels.any())
                .then(|| Parcels::new(&plan.parcels, parcel_bounds(settings.memory))),
            gathering: Gathering::default(),
            joint: None,
            closed_to: None,
            late_panes: 0,
            shed: 0,
        };
        Meet::restore(plan, settings, state)
    }

    /// Goes on where another was.
    pub fn restore(plan: Arc<Plan>, settings: ScoreSettings, mut state: MeetState) -> Meet {
        if let Some(parcels) = &mut state.parcels {
            parcels.obey(parcel_bounds(settings.memory));
        }
        Meet {
            traces_of_pane: settings.memory.map(|memory| memory.traces_of_pane),
            meeting: Meeting::new(ValueHasher::new(settings.hash_key)),
            tick: judges::tick(&plan),
            plan,
            state,
        }
    }

    /// What it knows.
    pub fn state(&self) -> &MeetState {
        &self.state
    }

    /// Goes on with a plan that differs from the one before in the content of its lists at the most.
    pub fn swap(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
    }

    /// Some of what came before what comes next was lost.
    pub fn interrupt(&mut self) {
        self.state.gathering.interrupt();
    }

    /// Panes wait for this source partition from now on.
    pub fn join(&mut self, partition: i32) {
        self.state.gathering.join(partition, None);
    }

    /// A partition has sealed every pane before `sealed_before`; one that is idle goes where the others
    /// are, as [`Meet::target`] says, instead of leading them.
    pub fn arrive(
        &mut self,
        partition: i32,
        sealed_before: Option<i64>,
        is_idle: bool,
        traces: impl IntoIterator<Item = (i64, PaneTraces)>,
    ) {
        let gathering = &mut self.state.gathering;
        gathering.set_idle(partition, is_idle);
        if let Some(sealed_before) = sealed_before {
            gathering.arrive(partition, sealed_before, traces);
        }
    }

    /// Where an idle partition may go without holding anybody back or going ahead.
    pub fn target(&self) -> Option<i64> {
        self.state.gathering.joint_of_busy()
    }

    /// Every pane before this one is complete.
    pub fn joint(&self) -> Option<i64> {
        self.state.joint
    }

    /// Windows that end up to then are judged once the last step is taken.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.state.closed_to
    }

    /// The panes that have become complete, if any have.
    pub fn step(&mut self) -> Option<Met> {
        let state = &mut self.state;
        let joint = state.gathering.joint()?;
        if state.joint.is_some_and(|known| joint <= known) {
            return None;
        }
        let mut panes = Vec::new();
        for (pane, mut parts) in state.gathering.take_before(joint, |_| i64::MAX) {
            let begins = EventTime(pane * self.plan.pane.0);
            if state.closed_to.is_some_and(|closed_to| begins < closed_to) {
                state.late_panes += parts.len() as u64;
                continue;
            }
            state.closed_to = state.closed_to.max(Some(begins.floor(self.tick)));
            if let Some(bytes_max) = self.traces_of_pane {
                let mut traces: Vec<&mut PaneTraces> = parts.iter_mut().collect();
                state.shed += intake::trim(&mut traces, bytes_max);
            }
            let traces: Vec<&Traces> = parts.iter().map(|part| &part.traces).collect();
            let end = begins + self.plan.pane;
            let parcels = state.parcels.as_mut();
            let tables = self
                .meeting
                .step(&self.plan, parcels, end, &traces, None, &mut []);
            panes.push((pane, tables));
        }
        if let Some(closed_to) = &mut state.closed_to {
            let to = EventTime(joint * self.plan.pane.0);
            *closed_to = (*closed_to).max(to.floor(self.tick));
        }
        let since = state.joint.replace(joint);
        let reached = state.gathering.reached();
        Some(Met {
            since,
            joint,
            is_whole: state.gathering.is_whole(joint, &reached),
            reached,
            panes,
        })
    }

    /// Panes that came when their windows were judged already.
    pub fn late_panes(&self) -> u64 {
        self.state.late_panes
    }

    /// Events of which a part was not measured for want of room.
    pub fn shed(&self) -> u64 {
        self.state.shed
    }

    /// Parcels that something is known of.
    pub fn parcels(&self) -> usize {
        self.state.parcels.as_ref().map_or(0, Parcels::len)
    }

    /// What of parcels was forgotten for want of room.
    pub fn parcels_evicted(&self) -> ParcelsEvicted {
        let parcels = self.state.parcels.as_ref();
        parcels.map_or_else(ParcelsEvicted::default, Parcels::evicted)
    }

    /// Bytes of what is known of parcels.
    pub fn state_bytes(&self) -> usize {
        self.state.parcels.as_ref().map_or(0, Parcels::bytes)
    }
}
