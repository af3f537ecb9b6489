//! How many records an episode has taken by when: the label's points, joined by straight lines.

use crate::domain::{EpisodeLabel, EventTime, Span};

/// A curve that never falls.
#[derive(Clone, Debug)]
pub(super) struct TakenCurve {
    points: Vec<(EventTime, f64)>,
}

impl TakenCurve {
    /// The curve of an episode; `None` where nothing is said of records.
    pub(super) fn of(episode: &EpisodeLabel) -> Option<TakenCurve> {
        let last = episode.taken.last()?;
        let mut points = Vec::with_capacity(episode.taken.len() + 1);
        if episode.taken.first()?.0 > episode.start {
            points.push((episode.start, 0.0));
        }
        points.extend(
            episode
                .taken
                .iter()
                .map(|(at, records)| (*at, *records as f64)),
        );
        (last.1 > 0).then_some(TakenCurve { points })
    }

    /// In all.
    pub(super) fn total(&self) -> f64 {
        self.points.last().map_or(0.0, |(_, records)| *records)
    }

    /// Up to a time.
    pub(super) fn at(&self, time: EventTime) -> f64 {
        let after = self.points.partition_point(|(at, _)| *at <= time);
        let Some(&(before_at, before)) = after.checked_sub(1).and_then(|at| self.points.get(at))
        else {
            return 0.0;
        };
        let Some(&(next_at, next)) = self.points.get(after) else {
            return before;
        };
        let share = (time - before_at).0 as f64 / (next_at - before_at).0.max(1) as f64;
        before + share * (next - before)
    }

    /// The most within any stretch of this length that ends by `until`.
    ///
    /// What is taken within a moving stretch is piecewise linear in its position, so it is
    /// largest where one of its ends is at a point of the curve.
    pub(super) fn most_within(&self, length: Span, until: EventTime) -> f64 {
        let end = self.points.last().map_or(until, |(at, _)| (*at).min(until));
        let ends = self
            .points
            .iter()
            .flat_map(|(at, _)| [*at, *at + length])
            .map(|at| at.min(end))
            .chain([end]);
        ends.map(|at| self.at(at) - self.at(at - length))
            .fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EntityMembers, EpisodeKind};

    pub(super) fn episode(taken: Vec<(i64, u64)>) -> EpisodeLabel {
        EpisodeLabel {
            id: String::from("e"),
            kind: EpisodeKind::Attack,
            scenario: String::from("s"),
            intensity: None,
            class: None,
            detections: Vec::new(),
            entities: vec![EntityMembers::new()],
            start: EventTime(0),
            end: EventTime(Span::days(100).0),
            events: 0,
            taken: taken
                .into_iter()
                .map(|(day, records)| (EventTime(0) + Span::days(day), records))
                .collect(),
            story: String::new(),
        }
    }

    fn day(day: i64) -> EventTime {
        EventTime(0) + Span::days(day)
    }

    #[test]
    fn between_points_the_curve_is_straight_and_beyond_them_flat() {
        let curve = TakenCurve::of(&episode(vec![(10, 100), (20, 400)])).unwrap();
        for (at, records) in [
            (-3, 0.0),
            (0, 0.0),
            (5, 50.0),
            (10, 100.0),
            (15, 250.0),
            (99, 400.0),
        ] {
            assert_eq!(curve.at(day(at)), records, "day {at}");
        }
        assert_eq!(curve.total(), 400.0);
    }

    #[test]
    fn the_most_within_a_stretch_is_found_wherever_it_lies() {
        let curve = TakenCurve::of(&episode(vec![(40, 400), (50, 900), (100, 1_000)])).unwrap();
        // 20 days of 10, 10 days of 50: from day 20 to day 50.
        assert_eq!(curve.most_within(Span::days(30), day(100)), 700.0);
        // Stopped on day 45, the best are the 30 days before.
        assert_eq!(
            curve.most_within(Span::days(30), day(45)),
            25.0 * 10.0 + 5.0 * 50.0
        );
        assert_eq!(curve.most_within(Span::days(30), day(-1)), 0.0);
    }

    #[test]
    fn an_episode_that_takes_nothing_has_no_curve() {
        assert!(TakenCurve::of(&episode(Vec::new())).is_none());
        assert!(TakenCurve::of(&episode(vec![(3, 0)])).is_none());
    }
}
