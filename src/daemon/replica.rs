//! One replica of a cluster: it reads what it is given of the source, and runs the nodes it is given.

use super::{DaemonError, epoch_time};
use crate::cluster::{Host, Outlet, Outside, prepare};
use crate::config::Config;
use crate::domain::Alert;
use crate::engine::{BackStatus, PolicySwap};
use crate::observe::TimeBound;
use crate::sink::{AlertSinks, SharedStatus};
use crate::source::{KafkaSource, Subscription};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Starts both threads; what they end with comes by `ended`.
pub(super) async fn start(
    config: &Config,
    sinks: AlertSinks,
    status: &SharedStatus,
    stop: &Arc<AtomicBool>,
    swaps: Receiver<Arc<PolicySwap>>,
    ended: oneshot::Sender<Result<(), DaemonError>>,
) -> Result<(), DaemonError> {
    prepare(config).await?;
    let wants_append_time = config.time.bound == TimeBound::Append;
    let subscription = Subscription::shared(&config.kafka, wants_append_time, epoch_time())?;
    let (swap_nodes, node_swaps) = channel();
    let outlet = Outlet::new(config, subscription.committer(), swap_nodes)?;
    let teller = Teller {
        sinks,
        status: status.clone(),
    };
    let host = Host::new(config, node_swaps, Arc::clone(stop), teller)?;
    let source = KafkaSource::new(
        &subscription,
        &config.engine(),
        outlet,
        status.clone(),
        Duration::from_millis(config.time.idle_after.0.unsigned_abs()),
        swaps,
        Instant::now(),
    );
    let stopping = Arc::clone(stop);
    let nodes = std::thread::Builder::new()
        .name(String::from("vigie-judge"))
        .spawn(move || {
            let outcome = host.run(&stopping);
            // Without them there is nobody to read for.
            stopping.store(true, Ordering::Relaxed);
            outcome
        })?;
    let stopping = Arc::clone(stop);
    std::thread::Builder::new()
        .name(String::from("vigie-read"))
        .spawn(move || {
            let read = source.run(&subscription, &stopping);
            stopping.store(true, Ordering::Relaxed);
            let judged = nodes.join().map_err(|_| DaemonError::Nodes);
            let outcome = judged
                .and_then(|judged| judged.map_err(DaemonError::from))
                .and_then(|()| read.map_err(DaemonError::from));
            // Said before the consumer is dropped: that can block while a broker is dead.
            let _ = ended.send(outcome);
            subscription.leave();
        })?;
    Ok(())
}

/// What the nodes of this replica do to the world outside.
struct Teller {
    sinks: AlertSinks,
    status: SharedStatus,
}

impl Outside for Teller {
    fn raise(&mut self, alert: &Alert) {
        super::raise(&mut self.sinks, &self.status, alert);
    }

    fn is_settled(&self) -> bool {
        self.sinks.is_settled()
    }

    fn publish(&mut self, back: BackStatus, has_joined: bool) {
        let mut status = self.status.lock();
        status.back = back;
        status.ready |= has_joined;
        status.delivery_failures = self.sinks.failures();
    }

    fn kept(&mut self) {
        self.status.lock().kept_seconds = epoch_time().0 as f64 / 1e3;
    }
}
