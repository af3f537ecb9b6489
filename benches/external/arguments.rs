//! What the benchmark was asked for, and where the data are.

use std::path::{Path, PathBuf};

pub(crate) const USAGE: &str =
    "usage: cargo bench --bench external -- [--data DIR] [scms] [edges] [nab] [darpa]
       all of them when none is named

  scms    ten years of real shipments through vigie replay
  edges   a labelled stream of edges through the engine in this process, scored by family
  nab     the Numenta Anomaly Benchmark, with one configuration for all files
  darpa   the labelled edges through a real Kafka, the daemon and a real Prometheus

DIR, or VIGIE_DATA, holds scms/scms_delivery_history.csv.xz, darpa/edges.csv.xz, nab/nab.tar.xz";

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Scms,
    Edges,
    Nab,
    Darpa,
}

impl Part {
    const ALL: [(&str, Part); 4] = [
        ("scms", Part::Scms),
        ("edges", Part::Edges),
        ("nab", Part::Nab),
        ("darpa", Part::Darpa),
    ];
}

/// What to run on what.
pub(crate) struct Arguments {
    pub(crate) data: PathBuf,
    pub(crate) parts: Vec<Part>,
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
        let mut parts = Vec::new();
        // cargo adds --bench by itself.
        let mut arguments = arguments.filter(|one| one != "--bench");
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--data" => {
                    let directory = arguments.next().ok_or("--data needs a directory")?;
                    data = Some(PathBuf::from(directory));
                }
                "--help" | "-h" => return Ok(None),
                other => {
                    let part = Part::ALL.iter().find(|(name, _)| *name == other);
                    let part = part.ok_or_else(|| format!("`{other}` is not known"))?;
                    parts.push(part.1);
                }
            }
        }
        let data = data.ok_or("where are the data? Set VIGIE_DATA, or give --data DIR")?;
        must_be_directory(&data)?;
        if parts.is_empty() {
            parts = Part::ALL.map(|(_, part)| part).to_vec();
        }
        Ok(Some(Arguments { data, parts }))
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
