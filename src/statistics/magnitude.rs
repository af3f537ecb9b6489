//! Orders of magnitude.

use std::ops::RangeInclusive;

/// Those that are told apart, as powers of 10.
pub const MAGNITUDES: RangeInclusive<i8> = -3..=6;

/// The power of 10 at or below a value, held within [`MAGNITUDES`]; the least for what is not above 0.
pub fn magnitude(value: f64) -> i8 {
    let (least, most) = (*MAGNITUDES.start(), *MAGNITUDES.end());
    if value > 0.0 {
        value
            .log10()
            .floor()
            .clamp(f64::from(least), f64::from(most)) as i8
    } else {
        least
    }
}
