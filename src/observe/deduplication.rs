//! Event identifiers seen, per open pane.
//!
//! 128-bit keyed hashes: a collision by chance is out of reach, one by design needs the key.
//! Identifiers die with their pane: whatever repeats them later is late anyway.

use crate::limits::DEDUPLICATION_IDS_MAX;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::BTreeMap;
use std::hash::Hasher;

/// A hash and its place in a table that is between half full and full.
const BYTES_PER_ID: usize = 30;

pub(super) struct Deduplication {
    key: (u64, u64),
    seen: BTreeMap<i64, HashTable<u128>>,
    remembered: usize,
    overflow: u64,
}

impl Deduplication {
    pub(super) fn new(key: (u64, u64)) -> Deduplication {
        Deduplication {
            key,
            seen: BTreeMap::new(),
            remembered: 0,
            overflow: 0,
        }
    }

    /// Whether this identifier is new to its pane. Once there is no room to remember more, what
    /// cannot be looked up counts as new, and is counted.
    pub(super) fn first_time(&mut self, pane: i64, id: &str, is_full: bool) -> bool {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(id.as_bytes());
        let hash = hasher.finish128().as_u128();
        let table = self.seen.entry(pane).or_default();
        match table.entry(hash as u64, |seen| *seen == hash, |seen| *seen as u64) {
            Entry::Occupied(_) => false,
            Entry::Vacant(_) if is_full || self.remembered >= DEDUPLICATION_IDS_MAX => {
                self.overflow += 1;
                true
            }
            Entry::Vacant(place) => {
                place.insert(hash);
                self.remembered += 1;
                true
            }
        }
    }

    pub(super) fn forget_before(&mut self, pane: i64) {
        let still_open = self.seen.split_off(&pane);
        let closed = std::mem::replace(&mut self.seen, still_open);
        self.remembered -= closed.values().map(HashTable::len).sum::<usize>();
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.remembered * BYTES_PER_ID
    }

    pub(super) fn overflow(&self) -> u64 {
        self.overflow
    }
}
