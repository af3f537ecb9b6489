//! What a group knows of its entities.

use super::{Baselines, GroupJudge};
use crate::detection::Plan;
use crate::domain::{EntityKey, EventTime, entity_members};
use crate::score::baseline::BaselineKnowledge;
use crate::score::entities::{Entity, maturity};
use crate::score::knowledge::{EntityKnowledge, GroupKnowledge, Seen, SeriesKnowledge};

impl GroupJudge {
    /// Its entities, in numbers.
    pub(in crate::score) fn describe(&self, plan: &Plan) -> GroupKnowledge {
        let members = &plan.groups[self.group].entity;
        let seen = |entity: &Entity| Seen {
            entity: entity_members(members, &entity.key),
            first_seen: entity.first_seen,
            last_seen: entity.last_seen,
        };
        let counts = self.entities.counts();
        // Of those that came together, the first by name.
        let all = || self.entities.all().iter();
        let oldest = all().min_by_key(|entity| (entity.first_seen, &entity.key));
        let newest = all().max_by_key(|entity| (entity.first_seen, std::cmp::Reverse(&entity.key)));
        GroupKnowledge {
            group: self.group,
            entities: counts.known,
            forgotten: counts.forgotten,
            oldest: oldest.map(seen),
            newest: newest.map(seen),
        }
    }

    /// The keys of its entities.
    pub(in crate::score) fn keys(&self) -> impl Iterator<Item = &EntityKey> {
        self.entities.all().iter().map(|entity| &entity.key)
    }

    /// What its baselines know of an entity when windows are judged up to `now`.
    pub(in crate::score) fn describe_entity(
        &self,
        key: &EntityKey,
        plan: &Plan,
        now: EventTime,
    ) -> Option<EntityKnowledge> {
        let all = self.entities.all();
        let row = all.iter().position(|entity| entity.key == *key)?;
        let entity = &all[row];
        let baselines = self.series.iter().filter_map(|series| {
            let spec = &plan.series[series.id];
            let detection = &plan.detections[spec.detection];
            let start = now.floor(spec.span);
            let knows = match &series.baselines {
                Baselines::Rate(rate) => BaselineKnowledge::Rate(rate.describe(all, row, start)?),
                Baselines::Sum(sum) => BaselineKnowledge::Sum(sum.describe(all, row)?),
                Baselines::Ratio(ratio) => BaselineKnowledge::Ratio(ratio.describe(all, row)?),
                Baselines::Mix(mix) => BaselineKnowledge::Mix(mix.describe(all, row)?),
                Baselines::Location(location) => {
                    BaselineKnowledge::Location(location.describe(all, row)?)
                }
                Baselines::Cumulative(cumulative) => {
                    BaselineKnowledge::Cumulative(cumulative.describe(all, row, start)?)
                }
                Baselines::Regular(regular) => {
                    BaselineKnowledge::Regular(regular.describe(all, row)?)
                }
                Baselines::FirstSeen(edges) => {
                    BaselineKnowledge::FirstSeen(edges.describe(all, row))
                }
                Baselines::Rare(rare) => BaselineKnowledge::Rare(rare.describe(row)?),
                Baselines::Rule(rule, at_least) => {
                    BaselineKnowledge::Rule(rule.describe(*at_least))
                }
            };
            Some(SeriesKnowledge {
                detection: detection.name.clone(),
                measure: detection.measure.to_string(),
                window: spec.span.to_string(),
                knows,
            })
        });
        Some(EntityKnowledge {
            entity: entity_members(&plan.groups[self.group].entity, key),
            class: self.entities.class_name(entity.class).to_owned(),
            first_seen: entity.first_seen,
            last_seen: entity.last_seen,
            maturity: maturity(entity.first_seen, now),
            baselines: baselines.collect(),
        })
    }
}
