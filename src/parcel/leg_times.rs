//! How long legs take: counts in buckets of a fixed width in the logarithm.
//!
//! Four buckets an octave (19 % apart) from a second to half a year. Counts are integers, so the
//! distribution is robust (quantiles, not moments) and depends on no order.

use crate::domain::Span;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

const PER_OCTAVE: u32 = 4;
pub(super) const BUCKETS: usize = 96;
/// Legs before a distribution is believed.
pub(super) const LEGS_MIN: u64 = 200;
/// How far beyond its rarest half per cent a leg time is impossible: two octaves, ×4.
const MARGIN: i32 = 2 * PER_OCTAVE as i32;

/// A distribution of leg times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LegTimes {
    #[serde(with = "BigArray")]
    counts: [u32; BUCKETS],
    legs: u64,
}

impl Default for LegTimes {
    fn default() -> Self {
        LegTimes {
            counts: [0; BUCKETS],
            legs: 0,
        }
    }
}

/// Shortest and longest bucket that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Possible {
    pub(super) shortest: i32,
    pub(super) longest: i32,
}

/// The bucket of a length of time; all up to a second share the first.
pub(super) fn bucket(span: Span) -> i32 {
    let seconds = (span.0 / Span::SECOND.0).max(1) as u64;
    let octave = seconds.ilog2();
    // The two bits below the leading one; below four seconds there are none.
    let quarter = ((seconds << 2) >> octave) as u32 & (PER_OCTAVE - 1);
    ((octave * PER_OCTAVE + quarter) as i32).min(BUCKETS as i32 - 1)
}

/// The bucket of a time that is the sum of two, each at the beginning of its bucket.
pub(super) fn bucket_of_both(one: i32, other: i32) -> i32 {
    let (long, short) = (one.max(other), one.min(other));
    let gap = long - short;
    // log2(1 + 2^-gap), in buckets: 4 at no gap, 1 at 8, 0 beyond 14.
    let more = (f64::from(PER_OCTAVE)
        * (1.0 + (-f64::from(gap) / f64::from(PER_OCTAVE)).exp2()).log2())
    .floor() as i32;
    long + more
}

impl LegTimes {
    pub(super) fn add(&mut self, bucket: i32) {
        let count = &mut self.counts[bucket.clamp(0, BUCKETS as i32 - 1) as usize];
        *count = count.saturating_add(1);
        self.legs += 1;
    }

    pub(super) fn legs(&self) -> u64 {
        self.legs
    }

    /// The bucket below which there are fewer than `per_mille` of a thousand legs.
    pub(super) fn quantile(&self, per_mille: u64) -> i32 {
        let rank = self.legs * per_mille / 1_000;
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += u64::from(*count);
            if below > rank {
                return bucket as i32;
            }
        }
        BUCKETS as i32 - 1
    }

    /// What is possible, once enough is known.
    pub(super) fn possible(&self) -> Option<Possible> {
        (self.legs >= LEGS_MIN).then(|| Possible {
            shortest: self.quantile(5) - MARGIN,
            longest: self.quantile(995) + MARGIN,
        })
    }

    /// Half is forgotten, where there is more than enough.
    pub(super) fn halve(&mut self) {
        if self.legs < 4 * LEGS_MIN {
            return;
        }
        self.legs = 0;
        for count in &mut self.counts {
            *count /= 2;
            self.legs += u64::from(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_by_a_quarter_of_an_octave() {
        let of = |seconds: i64| bucket(Span(seconds * Span::SECOND.0));
        assert_eq!(
            (of(0), of(1), of(2), of(4), of(5), of(8)),
            (0, 0, 4, 8, 9, 12)
        );
        for seconds in [7, 60, 3_600, 86_400] {
            assert_eq!(of(2 * seconds), of(seconds) + 4);
            assert_eq!(bucket_of_both(of(seconds), of(seconds)), of(2 * seconds));
        }
        assert_eq!(of(i64::MAX / 1_000), BUCKETS as i32 - 1);
        assert_eq!(bucket_of_both(of(86_400), of(60)), of(86_400));
    }

    #[test]
    fn what_is_possible_reaches_four_times_beyond_the_rare() {
        let mut times = LegTimes::default();
        for seconds in (30 * 60..360 * 60).step_by(20) {
            times.add(bucket(Span(seconds * Span::SECOND.0)));
        }
        let legs = times.legs();
        let possible = times.possible().unwrap();
        assert!(possible.shortest > bucket(Span::minutes(6)));
        assert!(possible.shortest <= bucket(Span::minutes(8)));
        assert!(possible.longest < bucket(Span::hours(28)));
        assert!(possible.longest >= bucket(Span::hours(20)));
        times.halve();
        assert!(times.legs() > legs / 3 && times.legs() <= legs / 2);
        assert_eq!(times.possible(), Some(possible));
        (0..9).for_each(|_| times.halve());
        assert!(times.possible().is_some(), "{} legs", times.legs());
    }
}
