//! Rhythms of the day and the week: each a level per hour of the week with mean 1, in UTC.

use crate::domain::EventTime;

const HOURS_PER_WEEK: usize = 168;

/// Whose rhythm it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// Machines, around the clock.
    Flat,
    /// The hub's two banks: late-evening freighters and the morning departure of the trucks.
    Banks,
    /// Offices in Central Europe, 08 to 18 h.
    OfficeEurope,
    /// Offices in East Asia, 09 to 18 h there.
    OfficeAsia,
    /// Desks that follow the freighters and the trucks.
    Desk,
    /// Help desks: a long day with an evening.
    Help,
    /// People at home in Europe: in the morning, at noon, and most of all in the evening.
    Home,
}

impl Rhythm {
    /// The level of each hour of the day, Monday to Friday, and the factor of a weekend day.
    fn shape(self) -> ([f64; 24], f64) {
        // Hours of the day in UTC: level from each hour named on.
        let steps: &[(usize, f64)] = match self {
            Rhythm::Flat => &[(0, 1.0)],
            Rhythm::Banks => &[(0, 2.0), (1, 0.6), (3, 1.6), (8, 0.5), (18, 0.9), (19, 2.2)],
            Rhythm::OfficeEurope => &[
                (0, 0.06),
                (6, 0.4),
                (7, 1.0),
                (11, 0.8),
                (12, 1.0),
                (16, 0.7),
                (17, 0.3),
                (19, 0.06),
            ],
            Rhythm::OfficeAsia => &[
                (0, 0.4),
                (1, 1.0),
                (4, 0.7),
                (6, 1.0),
                (10, 0.4),
                (12, 0.15),
                (15, 0.06),
                (23, 0.15),
            ],
            Rhythm::Desk => &[(0, 0.8), (1, 0.4), (3, 0.9), (5, 1.2), (16, 0.7), (19, 1.1)],
            Rhythm::Help => &[
                (0, 0.1),
                (5, 0.4),
                (7, 1.0),
                (17, 0.8),
                (20, 0.4),
                (22, 0.1),
            ],
            Rhythm::Home => &[
                (0, 0.15),
                (5, 0.5),
                (7, 1.3),
                (9, 0.8),
                (11, 1.3),
                (12, 0.8),
                (17, 1.2),
                (18, 2.0),
                (21, 0.7),
                (23, 0.3),
            ],
        };
        let mut day = [0.0; 24];
        for &(from, level) in steps {
            day[from..].fill(level);
        }
        let weekend = match self {
            Rhythm::Flat => 1.0,
            Rhythm::Banks | Rhythm::Desk => 0.7,
            Rhythm::Help => 0.5,
            Rhythm::Home => 0.85,
            Rhythm::OfficeAsia => 0.45,
            Rhythm::OfficeEurope => 0.25,
        };
        (day, weekend)
    }
}

/// A rhythm's level for each hour of the week.
#[derive(Clone, Debug)]
pub(super) struct Season {
    levels: [f64; HOURS_PER_WEEK],
}

impl Season {
    /// The rhythm, scaled to mean 1.
    pub(super) fn new(rhythm: Rhythm) -> Season {
        let (day, weekend) = rhythm.shape();
        let mut levels = [0.0; HOURS_PER_WEEK];
        for (hour, level) in levels.iter_mut().enumerate() {
            *level = day[hour % 24] * if hour >= 5 * 24 { weekend } else { 1.0 };
        }
        let mean = levels.iter().sum::<f64>() / HOURS_PER_WEEK as f64;
        for level in &mut levels {
            *level /= mean;
        }
        Season { levels }
    }

    /// The level of the hour that holds `time`.
    pub(super) fn level(&self, time: EventTime) -> f64 {
        self.levels[time.day_of_week() * 24 + time.hour_of_day()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn every_rhythm_has_mean_one_over_a_week() {
        for rhythm in [
            Rhythm::Flat,
            Rhythm::Banks,
            Rhythm::OfficeEurope,
            Rhythm::OfficeAsia,
            Rhythm::Desk,
            Rhythm::Help,
            Rhythm::Home,
        ] {
            let season = Season::new(rhythm);
            let sum: f64 = (0..168)
                .map(|hour| season.level(EventTime(0) + Span::hours(hour)))
                .sum();
            assert!((sum / 168.0 - 1.0).abs() < 1e-9, "{rhythm:?}");
        }
    }

    #[test]
    fn offices_sleep_and_rest() {
        let season = Season::new(Rhythm::OfficeEurope);
        // The epoch was a Thursday.
        let noon = season.level(EventTime(0) + Span::hours(13));
        assert!(noon > 10.0 * season.level(EventTime(0) + Span::hours(2)));
        assert!(noon > 3.0 * season.level(EventTime(0) + Span::hours(2 * 24 + 13)));
    }
}
