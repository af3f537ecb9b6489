//! Who does not say what is usual: an entity that is far out again and again, or as far out as what
//! is looked for.

use super::{Stratum, UNCOUNTED};
use crate::saved;
use crate::statistics::Tail;
use ahash::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Of the tests of a day that say so little or less of an entity of which less than one was expected,
/// the first counts. Who is always there has hundreds, and several by chance.
const RARE: f64 = 1e-3;
/// And from so many on none does: that was no chance. Nor does one where another is as small as
/// [`UNCOUNTED`].
const RARE_TIMES: u32 = 3;

/// What a test is for those that follow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// It counts.
    Counts,
    /// It does not.
    LeftOut,
    /// Nor does one that had been counted.
    TakesBack(Stratum, Tail),
}

/// An entity's tests of today that were rare.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Rare {
    tests: u32,
    /// The one that counts.
    counted: Option<(Stratum, Tail)>,
}

/// The rare tests of a series today, by entity.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct LeftOut {
    #[serde(serialize_with = "saved::map")]
    today: HashMap<usize, Rare, RandomState>,
}

impl LeftOut {
    /// What this test is, of the entity in this row, whose p-value was put as `rescaled`.
    pub(super) fn judge(
        &mut self,
        row: usize,
        stratum: Stratum,
        tail: Tail,
        rescaled: Tail,
    ) -> Verdict {
        let is_rare = rescaled.p().get() <= RARE && !rescaled.had_reached(RARE);
        if !is_rare || stratum.is_expected() {
            return Verdict::Counts;
        }
        let rare = self.today.entry(row).or_default();
        rare.tests += match tail.p().get() <= UNCOUNTED {
            true => RARE_TIMES,
            false => 1,
        };
        if rare.tests == 1 {
            rare.counted = Some((stratum, tail));
            return Verdict::Counts;
        }
        match rare.counted.take_if(|_| rare.tests >= RARE_TIMES) {
            Some((stratum, tail)) => Verdict::TakesBack(stratum, tail),
            None => Verdict::LeftOut,
        }
    }

    /// A day has passed, and rows may be others.
    pub(super) fn next_day(&mut self) {
        self.today.clear();
    }

    pub(super) fn bytes(&self) -> usize {
        self.today.capacity() * size_of::<(usize, Rare)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Maturity;
    use crate::statistics::PValue;

    /// What tests of entities are, by row and p-value, of which `expected` events were expected.
    fn verdicts(left_out: &mut LeftOut, expected: f64, tests: &[(usize, f64)]) -> String {
        let stratum = Stratum::new(0, Maturity::Mature, expected);
        let mut judge = |(row, p): &(usize, f64)| {
            let tail = Tail::new(PValue::new(*p), 0.0);
            match left_out.judge(*row, stratum, tail, tail) {
                Verdict::Counts => '+',
                Verdict::LeftOut => '.',
                Verdict::TakesBack(of, what) => {
                    assert!(of == stratum && what.p().get() > UNCOUNTED);
                    '-'
                }
            }
        };
        tests.iter().map(&mut judge).collect()
    }

    #[test]
    fn of_rare_tests_of_a_day_one_counts_and_of_three_none() {
        let mut left_out = LeftOut::default();
        let thrice = [
            (1, 0.3),
            (1, 4e-4),
            (2, 4e-4),
            (1, 3e-4),
            (1, 2e-4),
            (1, 2e-4),
        ];
        assert_eq!(verdicts(&mut left_out, 0.1, &thrice), "+++.-.");
        left_out.next_day();
        assert_eq!(verdicts(&mut left_out, 0.1, &thrice), "+++.-.");
        assert_eq!(verdicts(&mut left_out, 2.0, &thrice), "++++++");
    }

    #[test]
    fn who_is_as_far_out_as_what_is_looked_for_is_left_out_for_the_day() {
        let mut left_out = LeftOut::default();
        let extreme = [
            (1, 4e-4),
            (2, 4e-4),
            (1, 1e-6),
            (3, 1e-6),
            (3, 4e-4),
            (1, 4e-4),
        ];
        assert_eq!(verdicts(&mut left_out, 0.1, &extreme), "++-...");
        left_out.next_day();
        assert_eq!(verdicts(&mut left_out, 0.1, &[(1, 4e-4), (3, 4e-4)]), "++");
    }
}
