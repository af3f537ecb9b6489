//! The entities of a group: their keys, classes and ages.

use crate::domain::{EntityKey, EventTime, Maturity, Span};
use crate::limits::CLASSES_MAX;
use crate::measure::ValueHasher;
use crate::observe::PaneTable;
use ahash::RandomState;
use compact_str::CompactString;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};

/// Pools that the small entities of a class are spread over.
pub(super) const POOLS: usize = 32;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entity {
    pub(super) key: EntityKey,
    pub(super) class: u8,
    /// When it named that class.
    pub(super) classed: EventTime,
    /// Which pool of small entities it belongs to: a keyed hash of its key.
    pub(super) pool: u8,
    pub(super) first_seen: EventTime,
    pub(super) last_seen: EventTime,
}

/// How mature a history is by now that began then.
pub(super) fn maturity(since: EventTime, now: EventTime) -> Maturity {
    let age = now - since;
    if age < Span::DAY {
        Maturity::New
    } else if age < Span::days(7) {
        Maturity::Young
    } else {
        Maturity::Mature
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "SavedEntities")]
pub(super) struct Entities {
    #[serde(skip)]
    index: HashTable<u32>,
    #[serde(skip)]
    hasher: RandomState,
    all: Vec<Entity>,
    classes: Vec<CompactString>,
    forgotten: u64,
}

/// The same, as it is written down.
#[derive(Deserialize)]
struct SavedEntities {
    all: Vec<Entity>,
    classes: Vec<CompactString>,
    forgotten: u64,
}

impl From<SavedEntities> for Entities {
    fn from(saved: SavedEntities) -> Entities {
        let mut entities = Entities {
            all: saved.all,
            classes: saved.classes,
            forgotten: saved.forgotten,
            ..Entities::default()
        };
        entities.build_index();
        entities
    }
}

impl Entities {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> &[Entity] {
        &self.all
    }

    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The entities of a pane's rows; those not seen before are born, into the pool that `hasher`
    /// says.
    pub(super) fn of_pane(
        &mut self,
        table: &PaneTable,
        at: EventTime,
        hasher: &ValueHasher,
        into: &mut Vec<u32>,
    ) {
        into.clear();
        for row in table.rows() {
            let class = self.class(row.class);
            let (all, own) = (&mut self.all, &self.hasher);
            let entry = self.index.entry(
                own.hash_one(row.key),
                |entity| all[*entity as usize].key == *row.key,
                |entity| own.hash_one(&all[*entity as usize].key),
            );
            let number = match entry {
                Entry::Occupied(found) => *found.get(),
                Entry::Vacant(place) => {
                    let number = all.len() as u32;
                    place.insert(number);
                    all.push(Entity {
                        key: row.key.clone(),
                        class,
                        classed: EventTime::MIN,
                        pool: (hasher.hash(row.key) % POOLS as u64) as u8,
                        first_seen: at,
                        last_seen: at,
                    });
                    number
                }
            };
            let entity = &mut all[number as usize];
            // Of several classes that it names in one pane the last by name, whichever partition
            // tells of it first.
            let (known, names) = (usize::from(entity.class), &self.classes);
            let is_newer = entity.classed < at || names[known] < names[usize::from(class)];
            if !row.class.is_empty() && is_newer {
                (entity.class, entity.classed) = (class, at);
            }
            entity.last_seen = entity.last_seen.max(at);
            into.push(number);
        }
    }

    /// The number of a class. Beyond the bound all further ones share the last.
    pub(super) fn class(&mut self, name: &str) -> u8 {
        if let Some(number) = self.classes.iter().position(|known| known == name) {
            return number as u8;
        }
        if self.classes.len() < CLASSES_MAX {
            self.classes.push(CompactString::new(name));
        }
        (self.classes.len() - 1) as u8
    }

    /// The name of a class.
    pub(super) fn class_name(&self, class: u8) -> &str {
        self.classes
            .get(usize::from(class))
            .map_or("", CompactString::as_str)
    }

    /// Which entities are still remembered, where some are not. Where `brief` ones are forgotten
    /// sooner, an entity that was seen over some time is remembered for as long again and a day,
    /// so that those who come a few times in their life do not fill the table.
    pub(super) fn remembered(
        &self,
        now: EventTime,
        forget_after: Span,
        brief: bool,
    ) -> Option<Vec<bool>> {
        let is_remembered = |entity: &Entity| {
            let seen_over = (entity.last_seen - entity.first_seen).0;
            let earned = Span(seen_over.saturating_add(Span::DAY.0));
            let kept_for = if brief {
                forget_after.min(earned)
            } else {
                forget_after
            };
            entity.last_seen + kept_for >= now
        };
        let marks: Vec<bool> = self.all.iter().map(is_remembered).collect();
        marks.contains(&false).then_some(marks)
    }

    /// Keeps the entities marked.
    pub(super) fn keep(&mut self, marks: &[bool]) {
        let before = self.all.len();
        let mut row = 0;
        self.all.retain(|_| {
            row += 1;
            marks[row - 1]
        });
        self.forgotten += (before - self.all.len()) as u64;
        self.build_index();
    }

    fn build_index(&mut self) {
        self.index.clear();
        for (number, entity) in self.all.iter().enumerate() {
            let (all, hasher) = (&self.all, &self.hasher);
            self.index
                .insert_unique(hasher.hash_one(&entity.key), number as u32, |other| {
                    hasher.hash_one(&all[*other as usize].key)
                });
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let keys: usize = self
            .all
            .iter()
            .filter(|entity| entity.key.is_heap_allocated())
            .map(|entity| entity.key.capacity())
            .sum();
        self.all.capacity() * size_of::<Entity>() + self.index.allocation_size() + keys
    }
}
