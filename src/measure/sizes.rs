//! How large values are: counts in fixed logarithmic buckets.

use crate::saved::boxed;
use serde::{Deserialize, Serialize};

/// Two buckets per doubling, up to 2^32; what is larger falls into the last.
pub const SIZE_BUCKETS: usize = 65;

/// A histogram of sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    #[serde(with = "boxed")]
    counts: Box<[u64; SIZE_BUCKETS]>,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            counts: Box::new([0; SIZE_BUCKETS]),
        }
    }
}

impl Sizes {
    /// How much larger the values of a bucket are than those of the one before.
    pub const RATIO: f64 = std::f64::consts::SQRT_2;

    /// The bucket of a value: 0 for 0 and 1, then one per factor of √2.
    pub fn bucket(value: u64) -> usize {
        if value <= 1 {
            return 0;
        }
        let octave = value.ilog2();
        // The upper half of an octave begins at √2 times its start.
        let upper = u128::from(value) * u128::from(value) >= 2_u128 << (2 * octave);
        ((2 * octave + u32::from(upper)) as usize).min(SIZE_BUCKETS - 1)
    }

    /// What no value of a bucket exceeds.
    pub fn bound(bucket: usize) -> f64 {
        2_f64.powf((bucket + 1) as f64 / 2.0)
    }

    /// The geometric middle of the least and the largest value of a bucket: of the smallest sizes a
    /// bucket holds but one.
    pub fn middle(bucket: usize) -> f64 {
        let bound = Sizes::bound(bucket);
        let least = (bound / Sizes::RATIO).ceil().max(1.0);
        let largest = (bound.ceil() - 1.0).max(least);
        (least * largest).sqrt()
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.counts[Sizes::bucket(value)] += 1;
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Sizes) {
        self.counts
            .iter_mut()
            .zip(other.counts.iter())
            .for_each(|(our, their)| *our += their);
    }

    /// Bytes on the heap, by what it holds and not by what it happens to have room for: the same
    /// of all that are equal.
    pub fn held_bytes(&self) -> usize {
        size_of_val(&*self.counts)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.counts)
    }

    /// Count per bucket.
    pub fn counts(&self) -> &[u64; SIZE_BUCKETS] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_rise_with_the_value_and_double_every_second() {
        let mut before = 0;
        for value in 0..100_000 {
            let bucket = Sizes::bucket(value);
            assert!(
                bucket == before || bucket == before + 1 || value == 2,
                "{value}"
            );
            assert!(value as f64 <= Sizes::bound(bucket));
            before = bucket;
        }
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 8].map(Sizes::bucket),
            [0, 0, 2, 3, 4, 4, 5, 6]
        );
        assert_eq!(Sizes::bucket(u64::MAX), SIZE_BUCKETS - 1);
    }

    #[test]
    fn the_middle_of_a_bucket_is_that_of_its_values() {
        for value in [1_u64, 2, 3] {
            assert_eq!(Sizes::middle(Sizes::bucket(value)), value as f64);
        }
        assert!((Sizes::middle(Sizes::bucket(4)) - 20_f64.sqrt()).abs() < 1e-9);
        let large = Sizes::bucket(1_000_000);
        let geometric = Sizes::bound(large) / Sizes::RATIO.sqrt();
        assert!((Sizes::middle(large) / geometric - 1.0).abs() < 1e-5);
    }

    #[test]
    fn merging_is_adding() {
        let (mut left, mut right, mut whole) =
            (Sizes::default(), Sizes::default(), Sizes::default());
        for value in [0, 1, 5, 9_000, u64::MAX] {
            whole.add(value);
            if value % 2 == 0 {
                left.add(value)
            } else {
                right.add(value)
            }
        }
        left.merge(&right);
        assert_eq!(left, whole);
    }
}
