//! `vigie demo`

use super::Failure;

/// See it work: a broker, traffic with attacks, and the daemon, all in this process.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        Ok(())
    }
}
