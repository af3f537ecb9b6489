//! Sum: open windows of a group, one row per entity, merged from panes.
//!
//! Panes are merged into the shortest window only; each window, as it closes, is merged into the
//! next longer one, which is a multiple of it.

use crate::detection::{Group, Slot};
use crate::domain::Span;
use crate::measure::{Sizes, Sketch, Tally};
use crate::observe::PaneTable;
use serde::{Deserialize, Serialize};

/// Greatest common divisor; 0 is neutral.
pub(super) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// An entity that did not appear.
const NO_ROW: u32 = u32::MAX;

/// One open window. Only those that appear take room in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) span: Span,
    sums_per_row: usize,
    /// Per entity: its row, or [`NO_ROW`].
    rows: Vec<u32>,
    /// Per row: its entity.
    touched: Vec<u32>,
    sums: Vec<u64>,
    sketches: Vec<Sketch>,
    /// A row without anything in it.
    empty_row: Vec<Sketch>,
    /// Sizes per class of the group.
    sizes: Vec<Sizes>,
}

impl Window {
    pub(super) fn new(group: &Group, span: Span) -> Window {
        Window {
            span,
            sums_per_row: group.sums.len(),
            rows: Vec::new(),
            touched: Vec::new(),
            sums: Vec::new(),
            sketches: Vec::new(),
            empty_row: group.sketches.iter().filter_map(Sketch::new).collect(),
            sizes: Vec::new(),
        }
    }

    /// Makes room for as many entities.
    pub(super) fn grow(&mut self, entities: usize) {
        self.rows.resize(entities, NO_ROW);
    }

    fn row(&self, entity: usize) -> Option<usize> {
        let row = self.rows[entity];
        (row != NO_ROW).then_some(row as usize)
    }

    /// The row of an entity that appears.
    pub(super) fn touch(&mut self, entity: usize) -> usize {
        self.row(entity).unwrap_or_else(|| {
            let row = self.touched.len();
            self.rows[entity] = row as u32;
            self.touched.push(entity as u32);
            self.sums.resize((row + 1) * self.sums_per_row, 0);
            self.sketches.extend_from_slice(&self.empty_row);
            row
        })
    }

    fn merge_row(&mut self, entity: usize, sums: &[u64], sketches: &[Sketch]) {
        let row = self.touch(entity);
        let ours = &mut self.sums[row * self.sums_per_row..][..self.sums_per_row];
        ours.iter_mut()
            .zip(sums)
            .for_each(|(our, their)| *our = our.saturating_add(*their));
        self.sketches[row * sketches.len()..]
            .iter_mut()
            .zip(sketches)
            .for_each(|(our, their)| our.merge(their));
    }

    /// Adds a pane, whose rows belong to these entities.
    pub(super) fn merge_pane(&mut self, table: &PaneTable, entities: &[u32]) {
        for (row, entity) in table.rows().zip(entities) {
            self.merge_row(*entity as usize, row.sums, row.sketches);
        }
    }

    /// Adds the sizes of a class.
    pub(super) fn merge_sizes(&mut self, class: usize, sizes: &Sizes) {
        if self.sizes.len() <= class {
            self.sizes.resize_with(class + 1, Sizes::default);
        }
        self.sizes[class].merge(sizes);
    }

    /// Sizes per class; classes beyond its end had none.
    pub(super) fn sizes(&self) -> &[Sizes] {
        &self.sizes
    }

    /// Adds a shorter window.
    pub(super) fn merge_window(&mut self, shorter: &Window) {
        for (class, sizes) in shorter.sizes.iter().enumerate() {
            self.merge_sizes(class, sizes);
        }
        let (sums_per_row, per_row) = (self.sums_per_row, self.empty_row.len());
        for (row, entity) in shorter.touched.iter().enumerate() {
            let sums = &shorter.sums[row * sums_per_row..][..sums_per_row];
            let sketches = &shorter.sketches[row * per_row..][..per_row];
            self.merge_row(*entity as usize, sums, sketches);
        }
    }

    /// Empties the window.
    pub(super) fn clear(&mut self) {
        for entity in self.touched.drain(..) {
            self.rows[entity as usize] = NO_ROW;
        }
        self.sums.clear();
        self.sketches.clear();
        self.sizes.clear();
    }

    /// The value of a measure for an entity: 0 for one that did not appear.
    pub(super) fn value(&self, entity: usize, slot: Slot) -> u64 {
        match slot {
            Slot::Sum(column) => self
                .row(entity)
                .map_or(0, |row| self.sums[row * self.sums_per_row + column]),
            Slot::Sketch(_) => self.sketch(entity, slot).map_or(0, Sketch::value),
        }
    }

    /// What a term that is more than a number keeps of an entity that appeared.
    pub(super) fn sketch(&self, entity: usize, slot: Slot) -> Option<&Sketch> {
        match slot {
            Slot::Sum(_) => None,
            Slot::Sketch(column) => self
                .row(entity)
                .map(|row| &self.sketches[row * self.empty_row.len() + column]),
        }
    }

    /// What a share is a share of. A walk is a sample, and a share of its own serials.
    pub(super) fn trials(&self, entity: usize, per: Slot) -> u64 {
        match self.sketch(entity, per) {
            Some(Sketch::Walk(walk)) => walk.steps().serials,
            _ => self.value(entity, per),
        }
    }

    /// The counts per category of an entity that appeared.
    pub(super) fn tally(&self, entity: usize, slot: Slot) -> Option<&Tally> {
        match self.sketch(entity, slot) {
            Some(Sketch::Tally(tally)) => Some(tally),
            _ => None,
        }
    }

    /// The entities that appeared.
    pub(super) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// What some did is counted as another's: `into` says whose, of every entity.
    pub(super) fn fold(&mut self, into: &[u32]) {
        self.grow(into.len());
        if self
            .touched
            .iter()
            .all(|entity| into[*entity as usize] == *entity)
        {
            return;
        }
        let mut folded = Window {
            span: self.span,
            sums_per_row: self.sums_per_row,
            rows: vec![NO_ROW; into.len()],
            touched: Vec::new(),
            sums: Vec::new(),
            sketches: Vec::new(),
            empty_row: self.empty_row.clone(),
            sizes: std::mem::take(&mut self.sizes),
        };
        let (sums_per_row, per_row) = (self.sums_per_row, self.empty_row.len());
        for (row, entity) in self.touched.iter().enumerate() {
            let sums = &self.sums[row * sums_per_row..][..sums_per_row];
            let sketches = &self.sketches[row * per_row..][..per_row];
            folded.merge_row(into[*entity as usize] as usize, sums, sketches);
        }
        *self = folded;
    }

    /// Bytes of an entity that appears, besides what its sketches hold.
    pub(super) fn row_bytes(&self) -> usize {
        2 * size_of::<u32>()
            + self.sums_per_row * size_of::<u64>()
            + self.empty_row.len() * size_of::<Sketch>()
    }

    /// Bytes of all, by what they hold.
    pub(super) fn held_bytes(&self) -> usize {
        let sketches: usize = self.sketches.iter().map(Sketch::held_bytes).sum();
        self.rows.len() * size_of::<u32>() + self.touched.len() * self.row_bytes() + sketches
    }

    /// Keeps the entities marked, which must be all that appeared.
    pub(super) fn keep(&mut self, marks: &[bool], moved_to: &[u32]) {
        let mut marks = marks.iter();
        self.rows.retain(|_| marks.next().is_some_and(|mark| *mark));
        self.touched
            .iter_mut()
            .for_each(|entity| *entity = moved_to[*entity as usize]);
    }

    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<u64>()
            + self.sketches.capacity() * size_of::<Sketch>()
            + self.sketches.iter().map(Sketch::heap_bytes).sum::<usize>()
            + self.sizes.capacity() * size_of::<Sizes>()
            + self.sizes.iter().map(Sizes::heap_bytes).sum::<usize>()
            + (self.rows.capacity() + self.touched.capacity()) * size_of::<u32>()
    }
}
