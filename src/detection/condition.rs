//! Conditions: which events a detection looks at.

use crate::domain::{Event, Kind, Member};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Named lists of values, read from the configuration or from files.
pub type Lists = BTreeMap<String, Arc<HashSet<String, ahash::RandomState>>>;

/// What a member's value must be.
#[derive(Clone, Debug)]
pub enum Requirement {
    /// One of these.
    OneOf(Vec<String>),
    /// There, and not empty.
    Present,
    /// On the list of that name.
    Listed(String, Arc<HashSet<String, ahash::RandomState>>),
}

impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Requirement::OneOf(ours), Requirement::OneOf(theirs)) => ours == theirs,
            (Requirement::Present, Requirement::Present) => true,
            // Two lists of one name are one list: a configuration has each name once.
            (Requirement::Listed(ours, _), Requirement::Listed(theirs, _)) => ours == theirs,
            _ => false,
        }
    }
}

/// A member and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The member.
    pub member: Member,
    /// What it must be.
    pub requirement: Requirement,
}

impl Condition {
    /// Whether the event meets it.
    #[inline]
    pub fn holds(&self, event: &Event<'_>) -> bool {
        let Some(value) = event.member(self.member) else {
            return false;
        };
        match &self.requirement {
            Requirement::OneOf(values) => values.iter().any(|one| one == value),
            Requirement::Present => !value.is_empty(),
            Requirement::Listed(_, list) => list.contains(value),
        }
    }

    /// The kind it asks for, where it asks for just one: what is checked once per event
    /// instead of once per group.
    pub(super) fn only_kind(&self) -> Option<Kind> {
        match (&self.requirement, self.member) {
            (Requirement::OneOf(values), Member::Kind) => match values.as_slice() {
                [kind] => Kind::named(kind),
                _ => None,
            },
            _ => None,
        }
    }
}
