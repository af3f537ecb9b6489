//! What the catalogue needs to know of parcels.
//!
//! An access often carries the shipment and nothing else of it. Its seller, its route, its
//! carrier and how the actor stands to it can be known from movements. So there is a place where
//! events of all partitions meet in the order of time, and what is known of a parcel completes
//! them. A group that asks for a member which an event lacks waits for that place; every other
//! group measures the event at once. Each group counts each event once, here or there.
//!
//! The same place derives events of its own ([`Kind::DERIVED`]) for the groups that ask for them.

use super::{Condition, Group, GroupId, Requirement};
use crate::domain::{Event, Kind, Member, Outcome, Relation};
use crate::measure::Term;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Members of an event that are not there, and that knowledge of the parcel could give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing(u8);

impl Missing {
    /// Nothing is missing.
    pub const NOTHING: Missing = Missing(0);
    const SELLER: Missing = Missing(1);
    const ROUTE: Missing = Missing(2);
    const CARRIER: Missing = Missing(4);
    const RELATION: Missing = Missing(8);

    /// What an event lacks. What was not found is no parcel, and nothing can be known of it.
    #[inline]
    fn of(event: &Event<'_>) -> Missing {
        if event.shipment.is_none() || event.outcome == Some(Outcome::NotFound) {
            return Missing::NOTHING;
        }
        let mut missing = 0;
        for (is_missing, bit) in [
            (event.seller.is_none(), Missing::SELLER),
            (event.route.is_none(), Missing::ROUTE),
            (event.carrier.is_none(), Missing::CARRIER),
            (
                event.kind == Kind::Access
                    && event.relation.unwrap_or_default() == Relation::Unknown,
                Missing::RELATION,
            ),
        ] {
            missing |= if is_missing { bit.0 } else { 0 };
        }
        Missing(missing)
    }

    fn of_member(member: Member) -> Missing {
        match member {
            Member::Seller => Missing::SELLER,
            Member::Route => Missing::ROUTE,
            Member::Carrier => Missing::CARRIER,
            Member::Relation => Missing::RELATION,
            _ => Missing::NOTHING,
        }
    }

    /// Whether the two have something in common.
    #[inline]
    pub fn overlaps(self, other: Missing) -> bool {
        self.0 & other.0 != 0
    }
}

/// What is kept of a movement besides the members that a group which waits asks for.
const OF_MOVEMENTS: [Member; 5] = [
    Member::Step,
    Member::Location,
    Member::Seller,
    Member::Route,
    Member::Carrier,
];
/// What is kept of an access besides the members that a group which waits asks for.
const OF_ACCESSES: [Member; 5] = [
    Member::Actor,
    Member::Org,
    Member::Role,
    Member::Seller,
    Member::Route,
];

/// What the groups of a plan need to know of parcels.
#[derive(Clone, Debug, PartialEq)]
pub struct ParcelNeeds {
    /// Per kind of [`Kind::DERIVED`], the groups that ask for it.
    derived: [Vec<GroupId>; Kind::DERIVED.len()],
    /// Per group, the members that knowledge of the parcel could give and that it asks for.
    asks: Vec<Missing>,
    any_asks: Missing,
    of_movements: Vec<Member>,
    of_accesses: Vec<Member>,
    /// Members with text that any group measures or asks for.
    measured: [Vec<Member>; Kind::RECORDED.len()],
}

impl ParcelNeeds {
    /// What these groups need.
    pub fn new(groups: &[Group]) -> ParcelNeeds {
        let asks: Vec<Missing> = groups
            .iter()
            .map(|group| {
                let bits = members_of(group).map(|member| Missing::of_member(member).0);
                Missing(bits.fold(0, |all, bit| all | bit))
            })
            .collect();
        let any_asks = Missing(asks.iter().fold(0, |all, one| all | one.0));
        let derived = Kind::DERIVED.map(|kind| {
            (0..groups.len())
                .filter(|id| names_kind(&groups[*id], kind))
                .collect()
        });
        let mut of_movements = OF_MOVEMENTS.to_vec();
        let mut of_accesses = OF_ACCESSES.to_vec();
        for (group, asks) in groups.iter().zip(&asks) {
            if *asks == Missing::NOTHING {
                continue;
            }
            for member in members_of(group) {
                for kept in [&mut of_movements, &mut of_accesses] {
                    if is_text(member) && !kept.contains(&member) {
                        kept.push(member);
                    }
                }
            }
        }
        let measured = Kind::RECORDED.map(|kind| {
            let members = groups
                .iter()
                .filter(|group| takes_kind(group, kind))
                .flat_map(members_of)
                .filter(|member| is_text(*member));
            members.collect::<BTreeSet<_>>().into_iter().collect()
        });
        ParcelNeeds {
            measured,
            derived,
            asks,
            any_asks,
            of_movements,
            of_accesses,
        }
    }

    /// The groups that ask for a derived kind.
    pub fn groups_for(&self, kind: Kind) -> &[GroupId] {
        let position = Kind::DERIVED.iter().position(|derived| *derived == kind);
        position.map_or(&[], |position| &self.derived[position])
    }

    /// Whether any group asks for this derived kind.
    #[inline]
    pub fn wants(&self, kind: Kind) -> bool {
        !self.groups_for(kind).is_empty()
    }

    /// Whether anything about parcels is asked for at all.
    #[inline]
    pub fn any(&self) -> bool {
        self.any_asks != Missing::NOTHING || Kind::DERIVED.iter().any(|kind| self.wants(*kind))
    }

    /// Whether how an actor stands to a shipment is asked for.
    #[inline]
    pub fn relations(&self) -> bool {
        self.any_asks.overlaps(Missing::RELATION) || self.wants(Kind::Diversion)
    }

    /// What the event lacks that a group asks for.
    #[inline]
    pub fn missing(&self, event: &Event<'_>) -> Missing {
        if self.any_asks == Missing::NOTHING {
            return Missing::NOTHING;
        }
        Missing(Missing::of(event).0 & self.any_asks.0)
    }

    /// Whether the group measures an event that lacks this where events meet, not before.
    #[inline]
    pub fn waits(&self, group: GroupId, missing: Missing) -> bool {
        self.asks[group].overlaps(missing)
    }

    /// The members whose text any group measures or asks for of an event of this kind.
    pub fn measured(&self, kind: Kind) -> &[Member] {
        Kind::RECORDED
            .iter()
            .position(|recorded| *recorded == kind)
            .map_or(&[], |position| &self.measured[position])
    }

    /// The members to keep of an event of this kind.
    #[inline]
    pub fn kept(&self, kind: Kind) -> &[Member] {
        if kind == Kind::Movement {
            &self.of_movements
        } else {
            &self.of_accesses
        }
    }
}

/// The members that decide whether and how a group counts an event.
fn members_of(group: &Group) -> impl Iterator<Item = Member> {
    let terms = group.sums.iter().chain(&group.sketches);
    let conditions = group.conditions.iter().map(|condition| condition.member);
    group
        .entity
        .iter()
        .copied()
        .chain(group.pool)
        .chain(conditions)
        .chain(terms.flat_map(Term::members))
}

/// Whether the group asks for the kind by name: what is derived from events must not be counted
/// among events by a group that takes any.
fn names_kind(group: &Group, kind: Kind) -> bool {
    group.conditions.iter().any(|condition| {
        condition.member == Member::Kind
            && matches!(&condition.requirement, Requirement::OneOf(kinds)
                if kinds.iter().any(|name| name == kind.name()))
    })
}

/// Whether the group can count events of the kind.
pub(super) fn takes_kind(group: &Group, kind: Kind) -> bool {
    !group
        .conditions
        .iter()
        .filter_map(Condition::only_kind)
        .any(|only| only != kind)
}

/// Whether the member's value is text, and not one of an enumeration that is kept anyway.
fn is_text(member: Member) -> bool {
    !matches!(
        member,
        Member::Kind | Member::Action | Member::Outcome | Member::Relation
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Condition;
    use crate::domain::Text;
    use crate::measure::{Function, Quantity};

    fn group(entity: &[Member], kinds: &[&str], distinct: &[Member]) -> Group {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        Group {
            entity: entity.to_vec(),
            pool: None,
            conditions: if kinds.is_empty() {
                Vec::new()
            } else {
                vec![Condition {
                    member: Member::Kind,
                    requirement: Requirement::OneOf(kinds),
                }]
            },
            sums: vec![Function::Sum(Quantity::Records).into()],
            sketches: distinct
                .iter()
                .map(|member| Function::Distinct(*member).into())
                .collect(),
            sizes: None,
            windows: Vec::new(),
        }
    }

    #[test]
    fn a_group_waits_only_for_what_it_asks_for_and_the_event_lacks() {
        let needs = ParcelNeeds::new(&[
            group(&[Member::Actor], &["access"], &[Member::Seller]),
            group(&[Member::Actor], &["access"], &[Member::Shipment]),
            group(&[Member::Route], &["movement"], &[]),
        ]);
        let mut event = Event {
            kind: Kind::Access,
            shipment: Some(Text::from("p")),
            ..Event::default()
        };
        let waiting = |event: &Event<'_>| {
            let missing = needs.missing(event);
            [0, 1, 2].map(|id| needs.waits(id, missing))
        };
        assert_eq!(waiting(&event), [true, false, true]);
        event.seller = Some(Text::from("s"));
        assert_eq!(waiting(&event), [false, false, true]);
        event.outcome = Some(Outcome::NotFound);
        assert_eq!(waiting(&event), [false; 3]);
    }

    #[test]
    fn derived_kinds_go_to_the_groups_that_name_them_and_to_no_other() {
        let needs = ParcelNeeds::new(&[
            group(&[Member::Seller], &[], &[]),
            group(&[Member::Seller], &["transit"], &[]),
            group(&[Member::Seller], &["movement", "lifecycle"], &[]),
        ]);
        assert_eq!(needs.groups_for(Kind::Transit), [1]);
        assert_eq!(needs.groups_for(Kind::Lifecycle), [2]);
        assert!(!needs.wants(Kind::Diversion));
    }
}
