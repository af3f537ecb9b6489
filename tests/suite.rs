//! Integration tests, over real parts: the built `vigie` binary, Apache Kafka, Prometheus.
//!
//! What a part needs and is not installed makes its tests fail with a word on what to install;
//! nothing is skipped. `tests/setup` installs it, `tests/run` does that and runs everything.

mod kafka;
mod support;
