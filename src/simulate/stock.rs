//! The parcels that accesses draw from: bounded rings of the most recent ones.

use super::population::Population;
use super::random::{index_below, mix};

/// How many parcels are looked at for one that suits.
const SUCH_TRIES: usize = 400;

/// A parcel, as far as events tell of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parcel {
    pub(super) serial: u64,
    /// The minute, since the epoch, in which it was accepted.
    pub(super) minute: u32,
    pub(super) seller: u32,
    pub(super) route: u32,
    pub(super) carrier: u32,
    pub(super) weight_grams: u32,
    pub(super) value_cents: u32,
    /// Which of the commodities.
    pub(super) commodity: u8,
    /// Nobody waits for it.
    pub(super) is_unwanted: bool,
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

    /// The one of that serial, if it is among them.
    pub(super) fn find(&self, serial: u64) -> Option<Parcel> {
        let mut parcels = self.parcels.iter();
        parcels.find(|parcel| parcel.serial == serial).copied()
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
    /// Room for about three days of the hub and of a seller, within bounds.
    pub(super) fn new(population: &Population, parcels_per_day: f64) -> Stock {
        let ring = |parcels: f64, min: f64, max: f64| Ring::new(parcels.clamp(min, max) as usize);
        let sellers = population.sellers.iter();
        let carriers = population.carriers.iter();
        Stock {
            sellers: sellers
                .map(|seller| ring(seller.parcels_per_day * 3.0, 4.0, 256.0))
                .collect(),
            carriers: carriers.map(|_| Ring::new(1_024)).collect(),
            all: ring(parcels_per_day * 3.0, 1_024.0, 2_097_152.0),
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

    /// The seller's parcel of that serial, if it is recent.
    pub(super) fn find(&self, seller: u32, serial: u64) -> Option<Parcel> {
        self.sellers[seller as usize].find(serial)
    }

    /// A recent parcel for which `suits` holds, found by looking at a few hundred.
    pub(super) fn such(&self, bits: u64, suits: impl Fn(&Parcel) -> bool) -> Option<Parcel> {
        let mut bits = bits;
        (0..SUCH_TRIES).find_map(|_| {
            bits = mix(bits);
            self.all.pick(bits).filter(&suits)
        })
    }
}
