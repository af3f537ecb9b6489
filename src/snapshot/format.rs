//! The file of a snapshot.
//!
//! ```text
//! 8 bytes   "vigie-st"
//! 4 bytes   version of this format, little-endian, as all numbers here
//! 4 bytes   length of the header
//!           the header: when all began, how far event time had come, the partitions, how far the
//!           outputs had come, the shape; in postcard
//!           the state, in postcard, as one zstd frame
//! 16 bytes  SipHash-1-3 of all before, of 128 bits, with the key 0
//! ```
//!
//! The shape is what the configuration says of baselines, a line each: state fits only where it is
//! the same. The sum comes first when a file is read: a file that is torn, or in which a bit is
//! flipped, is damaged whatever else it says.

use crate::domain::EventTime;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::PathBuf;
use thiserror::Error;

const MAGIC: &[u8; 8] = b"vigie-st";
/// The version of the format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 3;
const SUM_BYTES: usize = 16;
/// The fastest: it is done while events are judged.
const COMPRESSION: i32 = 1;

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// When the daemon first started here, without history: a start that is told as a length of time
    /// counts back from then, however often it is begun again.
    pub began: EventTime,
    /// Windows that end up to then are judged; `None` before the first pane.
    pub closed_to: Option<EventTime>,
    /// Topic and partition of each source partition, in the order of their numbers.
    pub partitions: Vec<(String, i32)>,
    /// What was told by then lies before these.
    pub outputs: Outputs,
    /// What of the configuration shapes the state, a line each.
    pub shape: Vec<String>,
}

/// How far the outputs of alert records had come. What stands after that was raised by a process that
/// was killed before its next snapshot, or by somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// A topic, and the end offset of each of its partitions; one that is not named is looked through
    /// from its beginning.
    pub topic: Option<(String, BTreeMap<i32, i64>)>,
    /// A file, and its length in bytes.
    pub file: Option<(PathBuf, u64)>,
}

/// A snapshot as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it says of itself.
    pub header: Header,
    /// The state, as the engine writes it.
    pub state: Vec<u8>,
}

/// Why bytes are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// Torn, or changed since it was written.
    #[error("it is torn or damaged: its checksum does not fit")]
    Sum,
    /// Something else.
    #[error("it is no snapshot of vigie")]
    Foreign,
    /// Of another version of the format.
    #[error("it has version {0} of the format, this program reads version {FORMAT_VERSION}")]
    Version(u32),
    /// Its sum fits and its content does not read: it was written by a program that was faulty.
    #[error("its content does not read: {0}")]
    Content(String),
}

impl Damage {
    /// Whether a snapshot before this one may stand in for it. That it was written by another program
    /// is no damage.
    pub fn is_of_the_file(&self) -> bool {
        match self {
            Damage::Sum | Damage::Foreign => true,
            Damage::Version(_) | Damage::Content(_) => false,
        }
    }
}

impl Snapshot {
    /// The bytes of its file.
    ///
    /// # Errors
    /// Where the state cannot be compressed for want of memory.
    pub fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let header = postcard::to_stdvec(&self.header).map_err(std::io::Error::other)?;
        let length = u32::try_from(header.len()).map_err(std::io::Error::other)?;
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&header);
        zstd::stream::copy_encode(&self.state[..], &mut bytes, COMPRESSION)?;
        bytes.extend_from_slice(&sum_of(&bytes));
        Ok(bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Where they are not, to the last bit, what was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Snapshot, Damage> {
        let summed = bytes.len().checked_sub(SUM_BYTES).ok_or(Damage::Sum)?;
        let (content, sum) = bytes.split_at(summed);
        let begins_as_one = content.starts_with(MAGIC);
        if sum != sum_of(content) {
            return Err(if begins_as_one {
                Damage::Sum
            } else {
                Damage::Foreign
            });
        }
        let rest = content.strip_prefix(MAGIC).ok_or(Damage::Foreign)?;
        let (version, rest) = number(rest)?;
        if version != FORMAT_VERSION {
            return Err(Damage::Version(version));
        }
        let (length, rest) = number(rest)?;
        let (header, state) = rest
            .split_at_checked(length as usize)
            .ok_or_else(|| Damage::Content(String::from("the header is cut short")))?;
        let says = |error: &dyn std::fmt::Display| Damage::Content(error.to_string());
        Ok(Snapshot {
            header: postcard::from_bytes(header).map_err(|error| says(&error))?,
            state: zstd::stream::decode_all(state).map_err(|error| says(&error))?,
        })
    }
}

/// A short name for a shape: equal shapes have the same, others hardly ever.
pub fn shape_hash(shape: &[String]) -> String {
    let mut hasher = SipHasher13::new();
    for line in shape {
        hasher.write(line.as_bytes());
        hasher.write(b"\n");
    }
    format!("{:016x}", hasher.finish128().as_u128() >> 64)
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), Damage> {
    let (number, rest) = bytes
        .split_first_chunk()
        .ok_or_else(|| Damage::Content(String::from("it is cut short")))?;
    Ok((u32::from_le_bytes(*number), rest))
}

fn sum_of(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish128().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            header: Header {
                began: EventTime(1_767_500_000_000),
                closed_to: Some(EventTime(1_767_571_200_000)),
                partitions: vec![(String::from("shipments"), 0), (String::from("access"), 3)],
                outputs: Outputs {
                    topic: Some((String::from("alerts"), BTreeMap::from([(0, 17), (2, 5)]))),
                    file: Some((PathBuf::from("/var/log/alerts.jsonl"), 4_711)),
                },
                shape: vec![String::from("pane 60000")],
            },
            state: (0..300_u16).flat_map(u16::to_le_bytes).collect(),
        }
    }

    /// As a program would that writes this instead, and sums it up.
    fn summed(content: &[u8]) -> Vec<u8> {
        [content, &sum_of(content)].concat()
    }

    #[test]
    fn a_snapshot_reads_back() {
        let bytes = snapshot().to_bytes().unwrap();
        assert_eq!(Snapshot::from_bytes(&bytes), Ok(snapshot()));
    }

    #[test]
    fn a_snapshot_that_is_torn_anywhere_or_has_a_bit_flipped_is_none() {
        let bytes = snapshot().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(Snapshot::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(Snapshot::from_bytes(&bytes).is_err(), "{at} {bit}");
            }
        }
        assert!(Snapshot::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let bytes = snapshot().to_bytes().unwrap();
        let content = &bytes[..bytes.len() - SUM_BYTES];
        let mut newer = content.to_vec();
        newer[8] = 7;
        let mut longer = content.to_vec();
        longer[15] = 1;
        let damage = |bytes: &[u8]| Snapshot::from_bytes(bytes).unwrap_err();
        assert_eq!(damage(&summed(&newer)), Damage::Version(7));
        assert!(matches!(damage(&summed(&longer)), Damage::Content(_)));
        assert_eq!(damage(&summed(b"something else")), Damage::Foreign);
        assert_eq!(
            damage(b"something else, and longer than a sum"),
            Damage::Foreign
        );
        assert_eq!(damage(&bytes[..40]), Damage::Sum);
    }
}
