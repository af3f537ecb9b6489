//! Known peaks: large counts that an entity has had before.
//!
//! Who fetches everything every six hours is quiet in most windows and loud in some: no count
//! distribution around a mean has such a tail. What was reached on three days, and at such an
//! hour, is no news on a fourth, so p is at least how often such came since. Of who comes seldom,
//! what is a little more is a little less likely than that (a Pareto tail beyond the largest values
//! known: Weissman, JASA 1978), and what is much more is as unlikely as the law says. While an
//! entity is young its days are quarters of a day: of what it usually does nobody knows more.

use crate::domain::Span;
use crate::statistics::{PValue, Tail};
use serde::{Deserialize, Serialize};

/// Days on which a count must have been reached to be known.
const PEAK_DAYS: usize = 3;
/// What is this much above a known count is as good as known: as it is, and over the level of its
/// window, which is itself estimated.
const PEAK_MARGINS: [f64; 2] = [1.25, 2.0];
/// Counts less unlikely than this need no explanation.
const PEAK_P: f64 = 1e-2;
/// Beyond what is known, chances fall as this power of how far: the tail of a Pareto distribution.
const PEAK_INDEX: f64 = 30.0;
/// So it is for who comes in less than this share of windows. Of who is always there, the law around
/// a mean knows better.
const SELDOM: f64 = 0.75;
/// What is this many times what is as good as known is news: a few peaks say nothing of what lies so
/// far beyond.
const NEWS: f64 = 2.0;
/// What a day leaves of a peak.
const PEAK_KEEP: f32 = 0.97;
/// What counts as a day while an entity is young.
pub(super) const YOUNG_DAY: Span = Span::hours(6);

/// The largest counts of an entity's days, as they are and over the level of their window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Peaks {
    /// Of the days before, largest first.
    days: [[f32; PEAK_DAYS]; 2],
    today: [f32; 2],
    /// Windows in which it appeared, lately, and those of them that were known peaks.
    pub(super) visits: f32,
    times: f32,
}

impl Peaks {
    /// The tail of a count, where so many windows are known, and so many of them tested.
    pub(super) fn known(
        &mut self,
        x: f64,
        level: f64,
        tail: Tail,
        windows: f64,
        tested: f64,
    ) -> Tail {
        if tail.p().get() >= PEAK_P {
            return tail;
        }
        let mut beyond = 1.0_f64;
        for ((value, days), margin) in [x, x / level].iter().zip(&self.days).zip(PEAK_MARGINS) {
            beyond = beyond.max(value / (margin * f64::from(days[PEAK_DAYS - 1])));
        }
        let comes_seldom = f64::from(self.visits) <= SELDOM * windows;
        if beyond > if comes_seldom { NEWS } else { 1.0 } {
            return tail;
        }
        let times = PEAK_DAYS as f64 + f64::from(self.times);
        if beyond <= 1.0 {
            self.times += 1.0;
        }
        let known = times / tested.max(times);
        tail.at_least(PValue::from_ln(known.ln() - PEAK_INDEX * beyond.ln()))
    }

    pub(super) fn learn(&mut self, x: f64, level: f64) {
        self.visits += 1.0;
        for (today, value) in self.today.iter_mut().zip([x, x / level]) {
            *today = today.max(value as f32);
        }
    }

    /// A day has passed, or what counts as one.
    pub(super) fn next_day(&mut self) {
        self.visits *= PEAK_KEEP;
        self.times *= PEAK_KEEP;
        for (days, today) in self.days.iter_mut().zip(&mut self.today) {
            let mut peak = std::mem::take(today);
            for day in days {
                *day *= PEAK_KEEP;
                if peak > *day {
                    std::mem::swap(day, &mut peak);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_more_than_is_known_is_a_little_less_likely_and_much_more_is_news() {
        let mut peaks = Peaks::default();
        for _ in 0..PEAK_DAYS {
            peaks.learn(8.0, 0.2);
            peaks.next_day();
        }
        let p = |x: f64| {
            let tail = Tail::new(PValue::new(1e-12), 0.0);
            { peaks }.known(x, 0.2, tail, 1_000.0, 100.0).p().get()
        };
        assert!((p(8.0) - 0.03).abs() < 1e-9, "{}", p(8.0));
        let margin = 1.25 * 8.0 * f64::from(PEAK_KEEP).powi(2);
        assert!((p(margin) / 0.03 - 1.0).abs() < 1e-3, "{}", p(margin));
        // Over its level twice as much would be known; what is less known decides.
        let beyond = p(1.2 * margin) / p(margin);
        assert!((beyond / 1.2_f64.powi(-30) - 1.0).abs() < 1e-3, "{beyond}");
        // And far beyond it is as unlikely as it seems.
        assert!(p(0.99 * NEWS * margin) > 1e-11);
        assert!((p(1.01 * NEWS * margin) / 1e-12 - 1.0).abs() < 1e-9);
        // Who was never seen has no peaks.
        let tail = Tail::new(PValue::new(1e-12), 0.0);
        let unknown = Peaks::default().known(8.0, 0.2, tail, 1_000.0, 100.0);
        assert_eq!(unknown.p(), tail.p());
        // Who is always there has the law.
        let law = |x: f64| { peaks }.known(x, 0.2, tail, 3.0, 3.0).p();
        assert_eq!(law(1.2 * margin), tail.p());
        assert!(law(8.0) > tail.p());
    }
}
