//! The event clock of a partition: which times are believed, and how far time has come.
//!
//! No producer's clock may drag time along. The watermark is the k-th largest time among the
//! last accepted events less the allowed lateness, so up to k-1 wild clocks in 64 events change
//! nothing; and a time that lies too far from the others is rejected before it is looked at.

use crate::decode::Rejection;
use crate::domain::{EventTime, Span};
use crate::limits::{CLOCK_MEMORY, CLOCK_RANK};
use serde::{Deserialize, Serialize};

/// How far ahead of the broker's append time an event may claim to be.
const AHEAD_OF_APPEND_MAX: Span = Span::minutes(5);
/// How far from its bound an event may lie in the past, or from its neighbours either way.
const DISTANCE_MAX: Span = Span::days(7);

/// What bounds the times that producers may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeBound {
    /// The broker's append time: at most 5 minutes ahead of it and 7 days behind. Where a
    /// message carries none, its neighbours.
    Append,
    /// The median time of the last 64 accepted events: at most 7 days from it. A gap that
    /// persists for 64 events is a real one.
    Neighbours,
    /// Nothing: the input is trusted.
    None,
}

/// The last times of one kind, in order of arrival and sorted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct RecentTimes {
    arrival: Vec<i64>,
    sorted: Vec<i64>,
    oldest: usize,
}

impl RecentTimes {
    fn push(&mut self, time: EventTime) {
        if self.arrival.len() < CLOCK_MEMORY {
            self.arrival.push(time.0);
        } else {
            let leaving = std::mem::replace(&mut self.arrival[self.oldest], time.0);
            self.oldest = (self.oldest + 1) % CLOCK_MEMORY;
            let at = self.sorted.partition_point(|other| *other < leaving);
            self.sorted.remove(at);
        }
        let at = self.sorted.partition_point(|other| *other <= time.0);
        self.sorted.insert(at, time.0);
    }

    fn median(&self) -> Option<EventTime> {
        self.sorted
            .get(self.sorted.len() / 2)
            .copied()
            .map(EventTime)
    }

    /// The k-th largest. `None` while there are fewer: a stream that begins with a wild clock
    /// must not begin there.
    fn ranked(&self) -> Option<EventTime> {
        let at = self.sorted.len().checked_sub(CLOCK_RANK)?;
        self.sorted.get(at).copied().map(EventTime)
    }

    fn is_full(&self) -> bool {
        self.arrival.len() == CLOCK_MEMORY
    }
}

/// The clock of one partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventClock {
    bound: TimeBound,
    allowed_lateness: Span,
    accepted: RecentTimes,
    /// Times rejected in a row, which may turn out to be where time has gone.
    astray: RecentTimes,
    watermark: Option<EventTime>,
    largest: Option<EventTime>,
}

fn within(time: EventTime, centre: EventTime) -> Result<(), Rejection> {
    if time > centre + DISTANCE_MAX {
        Err(Rejection::TimeFuture)
    } else if time < centre - DISTANCE_MAX {
        Err(Rejection::TimePast)
    } else {
        Ok(())
    }
}

impl EventClock {
    /// A clock that has seen nothing.
    pub fn new(bound: TimeBound, allowed_lateness: Span) -> EventClock {
        EventClock {
            bound,
            allowed_lateness,
            accepted: RecentTimes::default(),
            astray: RecentTimes::default(),
            watermark: None,
            largest: None,
        }
    }

    /// Whether an event's time is believed.
    ///
    /// # Errors
    /// [`Rejection::TimeFuture`] or [`Rejection::TimePast`].
    pub fn check(&mut self, time: EventTime, appended: Option<EventTime>) -> Result<(), Rejection> {
        match (self.bound, appended) {
            (TimeBound::None, _) => Ok(()),
            (TimeBound::Append, Some(appended)) => {
                if time > appended + AHEAD_OF_APPEND_MAX {
                    Err(Rejection::TimeFuture)
                } else if time < appended - DISTANCE_MAX {
                    Err(Rejection::TimePast)
                } else {
                    Ok(())
                }
            }
            (TimeBound::Append | TimeBound::Neighbours, _) => self.check_neighbours(time),
        }
    }

    fn check_neighbours(&mut self, time: EventTime) -> Result<(), Rejection> {
        let Some(median) = self.accepted.median() else {
            return Ok(());
        };
        let Err(rejection) = within(time, median) else {
            self.astray = RecentTimes::default();
            return Ok(());
        };
        self.astray.push(time);
        let agreed = self.astray.is_full()
            && self.astray.median().is_some_and(|centre| {
                self.astray
                    .sorted
                    .iter()
                    .all(|other| within(EventTime(*other), centre).is_ok())
            });
        if agreed {
            self.accepted = std::mem::take(&mut self.astray);
            return Ok(());
        }
        Err(rejection)
    }

    /// Takes note of an event that counts.
    pub fn accept(&mut self, time: EventTime) {
        self.accepted.push(time);
        self.largest = self.largest.max(Some(time));
        let ranked = self
            .accepted
            .ranked()
            .map(|ranked| ranked - self.allowed_lateness);
        self.watermark = self.watermark.max(ranked);
    }

    /// No event before this time is expected any more. Never goes back.
    pub fn watermark(&self) -> Option<EventTime> {
        self.watermark
    }

    /// The largest accepted time.
    pub fn largest(&self) -> Option<EventTime> {
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: EventTime = EventTime(1_700_000_000_000);

    fn clock(bound: TimeBound) -> EventClock {
        EventClock::new(bound, Span::minutes(5))
    }

    fn run(clock: &mut EventClock, times: impl IntoIterator<Item = EventTime>) -> Vec<Rejection> {
        let mut rejected = Vec::new();
        for time in times {
            match clock.check(time, None) {
                Ok(()) => clock.accept(time),
                Err(rejection) => rejected.push(rejection),
            }
        }
        rejected
    }

    fn seconds(n: i64) -> EventTime {
        START + Span(n * 1_000)
    }

    #[test]
    fn a_few_wild_clocks_do_not_move_the_watermark() {
        let mut clock = clock(TimeBound::None);
        let wild = |n: i64| {
            if n % 10 == 0 {
                seconds(n) + Span::days(300)
            } else {
                seconds(n)
            }
        };
        run(&mut clock, (0..1_000).map(wild));
        let behind = seconds(999) - clock.watermark().unwrap();
        assert!(
            behind >= Span::minutes(5) && behind < Span::minutes(6),
            "{behind}"
        );
    }

    #[test]
    fn the_watermark_never_goes_back() {
        let mut clock = clock(TimeBound::Neighbours);
        run(&mut clock, (0..200).map(seconds));
        let before = clock.watermark();
        run(&mut clock, (0..200).map(|n| seconds(n) - Span::days(1)));
        assert_eq!(clock.watermark(), before);
    }

    #[test]
    fn a_far_time_is_rejected_and_a_gap_that_persists_is_believed() {
        let mut clock = clock(TimeBound::Neighbours);
        run(&mut clock, (0..100).map(seconds));
        assert_eq!(
            run(&mut clock, [START + Span::days(40)]),
            [Rejection::TimeFuture]
        );
        assert_eq!(
            run(&mut clock, [START - Span::days(40)]),
            [Rejection::TimePast]
        );
        let later = |n: i64| seconds(n) + Span::days(400);
        let rejected = run(&mut clock, (0..200).map(later));
        assert_eq!(rejected.len(), CLOCK_MEMORY - 1);
        assert!(clock.watermark().unwrap() > START + Span::days(399));
    }

    #[test]
    fn scattered_far_times_are_no_gap() {
        let mut clock = clock(TimeBound::Neighbours);
        run(&mut clock, (0..100).map(seconds));
        let scattered = (0..500).map(|n| START + Span::days(40 * (n % 20 + 1)));
        assert_eq!(run(&mut clock, scattered).len(), 500);
        assert!(clock.watermark().unwrap() < seconds(100));
    }

    #[test]
    fn the_append_time_bounds_both_ways() {
        let mut clock = clock(TimeBound::Append);
        let appended = Some(START);
        assert!(clock.check(START + Span::minutes(5), appended).is_ok());
        assert!(clock.check(START - Span::days(7), appended).is_ok());
        assert_eq!(
            clock.check(START + Span::minutes(6), appended),
            Err(Rejection::TimeFuture)
        );
        assert_eq!(
            clock.check(START - Span::days(8), appended),
            Err(Rejection::TimePast)
        );
    }

    #[test]
    fn before_the_first_event_there_is_no_time() {
        assert_eq!(clock(TimeBound::Append).watermark(), None);
    }
}
