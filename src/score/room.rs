//! How much room there is for what is known of entities, and who has to go.
//!
//! What an entity takes is counted from the sizes of what it holds, never asked of an allocator, and
//! only when a window closes: so who is forgotten is a function of the events, and of nothing else.

use super::entities::Entity;
use super::judge::row_bytes;
use super::windows::Window;
use crate::detection::{GroupId, Plan};
use crate::domain::{EventTime, Span};
use crate::measure::{Function, Sketch};
use crate::parcel::ParcelBounds;

/// Bounds of what stage 2 knows, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateBounds {
    /// Entities, their baselines and what they did in open windows.
    pub entities: usize,
    /// What is noted of those that are no entities yet.
    pub newcomers: usize,
    /// Traces of a pane, over all partitions.
    pub traces_of_pane: usize,
    /// What is known of parcels.
    pub parcels: ParcelBounds,
}

impl StateBounds {
    /// What newcomers may take of a pane that comes when there is no room: they stay until a window
    /// closes, and then have to be worth more than others.
    pub(super) fn of_newcomers(&self) -> usize {
        self.entities / 64
    }

    /// The part that these groups have: as much of what is for entities as theirs take of all.
    pub(super) fn part(&self, plan: &Plan, groups: &[GroupId]) -> StateBounds {
        let costs = entity_bytes(plan);
        let own: usize = groups.iter().map(|id| costs[*id]).sum();
        let all: usize = costs.iter().sum();
        let part = |bytes: usize| (bytes as u128 * own as u128 / all.max(1) as u128) as usize;
        StateBounds {
            entities: part(self.entities),
            newcomers: part(self.newcomers),
            ..*self
        }
    }

    /// Down to where entities are forgotten once there is no room, so that it is not done for each.
    pub(super) fn after_eviction(&self) -> usize {
        self.entities / 16 * 15
    }
}

/// What bounds parcels, where anything is.
pub(super) fn parcel_bounds(memory: Option<StateBounds>) -> ParcelBounds {
    memory.map_or(ParcelBounds::LARGEST, |memory| memory.parcels)
}

/// Who was unlikely so lately may have an alert that is open, or evidence that is being collected.
const HELD_FOR: Span = Span::days(2);

/// How much is lost with an entity: how long it has been seen, over how long it has not been.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Worth {
    is_held: bool,
    seen_over: f64,
}

impl Worth {
    pub(super) fn of(entity: &Entity, now: EventTime) -> Worth {
        let seen_over = entity.last_seen - entity.first_seen;
        let unseen = now - entity.last_seen;
        Worth {
            is_held: entity.unlikely + HELD_FOR >= now,
            seen_over: seen_over.in_days() / (1.0 + unseen.in_days()),
        }
    }

    pub(super) fn total_cmp(&self, other: &Worth) -> std::cmp::Ordering {
        let held = self.is_held.cmp(&other.is_held);
        held.then(self.seen_over.total_cmp(&other.seen_over))
    }
}

/// Bytes of an entity that is seen in every window, per group of the plan.
pub fn entity_bytes(plan: &Plan) -> Vec<usize> {
    let groups = plan.groups.iter().enumerate();
    groups
        .map(|(id, group)| {
            let windows: usize = group
                .windows
                .iter()
                .map(|span| Window::new(group, *span).row_bytes())
                .sum();
            let sketches: usize = group
                .sketches
                .iter()
                .map(|term| match term.function {
                    Function::Count | Function::Sum(_) | Function::Distinct(_) => 0,
                    Function::Walk(_) | Function::Mix(_) => FEW * size_of::<[u64; 6]>(),
                    Function::Histogram(_) => {
                        Sketch::new(term).map_or(0, |sketch| sketch.held_bytes())
                    }
                    Function::Arrivals => FEW * size_of::<u32>(),
                })
                .sum();
            let of_group = plan.series.iter().filter(|series| series.group == id);
            let baselines: usize = of_group
                .map(|series| row_bytes(&plan.detections[series.detection].test))
                .sum();
            Entity::BYTES + windows + sketches * group.windows.len() + baselines
        })
        .collect()
}

/// Values of a sketch of an entity that does little.
const FEW: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntityKey;

    fn entity(first: i64, last: i64, unlikely: i64) -> Entity {
        Entity {
            key: EntityKey::new("k"),
            class: 0,
            classed: EventTime::MIN,
            pool: 0,
            first_seen: EventTime(0) + Span::hours(first),
            last_seen: EventTime(0) + Span::hours(last),
            unlikely: EventTime(0) + Span::hours(unlikely),
            is_pooled: false,
        }
    }

    #[test]
    fn who_was_seen_for_long_and_lately_is_worth_most_and_who_was_unlikely_more() {
        let now = EventTime(0) + Span::hours(1_000);
        let rising = [
            entity(999, 999, 0),
            entity(100, 110, 0),
            entity(990, 999, 0),
            entity(100, 800, 0),
            entity(100, 999, 0),
            entity(999, 999, 990),
        ];
        let worths = rising.map(|entity| Worth::of(&entity, now));
        for pair in worths.windows(2) {
            assert!(pair[0].total_cmp(&pair[1]).is_lt(), "{worths:?}");
        }
    }
}
