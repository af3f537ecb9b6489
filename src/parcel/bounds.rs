//! How many parcels, and what belongs to them, are remembered.

use super::outside::Outside;
use super::table::Parcel;
use crate::limits::{LEG_TIMES_MAX, OUTSIDE_ACCESSES_MAX, PARCEL_NAMES_MAX, PARCELS_MAX};

/// Of so many bytes one may be of how long legs take.
const LEGS_SHARE: usize = 5;
/// Leg times of one leg of a route, or one pair of places.
const LEG_BYTES: usize = 440;
/// A number in an index that is between half full and full.
const INDEX_BYTES: usize = 16;
/// A name, and its number in an index.
const NAME_BYTES: usize = 24 + 10;

/// How much is remembered at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParcelBounds {
    /// Parcels.
    pub parcels: usize,
    /// Accesses out of relation.
    pub accesses: usize,
    /// Names of sellers, organisations, actors and roles.
    pub names: usize,
    /// Parcels of sellers of whom no other was known, once there is no room for more: beyond these,
    /// such are not remembered.
    pub strangers: usize,
    /// Legs of a route and pairs of places, each, that have leg times of their own.
    pub legs: usize,
}

impl ParcelBounds {
    /// As much as ever.
    pub const LARGEST: ParcelBounds = ParcelBounds {
        parcels: PARCELS_MAX,
        accesses: OUTSIDE_ACCESSES_MAX,
        names: PARCEL_NAMES_MAX,
        strangers: usize::MAX,
        legs: LEG_TIMES_MAX,
    };

    /// What so many bytes suffice for: an access for every four parcels, a name for every two.
    pub fn within(bytes: usize) -> ParcelBounds {
        let legs = (bytes / LEGS_SHARE / 2 / LEG_BYTES).min(LEG_TIMES_MAX);
        let fours = (bytes - 2 * legs * LEG_BYTES) / ParcelBounds::FOUR;
        ParcelBounds {
            parcels: (4 * fours).min(PARCELS_MAX),
            accesses: fours.min(OUTSIDE_ACCESSES_MAX),
            names: (2 * fours).min(PARCEL_NAMES_MAX),
            strangers: fours / 2,
            legs,
        }
    }

    const FOUR: usize = 4 * (size_of::<Parcel>() + INDEX_BYTES)
        + size_of::<Outside>()
        + INDEX_BYTES
        + 2 * NAME_BYTES;

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        self.parcels / 4 * ParcelBounds::FOUR + 2 * self.legs * LEG_BYTES
    }
}
