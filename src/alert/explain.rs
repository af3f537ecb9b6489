//! Plain words for an alert.

use crate::detection::{Detection, Figures, Test};
use crate::domain::{AlertWindow, label_of};
use crate::score::Finding;
use std::collections::BTreeMap;

/// What stands between the sentence of an alert and those of other detections that say the same.
pub(super) const ALSO: &str = " Also: ";
/// Longest explanation that takes in more.
const ALSO_MAX: usize = 600;

/// Adds the sentence of another detection.
pub(super) fn also(explanation: &mut String, sentence: &str) {
    if explanation.len() + sentence.len() <= ALSO_MAX {
        explanation.push_str(if explanation.contains(ALSO) {
            " "
        } else {
            ALSO
        });
        explanation.push_str(sentence);
    }
}

/// The detection's sentence with the finding's figures.
pub(super) fn explain(
    detection: &Detection,
    entity: &BTreeMap<&'static str, String>,
    window: AlertWindow,
    finding: &Finding,
) -> String {
    let is_share = matches!(detection.test, Test::Ratio { .. } | Test::Mix { .. });
    let write = if is_share { percent } else { count };
    let (observed, expected) = (finding.observed, finding.expected);
    let effect = if expected > 0.0 && observed > 0.0 {
        let times = observed.max(expected) / observed.min(expected);
        if times < 10.0 {
            format!("×{times:.1}")
        } else {
            format!("×{}", count(times))
        }
    } else if observed > 0.0 {
        String::from("from nothing")
    } else {
        String::from("to nothing")
    };
    detection.policy.explain.fill(&Figures {
        entity: &label_of(entity),
        observed: &write(observed),
        expected: &write(expected),
        window: &(window.end - window.start).to_string(),
        effect: &effect,
        part: &finding.part,
        trials: &finding.trials.map_or_else(String::new, |n| count(n as f64)),
        change: if observed >= expected { "more" } else { "less" },
    })
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A count as people write it: thousands apart, and decimals only where it is small.
fn count(value: f64) -> String {
    if value > 0.0 && value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.2"),
            (9.0, "9"),
            (31.4, "31"),
            (4_012.0, "4,012"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(percent(0.925), "92 %");
    }
}
