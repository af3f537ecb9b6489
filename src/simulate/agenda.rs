//! What is going to happen: a wheel of minutes, each with its list.
//!
//! Pushing is O(1); memory is what lies within [`HORIZON`] of now.

use crate::domain::{EventTime, Span};

/// How far ahead things can be planned; later ones are pulled in to it.
pub(super) const HORIZON: Span = Span::hours(72);

const SLOTS: usize = (HORIZON.0 / Span::MINUTE.0) as usize + 1;

/// Things planned, by minute.
#[derive(Clone, Debug)]
pub(super) struct Agenda<T> {
    minutes: Vec<Vec<(EventTime, T)>>,
    now: EventTime,
}

impl<T> Agenda<T> {
    /// Nothing planned yet; `now` is the first minute that will be taken.
    pub(super) fn new(now: EventTime) -> Agenda<T> {
        Agenda {
            minutes: (0..SLOTS).map(|_| Vec::new()).collect(),
            now: now.floor(Span::MINUTE),
        }
    }

    fn slot(time: EventTime) -> usize {
        time.index(Span::MINUTE).rem_euclid(SLOTS as i64) as usize
    }

    /// Plans `item` for `at`; what lies behind is done as soon as possible.
    pub(super) fn push(&mut self, at: EventTime, item: T) {
        let last = self.now + HORIZON;
        let at = at.clamp(self.now, last);
        self.minutes[Self::slot(at)].push((at, item));
    }

    /// Everything planned for the current minute, in the order of planning; moves on to the
    /// next minute. `spent` gives its memory back for further use.
    pub(super) fn take(&mut self, mut spent: Vec<(EventTime, T)>) -> Vec<(EventTime, T)> {
        spent.clear();
        let due = std::mem::replace(&mut self.minutes[Self::slot(self.now)], spent);
        self.now = self.now + Span::MINUTE;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_due_in_their_minute_and_never_get_lost() {
        let start = EventTime(0);
        let mut agenda = Agenda::new(start);
        let planned = [0, 59_999, 60_000, 90_000, HORIZON.0, HORIZON.0 * 3];
        for at in planned {
            agenda.push(EventTime(at), at);
        }
        agenda.push(EventTime(-5), -5);
        let mut seen = Vec::new();
        for minute in 0..SLOTS as i64 {
            for (at, item) in agenda.take(Vec::new()) {
                assert_eq!(at.index(Span::MINUTE), minute);
                seen.push(item);
            }
        }
        assert_eq!(seen.len(), planned.len() + 1);
        assert!(agenda.take(Vec::new()).is_empty());
    }
}
