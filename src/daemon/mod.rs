//! The daemon: source, stages and sinks joined, and its life from start to drain.
//!
//! It can be started inside a test, on port 0, as well as by `vigie run` and `vigie demo`.

mod keeper;
mod reload;

use crate::config::Config;
use crate::domain::{Alert, EventTime};
use crate::engine::{Back, Pipeline, PipelineError, StepDone};
use crate::observe::TimeBound;
use crate::sink::{
    AlertSinks, FileSink, HttpServer, KafkaSink, LiveStatus, Metrics, SharedStatus, SinkError,
    serve,
};
use crate::snapshot::SnapshotError;
use crate::source::{KafkaSource, OffsetStore, Subscription};
use keeper::{Keeper, Recovered};
use reload::Reloader;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use tokio::sync::oneshot;

/// How often the judging thread publishes what it can tell of itself.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// How long alert records may take to reach their place when the daemon leaves.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the daemon takes to leave at the most.
pub const LEAVE_WITHIN: Duration = Duration::from_millis(4_500);

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
    /// There is state that cannot be gone on from.
    #[error("{0}")]
    State(String),
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[from] std::io::Error),
    /// The judging thread has died.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The reading thread has died.
    #[error("the reading thread has stopped")]
    Reader,
}

/// A running daemon.
pub struct Daemon {
    http: HttpServer,
    status: SharedStatus,
    stop: Arc<AtomicBool>,
    ended: oneshot::Receiver<Result<(), PipelineError>>,
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
        let mut sinks = AlertSinks::default();
        if let Some(topic) = &config.output.topic {
            sinks.push(KafkaSink::new(
                &config.kafka.brokers,
                topic,
                &config.kafka.options,
            )?);
        }
        if let Some(file) = &config.output.file {
            sinks.push(FileSink::append(file)?);
        }
        if let Some(listener) = listener {
            sinks.push(listener);
        }
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

        let wants_append_time = config.time.bound == TimeBound::Append;
        let mut subscription = Subscription::new(&config.kafka, wants_append_time, epoch_time())?;
        let settings = config.engine();
        let Recovered { back, partitions } = keeper::recover(config, &settings)?;
        subscription.resume(partitions, back.resume());
        let offsets = subscription.offset_store();
        let keeper = Keeper::new(config, offsets.clone(), status.clone())?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut writer = Writer {
            sinks,
            offsets,
            done: BTreeMap::new(),
            status: status.clone(),
            published: None,
            keeper: keeper.clone(),
            keep_every: Duration::from_millis(config.state.interval.0.unsigned_abs()),
            kept: Instant::now(),
        };
        writer.publish(&back);
        reload::warn_of_expired(config);
        let pipeline = Pipeline::start(back, settings.queue(), move |back, done| {
            writer.take(back, done)
        })?;
        let idle_after = Duration::from_millis(config.time.idle_after.0.unsigned_abs());
        let source = KafkaSource::new(
            &subscription,
            &settings,
            pipeline,
            status.clone(),
            idle_after,
            swaps,
            Instant::now(),
        );
        let (tell_end, ended) = oneshot::channel();
        let stopping = Arc::clone(&stop);
        std::thread::Builder::new()
            .name(String::from("vigie-read"))
            .spawn(move || {
                let outcome = source.run(&subscription, &stopping).map(|back| {
                    if let Some(keeper) = &keeper {
                        keeper.keep_last(&back);
                    }
                });
                // Said before the consumer is dropped: that can block while a broker is dead.
                let _ = tell_end.send(outcome);
                subscription.leave();
            })?;
        Ok(Daemon {
            http,
            status,
            stop,
            ended,
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
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) | Err(_) => DaemonError::Reader,
        }
    }

    /// Stops reading, lets what was read be judged and its alerts be written, and leaves; within
    /// [`LEAVE_WITHIN`], whatever the broker does. Whether all was done in time.
    ///
    /// # Errors
    /// Where the judging thread has died.
    pub async fn stop(self) -> Result<bool, DaemonError> {
        self.stop.store(true, Ordering::Relaxed);
        match tokio::time::timeout(LEAVE_WITHIN, self.ended).await {
            Ok(Ok(outcome)) => outcome.map(|()| true).map_err(DaemonError::from),
            Ok(Err(_)) => Err(DaemonError::Reader),
            Err(_) => Ok(false),
        }
    }
}

/// What happens on the judging thread after each step.
struct Writer {
    sinks: AlertSinks,
    offsets: OffsetStore,
    /// Offsets whose work is done, to be stored once no alert record is on its way any more.
    done: BTreeMap<i32, i64>,
    status: SharedStatus,
    published: Option<Instant>,
    /// Where there is one, it stores offsets.
    keeper: Option<Arc<Keeper>>,
    keep_every: Duration,
    kept: Instant,
}

impl Writer {
    fn take(&mut self, back: &Back, done: StepDone) {
        for alert in &done.alerts {
            self.sinks.write(alert);
            self.status.lock().note(alert);
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
        self.done.extend(done.resume);
        if self.sinks.is_settled() {
            self.settled(back);
        }
        let due = self
            .published
            .is_none_or(|published| published.elapsed() >= STATUS_EVERY);
        if due || !done.alerts.is_empty() {
            self.publish(back);
        }
    }

    /// No alert record is on its way: the work up to here is done.
    fn settled(&mut self, back: &Back) {
        let Some(keeper) = &self.keeper else {
            self.store_offsets();
            return;
        };
        if self.kept.elapsed() >= self.keep_every {
            keeper.keep(back);
            self.kept = Instant::now();
        }
    }

    fn store_offsets(&mut self) {
        for (partition, offset) in std::mem::take(&mut self.done) {
            self.offsets.store(partition, offset);
        }
    }

    fn publish(&mut self, back: &Back) {
        let state = back.status();
        let mut status = self.status.lock();
        status.back = state;
        status.delivery_failures = self.sinks.failures();
        drop(status);
        self.published = Some(Instant::now());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sinks.settle(SETTLE);
        match &self.keeper {
            Some(keeper) if !self.sinks.is_settled() => keeper.spoil(),
            None if self.sinks.is_settled() => self.store_offsets(),
            _ => {}
        }
    }
}

/// The wall clock, in milliseconds since the epoch.
fn epoch_time() -> EventTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    EventTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
