//! The parcels that are remembered: the most recent ones, up to a bound.
//!
//! They stand in the order in which they first appeared. The oldest leave at the front, when
//! their time is over or when there are too many; nothing else ever leaves, so a number counts
//! on and tells at once whether its parcel is still there.

use super::names::{NOBODY, Name};
use crate::domain::EventTime;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What is remembered of a parcel.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Parcel {
    /// Keyed hash of the shipment. Two parcels of one hash are one parcel: with two million of
    /// them that happens once in ten million hubs.
    pub(super) shipment: u64,
    pub(super) first: EventTime,
    pub(super) last: EventTime,
    pub(super) seller: Name,
    pub(super) route: Name,
    pub(super) carrier: Name,
    pub(super) place: u16,
    pub(super) step: u8,
    /// It began as a label.
    pub(super) is_label: bool,
    /// Something was done to the goods, and not to the label alone.
    pub(super) is_inducted: bool,
    /// Somebody waits for it.
    pub(super) is_looked_up: bool,
    /// Its way has been told of.
    pub(super) is_told: bool,
    /// Nothing else was known of its seller.
    pub(super) is_stranger: bool,
}

impl Parcel {
    pub(super) fn new(shipment: u64, first: EventTime) -> Parcel {
        Parcel {
            shipment,
            first,
            last: first,
            seller: NOBODY,
            route: NOBODY,
            carrier: NOBODY,
            place: 0,
            step: 0,
            is_label: false,
            is_inducted: false,
            is_looked_up: false,
            is_told: false,
            is_stranger: false,
        }
    }
}

/// The parcels remembered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "SavedTable")]
pub(super) struct Table {
    #[serde(skip)]
    index: HashTable<u64>,
    parcels: VecDeque<Parcel>,
    /// Number of the parcel at the front.
    front: u64,
    parcels_max: usize,
    /// Parcels of strangers, and how many there may be once there is no room for more.
    strangers: usize,
    strangers_max: usize,
    /// Forgotten, or never remembered, for want of room.
    evicted: u64,
}

/// The same, as it is written down.
#[derive(Deserialize)]
struct SavedTable {
    parcels: VecDeque<Parcel>,
    front: u64,
    parcels_max: usize,
    strangers: usize,
    strangers_max: usize,
    evicted: u64,
}

impl From<SavedTable> for Table {
    fn from(saved: SavedTable) -> Table {
        let mut table = Table {
            front: saved.front,
            evicted: saved.evicted,
            strangers: saved.strangers,
            ..Table::new(saved.parcels_max, saved.strangers_max)
        };
        saved
            .parcels
            .into_iter()
            .for_each(|parcel| table.append(parcel));
        table
    }
}

impl Table {
    pub(super) fn new(parcels_max: usize, strangers_max: usize) -> Table {
        Table {
            index: HashTable::new(),
            parcels: VecDeque::new(),
            front: 0,
            parcels_max,
            strangers: 0,
            strangers_max,
            evicted: 0,
        }
    }

    /// From now on there are no more than so many.
    pub(super) fn obey(&mut self, parcels_max: usize, strangers_max: usize) {
        (self.parcels_max, self.strangers_max) = (parcels_max, strangers_max);
        while self.parcels.len() > parcels_max {
            self.pop();
            self.evicted += 1;
        }
    }

    /// Whether there is room for a parcel of a stranger; one for which there is none is counted.
    pub(super) fn takes_strangers(&mut self) -> bool {
        let is_full = self.parcels.len() >= self.parcels_max;
        let takes = !is_full || self.strangers < self.strangers_max;
        self.evicted += u64::from(!takes);
        takes
    }

    fn number(&self, shipment: u64) -> Option<u64> {
        let (parcels, front) = (&self.parcels, self.front);
        self.index
            .find(shipment, |number| {
                parcels[(number - front) as usize].shipment == shipment
            })
            .copied()
    }

    pub(super) fn get(&self, shipment: u64) -> Option<&Parcel> {
        let number = self.number(shipment)?;
        self.parcels.get((number - self.front) as usize)
    }

    pub(super) fn get_mut(&mut self, shipment: u64) -> Option<&mut Parcel> {
        let number = self.number(shipment)?;
        self.parcels.get_mut((number - self.front) as usize)
    }

    /// Remembers a parcel that is not known yet.
    pub(super) fn push(&mut self, parcel: Parcel) {
        if self.parcels.len() >= self.parcels_max {
            self.pop();
            self.evicted += 1;
        }
        self.strangers += usize::from(parcel.is_stranger);
        self.append(parcel);
    }

    fn append(&mut self, parcel: Parcel) {
        let number = self.front + self.parcels.len() as u64;
        self.parcels.push_back(parcel);
        let (parcels, front) = (&self.parcels, self.front);
        self.index.insert_unique(parcel.shipment, number, |number| {
            parcels[(number - front) as usize].shipment
        });
    }

    /// The oldest parcel.
    pub(super) fn oldest(&self) -> Option<&Parcel> {
        self.parcels.front()
    }

    /// Forgets the oldest parcel.
    pub(super) fn pop(&mut self) -> Option<Parcel> {
        let oldest = *self.parcels.front()?;
        let front = self.front;
        if let Ok(entry) = self
            .index
            .find_entry(oldest.shipment, |number| *number == front)
        {
            entry.remove();
        }
        self.parcels.pop_front();
        self.strangers -= usize::from(oldest.is_stranger);
        self.front += 1;
        Some(oldest)
    }

    /// The parcel of this number, or the oldest after it, and its number.
    pub(super) fn from(&mut self, number: u64) -> Option<(u64, &mut Parcel)> {
        let number = number.max(self.front);
        let parcel = self.parcels.get_mut((number - self.front) as usize)?;
        Some((number, parcel))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Parcel> {
        self.parcels.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Parcels forgotten for want of room.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn bytes(&self) -> usize {
        self.parcels.capacity() * size_of::<Parcel>() + self.index.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_the_oldest_is_forgotten_and_counted() {
        let mut table = Table::new(3, usize::MAX);
        for shipment in 10..15 {
            table.push(Parcel::new(shipment, EventTime(shipment as i64)));
        }
        assert_eq!((table.len(), table.evicted()), (3, 2));
        assert!(table.get(11).is_none());
        assert_eq!(table.get(14).unwrap().first, EventTime(14));
        assert_eq!(
            table.from(0).map(|(n, parcel)| (n, parcel.shipment)),
            Some((2, 12))
        );
        assert_eq!(table.pop().map(|parcel| parcel.shipment), Some(12));
        assert!(table.get(12).is_none() && table.get(13).is_some());
    }

    #[test]
    fn strangers_push_nobody_out_beyond_their_share() {
        let mut table = Table::new(8, 2);
        let stranger = |shipment| Parcel {
            is_stranger: true,
            ..Parcel::new(shipment, EventTime(0))
        };
        for shipment in 0..5 {
            table.push(Parcel::new(shipment, EventTime(0)));
        }
        for shipment in 5..100 {
            if table.takes_strangers() {
                table.push(stranger(shipment));
            }
        }
        assert_eq!((table.len(), table.evicted()), (8, 92));
        assert!((0..8).all(|shipment| table.get(shipment).is_some()));
        // Whoever is known still finds room, and with the strangers gone, so do others.
        (100..108).for_each(|shipment| table.push(Parcel::new(shipment, EventTime(0))));
        assert!(table.get(107).is_some() && table.takes_strangers());
    }
}
