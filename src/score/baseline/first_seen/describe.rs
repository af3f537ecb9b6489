//! What is known of an edge and its source.

use super::FirstSeenSeries;
use crate::domain::first_member;
use crate::score::baseline::FirstSeenKnowledge;
use crate::score::entities::Entity;

impl FirstSeenSeries {
    /// What is known of it.
    pub(in crate::score) fn describe(&self, entities: &[Entity], row: usize) -> FirstSeenKnowledge {
        let source = self.sources.get(first_member(&entities[row].key));
        let chance = self.chance_at_birth.get(row).copied();
        FirstSeenKnowledge {
            source_contacts: source.map_or(0.0, |source| source.contacts),
            source_first_seen: source.map(|source| source.first),
            source_last_seen: source.map(|source| source.last),
            chance_at_birth: chance.filter(|chance| *chance > 0.0).map(f64::from),
        }
    }
}
