//! Event time: milliseconds since the Unix epoch, and lengths of time.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A point in event time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// The earliest time that can be written.
    pub const MIN: EventTime = EventTime(i64::MIN / 4);
    /// 9999-12-31T23:59:59.999Z, the last time RFC 3339 can write.
    pub const MAX: EventTime = EventTime(253_402_300_799_999);

    /// The start of the interval of length `span` that holds this time; intervals are counted
    /// from the epoch.
    pub fn floor(self, span: Span) -> EventTime {
        EventTime(self.0.div_euclid(span.0) * span.0)
    }

    /// The number of whole intervals of length `span` since the epoch.
    pub fn index(self, span: Span) -> i64 {
        self.0.div_euclid(span.0)
    }

    /// Days since the epoch.
    pub fn day(self) -> i64 {
        self.index(Span::DAY)
    }

    /// Hour of the day, 0 to 23, in UTC.
    pub fn hour_of_day(self) -> usize {
        self.index(Span::HOUR).rem_euclid(24) as usize
    }

    /// Day of the week, 0 is Monday, in UTC.
    pub fn day_of_week(self) -> usize {
        (self.day() + 3).rem_euclid(7) as usize
    }
}

impl std::ops::Add<Span> for EventTime {
    type Output = EventTime;
    fn add(self, span: Span) -> EventTime {
        EventTime(self.0.saturating_add(span.0))
    }
}

impl std::ops::Sub<Span> for EventTime {
    type Output = EventTime;
    fn sub(self, span: Span) -> EventTime {
        EventTime(self.0.saturating_sub(span.0))
    }
}

impl std::ops::Sub for EventTime {
    type Output = Span;
    fn sub(self, earlier: EventTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are any.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// As people read it where people read, else in milliseconds.
impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(EventTime);
        }
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(EventTime(time.as_millisecond()))
    }
}

/// A length of event time, in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span(pub i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// One second.
    pub const SECOND: Span = Span(1_000);
    /// One minute.
    pub const MINUTE: Span = Span(60_000);
    /// One hour.
    pub const HOUR: Span = Span(3_600_000);
    /// One day of 24 hours.
    pub const DAY: Span = Span(86_400_000);

    /// `n` minutes.
    pub const fn minutes(n: i64) -> Span {
        Span(n * Span::MINUTE.0)
    }

    /// `n` hours.
    pub const fn hours(n: i64) -> Span {
        Span(n * Span::HOUR.0)
    }

    /// `n` days.
    pub const fn days(n: i64) -> Span {
        Span(n * Span::DAY.0)
    }

    /// How many of these make a day.
    pub fn per_day(self) -> f64 {
        Span::DAY.0 as f64 / self.0 as f64
    }

    /// In days.
    pub fn in_days(self) -> f64 {
        self.0 as f64 / Span::DAY.0 as f64
    }

    /// Reads `90s`, `5m`, `1h`, `14d`, `2w`, `250ms`.
    ///
    /// # Errors
    /// A sentence that says what a length of time looks like.
    pub fn parse(text: &str) -> Result<Span, String> {
        let say =
            || format!("`{text}` is not a length of time; write 250ms, 90s, 5m, 1h, 14d or 2w");
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(say)?;
        let (number, unit) = text.split_at(split);
        let number: i64 = number.parse().map_err(|_| say())?;
        let unit = match unit {
            "ms" => 1,
            "s" => Span::SECOND.0,
            "m" => Span::MINUTE.0,
            "h" => Span::HOUR.0,
            "d" => Span::DAY.0,
            "w" => 7 * Span::DAY.0,
            _ => return Err(say()),
        };
        number.checked_mul(unit).map(Span).ok_or_else(say)
    }
}

/// The largest unit that divides it, as [`Span::parse`] reads it.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [
            (Span::DAY, "d"),
            (Span::HOUR, "h"),
            (Span::MINUTE, "m"),
            (Span::SECOND, "s"),
        ] {
            // A day reads better as 24 h: it is a window, not a date.
            let is_day = unit == Span::DAY && self.0 == Span::DAY.0;
            if self.0 != 0 && self.0 % unit.0 == 0 && !is_day {
                return write!(f, "{}{name}", self.0 / unit.0);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_what_they_print() {
        for text in ["250ms", "90s", "5m", "1h", "24h", "14d"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "5", "m", "-5m", "5 m", "1.5h", "99999999999999999d"] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_epoch_was_a_thursday_and_time_before_it_floors_down() {
        assert_eq!(EventTime(0).day_of_week(), 3);
        assert_eq!(EventTime(-1).day_of_week(), 2);
        assert_eq!(EventTime(-1).floor(Span::MINUTE), EventTime(-60_000));
        assert_eq!(EventTime(-1).hour_of_day(), 23);
    }

    #[test]
    fn times_print_as_rfc_3339() {
        assert_eq!(EventTime(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(EventTime(1_500).to_string(), "1970-01-01T00:00:01.5Z");
    }
}
