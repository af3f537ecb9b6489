//! RFC 3339 date-times.

use crate::domain::EventTime;

/// Reads an RFC 3339 date-time. What else ISO 8601 allows is refused: JSON Schema's `date-time`
/// is RFC 3339.
pub(super) fn rfc_3339(text: &str) -> Option<EventTime> {
    let bytes = text.as_bytes();
    let at = |position: usize| bytes.get(position).copied();
    let separators = at(4) == Some(b'-')
        && at(7) == Some(b'-')
        && matches!(at(10), Some(b'T' | b't'))
        && at(13) == Some(b':')
        && at(16) == Some(b':')
        && matches!(at(19), Some(b'.' | b'Z' | b'z' | b'+' | b'-'));
    let zone = matches!(
        bytes,
        [.., b'Z' | b'z'] | [.., b'+' | b'-', _, _, b':', _, _]
    );
    if !separators || !zone {
        return None;
    }
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(EventTime(timestamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read_in_all_its_forms() {
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T01:00:00.250+01:00", 250),
            ("1969-12-31T23:59:59.999999999Z", 0),
            ("2026-11-24T08:30:00.5-05:30", 1_795_528_800_500),
        ] {
            assert_eq!(rfc_3339(text), Some(EventTime(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24 08:30:00Z",
            "2026-11-24T08:30Z",
            "2026-11-24T08:30:00",
            "20261124T083000Z",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-11-24T08:30:00+0100",
            "2026-11-24T08:30:00+01:00[Europe/Brussels]",
            "2026-11-24T25:00:00Z",
            "now",
        ] {
            assert_eq!(rfc_3339(text), None, "{text}");
        }
    }
}
