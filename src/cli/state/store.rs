//! Where states are kept: a directory of snapshots, or the changelog of a cluster.

use super::super::{ConfigFile, Failure};
use crate::cluster;
use crate::config::Config;
use crate::domain::EventTime;
use crate::engine::spread::Place;
use crate::snapshot::{Directory, Files, Found};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which states to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Origin {
    #[command(flatten)]
    file: ConfigFile,
    /// Directory of snapshots, instead of the one that the configuration names.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

impl Origin {
    /// # Errors
    /// Where the configuration has mistakes, or there is no such place.
    pub(super) fn open(&self) -> Result<Store, Failure> {
        let config = self.file.load()?;
        let named = self.directory.as_ref();
        let directory = match named.or(config.state.directory.as_ref()) {
            _ if named.is_none() && config.cluster.enabled => None,
            Some(directory) => Some(directory.clone()),
            None => {
                return Err(Failure::Usage(String::from(
                    "the configuration keeps no state: it names no state.directory and no cluster; \
                     name one with --directory",
                )));
            }
        };
        if let Some(directory) = directory.as_ref().filter(|directory| !directory.is_dir()) {
            let path = directory.display();
            return Err(Failure::Running(
                format!("state.directory {path}: there is no such directory").into(),
            ));
        }
        Ok(Store { config, directory })
    }
}

/// A state as it is kept.
pub(super) struct Kept {
    /// The node of a cluster that it is of.
    pub(super) place: Option<Place>,
    pub(super) found: Found,
    /// Length of its file.
    pub(super) bytes: u64,
    pub(super) written: Option<EventTime>,
    /// Offset in the node's log from which it goes on.
    pub(super) next: Option<i64>,
}

/// Where states are kept, and what they are read by.
pub(super) struct Store {
    pub(super) config: Config,
    /// `None` where it is a cluster's changelog.
    directory: Option<PathBuf>,
}

impl Store {
    /// What has states of its own here: the nodes of a cluster; `None` is all stages in one.
    pub(super) fn places(&self) -> Vec<Option<Place>> {
        match self.directory {
            Some(_) => vec![None],
            None => {
                let shards = self.config.cluster.shards as usize;
                Place::all(shards).map(Some).collect()
            }
        }
    }

    /// The states of one of them, newest first, until `make` breaks off; what it breaks off with counts.
    ///
    /// # Errors
    /// Where they cannot be read. That one is damaged is no error.
    pub(super) fn survey<T>(
        &self,
        place: Option<Place>,
        mut make: impl FnMut(Kept) -> ControlFlow<T, T>,
    ) -> Result<Vec<T>, Failure> {
        let Some(place) = place else {
            let path = self.directory.clone().unwrap_or_default();
            let made = Directory::new(path, Files).survey(|seen| {
                make(Kept {
                    place: None,
                    found: seen.found,
                    bytes: seen.bytes,
                    written: event_time(seen.written),
                    next: None,
                })
            });
            return made.map_err(Failure::running);
        };
        let mut made = Vec::new();
        for packed in cluster::survey(&self.config, place).map_err(Failure::running)? {
            let kept = packed.open();
            let one = make(Kept {
                place: Some(place),
                found: kept.found,
                bytes: kept.bytes,
                written: kept.written,
                next: Some(kept.next),
            });
            match one {
                ControlFlow::Continue(one) => made.push(one),
                ControlFlow::Break(last) => {
                    made.push(last);
                    break;
                }
            }
        }
        Ok(made)
    }

    /// There is none at all.
    pub(super) fn is_empty(&self) -> Failure {
        let place = match &self.directory {
            Some(directory) => format!("state.directory {}", directory.display()),
            None => format!(
                "the changelog of cluster.topic_prefix {}",
                self.config.cluster.topic_prefix
            ),
        };
        Failure::Running(format!("no snapshot in {place}").into())
    }
}

/// To the second: more says nothing.
fn event_time(time: SystemTime) -> Option<EventTime> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(EventTime(i64::try_from(seconds).ok()?.checked_mul(1_000)?))
}
