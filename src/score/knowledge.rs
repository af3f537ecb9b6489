//! What stage 2 knows, for people who look at a state: its groups in numbers, and the baselines of one
//! entity.

use super::baseline::BaselineKnowledge;
use super::judges::Judges;
use crate::detection::{GroupId, Plan};
use crate::domain::{EntityKey, EventTime, Maturity, Member, key_of};
use serde::Serialize;
use std::collections::BTreeMap;

/// An entity, and when it was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// Its members and values.
    pub entity: BTreeMap<&'static str, String>,
    /// The pane in which it was first seen.
    pub first_seen: EventTime,
    /// The pane in which it was last seen.
    pub last_seen: EventTime,
}

/// What a group of detections that look at the same entities and events has baselines of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupKnowledge {
    /// Its number in the plan.
    pub group: GroupId,
    /// Entities with baselines.
    pub entities: usize,
    /// Entities forgotten so far.
    pub forgotten: u64,
    /// The one that was first seen before all others.
    pub oldest: Option<Seen>,
    /// The one that was first seen after all others.
    pub newest: Option<Seen>,
}

/// What one detection knows of an entity by one of its windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesKnowledge {
    /// The detection.
    pub detection: String,
    /// What it measures, as the configuration writes it.
    pub measure: String,
    /// How long the window is.
    pub window: String,
    /// What is known.
    #[serde(flatten)]
    pub knows: BaselineKnowledge,
}

/// What a group of detections knows of an entity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityKnowledge {
    /// Its members and values.
    pub entity: BTreeMap<&'static str, String>,
    /// The class that it is compared with; empty where it has none.
    pub class: String,
    /// The pane in which it was first seen.
    pub first_seen: EventTime,
    /// The pane in which it was last seen.
    pub last_seen: EventTime,
    /// How much history it has.
    pub maturity: Maturity,
    /// By detection and window; those that have not judged it yet are left out.
    pub baselines: Vec<SeriesKnowledge>,
}

/// A look at what the groups know.
#[derive(Clone, Copy)]
pub struct Knowledge<'k> {
    pub(super) judges: &'k Judges,
    pub(super) plan: &'k Plan,
}

impl<'k> Knowledge<'k> {
    /// Each group, in the order of the plan.
    pub fn groups(self) -> impl Iterator<Item = GroupKnowledge> {
        let groups = self.judges.groups().iter();
        groups.map(move |group| group.describe(self.plan))
    }

    /// What each group knows that looks at entities of these members.
    pub fn entity(self, entity: &BTreeMap<Member, String>) -> Vec<EntityKnowledge> {
        let now = self.judges.closed_to().unwrap_or(EventTime::MIN);
        let groups = self.judges.groups().iter();
        groups
            .filter_map(|group| {
                let key = key_of(&self.plan.groups[group.group()].entity, entity)?;
                group.describe_entity(&key, self.plan, now)
            })
            .collect()
    }

    /// The keys of all entities that have these members, each with its group's members.
    pub fn keys(
        self,
        members: &BTreeMap<Member, String>,
    ) -> impl Iterator<Item = (&'k [Member], &'k EntityKey)> {
        let groups = self.judges.groups().iter();
        groups
            .map(move |group| (&self.plan.groups[group.group()].entity[..], group))
            .filter(|(entity, _)| {
                entity.len() == members.len()
                    && entity.iter().all(|member| members.contains_key(member))
            })
            .flat_map(|(entity, group)| group.keys().map(move |key| (entity, key)))
    }
}
