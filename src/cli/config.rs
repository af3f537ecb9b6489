//! `vigie config`

use super::{ConfigFile, Failure};
use crate::config::{CATALOGUE, SETTINGS};

/// Print a configuration with everything filled in that the file leaves out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie config --config config/vigie.yaml       what the file comes to
  vigie config --defaults                       the shipped settings and catalogue, with comments")]
pub(super) struct ShowConfig {
    #[command(flatten)]
    file: ConfigFile,
    /// Print the shipped settings and catalogue instead, with their comments.
    #[arg(long, conflicts_with = "config")]
    defaults: bool,
}

impl ShowConfig {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        if self.defaults {
            let settings = SETTINGS.trim_end();
            // The shipped list of changes is empty; the catalogue stands in its place.
            let settings = settings.strip_suffix("detections: []").unwrap_or(settings);
            print!("{settings}\n{CATALOGUE}");
            return Ok(());
        }
        print!("{}", self.file.load()?.to_yaml());
        Ok(())
    }
}
