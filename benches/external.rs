//! vigie on real data that nobody here made.
//!
//! ```text
//! cargo bench --bench external -- [--data DIR] [scms] [edges] [nab] [darpa]
//! ```
//!
//! *scms*: ten years of real shipments, dirty and sparse, converted and replayed: what decoding
//! makes of them, and which alerts a quiet trade raises. *edges*: a labelled stream of who touches
//! whom through the engine: how well its p-values rank attacks before what is normal, beside what
//! others reach. *nab*: single streams of metrics, for which vigie is not made: the distance to
//! the nearest past value on the Numenta Anomaly Benchmark. *darpa*: the labelled stream through a
//! real Kafka and the daemon to a real Prometheus: whether topic and metrics tell of the same
//! alerts, and which attacks they name.
//!
//! The data are not part of the project, for their licences and their size. `--data` or
//! `VIGIE_DATA` names the directory that holds `scms/scms_delivery_history.csv.xz`,
//! `darpa/edges.csv.xz` and `nab/nab.tar.xz`; `darpa` also needs what `tests/setup` installs.

#[path = "external/arguments.rs"]
mod arguments;
#[path = "external/coverage.rs"]
mod coverage;
#[path = "external/daemon.rs"]
mod daemon;
#[path = "external/darpa.rs"]
mod darpa;
#[path = "external/data.rs"]
mod data;
#[path = "external/edges.rs"]
mod edges;
#[path = "external/families.rs"]
mod families;
#[path = "external/nab.rs"]
mod nab;
#[path = "external/ranking.rs"]
mod ranking;
#[path = "external/scms.rs"]
mod scms;
#[path = "external/shipments.rs"]
mod shipments;
#[allow(dead_code)]
#[path = "../tests/support/mod.rs"]
mod support;

use arguments::{Arguments, Part, USAGE};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(fault) => {
            eprintln!("{fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    for part in arguments.parts {
        match part {
            Part::Scms => scms::run(&arguments.data),
            Part::Edges => families::run(&arguments.data),
            Part::Nab => nab::run(&arguments.data),
            Part::Darpa => darpa::run(&arguments.data),
        }
    }
    ExitCode::SUCCESS
}
