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
    /// There, and not on the list of that name. A list that is empty says nothing: nobody is
    /// outside it.
    NotListed(String, Arc<HashSet<String, ahash::RandomState>>),
}

impl Requirement {
    /// Whether a member with this value meets it.
    #[inline]
    fn holds(&self, value: &str) -> bool {
        match self {
            Requirement::OneOf(values) => values.iter().any(|one| one == value),
            Requirement::Present => !value.is_empty(),
            Requirement::Listed(_, list) => list.contains(value),
            Requirement::NotListed(_, list) => {
                !list.is_empty() && !value.is_empty() && !list.contains(value)
            }
        }
    }
}

impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Requirement::OneOf(ours), Requirement::OneOf(theirs)) => ours == theirs,
            (Requirement::Present, Requirement::Present) => true,
            // Two lists of one name are one list: a configuration has each name once.
            (Requirement::Listed(ours, _), Requirement::Listed(theirs, _))
            | (Requirement::NotListed(ours, _), Requirement::NotListed(theirs, _)) => {
                ours == theirs
            }
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
        event
            .member(self.member)
            .is_some_and(|value| self.requirement.holds(value))
    }

    /// Whether an entity of these members and values meets it.
    pub fn holds_for(&self, entity: &BTreeMap<&'static str, String>) -> bool {
        entity
            .get(self.member.name())
            .is_some_and(|value| self.requirement.holds(value))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_outside_an_empty_list_and_whoever_is_not_named_is_outside_a_full_one() {
        let outside = |names: &[&str], value: &str| {
            let list = names.iter().map(|name| (*name).to_owned()).collect();
            Condition {
                member: Member::Recipient,
                requirement: Requirement::NotListed(String::from("allowed"), Arc::new(list)),
            }
            .holds_for(&BTreeMap::from([("recipient", value.to_owned())]))
        };
        assert!(!outside(&[], "anybody"));
        assert!(outside(&["partner"], "anybody"));
        assert!(!outside(&["partner"], "partner"));
        assert!(!outside(&["partner"], ""));
    }
}
