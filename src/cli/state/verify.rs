//! `vigie state verify`

use super::super::Failure;
use super::super::words::{size, table};
use super::decoded::{Decoded, Fault};
use super::store::{Kept, Origin};
use super::tell;
use crate::config::Config;
use std::ops::ControlFlow::{Break, Continue};

/// Verify that a start could go on from the state: its checksum, that it fits the configuration, and that
/// it reads to the last byte.
///
/// Looks at the newest snapshot, and where that one's file is damaged at the one before it, as a start
/// does. Exit status 1 where anything that was looked at is faulty.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie state verify --config my.yaml
  vigie state verify --directory /backup/vigie --all")]
pub(super) struct Verify {
    #[command(flatten)]
    origin: Origin,
    /// Look at every snapshot.
    #[arg(long)]
    all: bool,
}

impl Verify {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let store = self.origin.open()?;
        let mut rows = Vec::new();
        let (mut looked_at, mut faulty) = (0, 0);
        for place in store.places() {
            let told = store.survey(place, |kept| {
                let (row, fault) = told(&kept, &store.config);
                looked_at += 1;
                faulty += usize::from(fault.is_some());
                let goes_on = self.all || fault.is_some_and(|fault| fault.is_of_the_file());
                if goes_on { Continue(row) } else { Break(row) }
            })?;
            rows.extend(told);
        }
        if rows.is_empty() {
            return Err(store.is_empty());
        }
        tell(&table("", &[2], &rows))?;
        if faulty > 0 {
            return Err(Failure::Running(
                format!("{faulty} of {looked_at} cannot be gone on from").into(),
            ));
        }
        Ok(())
    }
}

fn told(kept: &Kept, config: &Config) -> (Vec<String>, Option<Fault>) {
    let fault = Decoded::read(kept, config).err();
    let closed_to = || {
        let header = kept.found.content.as_ref().ok().map(|it| &it.header);
        match header.and_then(|header| header.closed_to) {
            Some(to) => format!("judged up to {to}"),
            None => String::from("nothing judged yet"),
        }
    };
    let place = kept.place.map(|place| place.to_string());
    let row = vec![
        String::from(if fault.is_none() { "ok" } else { "FAULTY" }),
        place.map_or_else(
            || kept.found.name.clone(),
            |place| format!("{place}: {}", kept.found.name),
        ),
        size(kept.bytes),
        fault.as_ref().map_or_else(closed_to, Fault::to_string),
    ];
    (row, fault)
}
