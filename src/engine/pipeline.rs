//! The back on a thread of its own, behind a queue that is bounded in steps and in bytes.

use super::{Back, Step};
use crate::score::TestedEntity;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;

/// The back thread has died.
#[derive(Debug, Error)]
#[error("the judging thread has stopped{}", .0.as_deref().map(|said| format!(": {said}")).unwrap_or_default())]
pub struct PipelineError(Option<String>);

/// Is shown every test, on the thread of the back.
pub type TestListener = Box<dyn FnMut(TestedEntity<'_>) + Send>;

/// How much may be on its way to the back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Steps.
    pub steps: usize,
    /// Bytes of what they carry. A step that is larger goes alone.
    pub bytes: usize,
}

/// Whoever waits for room looks so often whether the back is still there.
const LOOK: Duration = Duration::from_millis(100);

/// Bytes on their way.
#[derive(Default)]
struct OnTheWay {
    bytes: Mutex<usize>,
    less: Condvar,
}

impl OnTheWay {
    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, bytes: usize) {
        *self.bytes() -= bytes;
        self.less.notify_one();
    }
}

/// A running back.
pub struct Pipeline {
    steps: Option<SyncSender<(Step, usize)>>,
    thread: Option<JoinHandle<Back>>,
    bytes_max: usize,
    on_the_way: Arc<OnTheWay>,
}

impl Pipeline {
    /// Starts the back; `after_step` is called on its thread with each step's records, and by
    /// being slow slows down the whole.
    pub fn start(
        back: Back,
        queue: Queue,
        after_step: impl FnMut(&Back, StepDone) + Send + 'static,
    ) -> std::io::Result<Pipeline> {
        Pipeline::start_observed(back, queue, None, after_step)
    }

    /// As [`Pipeline::start`], showing every test.
    pub fn start_observed(
        back: Back,
        queue: Queue,
        tests: Option<TestListener>,
        after_step: impl FnMut(&Back, StepDone) + Send + 'static,
    ) -> std::io::Result<Pipeline> {
        let (sender, receiver) = sync_channel(queue.steps);
        let on_the_way = Arc::new(OnTheWay::default());
        let arriving = Arc::clone(&on_the_way);
        let thread = std::thread::Builder::new()
            .name(String::from("vigie-judge"))
            .spawn(move || run(back, &receiver, &arriving, tests, after_step))?;
        Ok(Pipeline {
            steps: Some(sender),
            thread: Some(thread),
            bytes_max: queue.bytes,
            on_the_way,
        })
    }

    /// Hands a step over, waiting while the queue is full.
    ///
    /// # Errors
    /// Where the back thread has died.
    pub fn send(&mut self, step: Step) -> Result<(), PipelineError> {
        let bytes = step.bytes();
        self.wait_for_room(bytes);
        let sent = self
            .steps
            .as_ref()
            .is_some_and(|steps| steps.send((step, bytes)).is_ok());
        if sent { Ok(()) } else { Err(self.said()) }
    }

    /// Waits until so many bytes more may be on their way, and counts them in.
    fn wait_for_room(&self, bytes: usize) {
        let mut on_the_way = self.on_the_way.bytes();
        let is_dead = || self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        while *on_the_way > 0 && on_the_way.saturating_add(bytes) > self.bytes_max && !is_dead() {
            let woken = self.on_the_way.less.wait_timeout(on_the_way, LOOK);
            on_the_way = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        *on_the_way += bytes;
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
    steps: &Receiver<(Step, usize)>,
    on_the_way: &OnTheWay,
    mut tests: Option<TestListener>,
    mut after_step: impl FnMut(&Back, StepDone),
) -> Back {
    for (step, bytes) in steps {
        let resume = match &step {
            Step::Progress(partition, progress) => Some((*partition, progress.resume.offset)),
            Step::Assign { .. } | Step::Revoke(_) | Step::Idle(_) | Step::Swap(_) => None,
        };
        let alerts = match &mut tests {
            Some(listener) => back.take_observed(step, Some(&mut **listener)),
            None => back.take(step),
        };
        on_the_way.arrived(bytes);
        after_step(&back, StepDone { alerts, resume });
    }
    back
}
