//! vigie, a streaming anomaly detector for shipment telemetry.
//!
//! The modules stand in the order in which an event meets them; `ARCHITECTURE.md` tells the way
//! and what each of them must never know.

pub mod decode;
pub mod detection;
pub mod domain;
pub mod limits;
pub mod measure;
pub mod observe;
pub mod statistics;
