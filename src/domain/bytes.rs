//! Numbers of bytes, as people write them.

use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl Bytes {
    /// Reads `512MiB` or `2GiB`.
    ///
    /// # Errors
    /// Where the text is no such number.
    pub fn parse(text: &str) -> Result<Bytes, String> {
        let say = || format!("`{text}` is not a number of bytes; write 512MiB or 2GiB");
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let (unit, log2) = unit.ok_or_else(say)?;
        let number = text.strip_suffix(unit).unwrap_or(text);
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(say());
        }
        let number: usize = number.parse().map_err(|_| say())?;
        number.checked_mul(1 << log2).map(Bytes).ok_or_else(say)
    }
}

/// In the largest unit that divides it, as [`Bytes::parse`] reads it; what none divides, in whole
/// KiB.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .find(|(_, log2)| self.0 >> log2 > 0 && self.0.is_multiple_of(1 << log2));
        let (unit, log2) = exact.unwrap_or(&("KiB", 10));
        write!(f, "{}{unit}", self.0 >> log2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["512MiB", "2GiB", "1536MiB", "8KiB", "3TiB"] {
            assert_eq!(Bytes::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Bytes::parse("2048MiB").unwrap().to_string(), "2GiB");
    }

    #[test]
    fn what_is_no_number_of_bytes_is_refused() {
        for text in [
            "",
            "512",
            "MiB",
            "512MB",
            "512 MiB",
            "-1MiB",
            "1.5GiB",
            "99999999999TiB",
            "5MiBMiB",
        ] {
            assert!(Bytes::parse(text).is_err(), "{text}");
        }
    }
}
