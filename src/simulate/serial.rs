//! Shipment references: blocks of serial numbers per seller and day, with gaps in and between.
//!
//! A reference is `VG`, ten digits and a check digit. Serials that leave [`DECOY_REST`] when
//! divided by [`DECOY_STRIDE`] are never given to a parcel: the decoys live there, among the real
//! ones. A mistyped reference has a wrong check digit, so it is neither a parcel's nor a decoy's.

use super::random::{Purpose, Random, between, stream};

/// Serials of decoys repeat with this period.
pub(super) const DECOY_STRIDE: u64 = 1_000;
/// Their place in the period.
pub(super) const DECOY_REST: u64 = 777;
/// First serial ever given out.
const FIRST: u64 = 1_200_000_000;
/// Largest block given out at once.
const BLOCK_MAX: f64 = 5_000.0;
/// Smallest block given out at once.
const BLOCK_MIN: f64 = 10.0;
/// Serials of a page; a block lies within one.
const PAGE: u64 = 16_384;
/// Of so many pages, the first six are lot 0's and each further one is another lot's.
const PAGES_PER_ROUND: u64 = 8;

/// Whose serials may lie on the page; lots are mixed, so that a number does not tell its lot.
fn lot_of(page: u64) -> u64 {
    (page % PAGES_PER_ROUND).saturating_sub(PAGES_PER_ROUND - 3)
}

/// The `index`-th decoy's serial.
pub(super) fn decoy_serial(index: usize) -> u64 {
    FIRST + index as u64 * DECOY_STRIDE + DECOY_REST
}

/// The reference as printed on the label; `mistyped` spoils the check digit.
pub(super) fn reference(serial: u64, mistyped: bool) -> String {
    let mut text = [b'0'; 13];
    text[..2].copy_from_slice(b"VG");
    let mut rest = serial;
    let mut sum = 0;
    for place in (2..12).rev() {
        let digit = rest % 10;
        rest /= 10;
        text[place] = b'0' + digit as u8;
        sum += digit * if place % 2 == 0 { 3 } else { 1 };
    }
    let check = (10 - sum % 10 + u64::from(mistyped)) % 10;
    text[12] = b'0' + check as u8;
    String::from_utf8_lossy(&text).into_owned()
}

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    day: i64,
    next: u64,
    end: u64,
}

/// Gives out serials, a block per seller and day.
#[derive(Clone, Debug)]
pub(super) struct Serials {
    lot: u64,
    next: u64,
    blocks: Vec<Block>,
    random: Random,
}

impl Serials {
    /// Serials for `sellers` sellers. Lots, of which there are three, do not meet.
    pub(super) fn new(seed: u64, lot: u64, sellers: usize) -> Serials {
        Serials {
            lot,
            next: FIRST,
            blocks: vec![Block::default(); sellers],
            random: stream(seed, Purpose::Serials, lot),
        }
    }

    /// The next serial of a seller that expects `per_day` parcels a day.
    pub(super) fn next(&mut self, seller: usize, day: i64, per_day: f64) -> u64 {
        let mut block = self.blocks[seller];
        if block.next >= block.end || block.day != day {
            let spare = between(&mut self.random, 1.1, 2.2);
            let size = (per_day * spare).clamp(BLOCK_MIN, BLOCK_MAX) as u64;
            let first = self.room_for(size);
            block = Block {
                day,
                next: first,
                end: first + size,
            };
            let gap = between(&mut self.random, 0.0, 3.0) * size as f64;
            self.next = first + size + gap as u64 + 1;
        }
        if block.next % DECOY_STRIDE == DECOY_REST {
            block.next += 1;
        }
        let serial = block.next;
        block.next += 1;
        self.blocks[seller] = block;
        serial
    }

    /// The first serial from which on `size` and one more lie on one page of this lot.
    fn room_for(&self, size: u64) -> u64 {
        let mut first = self.next;
        let page = |serial: u64| serial / PAGE;
        while lot_of(page(first)) != self.lot || page(first) != page(first + size) {
            first = (page(first) + 1) * PAGE;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn serials_are_unique_run_in_blocks_and_spare_the_decoys() {
        let mut serials = Serials::new(1, 0, 3);
        let decoys: BTreeSet<u64> = (0..1_000).map(decoy_serial).collect();
        let mut seen = BTreeSet::new();
        let mut runs = 0;
        let mut last = [0; 3];
        for day in 0..5 {
            for n in 0..3_000 {
                let seller = n % 3;
                let serial = serials.next(seller, day, 800.0);
                assert!(seen.insert(serial));
                assert!(!decoys.contains(&serial));
                runs += usize::from(serial == last[seller] + 1);
                last[seller] = serial;
            }
        }
        assert!(runs > 14_000, "{runs}");
        assert!(
            seen.range(..decoy_serial(20)).count() > 0,
            "decoys are among them"
        );
    }

    #[test]
    fn lots_do_not_meet() {
        let mut seen = BTreeSet::new();
        for lot in 0..3 {
            let mut serials = Serials::new(1, lot, 1);
            assert!((0..50_000).all(|day| seen.insert(serials.next(0, day, 3.0))));
        }
    }

    #[test]
    fn a_mistyped_reference_is_nobodys() {
        let reference_of = |serial| reference(serial, false);
        assert_eq!(reference_of(1_234_567_890).len(), 13);
        assert_ne!(reference_of(1_234_567_890), reference_of(1_234_567_891));
        assert_ne!(reference(1_234_567_890, true), reference_of(1_234_567_890));
    }
}
