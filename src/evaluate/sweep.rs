//! Thresholds by what they cost: at most so many false alarms a day.
//!
//! A threshold on `false_alarms_per_day` keeps the alerts that are stronger. The one that belongs
//! to a budget is the loosest at which the false alarms that are kept are within it.

use super::matching::Hit;

/// Which alerts a threshold keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Threshold {
    /// Every alert, as it was raised.
    All,
    /// Alerts stronger than this.
    Below(f64),
}

impl Threshold {
    /// Whether an alert of this strength is kept.
    pub(super) fn keeps(self, strength: f64) -> bool {
        match self {
            Threshold::All => true,
            Threshold::Below(bound) => strength < bound,
        }
    }

    /// Whether an alert would have been on the episode in this way.
    pub(super) fn keeps_hit(self, hit: &Hit) -> bool {
        match self {
            Threshold::All => hit.until == f64::INFINITY,
            Threshold::Below(bound) => hit.strength < bound && hit.until >= bound,
        }
    }

    /// As a number; `None` where everything is kept.
    pub(super) fn bound(self) -> Option<f64> {
        match self {
            Threshold::All => None,
            Threshold::Below(bound) => Some(bound),
        }
    }
}

/// The false alarms of all runs.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Strengths of false alarms, strongest first.
    strengths: Vec<f64>,
    days: f64,
}

impl Sweep {
    /// Of these false alarms in so many days.
    pub(super) fn new(mut strengths: Vec<f64>, days: f64) -> Sweep {
        strengths.sort_by(f64::total_cmp);
        Sweep { strengths, days }
    }

    /// The loosest threshold at which there are at most `budget` false alarms a day.
    pub(super) fn at(&self, budget: f64) -> Threshold {
        // A budget that is met to the last alarm must not fail by a rounding.
        let allowed = (budget * self.days * (1.0 + 1e-12)).floor();
        match self.strengths.get(allowed as usize) {
            Some(first_beyond) => Threshold::Below(*first_beyond),
            None => Threshold::All,
        }
    }

    /// False alarms a day that a threshold keeps.
    pub(super) fn per_day(&self, threshold: Threshold) -> f64 {
        let kept = self
            .strengths
            .partition_point(|strength| threshold.keeps(*strength));
        if self.days > 0.0 {
            kept as f64 / self.days
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_of_a_budget_is_the_loosest_within_it() {
        let sweep = Sweep::new(vec![3.0, 1.0, 2.0, 2.0, 9.0], 2.0);
        // One a day is two in two days: the tie at 2 would make three.
        assert_eq!(sweep.at(1.0), Threshold::Below(2.0));
        assert_eq!(sweep.per_day(sweep.at(1.0)), 0.5);
        assert_eq!(sweep.at(1.5), Threshold::Below(3.0));
        assert_eq!(sweep.per_day(sweep.at(1.5)), 1.5);
        assert_eq!(sweep.at(2.5), Threshold::All);
        assert_eq!(sweep.per_day(Threshold::All), 2.5);
        assert_eq!(sweep.at(0.0), Threshold::Below(1.0));
    }

    #[test]
    fn no_false_alarm_means_no_threshold() {
        let sweep = Sweep::new(Vec::new(), 3.0);
        assert_eq!(
            (sweep.at(5.0), sweep.per_day(Threshold::All)),
            (Threshold::All, 0.0)
        );
    }
}
