//! `vigie state`

mod decoded;
mod export;
mod facts;
mod store;
mod text;
mod verify;

use super::Failure;
use clap::Subcommand;
use facts::StateFacts;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow::Continue;
use store::Origin;

/// Look at the state that is kept: what a restart would go on from.
///
/// Every snapshot of the directory, newest first, or of a cluster every state of each node on its
/// changelog topic: how large it is, whether it is whole and fits the configuration, from where reading
/// goes on, and what is in it. Nothing is written and nothing is locked: a daemon that runs is not
/// disturbed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  vigie state --config my.yaml                  state.directory, or the cluster's changelog topic
  vigie state --directory /var/lib/vigie --json | jq '.[].open_episodes'
  vigie state verify --config my.yaml --all     exit status 1 where one cannot be gone on from
  vigie state export --config my.yaml --entity actor=user-17

An object of the JSON has `name`, `node` (of a cluster), `bytes_packed` and `bytes_unpacked`, `written`,
`format_version`, `checksum_fits`, `fault` (why a start cannot go on from it), `header` (began, closed_to,
configuration with its hash and what differs, partitions with offsets, output_topic, output_file),
`log_offset` (of a node), `parcels`, `open_episodes`, and `entities` (by group of detections: members,
detections, entities, forgotten, oldest, newest). What is not known is left out.

A state can only be read under the settings that shaped it, the hash key included; without --config
these are the shipped ones. Where it does not fit, what differs is told and what is in it is not.")]
pub(super) struct State {
    #[command(flatten)]
    origin: Origin,
    /// As JSON: an array with an object per snapshot.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(verify::Verify),
    Export(export::Export),
}

impl State {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        match &self.action {
            None => self.show(),
            Some(Action::Verify(verify)) => verify.execute(),
            Some(Action::Export(export)) => export.execute(),
        }
    }

    fn show(&self) -> Result<(), Failure> {
        let store = self.origin.open()?;
        let mut all = Vec::new();
        for place in store.places() {
            all.extend(store.survey(place, |kept| Continue(StateFacts::of(kept, &store.config)))?);
        }
        if all.is_empty() {
            return Err(store.is_empty());
        }
        if self.json {
            return tell_json(&all);
        }
        let sections: Vec<String> = all.iter().map(text::describe).collect();
        tell(&sections.join("\n"))
    }
}

/// Writes to standard output. Whoever reads may have had enough.
fn tell(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Failure::running),
    }
}

fn tell_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(Failure::running)?;
    tell(&format!("{json}\n"))
}
