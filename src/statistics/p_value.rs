//! Probabilities of a tail, as a type that cannot be NaN.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A p-value, kept as its natural logarithm: 1 is 0, and 1e-300 is representable with room.
///
/// Never NaN, never above 1, never below [`PValue::FLOOR`].
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct PValue {
    ln: f64,
}

impl PValue {
    /// Certain: nothing to see.
    pub const ONE: PValue = PValue { ln: 0.0 };
    /// 1e-300; what is smaller is written so.
    pub const FLOOR: PValue = PValue {
        ln: -690.775_527_898_213_7,
    };

    /// From a natural logarithm. Anything that is not a number is taken as 1, so that a
    /// numerical accident can never raise an alert.
    pub fn from_ln(ln: f64) -> PValue {
        if ln.is_nan() {
            return PValue::ONE;
        }
        PValue {
            ln: ln.clamp(PValue::FLOOR.ln, 0.0),
        }
    }

    /// From a probability.
    pub fn new(p: f64) -> PValue {
        PValue::from_ln(p.ln())
    }

    /// Natural logarithm, 0 or less.
    pub fn ln(self) -> f64 {
        self.ln
    }

    /// The probability itself, at least 1e-300.
    pub fn get(self) -> f64 {
        if self.ln == 0.0 {
            // Nearly every p-value of a count that did not happen.
            return 1.0;
        }
        self.ln.exp()
    }

    /// Both tails were looked at: twice the smaller one, at most 1.
    pub fn two_sided(self, other: PValue) -> PValue {
        PValue::from_ln(self.min(other).ln + std::f64::consts::LN_2)
    }

    fn half(self) -> PValue {
        PValue::from_ln(self.ln - std::f64::consts::LN_2)
    }

    /// The smaller of two.
    pub fn min(self, other: PValue) -> PValue {
        if self.ln <= other.ln { self } else { other }
    }

    /// The chance that two independent things happened together.
    pub fn and(self, other: PValue) -> PValue {
        PValue::from_ln(self.ln + other.ln)
    }
}

impl Eq for PValue {}

#[allow(clippy::derive_ord_xor_partial_ord)] // The derived partial order is total without NaN.
impl Ord for PValue {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ln.total_cmp(&other.ln)
    }
}

impl fmt::Debug for PValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p={:e}", self.get())
    }
}

/// The tail of a discrete distribution beyond an observed value.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Tail {
    /// Probability of the observed value or one farther out on this side.
    side: PValue,
    /// Probability of the observed value itself.
    mass: f64,
    /// Whether the other side counts too.
    two_sided: bool,
    /// What the same evidence had come to before, as a probability.
    before: f64,
}

impl Tail {
    /// Nothing was tested.
    pub const NONE: Tail = Tail {
        side: PValue::ONE,
        mass: 0.0,
        two_sided: false,
        before: 1.0,
    };

    /// One side: the probability of the value or one farther out, and of the value itself.
    pub fn new(side: PValue, mass: f64) -> Tail {
        Tail {
            side,
            mass,
            two_sided: false,
            before: 1.0,
        }
    }

    /// The same, of evidence that is collected from window to window and had come to `before`. Its
    /// p-value is a rate of reaching it, and a level that was reached before is not reached again.
    pub fn after(self, before: PValue) -> Tail {
        Tail {
            before: before.get(),
            ..self
        }
    }

    /// What the same evidence had come to before, and 1 where there is none.
    pub fn before(self) -> f64 {
        self.before
    }

    /// Whether a level was reached before: a test does not count there.
    pub fn had_reached(self, level: f64) -> bool {
        level >= self.before
    }

    /// The same among the values that had the probability `chance` together, all of which lie on
    /// this side.
    pub fn given(self, chance: PValue) -> Tail {
        Tail {
            side: PValue::from_ln(self.side.ln() - chance.ln()),
            mass: (self.mass / chance.get()).min(1.0),
            ..self
        }
    }

    /// The same where this side has the probability `chance`.
    pub fn times(self, chance: f64) -> Tail {
        Tail {
            side: self.side.and(PValue::new(chance)),
            mass: self.mass * chance,
            ..self
        }
    }

    /// The same, but not below `least` as a whole: what is farther out comes so often, and no more
    /// is known of it.
    pub fn at_least(self, least: PValue) -> Tail {
        let least = match self.two_sided {
            true => least.half(),
            false => least,
        };
        if least <= self.side {
            return self;
        }
        Tail {
            side: least,
            mass: least.get(),
            ..self
        }
    }

    /// The tail on another scale: of the value and those farther out what the distribution function
    /// `scale` makes of their p-value, and of those farther out what `beyond` does. Where they are the
    /// same, that is the tail of what it makes of the randomised p-value.
    pub fn rescaled(
        self,
        scale: impl Fn(PValue) -> PValue,
        beyond: impl Fn(PValue) -> PValue,
    ) -> Tail {
        let least =
            PValue::from_ln(self.side.ln + (-self.mass / self.side.get()).max(-1.0).ln_1p());
        let before = match self.before < 1.0 {
            true => scale(PValue::new(self.before)).get(),
            false => 1.0,
        };
        let side = self.side_on(self.side, scale);
        let least = match self.mass > 0.0 {
            true => self.side_on(least, beyond).get(),
            false => side.get(),
        };
        Tail {
            side,
            // No more can be farther out; and where a mass is as small as the error of `scale`,
            // rounding must not make it negative.
            mass: (side.get() - least).max(0.0),
            before,
            ..self
        }
    }

    /// This side, where `scale` is of p-values and both sides may count.
    fn side_on(self, side: PValue, scale: impl Fn(PValue) -> PValue) -> PValue {
        match self.two_sided {
            false => scale(side),
            true if side.get() <= 0.5 => scale(side.two_sided(side)).half(),
            true => {
                let other = PValue::new(1.0 - side.get());
                PValue::new(1.0 - scale(other.two_sided(other)).half().get())
            }
        }
    }

    /// Both sides count: the smaller of the two tails beyond the value decides, doubled.
    pub fn two_sided(self) -> Tail {
        let other = PValue::new(1.0 - self.side.get() + self.mass);
        Tail {
            side: self.side.min(other),
            mass: self.mass,
            two_sided: true,
            ..self
        }
    }

    /// The conservative p-value.
    pub fn p(self) -> PValue {
        if self.two_sided {
            self.side.two_sided(self.side)
        } else {
            self.side
        }
    }

    /// Probability of the observed value itself.
    pub fn mass(self) -> f64 {
        self.mass
    }

    /// By how much randomisation lowers the p-value at the most: the mass, twice that where both
    /// sides count.
    pub fn p_mass(self) -> f64 {
        let sides = if self.two_sided { 2.0 } else { 1.0 };
        (sides * self.mass).min(self.p().get())
    }

    /// How the randomised p-value is distributed, for who asks it more than one question.
    pub fn spread(self) -> Spread {
        let high = self.side.get();
        let low = (high - self.mass).max(0.0);
        match self.two_sided {
            false => Spread::Uniform(low, high),
            true if high <= 0.5 => Spread::Uniform(2.0 * low, 2.0 * high),
            true => Spread::Other(self),
        }
    }

    /// The randomised p-value for `u` uniform in (0, 1): exactly uniform under the null
    /// hypothesis, also for discrete data (Rubin-Delanchy, Heard and Lawson, JASA 2019).
    pub fn randomised(self, u: f64) -> f64 {
        let side = (self.side.get() - (1.0 - u) * self.mass).clamp(0.0, 1.0);
        if self.two_sided {
            2.0 * side.min(1.0 - side)
        } else {
            side
        }
    }

    /// Whether [`Tail::chance_below`] is more than 0.
    pub fn may_be_below(self, level: f64) -> bool {
        self.two_sided || self.side.get() - self.mass < level
    }

    /// The chance that the randomised p-value is at most `level`: summed over tests its
    /// expectation is `level` times their number, without drawing anything.
    pub fn chance_below(self, level: f64) -> f64 {
        let side = self.side.get();
        let below = |level: f64| {
            if side <= level {
                1.0
            } else if self.mass <= 0.0 {
                0.0
            } else {
                ((level - (side - self.mass)) / self.mass).clamp(0.0, 1.0)
            }
        };
        if self.two_sided {
            below(level / 2.0) + 1.0 - below(1.0 - level / 2.0)
        } else {
            below(level)
        }
    }
}

/// How the randomised p-value of a tail is distributed.
#[derive(Clone, Copy, Debug)]
pub enum Spread {
    /// Uniform from here to there.
    Uniform(f64, f64),
    /// In the middle of a distribution, where two sides meet in one value.
    Other(Tail),
}

impl Spread {
    /// As [`Tail::chance_below`].
    pub fn below(&self, level: f64) -> f64 {
        match self {
            Spread::Uniform(low, high) if level >= *high || low >= high => {
                f64::from(u8::from(level >= *high))
            }
            Spread::Uniform(low, high) => ((level - low) / (high - low)).max(0.0),
            Spread::Other(tail) => tail.chance_below(level),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_is_never_nan_above_one_or_zero() {
        assert_eq!(PValue::new(f64::NAN), PValue::ONE);
        assert_eq!(PValue::new(-1.0), PValue::ONE);
        assert_eq!(PValue::new(2.0), PValue::ONE);
        assert_eq!(PValue::new(0.0), PValue::FLOOR);
        assert!(PValue::FLOOR.and(PValue::FLOOR).get() > 0.0);
        assert!((PValue::FLOOR.get().log10() + 300.0).abs() < 1e-9);
    }

    #[test]
    fn a_small_p_value_less_its_mass_is_the_lowest_that_randomisation_gives() {
        let one = Tail::new(PValue::new(1e-3), 4e-4);
        for tail in [one, one.two_sided()] {
            let least = tail.p().get() - tail.p_mass();
            assert!((least - tail.randomised(0.0)).abs() < 1e-12, "{tail:?}");
        }
    }

    #[test]
    fn a_rescaled_tail_is_where_its_randomised_p_value_is_put() {
        let square = |p: PValue| p.and(p);
        let one = Tail::new(PValue::new(0.3), 0.25);
        let deep = Tail::new(PValue::new(1e-100), 4e-101);
        for tail in [one, deep, one.two_sided(), deep.two_sided()] {
            let rescaled = tail.rescaled(square, square);
            for u in [1e-9, 1.0] {
                let (put, due) = (rescaled.randomised(u), tail.randomised(u).powi(2));
                assert!((put - due).abs() <= 1e-6 * due, "{tail:?} {u}: {put} {due}");
            }
        }
        assert_eq!(Tail::NONE.rescaled(square, square).p(), PValue::ONE);
        let uneven = |p: PValue| PValue::new(if p.get() < 0.9 { 0.8 + 1e-9 } else { 0.8 });
        let thin = Tail::new(PValue::new(0.9), 1e-12).rescaled(uneven, uneven);
        assert_eq!((thin.p().get(), thin.mass()), (PValue::new(0.8).get(), 0.0));
        // Of the value as it was, and of what is farther out less; or more, which cannot be.
        let same = |p: PValue| p;
        let apart = one.rescaled(same, square);
        assert!((apart.p().get() - 0.3).abs() < 1e-12, "{apart:?}");
        assert!(
            (apart.mass() - (0.3 - 0.05_f64.powi(2))).abs() < 1e-9,
            "{apart:?}"
        );
        assert_eq!(one.rescaled(same, |_| PValue::new(0.9)).mass(), 0.0);
    }

    #[test]
    fn the_chance_below_a_level_is_what_drawing_gives() {
        let n = 100_000;
        let one = Tail::new(PValue::new(0.3), 0.25);
        let wide = Tail::new(PValue::new(0.7), 0.6).two_sided();
        for level in [0.01, 0.1, 0.2, 0.4, 0.9] {
            for tail in [one, one.two_sided(), wide] {
                let draws = (0..n).map(|i| tail.randomised((f64::from(i) + 0.5) / f64::from(n)));
                let share = draws.filter(|p| *p <= level).count() as f64 / f64::from(n);
                assert!(
                    (share - tail.chance_below(level)).abs() < 1e-4,
                    "{level}: {share} {tail:?}"
                );
                let chance = tail.spread().below(level);
                assert!((chance - tail.chance_below(level)).abs() < 1e-9, "{tail:?}");
            }
        }
    }
}
