//! What the daemon can tell of itself at this moment.

use crate::alert::Muted;
use crate::domain::{Alert, AlertStatus, EventTime, Severity};
use crate::engine::{BackStatus, Counts};
use crate::limits::ALERT_HISTORY_MAX;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages of a partition that were not read yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lag {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Messages.
    pub messages: i64,
}

/// How often reading a partition could not go on where it was to, and what was lost by that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OffsetResets {
    /// The next message had been deleted.
    pub expired: u64,
    /// The log ended before it: the topic was made anew, or cut.
    pub replaced: u64,
    /// Messages that were deleted before they were read.
    pub messages_lost: u64,
}

/// What became of rejected messages, where they are written to a topic: all of them are written, lost or
/// waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// Those that the broker has.
    pub written: u64,
    /// Those that it will not have, by reason; every reason is there.
    pub lost: Vec<(&'static str, u64)>,
    /// Those on their way.
    pub waiting: u64,
}

/// Facts that metrics, page and API are written from.
#[derive(Clone, Debug, Default)]
pub struct LiveStatus {
    /// The books.
    pub counts: Counts,
    /// Events whose identifier could not be remembered for want of room.
    pub deduplication_overflow: u64,
    /// Rejected messages, where a topic is named for them.
    pub dead_letters: Option<DeadLetters>,
    /// How far event time has come.
    pub watermark: Option<EventTime>,
    /// Per partition, what was not read yet.
    pub lag: Vec<Lag>,
    /// The same of the logs that the nodes of this replica read.
    pub node_lag: Vec<Lag>,
    /// Per topic and partition that was ever read.
    pub offset_resets: Vec<((String, i32), OffsetResets)>,
    /// The same of the logs that the nodes of this replica read.
    pub node_offset_resets: Vec<((String, i32), OffsetResets)>,
    /// Errors that librdkafka has reported.
    pub kafka_errors: u64,
    /// Whether partitions were assigned, so that events can come.
    pub ready: bool,
    /// Whether the last attempt to load a configuration failed, and the one before it runs on.
    pub reload_failed: bool,
    /// When the configuration in force was loaded, in seconds since the epoch.
    pub config_loaded_seconds: f64,
    /// When the state was last made durable, in seconds since the epoch; 0 where it never was.
    pub kept_seconds: f64,
    /// Snapshots that could not be kept.
    pub keep_failures: u64,
    /// Scoring and alerting.
    pub back: BackStatus,
    /// Firing records so far, by detection and severity.
    pub fired: BTreeMap<(String, Severity), u64>,
    /// Alert records that could not be delivered.
    pub delivery_failures: u64,
    /// The last records, newest first.
    pub recent: VecDeque<Alert>,
}

impl LiveStatus {
    /// Books an alert record.
    pub fn note(&mut self, alert: &Alert) {
        if alert.status == AlertStatus::Firing {
            *self
                .fired
                .entry((alert.detection.clone(), alert.severity))
                .or_default() += 1;
        }
        self.recent.push_front(alert.clone());
        self.recent.truncate(ALERT_HISTORY_MAX);
    }

    /// What was muted for this reason.
    pub fn muted(&self, reason: Muted) -> u64 {
        self.back.muted.get(&reason).copied().unwrap_or(0)
    }
}

/// The status as threads share it. Held for as long as it takes to copy some numbers.
#[derive(Clone, Debug, Default)]
pub struct SharedStatus(Arc<Mutex<LiveStatus>>);

impl SharedStatus {
    /// To read or to change. A thread that died while holding it left numbers that are still
    /// true one by one.
    pub fn lock(&self) -> MutexGuard<'_, LiveStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
