//! Numbers that an event carries.

use crate::domain::Event;

/// A number on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// `records`, 1 where absent.
    Records,
    /// `bytes`, 0 where absent.
    Bytes,
    /// `pieces`, 1 where absent.
    Pieces,
    /// `page`; summed as 0 where absent.
    Page,
    /// `weight_grams`; summed as 0 where absent.
    WeightGrams,
    /// `value_eur`; summed as 0 where absent.
    ValueEur,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Quantity; 6] = [
        Quantity::Records,
        Quantity::Bytes,
        Quantity::Pieces,
        Quantity::Page,
        Quantity::WeightGrams,
        Quantity::ValueEur,
    ];

    /// Its name in the event schema.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Records => "records",
            Quantity::Bytes => "bytes",
            Quantity::Pieces => "pieces",
            Quantity::Page => "page",
            Quantity::WeightGrams => "weight_grams",
            Quantity::ValueEur => "value_eur",
        }
    }

    /// The quantity of that name.
    pub fn named(name: &str) -> Option<Quantity> {
        Quantity::ALL
            .into_iter()
            .find(|quantity| quantity.name() == name)
    }

    /// Its value on an event, where there is one or the schema has a default.
    #[inline]
    pub fn given(self, event: &Event<'_>) -> Option<f64> {
        match self {
            Quantity::Records => Some(event.record_count() as f64),
            Quantity::Bytes => event.bytes.map(|bytes| bytes as f64),
            Quantity::Pieces => Some(event.pieces.unwrap_or(1) as f64),
            Quantity::Page => event.page.map(|page| page as f64),
            Quantity::WeightGrams => event.weight_grams,
            Quantity::ValueEur => event.value_eur,
        }
    }

    /// Its value on an event as a summand: whole, so that a sum does not depend on the order.
    #[inline]
    pub fn summand(self, event: &Event<'_>) -> u64 {
        match self {
            Quantity::Records => event.record_count(),
            Quantity::Bytes => event.bytes.unwrap_or(0),
            Quantity::Pieces => event.pieces.unwrap_or(1),
            Quantity::Page => event.page.unwrap_or(0),
            Quantity::WeightGrams | Quantity::ValueEur => {
                self.given(event).unwrap_or(0.0).round() as u64
            }
        }
    }
}
