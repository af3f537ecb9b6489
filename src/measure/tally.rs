//! How often each value occurred, for as many values as there is room.
//!
//! Where there are more, those with the smallest keyed hashes stay: a bottom-k sample (Cohen and
//! Kaplan 2007). A value that stays in the end stood in every partial tally that met it, so its
//! count is exact, and what is kept does not depend on the order of values or of merging.

use super::grown;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Values that are told apart.
pub const TALLY_VALUES_MAX: usize = 64;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    hash: u64,
    value: CompactString,
    count: u64,
}

/// Counts per value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By hash.
    entries: Vec<Entry>,
}

impl Tally {
    /// Adds a value, whose keyed hash the caller knows.
    pub fn add(&mut self, hash: u64, value: &str) {
        self.add_count(hash, 1, || CompactString::new(value));
    }

    fn add_count(&mut self, hash: u64, count: u64, value: impl FnOnce() -> CompactString) {
        match self.entries.binary_search_by_key(&hash, |entry| entry.hash) {
            Ok(at) => {
                let entry = &mut self.entries[at];
                entry.count = entry.count.saturating_add(count);
            }
            Err(at) if at < TALLY_VALUES_MAX => {
                self.entries.truncate(TALLY_VALUES_MAX - 1);
                let value = value();
                self.entries.insert(at, Entry { hash, value, count });
            }
            Err(_) => {}
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Tally) {
        for entry in &other.entries {
            self.add_count(entry.hash, entry.count, || entry.value.clone());
        }
    }

    /// Values and their counts.
    pub fn values(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries
            .iter()
            .map(|entry| (entry.value.as_str(), entry.count))
    }

    /// Bytes on the heap, by what it holds and not by what it happens to have room for: the same
    /// of all that are equal.
    pub fn held_bytes(&self) -> usize {
        let text = |entry: &Entry| match entry.value.is_heap_allocated() {
            true => entry.value.len(),
            false => 0,
        };
        let texts: usize = self.entries.iter().map(text).sum();
        grown(self.entries.len()) * size_of::<Entry>() + texts
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ValueHasher;

    fn tally(values: impl IntoIterator<Item = usize>) -> Tally {
        let hasher = ValueHasher::new((3, 4));
        let mut tally = Tally::default();
        for value in values {
            let value = format!("value-{value}");
            tally.add(hasher.hash(&value), &value);
        }
        tally
    }

    #[test]
    fn what_fits_is_counted_exactly() {
        let tally = tally((0..1_000).map(|n| n % 10));
        assert_eq!(tally.values().count(), 10);
        assert!(tally.values().all(|(_, count)| count == 100));
    }

    #[test]
    fn neither_order_nor_merging_changes_what_is_kept() {
        let whole = tally((0..5_000).map(|n| n * 7 % 500));
        let backwards = tally((0..5_000).rev().map(|n| n * 7 % 500));
        let mut merged = tally((0..1_234).map(|n| n * 7 % 500));
        merged.merge(&tally((1_234..5_000).map(|n| n * 7 % 500)));
        assert!(whole == backwards && whole == merged);
        assert_eq!(whole.values().count(), TALLY_VALUES_MAX);
        assert!(whole.values().all(|(_, count)| count == 10));
    }
}
