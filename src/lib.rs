//! vigie, a streaming anomaly detector for shipment telemetry.
//!
//! The stages can be used without a broker: bytes in, what became of them and alerts out.
//!
//! ```
//! use vigie::config::Config;
//! use vigie::engine::Engine;
//! use vigie::observe::Verdict;
//!
//! let config = Config::load(None)?;
//! let mut engine = Engine::new(&config.engine(), [0]);
//! let event = br#"{"id": "1", "time": "2026-01-05T08:00:00Z", "kind": "access",
//!     "actor": "user-17", "role": "broker", "action": "read"}"#;
//! let (verdict, alerts) = engine.feed(0, 0, None, event);
//! assert!(matches!(verdict, Verdict::Processed(_)) && alerts.is_empty());
//! # Ok::<(), vigie::config::ConfigErrors>(())
//! ```
//!
//! The modules stand in the order in which an event meets them; `ARCHITECTURE.md` tells the way
//! and what each of them must never know.

pub mod alert;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod daemon;
pub mod decode;
pub mod detection;
pub mod domain;
pub mod engine;
pub mod evaluate;
pub mod limits;
pub mod measure;
pub mod observe;
pub mod parcel;
mod saved;
pub mod score;
pub mod simulate;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod statistics;
