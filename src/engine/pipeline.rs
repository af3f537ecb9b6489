//! The back on a thread of its own, behind a bounded queue.

use super::{Back, Step};
use crate::score::TestedEntity;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use thiserror::Error;

/// The back thread has died.
#[derive(Debug, Error)]
#[error("the judging thread has stopped{}", .0.as_deref().map(|said| format!(": {said}")).unwrap_or_default())]
pub struct PipelineError(Option<String>);

/// Is shown every test, on the thread of the back.
pub type TestListener = Box<dyn FnMut(TestedEntity<'_>) + Send>;

/// A running back.
pub struct Pipeline {
    steps: Option<SyncSender<Step>>,
    thread: Option<JoinHandle<Back>>,
}

impl Pipeline {
    /// Starts the back; `after_step` is called on its thread with each step's records, and by
    /// being slow slows down the whole.
    pub fn start(
        back: Back,
        queue: usize,
        after_step: impl FnMut(&Back, StepDone) + Send + 'static,
    ) -> std::io::Result<Pipeline> {
        Pipeline::start_observed(back, queue, None, after_step)
    }

    /// As [`Pipeline::start`], showing every test.
    pub fn start_observed(
        back: Back,
        queue: usize,
        tests: Option<TestListener>,
        after_step: impl FnMut(&Back, StepDone) + Send + 'static,
    ) -> std::io::Result<Pipeline> {
        let (sender, receiver) = sync_channel(queue);
        let thread = std::thread::Builder::new()
            .name(String::from("vigie-judge"))
            .spawn(move || run(back, &receiver, tests, after_step))?;
        Ok(Pipeline {
            steps: Some(sender),
            thread: Some(thread),
        })
    }

    /// Hands a step over, waiting while the queue is full.
    ///
    /// # Errors
    /// Where the back thread has died.
    pub fn send(&mut self, step: Step) -> Result<(), PipelineError> {
        let sent = self
            .steps
            .as_ref()
            .is_some_and(|steps| steps.send(step).is_ok());
        if sent { Ok(()) } else { Err(self.said()) }
    }

    /// Hands a step over if there is room; gives it back if not.
    ///
    /// # Errors
    /// Where the back thread has died.
    pub fn try_send(&mut self, step: Step) -> Result<Option<Step>, PipelineError> {
        match self.steps.as_ref().map(|steps| steps.try_send(step)) {
            Some(Ok(())) => Ok(None),
            Some(Err(TrySendError::Full(step))) => Ok(Some(step)),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(self.said()),
        }
    }

    /// No more steps will come: waits until all are taken, and gives the back.
    ///
    /// # Errors
    /// Where the back thread has died.
    pub fn finish(mut self) -> Result<Back, PipelineError> {
        self.steps = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(back)) => Ok(back),
            Some(Err(panic)) => Err(PipelineError(words_of(&*panic))),
            None => Err(PipelineError(None)),
        }
    }

    fn said(&mut self) -> PipelineError {
        self.steps = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => PipelineError(words_of(&*panic)),
            Some(Ok(_)) | None => PipelineError(None),
        }
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> Option<String> {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

/// What one step led to.
#[derive(Debug)]
pub struct StepDone {
    /// Records to write, in order.
    pub alerts: Vec<crate::domain::Alert>,
    /// The partition of which panes were taken, and the offset from which reading again would
    /// give the panes that are still open.
    pub resume: Option<(i32, i64)>,
}

fn run(
    mut back: Back,
    steps: &Receiver<Step>,
    mut tests: Option<TestListener>,
    mut after_step: impl FnMut(&Back, StepDone),
) -> Back {
    for step in steps {
        let resume = match &step {
            Step::Progress(partition, progress) => Some((*partition, progress.resume.offset)),
            Step::Assign { .. } | Step::Revoke(_) | Step::Idle(_) | Step::Swap(_) => None,
        };
        let alerts = match &mut tests {
            Some(listener) => back.take_observed(step, Some(&mut **listener)),
            None => back.take(step),
        };
        after_step(&back, StepDone { alerts, resume });
    }
    back
}
