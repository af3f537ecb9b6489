//! Reads of an episode: who touches what, how, and how often.

use super::when::When;
use crate::domain::{Action, Outcome, Relation};
use crate::simulate::access::{new_parcel, relation_to};
use crate::simulate::draft::{Endpoint, Fields, Subject, Touch, Who};
use crate::simulate::population::Population;
use crate::simulate::random::{Random, between, index_below, lognormal_factor, mix, unit};
use crate::simulate::serial::{DECOY_REST, DECOY_STRIDE, decoy_serial};
use crate::simulate::stock::{Parcel, Stock};
use rand::Rng;
use std::collections::BTreeSet;
use std::ops::Range;

/// How often a reader looks for a parcel it has not read yet.
const ONCE_TRIES: usize = 64;
/// Misses in a row after which a walk goes on elsewhere.
const WALK_PATIENCE: u32 = 12;
/// Last parcels that may be read again.
const REVISITED: usize = 400;

/// Accounts touch shipment data.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Reads {
    pub(in crate::simulate) actors: Vec<u32>,
    pub(in crate::simulate) when: When,
    pub(in crate::simulate) choice: Choice,
    pub(in crate::simulate) action: Action,
    /// Records of one access, in the mean, where it is not of one parcel.
    pub(in crate::simulate) records: f64,
    /// How they stand to the parcel; where it is not given, as they do.
    pub(in crate::simulate) relation: Option<Relation>,
    pub(in crate::simulate) fields: Fields,
    /// Share of accesses that are business as usual.
    pub(in crate::simulate) known_good: f64,
    /// Share of reads that are of a parcel read before.
    pub(in crate::simulate) revisits: f64,
    pub(in crate::simulate) seen: Vec<Parcel>,
}

/// What is touched next.
#[derive(Clone, Debug)]
pub(in crate::simulate) enum Choice {
    /// A parcel that the account has business with.
    Own,
    /// Any parcel.
    Anybody,
    /// Any parcel that was not touched yet.
    Once(BTreeSet<u64>),
    /// A parcel of each of these sellers in turn.
    Sellers { sellers: Vec<u32>, next: usize },
    /// A parcel of this route, that was not touched yet where they share it out.
    Route(u32),
    SharedOut {
        route: Option<u32>,
        done: BTreeSet<u64>,
    },
    /// A parcel of this seller.
    Seller(u32),
    /// A parcel of this commodity.
    Commodity(u8),
    /// The reference next to the last one, in blocks of these sellers.
    Walk(Walk),
    /// A reference that is guessed, and found so often.
    Guess { success: f64 },
    /// The next decoy.
    Decoys { decoys: usize, next: usize },
    /// The next path of the interface; so often with an error.
    Paths {
        paths: Range<u32>,
        next: u32,
        errors: f64,
    },
    /// What runs on each of these routes in turn.
    Lanes { routes: Vec<u32>, next: usize },
    /// The next page of a list, from the first on again after so many.
    Pages { next: u32, depth: u32 },
    /// A list of each of these routes in turn.
    Filters { routes: Vec<u32>, next: usize },
    /// Many records at once.
    Many,
}

/// A walk through consecutive references.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Walk {
    pub(in crate::simulate) sellers: Vec<u32>,
    pub(in crate::simulate) stride: u64,
    pub(in crate::simulate) seller: usize,
    /// The last serial; 0 where the walk has yet to begin.
    pub(in crate::simulate) serial: u64,
    pub(in crate::simulate) misses: u32,
}

impl Reads {
    /// Reads of one parcel each that are usual in all else.
    pub(in crate::simulate) fn new(actors: Vec<u32>, when: When, choice: Choice) -> Reads {
        Reads {
            actors,
            when,
            choice,
            action: Action::Read,
            records: 1.0,
            relation: None,
            fields: Fields::USUAL,
            known_good: 0.0,
            revisits: 0.0,
            seen: Vec::new(),
        }
    }

    /// The next touch, if there is anything to touch.
    pub(in crate::simulate) fn next(
        &mut self,
        population: &Population,
        stock: &Stock,
        random: &mut Random,
    ) -> Option<Touch> {
        let index = *self
            .actors
            .get(index_below(random.next_u64(), self.actors.len()))?;
        let actor = &population.actors[index as usize];
        let parcel = if between(random, 0.0, 1.0) < self.known_good {
            new_parcel(actor, stock, random.next_u64())
        } else if between(random, 0.0, 1.0) < self.revisits && !self.seen.is_empty() {
            let again = index_below(random.next_u64(), self.seen.len());
            self.seen.get(again).copied()
        } else {
            match self.choose(index, population, stock, random)? {
                Chosen::Parcel(parcel) => Some(parcel),
                Chosen::Touch(touch) => return Some(touch),
            }
        };
        let parcel = parcel?;
        if self.revisits > 0.0 {
            if self.seen.len() >= REVISITED {
                self.seen.remove(0);
            }
            self.seen.push(parcel);
        }
        let mut touch = Touch::new(Who::Actor(index), self.action, Subject::Parcel(parcel));
        touch.fields = self.fields;
        touch.relation = self
            .relation
            .unwrap_or_else(|| relation_to(index, actor, &parcel));
        Some(touch)
    }

    fn choose(
        &mut self,
        index: u32,
        population: &Population,
        stock: &Stock,
        random: &mut Random,
    ) -> Option<Chosen> {
        let actor = &population.actors[index as usize];
        let bits = random.next_u64();
        let who = Who::Actor(index);
        let parcel = match &mut self.choice {
            Choice::Own => new_parcel(actor, stock, bits)?,
            Choice::Anybody => stock.of_anybody(bits)?,
            Choice::Once(done) => unread(done, stock, bits)?,
            Choice::Sellers { sellers, next } => {
                // One in three is read twice.
                let seller = *sellers.get(*next % sellers.len().max(1))?;
                *next += usize::from(!bits.is_multiple_of(3));
                stock.of_seller(seller, bits)?
            }
            Choice::Route(route) => stock.such(bits, |parcel| parcel.route == *route)?,
            Choice::SharedOut { route, done } => {
                let parcel = stock.such(bits, |parcel| {
                    route.is_none_or(|route| parcel.route == route)
                        && !done.contains(&parcel.serial)
                })?;
                done.insert(parcel.serial);
                parcel
            }
            Choice::Seller(seller) => stock.of_seller(*seller, bits)?,
            Choice::Commodity(code) => stock.such(bits, |parcel| parcel.commodity == *code)?,
            Choice::Walk(walk) => {
                return Some(walk.next(who, stock, bits));
            }
            Choice::Guess { success } => {
                if unit(mix(bits)) >= *success {
                    return Some(Chosen::Touch(miss(who, guessed(stock, bits)?)));
                }
                stock.of_anybody(bits)?
            }
            other => {
                let touch = other.broad(who, self.action, self.records, random)?;
                return Some(Chosen::Touch(Touch {
                    fields: self.fields,
                    relation: self.relation.unwrap_or(touch.relation),
                    ..touch
                }));
            }
        };
        Some(Chosen::Parcel(parcel))
    }
}

enum Chosen {
    Parcel(Parcel),
    Touch(Touch),
}

impl Choice {
    /// A touch that is not of one parcel of the hub.
    fn broad(
        &mut self,
        who: Who,
        action: Action,
        records: f64,
        random: &mut Random,
    ) -> Option<Touch> {
        let mut touch = Touch::new(who, action, Subject::Many);
        touch.records = (records * lognormal_factor(random, 0.3)).max(1.0) as u32;
        let bits = random.next_u64();
        match self {
            Choice::Decoys { decoys, next } => {
                if *decoys == 0 {
                    return None;
                }
                // Neighbours, as somebody who counts upwards would find them.
                let serial = decoy_serial((*decoys / 3 + *next) % *decoys);
                *next += 1;
                touch.subject = Subject::Reference {
                    serial,
                    mistyped: false,
                };
                touch.relation = Relation::None;
                touch.records = 1;
            }
            Choice::Paths {
                paths,
                next,
                errors,
            } => {
                let count = (paths.end - paths.start).max(1);
                touch.endpoint = Endpoint::Path(paths.start + *next % count);
                *next += 1;
                touch.subject = Subject::Nothing;
                touch.records = 0;
                touch.outcome = match unit(bits) {
                    chance if chance >= *errors => Outcome::Ok,
                    chance if chance < 0.5 * *errors => Outcome::NotFound,
                    chance if chance < 0.8 * *errors => Outcome::Denied,
                    _ => Outcome::Error,
                };
            }
            Choice::Lanes { routes, next } => {
                touch.subject = Subject::Lane(*routes.get(*next % routes.len().max(1))?);
                *next += 1;
                touch.endpoint = match bits % 3 {
                    0 => Endpoint::Schedules,
                    1 => Endpoint::Capacity,
                    _ => Endpoint::Holds,
                };
            }
            Choice::Pages { next, depth } => {
                touch.page = Some(*next);
                *next = (*next + 1) % (*depth).max(1);
            }
            Choice::Filters { routes, next } => {
                touch.subject = Subject::Lane(*routes.get(*next % routes.len().max(1))?);
                touch.page = Some((*next / routes.len().max(1)) as u32 % 4);
                *next += 1;
            }
            _ => {}
        }
        Some(touch)
    }
}

/// A parcel that is not among the `done`, and is from now on.
fn unread(done: &mut BTreeSet<u64>, stock: &Stock, bits: u64) -> Option<Parcel> {
    let mut bits = bits;
    (0..ONCE_TRIES).find_map(|_| {
        bits = mix(bits);
        let parcel = stock.of_anybody(bits)?;
        done.insert(parcel.serial).then_some(parcel)
    })
}

/// A serial near those of the day that is nobody's.
fn guessed(stock: &Stock, bits: u64) -> Option<u64> {
    let near = stock.of_anybody(bits)?;
    // Far enough from the block to miss it, and not a decoy.
    let mut serial = near.serial + 40_000 + bits % 900_000;
    if serial % DECOY_STRIDE == DECOY_REST {
        serial += 1;
    }
    Some(serial)
}

/// A look-up that finds nothing.
fn miss(who: Who, serial: u64) -> Touch {
    let subject = Subject::Reference {
        serial,
        mistyped: false,
    };
    let mut touch = Touch::new(who, Action::Read, subject);
    touch.outcome = Outcome::NotFound;
    touch.records = 0;
    touch
}

impl Walk {
    /// Through blocks of these sellers, so many serials at a step.
    pub(in crate::simulate) fn new(sellers: Vec<u32>, stride: u64) -> Walk {
        Walk {
            sellers,
            stride: stride.max(1),
            seller: 0,
            serial: 0,
            misses: 0,
        }
    }

    fn next(&mut self, who: Who, stock: &Stock, bits: u64) -> Chosen {
        let count = self.sellers.len().max(1);
        if self.serial == 0 || self.misses > WALK_PATIENCE {
            self.seller = (self.seller + 1) % count;
            self.misses = 0;
            let seller = self.sellers.get(self.seller).copied();
            let begun = seller.and_then(|seller| stock.of_seller(seller, bits));
            self.serial = begun.map_or(self.serial, |parcel| parcel.serial);
        } else {
            self.serial += 1 + bits % self.stride;
        }
        if self.serial % DECOY_STRIDE == DECOY_REST {
            self.serial += 1;
        }
        let seller = self.sellers.get(self.seller).copied();
        match seller.and_then(|seller| stock.find(seller, self.serial)) {
            Some(parcel) => {
                self.misses = 0;
                Chosen::Parcel(parcel)
            }
            None => {
                self.misses += 1;
                Chosen::Touch(miss(who, self.serial))
            }
        }
    }
}
