//! The level of a class: its season, what moves it in a window, and how much its entities scatter
//! then.

use super::common_mode::{CommonMode, Scatter};
use super::season::Season;
use crate::domain::{EventTime, Span};
use serde::{Deserialize, Serialize};

/// The class must scatter this much more than it usually does before that counts.
const SCATTER_MARGIN: f64 = 1.3;
/// What moves a class does not move its entities evenly: they are taken to scatter by this much of
/// the logarithm of the shift. A peak of ×1.87 with a spread of 0.35 is about so.
const SHIFT_SPREAD: f64 = 0.6;
/// Entities that this stands for beside those whose scatter is measured.
const SHIFT_ENTITIES: f64 = 16.0;
/// Windows after which the usual scatter is known well enough to bound what is learnt.
const USUAL_SCATTER_WINDOWS: f64 = 12.0;
/// Visits of an hour before the usual ratio of its class is learnt from it. Days are alike enough to
/// be learnt from at once.
const USUAL_VISITS_MIN: f64 = 2.0;
/// From then on a visit moves the season, and what ratio is usual, by a factor of two at the most.
const SEASON_STEP_MAX: f64 = 0.7;
/// A usual ratio of 1 is given up in so long, or so many windows where those are fewer.
const USUAL_AFTER: Span = Span::days(3);
const USUAL_AFTER_WINDOWS: f64 = 72.0;

/// What a class has learnt of its level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::score) struct ClassLevel {
    season: Season,
    /// Windows that a usual ratio of 1 stands for.
    usual_after: f64,
    usual_visits_min: f64,
    /// ln of the median ratio of an ordinary window: what of it is due to skewness.
    ln_usual_ratio: f64,
    usual_weight: f64,
    /// Scatter between entities in an ordinary window, and windows it was learnt from.
    scatter: [f64; 2],
}

impl ClassLevel {
    pub(in crate::score) fn new(window: Span) -> ClassLevel {
        ClassLevel {
            season: Season::new(window),
            usual_after: (USUAL_AFTER.in_days() / window.in_days()).min(USUAL_AFTER_WINDOWS),
            usual_visits_min: match window < Span::DAY {
                true => USUAL_VISITS_MIN,
                false => 0.0,
            },
            ln_usual_ratio: 0.0,
            usual_weight: 0.0,
            scatter: [0.0; 2],
        }
    }

    /// ln of the level that the season gives to a window that starts then.
    pub(in crate::score) fn ln_season(&self, start: EventTime) -> f64 {
        self.season.ln_level(start)
    }

    /// How often a window at such an hour was seen.
    pub(in crate::score) fn visits(&self, start: EventTime) -> f64 {
        self.season.visits(start)
    }

    /// ln of the ratio that is usual.
    pub(in crate::score) fn ln_usual_ratio(&self) -> f64 {
        self.ln_usual_ratio
    }

    /// ln of how far the class is from what is usual. A ratio near 0 is an outage of all of it.
    fn ln_ratio(&self, ratio: f64) -> f64 {
        ratio.max(1e-3).ln() - self.ln_usual_ratio
    }

    /// The level of the class in this window, season and common mode together; the season and
    /// the usual ratio learn.
    pub(in crate::score) fn step(&mut self, mode: &CommonMode, start: EventTime) -> f64 {
        let ln_season = self.ln_season(start);
        let ln_ratio = self.ln_ratio(mode.ratio);
        if let Some(ratio) = mode.seen {
            let visits = self.season.visits(start);
            let mut ln_seen = self.ln_ratio(ratio);
            if visits >= self.usual_visits_min {
                ln_seen = ln_seen.clamp(-SEASON_STEP_MAX, SEASON_STEP_MAX);
                let step = ln_ratio.clamp(-SEASON_STEP_MAX, SEASON_STEP_MAX);
                self.usual_weight = (self.usual_weight + 1.0).min(500.0);
                self.ln_usual_ratio += step / (self.usual_weight + self.usual_after);
            }
            self.season.learn(start, ln_season + ln_seen);
        }
        (ln_season + ln_ratio).exp()
    }

    /// How much more than usual, which was `fit` within entities, the class scatters in this window:
    /// what is measured, and what its shift makes likely; what is usual learns.
    pub(in crate::score) fn extra_dispersion(
        &mut self,
        mode: &CommonMode,
        fit: f64,
        keep: f32,
    ) -> f64 {
        let of_shift = (SHIFT_SPREAD * self.ln_ratio(mode.ratio)).powi(2);
        let Some(scatter) = mode.scatter else {
            return of_shift;
        };
        let Scatter {
            variance, entities, ..
        } = scatter;
        let [sum, windows] = self.scatter;
        let usual = if windows > 0.0 { sum / windows } else { fit };
        let beyond = (variance - SCATTER_MARGIN * usual.max(fit)).max(0.0);
        // As far as it is more than the error of measuring it.
        let [square, error] = [beyond, scatter.error].map(|value| value * value);
        let measured = beyond * square / (square + error).max(f64::MIN_POSITIVE);
        let learnt = if windows < USUAL_SCATTER_WINDOWS {
            variance
        } else {
            variance.min(3.0 * usual)
        };
        let keep = f64::from(keep);
        self.scatter = [keep * sum + learnt, keep * windows + 1.0];
        (entities * measured + SHIFT_ENTITIES * of_shift) / (entities + SHIFT_ENTITIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(ratio: f64, scatter: Option<Scatter>) -> CommonMode {
        CommonMode {
            ratio,
            seen: Some(ratio),
            scatter,
        }
    }

    #[test]
    fn a_ratio_that_is_always_far_from_one_becomes_usual_and_an_outage_does_not() {
        let mut level = ClassLevel::new(Span::HOUR);
        let mut hour = 0;
        let mut step = |level: &mut ClassLevel, ratio: f64| {
            hour += 1;
            level.step(&mode(ratio, None), EventTime(0) + Span::hours(hour))
        };
        // More than a factor of two, which one window is not believed.
        for _ in 0..24 * 7 * 8 {
            step(&mut level, 0.3);
        }
        let usual = level.ln_usual_ratio().exp();
        assert!((usual / 0.3 - 1.0).abs() < 0.05, "{usual}");
        // Then nothing is unusual, and nothing is taken to scatter for it.
        let extra = level.extra_dispersion(&mode(0.3, None), 0.01, 1.0);
        assert!(extra < 1e-3, "{extra}");
        // Two hours without anything are no habit.
        step(&mut level, 0.0);
        step(&mut level, 0.0);
        let after = level.ln_usual_ratio().exp();
        assert!((after / usual - 1.0).abs() < 0.02, "{usual} {after}");
    }

    #[test]
    fn what_is_usual_of_days_is_not_taken_for_a_day_of_the_week() {
        let mut level = ClassLevel::new(Span::DAY);
        // Of those who come once, most do not come again.
        let mut step = |day: i64| level.step(&mode(0.4, None), EventTime(0) + Span::days(day));
        let second_week = (0..14).map(&mut step).skip(7);
        for (day, level) in second_week.enumerate() {
            assert!((0.5..1.5).contains(&level), "{day}: {level}");
        }
    }

    #[test]
    fn what_many_show_of_a_scatter_outweighs_what_a_shift_makes_likely() {
        let scatter = |variance: f64, error: f64, entities: f64| {
            Some(Scatter {
                variance,
                error,
                entities,
            })
        };
        let extra = |scatter: Option<Scatter>| {
            let mut level = ClassLevel::new(Span::HOUR);
            level.extra_dispersion(&mode(1.87, scatter), 0.01, 1.0)
        };
        let of_shift = extra(None);
        assert!((of_shift.sqrt() - 0.6 * 1.87_f64.ln()).abs() < 1e-9);
        // Hundreds who move evenly, and hundreds who do not.
        assert!(extra(scatter(0.0, 1e-3, 300.0)) < 0.1 * of_shift);
        let uneven = extra(scatter(0.3, 0.02, 300.0));
        assert!((uneven / 0.28 - 1.0).abs() < 0.1, "{uneven}");
        // Of ten it says little, and less where it may be chance.
        let (ten, chance) = (
            extra(scatter(0.3, 0.05, 10.0)),
            extra(scatter(0.3, 0.5, 10.0)),
        );
        assert!(of_shift < ten && ten < uneven, "{of_shift} {ten} {uneven}");
        assert!(chance < of_shift, "{chance} {of_shift}");
    }
}
