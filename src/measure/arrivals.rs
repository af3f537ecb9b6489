//! At which minutes of a window something arrived.
//!
//! Minutes that follow each other closely are one sitting: a page that is opened is followed by
//! others. What a timetable shows in are the silences between sittings, which for arrivals at
//! random are exponential however long the sittings are.

use super::grown;
use crate::domain::{EventTime, Span};
use serde::{Deserialize, Serialize};

/// Minutes of silence that end a sitting.
const PAUSE_MINUTES: u32 = 3;

/// The minutes, since the epoch, in which something arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Ascending, each once.
    minutes: Vec<u32>,
}

impl Arrivals {
    /// Something arrived then.
    pub fn add(&mut self, time: EventTime) {
        self.insert(time.index(Span::MINUTE).clamp(0, i64::from(u32::MAX)) as u32);
    }

    fn insert(&mut self, minute: u32) {
        if self.minutes.last().is_none_or(|last| *last < minute) {
            self.minutes.push(minute);
        } else if let Err(at) = self.minutes.binary_search(&minute) {
            self.minutes.insert(at, minute);
        }
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Arrivals) {
        for minute in &other.minutes {
            self.insert(*minute);
        }
    }

    /// Number of sittings.
    pub fn sittings(&self) -> u64 {
        self.silences().count() as u64 + u64::from(!self.minutes.is_empty())
    }

    /// Minutes of silence between sittings, beyond the pause that ends one: 1 or more.
    pub fn silences(&self) -> impl Iterator<Item = u32> {
        self.minutes
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .filter(|gap| *gap > PAUSE_MINUTES)
            .map(|gap| gap - PAUSE_MINUTES)
    }

    /// Bytes on the heap, by what it holds and not by what it happens to have room for: the same
    /// of all that are equal.
    pub fn held_bytes(&self) -> usize {
        grown(self.minutes.len()) * size_of::<u32>()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.minutes.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(minutes: impl IntoIterator<Item = i64>) -> Arrivals {
        let mut arrivals = Arrivals::default();
        minutes
            .into_iter()
            .for_each(|minute| arrivals.add(EventTime(minute * Span::MINUTE.0 + 30_000)));
        arrivals
    }

    #[test]
    fn a_sitting_begins_after_a_pause() {
        let arrivals = arrivals([100, 101, 103, 106, 110, 130]);
        assert_eq!(arrivals.sittings(), 3);
        assert_eq!(arrivals.silences().collect::<Vec<_>>(), [1, 17]);
    }

    #[test]
    fn order_and_merging_change_nothing() {
        let whole = arrivals((0..500).map(|n| n * 7));
        let mut merged = arrivals((250..500).rev().map(|n| n * 7));
        merged.merge(&arrivals((0..300).map(|n| n * 7)));
        assert_eq!(merged, whole);
    }
}
