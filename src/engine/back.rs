//! Stages 2 and 3.

use super::{EngineSettings, Step};
use crate::alert::{AlertState, Alerting, Muted, OpenEpisode};
use crate::detection::Plan;
use crate::domain::{Alert, EventTime};
use crate::observe::Resume;
use crate::parcel::ParcelsEvicted;
use crate::score::{
    CALIBRATION_LEVELS, EntityCounts, Judgement, Knowledge, Score, ScoreObserver, ScoreState,
    Unseen,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use thiserror::Error;

/// What a series has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesStatus {
    /// Tests made.
    pub tests: u64,
    /// Randomised p-values below each of the calibration levels, in expectation.
    pub below: [f64; CALIBRATION_LEVELS.len()],
}

impl SeriesStatus {
    /// Takes what was judged of one window.
    pub(super) fn note(&mut self, judgement: &Judgement) {
        self.tests += judgement.all_tests();
        let below = self.below.iter_mut().zip(judgement.below);
        below.for_each(|(sum, below)| *sum += below);
    }

    /// Takes what another has done.
    pub(super) fn add(&mut self, other: &SeriesStatus) {
        self.tests += other.tests;
        let below = self.below.iter_mut().zip(other.below);
        below.for_each(|(sum, below)| *sum += below);
    }
}

/// State cannot be written down, or is not what was.
#[derive(Debug, Error)]
pub enum StateError {
    /// It cannot be written, or does not read back.
    #[error("the state cannot be written or read")]
    Code(#[from] postcard::Error),
    /// Something follows it.
    #[error("{0} bytes follow the state")]
    TooLong(usize),
}

impl StateError {
    /// What was written down, if these bytes are that and nothing else.
    pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StateError> {
        let (state, rest) = postcard::take_from_bytes(bytes)?;
        match rest.len() {
            0 => Ok(state),
            more => Err(StateError::TooLong(more)),
        }
    }
}

/// What the back can tell of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackStatus {
    /// Per detection of the plan, over all its windows.
    pub detections: Vec<SeriesStatus>,
    /// Alerts of open episodes, strongest first.
    pub active: Vec<Alert>,
    /// What was muted, by reason.
    pub muted: BTreeMap<Muted, u64>,
    /// What became of entities, per group of the plan.
    pub entities: Vec<EntityCounts>,
    /// Events of which a part was not measured for want of room.
    pub shed: u64,
    /// Panes that came when their windows were judged already.
    pub late_panes: u64,
    /// What of parcels was forgotten for want of room.
    pub parcels_evicted: ParcelsEvicted,
    /// Bytes of baselines, open windows and what is known of parcels.
    pub state_bytes: usize,
}

/// Scoring and alerting.
pub struct Back {
    plan: Arc<Plan>,
    score: Score,
    alerting: Alerting,
    detections: Vec<SeriesStatus>,
    /// Where the reading of each partition goes on, so that what is not here yet comes.
    resume: BTreeMap<i32, Resume>,
}

/// All that the back knows, on its way out.
#[derive(Serialize)]
struct Saving<'b> {
    score: &'b ScoreState,
    alerts: &'b AlertState,
    detections: &'b [SeriesStatus],
    resume: &'b BTreeMap<i32, Resume>,
}

/// The same, on its way in.
#[derive(Deserialize)]
struct Saved {
    score: ScoreState,
    alerts: AlertState,
    detections: Vec<SeriesStatus>,
    resume: BTreeMap<i32, Resume>,
}

/// Stage 3 without open episodes.
pub(super) fn alerting(settings: &EngineSettings) -> Alerting {
    let plan = Arc::clone(&settings.plan);
    let mut alerting = Alerting::new(Arc::clone(&plan), settings.alert);
    alerting.swap(plan, settings.alert, Arc::clone(&settings.policy));
    alerting
}

/// Alerts of open episodes, strongest first.
pub(super) fn strongest_first(alerting: &Alerting) -> Vec<Alert> {
    let mut active: Vec<Alert> = alerting.active().cloned().collect();
    active.sort_by(|one, other| {
        one.false_alarms_per_day
            .total_cmp(&other.false_alarms_per_day)
            .then_with(|| one.id.cmp(&other.id))
    });
    active
}

impl Back {
    /// Without history.
    pub fn new(settings: &EngineSettings) -> Back {
        Back {
            score: Score::new(Arc::clone(&settings.plan), settings.score),
            alerting: alerting(settings),
            detections: vec![SeriesStatus::default(); settings.plan.detections.len()],
            resume: BTreeMap::new(),
            plan: Arc::clone(&settings.plan),
        }
    }

    /// Writes down all that it knows, so that [`Back::restore`] goes on from here.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save<W: Write>(&self, to: W) -> Result<W, StateError> {
        let saving = Saving {
            score: self.score.state(),
            alerts: self.alerting.state(),
            detections: &self.detections,
            resume: &self.resume,
        };
        Ok(postcard::to_io(&saving, to)?)
    }

    /// Goes on from what another wrote down whose plan had the same shape, whose hashes had the same
    /// key, and whose policy may have been another; each partition is to be read on from
    /// [`Back::resume`].
    ///
    /// # Errors
    /// Where the bytes are not what [`Back::save`] wrote.
    pub fn restore(settings: &EngineSettings, bytes: &[u8]) -> Result<Back, StateError> {
        let saved: Saved = StateError::read(bytes)?;
        let mut back = Back::new(settings);
        back.score = Score::restore(Arc::clone(&settings.plan), settings.score, saved.score);
        back.alerting.restore(saved.alerts);
        back.detections = saved.detections;
        back.resume = saved.resume;
        Ok(back)
    }

    /// Windows that end up to then are judged; `None` before the first pane.
    pub fn closed_to(&self) -> Option<EventTime> {
        self.score.closed_to()
    }

    /// Where the reading of each partition goes on.
    pub fn resume(&self) -> &BTreeMap<i32, Resume> {
        &self.resume
    }

    /// Takes a step of the front; gives the alert records that are now due.
    pub fn take(&mut self, step: Step) -> Vec<Alert> {
        self.take_observed(step, None)
    }

    /// As [`Back::take`], showing every test.
    pub fn take_observed(&mut self, step: Step, observer: Option<ScoreObserver<'_>>) -> Vec<Alert> {
        let judgements = self.judge(step, observer);
        self.alert(&judgements)
    }

    /// What every entity with a mature baseline could do unseen in so many days, at the budget.
    pub fn unseen(&self, days: f64) -> Vec<Unseen> {
        let threshold =
            |series, class, tests: &[u64]| self.alerting.threshold(series, class, tests);
        self.score.unseen(days, &threshold)
    }

    /// The first half of [`Back::take`]: the windows that are now judged. Whoever wants to hold
    /// another alerting against the same judgements shows it them too.
    pub fn judge(&mut self, step: Step, observer: Option<ScoreObserver<'_>>) -> Vec<Judgement> {
        let judgements = match step {
            Step::Assign {
                partition,
                sealed_before,
            } => {
                self.score.assign(partition, sealed_before);
                Vec::new()
            }
            Step::Revoke(partition) => {
                self.score.revoke(partition);
                Vec::new()
            }
            // Whoever reads all partitions has told it where to go.
            Step::Idle(_) => Vec::new(),
            Step::Progress(partition, progress) => {
                self.resume.insert(partition, (*progress.resume).clone());
                self.score.step_observed(partition, progress, observer)
            }
            Step::Swap(swap) => {
                self.plan = Arc::clone(&swap.plan);
                self.score.swap(Arc::clone(&swap.plan));
                self.alerting
                    .swap(Arc::clone(&swap.plan), swap.alert, Arc::clone(&swap.policy));
                Vec::new()
            }
        };
        for judgement in &judgements {
            self.detections[self.plan.series[judgement.series].detection].note(judgement);
        }
        judgements
    }

    /// The second half of [`Back::take`]: the alert records that judged windows lead to.
    pub fn alert(&mut self, judgements: &[Judgement]) -> Vec<Alert> {
        self.alerting.step(judgements)
    }

    /// What its baselines know, to look at.
    pub fn knowledge(&self) -> Knowledge<'_> {
        self.score.knowledge()
    }

    /// The open episodes.
    pub fn open_episodes(&self) -> impl Iterator<Item = OpenEpisode<'_>> {
        self.alerting.open_episodes()
    }

    /// Parcels that something is known of.
    pub fn parcels(&self) -> usize {
        self.score.parcels()
    }

    /// What the back can tell of itself.
    pub fn status(&self) -> BackStatus {
        BackStatus {
            detections: self.detections.clone(),
            active: strongest_first(&self.alerting),
            muted: self.alerting.muted().clone(),
            entities: self.score.entities().collect(),
            shed: self.score.shed(),
            late_panes: self.score.late_panes(),
            parcels_evicted: self.score.parcels_evicted(),
            state_bytes: self.score.state_bytes(),
        }
    }
}
