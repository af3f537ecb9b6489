//! What the benchmark was asked for, and where the data are.

use std::path::{Path, PathBuf};

pub(crate) const USAGE: &str =
    "usage: cargo bench --bench external -- [--data DIR] [scms] [darpa]      both when none is named
DIR, or VIGIE_DATA, holds scms/scms_delivery_history.csv.xz and darpa/edges.csv.xz";

/// What to run on what.
pub(crate) struct Arguments {
    pub(crate) data: PathBuf,
    pub(crate) scms: bool,
    pub(crate) darpa: bool,
}

impl Arguments {
    /// Reads the command line; `None` where help was asked for.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(crate) fn parse(
        arguments: impl Iterator<Item = String>,
    ) -> Result<Option<Arguments>, String> {
        let mut data = std::env::var_os("VIGIE_DATA").map(PathBuf::from);
        let (mut scms, mut darpa) = (false, false);
        // cargo adds --bench by itself.
        let mut arguments = arguments.filter(|one| one != "--bench");
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--data" => {
                    let directory = arguments.next().ok_or("--data needs a directory")?;
                    data = Some(PathBuf::from(directory));
                }
                "scms" => scms = true,
                "darpa" => darpa = true,
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("`{other}` is not known")),
            }
        }
        let data = data.ok_or("where are the data? Set VIGIE_DATA, or give --data DIR")?;
        must_be_directory(&data)?;
        let both = scms == darpa;
        Ok(Some(Arguments {
            data,
            scms: scms || both,
            darpa: darpa || both,
        }))
    }
}

fn must_be_directory(data: &Path) -> Result<(), String> {
    if data.is_dir() {
        Ok(())
    } else {
        Err(format!(
            "{} is no directory; set VIGIE_DATA or --data to the one with the data",
            data.display()
        ))
    }
}
