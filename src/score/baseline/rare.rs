//! Rare entities: how usual it is that somebody as rarely seen as this appears.
//!
//! Who comes next is a draw from a Dirichlet process: somebody with c of n contacts so far comes
//! with chance c / (n + α), somebody new with α / (n + α). The p-value of a draw is the chance of
//! one that is no likelier (Heard and Rubin-Delanchy, Network-wide anomaly detection via the
//! Dirichlet process, 2016). A contact is a window in which the entity appeared. An entity of
//! several members is a draw of its first: whom a source turns to; one of a single member is a
//! draw of everybody's.
//!
//! Learning is robust, as for counts: the newest two days stand in a guard band, so that somebody
//! does not become usual within a day by coming every minute; and those that were unlikely in one
//! window count as one contact together, so that a sweep under a thousand invented names does not
//! teach that new names are usual.

mod describe;

use super::evidence::Learning;
use super::{Judged, keep_rows};
use crate::domain::{EntityKey, Span, first_member};
use crate::saved;
use crate::score::entities::Entity;
use crate::statistics::{PValue, Tail};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use std::collections::HashMap;

/// Those less likely than this in one window are learnt as one contact together.
const UNLIKELY: f64 = 0.01;
/// New contacts and expected ones that stand for knowing nothing: α starts at 1.
const ALPHA_PRIOR: f64 = 1.0;
/// Contacts are told apart by how many half-powers of two there are.
const BINS: usize = 48;
/// Contacts are whole, but for those that share one and those that fade: fewer than this are 0.
const CONTACTS_MIN: f64 = 1e-3;

/// How often an entity appeared: windows, as of the beginning of the day, and since.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Contacts {
    source: u32,
    settled: f32,
    yesterday: f32,
    today: f32,
}

impl Contacts {
    fn count(&self, settled_only: bool) -> f64 {
        if settled_only {
            f64::from(self.settled)
        } else {
            f64::from(self.settled + self.yesterday + self.today)
        }
    }
}

/// Contacts of a source, summed over those that had about as many.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Urn {
    #[serde(with = "BigArray")]
    mass: [f64; BINS],
}

impl Urn {
    const EMPTY: Urn = Urn { mass: [0.0; BINS] };

    fn total(&self) -> f64 {
        self.mass.iter().sum()
    }

    /// The chance of somebody with so many contacts or fewer.
    fn tail(&self, contacts: f64, alpha: f64) -> Tail {
        let bin = bin_of(contacts);
        let whole = self.total() + alpha;
        let rarer: f64 = self.mass[..bin].iter().sum();
        // New ones share the lowest bin with those all but forgotten.
        let new = alpha + self.mass[0];
        let (below, own) = match bin {
            0 => (0.0, new),
            _ => (rarer + alpha, self.mass[bin]),
        };
        Tail::new(PValue::new((below + own) / whole), own / whole)
    }
}

fn bin_of(contacts: f64) -> usize {
    if contacts < CONTACTS_MIN {
        return 0;
    }
    // An eighth of a contact is in the first bin above.
    ((contacts.log2() + 3.0) * 2.0).clamp(0.0, (BINS - 2) as f64) as usize + 1
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct RareSeries {
    keep_of_day: f32,
    contacts: Vec<Contacts>,
    #[serde(serialize_with = "saved::map")]
    sources: HashMap<EntityKey, u32, ahash::RandomState>,
    /// Per source, what was settled when the day began.
    settled: Vec<Urn>,
    /// Windows of a source in which somebody was new, and how often that was due for α = 1.
    surprises: f64,
    chances: f64,
}

impl RareSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<Contacts>();

    pub(in crate::score) fn new(half_life: Span) -> RareSeries {
        RareSeries {
            keep_of_day: Learning::new(Span::DAY, half_life).keep,
            contacts: Vec::new(),
            sources: HashMap::default(),
            settled: Vec::new(),
            surprises: 0.0,
            chances: 0.0,
        }
    }

    /// Judges the entities that appeared, in order of their keys; tells `each` of all; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        appeared: &[usize],
        mut each: impl FnMut(usize, Judged),
    ) {
        self.contacts.resize_with(entities.len(), Contacts::default);
        for &row in appeared {
            self.contacts[row].source = self.source_of(&entities[row].key);
        }
        let alpha = (self.surprises + ALPHA_PRIOR) / (self.chances + ALPHA_PRIOR);
        // Until two days are settled there is nothing else to go by than what is new.
        let settled_only = self.settled.iter().any(|urn| urn.total() > 0.0);
        let urns = if settled_only {
            std::mem::take(&mut self.settled)
        } else {
            self.urns(settled_only)
        };
        let mut unlikely = vec![0.0; urns.len()];
        let mut is_unlikely = Vec::with_capacity(appeared.len());
        let mut surprised = vec![false; urns.len()];
        for &row in appeared {
            let contacts = self.contacts[row];
            let source = contacts.source as usize;
            let (urn, count) = (&urns[source], contacts.count(settled_only));
            let known = urn.total();
            let tail = if known > 0.0 {
                self.chances += 1.0 / (1.0 + known);
                surprised[source] |= contacts.count(false) == 0.0;
                urn.tail(count, alpha)
            } else {
                Tail::NONE
            };
            let below = tail.p().get() < UNLIKELY;
            unlikely[source] += f64::from(u8::from(below));
            is_unlikely.push(below);
            each(row, Judged::new(0.0, tail));
        }
        for (&row, unlikely_one) in appeared.iter().zip(is_unlikely) {
            let contacts = &mut self.contacts[row];
            contacts.today += if unlikely_one {
                (1.0 / unlikely[contacts.source as usize]) as f32
            } else {
                1.0
            };
        }
        self.surprises += surprised.into_iter().filter(|one| *one).count() as f64;
        if settled_only {
            self.settled = urns;
        }
    }

    /// The number of the source that an entity belongs to.
    fn source_of(&mut self, key: &EntityKey) -> u32 {
        let first = first_member(key);
        let name = if first.len() == key.len() { "" } else { first };
        if let Some(number) = self.sources.get(name) {
            return *number;
        }
        let number = self.settled.len() as u32;
        self.sources.insert(EntityKey::new(name), number);
        self.settled.push(Urn::EMPTY);
        number
    }

    fn urns(&self, settled_only: bool) -> Vec<Urn> {
        let mut urns = vec![Urn::EMPTY; self.settled.len()];
        for contacts in &self.contacts {
            let count = contacts.count(settled_only);
            if count > 0.0 {
                urns[contacts.source as usize].mass[bin_of(count)] += count;
            }
        }
        urns
    }

    pub(in crate::score) fn next_day(&mut self) {
        for contacts in &mut self.contacts {
            contacts.settled = contacts.settled * self.keep_of_day + contacts.yesterday;
            contacts.yesterday = std::mem::take(&mut contacts.today);
        }
        self.settled = self.urns(true);
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.contacts, marks);
        self.settled = self.urns(true);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.contacts.capacity() * size_of::<Contacts>()
            + self.settled.capacity() * size_of::<Urn>()
            + self.sources.capacity() * size_of::<(EntityKey, u32)>()
    }
}
