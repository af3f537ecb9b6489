//! What happens lately at a place, with a carrier, or on one kind of leg.
//!
//! A scanner whose clock is wrong, a hub that stands still, a strike: they touch everybody's
//! parcels there, and no seller is the cause. Two things are kept for that, and both fade within
//! a day. The median of how much longer legs take than they used to is taken off each leg. And
//! where a fifth of the legs is impossible, over several sellers, the place is the reason.

use super::names::Name;
use crate::domain::Span;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// Everything fades by half in this time.
pub(super) const FADES: Span = Span::hours(6);
/// Legs before a median is believed.
const LEGS_MIN: u32 = 20;
/// Impossible legs before a place is the reason.
const IMPOSSIBLE_MIN: u32 = 5;
/// One in so many legs is impossible where the place is the reason.
const IMPOSSIBLE_SHARE: u32 = 5;
/// Sellers that are touched where the place is the reason.
const SELLERS_MIN: u32 = 3;
/// Deviations are kept from minus to plus this many buckets.
const DEVIATION_MAX: i32 = 32;

/// Hours by which clocks are wrong when a time zone or daylight saving is forgotten.
pub(super) const CLOCK_HOURS: [i64; 6] = [1, 2, 8, -1, -2, -8];

/// What happens lately.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spot {
    legs: u32,
    impossible: u32,
    /// Which sellers' legs were impossible, as a bit each, since the last fading and before.
    sellers: [u64; 2],
    /// How many impossible legs would be ordinary if the clock was wrong by so much.
    clock: [u32; CLOCK_HOURS.len()],
    #[serde(with = "BigArray")]
    deviations: [u16; 2 * DEVIATION_MAX as usize + 1],
}

impl Default for Spot {
    fn default() -> Self {
        Spot {
            legs: 0,
            impossible: 0,
            sellers: [0; 2],
            clock: [0; CLOCK_HOURS.len()],
            deviations: [0; 2 * DEVIATION_MAX as usize + 1],
        }
    }
}

impl Spot {
    /// A leg took so many buckets more than usual.
    pub(super) fn add(&mut self, deviation: i32) {
        let slot = (deviation.clamp(-DEVIATION_MAX, DEVIATION_MAX) + DEVIATION_MAX) as usize;
        self.deviations[slot] = self.deviations[slot].saturating_add(1);
    }

    /// A leg was made, of whatever kind.
    pub(super) fn count(&mut self) {
        self.legs = self.legs.saturating_add(1);
    }

    /// A leg of this seller was impossible; with a clock that is wrong by one of these it would
    /// not be.
    pub(super) fn add_impossible(&mut self, seller: Name, clock: &[bool; CLOCK_HOURS.len()]) {
        self.impossible = self.impossible.saturating_add(1);
        // Numbers are given out one by one, so up to 64 sellers have a bit each.
        self.sellers[0] |= 1 << (seller % 64);
        for (votes, fits) in self.clock.iter_mut().zip(clock) {
            *votes = votes.saturating_add(u32::from(*fits));
        }
    }

    /// Whether what is impossible here has its reason here.
    pub(super) fn is_reason(&self) -> bool {
        let sellers = (self.sellers[0] | self.sellers[1]).count_ones();
        self.impossible >= IMPOSSIBLE_MIN
            && self.impossible.saturating_mul(IMPOSSIBLE_SHARE) >= self.legs
            && sellers >= SELLERS_MIN
    }

    /// By how many hours the clock is wrong, where that explains most of what is impossible.
    pub(super) fn clock_hours(&self) -> Option<i64> {
        let (votes, hours) = self
            .clock
            .iter()
            .zip(CLOCK_HOURS)
            .max_by_key(|(votes, _)| **votes)?;
        (self.is_reason() && *votes * 10 >= self.impossible * 6).then_some(hours)
    }

    /// How many buckets longer than usual legs take lately.
    pub(super) fn shift(&self) -> i32 {
        let legs: u32 = self.deviations.iter().map(|count| u32::from(*count)).sum();
        if legs < LEGS_MIN {
            return 0;
        }
        let mut below = 0;
        let median = self.deviations.iter().position(|count| {
            below += u32::from(*count);
            below * 2 > legs
        });
        median.map_or(0, |slot| slot as i32 - DEVIATION_MAX)
    }

    /// Time has passed.
    pub(super) fn fade(&mut self) {
        self.legs /= 2;
        self.impossible /= 2;
        self.sellers = [0, self.sellers[0]];
        self.clock.iter_mut().for_each(|votes| *votes /= 2);
        self.deviations.iter_mut().for_each(|count| *count /= 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_reason_when_many_sellers_legs_are_impossible_there() {
        let none = [false; CLOCK_HOURS.len()];
        let mut of_one = Spot::default();
        let mut of_many = Spot::default();
        for seller in 0..20 {
            for spot in [&mut of_one, &mut of_many] {
                (0..3).for_each(|_| spot.count());
            }
            of_one.add_impossible(7, &none);
            of_many.add_impossible(seller, &none);
        }
        assert!(of_many.is_reason() && of_many.clock_hours().is_none());
        assert!(!of_one.is_reason());
        (0..400).for_each(|_| of_many.count());
        assert!(!of_many.is_reason(), "one leg in twenty-three");
    }

    #[test]
    fn an_offset_that_explains_most_is_the_clock() {
        let mut spot = Spot::default();
        for seller in 0..10 {
            spot.count();
            spot.add_impossible(seller, &[false, seller < 3, true, false, false, false]);
        }
        assert_eq!(spot.clock_hours(), Some(8));
    }

    #[test]
    fn the_shift_is_the_median_and_fades() {
        let mut spot = Spot::default();
        (0..10).for_each(|_| spot.add(0));
        assert_eq!(spot.shift(), 0);
        (0..30).for_each(|_| spot.add(9));
        assert_eq!(spot.shift(), 9);
        (0..2).for_each(|_| spot.fade());
        assert_eq!(spot.shift(), 0);
    }
}
