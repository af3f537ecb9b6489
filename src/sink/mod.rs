//! What leaves: metrics, alert records, a page.
//!
//! Sinks read [`LiveStatus`] and alert records; they know nothing of how either came about.

mod http;
mod live;
mod metrics;
mod names;
mod page;
mod records;
mod scores;

pub use http::{HttpServer, ReloadHook, serve};
pub use live::{DeadLetters, Lag, LiveStatus, OffsetResets, SharedStatus};
pub use metrics::Metrics;
pub use records::{
    AlertSink, AlertSinks, FileSink, KafkaSink, OutputPosition, SinkError, connection_options,
    error_chain,
};
pub use scores::{ScoreSink, ScoreSinkError};
