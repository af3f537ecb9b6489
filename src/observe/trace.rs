//! Traces: what a pane keeps of events that have to meet those of other partitions.
//!
//! A trace is an event cut down to the members that are needed later, and the keyed hash of its
//! shipment. All traces of a pane share one buffer of text, so that keeping one allocates
//! nothing. Look-ups, of which there are many, are kept as bare hashes.
//!
//! What is kept depends on the event alone, and [`Traces::in_order`] puts the traces of all
//! partitions into one total order, so that what follows from them depends neither on the order
//! of arrival nor on how events are spread over partitions.

use crate::detection::{Missing, ParcelNeeds};
use crate::domain::{Action, Event, EventTime, Kind, Member, Outcome, Relation, Text};
use crate::measure::ValueHasher;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Roles that handle parcels or follow them for others: that one of them looks at a parcel does
/// not mean that anybody waits for it.
const HANDLING_ROLES: [&str; 8] = [
    "seller",
    "carrier",
    "broker",
    "customs",
    "support",
    "platform",
    "aggregator",
    "research",
];
/// Words in an endpoint that say where a parcel goes, who fetches it, or whether it is held.
const DIVERTING_WORDS: [&str; 9] = [
    "delivery",
    "pickup",
    "pick-up",
    "release",
    "redirect",
    "reroute",
    "address",
    "hold",
    "consignee",
];
/// Of accesses that tell whose organisation somebody is, one of so many is kept: organisations
/// change rarely. Which one is a matter of the shipment's hash, not of who came first.
const TEACHING_SHARE: u64 = 16;

/// An event cut down to what is needed later.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// When it happened.
    pub time: EventTime,
    /// Keyed hash of the shipment.
    pub shipment: u64,
    /// What the event lacks that a group asks for: these groups have not measured it yet.
    pub missing: Missing,
    /// It changes where the parcel goes, who fetches it, or whether it is held.
    pub is_diverting: bool,
    kind: Kind,
    action: Option<Action>,
    outcome: Option<Outcome>,
    relation: Option<Relation>,
    pieces: Option<u64>,
    records: Option<u64>,
    bytes: Option<u64>,
    page: Option<u64>,
    weight_grams: Option<f64>,
    value_eur: Option<f64>,
    first_member: u32,
    members: u32,
    first_field: u32,
    fields: u32,
}

/// The traces of one pane of one partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Traces {
    text: String,
    members: Vec<(Member, u32, u32)>,
    fields: Vec<(u32, u32)>,
    all: Vec<Trace>,
    lookups: Vec<u64>,
}

impl Traces {
    /// Keeps what is needed of an event.
    #[inline]
    pub fn note(
        &mut self,
        needs: &ParcelNeeds,
        event: &Event<'_>,
        missing: Missing,
        hasher: &ValueHasher,
    ) {
        if !needs.any() {
            return;
        }
        let Some(shipment) = event.shipment.as_deref().filter(|text| !text.is_empty()) else {
            return;
        };
        let shipment = hasher.hash(shipment);
        if event.kind == Kind::Access {
            let is_found = event.outcome.unwrap_or_default() == Outcome::Ok;
            if is_found && needs.wants(Kind::Lifecycle) && is_lookup(event) {
                self.lookups.push(shipment);
            }
            let is_told = is_found && needs.relations() && tells(needs, event, shipment);
            if !is_told && missing == Missing::NOTHING {
                return;
            }
        }
        self.keep(needs.kept(event.kind), event, missing, shipment);
    }

    fn keep(&mut self, kept: &[Member], event: &Event<'_>, missing: Missing, shipment: u64) {
        let first_member = self.members.len() as u32;
        let first_field = self.fields.len() as u32;
        for field in &event.fields {
            let begin = self.text.len() as u32;
            self.text.push_str(field);
            self.fields.push((begin, self.text.len() as u32));
        }
        for member in kept {
            if let Some(value) = event.member(*member).filter(|value| !value.is_empty()) {
                let begin = self.text.len() as u32;
                self.text.push_str(value);
                self.members.push((*member, begin, self.text.len() as u32));
            }
        }
        self.all.push(Trace {
            time: event.time,
            shipment,
            missing,
            is_diverting: is_diverting(event),
            kind: event.kind,
            action: event.action,
            outcome: event.outcome,
            relation: event.relation,
            pieces: event.pieces,
            records: event.records,
            bytes: event.bytes,
            page: event.page,
            weight_grams: event.weight_grams,
            value_eur: event.value_eur,
            first_member,
            members: self.members.len() as u32 - first_member,
            first_field,
            fields: self.fields.len() as u32 - first_field,
        });
    }

    /// The shipments that somebody looked up, by hash; one may stand here several times.
    pub fn lookups(&self) -> &[u64] {
        &self.lookups
    }

    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.lookups.is_empty()
    }

    fn members_of(&self, trace: &Trace) -> impl Iterator<Item = (Member, &str)> {
        self.members[trace.first_member as usize..][..trace.members as usize]
            .iter()
            .map(|(member, begin, end)| (*member, &self.text[*begin as usize..*end as usize]))
    }

    fn fields_of(&self, trace: &Trace) -> impl Iterator<Item = &str> {
        self.fields[trace.first_field as usize..][..trace.fields as usize]
            .iter()
            .map(|(begin, end)| &self.text[*begin as usize..*end as usize])
    }

    /// The event, as far as it was kept.
    pub fn event(&self, trace: &Trace) -> Event<'_> {
        let mut event = Event {
            time: trace.time,
            kind: trace.kind,
            action: trace.action,
            outcome: trace.outcome,
            relation: trace.relation,
            pieces: trace.pieces,
            records: trace.records,
            bytes: trace.bytes,
            page: trace.page,
            weight_grams: trace.weight_grams,
            value_eur: trace.value_eur,
            fields: self.fields_of(trace).map(Text::from).collect(),
            ..Event::default()
        };
        for (member, value) in self.members_of(trace) {
            event.set_member(member, Text::from(value));
        }
        event
    }

    /// The traces of all these, each with its owner, in an order that depends on nothing but
    /// what they say.
    pub fn in_order<'t>(parts: &[&'t Traces]) -> Vec<(&'t Traces, &'t Trace)> {
        let mut all: Vec<(&Traces, &Trace)> = parts
            .iter()
            .flat_map(|part| part.all.iter().map(move |trace| (*part, trace)))
            .collect();
        all.sort_unstable_by(|one, other| compare(*one, *other));
        all
    }
}

/// By time; what happened to one shipment at one time, by what it says. Two that compare equal
/// are the same to whoever reads them.
fn compare(one: (&Traces, &Trace), other: (&Traces, &Trace)) -> Ordering {
    let ((of_one, one), (of_other, other)) = (one, other);
    let first = |trace: &Trace| (trace.time, trace.kind, trace.shipment);
    first(one).cmp(&first(other)).then_with(|| {
        let rest = |trace: &Trace| {
            (
                (trace.action, trace.outcome, trace.relation),
                (trace.missing, trace.is_diverting),
                (trace.pieces, trace.records, trace.bytes, trace.page),
                trace.weight_grams.map(f64::to_bits),
                trace.value_eur.map(f64::to_bits),
            )
        };
        rest(one)
            .cmp(&rest(other))
            .then_with(|| of_one.members_of(one).cmp(of_other.members_of(other)))
            .then_with(|| of_one.fields_of(one).cmp(of_other.fields_of(other)))
    })
}

/// Whether somebody looks a parcel up who does not handle it for a living.
fn is_lookup(event: &Event<'_>) -> bool {
    let role = event.role.as_deref().unwrap_or("");
    event.relation != Some(Relation::None) && !HANDLING_ROLES.contains(&role)
}

/// Whether the access changes where a parcel goes, who fetches it, or whether it is held. Where
/// the event does not say what it changes, every change may be one.
fn is_diverting(event: &Event<'_>) -> bool {
    matches!(event.action, Some(Action::Update | Action::Delete))
        && event
            .endpoint
            .as_deref()
            .is_none_or(|endpoint| DIVERTING_WORDS.iter().any(|word| endpoint.contains(word)))
}

/// Whether the access tells who stands how to a shipment, or changes one.
fn tells(needs: &ParcelNeeds, event: &Event<'_>, shipment: u64) -> bool {
    let is_change = is_diverting(event);
    match event.relation.unwrap_or_default() {
        Relation::None | Relation::Unknown => needs.wants(Kind::Diversion),
        Relation::Own | Relation::Party if shipment.is_multiple_of(TEACHING_SHARE) => true,
        _ => is_change && needs.wants(Kind::Diversion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{Condition, Group, Requirement};
    use crate::measure::{Function, Quantity};

    fn needs() -> ParcelNeeds {
        crate::detection::Plan::new(Vec::new(), crate::domain::Span::MINUTE).parcels
    }

    fn wanting(kind: Kind) -> ParcelNeeds {
        ParcelNeeds::new(&[Group {
            entity: vec![Member::Seller],
            pool: None,
            conditions: vec![Condition {
                member: Member::Kind,
                requirement: Requirement::OneOf(vec![kind.name().to_owned()]),
            }],
            sums: vec![Function::Sum(Quantity::Records).into()],
            sketches: Vec::new(),
            sizes: None,
            windows: Vec::new(),
        }])
    }

    fn scan(time: i64, shipment: &'static str, step: &'static str) -> Event<'static> {
        Event {
            time: EventTime(time),
            kind: Kind::Movement,
            shipment: Some(Text::from(shipment)),
            step: Some(Text::from(step)),
            location: Some(Text::from("gate")),
            weight_grams: Some(12.5),
            ..Event::default()
        }
    }

    fn traced(needs: &ParcelNeeds, events: &[Event<'_>]) -> Traces {
        let hasher = ValueHasher::new((1, 2));
        let mut traces = Traces::default();
        for event in events {
            traces.note(needs, event, needs.missing(event), &hasher);
        }
        traces
    }

    #[test]
    fn nothing_is_kept_for_a_catalogue_that_asks_nothing_of_parcels() {
        assert!(traced(&needs(), &[scan(1, "p", "arriving")]).is_empty());
    }

    #[test]
    fn a_kept_event_reads_back() {
        let needs = wanting(Kind::Transit);
        let event = scan(7, "p", "arriving");
        let traces = traced(&needs, std::slice::from_ref(&event));
        let [(part, trace)] = Traces::in_order(&[&traces])[..] else {
            panic!("one trace")
        };
        let expected = Event {
            shipment: None,
            ..event
        };
        assert_eq!(part.event(trace), expected);
    }

    #[test]
    fn the_order_is_the_same_however_events_are_dealt_out() {
        let needs = wanting(Kind::Transit);
        let steps = ["accepting", "departing", "arriving", "delivering"];
        let events: Vec<Event<'_>> = (0..40)
            .map(|n| {
                scan(
                    n / 7,
                    ["p", "q", "r"][n as usize % 3],
                    steps[n as usize % 4],
                )
            })
            .collect();
        let told = |parts: &[&Traces]| -> Vec<Event<'static>> {
            Traces::in_order(parts)
                .into_iter()
                .map(|(part, trace)| {
                    let event = part.event(trace);
                    scan(
                        event.time.0,
                        "p",
                        steps
                            .into_iter()
                            .find(|s| event.step.as_deref() == Some(s))
                            .unwrap(),
                    )
                })
                .collect()
        };
        let straight = traced(&needs, &events);
        let backwards: Vec<Event<'_>> = events.iter().rev().cloned().collect();
        let halves = [
            traced(&needs, &backwards[..13]),
            traced(&needs, &backwards[13..]),
        ];
        assert_eq!(told(&[&straight]), told(&[&halves[0], &halves[1]]));
        assert_eq!(told(&[&straight]), told(&[&halves[1], &halves[0]]));
    }

    #[test]
    fn a_look_up_is_somebody_who_waits_for_the_parcel() {
        let needs = wanting(Kind::Lifecycle);
        let access = |role: &'static str| Event {
            kind: Kind::Access,
            shipment: Some(Text::from("p")),
            role: Some(Text::from(role)),
            relation: Some(Relation::Granted),
            ..Event::default()
        };
        let events = ["customs", "aggregator", "", "buyer"].map(access);
        assert_eq!(traced(&needs, &events).lookups().len(), 2);
    }

    #[test]
    fn a_diverting_change_is_one_of_where_the_parcel_goes() {
        let change = |endpoint: Option<&'static str>| Event {
            action: Some(Action::Update),
            endpoint: endpoint.map(Text::from),
            ..Event::default()
        };
        assert!(is_diverting(&change(Some(
            "/v1/shipments/{shipment}/delivery"
        ))));
        assert!(is_diverting(&change(None)));
        assert!(!is_diverting(&change(Some("/v1/shipments/{shipment}"))));
        let read = Event {
            action: Some(Action::Read),
            ..change(None)
        };
        assert!(!is_diverting(&read));
    }
}
