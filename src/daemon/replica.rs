//! One replica of a cluster: it reads what it is given of the source, and runs the nodes it is given.

use super::keeper::outputs;
use super::{AlertListener, DaemonError, LEAVE_GROUP_WITHIN, Run, epoch_time};
use crate::cluster::{Host, NodesStatus, Outlet, Outside, prepare};
use crate::config::Config;
use crate::domain::{Alert, EventTime};
use crate::observe::TimeBound;
use crate::sink::{AlertSinks, FileSink, KafkaSink, SharedStatus, SinkError};
use crate::snapshot::Outputs;
use crate::source::{KafkaSource, Subscription};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Starts both threads.
///
/// # Errors
/// Where the topics of the cluster or a Kafka client cannot be had.
pub(super) async fn start(run: Run) -> Result<(), DaemonError> {
    let Run {
        config,
        listener,
        status,
        stop,
        swaps,
        ended,
        leaving,
    } = run;
    prepare(&config).await?;
    let wants_append_time = config.time.bound == TimeBound::Append;
    let subscription = Subscription::shared(&config.kafka, wants_append_time, epoch_time())?;
    let (swap_nodes, node_swaps) = channel();
    let outlet = Outlet::new(&config, subscription.committer(), swap_nodes)?;
    let teller = Teller {
        config: config.clone(),
        listener,
        sinks: AlertSinks::default(),
        status: status.clone(),
    };
    let mut host = Host::new(&config, node_swaps, Arc::clone(&stop), teller)?;
    let source = KafkaSource::new(
        &subscription,
        &config.engine(),
        outlet,
        status.clone(),
        Duration::from_millis(config.time.idle_after.0.unsigned_abs()),
        swaps,
        Instant::now(),
    );
    let stopping = StopOnDrop(Arc::clone(&stop));
    let (tell, told) = channel();
    let nodes = std::thread::Builder::new()
        .name(String::from("vigie-judge"))
        .spawn(move || {
            let judged = host.run(&stopping.0);
            drop(stopping);
            // Nobody waits any more where this is not heard.
            let _ = tell.send(judged);
            host.leave(LEAVE_GROUP_WITHIN);
        })?;
    let stopping = Arc::clone(&stop);
    std::thread::Builder::new()
        .name(String::from("vigie-read"))
        .spawn(move || {
            let read = source.run(&subscription, &stopping);
            stopping.store(true, Ordering::Relaxed);
            // Others read on while the states of the nodes are written down.
            let reader = std::thread::spawn(move || subscription.leave(LEAVE_GROUP_WITHIN));
            let judged = told.recv().map_err(|_| DaemonError::Nodes);
            let outcome = judged
                .and_then(|judged| judged.map_err(DaemonError::from))
                .and_then(|()| read.map_err(DaemonError::from));
            let _ = ended.send(outcome);
            let _ = (reader.join(), nodes.join());
            drop(leaving);
        })?;
    Ok(())
}

/// Without the nodes there is nobody to read for, however they have ended.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the nodes of this replica do to the world outside.
struct Teller {
    config: Config,
    listener: Option<AlertListener>,
    /// Of the one who raises alerts, while it is here.
    sinks: AlertSinks,
    status: SharedStatus,
}

impl Outside for Teller {
    fn begin(&mut self, outputs: Option<Outputs>) -> Result<(), SinkError> {
        self.sinks = AlertSinks::default();
        let (kafka, output) = (&self.config.kafka, &self.config.output);
        if let Some(topic) = &output.topic {
            let known = outputs.and_then(|outputs| outputs.topic);
            let from = known.filter(|(known, _)| known == topic);
            self.sinks.push(KafkaSink::alone(
                &kafka.brokers,
                topic,
                &kafka.options,
                &format!("{}-alerts", kafka.group),
                from.map(|(_, ends)| ends).unwrap_or_default(),
            )?);
        }
        if let Some(file) = &output.file {
            self.sinks.push(FileSink::append(file)?);
        }
        Ok(())
    }

    fn end(&mut self) {
        self.sinks = AlertSinks::default();
    }

    fn raise(&mut self, alerts: &[Alert]) {
        for alert in alerts {
            super::raise(&mut self.sinks, &self.status, alert);
            if let Some(listener) = &mut self.listener {
                listener(alert);
            }
        }
        self.sinks.flush();
    }

    fn is_shut_out(&self) -> bool {
        self.sinks.is_shut_out()
    }

    fn is_settled(&mut self) -> bool {
        self.sinks.is_settled()
    }

    fn outputs(&mut self, told_to: Option<EventTime>) -> Result<Outputs, SinkError> {
        let positions = self.sinks.positions(told_to)?;
        Ok(outputs(&self.config.output, positions))
    }

    fn publish(&mut self, nodes: NodesStatus) {
        let mut status = self.status.lock();
        status.back = nodes.back;
        status.node_lag = nodes.lag;
        status.node_offset_resets = nodes.resets;
        status.ready |= nodes.has_joined;
        status.delivery_failures = self.sinks.failures();
    }

    fn kept(&mut self) {
        self.status.lock().kept_seconds = epoch_time().0 as f64 / 1e3;
    }

    fn not_kept(&mut self) {
        self.status.lock().keep_failures += 1;
    }
}
