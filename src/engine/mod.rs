//! The stages joined: what a source feeds and a sink empties.
//!
//! [`Front`] is stage 1 for all partitions, [`Back`] stages 2 and 3. [`Engine`] runs them in one
//! step, for tests and for whoever wants results at once; [`Pipeline`] runs the back on a thread
//! of its own behind a bounded queue. What they compute is the same. The engine does no I/O and
//! looks at no clock.

mod back;
mod counts;
mod front;
mod memory;
mod pipeline;
pub mod spread;

pub use back::{Back, BackStatus, SeriesStatus, StateError};
pub use counts::Counts;
pub use front::{Front, Step};
pub use memory::{KeepsState, MemoryPlan, MemoryTooSmall};
pub use pipeline::{Pipeline, PipelineError, Queue, StepDone, TestListener};

use crate::alert::{AlertPolicy, AlertSettings};
use crate::detection::Plan;
use crate::domain::{Alert, EventTime};
use crate::limits::QUEUE_MESSAGES;
use crate::observe::{ObserveSettings, Verdict};
use crate::score::ScoreSettings;
use std::sync::Arc;

/// Everything the stages need to know.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The compiled catalogue.
    pub plan: Arc<Plan>,
    /// Stage 1.
    pub observe: ObserveSettings,
    /// Stage 2.
    pub score: ScoreSettings,
    /// Stage 3.
    pub alert: AlertSettings,
    /// Mutes and calendars.
    pub policy: Arc<AlertPolicy>,
    /// How memory is dealt out, where it is bounded.
    pub memory: Option<MemoryPlan>,
}

impl EngineSettings {
    /// How much may be on its way from stage 1 to stage 2.
    pub fn queue(&self) -> Queue {
        Queue {
            steps: QUEUE_MESSAGES,
            bytes: self
                .memory
                .as_ref()
                .map_or(usize::MAX, |memory| memory.queue_bytes),
        }
    }
}

impl EngineSettings {
    /// From now on policy is this.
    pub fn obey(&mut self, swap: &PolicySwap) {
        self.plan = Arc::clone(&swap.plan);
        self.alert = swap.alert;
        self.policy = Arc::clone(&swap.policy);
    }
}

/// What can change while the stages run, without touching a baseline.
#[derive(Clone, Debug)]
pub struct PolicySwap {
    /// The catalogue in force, with other policies and other content of its lists. All that is
    /// measured, and how it is tested, is the same.
    pub plan: Arc<Plan>,
    /// Thresholds.
    pub alert: AlertSettings,
    /// Mutes and calendars.
    pub policy: Arc<AlertPolicy>,
}

/// The stages, run in one step.
pub struct Engine {
    front: Front,
    back: Back,
}

impl Engine {
    /// With no history, reading these partitions.
    pub fn new(settings: &EngineSettings, partitions: impl IntoIterator<Item = i32>) -> Engine {
        let mut engine = Engine {
            front: Front::new(settings),
            back: Back::new(settings),
        };
        for partition in partitions {
            engine.back.take(engine.front.assign(partition));
        }
        engine
    }

    /// Goes on from a state that [`Engine::save`] wrote, reading these partitions, each from
    /// [`Back::resume`].
    ///
    /// # Errors
    /// Where the bytes are not what it wrote.
    pub fn restore(
        settings: &EngineSettings,
        partitions: impl IntoIterator<Item = i32>,
        bytes: &[u8],
    ) -> Result<Engine, StateError> {
        let mut engine = Engine {
            front: Front::new(settings),
            back: Back::restore(settings, bytes)?,
        };
        for partition in partitions {
            if let Some(resume) = engine.back.resume().get(&partition) {
                engine.front.resume(partition, resume.clone());
            }
            engine.back.take(engine.front.assign(partition));
        }
        Ok(engine)
    }

    /// Writes down what it knows of all that is sealed.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        self.back.save(Vec::new())
    }

    /// Takes one message; gives what became of it, and the alert records that are now due.
    pub fn feed(
        &mut self,
        partition: i32,
        offset: i64,
        appended: Option<EventTime>,
        bytes: &[u8],
    ) -> (Verdict, Vec<Alert>) {
        let (verdict, step) = self.front.feed(partition, offset, appended, bytes);
        (
            verdict,
            step.map_or_else(Vec::new, |step| self.back.take(step)),
        )
    }

    /// Goes on with other policy, from the next message on.
    pub fn swap(&mut self, swap: &Arc<PolicySwap>) {
        let step = self.front.swap(swap);
        self.back.take(step);
    }

    /// The input has ended.
    pub fn finish(&mut self) -> Vec<Alert> {
        let steps = self.front.finish();
        steps
            .into_iter()
            .flat_map(|step| self.back.take(step))
            .collect()
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        self.front.counts()
    }

    /// The back, to look at.
    pub fn back(&mut self) -> &mut Back {
        &mut self.back
    }
}

#[cfg(test)]
mod tests;
