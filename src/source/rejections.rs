//! What is rejected, sampled into the log: never the payload, and never more than a line a
//! second for each reason.

use crate::decode::Rejection;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

/// Lets something be told of once a second, and counts how often it was not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sampled {
    last: Option<Instant>,
    untold: u64,
}

impl Sampled {
    /// How often it was not told of since the last time, if it is to be told of now.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < EVERY)
        {
            self.untold += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// One message was refused: counted by the front, told here.
#[derive(Clone, Copy, Debug, Default)]
pub struct RejectionLog([Sampled; Rejection::ALL.len()]);

impl RejectionLog {
    /// Tells of it, unless its reason was told of a moment ago.
    pub fn note(&mut self, now: Instant, reason: Rejection, place: &str, offset: i64) {
        let Some(untold) = self.0[reason as usize].due(now) else {
            return;
        };
        tracing::warn!(
            reason = reason.name(),
            place,
            offset,
            since_last_line = untold,
            "event rejected"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_of_once_a_second_with_how_often_it_was_not() {
        let start = Instant::now();
        let mut sampled = Sampled::default();
        let mut due = |milliseconds| sampled.due(start + Duration::from_millis(milliseconds));
        assert_eq!(due(0), Some(0));
        assert_eq!([due(1), due(500), due(999)], [None; 3]);
        assert_eq!(due(1_000), Some(3));
        assert_eq!(due(1_999), None);
        assert_eq!(due(5_000), Some(1));
    }
}
