//! The entities of a group: their keys, classes and ages.

use crate::domain::{EntityKey, EventTime, Maturity, Span, first_member};
use crate::limits::CLASSES_MAX;
use crate::measure::ValueHasher;
use crate::observe::PaneRow;
use ahash::RandomState;
use compact_str::CompactString;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

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
    /// When something of it was last very unlikely.
    pub(super) unlikely: EventTime,
    /// It stands for all of a class that are nobody yet.
    pub(super) is_pooled: bool,
}

impl Entity {
    /// Bytes of one with a short key, and its place in the index.
    pub(super) const BYTES: usize = size_of::<Entity>() + 8;
}

/// What an entity is called, and its class, that stands for all of `class` that are nobody yet. They
/// are a class of their own: nobody is like them, and they must not say what is usual for others.
pub(super) fn pooled_name(class: &str) -> CompactString {
    match class {
        "" => CompactString::const_new("(other)"),
        class => compact_str::format_compact!("(other {class})"),
    }
}

/// The pooled entity of those who name this class, of these that are known.
pub(super) fn pooled_name_among(classes: &[CompactString], class: &str) -> EntityKey {
    let is_known = classes.iter().any(|known| known == class);
    pooled_name(if is_known { class } else { "" })
}

/// Whether it is the name of a pooled entity. An event that says it of itself is measured there, too.
pub(super) fn is_pooled_name(classes: &[CompactString], key: &str) -> bool {
    key.starts_with("(other")
        && (key == pooled_name("") || classes.iter().any(|class| key == pooled_name(class)))
}

/// What became of the entities of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityCounts {
    /// Entities with baselines.
    pub known: usize,
    /// Entities forgotten, for their age or for want of room.
    pub forgotten: u64,
    /// How often one appeared in a pane that is watched by itself.
    pub alone: u64,
    /// How often one did that is watched as part of a pooled one.
    pub pooled: u64,
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
    alone: u64,
    pooled: u64,
}

/// The same, as it is written down.
#[derive(Deserialize)]
struct SavedEntities {
    all: Vec<Entity>,
    classes: Vec<CompactString>,
    forgotten: u64,
    alone: u64,
    pooled: u64,
}

impl From<SavedEntities> for Entities {
    fn from(saved: SavedEntities) -> Entities {
        let mut entities = Entities {
            all: saved.all,
            classes: saved.classes,
            forgotten: saved.forgotten,
            alone: saved.alone,
            pooled: saved.pooled,
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

    pub(super) fn counts(&self) -> EntityCounts {
        EntityCounts {
            known: self.all.len(),
            forgotten: self.forgotten,
            alone: self.alone,
            pooled: self.pooled,
        }
    }

    /// So many appeared in a pane that are watched as part of a pooled entity.
    pub(super) fn note_pooled(&mut self, appeared: usize) {
        self.pooled += appeared as u64;
    }

    /// The number of one that is known.
    pub(super) fn number(&self, key: &str) -> Option<u32> {
        let found = self.index.find(self.hasher.hash_one(key), |entity| {
            self.all[*entity as usize].key == key
        });
        found.copied()
    }

    /// Whether it is known.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.number(key).is_some()
    }

    /// Something of this one was very unlikely.
    pub(super) fn note_unlikely(&mut self, key: &str, at: EventTime) {
        if let Some(number) = self.number(key) {
            self.all[number as usize].unlikely = at;
        }
    }

    /// The entity that stands for all of a class that are nobody yet.
    pub(super) fn pooled(&mut self, class: u8, at: EventTime) -> u32 {
        self.pooled_named(pooled_name(self.class_name(class)), at)
    }

    fn pooled_named(&mut self, name: EntityKey, at: EventTime) -> u32 {
        if let Some(number) = self.number(&name) {
            let entity = &mut self.all[number as usize];
            entity.last_seen = entity.last_seen.max(at);
            return number;
        }
        let class = self.class(&name);
        let number = self.all.len() as u32;
        self.all.push(Entity {
            key: name,
            class,
            classed: EventTime::MIN,
            pool: 0,
            first_seen: at,
            last_seen: at,
            unlikely: EventTime::MIN,
            is_pooled: true,
        });
        let (all, hasher) = (&self.all, &self.hasher);
        let hash = |number: &u32| hasher.hash_one(all[*number as usize].key.as_str());
        self.index.insert_unique(hash(&number), number, hash);
        number
    }

    /// The entities of a pane's rows; those not seen before are born, into the pool that `hasher`
    /// says, or are part of the pooled one that `pooled_in` names.
    pub(super) fn of_pane<'r>(
        &mut self,
        rows: impl Iterator<Item = PaneRow<'r>>,
        at: EventTime,
        hasher: &ValueHasher,
        pooled_in: &dyn Fn(PaneRow<'_>) -> Option<EntityKey>,
        into: &mut Vec<u32>,
    ) {
        into.clear();
        for row in rows {
            if let Some(name) = pooled_in(row) {
                into.push(self.pooled_named(name, at));
                continue;
            }
            let class = self.class(row.class);
            let (all, own) = (&mut self.all, &self.hasher);
            let entry = self.index.entry(
                own.hash_one(row.key.as_str()),
                |entity| all[*entity as usize].key == *row.key,
                |entity| own.hash_one(all[*entity as usize].key.as_str()),
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
                        last_seen: EventTime::MIN,
                        unlikely: EventTime::MIN,
                        is_pooled: false,
                    });
                    number
                }
            };
            let entity = &mut all[number as usize];
            self.alone += u64::from(entity.last_seen < at);
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

    /// The names of the classes.
    pub(super) fn class_names(&self) -> &[CompactString] {
        &self.classes
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

    /// Whom the entities start from, where they are edges.
    pub(super) fn sources(&self) -> HashSet<&str> {
        self.all
            .iter()
            .map(|entity| first_member(&entity.key))
            .collect()
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
            self.index.insert_unique(
                hasher.hash_one(entity.key.as_str()),
                number as u32,
                |other| hasher.hash_one(all[*other as usize].key.as_str()),
            );
        }
    }

    /// Bytes of those that there are, by what they hold.
    pub(super) fn held_bytes(&self) -> usize {
        let is_long = |entity: &&Entity| entity.key.is_heap_allocated();
        let long: usize = self
            .all
            .iter()
            .filter(is_long)
            .map(|entity| entity.key.len())
            .sum();
        self.all.len() * Entity::BYTES + long
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
