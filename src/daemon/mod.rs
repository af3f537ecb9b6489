//! The daemon: source, stages and sinks joined, and its life from start to drain.
//!
//! It can be started inside a test, on port 0, as well as by `vigie run` and `vigie demo`.

mod alone;
mod keeper;
mod recover;
mod reload;
mod replica;

use crate::cluster::{HostError, OutletError, TopicsError};
use crate::config::Config;
use crate::domain::{Alert, EventTime};
use crate::engine::{PipelineError, PolicySwap, StateError};
use crate::sink::{AlertSinks, HttpServer, LiveStatus, Metrics, SharedStatus, SinkError, serve};
use crate::snapshot::{LockError, SnapshotError};
use reload::Reloader;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long the daemon takes to leave, where what was read is judged and its state written down soon.
pub const LEAVE_WITHIN: Duration = Duration::from_millis(4_500);
/// How long that may take: a state of gigabytes takes its time.
pub const KEEP_WITHIN: Duration = Duration::from_secs(30);
/// How long it has to tell its group that it leaves, however long that took.
const TELL_GROUP_WITHIN: Duration = Duration::from_secs(1);
/// How long a replica takes beyond that where its group waits for another that died: nobody can leave it
/// meanwhile, and one that just went would be waited for in turn.
pub const LEAVE_GROUP_WITHIN: Duration = Duration::from_secs(20);

/// The daemon cannot start, or has died.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}; choose another in http.listen, or with --listen for the demo"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A sink cannot be opened.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// librdkafka refuses the configuration.
    #[error("the Kafka client cannot be created; see kafka.options")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// The directory of snapshots cannot be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The directory of snapshots is somebody else's.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state cannot be written down.
    #[error(transparent)]
    Save(#[from] StateError),
    /// There is state that cannot be gone on from.
    #[error("{0}")]
    State(String),
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[from] std::io::Error),
    /// The judging thread has died.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The topics of the cluster cannot be used.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// What is read cannot be handed on.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// The nodes cannot go on.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The thread of the nodes has died.
    #[error("the judging thread has stopped")]
    Nodes,
    /// The reading thread has died.
    #[error("the reading thread has stopped")]
    Reader,
}

/// A running daemon.
pub struct Daemon {
    http: HttpServer,
    status: SharedStatus,
    stop: Arc<AtomicBool>,
    ended: oneshot::Receiver<Result<(), DaemonError>>,
    left: oneshot::Receiver<Infallible>,
    is_replica: bool,
    reloader: Arc<Reloader>,
}

/// Called with every alert record.
pub type AlertListener = Box<dyn FnMut(&Alert) + Send>;

impl Daemon {
    /// Starts reading, judging and serving. `file` is where the configuration was read from, and
    /// is read again on a reload; without one, the shipped settings are.
    ///
    /// # Errors
    /// Where the address, a sink or the Kafka client cannot be had. An absent broker is no
    /// error: it is waited for.
    pub async fn start(
        config: &Config,
        file: Option<PathBuf>,
        listener: Option<AlertListener>,
    ) -> Result<Daemon, DaemonError> {
        let status = SharedStatus::default();
        status.lock().config_loaded_seconds = epoch_time().0 as f64 / 1e3;
        let metrics = Metrics::new(Arc::clone(&config.plan), status.clone());
        let (swaps_in, swaps) = std::sync::mpsc::channel();
        let reloader = Arc::new(Reloader::new(
            config.clone(),
            file,
            swaps_in,
            metrics.clone(),
            status.clone(),
        ));
        let address = config.http.listen;
        let hook = config.http.reload.then(|| Reloader::hook(&reloader));
        let http = serve(address, metrics, status.clone(), hook)
            .await
            .map_err(|source| DaemonError::Listen { address, source })?;

        let stop = Arc::new(AtomicBool::new(false));
        let (tell_end, ended) = oneshot::channel();
        let (leaving, left) = oneshot::channel();
        reload::warn_of_expired(config);
        let run = Run {
            config: config.clone(),
            listener,
            status: status.clone(),
            stop: Arc::clone(&stop),
            swaps,
            ended: tell_end,
            leaving,
        };
        if config.cluster.enabled {
            replica::start(run).await?;
        } else {
            alone::start(run)?;
        }
        Ok(Daemon {
            http,
            status,
            stop,
            ended,
            left,
            is_replica: config.cluster.enabled,
            reloader,
        })
    }

    /// Where metrics are served.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// What it can tell of itself.
    pub fn status(&self) -> LiveStatus {
        self.status.lock().clone()
    }

    /// The same, as it changes.
    pub fn live(&self) -> SharedStatus {
        self.status.clone()
    }

    /// Reads the configuration again, and goes on by its policy if nothing else in it differs;
    /// metrics and the log tell what came of it.
    pub async fn reload(&self) {
        let reloader = Arc::clone(&self.reloader);
        // It reads files. What it has to say is in the log.
        let _ = tokio::task::spawn_blocking(move || reloader.reload()).await;
    }

    /// Waits until reading has ended by itself, which only a fault makes it do.
    pub async fn ended(&mut self) -> DaemonError {
        match (&mut self.ended).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => DaemonError::Reader,
        }
    }

    /// Stops reading, lets what was read be judged, its alerts be written and its state be kept, and
    /// leaves; within [`LEAVE_WITHIN`], whatever the broker does, or, with a large state, within
    /// [`KEEP_WITHIN`]. Whether all was done in time.
    ///
    /// # Errors
    /// Where the judging thread has died.
    pub async fn stop(self) -> Result<bool, DaemonError> {
        let deadline = Instant::now() + LEAVE_WITHIN;
        self.stop.store(true, Ordering::Relaxed);
        let outcome = match tokio::time::timeout(KEEP_WITHIN, self.ended).await {
            Ok(Ok(outcome)) => outcome.map(|()| true),
            Ok(Err(_)) => Err(DaemonError::Reader),
            Err(_) => return Ok(false),
        };
        // All is done but to tell the consumer groups.
        let deadline = match self.is_replica {
            true => Instant::now() + LEAVE_GROUP_WITHIN,
            false => deadline.max(Instant::now() + TELL_GROUP_WITHIN),
        };
        let _ = tokio::time::timeout_at(deadline, self.left).await;
        outcome
    }
}

/// What a run is made of.
struct Run {
    config: Config,
    listener: Option<AlertListener>,
    status: SharedStatus,
    stop: Arc<AtomicBool>,
    swaps: Receiver<Arc<PolicySwap>>,
    /// Told what it ends with.
    ended: oneshot::Sender<Result<(), DaemonError>>,
    /// Dropped when it has left the consumer groups.
    leaving: oneshot::Sender<Infallible>,
}

/// Gives an alert record to all who are to have it.
fn raise(sinks: &mut AlertSinks, status: &SharedStatus, alert: &Alert) {
    sinks.write(alert);
    status.lock().note(alert);
    tracing::info!(
        id = alert.id,
        status = ?alert.status,
        detection = alert.detection,
        severity = alert.severity.name(),
        false_alarms_per_day = alert.false_alarms_per_day,
        "{}",
        alert.explanation
    );
}

/// The wall clock, in milliseconds since the epoch.
fn epoch_time() -> EventTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    EventTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
