//! Known peaks: large counts that an entity has had before.
//!
//! Who fetches everything every six hours is quiet in most windows and loud in some: no count
//! distribution around a mean has such a tail. What was reached on three days, and at such an
//! hour, is no news on a fourth, so p is at least how often such came since. While an entity is young
//! its days are quarters of a day: of what it usually does nobody knows more.

use crate::domain::Span;
use crate::statistics::{PValue, Tail};

/// Days on which a count must have been reached to be known.
const PEAK_DAYS: usize = 3;
/// What is this much above a known count is as good as known: as it is, and over the level of its
/// window, which is itself estimated.
const PEAK_MARGINS: [f64; 2] = [1.25, 2.0];
/// Counts less unlikely than this need no explanation.
const PEAK_P: f64 = 1e-2;
/// What a day leaves of a peak.
const PEAK_KEEP: f32 = 0.97;
/// What counts as a day while an entity is young.
pub(super) const YOUNG_DAY: Span = Span::hours(6);

/// The largest counts of an entity's days, as they are and over the level of their window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peaks {
    /// Of the days before, largest first.
    days: [[f32; PEAK_DAYS]; 2],
    today: [f32; 2],
    /// Windows in which it appeared, lately, and those of them that were known peaks.
    pub(super) visits: f32,
    times: f32,
}

impl Peaks {
    /// The tail of a count, where so many windows like it are known.
    pub(super) fn known(&mut self, x: f64, level: f64, tail: Tail, windows: f64) -> Tail {
        let is_news = |kind: usize, value: f64| {
            value > PEAK_MARGINS[kind] * f64::from(self.days[kind][PEAK_DAYS - 1])
        };
        if tail.p().get() >= PEAK_P || is_news(0, x) || is_news(1, x / level) {
            return tail;
        }
        let times = PEAK_DAYS as f64 + f64::from(self.times);
        self.times += 1.0;
        tail.at_least(PValue::new(times / windows.max(times)))
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
