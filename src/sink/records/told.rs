//! What an output holds already.

use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::HashSet;
use std::hash::Hasher;

/// Records that were read back, by a hash of their bytes.
///
/// The bytes and not the id decide: a record that says anything else, because a threshold or the
/// program was changed between, is not there yet, and readers of several take the strongest. No two
/// records of one life are the same bytes, since an id is told once per status and severity.
#[derive(Debug, Default)]
pub(super) struct Told(HashSet<u128>);

impl Told {
    /// The output holds this record.
    pub(super) fn note(&mut self, record: &[u8]) {
        self.0.insert(hash(record));
    }

    /// Whether the output held this record. It is asked for once.
    pub(super) fn take(&mut self, record: &[u8]) -> bool {
        !self.0.is_empty() && self.0.remove(&hash(record))
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

    #[test]
    fn a_record_is_known_by_all_its_bytes_and_once() {
        let mut told = Told::default();
        assert!(!told.take(b"one"));
        told.note(b"one");
        told.note(b"two");
        assert!(!told.take(b"one "));
        assert!(told.take(b"one"));
        assert!(!told.take(b"one"));
        assert_eq!(told.len(), 1);
    }
}
