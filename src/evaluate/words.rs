//! How figures read, in the terminal and on the page.

use super::bootstrap::{Estimate, Share};
use super::report::Alarms;

/// A whole number with its thousands apart; a small one with as many digits as say something.
pub(super) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 100.0 || value.fract() == 0.0 {
        let digits = format!("{magnitude:.0}");
        let mut text = String::from(if value < 0.0 { "-" } else { "" });
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.0e}")
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 99.95 || (10.0..99.0).contains(&percent) {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// A share with its interval; nothing where there was none to share.
pub(super) fn share(share: &Share) -> String {
    if share.of == 0 {
        return String::from("-");
    }
    let (low, high) = (100.0 * share.low, 100.0 * share.high);
    format!("{:.0} [{low:.0}-{high:.0}]", 100.0 * share.share)
}

/// A mean share with its interval.
pub(super) fn mean(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(
        || String::from("-"),
        |found| {
            let [value, low, high] = [found.value, found.low, found.high].map(|one| 100.0 * one);
            format!("{value:.0} [{low:.0}-{high:.0}]")
        },
    )
}

/// A length of time in the unit that suits it.
pub(super) fn seconds(seconds: f64) -> String {
    let text = |value: f64, unit: &str| {
        if value >= 10.0 || value.fract() == 0.0 {
            format!("{value:.0} {unit}")
        } else {
            format!("{value:.1} {unit}")
        }
    };
    if seconds < 60.0 {
        text(seconds, "s")
    } else if seconds < 5_400.0 {
        text(seconds / 60.0, "min")
    } else if seconds < 129_600.0 {
        text(seconds / 3_600.0, "h")
    } else {
        text(seconds / 86_400.0, "d")
    }
}

/// As `write` has it, or a dash.
pub(super) fn or_dash<T>(value: Option<T>, write: impl Fn(T) -> String) -> String {
    value.map_or_else(|| String::from("-"), write)
}

/// A ratio around 1.
pub(super) fn ratio(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// One thing, or several.
pub(super) fn count(number_of: usize, one: &str, many: &str) -> String {
    let word = if number_of == 1 { one } else { many };
    format!("{} {word}", number(number_of as f64))
}

/// What became of all alerts.
pub(super) fn verdicts(alarms: &Alarms) -> String {
    format!(
        "{}: {} on attacks in time, {} after the grace, {} on nuisances, {} false ({} of them on \
         attackers but of another class, {} on hard negatives)",
        count(alarms.alerts, "alert", "alerts"),
        number(alarms.hits as f64),
        number(alarms.late as f64),
        number(alarms.nuisance as f64),
        number(alarms.false_alarms as f64),
        number(alarms.other_class as f64),
        number(alarms.hard_negative as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        for (value, text) in [
            (0.0, "0"),
            (3.0, "3"),
            (0.034, "0.03"),
            (12.34, "12.3"),
            (1_234_567.8, "1,234,568"),
            (0.0002, "2e-4"),
            (-4_000.0, "-4,000"),
        ] {
            assert_eq!(number(value), text);
        }
        for (value, text) in [
            (0.0, "0 %"),
            (0.014, "1.4 %"),
            (0.93, "93 %"),
            (0.9963, "99.6 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(value), text);
        }
        for (value, text) in [
            (30.0, "30 s"),
            (300.0, "5 min"),
            (9_000.0, "2.5 h"),
            (864_000.0, "10 d"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }
}
