//! Who is new where there is no room for everybody.
//!
//! Newcomers compete among newcomers. While those of a pane fit well into what is left, each is an
//! entity from its first event on, as without a bound. Where they do not, none is, unless it was seen in two
//! panes before, or is known otherwise: as another group's entity of the same members, or, for an
//! edge, by whom it starts from. Whoever is nobody yet is measured as part of one pooled entity of
//! its class. So a flood of invented keys displaces nobody and dilutes nobody's class, and who comes
//! again in the middle of it is an entity by its third pane.
//!
//! Who was seen before is kept in Bloom filters (Bloom, CACM 1970), as a door keeper is (Einziger,
//! Friedman and Manes, "TinyLFU", ACM Transactions on Storage 2017): one for those seen once, one for
//! those seen twice, each in two generations, of which the older is emptied when the newer is two
//! fifths full: with eight bits a key, one key in a thousand that is new passes for one that is not, and
//! one in a million for one seen twice. Nothing here depends on the order within a pane: all are looked up before any is noted.

use serde::{Deserialize, Serialize};

/// Bits that a key sets.
const PROBES: u32 = 8;
/// Of five parts four are for those seen once.
const PARTS: usize = 5;

/// Which keys were seen, about.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Filter {
    words: Vec<u64>,
    ones: usize,
}

impl Filter {
    /// Of at least one word, a power of two.
    fn of_words(words: usize) -> Filter {
        Filter {
            words: vec![0; words],
            ones: 0,
        }
    }

    fn bits(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let mask = self.words.len() * u64::BITS as usize - 1;
        // Double hashing (Kirsch and Mitzenmacher 2008).
        let (first, step) = (hash, (hash >> 32) | 1);
        (0..u64::from(PROBES)).map(move |probe| {
            let bit = first.wrapping_add(step.wrapping_mul(probe)) as usize & mask;
            (bit / u64::BITS as usize, 1 << (bit % u64::BITS as usize))
        })
    }

    fn holds(&self, hash: u64) -> bool {
        !self.words.is_empty()
            && self
                .bits(hash)
                .all(|(word, bit)| self.words[word] & bit != 0)
    }

    fn add(&mut self, hash: u64) {
        for (word, bit) in self.bits(hash) {
            self.ones += usize::from(self.words[word] & bit == 0);
            self.words[word] |= bit;
        }
    }

    fn is_full(&self) -> bool {
        self.ones * 5 >= self.words.len() * u64::BITS as usize * 2
    }
}

/// A filter and the one before it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Generations {
    newer: Filter,
    older: Filter,
}

impl Generations {
    fn holds(&self, hash: u64) -> bool {
        self.newer.holds(hash) || self.older.holds(hash)
    }

    fn add(&mut self, hash: u64, words: usize) {
        if self.newer.words.is_empty() {
            self.newer = Filter::of_words(words);
        }
        self.newer.add(hash);
    }

    /// After a pane.
    fn turn(&mut self) {
        if self.newer.is_full() {
            let words = self.newer.words.len();
            self.older = std::mem::replace(&mut self.newer, Filter::of_words(words));
        }
    }
}

/// Another hash of the same key: filters that are asked one after the other must not err together.
fn another(hash: u64) -> u64 {
    (hash ^ (hash >> 31))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(27)
}

/// Who was seen before, of those that are nobody yet.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct DoorKeeper {
    once: Generations,
    twice: Generations,
}

impl DoorKeeper {
    /// Whether a key was seen in two panes before this one.
    pub(super) fn has_seen_twice(&self, hash: u64) -> bool {
        self.twice.holds(another(hash))
    }

    /// Notes those of a pane that are nobody yet, each once; all of it takes so many bytes at the
    /// most.
    pub(super) fn note(&mut self, hashes: &[u64], bytes_max: usize) {
        let words = bytes_max / size_of::<u64>() / 2 / PARTS;
        let floor = |words: usize| 1_usize << words.max(1).ilog2();
        let again: Vec<bool> = hashes.iter().map(|hash| self.once.holds(*hash)).collect();
        for (hash, again) in hashes.iter().zip(again) {
            match again {
                true => self.twice.add(another(*hash), floor(words)),
                false => self.once.add(*hash, floor(words * (PARTS - 1))),
            }
        }
        self.once.turn();
        self.twice.turn();
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        [&self.once, &self.twice]
            .iter()
            .flat_map(|generations| [&generations.newer, &generations.older])
            .map(|filter| filter.words.len() * size_of::<u64>())
            .sum()
    }
}

/// Which newcomers of a pane become entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// All.
    Open,
    /// Those known otherwise or seen twice before, whose hash is no larger than this: no more come
    /// in at once than there may.
    Closed(u64),
}

impl Gate {
    /// For newcomers of whom these may come in, each with its hash and the bytes it would take, where
    /// there is room for `room` bytes at once.
    pub(super) fn closed(mut may: Vec<(u64, usize)>, room: usize) -> Gate {
        may.sort_unstable();
        let mut taken = 0;
        for pair in may.windows(2) {
            taken += pair[0].1;
            if taken + pair[1].1 > room {
                return Gate::Closed(pair[0].0);
            }
        }
        Gate::Closed(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ValueHasher;

    const BYTES: usize = 1 << 16;

    fn hashes(name: &str, range: std::ops::Range<u64>) -> Vec<u64> {
        let hasher = ValueHasher::new((3, 4));
        range.map(|n| hasher.hash_numbered(name, n)).collect()
    }

    #[test]
    fn who_comes_again_is_let_in_by_the_third_pane() {
        let mut keeper = DoorKeeper::default();
        let regulars = hashes("regular", 0..50);
        for pane in 0..2 {
            assert!(!regulars.iter().any(|hash| keeper.has_seen_twice(*hash)));
            let mut all = hashes("flood", pane * 5_000..(pane + 1) * 5_000);
            all.extend(&regulars);
            keeper.note(&all, BYTES);
        }
        assert!(regulars.iter().all(|hash| keeper.has_seen_twice(*hash)));
    }

    #[test]
    fn a_flood_of_keys_that_come_once_is_kept_out_for_ever() {
        let mut keeper = DoorKeeper::default();
        let mut let_in = 0;
        for pane in 0..200 {
            let flood = hashes("flood", pane * 5_000..(pane + 1) * 5_000);
            let_in += flood
                .iter()
                .filter(|hash| keeper.has_seen_twice(**hash))
                .count();
            keeper.note(&flood, BYTES);
            assert!(keeper.bytes() <= BYTES);
        }
        assert!(let_in < 100, "{let_in} of a million");
    }

    #[test]
    fn the_order_within_a_pane_does_not_matter() {
        let [mut one, mut other] = [DoorKeeper::default(), DoorKeeper::default()];
        for pane in 0..30 {
            let mut flood = hashes("flood", pane * 700..pane * 700 + 1_000);
            one.note(&flood, BYTES);
            flood.reverse();
            other.note(&flood, BYTES);
        }
        let bytes = [one, other].map(|keeper| postcard::to_stdvec(&keeper).unwrap());
        assert_eq!(bytes[0], bytes[1]);
    }

    #[test]
    fn no_more_come_in_at_once_than_there_is_room_for() {
        let may = vec![(9, 10), (3, 10), (7, 10), (5, 10)];
        assert_eq!(Gate::closed(may.clone(), 25), Gate::Closed(5));
        assert_eq!(Gate::closed(may, 40), Gate::Closed(u64::MAX));
        assert_eq!(Gate::closed(Vec::new(), 0), Gate::Closed(u64::MAX));
    }
}
