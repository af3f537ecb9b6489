//! Scores of entities over time, and the alerts that a threshold makes of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use vigie::domain::{EventTime, Span};

/// Candidates kept: no budget that is compared reaches below the strongest of these.
const KEPT_MAX: usize = 300_000;
/// One alert per entity in so long, as vigie does it.
pub(crate) const COOLDOWN: Span = Span::DAY;

/// Members and values of an entity.
pub(crate) type Members = BTreeMap<String, String>;

/// An entity scored in a window.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The entity, as a number of [`Candidates`].
    entity: u32,
    /// The window's end, when it is decided.
    pub(crate) end: EventTime,
    /// Its length.
    pub(crate) window: Span,
    /// Larger is stranger.
    pub(crate) score: f64,
}

/// All that a peer has to say about a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    entities: Vec<Members>,
    numbers: HashMap<Members, u32>,
    all: Vec<Candidate>,
}

impl Candidates {
    /// Takes a score; what is not above 0 says nothing.
    pub(crate) fn add(
        &mut self,
        entity: &[(&str, &str)],
        end: EventTime,
        window: Span,
        score: f64,
    ) {
        if score.is_nan() || score <= 0.0 {
            return;
        }
        let named = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let members: Members = entity.iter().map(named).collect();
        let next = self.entities.len() as u32;
        let entity = *self.numbers.entry(members).or_insert_with_key(|members| {
            self.entities.push(members.clone());
            next
        });
        self.all.push(Candidate {
            entity,
            end,
            window,
            score,
        });
        if self.all.len() >= 4 * KEPT_MAX {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let by_strength = |one: &Candidate, other: &Candidate| other.score.total_cmp(&one.score);
        if self.all.len() > KEPT_MAX {
            self.all.select_nth_unstable_by(KEPT_MAX, by_strength);
            self.all.truncate(KEPT_MAX);
        }
    }

    /// No more will come: puts them in the order of time.
    pub(crate) fn finish(mut self) -> Candidates {
        self.shrink();
        self.all.sort_by(|one, other| {
            let by_entity =
                || self.entities[one.entity as usize].cmp(&self.entities[other.entity as usize]);
            one.end
                .cmp(&other.end)
                .then_with(by_entity)
                .then(other.score.total_cmp(&one.score))
                .then(Ordering::Equal)
        });
        self
    }

    /// The strongest, up to so many, in the order of time.
    pub(crate) fn strongest(&self, most: usize) -> Vec<(&Members, &Candidate)> {
        let mut scores: Vec<f64> = self.all.iter().map(|one| one.score).collect();
        scores.sort_by(|one, other| other.total_cmp(one));
        let floor = scores.get(most).copied().unwrap_or(f64::NEG_INFINITY);
        let stronger = self.all.iter().filter(|one| one.score > floor);
        stronger
            .map(|one| (&self.entities[one.entity as usize], one))
            .collect()
    }

    /// The alerts at a threshold.
    pub(crate) fn alerts(&self, threshold: f64) -> Vec<(&Members, &Candidate)> {
        let mut cooldowns = Cooldowns::default();
        let loud = self.all.iter().filter(|one| one.score >= threshold);
        loud.filter(|one| cooldowns.tells_of(one))
            .map(|one| (&self.entities[one.entity as usize], one))
            .collect()
    }
}

/// An entity is told of once, and again after the cool-down.
#[derive(Default)]
pub(crate) struct Cooldowns {
    told: HashMap<u32, EventTime>,
}

impl Cooldowns {
    /// Whether this one is told of; candidates come in the order of time.
    pub(crate) fn tells_of(&mut self, candidate: &Candidate) -> bool {
        let last = self.told.get(&candidate.entity);
        let tells = last.is_none_or(|last| candidate.end - *last >= COOLDOWN);
        if tells {
            self.told.insert(candidate.entity, candidate.end);
        }
        tells
    }
}
