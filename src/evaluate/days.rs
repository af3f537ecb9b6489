//! The days of a run, each with what is unusual about it.
//!
//! An alert belongs to the day that holds the last instant of its window: a daily window of a
//! peak day is decided after midnight and is a peak's nevertheless. A day has one regime: of those
//! that touch it the shortest, because an outage within a festival says more.

use super::truth::Truth;
use crate::domain::{AlertWindow, EventTime, Span};

/// The regime of days on which nothing is unusual.
pub(super) const ORDINARY: &str = "ordinary";

/// One day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Day {
    pub(super) start: EventTime,
    /// Length within the run, in days.
    pub(super) length: f64,
    pub(super) regime: String,
}

/// The days of a run.
#[derive(Clone, Debug)]
pub struct Days {
    days: Vec<Day>,
}

impl Days {
    pub(super) fn new(truth: &Truth, (start, end): (EventTime, EventTime)) -> Days {
        let mut days = Vec::new();
        let mut at = start.floor(Span::DAY);
        while at < end {
            let next = at + Span::DAY;
            days.push(Day {
                start: at,
                length: (next.min(end) - at.max(start)).in_days(),
                regime: regime_of(truth, at, next),
            });
            at = next;
        }
        Days { days }
    }

    /// The days of a run whose labels say how long it is.
    pub fn of(truth: &Truth) -> Days {
        Days::new(truth, truth.covers(std::iter::empty()))
    }

    /// In order.
    pub(super) fn all(&self) -> &[Day] {
        &self.days
    }

    /// The day of a window; the nearest where it lies outside.
    pub(super) fn position(&self, window: AlertWindow) -> Option<usize> {
        let last = (window.end - Span(1)).max(window.start);
        let after = self.days.partition_point(|day| day.start <= last);
        let nearest = after.saturating_sub(1);
        (nearest < self.days.len()).then_some(nearest)
    }

    /// The regime of the day in which a window ends.
    pub fn regime_at_end(&self, end: EventTime) -> &str {
        let window = AlertWindow {
            start: end - Span(1),
            end,
        };
        self.position(window)
            .map_or(ORDINARY, |day| &self.days[day].regime)
    }
}

fn regime_of(truth: &Truth, start: EventTime, end: EventTime) -> String {
    truth
        .regimes
        .iter()
        .filter(|regime| regime.start < end && regime.end > start)
        .min_by_key(|regime| (regime.end - regime.start, &regime.regime))
        .map_or_else(|| String::from(ORDINARY), |regime| regime.regime.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RegimeLabel;

    fn hour(hour: i64) -> EventTime {
        EventTime(0) + Span::hours(hour)
    }

    fn days() -> Days {
        let mut truth = Truth::default();
        for (regime, start, end) in [("festival", 24, 96), ("outage", 50, 52), ("later", 96, 97)] {
            truth.regimes.push(RegimeLabel {
                regime: String::from(regime),
                start: hour(start),
                end: hour(end),
            });
        }
        Days::new(&truth, (hour(12), hour(100)))
    }

    #[test]
    fn a_day_has_the_shortest_regime_that_touches_it() {
        let days = days();
        let found: Vec<(&str, f64)> = days
            .all()
            .iter()
            .map(|day| (day.regime.as_str(), day.length))
            .collect();
        let expected = [
            ("ordinary", 0.5),
            ("festival", 1.0),
            ("outage", 1.0),
            ("festival", 1.0),
            ("later", 4.0 / 24.0),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_daily_window_belongs_to_its_own_day_and_not_to_the_day_it_is_decided_on() {
        let days = days();
        let window = |start, end| AlertWindow {
            start: hour(start),
            end: hour(end),
        };
        assert_eq!(days.position(window(24, 48)), Some(1));
        assert_eq!(days.position(window(48, 49)), Some(2));
        assert_eq!(days.position(window(-9, -8)), Some(0));
        assert_eq!(days.position(window(500, 501)), Some(4));
        assert_eq!(days.regime_at_end(hour(72)), "outage");
        assert_eq!(
            Days::new(&Truth::default(), (hour(0), hour(0))).position(window(0, 1)),
            None
        );
    }
}
