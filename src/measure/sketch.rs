//! What a term that is more than a number keeps.

use super::{Arrivals, Distinct, Function, Sizes, Tally, Term, ValueHasher, Walk};
use crate::domain::Event;
use serde::{Deserialize, Serialize};

/// The state of one term for one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sketch {
    /// Of `distinct`.
    Distinct(Distinct),
    /// Of `walk`.
    Walk(Walk),
    /// Of `mix`.
    Tally(Tally),
    /// Of `histogram`, in hundredths of the quantity's unit.
    Histogram(Sizes),
    /// Of `arrivals`.
    Arrivals(Arrivals),
}

impl Sketch {
    /// An empty one for a term; numbers have none.
    pub fn new(term: &Term) -> Option<Sketch> {
        match term.function {
            Function::Count | Function::Sum(_) => None,
            Function::Distinct(_) => Some(Sketch::Distinct(Distinct::default())),
            Function::Walk(_) => Some(Sketch::Walk(Walk::default())),
            Function::Mix(_) => Some(Sketch::Tally(Tally::default())),
            Function::Histogram(_) => Some(Sketch::Histogram(Sizes::default())),
            Function::Arrivals => Some(Sketch::Arrivals(Arrivals::default())),
        }
    }

    /// Adds an event to the state of a term of the same kind.
    #[inline]
    pub fn add(&mut self, term: &Term, event: &Event<'_>, hasher: &ValueHasher) {
        match (self, term.function) {
            (Sketch::Distinct(distinct), Function::Distinct(member)) => {
                if let Some(value) = event.member(member).filter(|value| !value.is_empty()) {
                    distinct.add(hasher.hash(value));
                }
            }
            (Sketch::Walk(walk), Function::Walk(member)) => {
                if let Some(value) = event.member(member) {
                    walk.add(value, hasher);
                }
            }
            (Sketch::Tally(tally), Function::Mix(dimension)) => {
                dimension.categories(event, |category| {
                    tally.add(hasher.hash(category), category);
                });
            }
            (Sketch::Histogram(sizes), Function::Histogram(quantity)) => {
                if let Some(value) = quantity.given(event) {
                    sizes.add((100.0 * value).round() as u64);
                }
            }
            (Sketch::Arrivals(arrivals), Function::Arrivals) => arrivals.add(event.time),
            // A sketch is only ever made for its term.
            _ => {}
        }
    }

    /// Adds another of the same kind.
    pub fn merge(&mut self, other: &Sketch) {
        match (self, other) {
            (Sketch::Distinct(ours), Sketch::Distinct(theirs)) => ours.merge(theirs),
            (Sketch::Walk(ours), Sketch::Walk(theirs)) => ours.merge(theirs),
            (Sketch::Tally(ours), Sketch::Tally(theirs)) => ours.merge(theirs),
            (Sketch::Histogram(ours), Sketch::Histogram(theirs)) => ours.merge(theirs),
            (Sketch::Arrivals(ours), Sketch::Arrivals(theirs)) => ours.merge(theirs),
            _ => {}
        }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = match self {
            Sketch::Distinct(_) => Sketch::Distinct(Distinct::default()),
            Sketch::Walk(_) => Sketch::Walk(Walk::default()),
            Sketch::Tally(_) => Sketch::Tally(Tally::default()),
            Sketch::Histogram(_) => Sketch::Histogram(Sizes::default()),
            Sketch::Arrivals(_) => Sketch::Arrivals(Arrivals::default()),
        };
    }

    /// Its value as one number: different values, serials with a neighbour, sittings. A mix or
    /// a histogram has none.
    pub fn value(&self) -> u64 {
        match self {
            Sketch::Distinct(distinct) => distinct.estimate(),
            Sketch::Walk(walk) => walk.steps().adjacent,
            Sketch::Tally(_) | Sketch::Histogram(_) => 0,
            Sketch::Arrivals(arrivals) => arrivals.sittings(),
        }
    }

    /// Bytes on the heap, by what it holds and not by what it happens to have room for: the same
    /// of all that are equal.
    pub fn held_bytes(&self) -> usize {
        match self {
            Sketch::Distinct(distinct) => distinct.held_bytes(),
            Sketch::Walk(walk) => walk.held_bytes(),
            Sketch::Tally(tally) => tally.held_bytes(),
            Sketch::Histogram(sizes) => sizes.held_bytes(),
            Sketch::Arrivals(arrivals) => arrivals.held_bytes(),
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Sketch::Distinct(distinct) => distinct.heap_bytes(),
            Sketch::Walk(walk) => walk.heap_bytes(),
            Sketch::Tally(tally) => tally.heap_bytes(),
            Sketch::Histogram(sizes) => sizes.heap_bytes(),
            Sketch::Arrivals(arrivals) => arrivals.heap_bytes(),
        }
    }
}
