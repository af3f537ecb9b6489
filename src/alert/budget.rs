//! The budget: how many false alarms a day people accept decides every threshold.
//!
//! The whole is split over the detections by weight, over the windows of a detection evenly, and
//! over the classes of a series by the square root of how many entities each has. Evenly over
//! entities, a hub's thirty service accounts would be judged as strictly as its hundred thousand
//! buyers; evenly over classes, each of these buyers would be judged for all thirty.
//! (Weighted Bonferroni: Roeder and Wasserman, Statistical Science 2009.)
//!
//! A finding of p-value p in a class of a series that makes n tests a day would be matched or
//! outdone by chance n·p times a day; scaled by the class's share of the budget this is one
//! figure for all detections, by which their alerts rank: how many alarms a day at least this
//! strong the whole daemon would raise on quiet traffic. It fires where that figure is within
//! the budget.

use crate::detection::{Detection, Plan, SeriesId};
use crate::domain::EventTime;
use crate::score::Judgement;
use crate::statistics::PValue;
use serde::{Deserialize, Serialize};

/// The shares of the budget.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Per series: its share of the whole, and how many of its windows make a day.
    series: Vec<(f64, f64)>,
    whole: f64,
}

impl Budget {
    /// Splits `whole` false alarms a day.
    pub fn new(plan: &Plan, whole: f64) -> Budget {
        // What is switched off spends nothing.
        let weight = |detection: &Detection| {
            if detection.policy.enabled {
                detection.policy.weight
            } else {
                0.0
            }
        };
        let total: f64 = plan.detections.iter().map(weight).sum();
        let series = plan
            .series
            .iter()
            .map(|series| {
                let detection = &plan.detections[series.detection];
                let share = weight(detection) / total / detection.windows.len() as f64;
                (share, series.span.per_day())
            })
            .collect();
        Budget { series, whole }
    }

    /// How many alarms a day at least this strong the whole daemon would raise by chance.
    pub fn false_alarms_per_day(&self, judgement: &Judgement, class: u8, p: PValue) -> f64 {
        let (share, windows_per_day) = self.series[judgement.series];
        let tests_per_day = tests_over_share(&judgement.tests, class) * windows_per_day;
        (p.get() * tests_per_day / share).max(1e-300)
    }

    /// The p-value below which an entity of a class fires where a series makes so many tests a
    /// window, per class.
    pub fn threshold(&self, series: SeriesId, class: u8, tests: &[u64]) -> PValue {
        let (share, windows_per_day) = self.series[series];
        PValue::new(self.whole * share / (tests_over_share(tests, class) * windows_per_day))
    }
}

/// The tests of a class over its share of what a series may spend.
fn tests_over_share(tests: &[u64], class: u8) -> f64 {
    // Which number a class has depends on who came first; the sum must not.
    let mut sorted = tests.to_vec();
    sorted.sort_unstable();
    let roots: f64 = sorted.iter().map(|tests| (*tests as f64).sqrt()).sum();
    let of_class = tests.get(usize::from(class)).copied().unwrap_or(0).max(1);
    ((of_class as f64).sqrt() * roots).max(1.0)
}

/// Bounds how many alerts there can be: so many a day, twice as many at once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TokenBucket {
    per_day: f64,
    tokens: f64,
    filled: Option<EventTime>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(per_day: f64) -> TokenBucket {
        TokenBucket {
            per_day,
            tokens: 2.0 * per_day,
            filled: None,
        }
    }

    /// From now on it gives so many a day.
    pub fn set_rate(&mut self, per_day: f64) {
        self.per_day = per_day;
        self.tokens = self.tokens.min(2.0 * per_day);
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: EventTime) -> bool {
        let passed = self
            .filled
            .map_or(0.0, |filled| (now - filled).in_days().max(0.0));
        self.filled = self.filled.max(Some(now));
        self.tokens = (self.tokens + passed * self.per_day).min(2.0 * self.per_day);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn what_the_classes_spend_adds_up_to_the_share_of_their_series() {
        let tests = [15_000, 200, 0, 5];
        let spent: f64 = (0..4)
            .filter(|class| tests[usize::from(*class)] > 0)
            .map(|class| tests[usize::from(class)] as f64 / tests_over_share(&tests, class))
            .sum();
        assert!((spent - 1.0).abs() < 1e-12, "{spent}");
        // Few are judged less strictly than many, and no more strictly than were they alone.
        let each = |class| tests_over_share(&tests, class);
        assert!(5.0 < each(3) && each(3) < each(1) && each(1) < each(0));
        assert!((tests_over_share(&[300], 0) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn the_bucket_gives_its_rate_and_no_more() {
        let mut bucket = TokenBucket::new(10.0);
        let hours = (0..24 * 30).map(|hour| EventTime(0) + Span::hours(hour));
        let taken: usize = hours
            .flat_map(|hour| [hour; 4])
            .filter(|hour| bucket.take(*hour))
            .count();
        assert!((20 + 10 * 29..=20 + 10 * 30).contains(&taken), "{taken}");
    }
}
