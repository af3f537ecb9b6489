//! vigie, a streaming anomaly detector for shipment telemetry.
//!
//! The modules stand in the order in which an event meets them; `ARCHITECTURE.md` tells the way
//! and what each of them must never know.

pub mod alert;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod decode;
pub mod detection;
pub mod domain;
pub mod engine;
pub mod limits;
pub mod measure;
pub mod observe;
pub mod score;
pub mod simulate;
pub mod sink;
pub mod source;
pub mod statistics;
