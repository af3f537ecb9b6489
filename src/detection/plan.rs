//! The catalogue compiled: detections that look at the same entity and the same events share a
//! group, and a group measures each term once.

use super::parcels::takes_kind;
use super::{Condition, Detection, ParcelNeeds, Test};
use crate::domain::{Event, Kind, Member, Span};
use crate::measure::{Dimension, Function, Quantity, Term};

/// Position of a group in [`Plan::groups`].
pub type GroupId = usize;
/// Position of a series in [`Plan::series`].
pub type SeriesId = usize;

/// One measuring place: an entity, a condition, and the terms that are kept per entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Members whose values make the entity.
    pub entity: Vec<Member>,
    /// The member that names the entity's class.
    pub pool: Option<Member>,
    /// Which events count.
    pub conditions: Vec<Condition>,
    /// Numbers kept per entity. The first is always the number of shipment records, which every
    /// alert reports as what is at risk.
    pub sums: Vec<Term>,
    /// Sketches kept per entity.
    pub sketches: Vec<Term>,
    /// The quantity whose size per event is kept per class, where a detection needs it.
    pub sizes: Option<Quantity>,
    /// Windows that close for this group, shortest first; each is a multiple of the one before.
    pub windows: Vec<Span>,
}

impl Group {
    /// Whether an event of the right kind counts.
    #[inline]
    pub fn accepts(&self, event: &Event<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(event))
    }
}

/// Where a term is kept within its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Position in [`Group::sums`].
    Sum(usize),
    /// Position in [`Group::sketches`].
    Sketch(usize),
}

/// One detection on one window: what has baselines of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Position of the detection in [`Plan::detections`].
    pub detection: usize,
    /// The group it reads.
    pub group: GroupId,
    /// Position of its window in the group.
    pub window: usize,
    /// Its length.
    pub span: Span,
    /// Where its measure is kept.
    pub of: Slot,
    /// Where the measure stands that it is a share of, or for a sum the number of its summands.
    pub per: Option<Slot>,
    /// Where the members of the entity are tallied that an alert names.
    pub members: Option<Slot>,
}

/// A group keeps the sizes of one quantity.
fn sizes_agree(group: &Group, detection: &Detection) -> bool {
    match (detection.summed(), group.sizes) {
        (Some(wanted), Some(kept)) => wanted == kept,
        _ => true,
    }
}

/// What the measure is held against: the whole of a share, the number of a sum's summands.
fn held_against(detection: &Detection) -> Option<Term> {
    match detection.test {
        Test::Sum => Some(Term {
            function: Function::Count,
            filters: detection.measure.of.filters.clone(),
        }),
        // A walk is a share of its own serials.
        _ if matches!(detection.measure.of.function, Function::Walk(_)) => {
            Some(detection.measure.of.clone())
        }
        _ => detection.measure.per.clone(),
    }
}

/// The tally of the members that an alert names.
fn tally_of(detection: &Detection) -> Option<Term> {
    detection
        .members
        .map(|member| Function::Mix(Dimension::Member(member)).into())
}

/// Everything a detection needs measured.
fn terms_of(detection: &Detection) -> impl Iterator<Item = Term> {
    std::iter::once(detection.measure.of.clone())
        .chain(held_against(detection))
        .chain(tally_of(detection))
}

/// The compiled catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The detections in force, in the order of the catalogue.
    pub detections: Vec<Detection>,
    /// The measuring places.
    pub groups: Vec<Group>,
    /// Every detection on every window of it.
    pub series: Vec<Series>,
    /// Length of a pane.
    pub pane: Span,
    /// What the groups need to know of parcels.
    pub parcels: ParcelNeeds,
    movement_groups: Vec<GroupId>,
    access_groups: Vec<GroupId>,
}

impl Plan {
    /// Compiles detections whose windows are multiples of `pane` and of each other, as
    /// [`window_conflict`] checks.
    pub fn new(detections: Vec<Detection>, pane: Span) -> Plan {
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = Vec::new();
        for detection in &detections {
            let same = |group: &Group| {
                group.entity == detection.entity
                    && group.pool == detection.pool
                    && group.conditions == detection.conditions
                    && sizes_agree(group, detection)
            };
            let id = groups.iter().position(same).unwrap_or_else(|| {
                groups.push(Group {
                    entity: detection.entity.clone(),
                    pool: detection.pool,
                    conditions: detection.conditions.clone(),
                    sums: vec![Function::Sum(Quantity::Records).into()],
                    sketches: Vec::new(),
                    sizes: None,
                    windows: Vec::new(),
                });
                groups.len() - 1
            });
            let group = &mut groups[id];
            group.sizes = group.sizes.or(detection.summed());
            for term in terms_of(detection) {
                let kept = match term.function.is_number() {
                    true => &mut group.sums,
                    false => &mut group.sketches,
                };
                if !kept.contains(&term) {
                    kept.push(term);
                }
            }
            group.windows.extend(&detection.windows);
            group.windows.sort_unstable();
            group.windows.dedup();
            group_of.push(id);
        }
        let mut series = Vec::new();
        for (number, (detection, id)) in detections.iter().zip(&group_of).enumerate() {
            let group = &groups[*id];
            let slot = |term: Term| {
                let at = |kept: &[Term]| kept.iter().position(|one| *one == term);
                match term.function.is_number() {
                    true => at(&group.sums).map(Slot::Sum),
                    false => at(&group.sketches).map(Slot::Sketch),
                }
            };
            for span in &detection.windows {
                series.push(Series {
                    detection: number,
                    group: *id,
                    window: group
                        .windows
                        .iter()
                        .position(|window| window == span)
                        .unwrap_or_default(),
                    span: *span,
                    of: slot(detection.measure.of.clone()).unwrap_or(Slot::Sum(0)),
                    per: held_against(detection).and_then(slot),
                    members: tally_of(detection).and_then(slot),
                });
            }
        }
        let of_kind = |kind: Kind| {
            (0..groups.len())
                .filter(|id| takes_kind(&groups[*id], kind))
                .collect()
        };
        Plan {
            movement_groups: of_kind(Kind::Movement),
            access_groups: of_kind(Kind::Access),
            parcels: ParcelNeeds::new(&groups),
            detections,
            groups,
            series,
            pane,
        }
    }

    /// The groups that an event of this kind can count for.
    #[inline]
    pub fn groups_for(&self, kind: Kind) -> &[GroupId] {
        match kind {
            Kind::Movement => &self.movement_groups,
            Kind::Access => &self.access_groups,
            Kind::Transit | Kind::Diversion | Kind::Label | Kind::Induction | Kind::Lifecycle => {
                self.parcels.groups_for(kind)
            }
        }
    }
}

/// Two windows on the same entity and events that do not divide each other, if there are any.
pub fn window_conflict(plan: &Plan) -> Option<(Span, Span)> {
    plan.groups.iter().find_map(|group| {
        group
            .windows
            .windows(2)
            .find(|pair| pair[1].0 % pair[0].0 != 0)
            .map(|pair| (pair[0], pair[1]))
    })
}
