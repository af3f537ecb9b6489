//! Walks through a space of serial numbers: how many of the numbers touched have a neighbour that
//! was touched, too.
//!
//! A reference is read as a series (the characters before its last run of digits) and a serial
//! number: that run without its last digit, which in postal references (UPU S10, carriers'
//! numbers) is the check digit. Serials are kept as bits in blocks of 128; where there are more
//! blocks than room, those with the smallest keyed hashes stay, so a long walk is sampled by
//! whole blocks and neighbours stay together. Neighbours are counted after merging: the order in
//! which somebody walks does not matter.

use super::{ValueHasher, grown};
use serde::{Deserialize, Serialize};

/// Blocks that are kept.
pub const WALK_BLOCKS_MAX: usize = 64;
/// Serials in a block.
const BLOCK: u64 = 128;
/// Neighbours are at most so far apart.
const GAP: u32 = 20;
/// Digits that a serial number has at least, check digit included.
const DIGITS_MIN: usize = 5;

/// The serial numbers touched, as a bounded sample of blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// By hash: which serials of the block were touched.
    blocks: Vec<(u64, u128)>,
}

/// Serials touched, and how many of them have a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Different serials in the sample.
    pub serials: u64,
    /// Of these, how many have another one at most 20 below them.
    pub adjacent: u64,
}

impl Walk {
    /// Adds a reference; one without a serial number adds nothing.
    pub fn add(&mut self, reference: &str, hasher: &ValueHasher) {
        if let Some((series, serial)) = split(reference) {
            let block = hasher.hash_numbered(series, serial / BLOCK);
            self.add_bits(block, 1 << (serial % BLOCK));
        }
    }

    fn add_bits(&mut self, block: u64, bits: u128) {
        match self
            .blocks
            .binary_search_by_key(&block, |(block, _)| *block)
        {
            Ok(at) => self.blocks[at].1 |= bits,
            Err(at) if at < WALK_BLOCKS_MAX => {
                self.blocks.truncate(WALK_BLOCKS_MAX - 1);
                self.blocks.insert(at, (block, bits));
            }
            Err(_) => {}
        }
    }

    /// Adds another walk.
    pub fn merge(&mut self, other: &Walk) {
        for (block, bits) in &other.blocks {
            self.add_bits(*block, *bits);
        }
    }

    /// What was touched.
    pub fn steps(&self) -> Steps {
        let mut steps = Steps {
            serials: 0,
            adjacent: 0,
        };
        for (_, bits) in &self.blocks {
            let below = (1..=GAP).fold(0, |below, gap| below | (bits << gap));
            steps.serials += u64::from(bits.count_ones());
            steps.adjacent += u64::from((bits & below).count_ones());
        }
        steps
    }

    /// Bytes on the heap, by what it holds and not by what it happens to have room for: the same
    /// of all that are equal.
    pub fn held_bytes(&self) -> usize {
        grown(self.blocks.len()) * size_of::<(u64, u128)>()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<(u64, u128)>()
    }
}

/// The series and the serial number of a reference.
fn split(reference: &str) -> Option<(&str, u64)> {
    let bytes = reference.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let start = bytes[..end]
        .iter()
        .rposition(|byte| !byte.is_ascii_digit())
        .map_or(0, |before| before + 1);
    // What a u64 does not hold belongs to the series.
    let start = start.max(end.saturating_sub(18));
    if end - start < DIGITS_MIN {
        return None;
    }
    let serial = reference[start..end - 1].parse().ok()?;
    Some((&reference[..start], serial))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHER: ValueHasher = ValueHasher::new((5, 6));

    fn steps(serials: impl IntoIterator<Item = u64>) -> Steps {
        let mut walk = Walk::default();
        for serial in serials {
            walk.add(&format!("VG{serial:010}{}", serial % 7), &HASHER);
        }
        walk.steps()
    }

    #[test]
    fn a_walk_is_told_from_scattered_numbers() {
        let walk = steps((0..300).map(|n| 1_200_000_000 + 3 * n));
        assert!(walk.serials == 300 && walk.adjacent > 280, "{walk:?}");
        let scattered = steps((0..300).map(|n| 1_200_000_000 + 7_919 * n));
        assert_eq!(
            (scattered.adjacent, scattered.serials),
            (0, WALK_BLOCKS_MAX as u64)
        );
    }

    #[test]
    fn a_long_walk_is_sampled_by_whole_blocks() {
        let walk = steps((0..100_000).map(|n| 1_200_000_000 + n));
        assert_eq!(walk.serials, WALK_BLOCKS_MAX as u64 * BLOCK);
        assert_eq!(walk.adjacent, WALK_BLOCKS_MAX as u64 * (BLOCK - 1));
    }

    #[test]
    fn merging_in_any_order_gives_the_same() {
        let walk = |range: std::ops::Range<u64>| {
            let mut walk = Walk::default();
            range.for_each(|n| walk.add(&format!("A{:08}", n * 37), &HASHER));
            walk
        };
        let whole = walk(0..4_000);
        let mut merged = walk(2_000..4_000);
        merged.merge(&walk(0..2_500));
        assert_eq!(merged, whole);
    }

    #[test]
    fn a_reference_is_series_and_serial() {
        assert_eq!(split("VG12345678905"), Some(("VG", 1_234_567_890)));
        assert_eq!(split("RR123456785CN"), Some(("RR", 12_345_678)));
        assert_eq!(
            split("1234567890123456789012"),
            Some(("1234", 56_789_012_345_678_901))
        );
        assert_eq!(split("a-12"), None);
        assert_eq!(split("token"), None);
        assert_eq!(split("é12345"), Some(("é", 1_234)));
    }
}
