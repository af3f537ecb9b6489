//! Keeping the state: what a start goes on from, and snapshots while the daemon runs.
//!
//! A snapshot is taken between two steps, where no alert record is on its way any more: what it
//! knows to be told has been. The judging thread writes the state down; compressing, writing and
//! syncing happen on a thread beside it. Offsets are stored once the snapshot that holds their work
//! is durable, and never before.

use super::{DaemonError, epoch_time};
use crate::config::Config;
use crate::engine::{Back, EngineSettings};
use crate::sink::SharedStatus;
use crate::snapshot::{Directory, Files, Header, Recovery, Snapshot, SnapshotError};
use crate::source::OffsetStore;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a start goes on from.
pub(super) struct Recovered {
    pub(super) back: Back,
    /// Topic and partition of each source partition that was known, by number.
    pub(super) partitions: Vec<(String, i32)>,
}

/// Reads what there is, and goes on from it as [`Recovery`] decides.
///
/// # Errors
/// Where the directory cannot be read, or somebody has to decide what is to become of what is there.
pub(super) fn recover(
    config: &Config,
    settings: &EngineSettings,
) -> Result<Recovered, DaemonError> {
    let fresh = || Recovered {
        back: Back::new(settings),
        partitions: Vec::new(),
    };
    let Some(path) = &config.state.directory else {
        return Ok(fresh());
    };
    let mut found = open(path)?.find()?;
    let at = match Recovery::decide(&found, &config.shape()) {
        Recovery::Fresh => {
            tracing::info!(directory = %path.display(), "no snapshot yet; beginning without history");
            return Ok(fresh());
        }
        Recovery::Restore { newest } => newest,
        Recovery::RestoreOlder { older, why } => {
            tracing::warn!("going on from an older snapshot: {why}");
            older
        }
        Recovery::Refuse(why) => return Err(DaemonError::State(why)),
    };
    let file = found.swap_remove(at);
    let refused = |why: &dyn std::fmt::Display| {
        let name = &file.name;
        DaemonError::State(format!(
            "{name}: {why}; move it away to begin without history"
        ))
    };
    let snapshot = file.content.as_ref().map_err(|damage| refused(damage))?;
    let back = Back::restore(settings, &snapshot.state).map_err(|error| refused(&error))?;
    tracing::info!(
        snapshot = file.name,
        closed_to = %snapshot.header.closed_to,
        "going on from a snapshot"
    );
    Ok(Recovered {
        back,
        partitions: snapshot.header.partitions.clone(),
    })
}

fn open(path: &Path) -> Result<Directory, SnapshotError> {
    Directory::create(path.to_path_buf(), Files)
}

/// Takes snapshots.
pub(super) struct Keeper {
    directory: Mutex<Directory>,
    shape: Vec<String>,
    offsets: OffsetStore,
    status: SharedStatus,
    /// A snapshot is on its way to the disk.
    is_busy: AtomicBool,
    /// Alert records were lost on leaving: what knows them to be told must not be kept.
    is_spoilt: AtomicBool,
}

impl Keeper {
    /// `None` where the configuration names no directory.
    pub(super) fn new(
        config: &Config,
        offsets: OffsetStore,
        status: SharedStatus,
    ) -> Result<Option<Arc<Keeper>>, DaemonError> {
        let Some(path) = &config.state.directory else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Keeper {
            directory: Mutex::new(open(path)?),
            shape: config.shape(),
            offsets,
            status,
            is_busy: AtomicBool::new(false),
            is_spoilt: AtomicBool::new(false),
        })))
    }

    /// Takes a snapshot, and stores it on a thread of its own; where the one before it is still on
    /// its way, nothing.
    pub(super) fn keep(self: &Arc<Self>, back: &Back) {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some((snapshot, offsets)) = self.take(back) else {
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

    /// Takes the last snapshot and waits until it is stored.
    pub(super) fn keep_last(&self, back: &Back) {
        if !self.is_spoilt.load(Ordering::Acquire)
            && let Some((snapshot, offsets)) = self.take(back)
        {
            self.store(&snapshot, &offsets);
        }
    }

    /// No snapshot from now on.
    pub(super) fn spoil(&self) {
        self.is_spoilt.store(true, Ordering::Release);
    }

    fn take(&self, back: &Back) -> Option<(Snapshot, BTreeMap<i32, i64>)> {
        let closed_to = back.closed_to()?;
        let state = back
            .save(Vec::new())
            .map_err(|error| self.failed(&error))
            .ok()?;
        let offsets = back.resume().iter();
        let header = Header {
            closed_to,
            partitions: self.offsets.places(),
            shape: self.shape.clone(),
        };
        Some((
            Snapshot { header, state },
            offsets.map(|(number, at)| (*number, at.offset)).collect(),
        ))
    }

    fn store(&self, snapshot: &Snapshot, offsets: &BTreeMap<i32, i64>) {
        let mut directory = self
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match directory.store(snapshot) {
            Ok(()) => {
                for (partition, offset) in offsets {
                    self.offsets.store(*partition, *offset);
                }
                self.status.lock().kept_seconds = epoch_time().0 as f64 / 1e3;
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &dyn std::error::Error) {
        self.status.lock().keep_failures += 1;
        let source = error.source().map(|source| format!(": {source}"));
        tracing::error!(
            "no snapshot was kept, detection goes on: {error}{}",
            source.unwrap_or_default()
        );
    }
}
