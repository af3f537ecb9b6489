//! When the touches of an act fall: so many in all, spread at random under a curve, or in pulls.

use crate::domain::{EventTime, Span};
use crate::simulate::random::{Random, between, binomial};
use crate::simulate::season::{Rhythm, Season};

/// The curve that they are spread under.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::simulate) enum Curve {
    /// The same at all times.
    Even,
    /// As people or machines of that rhythm do it.
    Like(Rhythm),
    /// As people of that rhythm, growing from nothing by this share of what is usual each day.
    Growing(Rhythm, f64),
}

/// When they fall.
#[derive(Clone, Debug)]
pub(in crate::simulate) enum When {
    /// At random, under a curve. How many remain, and under how much of the curve.
    Spread {
        curve: Curve,
        season: Option<Box<Season>>,
        start: EventTime,
        left: u64,
        area: f64,
    },
    /// So many at once, every so often.
    Every {
        period: Span,
        jitter: f64,
        pull: u64,
        /// The next time of the timetable, and the next pull.
        planned: EventTime,
        next: EventTime,
    },
}

impl Curve {
    fn height(self, season: Option<&Season>, start: EventTime, minute: EventTime) -> f64 {
        let level = season.map_or(1.0, |season| season.level(minute));
        match self {
            Curve::Even | Curve::Like(_) => level,
            Curve::Growing(_, rate) => {
                let days = (minute - start).0.max(0) as f64 / Span::DAY.0 as f64;
                level * ((1.0 + rate).powf(days) - 1.0)
            }
        }
    }
}

/// The mean of growth by `rate` a day over so many days, less one.
pub(in crate::simulate) fn mean_growth(rate: f64, days: f64) -> f64 {
    let log = (1.0 + rate).ln();
    ((1.0 + rate).powf(days) - 1.0) / (log * days) - 1.0
}

impl When {
    /// `total` of them from `start` to `end`.
    pub(in crate::simulate) fn spread(
        total: f64,
        curve: Curve,
        start: EventTime,
        end: EventTime,
    ) -> When {
        let season = match curve {
            Curve::Even => None,
            Curve::Like(rhythm) | Curve::Growing(rhythm, _) => Some(Box::new(Season::new(rhythm))),
        };
        let mut area = 0.0;
        let mut minute = start.floor(Span::MINUTE);
        while minute < end {
            area += curve.height(season.as_deref(), start, minute);
            minute = minute + Span::MINUTE;
        }
        When::Spread {
            curve,
            season,
            start,
            left: total.round().max(1.0) as u64,
            area,
        }
    }

    /// Pulls from `start` on.
    pub(in crate::simulate) fn every(
        period: Span,
        jitter: f64,
        pull: f64,
        start: EventTime,
    ) -> When {
        When::Every {
            period,
            jitter,
            pull: pull.round().max(1.0) as u64,
            planned: start,
            next: start,
        }
    }

    /// The times of those that fall into this minute.
    pub(in crate::simulate) fn due(
        &mut self,
        minute: EventTime,
        end: EventTime,
        random: &mut Random,
    ) -> Vec<EventTime> {
        match self {
            When::Spread {
                curve,
                season,
                start,
                left,
                area,
            } => {
                let here = curve.height(season.as_deref(), *start, minute);
                let count = if minute + Span::MINUTE >= end || *area <= here {
                    *left
                } else {
                    binomial(random, *left, here / *area)
                };
                *area -= here;
                *left -= count;
                let (low, high) = (minute.max(*start), end.min(minute + Span::MINUTE));
                let mut moment = |_| low + Span(between(random, 0.0, (high - low).0 as f64) as i64);
                (0..count).map(&mut moment).collect()
            }
            When::Every {
                period,
                jitter,
                pull,
                planned,
                next,
            } => {
                let mut times = Vec::new();
                while *next < minute + Span::MINUTE && *next < end {
                    // A pull is a few requests a second.
                    times.extend((0..*pull as i64).map(|n| *next + Span(n * 300)));
                    *planned = *planned + *period;
                    let shift = between(random, -1.0, 1.0) * *jitter * period.0 as f64;
                    *next = (*planned + Span(shift as i64)).max(*next + Span::minutes(1));
                }
                times
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    fn times(mut when: When, end: EventTime) -> Vec<EventTime> {
        let mut random = stream(1, Purpose::Attack, 0);
        let minutes = end.0 / Span::MINUTE.0 + 1;
        (0..minutes)
            .flat_map(|n| when.due(EventTime(n * Span::MINUTE.0), end, &mut random))
            .collect()
    }

    #[test]
    fn exactly_as_many_fall_between_start_and_end_as_were_asked_for() {
        let (start, end) = (EventTime(90_000), EventTime(0) + Span::days(3));
        for curve in [
            Curve::Even,
            Curve::Like(Rhythm::OfficeEurope),
            Curve::Growing(Rhythm::Flat, 0.2),
        ] {
            let times = times(When::spread(500.0, curve, start, end), end);
            assert_eq!(times.len(), 500, "{curve:?}");
            assert!(times.iter().all(|time| (start..end).contains(time)));
        }
    }

    #[test]
    fn what_grows_comes_late_rather_than_early() {
        let (start, end) = (EventTime(0), EventTime(0) + Span::days(10));
        let times = times(
            When::spread(1_000.0, Curve::Growing(Rhythm::Flat, 0.1), start, end),
            end,
        );
        let half = start + Span::days(5);
        let early = times.iter().filter(|time| **time < half).count();
        assert!((100..300).contains(&early), "{early}");
        assert!((mean_growth(0.1, 10.0) - 0.672).abs() < 0.01);
    }

    #[test]
    fn pulls_keep_their_timetable_and_jitter_stays_within_its_bounds() {
        let end = EventTime(0) + Span::days(1);
        let period = Span::hours(1);
        let regular = times(When::every(period, 0.0, 2.0, EventTime(0)), end);
        assert_eq!(regular.len(), 48);
        let jittered = times(When::every(period, 0.5, 1.0, EventTime(0)), end);
        for (n, time) in jittered.iter().enumerate() {
            let off = (time.0 - n as i64 * period.0).abs();
            assert!(off <= period.0 / 2, "{n}: {off}");
        }
    }
}
