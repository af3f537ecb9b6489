//! How far small p-values can be trusted: how often they came, over how often they were due.
//!
//! A test can be conservative by construction (a bound of a tail) or liberal on traffic that its
//! model does not fit. Per series, p-values from 1e-5 to 1e-3 are counted against how many chance
//! would bring; the ratio, shrunk to 1, scales how strong an alert of that series is. Smaller ones
//! are left out: they may be what is looked for, and must not pay for it. No threshold enters, so
//! the ratio is the same whatever the policy.

use crate::domain::Span;
use crate::limits::FINDING_P_MAX;
use crate::score::Judgement;

/// What is counted lies between these.
const LEVELS: [f64; 2] = [1e-5, 1e-3];
/// Small p-values that stand for knowing nothing.
const PRIOR: f64 = 5.0;
/// A conservative test is trusted so much more at most, a liberal one so much less.
const RATIO_MIN: f64 = 0.2;
const RATIO_MAX: f64 = 20.0;
/// Half of what is known is from the last so many days.
const HALF_LIFE: Span = Span::days(14);

const _: () = assert!(
    LEVELS[1] <= FINDING_P_MAX,
    "what is counted must be told of"
);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    seen: f64,
    due: f64,
}

/// Per series.
#[derive(Clone, Debug, Default)]
pub(super) struct Calibration {
    series: Vec<Counts>,
}

impl Calibration {
    /// How many times as often as chance would have it small p-values of a series come.
    pub(super) fn ratio(&self, series: usize) -> f64 {
        let Counts { seen, due } = self.series.get(series).copied().unwrap_or_default();
        ((seen + PRIOR) / (due + PRIOR)).clamp(RATIO_MIN, RATIO_MAX)
    }

    /// Learns from a window.
    pub(super) fn learn(&mut self, judgement: &Judgement) {
        if self.series.len() <= judgement.series {
            self.series.resize(judgement.series + 1, Counts::default());
        }
        let [from, to] = LEVELS;
        let counted = |p: f64| p > from && p <= to;
        let seen = judgement
            .findings
            .iter()
            .filter(|finding| counted(finding.p.get()))
            .count();
        let window = judgement.window.end - judgement.window.start;
        let keep = 0.5_f64.powf(window.in_days() / HALF_LIFE.in_days());
        let counts = &mut self.series[judgement.series];
        counts.seen = keep * counts.seen + seen as f64;
        counts.due = keep * counts.due + judgement.tests as f64 * (to - from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertWindow, EntityKey, EventTime, Maturity};
    use crate::score::{CALIBRATION_LEVELS, Finding};
    use crate::statistics::PValue;

    fn hour(ps: &[f64]) -> Judgement {
        let finding = |p: &f64| Finding {
            key: EntityKey::new("a"),
            observed: 1.0,
            expected: 1.0,
            p: PValue::new(*p),
            records: 1,
            maturity: Maturity::Mature,
            part: EntityKey::default(),
            trials: None,
            members: Vec::new(),
            members_effective: 0.0,
        };
        let start = EventTime(0);
        Judgement {
            series: 0,
            window: AlertWindow {
                start,
                end: start + Span::HOUR,
            },
            decided: start,
            tests: 1_000,
            findings: ps.iter().map(finding).collect(),
            below: [0.0; CALIBRATION_LEVELS.len()],
        }
    }

    fn ratio_after(windows: usize, ps: &[f64]) -> f64 {
        let mut calibration = Calibration::default();
        for _ in 0..windows {
            calibration.learn(&hour(ps));
        }
        calibration.ratio(0)
    }

    #[test]
    fn as_many_as_are_due_change_nothing() {
        assert!((ratio_after(200, &[5e-4]) - 1.0).abs() < 0.01);
        assert_eq!(Calibration::default().ratio(3), 1.0);
    }

    #[test]
    fn a_liberal_series_says_less_and_a_silent_one_more_within_bounds() {
        let liberal = ratio_after(200, &[5e-4, 1e-4, 2e-4, 9e-4]);
        assert!((3.5..4.0).contains(&liberal), "{liberal}");
        assert_eq!(ratio_after(200, &[]), RATIO_MIN);
        assert_eq!(ratio_after(200, &[5e-4; 40]), RATIO_MAX);
    }

    #[test]
    fn what_is_looked_for_does_not_pay_for_it() {
        assert!((ratio_after(200, &[5e-4, 1e-9, 1e-12]) - 1.0).abs() < 0.01);
    }
}
