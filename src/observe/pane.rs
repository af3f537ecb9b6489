//! The measures of one group in one pane: a table with a row per entity.

use crate::detection::Group;
use crate::domain::{EntityKey, Event, join_key};
use crate::limits::CLASSES_MAX;
use crate::measure::{Sizes, Sketch, ValueHasher};
use ahash::RandomState;
use compact_str::CompactString;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};

/// Hashes entity keys for tables. Seeded anew by every process: no result depends on it, and
/// nobody outside can choose keys that collide.
pub type PaneHasher = RandomState;

/// Rows in the order in which their entities first appeared, columns per term of the group.
#[derive(Debug, Serialize, Deserialize)]
pub struct PaneTable {
    /// Where events are still added; what was written down is sealed.
    #[serde(skip)]
    index: HashTable<u32>,
    keys: Vec<EntityKey>,
    classes: Vec<u8>,
    class_names: Vec<CompactString>,
    /// Sizes per class, in the order of the names; empty where the group keeps none.
    sizes: Vec<Sizes>,
    sums: Vec<u64>,
    sketches: Vec<Sketch>,
    /// A row without anything in it.
    empty_row: Vec<Sketch>,
    sums_per_row: usize,
    /// Bytes that keys and sketches have besides their rows.
    #[serde(skip)]
    heap: usize,
}

/// One entity's measures in one pane.
#[derive(Clone, Copy, Debug)]
pub struct PaneRow<'t> {
    /// The entity.
    pub key: &'t EntityKey,
    /// The name of its class; empty where the event named none.
    pub class: &'t str,
    /// One value per sum of the group.
    pub sums: &'t [u64],
    /// One per sketch of the group.
    pub sketches: &'t [Sketch],
}

impl PaneTable {
    /// An empty table for a group.
    pub fn new(group: &Group) -> PaneTable {
        PaneTable {
            index: HashTable::new(),
            keys: Vec::new(),
            classes: Vec::new(),
            class_names: Vec::new(),
            sizes: Vec::new(),
            sums: Vec::new(),
            sketches: Vec::new(),
            empty_row: group.sketches.iter().filter_map(Sketch::new).collect(),
            sums_per_row: group.sums.len(),
            heap: 0,
        }
    }

    /// Adds an event that the group accepts. An event that lacks a member of the entity adds
    /// nothing.
    #[inline]
    pub fn add(
        &mut self,
        group: &Group,
        event: &Event<'_>,
        hasher: &ValueHasher,
        pane_hasher: &PaneHasher,
        scratch: &mut String,
    ) {
        if let Some(key) = join_key(&group.entity, event, scratch) {
            let class = group.pool.and_then(|pool| event.member(pool)).unwrap_or("");
            self.add_to(key, class, group, event, hasher, pane_hasher);
        }
    }

    /// Adds an event that the group accepts to the row of this key, whose class has this name.
    pub fn add_to(
        &mut self,
        key: &str,
        class: &str,
        group: &Group,
        event: &Event<'_>,
        hasher: &ValueHasher,
        pane_hasher: &PaneHasher,
    ) {
        let row = self.row_of(key, pane_hasher);
        let sums = &mut self.sums[row * self.sums_per_row..][..self.sums_per_row];
        for (sum, term) in sums.iter_mut().zip(&group.sums) {
            if term.accepts(event) {
                *sum = sum.saturating_add(term.function.summand(event));
            }
        }
        let per_row = self.empty_row.len();
        let sketches = &mut self.sketches[row * per_row..][..per_row];
        for (sketch, term) in sketches.iter_mut().zip(&group.sketches) {
            if term.accepts(event) {
                let before = sketch.heap_bytes();
                sketch.add(term, event, hasher);
                self.heap += sketch.heap_bytes().saturating_sub(before);
            }
        }
        if group.pool.is_none() && group.sizes.is_none() {
            return;
        }
        let number = self.class_of(class);
        self.note_class(row, number);
        if let Some(quantity) = group.sizes {
            if self.sizes.len() <= number {
                self.sizes.resize_with(number + 1, Sizes::default);
            }
            self.sizes[number].add(quantity.summand(event));
        }
    }

    fn row_of(&mut self, key: &str, hasher: &PaneHasher) -> usize {
        let keys = &mut self.keys;
        let entry = self.index.entry(
            hasher.hash_one(key),
            |row| keys[*row as usize] == key,
            |row| hasher.hash_one(keys[*row as usize].as_str()),
        );
        match entry {
            Entry::Occupied(found) => *found.get() as usize,
            Entry::Vacant(place) => {
                let row = keys.len();
                place.insert(row as u32);
                let key = EntityKey::new(key);
                self.heap += match key.is_heap_allocated() {
                    true => key.capacity(),
                    false => 0,
                };
                keys.push(key);
                self.classes.push(u8::MAX);
                self.sums.resize(self.sums.len() + self.sums_per_row, 0);
                self.heap += self.empty_row.iter().map(Sketch::heap_bytes).sum::<usize>();
                self.sketches.extend_from_slice(&self.empty_row);
                row
            }
        }
    }

    /// The number of a class. Beyond the bound all further ones share the last.
    fn class_of(&mut self, class: &str) -> usize {
        if let Some(number) = self.class_names.iter().position(|name| name == class) {
            return number;
        }
        if self.class_names.len() < CLASSES_MAX {
            self.class_names.push(CompactString::new(class));
        }
        self.class_names.len() - 1
    }

    /// An entity that names several classes in one pane belongs to the last by name, so that
    /// the order of its events does not matter.
    fn note_class(&mut self, row: usize, number: usize) {
        let known = self.class_names.get(usize::from(self.classes[row]));
        if known.is_none_or(|known| *known < self.class_names[number]) {
            self.classes[row] = number as u8;
        }
    }

    /// Number of entities.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes that it takes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.index.allocation_size()
            + self.keys.capacity() * size_of::<EntityKey>()
            + self.classes.capacity()
            + self.sums.capacity() * size_of::<u64>()
            + self.sketches.capacity() * size_of::<Sketch>()
            + self.heap
    }

    /// Whether no entity appeared.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Sizes per class.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, &Sizes)> {
        self.class_names
            .iter()
            .map(|name| name.as_str())
            .zip(&self.sizes)
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = PaneRow<'_>> {
        self.keys.iter().enumerate().map(|(row, key)| PaneRow {
            key,
            class: self
                .class_names
                .get(usize::from(self.classes[row]))
                .map_or("", |name| name.as_str()),
            sums: &self.sums[row * self.sums_per_row..][..self.sums_per_row],
            sketches: &self.sketches[row * self.empty_row.len()..][..self.empty_row.len()],
        })
    }
}
