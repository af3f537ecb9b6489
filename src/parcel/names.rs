//! Names as small numbers, so that what is remembered of a parcel is small.

use ahash::RandomState;
use compact_str::CompactString;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};

/// A name's number; 0 is no name, or one for which there was no room.
pub(super) type Name = u32;
/// No name.
pub(super) const NOBODY: Name = 0;

/// Up to a bound of names. Numbers are given out in the order in which names come.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "SavedNames")]
pub(super) struct Names {
    #[serde(skip)]
    index: HashTable<Name>,
    #[serde(skip)]
    hasher: RandomState,
    all: Vec<CompactString>,
    names_max: usize,
    overflow: u64,
}

/// Names, as they are written down.
#[derive(Deserialize)]
struct SavedNames {
    all: Vec<CompactString>,
    names_max: usize,
    overflow: u64,
}

impl From<SavedNames> for Names {
    fn from(saved: SavedNames) -> Names {
        let mut names = Names {
            all: saved.all,
            overflow: saved.overflow,
            ..Names::new(saved.names_max)
        };
        names.build_index();
        names
    }
}

impl Names {
    pub(super) fn new(names_max: usize) -> Names {
        Names {
            index: HashTable::new(),
            hasher: RandomState::new(),
            all: vec![CompactString::default()],
            names_max,
            overflow: 0,
        }
    }

    /// From now on no new one is given a number beyond so many.
    pub(super) fn obey(&mut self, names_max: usize) {
        self.names_max = names_max;
    }

    /// The number of a name; a new one where there is room.
    pub(super) fn number(&mut self, name: Option<&str>) -> Name {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return NOBODY;
        };
        let (all, hasher) = (&mut self.all, &self.hasher);
        let entry = self.index.entry(
            hasher.hash_one(name),
            |number| all[*number as usize] == name,
            |number| hasher.hash_one(all[*number as usize].as_str()),
        );
        match entry {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(_) if all.len() > self.names_max => {
                self.overflow += 1;
                NOBODY
            }
            Entry::Vacant(place) => {
                let number = all.len() as Name;
                place.insert(number);
                all.push(CompactString::new(name));
                number
            }
        }
    }

    /// The number of a name that is known.
    pub(super) fn known(&self, name: Option<&str>) -> Option<Name> {
        let name = name?;
        self.index
            .find(self.hasher.hash_one(name), |number| {
                self.all[*number as usize] == name
            })
            .copied()
    }

    /// The name of a number.
    pub(super) fn name(&self, number: Name) -> Option<&str> {
        let is_name = number != NOBODY;
        let name = self.all.get(number as usize).filter(|_| is_name);
        name.map(CompactString::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len() - 1
    }

    /// Whether it is time to make room.
    pub(super) fn is_crowded(&self) -> bool {
        self.len() > self.names_max / 4 * 3
    }

    /// Names for which there was no room.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Keeps the names marked; gives the new number of every old one.
    pub(super) fn keep(&mut self, marks: &[bool]) -> Vec<Name> {
        let mut moved_to = vec![NOBODY; self.all.len()];
        let mut kept = vec![CompactString::default()];
        for (number, name) in std::mem::take(&mut self.all)
            .into_iter()
            .enumerate()
            .skip(1)
        {
            if marks.get(number) == Some(&true) {
                moved_to[number] = kept.len() as Name;
                kept.push(name);
            }
        }
        self.all = kept;
        self.build_index();
        moved_to
    }

    fn build_index(&mut self) {
        self.index.clear();
        for number in 1..self.all.len() {
            let (all, hasher) = (&self.all, &self.hasher);
            let hash = |number: &Name| hasher.hash_one(all[*number as usize].as_str());
            let own = number as Name;
            self.index.insert_unique(hash(&own), own, hash);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let heap: usize = self
            .all
            .iter()
            .filter(|name| name.is_heap_allocated())
            .map(CompactString::capacity)
            .sum();
        self.all.capacity() * size_of::<CompactString>() + self.index.allocation_size() + heap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_beyond_the_bound_there_is_nobody() {
        let mut names = Names::new(2);
        let (a, b) = (names.number(Some("a")), names.number(Some("b")));
        assert_eq!((names.number(Some("c")), names.overflow()), (NOBODY, 1));
        assert_eq!(names.number(Some("a")), a);
        assert_eq!((names.name(a), names.name(b)), (Some("a"), Some("b")));
        assert_eq!(names.number(None), NOBODY);
        assert_eq!(names.name(NOBODY), None);
        let moved_to = names.keep(&[false, false, true]);
        assert_eq!(names.name(moved_to[b as usize]), Some("b"));
        assert_eq!(
            (moved_to[a as usize], names.known(Some("a"))),
            (NOBODY, None)
        );
        assert_ne!(names.number(Some("c")), NOBODY);
    }
}
