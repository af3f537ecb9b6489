//! Sum: open windows of a group, one row per entity, merged from panes.
//!
//! Panes are merged into the shortest window only; each window, as it closes, is merged into the
//! next longer one, which is a multiple of it.

use crate::detection::{Group, Slot};
use crate::domain::Span;
use crate::measure::{Distinct, Sizes};
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
    distinct_per_row: usize,
    sums: Vec<u64>,
    distinct: Vec<Distinct>,
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
            distinct_per_row: group.distinct.len(),
            sums: Vec::new(),
            distinct: Vec::new(),
            sizes: Vec::new(),
            seen: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Makes room for as many entities.
    pub(super) fn grow(&mut self, entities: usize) {
        self.seen.resize(entities, false);
        self.sums.resize(entities * self.sums_per_row, 0);
        self.distinct
            .resize_with(entities * self.distinct_per_row, Distinct::default);
    }

    fn touch(&mut self, row: usize) {
        if !std::mem::replace(&mut self.seen[row], true) {
            self.touched.push(row as u32);
        }
    }

    fn merge_row(&mut self, row: usize, sums: &[u64], distinct: &[Distinct]) {
        self.touch(row);
        let ours = &mut self.sums[row * self.sums_per_row..][..self.sums_per_row];
        ours.iter_mut()
            .zip(sums)
            .for_each(|(our, their)| *our = our.saturating_add(*their));
        let ours = &mut self.distinct[row * self.distinct_per_row..][..self.distinct_per_row];
        ours.iter_mut()
            .zip(distinct)
            .for_each(|(our, their)| our.merge(their));
    }

    /// Adds a pane, whose rows belong to these entities.
    pub(super) fn merge_pane(&mut self, table: &PaneTable, entities: &[u32]) {
        for (row, entity) in table.rows().zip(entities) {
            self.merge_row(*entity as usize, row.sums, row.distinct);
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
            let distinct =
                &shorter.distinct[row * self.distinct_per_row..][..self.distinct_per_row];
            self.merge_row(row, sums, distinct);
        }
    }

    /// Empties the window.
    pub(super) fn clear(&mut self) {
        self.sizes.clear();
        for row in std::mem::take(&mut self.touched) {
            let row = row as usize;
            self.seen[row] = false;
            self.sums[row * self.sums_per_row..][..self.sums_per_row].fill(0);
            let sets = &mut self.distinct[row * self.distinct_per_row..][..self.distinct_per_row];
            sets.fill_with(Distinct::default);
        }
    }

    /// The value of a measure for an entity.
    pub(super) fn value(&self, row: usize, slot: Slot) -> u64 {
        match slot {
            Slot::Sum(column) => self.sums[row * self.sums_per_row + column],
            Slot::Distinct(column) => {
                self.distinct[row * self.distinct_per_row + column].estimate()
            }
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
        self.distinct
            .retain(|_| next(&mut row, self.distinct_per_row));
        self.touched
            .iter_mut()
            .for_each(|row| *row = moved_to[*row as usize]);
    }

    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<u64>()
            + self.distinct.capacity() * size_of::<Distinct>()
            + self
                .distinct
                .iter()
                .map(Distinct::heap_bytes)
                .sum::<usize>()
            + self.sizes.capacity() * size_of::<Sizes>()
            + self.sizes.iter().map(Sizes::heap_bytes).sum::<usize>()
            + self.seen.capacity()
            + self.touched.capacity() * size_of::<u32>()
    }
}
