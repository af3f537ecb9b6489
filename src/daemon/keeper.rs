//! Snapshots while the daemon runs.
//!
//! One is taken between two steps, where no alert record is on its way any more: what it knows to be
//! told has been, and lies before the positions of the outputs that it carries. The judging thread
//! writes the state down; compressing, writing and syncing happen on a thread beside it. Offsets are
//! stored once the snapshot that holds their work is durable, and never before.

use super::recover::{Place, Recovered};
use super::{DaemonError, epoch_time};
use crate::config::{AlertOutput, Config};
use crate::domain::EventTime;
use crate::engine::{Back, StateError};
use crate::sink::{AlertSinks, OutputPosition, SharedStatus, error_chain};
use crate::snapshot::{Header, Outputs, Snapshot};
use crate::source::OffsetStore;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Takes snapshots.
pub(super) struct Keeper {
    place: Mutex<Place>,
    began: EventTime,
    shape: Vec<String>,
    output: AlertOutput,
    offsets: OffsetStore,
    status: SharedStatus,
    /// A snapshot is on its way to the disk.
    is_busy: AtomicBool,
    /// How far the outputs had come when everything was told, on leaving. `None` before that, and where
    /// alert records were lost: what knows them to be told must not be kept.
    left: Mutex<Option<Outputs>>,
}

/// A snapshot, and the offsets whose work it holds.
type Taken = (Snapshot, BTreeMap<i32, i64>);

impl Keeper {
    /// Of this place, which goes on as it was recovered.
    pub(super) fn new(
        config: &Config,
        place: Place,
        recovered: &Recovered,
        offsets: OffsetStore,
        status: SharedStatus,
    ) -> Keeper {
        Keeper {
            place: Mutex::new(place),
            began: recovered.began,
            shape: config.shape(),
            output: config.output.clone(),
            offsets,
            status,
            is_busy: AtomicBool::new(false),
            left: Mutex::new(None),
        }
    }

    /// Stores what it knows before anything is read: at the first start, nothing. So whatever comes
    /// after goes on from the same beginning, and has a position of each output to read back from.
    ///
    /// # Errors
    /// Where it cannot be stored.
    pub(super) fn keep_first(
        &self,
        back: &Back,
        sinks: &mut AlertSinks,
    ) -> Result<(), DaemonError> {
        let positions = sinks.positions(back.closed_to())?;
        let (snapshot, _) = self.take(back, outputs(&self.output, positions))?;
        self.place().directory.store(&snapshot)?;
        self.stored();
        Ok(())
    }

    /// Takes a snapshot, and stores it on a thread of its own; where the one before it is still on
    /// its way, nothing. To be called while the sinks are settled.
    pub(super) fn keep(self: &Arc<Self>, back: &Back, sinks: &mut AlertSinks) {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let taken = self
            .positions(sinks, back.closed_to())
            .and_then(|outputs| self.taken(back, outputs));
        let Some((snapshot, offsets)) = taken else {
            self.is_busy.store(false, Ordering::Release);
            return;
        };
        let keeper = Arc::clone(self);
        let thread = std::thread::Builder::new().name(String::from("vigie-keep"));
        let spawned = thread.spawn(move || {
            keeper.store(&snapshot, &offsets);
            keeper.is_busy.store(false, Ordering::Release);
        });
        if let Err(error) = spawned {
            self.failed(&error);
            self.is_busy.store(false, Ordering::Release);
        }
    }

    /// No alert record will come any more after those that were decided up to `told_to`: whether all were
    /// told, and where the outputs end.
    pub(super) fn leave(&self, sinks: &mut AlertSinks, told_to: Option<EventTime>) {
        let outputs = match sinks.is_settled() {
            true => self.positions(sinks, told_to),
            false => None,
        };
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = outputs;
    }

    /// Takes the last snapshot and waits until it is stored; none where alert records were lost.
    pub(super) fn keep_last(&self, back: &Back) {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = left.clone();
        if let Some((snapshot, offsets)) = left.and_then(|outputs| self.taken(back, outputs)) {
            self.store(&snapshot, &offsets);
        }
    }

    fn positions(&self, sinks: &mut AlertSinks, told_to: Option<EventTime>) -> Option<Outputs> {
        let positions = sinks.positions(told_to);
        let positions = positions.map_err(|error| self.failed(&error)).ok()?;
        Some(outputs(&self.output, positions))
    }

    fn taken(&self, back: &Back, outputs: Outputs) -> Option<Taken> {
        let taken = self.take(back, outputs);
        taken.map_err(|error| self.failed(&error)).ok()
    }

    fn take(&self, back: &Back, outputs: Outputs) -> Result<Taken, StateError> {
        let state = back.save(Vec::new())?;
        let offsets = back.resume().iter();
        let header = Header {
            began: self.began,
            closed_to: back.closed_to(),
            partitions: self.offsets.places(),
            outputs,
            shape: self.shape.clone(),
        };
        Ok((
            Snapshot { header, state },
            offsets.map(|(number, at)| (*number, at.offset)).collect(),
        ))
    }

    fn store(&self, snapshot: &Snapshot, offsets: &BTreeMap<i32, i64>) {
        match self.place().directory.store(snapshot) {
            Ok(()) => {
                for (partition, offset) in offsets {
                    self.offsets.store(*partition, *offset);
                }
                self.stored();
            }
            Err(error) => self.failed(&error),
        }
    }

    fn stored(&self) {
        self.status.lock().kept_seconds = epoch_time().0 as f64 / 1e3;
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.status.lock().keep_failures += 1;
        tracing::error!(
            "no snapshot was kept, detection goes on: {}",
            error_chain(error)
        );
    }
}

/// How far the outputs have come.
pub(super) fn outputs(output: &AlertOutput, positions: Vec<OutputPosition>) -> Outputs {
    let mut outputs = Outputs::default();
    for position in positions {
        match position {
            OutputPosition::Topic(ends) => {
                outputs.topic = output.topic.clone().map(|topic| (topic, ends));
            }
            OutputPosition::File(length) => {
                outputs.file = output.file.clone().map(|file| (file, length));
            }
        }
    }
    outputs
}
