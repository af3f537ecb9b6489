//! Measures: what is counted of a flow, as commutative monoids.
//!
//! A measure has an identity, adds one event, merges with another of its kind, and has a value.
//! It merges in any order to the same bits, so partial results can be built per partition, on
//! any thread or replica, and joined later. Imports only [`crate::domain`] and
//! [`crate::limits`].

mod arrivals;
mod dimension;
mod distinct;
mod expression;
mod filter;
mod hasher;
mod quantity;
mod sizes;
mod sketch;
mod tally;
mod walk;

pub use arrivals::Arrivals;
pub use dimension::{ANY, Dimension};
pub use distinct::Distinct;
pub use expression::{Expression, Function, Term};
pub use filter::Filter;
pub use hasher::ValueHasher;
pub use quantity::Quantity;
pub use sizes::{SIZE_BUCKETS, Sizes};
pub use sketch::Sketch;
pub use tally::{TALLY_VALUES_MAX, Tally};
pub use walk::{Steps, WALK_BLOCKS_MAX, Walk};

/// What a vector that grew by doubling has room for, where it holds so many.
fn grown(held: usize) -> usize {
    match held {
        0 => 0,
        held => held.next_power_of_two().max(4),
    }
}
