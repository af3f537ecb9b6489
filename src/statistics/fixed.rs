//! Sums whose result does not depend on the order of the summands.

use serde::{Deserialize, Serialize};

/// A sum in fixed point, 2^-32 to 2^95: merges in any order to the same bits, which a sum of
/// floats does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedSum(i128);

const SCALE: f64 = 4_294_967_296.0;
/// What surely fits 64 bits.
const NARROW_MAX: f64 = 9e18;

impl FixedSum {
    /// Adds a value, rounded to 2^-32. What is not a number counts as 0.
    pub fn add(&mut self, value: f64) {
        let scaled = value * SCALE;
        // Converting to 64 bits is an instruction, to 128 a call.
        let rounded = if scaled.abs() < NARROW_MAX {
            i128::from(scaled as i64)
        } else {
            scaled as i128
        };
        self.0 = self.0.saturating_add(rounded);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: FixedSum) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// The sum.
    pub fn get(self) -> f64 {
        self.0 as f64 / SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter() {
        let values = [1e9, 1e-3, -0.7, 3.3e7, 0.1, 0.2, 0.3];
        let mut forwards = FixedSum::default();
        let mut backwards = FixedSum::default();
        values.iter().for_each(|value| forwards.add(*value));
        values.iter().rev().for_each(|value| backwards.add(*value));
        assert_eq!(forwards, backwards);
        forwards.add(f64::NAN);
        assert_eq!(forwards, backwards);
    }
}
