//! Reading the configuration again while the daemon runs.
//!
//! Everything that can fail comes first: reading, checking, deciding. Then the new policy is
//! handed to the reading thread, which puts it into the log of steps between two messages.

use super::epoch_time;
use crate::config::{Config, Reload};
use crate::engine::PolicySwap;
use crate::sink::{Metrics, ReloadHook, SharedStatus};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// Reloads the configuration of a running daemon.
pub(super) struct Reloader {
    file: Option<PathBuf>,
    running: Mutex<Running>,
    metrics: Metrics,
    status: SharedStatus,
}

/// What runs. Held through a reload, so that two of them come one after the other.
struct Running {
    config: Config,
    swaps: Sender<Arc<PolicySwap>>,
}

impl Reloader {
    pub(super) fn new(
        config: Config,
        file: Option<PathBuf>,
        swaps: Sender<Arc<PolicySwap>>,
        metrics: Metrics,
        status: SharedStatus,
    ) -> Reloader {
        Reloader {
            file,
            running: Mutex::new(Running { config, swaps }),
            metrics,
            status,
        }
    }

    /// What the server calls.
    pub(super) fn hook(reloader: &Arc<Reloader>) -> ReloadHook {
        let reloader = Arc::clone(reloader);
        Arc::new(move || reloader.reload())
    }

    /// Reads the file again and puts its policy in force; says what changed, or why it is
    /// refused whole.
    pub(super) fn reload(&self) -> Result<String, String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.attempt(&mut running);
        let mut status = self.status.lock();
        status.reload_failed = outcome.is_err();
        match &outcome {
            Ok(changes) => {
                status.config_loaded_seconds = epoch_time().0 as f64 / 1e3;
                tracing::info!("configuration reloaded: {}", on_one_line(changes));
            }
            Err(reasons) => tracing::error!(
                "configuration refused, the one before it stays in force: {}",
                on_one_line(reasons)
            ),
        }
        outcome
    }

    fn attempt(&self, running: &mut Running) -> Result<String, String> {
        let new = Config::load(self.file.as_deref()).map_err(|errors| format!("{errors}\n"))?;
        match Reload::decide(&running.config, &new) {
            Reload::Unchanged => {
                warn_of_expired(&new);
                Ok(String::from("nothing has changed\n"))
            }
            Reload::Swap { config, changes } => {
                let handed = running.swaps.send(config.swap());
                handed.map_err(|_| String::from("the daemon is leaving\n"))?;
                self.metrics.swap(Arc::clone(&config.plan));
                warn_of_expired(&config);
                running.config = *config;
                Ok(lines(&changes))
            }
            Reload::Refuse(reasons) => Err(lines(&reasons)),
        }
    }
}

/// Says which mutes are over.
pub(super) fn warn_of_expired(config: &Config) {
    for mute in config.policy.expired(epoch_time()) {
        tracing::warn!("{mute}");
    }
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

fn on_one_line(text: &str) -> String {
    text.trim_end().replace('\n', "; ")
}
