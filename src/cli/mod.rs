//! The command line: words in, words out.
//!
//! Standard output is for data, standard error for words. Exit status 0 is done, 1 failed while
//! running, 2 usage or configuration, 3 what was asked to hold does not hold.

mod check;
mod config;
mod demo;
mod evaluate;
mod logging;
mod producer;
mod replay;
mod run;
mod simulate;
mod state;
mod words;

use crate::config::{Config, ConfigError, ConfigErrors};
use crate::sink::error_chain;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use thiserror::Error;

/// Watches shipment telemetry for flows that depart from their baseline.
///
/// vigie reads shipment events from Kafka, keeps a rolling statistical baseline for every route,
/// seller, actor and the edges between them, and exports as Prometheus metrics what departs from
/// it in a way that could mean data harvesting or supply-chain probing.
#[derive(Debug, Parser)]
#[command(
    name = "vigie",
    version,
    propagate_version = true,
    after_help = "Examples:
  vigie demo                                    everything embedded: look at http://127.0.0.1:9477
  vigie run --config config/vigie.yaml          the daemon
  vigie replay --input events.jsonl.zst --alerts alerts.jsonl
  vigie simulate --events events.jsonl.zst --labels labels.jsonl
  vigie evaluate --alerts alerts.jsonl --labels labels.jsonl
  vigie check --config config/vigie.yaml
  vigie state --config config/vigie.yaml        what a restart would go on from
  vigie config --defaults                       the shipped settings and catalogue"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Replay(replay::Replay),
    Simulate(simulate::Simulate),
    Evaluate(evaluate::Evaluate),
    Check(check::Check),
    Config(config::ShowConfig),
    State(state::State),
}

/// Which configuration to use.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Configuration file; without one, the shipped settings and catalogue.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.config.as_deref())?)
    }

    /// As [`ConfigFile::load`], refusing what librdkafka refuses.
    fn load_for_kafka(&self) -> Result<Config, Failure> {
        let config = self.load()?;
        crate::source::consumer_config(&config.kafka).map_err(|error| {
            let file = self.config.as_ref().map_or_else(
                || String::from("defaults"),
                |path| path.display().to_string(),
            );
            ConfigErrors(vec![ConfigError {
                file,
                line: 0,
                key: String::from("kafka.options"),
                message: error.to_string(),
            }])
        })?;
        Ok(config)
    }
}

/// Why a command did not succeed.
#[derive(Debug, Error)]
enum Failure {
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// A bound that was asked for is not kept.
    #[error("{0}")]
    Unmet(String),
    /// Two configurations raise other alerts, and were to raise the same.
    #[error("the configurations differ in {0} alerts")]
    Difference(usize),
    /// Something failed while running.
    #[error(transparent)]
    Running(#[from] Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    fn running(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
        Failure::Running(Box::new(error))
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(command) => command.execute(),
        Command::Demo(command) => command.execute(),
        Command::Replay(command) => command.execute(),
        Command::Simulate(command) => command.execute(),
        Command::Evaluate(command) => command.execute(),
        Command::Check(command) => command.execute(),
        Command::Config(command) => command.execute(),
        Command::State(command) => command.execute(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(errors)) => {
            eprintln!("{errors}");
            ExitCode::from(2)
        }
        Err(Failure::Usage(message)) => {
            eprintln!("vigie: {message}; see --help");
            ExitCode::from(2)
        }
        Err(failure @ (Failure::Unmet(_) | Failure::Difference(_))) => {
            eprintln!("vigie: {failure}");
            ExitCode::from(3)
        }
        Err(Failure::Running(error)) => {
            eprintln!("vigie: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}
