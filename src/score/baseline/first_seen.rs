//! Edges seen for the first time, weighed by how much they carry.
//!
//! How likely a new edge is at a source that is known for contacts to few others: after n
//! contacts the next is new with probability α / (α + n) (the Ewens, or one-parameter
//! Pitman-Yor, process; Sanna Passino and Heard 2019 score network edges so). α is learnt over the
//! sources of a class, and shrunk to that of all, from how often contacts were in fact new. How
//! likely one is that carries so much: Student's t on the logarithm of what edges of its class
//! carry in a window. The two happen together by chance with the product of both. How mature a
//! test is, is a matter of its source: all that is new is young.
//!
//! An edge stays new for a day, so that one that starts small is weighed again.

mod describe;

use super::{Judged, keep_rows};
use crate::domain::{EntityKey, EventTime, Span, first_member};
use crate::saved;
use crate::score::entities::Entity;
use crate::statistics::{PValue, Tail, ln_student_upper};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// How long an edge is new.
const NEW_FOR: Span = Span::DAY;
/// Shape of the Gamma prior of α, in new contacts. Its mean is 1 for all sources, and what all
/// have shown for those of a class.
const ALPHA_SHAPE: f64 = 1.0;
/// More degrees of freedom than this are not believed: the tail of sizes is heavy.
const FREEDOM_MAX: f64 = 12.0;
/// Windows of edges that must be known before sizes say anything.
const SIZES_MIN: f64 = 10.0;
/// Memory of sizes, in windows of edges.
const SIZES_MEMORY: f64 = 20_000.0;
/// Sizes farther out than this many standard deviations are learnt as if they stood there.
const WINSOR_SD: f64 = 4.0;

/// ln of what edges carry in a window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sizes {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Sizes {
    fn learn(&mut self, ln_size: f64) {
        let shrink = if self.n >= SIZES_MEMORY {
            1.0 - 1.0 / SIZES_MEMORY
        } else {
            1.0
        };
        let ln_size = if self.n >= SIZES_MIN {
            let reach = WINSOR_SD * self.variance().sqrt();
            ln_size.clamp(self.mean - reach, self.mean + reach)
        } else {
            ln_size
        };
        self.n = self.n * shrink + 1.0;
        let delta = ln_size - self.mean;
        self.mean += delta / self.n;
        self.squares = self.squares * shrink + delta * (ln_size - self.mean);
    }

    fn variance(&self) -> f64 {
        (self.squares / (self.n - 1.0)).max(0.01)
    }

    /// The tail of what an edge carries, which is at least one event.
    fn tail(&self, size: u64) -> Tail {
        let p = self.upper(size);
        Tail::new(p, p.get() - self.upper(size + 1).get())
    }

    /// The chance that an edge carries at least this much.
    fn upper(&self, size: u64) -> PValue {
        if self.n < SIZES_MIN || size <= 1 {
            return PValue::ONE;
        }
        let t = (ln_size(size) - self.mean) / (self.variance() * (1.0 + 1.0 / self.n)).sqrt();
        PValue::from_ln(ln_student_upper(t, (self.n - 1.0).min(FREEDOM_MAX)))
    }
}

/// How often contacts are new.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Novelty {
    /// Contacts that were new although their source had had some.
    surprises: f64,
    /// What 1 / (1 + n) adds up to over all contacts after n others.
    chances: f64,
}

impl Novelty {
    /// The mean of the posterior of α, which is `elsewhere` before anything is known.
    fn alpha(&self, elsewhere: f64) -> f64 {
        (self.surprises + ALPHA_SHAPE) / (self.chances + ALPHA_SHAPE / elsewhere)
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Source {
    /// Windows of edges so far.
    contacts: f64,
    first: EventTime,
    last: EventTime,
}

/// All edges of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct FirstSeenSeries {
    /// Sources unseen for so long are forgotten.
    forget_after: Span,
    #[serde(serialize_with = "saved::map")]
    sources: HashMap<EntityKey, Source, ahash::RandomState>,
    /// Per edge, how likely a new one was at its source when it was born; 0 before.
    chance_at_birth: Vec<f32>,
    sizes: Vec<Sizes>,
    novelty: Vec<Novelty>,
    novelty_of_all: Novelty,
}

impl FirstSeenSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<f32>();

    pub(in crate::score) fn new(forget_after: Span) -> FirstSeenSeries {
        FirstSeenSeries {
            forget_after,
            sources: HashMap::default(),
            chance_at_birth: Vec::new(),
            sizes: Vec::new(),
            novelty: Vec::new(),
            novelty_of_all: Novelty::default(),
        }
    }

    /// Judges the edges that appeared, each with what it carried, in order of their keys; tells
    /// `each` of those still new; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        appeared: &[(usize, u64)],
        end: EventTime,
        mut each: impl FnMut(usize, Judged),
    ) {
        self.chance_at_birth.resize(entities.len(), 0.0);
        self.sizes.resize_with(classes, Sizes::default);
        self.novelty.resize_with(classes, Novelty::default);
        let of_all = self.novelty_of_all.alpha(1.0);
        let alphas: Vec<f64> = self.novelty.iter().map(|one| one.alpha(of_all)).collect();
        // Judge all before learning any: edges of one window must not see each other.
        for &(row, size) in appeared {
            let entity = &entities[row];
            let class = usize::from(entity.class);
            let alpha = alphas[class];
            let source = self.sources.get(first_member(&entity.key));
            let contacts = source.map_or(0.0, |source| source.contacts);
            let since = source.map_or(entity.first_seen, |source| source.first);
            let born = self.chance_at_birth[row] == 0.0;
            if born {
                self.chance_at_birth[row] = (alpha / (alpha + contacts)) as f32;
                let surprise = f64::from(u8::from(contacts > 0.0));
                self.novelty[class].surprises += surprise;
                self.novelty_of_all.surprises += surprise;
            }
            let tail = if is_new(entity, end) {
                let chance = f64::from(self.chance_at_birth[row]);
                self.sizes[class].tail(size).times(chance)
            } else {
                // What a contact most often is: not new.
                Tail::new(PValue::ONE, contacts / (alpha + contacts))
            };
            let judged = Judged {
                since: Some(since),
                ..Judged::new(0.0, tail)
            };
            each(row, judged);
        }
        for &(row, size) in appeared {
            let entity = &entities[row];
            let key = first_member(&entity.key);
            let source = match self.sources.get_mut(key) {
                Some(source) => source,
                None => {
                    let source = Source {
                        contacts: 0.0,
                        first: entity.first_seen,
                        last: end,
                    };
                    self.sources.entry(EntityKey::new(key)).or_insert(source)
                }
            };
            if source.contacts > 0.0 {
                let chance = 1.0 / (1.0 + source.contacts);
                self.novelty[usize::from(entity.class)].chances += chance;
                self.novelty_of_all.chances += chance;
            }
            source.contacts += 1.0;
            source.first = source.first.min(entity.first_seen);
            source.last = end;
            if !is_new(entity, end) {
                self.sizes[usize::from(entity.class)].learn(ln_size(size));
            }
        }
    }

    pub(in crate::score) fn next_day(&mut self, now: EventTime) {
        let forget_after = self.forget_after;
        self.sources
            .retain(|_, source| source.last + forget_after >= now);
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.chance_at_birth, marks);
    }

    /// Forgets sources of which no edge is known.
    pub(in crate::score) fn keep_sources(&mut self, known: &HashSet<&str>) {
        self.sources.retain(|key, _| known.contains(key.as_str()));
    }

    /// Bytes of sources, by how many there are.
    pub(in crate::score) fn sources_held_bytes(&self) -> usize {
        self.sources.len() * 2 * size_of::<(EntityKey, Source)>()
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.chance_at_birth.capacity() * size_of::<f32>()
            + self.sources.capacity() * size_of::<(EntityKey, Source)>()
    }
}

fn ln_size(size: u64) -> f64 {
    (size as f64).ln_1p()
}

fn is_new(edge: &Entity, end: EventTime) -> bool {
    end - edge.first_seen <= NEW_FOR
}
