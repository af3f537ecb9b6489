//! Measures: what is counted of a flow, as commutative monoids.
//!
//! A measure has an identity, adds one event, merges with another of its kind, and has a value.
//! It merges in any order to the same bits, so partial results can be built per partition, on
//! any thread or replica, and joined later. Imports only [`crate::domain`] and
//! [`crate::limits`].

mod distinct;
mod expression;
mod sizes;

pub use distinct::{Distinct, DistinctHasher};
pub use expression::{Expression, Quantity, Term};
pub use sizes::{SIZE_BUCKETS, Sizes};
