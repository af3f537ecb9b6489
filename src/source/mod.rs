//! Where events come from: a Kafka cluster, or a file.
//!
//! A source feeds the front of the engine and hands its steps to the back. This is where clocks
//! and I/O are.

mod dead_letters;
mod file;
mod kafka;
mod outlet;
mod rejections;

pub use file::{FileSource, Line, LineReader, SourceError};
pub use kafka::{
    Bearing, Committer, KafkaSource, Log, Membership, OffsetStore, STOPPED, Subscription,
    TopicPartition, consumer_config, lag_of, leave, set_at,
};
pub use outlet::Outlet;
pub use rejections::RejectionLog;
