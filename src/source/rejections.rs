//! What is rejected, sampled into the log: never the payload, and never more than a line a
//! second for each reason.

use crate::decode::Rejection;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

/// One message was refused: counted by the front, told here.
#[derive(Clone, Copy, Debug)]
pub struct RejectionLog {
    last: [Option<Instant>; Rejection::ALL.len()],
    untold: [u64; Rejection::ALL.len()],
}

impl Default for RejectionLog {
    fn default() -> Self {
        RejectionLog {
            last: [None; Rejection::ALL.len()],
            untold: [0; Rejection::ALL.len()],
        }
    }
}

impl RejectionLog {
    /// Tells of it, unless its reason was told of a moment ago.
    pub fn note(&mut self, now: Instant, reason: Rejection, place: &str, offset: i64) {
        let slot = reason as usize;
        if self.last[slot].is_some_and(|last| now.duration_since(last) < EVERY) {
            self.untold[slot] += 1;
            return;
        }
        let untold = std::mem::take(&mut self.untold[slot]);
        self.last[slot] = Some(now);
        tracing::warn!(
            reason = reason.name(),
            place,
            offset,
            since_last_line = untold,
            "event rejected"
        );
    }
}
