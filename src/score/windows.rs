//! Sum: open windows of a group, one row per entity, merged from panes.
//!
//! Panes are merged into the shortest window only; each window, as it closes, is merged into the
//! next longer one, which is a multiple of it.

use crate::detection::{Group, Slot};
use crate::domain::Span;
use crate::measure::{Sizes, Sketch};
use crate::observe::PaneTable;

/// Greatest common divisor; 0 is neutral.
pub(super) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One open window.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) span: Span,
    sums_per_row: usize,
    sums: Vec<u64>,
    sketches: Vec<Sketch>,
    /// A row without anything in it.
    empty_row: Vec<Sketch>,
    /// Sizes per class of the group.
    sizes: Vec<Sizes>,
    seen: Vec<bool>,
    touched: Vec<u32>,
}

impl Window {
    pub(super) fn new(group: &Group, span: Span) -> Window {
        Window {
            span,
            sums_per_row: group.sums.len(),
            sums: Vec::new(),
            sketches: Vec::new(),
            empty_row: group.sketches.iter().filter_map(Sketch::new).collect(),
            sizes: Vec::new(),
            seen: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Makes room for as many entities.
    pub(super) fn grow(&mut self, entities: usize) {
        self.seen.resize(entities, false);
        self.sums.resize(entities * self.sums_per_row, 0);
        let known = self.sketches.len() / self.empty_row.len().max(1);
        for _ in known..entities {
            self.sketches.extend_from_slice(&self.empty_row);
        }
    }

    /// The sketches of an entity.
    fn row(&self, row: usize) -> &[Sketch] {
        &self.sketches[row * self.empty_row.len()..][..self.empty_row.len()]
    }

    fn row_mut(&mut self, row: usize) -> &mut [Sketch] {
        let per_row = self.empty_row.len();
        &mut self.sketches[row * per_row..][..per_row]
    }

    fn touch(&mut self, row: usize) {
        if !std::mem::replace(&mut self.seen[row], true) {
            self.touched.push(row as u32);
        }
    }

    fn merge_row(&mut self, row: usize, sums: &[u64], sketches: &[Sketch]) {
        self.touch(row);
        let ours = &mut self.sums[row * self.sums_per_row..][..self.sums_per_row];
        ours.iter_mut()
            .zip(sums)
            .for_each(|(our, their)| *our = our.saturating_add(*their));
        self.row_mut(row)
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
        for row in &shorter.touched {
            let row = *row as usize;
            let sums = &shorter.sums[row * self.sums_per_row..][..self.sums_per_row];
            self.merge_row(row, sums, shorter.row(row));
        }
    }

    /// Empties the window.
    pub(super) fn clear(&mut self) {
        self.sizes.clear();
        for row in std::mem::take(&mut self.touched) {
            let row = row as usize;
            self.seen[row] = false;
            self.sums[row * self.sums_per_row..][..self.sums_per_row].fill(0);
            self.row_mut(row).iter_mut().for_each(Sketch::clear);
        }
    }

    /// The value of a measure for an entity.
    pub(super) fn value(&self, row: usize, slot: Slot) -> u64 {
        match slot {
            Slot::Sum(column) => self.sums[row * self.sums_per_row + column],
            Slot::Sketch(column) => self.row(row)[column].value(),
        }
    }

    /// What a term that is more than a number keeps of an entity.
    pub(super) fn sketch(&self, row: usize, slot: Slot) -> Option<&Sketch> {
        match slot {
            Slot::Sum(_) => None,
            Slot::Sketch(column) => self.row(row).get(column),
        }
    }

    /// The entities that appeared.
    pub(super) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Keeps the rows marked, which must be all that appeared.
    pub(super) fn keep(&mut self, marks: &[bool], moved_to: &[u32]) {
        let mut row = 0;
        let next = |row: &mut usize, per_row: usize| {
            let kept = marks[*row / per_row.max(1)];
            *row += 1;
            kept
        };
        self.seen.retain(|_| next(&mut row, 1));
        row = 0;
        self.sums.retain(|_| next(&mut row, self.sums_per_row));
        row = 0;
        let per_row = self.empty_row.len();
        self.sketches.retain(|_| next(&mut row, per_row));
        self.touched
            .iter_mut()
            .for_each(|row| *row = moved_to[*row as usize]);
    }

    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<u64>()
            + self.sketches.capacity() * size_of::<Sketch>()
            + self.sketches.iter().map(Sketch::heap_bytes).sum::<usize>()
            + self.sizes.capacity() * size_of::<Sizes>()
            + self.sizes.iter().map(Sizes::heap_bytes).sum::<usize>()
            + self.seen.capacity()
            + self.touched.capacity() * size_of::<u32>()
    }
}
