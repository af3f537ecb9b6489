//! What an output holds already.

use crate::domain::EventTime;
use serde::Deserialize;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hasher;

/// Records that were read back, by a hash of their bytes.
///
/// The bytes and not the id decide: a record that says anything else, because a threshold or the
/// program was changed between, is not there yet, and readers of several take the strongest. No two
/// records of one life are the same bytes, since an id is told once per status and severity.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<u128, Mark>);

/// A record that may be raised again.
#[derive(Debug)]
struct Mark {
    decided: EventTime,
    partition: i32,
    offset: i64,
}

/// What is read of a record.
#[derive(Deserialize)]
struct Dated {
    decided: EventTime,
}

impl Told {
    /// The output holds this record, at this offset of a partition; a file is one partition, counted in
    /// bytes. What is no alert record is somebody else's.
    pub(super) fn note(&mut self, record: &[u8], partition: i32, offset: i64) {
        if let Ok(Dated { decided }) = serde_json::from_slice(record) {
            self.0.entry(hash(record)).or_insert(Mark {
                decided,
                partition,
                offset,
            });
        }
    }

    /// Whether the output held this record. It is asked for once.
    pub(super) fn take(&mut self, record: &[u8]) -> bool {
        !self.0.is_empty() && self.0.remove(&hash(record)).is_some()
    }

    /// Per partition, the first record that may still be raised again once everything decided up to
    /// `told_to` has been: whoever goes on from here has to read it back too.
    pub(super) fn left(&mut self, told_to: Option<EventTime>) -> BTreeMap<i32, i64> {
        self.0.retain(|_, mark| Some(mark.decided) > told_to);
        let mut first = BTreeMap::new();
        for mark in self.0.values() {
            let offset = first.entry(mark.partition).or_insert(mark.offset);
            *offset = mark.offset.min(*offset);
        }
        first
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn hash(record: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write(record);
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, decided: i64) -> Vec<u8> {
        let decided = EventTime(decided);
        format!(r#"{{"id":"{id}","decided":"{decided}"}}"#).into_bytes()
    }

    #[test]
    fn a_record_is_known_by_all_its_bytes_and_once() {
        let mut told = Told::default();
        assert!(!told.take(&record("a", 1_000)));
        told.note(&record("a", 1_000), 0, 7);
        told.note(&record("b", 1_000), 0, 8);
        told.note(b"not a record", 0, 9);
        assert_eq!(told.len(), 2);
        assert!(!told.take(&record("a", 2_000)));
        assert!(told.take(&record("a", 1_000)));
        assert!(!told.take(&record("a", 1_000)));
    }

    #[test]
    fn what_may_still_be_raised_again_is_left_until_its_time_has_passed() {
        let mut told = Told::default();
        told.note(&record("a", 1_000), 0, 7);
        told.note(&record("b", 2_000), 0, 8);
        told.note(&record("c", 2_000), 3, 1);
        // There twice, the first is where reading back has to begin.
        told.note(&record("c", 2_000), 3, 5);
        assert_eq!(told.left(None), BTreeMap::from([(0, 7), (3, 1)]));
        assert!(told.take(&record("a", 1_000)));
        assert_eq!(
            told.left(Some(EventTime(1_999))),
            BTreeMap::from([(0, 8), (3, 1)])
        );
        // What was not raised by then, by another configuration, never will be.
        assert_eq!(told.left(Some(EventTime(2_000))), BTreeMap::new());
        assert_eq!(told.len(), 0);
    }
}
