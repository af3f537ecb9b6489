//! How far small p-values can be trusted: how often they came, over how often they were due.
//!
//! A test can be conservative by construction (a bound of a tail) or liberal on traffic that its
//! model does not fit. Per series and class, p-values from 1e-5 to 1e-3 are counted against how many
//! chance would bring; the ratio, shrunk to the series' and that to 1, scales how strong an alert of
//! that class is. Smaller ones are left out: they may be what is looked for, and must not pay for
//! it. No threshold enters, so the ratio is the same whatever the policy.

use crate::domain::Span;
use crate::limits::FINDING_P_MAX;
use crate::score::Judgement;

/// What is counted lies between these.
const LEVELS: [f64; 2] = [1e-5, 1e-3];
/// Small p-values that stand for knowing nothing.
const PRIOR: f64 = 5.0;
/// A conservative test is trusted so much more at most, a liberal one so much less.
const RATIO_MIN: f64 = 0.05;
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

impl Counts {
    /// Seen over due, where a few of each are taken to stand at `prior`.
    fn ratio(self, prior: f64) -> f64 {
        ((self.seen + PRIOR * prior) / (self.due + PRIOR)).clamp(RATIO_MIN, RATIO_MAX)
    }
}

/// Per series and class.
#[derive(Clone, Debug, Default)]
pub(super) struct Calibration {
    series: Vec<Vec<Counts>>,
}

/// A sum that does not depend on which class has which number.
fn sum_of(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.iter().sum()
}

impl Calibration {
    /// How many times as often as chance would have it small p-values of a class of a series come;
    /// what is little known of a class is taken from its series.
    pub(super) fn ratio(&self, series: usize, class: u8) -> f64 {
        let Some(classes) = self.series.get(series) else {
            return 1.0;
        };
        let whole = Counts {
            seen: sum_of(classes.iter().map(|class| class.seen)),
            due: sum_of(classes.iter().map(|class| class.due)),
        };
        let of_class = classes.get(usize::from(class)).copied();
        of_class.unwrap_or_default().ratio(whole.ratio(1.0))
    }

    /// Learns from a window.
    pub(super) fn learn(&mut self, judgement: &Judgement) {
        if self.series.len() <= judgement.series {
            self.series.resize(judgement.series + 1, Vec::new());
        }
        let [from, to] = LEVELS;
        let window = judgement.window.end - judgement.window.start;
        let keep = 0.5_f64.powf(window.in_days() / HALF_LIFE.in_days());
        let classes = &mut self.series[judgement.series];
        if classes.len() < judgement.tests.len() {
            classes.resize(judgement.tests.len(), Counts::default());
        }
        for (counts, tests) in classes.iter_mut().zip(&judgement.tests) {
            counts.seen *= keep;
            counts.due = keep * counts.due + *tests as f64 * (to - from);
        }
        for finding in &judgement.findings {
            let p = finding.p.get();
            if p > from
                && p <= to
                && let Some(counts) = classes.get_mut(usize::from(finding.class))
            {
                counts.seen += 1.0;
            }
        }
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
            class: 0,
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
            tests: vec![1_000],
            findings: ps.iter().map(finding).collect(),
            below: [0.0; CALIBRATION_LEVELS.len()],
        }
    }

    /// One small p-value a window, where a thousand tests have 0.99 due.
    const ONE_A_WINDOW: f64 = 1.0 / 0.99;

    fn ratio_after(windows: usize, ps: &[f64]) -> f64 {
        let mut calibration = Calibration::default();
        for _ in 0..windows {
            calibration.learn(&hour(ps));
        }
        calibration.ratio(0, 0)
    }

    #[test]
    fn as_many_as_are_due_change_nothing() {
        assert!((ratio_after(200, &[5e-4]) - ONE_A_WINDOW).abs() < 0.005);
        assert_eq!(Calibration::default().ratio(3, 0), 1.0);
    }

    #[test]
    fn a_liberal_series_says_less_and_a_silent_one_more_within_bounds() {
        let liberal = ratio_after(200, &[5e-4, 1e-4, 2e-4, 9e-4]);
        assert!((3.7..4.1).contains(&liberal), "{liberal}");
        assert_eq!(ratio_after(200, &[]), RATIO_MIN);
        assert_eq!(ratio_after(200, &[5e-4; 40]), RATIO_MAX);
    }

    #[test]
    fn what_is_looked_for_does_not_pay_for_it() {
        let ratio = ratio_after(200, &[5e-4, 1e-9, 1e-12]);
        assert!((ratio - ONE_A_WINDOW).abs() < 0.005, "{ratio}");
    }
}
