//! Accesses by actors who have nothing to do with the shipment, remembered for three days.
//!
//! They stand in order of time and leave at the front. Those of one shipment are chained, the
//! latest first, so that a change of the shipment finds who had touched it.

use super::names::Name;
use crate::domain::{EventTime, Span};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How long before a change an access is remembered.
pub(super) const REMEMBERED: Span = Span::hours(72);
/// Actors that are remembered of one shipment.
const ACTORS_MAX: usize = 64;

/// An access out of relation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Outside {
    pub(super) time: EventTime,
    pub(super) shipment: u64,
    pub(super) actor: Name,
    pub(super) role: Name,
    pub(super) org: Name,
    /// The shipment was changed afterwards, and that was told.
    is_followed: bool,
    /// Number of the access to the same shipment before this one, plus one; 0 is none.
    before: u64,
}

impl Outside {
    pub(super) fn new(time: EventTime, shipment: u64, [actor, role, org]: [Name; 3]) -> Outside {
        Outside {
            time,
            shipment,
            actor,
            role,
            org,
            is_followed: false,
            before: 0,
        }
    }
}

/// The accesses remembered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "SavedOutsides")]
pub(super) struct Outsides {
    /// Number of the latest access to each shipment.
    #[serde(skip)]
    latest: HashTable<u64>,
    all: VecDeque<Outside>,
    front: u64,
    accesses_max: usize,
    evicted: u64,
}

/// The same, as it is written down.
#[derive(Deserialize)]
struct SavedOutsides {
    all: VecDeque<Outside>,
    front: u64,
    accesses_max: usize,
    evicted: u64,
}

impl From<SavedOutsides> for Outsides {
    fn from(saved: SavedOutsides) -> Outsides {
        let mut outsides = Outsides {
            front: saved.front,
            evicted: saved.evicted,
            ..Outsides::new(saved.accesses_max)
        };
        for access in saved.all {
            let latest = outsides.latest(access.shipment);
            outsides.append(access, latest);
        }
        outsides
    }
}

impl Outsides {
    /// From now on there are no more than so many.
    pub(super) fn obey(&mut self, accesses_max: usize) {
        self.accesses_max = accesses_max;
        while self.all.len() > accesses_max {
            self.pop();
            self.evicted += 1;
        }
    }

    pub(super) fn new(accesses_max: usize) -> Outsides {
        Outsides {
            latest: HashTable::new(),
            all: VecDeque::new(),
            front: 0,
            accesses_max,
            evicted: 0,
        }
    }

    fn latest(&self, shipment: u64) -> Option<u64> {
        let (all, front) = (&self.all, self.front);
        self.latest
            .find(shipment, |number| {
                all[(number - front) as usize].shipment == shipment
            })
            .copied()
    }

    /// The accesses to a shipment, by number, latest first.
    fn numbers(&self, shipment: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut next = self.latest(shipment).map_or(0, |number| number + 1);
        while next > self.front && numbers.len() < ACTORS_MAX {
            numbers.push(next - 1);
            next = self.all[(next - 1 - self.front) as usize].before;
        }
        numbers
    }

    /// Remembers an access; whether it is the actor's first to this shipment in the time that is
    /// remembered.
    pub(super) fn push(&mut self, mut access: Outside) -> bool {
        let numbers = self.numbers(access.shipment);
        let is_known =
            |number: &u64| self.all[(number - self.front) as usize].actor == access.actor;
        if numbers.len() >= ACTORS_MAX || numbers.iter().any(is_known) {
            return false;
        }
        if self.all.len() >= self.accesses_max {
            self.pop();
            self.evicted += 1;
        }
        let latest = self.latest(access.shipment);
        access.before = latest.map_or(0, |number| number + 1);
        self.append(access, latest);
        true
    }

    fn append(&mut self, access: Outside, latest: Option<u64>) {
        let number = self.front + self.all.len() as u64;
        self.all.push_back(access);
        let (all, front) = (&self.all, self.front);
        match latest {
            Some(latest) => {
                let is_it = |other: &u64| *other == latest;
                if let Some(slot) = self.latest.find_mut(access.shipment, is_it) {
                    *slot = number;
                }
            }
            None => {
                self.latest
                    .insert_unique(access.shipment, number, |number| {
                        all[(number - front) as usize].shipment
                    });
            }
        }
    }

    /// The shipment was changed at `time` by this actor: tells `each` of everybody else who had
    /// touched it, once.
    pub(super) fn changed(
        &mut self,
        shipment: u64,
        time: EventTime,
        changer: Option<Name>,
        mut each: impl FnMut(&Outside),
    ) {
        let mut numbers = self.numbers(shipment);
        numbers.reverse();
        for number in numbers {
            let access = &mut self.all[(number - self.front) as usize];
            let is_other = changer != Some(access.actor);
            if is_other && !access.is_followed && access.time + REMEMBERED >= time {
                access.is_followed = true;
                each(access);
            }
        }
    }

    fn pop(&mut self) {
        let Some(oldest) = self.all.front() else {
            return;
        };
        let front = self.front;
        let is_it = |number: &u64| *number == front;
        if let Ok(entry) = self.latest.find_entry(oldest.shipment, is_it) {
            entry.remove();
        }
        self.all.pop_front();
        self.front += 1;
    }

    /// Forgets what is older than is remembered.
    pub(super) fn forget(&mut self, now: EventTime) {
        while self
            .all
            .front()
            .is_some_and(|oldest| oldest.time + REMEMBERED < now)
        {
            self.pop();
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Outside> {
        self.all.iter_mut()
    }

    /// Accesses forgotten for want of room.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Outside>() + self.latest.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(hour: i64, shipment: u64, actor: Name) -> Outside {
        Outside::new(EventTime(hour * Span::HOUR.0), shipment, [actor, 0, 0])
    }

    fn followed(accesses: &mut Outsides, hour: i64, shipment: u64) -> Vec<Name> {
        let mut actors = Vec::new();
        let time = EventTime(hour * Span::HOUR.0);
        accesses.changed(shipment, time, Some(99), |access| actors.push(access.actor));
        actors
    }

    #[test]
    fn a_change_finds_everybody_who_touched_the_shipment_once() {
        let mut accesses = Outsides::new(100);
        assert!(accesses.push(access(0, 7, 1)));
        assert!(accesses.push(access(1, 8, 1)));
        assert!(accesses.push(access(2, 7, 2)));
        assert!(!accesses.push(access(3, 7, 1)), "not its first");
        assert_eq!(followed(&mut accesses, 4, 7), [1, 2]);
        assert!(followed(&mut accesses, 5, 7).is_empty(), "told already");
        assert_eq!(followed(&mut accesses, 5, 8), [1]);
        assert!(followed(&mut accesses, 5, 9).is_empty());
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten() {
        let mut accesses = Outsides::new(3);
        for n in 0..5 {
            accesses.push(access(n, 7, n as Name));
        }
        assert_eq!(accesses.evicted(), 2);
        assert_eq!(followed(&mut accesses, 75, 7), [3, 4]);
        accesses.forget(EventTime(76 * Span::HOUR.0));
        assert_eq!(accesses.all.len(), 1);
        assert!(accesses.push(access(80, 7, 3)), "its first for three days");
        accesses.forget(EventTime(500 * Span::HOUR.0));
        assert!(accesses.latest.is_empty() && accesses.all.is_empty());
    }
}
