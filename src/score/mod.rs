//! Stage 2: sealed panes of all partitions become judged windows.
//!
//! A pure step in two parts. *Sum* (`windows`) merges the panes of all source partitions and
//! closes windows in the order of event time. *Judge* (`baseline`) asks a baseline how likely
//! each entity's value was, then lets it learn. Panes are processed once every partition has
//! sealed them, so what leaves depends on the events alone, not on how partitions interleave.

mod baseline;
mod class;
mod collector;
mod entities;
mod gap;
mod gathering;
mod intake;
mod judge;
mod judges;
mod knowledge;
mod lobby;
mod meet;
mod meeting;
mod newcomers;
mod recalibration;
mod room;
mod shard;
mod windows;

pub use baseline::{
    BaselineKnowledge, CategoryKnowledge, CumulativeKnowledge, FirstSeenKnowledge,
    LocationKnowledge, MixKnowledge, RareKnowledge, RateKnowledge, RatioKnowledge,
    RegularKnowledge, RuleKnowledge, ShiftKnowledge, SumKnowledge,
};
pub use entities::EntityCounts;
pub use knowledge::{EntityKnowledge, GroupKnowledge, Knowledge, Seen, SeriesKnowledge};
pub use meet::{Meet, MeetState, Met};
pub use room::{StateBounds, entity_bytes};
pub use shard::{Judged, Shard, ShardState, deal};

use crate::detection::{Plan, SeriesId};
use crate::domain::{AlertWindow, EntityKey, EventTime, Maturity, Span};
use crate::measure::ValueHasher;
use crate::observe::{Progress, SealedPane, Traces};
use crate::parcel::{Parcels, ParcelsEvicted};
use crate::statistics::PValue;
use gathering::Gathering;
use intake::Door;
use judge::GroupJudge;
use judges::{Bench, Judges};
use lobby::Coming;
use meeting::Meeting;
use room::parcel_bounds;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How baselines learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreSettings {
    /// Half-life of what a baseline remembers.
    pub half_life: Span,
    /// Entities unseen for this long are forgotten.
    pub forget_after: Span,
    /// Event time that passes between a window's end and its evidence being complete.
    pub allowed_lateness: Span,
    /// The deployment's hash key.
    pub hash_key: (u64, u64),
    /// How much may be known; without bounds as much as there is.
    pub memory: Option<StateBounds>,
    /// What is left out; nothing, but in measurements.
    pub ablation: Ablation,
}

/// Parts of the score that are left out to measure what they are worth. No configuration sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ablation {
    /// What moves a whole class at once is not taken into account.
    pub common_mode: bool,
    /// A class that scatters more than usual in a window is not given more room.
    pub class_dispersion: bool,
    /// The newest days are learnt at once.
    pub guard_band: bool,
    /// P-values are what the models say, however often such come.
    pub recalibration: bool,
}

/// Levels at which the calibration of p-values is watched.
pub const CALIBRATION_LEVELS: [f64; 5] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/// An entity whose window was unlikely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The entity.
    pub key: EntityKey,
    /// The number of its class within its group.
    pub class: u8,
    /// The measure's value; for a share, the share.
    pub observed: f64,
    /// What the baseline expected.
    pub expected: f64,
    /// How likely a value at least this far off was.
    pub p: PValue,
    /// Shipment records the entity touched in the window.
    pub records: u64,
    /// How much history the entity has.
    pub maturity: Maturity,
    /// What of the entity decided: the category of a mix; empty where nothing of it did.
    pub part: EntityKey,
    /// For a share, what it is a share of; for a sum, the number of its summands.
    pub trials: Option<u64>,
    /// Those that the entity is made of, the largest first, where the detection asks for them.
    pub members: Vec<EntityKey>,
    /// How many of equal size they would be, by the inverse of Simpson's index (Hill, Ecology
    /// 1973): one of whom nearly all comes counts as one, however many others there are.
    pub members_effective: f64,
}

/// One series, one window: all entities judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The series.
    pub series: SeriesId,
    /// The window.
    pub window: AlertWindow,
    /// When the evidence was complete.
    pub decided: EventTime,
    /// Number of entities tested, per class of the group.
    pub tests: Vec<u64>,
    /// The unlikely ones, by key.
    pub findings: Vec<Finding>,
    /// For each of [`CALIBRATION_LEVELS`], how many randomised p-values lie below it, in
    /// expectation over the randomisation.
    pub below: [f64; CALIBRATION_LEVELS.len()],
}

impl Judgement {
    /// Number of entities tested.
    pub fn all_tests(&self) -> u64 {
        self.tests.iter().sum()
    }

    /// Nobody judged yet.
    fn new(series: SeriesId, window: AlertWindow, decided: EventTime, classes: usize) -> Judgement {
        Judgement {
            series,
            window,
            decided,
            tests: vec![0; classes],
            findings: Vec::new(),
            below: [0.0; CALIBRATION_LEVELS.len()],
        }
    }
}

/// One test, for those who want to see every p-value.
#[derive(Clone, Copy, Debug)]
pub struct TestedEntity<'a> {
    /// The series.
    pub series: SeriesId,
    /// First instant after the window.
    pub end: EventTime,
    /// The entity.
    pub key: &'a EntityKey,
    /// The name of its class; empty where it has none.
    pub class: &'a str,
    /// The measure's value.
    pub observed: f64,
    /// What the baseline expected.
    pub expected: f64,
    /// Conservative p-value and the probability of the value itself.
    pub tail: crate::statistics::Tail,
    /// How much history the entity has.
    pub maturity: Maturity,
}

/// What an entity could do without being found by a test of many windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// The series.
    pub series: SeriesId,
    /// The name of the entity's class; empty where it has none.
    pub class: String,
    /// What is expected of it in those days.
    pub expected: f64,
    /// What it could do beyond that before it is told of, in the mean.
    pub excess: f64,
}

/// Receives every test as it is made.
pub type ScoreObserver<'o> = &'o mut dyn FnMut(TestedEntity<'_>);

/// What stage 2 knows: a function of the steps that it took, and all that a restart needs.
#[derive(Serialize, Deserialize)]
pub struct ScoreState {
    judges: Judges,
    /// What is known of parcels, where the plan asks for it.
    parcels: Option<Parcels>,
    gathering: Gathering<SealedPane>,
    late_panes: u64,
    /// Events of which a part was not measured for want of room.
    shed: u64,
}

impl ScoreState {
    fn new(plan: &Plan, memory: Option<StateBounds>) -> ScoreState {
        let bounds = parcel_bounds(memory);
        ScoreState {
            judges: Judges::new(plan, 0..plan.groups.len()),
            parcels: (plan.parcels.any()).then(|| Parcels::new(&plan.parcels, bounds)),
            gathering: Gathering::default(),
            late_panes: 0,
            shed: 0,
        }
    }
}

/// Stage 2.
pub struct Score {
    plan: Arc<Plan>,
    settings: ScoreSettings,
    meeting: Meeting,
    tick: Span,
    door: Door,
    state: ScoreState,
}

impl Score {
    /// A stage that knows nothing yet.
    pub fn new(plan: Arc<Plan>, settings: ScoreSettings) -> Score {
        let state = ScoreState::new(&plan, settings.memory);
        Score::restore(plan, settings, state)
    }

    /// A stage that goes on where another was that had the same settings and a plan of the same
    /// shape.
    pub fn restore(plan: Arc<Plan>, settings: ScoreSettings, mut state: ScoreState) -> Score {
        // Who reads which partition is for whoever goes on to say.
        state.gathering.leave_all();
        if let Some(parcels) = &mut state.parcels {
            parcels.obey(parcel_bounds(settings.memory));
        }
        let hasher = ValueHasher::new(settings.hash_key);
        Score {
            meeting: Meeting::new(hasher),
            tick: judges::tick(&plan),
            door: Door::new(&plan, &Vec::from_iter(0..plan.groups.len()), hasher),
            plan,
            settings,
            state,
        }
    }

    /// What it knows.
    pub fn state(&self) -> &ScoreState {
        &self.state
    }

    /// Goes on with a plan that differs from the one before in its policies and in the content of
    /// its lists at the most: every group, series and test is the same, so every baseline stays.
    pub fn swap(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
    }

    /// A source partition joins: from now on panes wait for it. One that comes back has sealed
    /// every pane before `sealed_before`, and need not speak before others go on.
    pub fn assign(&mut self, partition: i32, sealed_before: Option<i64>) {
        self.state.gathering.join(partition, sealed_before);
    }

    /// A source partition leaves: panes no longer wait for it.
    pub fn revoke(&mut self, partition: i32) {
        self.state.gathering.leave(partition);
    }

    /// Takes what a partition has sealed, and judges every window that is complete by now.
    pub fn step(&mut self, partition: i32, progress: Progress) -> Vec<Judgement> {
        self.step_observed(partition, progress, None)
    }

    /// As [`Score::step`], showing every test.
    pub fn step_observed(
        &mut self,
        partition: i32,
        progress: Progress,
        mut observer: Option<ScoreObserver<'_>>,
    ) -> Vec<Judgement> {
        let gathering = &mut self.state.gathering;
        let parts = progress.panes.into_iter().map(|pane| (pane.pane, pane));
        gathering.arrive(partition, progress.sealed_before, parts);
        let mut judgements = Vec::new();
        let Some(joint) = gathering.joint() else {
            return judgements;
        };
        let ready = gathering.take_before(joint, |_| i64::MAX);
        let plan = Arc::clone(&self.plan);
        let settings = self.settings;
        let bench = Bench {
            plan: &plan,
            settings: &settings,
            tick: self.tick,
        };
        for (pane, mut parts) in ready {
            let begins = EventTime(pane * plan.pane.0);
            // A partition that comes from another process begins in the past. Its old panes belong
            // to windows that are judged already, and must not swell the one that is open.
            if self.state.judges.is_late(begins) {
                self.state.late_panes += parts.len() as u64;
                continue;
            }
            let judges = &mut self.state.judges;
            judges.begin(begins, &bench, &mut observer, &mut judgements);
            self.trim(&mut parts);
            self.take_in(&parts, begins);
        }
        let to = EventTime(joint * plan.pane.0);
        let judges = &mut self.state.judges;
        judges.close_up_to(to, &bench, &mut observer, &mut judgements);
        judgements
    }

    fn trim(&mut self, parts: &mut [SealedPane]) {
        if let Some(bounds) = &self.settings.memory {
            let mut traces: Vec<_> = parts.iter_mut().map(|part| &mut part.traces).collect();
            self.state.shed += intake::trim(&mut traces, bounds.traces_of_pane);
        }
    }

    /// Adds a pane to the open windows.
    fn take_in(&mut self, parts: &[SealedPane], begins: EventTime) {
        let end = begins + self.plan.pane;
        let ScoreState {
            judges, parcels, ..
        } = &mut self.state;
        let bounds = self.settings.memory.as_ref();
        let mut coming = Coming {
            tables: parts.iter().map(|part| &part.tables[..]).collect(),
            traces: parts.iter().map(|part| &part.traces.traces).collect(),
        };
        let lobby = judges.lobby(&self.plan, &self.door);
        let mut refusal = judges.refuse(&lobby, &coming, bounds);
        let is_deferred = |traces: &&Traces| traces.all().any(|trace| trace.is_deferred);
        let meets = parcels.is_some() || coming.traces.iter().any(is_deferred);
        let met = meets.then(|| {
            let (shut, pooled) = match &mut refusal {
                Some(refusal) => (Some((&lobby, refusal.gate)), &mut refusal.pooled[..]),
                None => (None, &mut [][..]),
            };
            let parcels = parcels.as_mut();
            self.meeting
                .step(&self.plan, parcels, end, &coming.traces, shut, pooled)
        });
        coming.tables.extend(met.as_deref());
        judges.take_in(&coming.tables, begins, &self.door, bounds, refusal);
    }

    /// Windows that end up to then are judged; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.state.judges.closed_to()
    }

    /// Panes that came when their windows were judged already.
    pub fn late_panes(&self) -> u64 {
        self.state.late_panes
    }

    /// Panes waiting for slower partitions.
    pub fn pending_panes(&self) -> usize {
        self.state.gathering.panes()
    }

    /// What became of entities so far, per group of the plan.
    pub fn entities(&self) -> impl Iterator<Item = EntityCounts> {
        self.state.judges.groups().iter().map(GroupJudge::counts)
    }

    /// Events of which a part was not measured for want of room.
    pub fn shed(&self) -> u64 {
        self.state.shed
    }

    /// What every entity with a mature baseline could do beyond what is expected of it, evenly over
    /// so many days, before a cumulative test tells of it at the p-value that `threshold` gives
    /// for a series, a class, and the number of tests per class: the bound of what stays unseen.
    pub fn unseen(
        &self,
        days: f64,
        threshold: &dyn Fn(SeriesId, u8, &[u64]) -> PValue,
    ) -> Vec<Unseen> {
        let mut bounds = Vec::new();
        for group in self.state.judges.groups() {
            group.unseen(days, &self.plan, threshold, &mut bounds);
        }
        bounds
    }

    /// What its baselines know, to look at.
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            judges: &self.state.judges,
            plan: &self.plan,
        }
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

    /// Bytes of baselines, open windows and what is known of parcels.
    pub fn state_bytes(&self) -> usize {
        self.state.judges.bytes() + self.state.parcels.as_ref().map_or(0, Parcels::bytes)
    }
}

#[cfg(test)]
mod tests;
