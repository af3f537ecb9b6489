//! The catalogue compiled: detections that look at the same entity and the same events share a
//! group, and a group measures each term once.

use super::{Condition, Detection, ParcelNeeds, Test};
use crate::domain::{Event, Kind, Member, Span};
use crate::measure::{Quantity, Term};

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
    /// Sums kept per entity. The first is always the number of shipment records, which every
    /// alert reports as what is at risk.
    pub sums: Vec<Term>,
    /// Members whose distinct values are kept per entity.
    pub distinct: Vec<Member>,
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
    /// Position in [`Group::distinct`].
    Distinct(usize),
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
}

/// A group keeps the sizes of one quantity.
fn sizes_agree(group: &Group, detection: &Detection) -> bool {
    match (detection.test, detection.measure.of, group.sizes) {
        (Test::Sum, Term::Sum(wanted), Some(kept)) => wanted == kept,
        _ => true,
    }
}

/// What a detection measures, and what it measures that against: a share its whole, a sum the
/// number of its summands.
fn terms_of(detection: &Detection) -> impl Iterator<Item = Term> {
    let summands = matches!(detection.test, Test::Sum).then_some(Term::Count);
    detection.measure.terms().chain(summands)
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
                    sums: vec![Term::Sum(Quantity::Records)],
                    distinct: Vec::new(),
                    sizes: None,
                    windows: Vec::new(),
                });
                groups.len() - 1
            });
            let group = &mut groups[id];
            if let (Test::Sum, Term::Sum(quantity)) = (detection.test, detection.measure.of) {
                group.sizes = Some(quantity);
            }
            for term in terms_of(detection) {
                match term.distinct_member() {
                    Some(member) if !group.distinct.contains(&member) => {
                        group.distinct.push(member)
                    }
                    None if !group.sums.contains(&term) => group.sums.push(term),
                    _ => {}
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
            let slot = |term: Term| match term.distinct_member() {
                Some(member) => group
                    .distinct
                    .iter()
                    .position(|one| *one == member)
                    .map(Slot::Distinct),
                None => group
                    .sums
                    .iter()
                    .position(|one| *one == term)
                    .map(Slot::Sum),
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
                    of: slot(detection.measure.of).unwrap_or(Slot::Sum(0)),
                    per: terms_of(detection).nth(1).and_then(slot),
                });
            }
        }
        let of_kind = |kind: Kind| {
            let wants = |group: &Group| {
                !group
                    .conditions
                    .iter()
                    .filter_map(Condition::only_kind)
                    .any(|only| only != kind)
            };
            (0..groups.len()).filter(|id| wants(&groups[*id])).collect()
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
            Kind::Transit | Kind::Diversion | Kind::Label | Kind::Lifecycle => {
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
