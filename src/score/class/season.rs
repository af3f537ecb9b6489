//! The seasonal profile of a class: hour of the week for windows shorter than a day, day of the
//! week for others.
//!
//! Levels are kept as logarithms. A cell of the week that was visited little leans on the same
//! hour of other days, and that on no season at all.

use crate::domain::{EventTime, Span};
use serde::{Deserialize, Serialize};

const HOURS: usize = 24;
const DAYS: usize = 7;
/// A cell follows its last visits with at least this weight: it forgets in some eight weeks.
const STEP_MIN: f64 = 1.0 / 8.0;
/// Visits at which a cell weighs as much as what it leans on.
const LEAN_VISITS: f64 = 1.0;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Cell {
    ln_level: f64,
    visits: f64,
}

impl Cell {
    /// `weight` is the share of a whole visit.
    fn learn(&mut self, ln_level: f64, weight: f64) {
        self.visits += weight;
        let step = (weight / self.visits).max(STEP_MIN * weight).min(1.0);
        self.ln_level += step * (ln_level - self.ln_level);
    }
}

/// The profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::score) struct Season {
    /// Hours of the week, or days of it.
    fine: Vec<Cell>,
    /// Hours of the day; empty where windows are a day or longer.
    coarse: Vec<Cell>,
    visit: f64,
}

impl Season {
    pub(in crate::score) fn new(window: Span) -> Season {
        if window < Span::DAY {
            let cells = |n| vec![Cell::default(); n];
            let visit = (window.0 as f64 / Span::HOUR.0 as f64).min(1.0);
            Season {
                fine: cells(HOURS * DAYS),
                coarse: cells(HOURS),
                visit,
            }
        } else {
            Season {
                fine: vec![Cell::default(); DAYS],
                coarse: Vec::new(),
                visit: 1.0,
            }
        }
    }

    fn cells(&self, start: EventTime) -> (usize, Option<usize>) {
        if self.coarse.is_empty() {
            (start.day_of_week(), None)
        } else {
            let hour = start.hour_of_day();
            (start.day_of_week() * HOURS + hour, Some(hour))
        }
    }

    /// ln of the level expected for the window that starts then.
    pub(in crate::score) fn ln_level(&self, start: EventTime) -> f64 {
        let (fine, coarse) = self.cells(start);
        let lean = |cell: Cell, on: f64| {
            (cell.visits * cell.ln_level + LEAN_VISITS * on) / (cell.visits + LEAN_VISITS)
        };
        match coarse {
            Some(hour) => {
                let hour = self.coarse[hour];
                // One visit of the hour is all there is on the second day: follow it.
                let on = if hour.visits > 0.0 {
                    hour.ln_level
                } else {
                    0.0
                };
                lean(self.fine[fine], on)
            }
            None => lean(self.fine[fine], 0.0),
        }
    }

    /// How often this time of day (or day of week) was seen, in whole visits.
    pub(in crate::score) fn visits(&self, start: EventTime) -> f64 {
        match self.cells(start) {
            (_, Some(hour)) => self.coarse[hour].visits,
            (fine, None) => self.fine[fine].visits,
        }
    }

    /// The window that started then stood at this level.
    pub(in crate::score) fn learn(&mut self, start: EventTime, ln_level: f64) {
        let (fine, coarse) = self.cells(start);
        self.fine[fine].learn(ln_level, self.visit);
        if let Some(hour) = coarse {
            self.coarse[hour].learn(ln_level, self.visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> EventTime {
        EventTime(1_700_000_000_000).floor(Span::DAY) + Span::hours(hours)
    }

    #[test]
    fn the_second_day_knows_the_hours_of_the_first() {
        let mut season = Season::new(Span::HOUR);
        for hour in 0..24 {
            season.learn(at(hour), hour as f64);
        }
        assert!((season.ln_level(at(24 + 9)) - 9.0).abs() < 1e-9);
        assert!(season.visits(at(24 + 9)) == 1.0);
    }

    #[test]
    fn after_some_weeks_a_weekday_differs_from_a_weekend() {
        let mut season = Season::new(Span::HOUR);
        for hour in 0..24 * 28 {
            let weekend = at(hour).day_of_week() >= 5;
            season.learn(at(hour), if weekend { 0.0 } else { 2.0 });
        }
        let level = |hours: i64| season.ln_level(at(24 * 28 + hours));
        let (low, high) = (0..168)
            .map(level)
            .fold((9.0_f64, -9.0_f64), |(low, high), level| {
                (low.min(level), high.max(level))
            });
        assert!(low < 0.4 && high > 1.8, "{low} {high}");
    }

    #[test]
    fn an_unseen_hour_has_no_season() {
        assert_eq!(Season::new(Span::minutes(5)).ln_level(at(3)), 0.0);
        assert_eq!(Season::new(Span::DAY).ln_level(at(0)), 0.0);
    }
}
