//! The parcels that accesses draw from: bounded rings of the most recent ones.

use super::population::Population;
use super::random::index_below;

/// A parcel, as far as events tell of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parcel {
    pub(super) serial: u64,
    pub(super) seller: u32,
    pub(super) route: u32,
    pub(super) carrier: u32,
    pub(super) weight_grams: u32,
    pub(super) value_cents: u32,
    pub(super) commodity: &'static str,
}

/// The last so many parcels.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    parcels: Vec<Parcel>,
    capacity: usize,
    oldest: usize,
}

impl Ring {
    /// An empty ring.
    pub(super) fn new(capacity: usize) -> Ring {
        Ring {
            parcels: Vec::new(),
            capacity: capacity.max(1),
            oldest: 0,
        }
    }

    /// Puts a parcel in, in place of the oldest where the ring is full.
    pub(super) fn push(&mut self, parcel: Parcel) {
        if self.parcels.len() < self.capacity {
            self.parcels.push(parcel);
        } else {
            self.parcels[self.oldest] = parcel;
            self.oldest = (self.oldest + 1) % self.capacity;
        }
    }

    /// One of them, chosen by random bits; none where there is none.
    pub(super) fn pick(&self, bits: u64) -> Option<Parcel> {
        self.parcels
            .get(index_below(bits, self.parcels.len()))
            .copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }
}

/// Recent parcels of each seller, of each carrier and of all.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    sellers: Vec<Ring>,
    carriers: Vec<Ring>,
    all: Ring,
}

impl Stock {
    /// Room for about a day of the hub and three days of a seller, within bounds.
    pub(super) fn new(population: &Population, parcels_per_day: f64) -> Stock {
        let ring = |parcels: f64, min: f64, max: f64| Ring::new(parcels.clamp(min, max) as usize);
        let sellers = population.sellers.iter();
        let carriers = population.carriers.iter();
        Stock {
            sellers: sellers
                .map(|seller| ring(seller.parcels_per_day * 3.0, 4.0, 256.0))
                .collect(),
            carriers: carriers.map(|_| Ring::new(1_024)).collect(),
            all: ring(parcels_per_day, 1_024.0, 65_536.0),
        }
    }

    /// Takes in a parcel.
    pub(super) fn push(&mut self, parcel: Parcel) {
        self.sellers[parcel.seller as usize].push(parcel);
        self.carriers[parcel.carrier as usize].push(parcel);
        self.all.push(parcel);
    }

    /// A recent parcel of the seller.
    pub(super) fn of_seller(&self, seller: u32, bits: u64) -> Option<Parcel> {
        self.sellers[seller as usize].pick(bits)
    }

    /// A recent parcel of the carrier, or of anybody while it has none.
    pub(super) fn of_carrier(&self, carrier: u32, bits: u64) -> Option<Parcel> {
        let own = self.carriers[carrier as usize].pick(bits);
        own.or_else(|| self.all.pick(bits))
    }

    /// A recent parcel of anybody.
    pub(super) fn of_anybody(&self, bits: u64) -> Option<Parcel> {
        self.all.pick(bits)
    }

    /// How many parcels of anybody are at hand.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}
