//! `vigie run`

use super::{ConfigFile, Failure, logging};
use crate::config::Config;
use crate::daemon::Daemon;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Run the daemon: events from Kafka in, alerts out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie run --config config/vigie.yaml
  KAFKA_BROKERS=kafka:9092 vigie run            the shipped settings
  kill -HUP $(pidof vigie)                      read the configuration again

A reload changes policy alone, and touches no baseline; a configuration that has a mistake or
changes anything else is refused whole, and what runs goes on. The log and the metric
vigie_config_last_reload_successful say what came of it. With http.reload a POST to /-/reload does
the same, and is answered with it.")]
pub(super) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let config = self.file.load_for_kafka()?;
        logging::start(&config.log);
        if config.memory.plan.is_some() {
            share_one_heap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Failure::running)?;
        let outcome = runtime.block_on(run(&config, self.file.config.clone()));
        // A client that cannot reach its broker may not let go; the process does.
        runtime.shutdown_background();
        outcome
    }
}

/// Lets all threads allocate from one heap. glibc gives each its own, and what one thread frees of
/// another's stays there: that is a quarter more than is in use, and nothing that a bound could count on.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn share_one_heap() {
    // SAFETY: sets a number of the allocator, before there is a second thread.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Other allocators have one.
#[cfg(not(target_env = "gnu"))]
fn share_one_heap() {}

async fn run(config: &Config, file: Option<PathBuf>) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::running)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::running)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failure::running)?;
    let mut daemon = Daemon::start(config, file, None)
        .await
        .map_err(Failure::running)?;
    let kept = match config.state.directory {
        Some(_) => "it goes on from the newest snapshot, where there is one",
        None => "without state.directory this start begins at kafka.start and learns from there",
    };
    if let Some(plan) = &config.memory.plan {
        for line in plan.to_string().lines() {
            tracing::info!("memory: {line}");
        }
    }
    tracing::info!(
        address = %daemon.address(),
        brokers = config.kafka.brokers,
        topics = config.kafka.topics.join(","),
        start = ?config.kafka.start,
        "vigie runs; {kept}"
    );
    let fault = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            _ = hang_up.recv() => daemon.reload().await,
            fault = daemon.ended() => break Some(fault),
        }
    };
    if let Some(fault) = fault {
        return Err(Failure::running(fault));
    }
    tracing::info!("leaving: what was read is judged first");
    match daemon.stop().await {
        Ok(true) => tracing::info!("left"),
        Ok(false) => {
            tracing::warn!(
                "left before everything was done: writing the state took too long, or the broker did not \
                 answer; a start goes on from the snapshot before"
            )
        }
        Err(error) => return Err(Failure::running(error)),
    }
    Ok(())
}
