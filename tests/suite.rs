//! Integration tests: scenarios over simulated traffic, and real parts, the built `vigie` binary,
//! Apache Kafka and Prometheus.
//!
//! What a part needs and is not installed makes its tests fail with a word on what to install;
//! nothing is skipped. `tests/setup` installs it, `tests/run` does that and runs everything.

mod architecture;
mod benches;
mod calibration;
mod command;
mod demo;
mod deploy;
mod durability;
mod evaluate;
mod golden;
mod kafka;
mod memory;
mod parcels;
mod replay;
mod simulate;
mod spread;
mod state;
mod support;
