//! What a rate's baseline knows of an entity.

use super::{MEAN_MIN, RateSeries, own_prior, variance_of};
use crate::domain::{EventTime, Span};
use crate::score::baseline::RateKnowledge;
use crate::score::class::{Prior, PriorMoments};
use crate::score::entities::Entity;

impl RateSeries {
    /// What is expected of an entity in the window that starts then, should it be an ordinary one for
    /// its class; `None` where it was never judged.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
        start: EventTime,
    ) -> Option<RateKnowledge> {
        let baseline = self.baselines.get(row)?;
        let number = usize::from(entities[row].class);
        let class = self.classes.get(number)?;
        let full = self.learning.windows_per_week;
        let [events, exposure, windows] = baseline.rate.effective(full);
        let season_factor = class.level.ln_season(start).exp();
        let usual = class.overdispersion.fit;
        let own = baseline.overdispersion.shrunk_to(&usual);
        // What an entity did at other hours says nothing of one that was never seen.
        let is_unseen_hour = self.window < Span::DAY && class.level.visits(start) == 0.0;
        let prior = match is_unseen_hour {
            true => None,
            false => self.prior(entities, number),
        };
        let prior = prior.or_else(|| (!is_unseen_hour).then(|| own_prior(events, exposure))?);
        let clump = 1.0 + usual.linear;
        let expected = prior.map(|prior| {
            let known = prior.posterior(events / clump, exposure / clump);
            let mean = (known.mean * season_factor).max(MEAN_MIN);
            (mean, variance_of(mean, known.shape * clump, exposure, 0.0))
        });
        Some(RateKnowledge {
            window_start: start,
            expected_per_window: expected.map(|(mean, _)| mean),
            standard_deviation: expected.map(|(_, variance)| variance.with(&own).sqrt()),
            season_factor,
            overdispersion_linear: own.linear,
            overdispersion_quadratic: own.quadratic,
            evidence_total: events,
            evidence_windows: windows,
            settled_share: baseline.rate.settled_share(full),
        })
    }

    /// How the entities of a class differ in size; where it has too few, those of all.
    fn prior(&self, entities: &[Entity], class: usize) -> Option<Prior> {
        let full = self.learning.windows_per_week;
        let mut moments = vec![PriorMoments::default(); self.classes.len()];
        let known = self.baselines.iter().zip(entities);
        for (baseline, entity) in known.filter(|(baseline, _)| !baseline.rate.is_empty()) {
            let number = usize::from(entity.class);
            let Some(class) = self.classes.get(number) else {
                continue;
            };
            let [amount, exposure, _] = baseline.rate.effective(full);
            let clump = 1.0 + class.overdispersion.fit.linear;
            moments[number].add(amount / exposure.max(1e-6), exposure / clump);
        }
        moments[class].prior().or_else(|| {
            let mut everybody = PriorMoments::default();
            moments.iter().for_each(|one| everybody.merge(one));
            everybody.prior()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Direction;
    use crate::score::baseline::Learning;
    use crate::score::baseline::described::entities_of_a_class;

    fn day(number: i64) -> EventTime {
        EventTime(0) + Span::days(number)
    }

    /// Six weeks in which each entity does so many times its own; and of the last day, what was told of one
    /// of them before, and what was then expected of it.
    fn six_weeks(level: impl Fn(EventTime) -> u64) -> (RateSeries, Option<RateKnowledge>, f64) {
        let learning = Learning::new(Span::DAY, Span::days(14));
        let mut series = RateSeries::new(Direction::Up, Span::DAY, learning);
        let entities = entities_of_a_class(8);
        let (mut told, mut expected) = (None, 0.0);
        for start in (0..42).map(day) {
            let observed: Vec<u64> = (0..8).map(|row| level(start) * (10 + 5 * row)).collect();
            told = series.describe(&entities, 3, start);
            series.judge(&entities, 1, &observed, start, |row, forecast, _| {
                if row == 3 {
                    expected = forecast.law.mean();
                }
                1.0
            });
            series.next_day();
        }
        (series, told, expected)
    }

    #[test]
    fn what_is_told_of_an_ordinary_window_is_what_it_is_then_judged_by() {
        let (_, told, expected) = six_weeks(|_| 4);
        let told = told.unwrap();
        let mean = told.expected_per_window.unwrap();
        assert!((mean / expected - 1.0).abs() < 0.02, "{told:?} {expected}");
        let deviation = told.standard_deviation.unwrap();
        assert!(deviation > mean.sqrt() && deviation < mean, "{told:?}");
        assert!(told.settled_share == 1.0 && told.evidence_windows > 7.0);
    }

    #[test]
    fn the_season_is_that_of_the_window() {
        let level = |start: EventTime| if start.day_of_week() < 5 { 4 } else { 1 };
        let (series, ..) = six_weeks(level);
        let entities = entities_of_a_class(8);
        let [sunday, monday] = [45, 46].map(|it| series.describe(&entities, 3, day(it)).unwrap());
        let factor = monday.season_factor / sunday.season_factor;
        assert!(factor > 2.0, "{sunday:?} {monday:?}");
        let expected = [sunday, monday].map(|it| it.expected_per_window.unwrap());
        assert!((expected[1] / expected[0] - factor).abs() < 1e-9);
    }

    #[test]
    fn of_an_hour_that_was_never_seen_nothing_is_expected_yet() {
        let learning = Learning::new(Span::HOUR, Span::days(14));
        let mut hourly = RateSeries::new(Direction::Up, Span::HOUR, learning);
        let entities = entities_of_a_class(8);
        assert_eq!(hourly.describe(&entities, 0, day(0)), None);
        for hour in 0..12 {
            let start = day(0) + Span::hours(hour);
            hourly.judge(&entities, 1, &[4; 8], start, |_, _, _| 1.0);
        }
        let at = |hours: i64| hourly.describe(&entities, 0, day(0) + Span::hours(hours));
        assert_eq!(at(20).unwrap().expected_per_window, None);
        let on_the_next_day = at(24 + 10).unwrap().expected_per_window.unwrap();
        assert!((2.0..6.0).contains(&on_the_next_day), "{on_the_next_day}");
    }
}
