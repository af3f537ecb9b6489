//! Messages as records: one that is larger than a record may be is cut, and put together again.
//!
//! ```text
//! 8 bytes  who wrote it, little-endian as all numbers here
//! 8 bytes  which of its messages, counted by log partition
//! 4 bytes  which part of it
//! 4 bytes  of how many
//!          the part
//! ```
//!
//! Parts of one writer come in order; those of several may come in between each other.

use std::collections::BTreeMap;

/// Largest part, in bytes: below what brokers take by default, with room for the batch around it.
const PART_BYTES: usize = 900_000;
const HEAD_BYTES: usize = 24;
/// A message that is not complete after so many further records never will be: its writer is gone.
const WAIT_RECORDS: i64 = 10_000;

/// The records of one message.
pub(super) fn cut(writer: u64, number: u64, message: &[u8]) -> Vec<Vec<u8>> {
    let parts: Vec<&[u8]> = match message.len() {
        0 => vec![message],
        _ => message.chunks(PART_BYTES).collect(),
    };
    let of = parts.len() as u32;
    let record = |(part, bytes): (u32, &[u8])| {
        let mut record = Vec::with_capacity(HEAD_BYTES + bytes.len());
        record.extend_from_slice(&writer.to_le_bytes());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&part.to_le_bytes());
        record.extend_from_slice(&of.to_le_bytes());
        record.extend_from_slice(bytes);
        record
    };
    (0..).zip(parts).map(record).collect()
}

struct Head {
    writer: u64,
    number: u64,
    part: u32,
    of: u32,
}

fn head(record: &[u8]) -> Option<(Head, &[u8])> {
    let (writer, rest) = record.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (part, rest) = rest.split_first_chunk()?;
    let (of, rest) = rest.split_first_chunk()?;
    let head = Head {
        writer: u64::from_le_bytes(*writer),
        number: u64::from_le_bytes(*number),
        part: u32::from_le_bytes(*part),
        of: u32::from_le_bytes(*of),
    };
    Some((head, rest))
}

/// A message of which parts are missing.
struct Begun {
    number: u64,
    parts: u32,
    bytes: Vec<u8>,
    first_offset: i64,
}

/// Puts the messages of one log partition together again.
#[derive(Default)]
pub(super) struct Assembly {
    begun: BTreeMap<u64, Begun>,
}

impl Assembly {
    /// Takes a record; gives the message that it completes. What lacks its beginning is dropped: it was
    /// taken before this reader began, or its writer has begun anew.
    pub(super) fn take(&mut self, offset: i64, record: &[u8]) -> Option<Vec<u8>> {
        self.begun
            .retain(|_, begun| offset - begun.first_offset < WAIT_RECORDS);
        let (head, bytes) = head(record)?;
        if head.part == 0 {
            if head.of == 1 {
                self.begun.remove(&head.writer);
                return Some(bytes.to_vec());
            }
            let begun = Begun {
                number: head.number,
                parts: 1,
                bytes: bytes.to_vec(),
                first_offset: offset,
            };
            self.begun.insert(head.writer, begun);
            return None;
        }
        let begun = self.begun.get_mut(&head.writer)?;
        if begun.number != head.number || begun.parts != head.part {
            // A part that came twice is nothing new.
            return None;
        }
        begun.parts += 1;
        begun.bytes.extend_from_slice(bytes);
        if begun.parts < head.of {
            return None;
        }
        self.begun.remove(&head.writer).map(|begun| begun.bytes)
    }

    /// Where reading has to begin for all that is incomplete to come again, having read up to `next`.
    pub(super) fn resume(&self, next: i64) -> i64 {
        let firsts = self.begun.values().map(|begun| begun.first_offset);
        firsts.min().unwrap_or(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(byte: u8) -> Vec<u8> {
        vec![byte; 2 * PART_BYTES + 5]
    }

    #[test]
    fn what_is_cut_comes_together_though_others_write_in_between() {
        let (one, other) = (cut(1, 7, &large(1)), cut(2, 7, &large(2)));
        let small = cut(3, 0, b"small");
        let mixed = [
            &one[0], &other[0], &small[0], &one[1], &other[1], &one[1], &one[2],
        ];
        let mut assembly = Assembly::default();
        let mut whole = Vec::new();
        for (offset, record) in (10..).zip(mixed) {
            whole.extend(assembly.take(offset, record));
        }
        assert_eq!(whole, [b"small".to_vec(), large(1)]);
        // The other's third part is still to come.
        assert_eq!(assembly.resume(17), 11);
        assert_eq!(assembly.take(17, &other[2]), Some(large(2)));
        assert_eq!(assembly.resume(18), 18);
    }

    #[test]
    fn a_writer_that_is_gone_holds_nobody_up() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.take(0, &cut(1, 0, &large(1))[0]), None);
        assert_eq!(assembly.resume(1), 0);
        assembly.take(WAIT_RECORDS, &cut(2, 0, b"other")[0]);
        assert_eq!(assembly.resume(WAIT_RECORDS + 1), WAIT_RECORDS + 1);
    }

    #[test]
    fn what_lacks_its_beginning_or_is_no_record_is_dropped() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.take(0, &cut(1, 0, &large(1))[1]), None);
        assert_eq!(assembly.take(1, b"short"), None);
        assert_eq!(assembly.take(2, &cut(1, 1, b"")[0]), Some(Vec::new()));
    }
}
