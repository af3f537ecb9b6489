//! Discounted sums with a guard band.
//!
//! What a baseline has learnt fades with a half-life. The newest two days stand apart as pending
//! daily sums: a mature baseline does not use them, so that neither a burst nor the first days
//! of a slow one become normal before anybody has looked (the guard band of
//! Farrington-flexible, Noufaily et al. 2013). A young baseline has nothing else, and uses them.

use crate::domain::Span;
use crate::score::Ablation;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

/// How fast a series learns; the same for all its entities.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::score) struct Learning {
    /// What one window keeps of the past.
    pub(in crate::score) keep: f32,
    /// Windows in a week: how much evidence makes a baseline mature.
    pub(in crate::score) windows_per_week: f64,
    pub(in crate::score) ablation: Ablation,
}

impl Learning {
    pub(in crate::score) fn new(window: Span, half_life: Span) -> Learning {
        Learning {
            keep: 0.5_f64.powf(window.0 as f64 / half_life.0 as f64) as f32,
            windows_per_week: 7.0 * window.per_day(),
            ablation: Ablation::default(),
        }
    }

    /// The same with parts left out.
    pub(in crate::score) fn without(self, ablation: Ablation) -> Learning {
        Learning { ablation, ..self }
    }
}

/// Discounted sums of some amounts, the last of which is the exposure they came from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Evidence<const N: usize = 2> {
    #[serde(with = "BigArray")]
    settled: [f32; N],
    #[serde(with = "BigArray")]
    yesterday: [f32; N],
    #[serde(with = "BigArray")]
    today: [f32; N],
}

impl<const N: usize> Default for Evidence<N> {
    fn default() -> Self {
        Evidence {
            settled: [0.0; N],
            yesterday: [0.0; N],
            today: [0.0; N],
        }
    }
}

impl<const N: usize> Evidence<N> {
    /// Forgets a little, then adds.
    pub(super) fn learn(&mut self, learning: &Learning, amounts: [f64; N]) {
        self.settled = self.settled.map(|sum| sum * learning.keep);
        let newest = match learning.ablation.guard_band {
            true => &mut self.settled,
            false => &mut self.today,
        };
        for (sum, amount) in newest.iter_mut().zip(amounts) {
            *sum += amount as f32;
        }
    }

    /// A day of event time has passed.
    pub(super) fn next_day(&mut self) {
        for (settled, pending) in self.settled.iter_mut().zip(self.yesterday) {
            *settled += pending;
        }
        self.yesterday = std::mem::replace(&mut self.today, [0.0; N]);
    }

    /// How much of what a mature baseline needs is settled, 0 to 1, for `full` exposure.
    pub(super) fn settled_share(&self, full: f64) -> f64 {
        (f64::from(self.settled[N - 1]) / full).clamp(0.0, 1.0)
    }

    /// The amounts to predict from.
    pub(super) fn effective(&self, full: f64) -> [f64; N] {
        let pending = 1.0 - self.settled_share(full);
        std::array::from_fn(|which| {
            f64::from(self.settled[which])
                + pending * f64::from(self.yesterday[which] + self.today[which])
        })
    }

    /// Whether nothing was learnt yet.
    pub(super) fn is_empty(&self) -> bool {
        self.settled[N - 1] + self.yesterday[N - 1] + self.today[N - 1] <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mature_baseline_does_not_use_the_last_two_days() {
        let learning = Learning::new(Span::HOUR, Span::days(14));
        let full = learning.windows_per_week;
        let mut evidence = Evidence::<2>::default();
        for _ in 0..28 {
            for _ in 0..24 {
                evidence.learn(&learning, [10.0, 1.0]);
            }
            evidence.next_day();
        }
        let before = evidence.effective(full);
        for _ in 0..30 {
            evidence.learn(&learning, [1_000.0, 1.0]);
        }
        let after = evidence.effective(full);
        assert!(
            (after[0] / after[1] - before[0] / before[1]).abs() < 1e-3,
            "{before:?} {after:?}"
        );
    }

    #[test]
    fn a_young_baseline_uses_all_it_has() {
        let learning = Learning::new(Span::HOUR, Span::days(14));
        let mut evidence = Evidence::<2>::default();
        assert!(evidence.is_empty());
        evidence.learn(&learning, [10.0, 1.0]);
        evidence.learn(&learning, [20.0, 1.0]);
        assert_eq!(evidence.effective(learning.windows_per_week), [30.0, 2.0]);
    }

    #[test]
    fn half_of_it_is_gone_after_a_half_life() {
        let learning = Learning::new(Span::DAY, Span::days(14));
        let mut evidence = Evidence::<2>::default();
        evidence.learn(&learning, [64.0, 64.0]);
        evidence.next_day();
        evidence.next_day();
        for _ in 0..14 {
            evidence.learn(&learning, [0.0, 0.0]);
        }
        assert!((evidence.effective(7.0)[0] - 32.0).abs() < 0.1);
    }
}
