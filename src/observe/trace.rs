//! Traces: what a pane keeps of events that have to meet those of other partitions, or for whose
//! measuring there was no room.
//!
//! A trace is an event cut down to the members that are needed later, and the keyed hash of its
//! shipment. The traces of a pane stand one after the other in one buffer, some hundred bytes each,
//! so that keeping one allocates nothing. Look-ups, of which there are many, are kept as bare
//! hashes.
//!
//! What is kept depends on the event alone, and [`Traces::in_order`] puts the traces of all
//! partitions into one total order, so that what follows from them depends neither on the order
//! of arrival nor on how events are spread over partitions. An event that is *deferred* keeps all
//! that any group measures of it. Measures are the same whether they are taken here or there, so
//! which events are deferred changes nothing that is measured.

use super::Share;
use crate::detection::{Missing, ParcelNeeds};
use crate::domain::{Action, Event, EventTime, Kind, Member, Outcome, Relation, Text};
use crate::measure::ValueHasher;
use ahash::RandomState;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashMap;

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
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// When it happened.
    pub time: EventTime,
    /// Keyed hash of the shipment.
    pub shipment: u64,
    /// Whether it says something of a parcel.
    pub is_tracked: bool,
    /// Whether no group has measured it yet, for want of room.
    pub is_deferred: bool,
    kind: Kind,
    /// Bytes that it counts for.
    size: usize,
    /// Where the rest of it stands.
    body: (usize, usize),
}

/// What stands before the rest of a trace: the length of that, what the trace counts for, time, shipment
/// and marks.
const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 1;
/// What the rest counts for, and in it a value of which there are few. What a trace counts for is about
/// what it takes, and is the same in whichever order values came.
const BODY_BYTES: usize = 22;
const VALUE_BYTES: usize = 3;
const IS_ACCESS: u8 = 1;
const IS_TRACKED: u8 = 2;
const IS_DEFERRED: u8 = 4;

impl Trace {
    /// The head of the trace that stands at `at`, if there is one.
    fn read(bytes: &[u8], at: usize) -> Option<Trace> {
        let (length, rest) = bytes.get(at..)?.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (shipment, rest) = rest.split_first_chunk()?;
        let marks = *rest.first()?;
        let begin = at + HEAD_BYTES;
        Some(Trace {
            time: EventTime(i64::from_le_bytes(*time)),
            shipment: u64::from_le_bytes(*shipment),
            is_tracked: marks & IS_TRACKED != 0,
            is_deferred: marks & IS_DEFERRED != 0,
            kind: match marks & IS_ACCESS {
                0 => Kind::Movement,
                _ => Kind::Access,
            },
            size: u32::from_le_bytes(*size) as usize,
            body: (begin, begin + u32::from_le_bytes(*length) as usize),
        })
    }
}

/// A trace read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'t> {
    /// The event, as far as it was kept.
    pub event: Event<'t>,
    /// What it lacks that a group asks for: these groups have not measured it yet.
    pub missing: Missing,
    /// It changes where the parcel goes, who fetches it, or whether it is held.
    pub is_diverting: bool,
}

/// Members of which there are few values, each of which is kept once.
const OF_FEW_VALUES: [Member; 10] = [
    Member::Origin,
    Member::Destination,
    Member::Route,
    Member::Location,
    Member::Step,
    Member::Carrier,
    Member::Commodity,
    Member::Role,
    Member::Country,
    Member::Endpoint,
];
/// So many values are kept once, of as many bytes at the most.
const VALUES_MAX: usize = 1 << 12;
const VALUE_BYTES_MAX: usize = 64;

/// The value of a member, or the number of one that is kept once.
#[derive(Debug, Serialize, Deserialize)]
enum Word<'t> {
    Text(#[serde(borrow)] &'t str),
    Value(u16),
}

/// The rest of a trace.
#[derive(Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
struct Body<'t, W> {
    action: Option<Action>,
    outcome: Option<Outcome>,
    relation: Option<Relation>,
    missing: Missing,
    is_diverting: bool,
    pieces: Option<u64>,
    records: Option<u64>,
    bytes: Option<u64>,
    page: Option<u64>,
    weight_grams: Option<f64>,
    value_eur: Option<f64>,
    members: Vec<(Member, W)>,
    #[serde(borrow)]
    fields: Vec<&'t str>,
    /// What else is measured of an event that is deferred; what is empty as well.
    deferred: Vec<(Member, W)>,
}

/// The traces of one pane of one partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Traces {
    bytes: Vec<u8>,
    size: usize,
    lookups: Vec<u64>,
    /// Values that are kept once.
    values: Vec<CompactString>,
    /// Where they stand. What was written down is sealed.
    #[serde(skip)]
    numbers: HashMap<CompactString, u16, RandomState>,
}

impl Traces {
    /// Keeps what is needed of an event, of these shipments; whether it did.
    #[inline]
    pub fn note(
        &mut self,
        needs: &ParcelNeeds,
        event: &Event<'_>,
        missing: Missing,
        (is_deferred, share): (bool, Share),
        hasher: &ValueHasher,
    ) -> bool {
        let shipment = event.shipment.as_deref().filter(|text| !text.is_empty());
        let shipment = shipment.map(|shipment| hasher.hash(shipment));
        let is_tracked =
            shipment.is_some_and(|shipment| self.track(needs, event, missing, shipment));
        if !is_tracked && !is_deferred {
            return true;
        }
        // What is of no shipment is somebody's.
        let shipment = shipment.unwrap_or_else(|| {
            let whose = event.actor.as_deref().or(event.seller.as_deref());
            hasher.hash(whose.unwrap_or(""))
        });
        let is_kept = share.holds(shipment);
        if is_kept {
            self.keep(needs, event, missing, shipment, is_tracked, is_deferred);
        }
        is_kept
    }

    /// Keeps the traces of these shipments; gives how many are gone.
    pub fn retain(&mut self, share: Share) -> u64 {
        let mut kept = Vec::new();
        let (mut gone, mut size) = (0, self.size);
        let mut from = 0;
        for trace in self.all() {
            let end = trace.body.1;
            match share.holds(trace.shipment) {
                true => kept.extend_from_slice(&self.bytes[from..end]),
                false => {
                    gone += 1;
                    size -= trace.size;
                }
            }
            from = end;
        }
        (self.bytes, self.size) = (kept, size);
        self.lookups.retain(|shipment| share.holds(*shipment));
        gone
    }

    /// Whether what is known of the shipment waits for the event.
    fn track(
        &mut self,
        needs: &ParcelNeeds,
        event: &Event<'_>,
        missing: Missing,
        shipment: u64,
    ) -> bool {
        if !needs.any() {
            return false;
        }
        if event.kind != Kind::Access {
            return true;
        }
        let is_found = event.outcome.unwrap_or_default() == Outcome::Ok;
        if is_found && needs.wants(Kind::Lifecycle) && is_lookup(event) {
            self.lookups.push(shipment);
        }
        let is_told = is_found && needs.relations() && tells(needs, event, shipment);
        is_told || missing != Missing::NOTHING
    }

    fn keep<'e>(
        &mut self,
        needs: &ParcelNeeds,
        event: &'e Event<'_>,
        missing: Missing,
        shipment: u64,
        is_tracked: bool,
        is_deferred: bool,
    ) {
        let given = |member: &Member| -> Option<(Member, &'e str)> {
            Some((*member, event.member(*member)?))
        };
        let is_full = |(_, value): &(Member, &str)| !value.is_empty();
        let kept = needs.kept(event.kind);
        let deferred: &[Member] = match is_deferred {
            true => needs.measured(event.kind),
            false => &[],
        };
        let mut size = HEAD_BYTES + BODY_BYTES;
        let mut word = |(member, value): (Member, &'e str)| {
            let is_of_few = OF_FEW_VALUES.contains(&member) && value.len() <= VALUE_BYTES_MAX;
            let number = is_of_few.then(|| number_of(&mut self.values, &mut self.numbers, value));
            let number = number.flatten();
            size += 2 + if is_of_few { VALUE_BYTES } else { value.len() };
            (member, number.map_or(Word::Text(value), Word::Value))
        };
        let body = Body {
            action: event.action,
            outcome: event.outcome,
            relation: event.relation,
            missing,
            is_diverting: is_diverting(event),
            pieces: event.pieces,
            records: event.records,
            bytes: event.bytes,
            page: event.page,
            weight_grams: event.weight_grams,
            value_eur: event.value_eur,
            members: kept
                .iter()
                .filter_map(given)
                .filter(is_full)
                .map(&mut word)
                .collect(),
            fields: event.fields.iter().map(|field| &**field).collect(),
            deferred: deferred
                .iter()
                .filter_map(given)
                .filter(|given| !is_full(given) || !kept.contains(&given.0))
                .map(&mut word)
                .collect(),
        };
        let mut marks = 0;
        for (is_so, mark) in [
            (event.kind == Kind::Access, IS_ACCESS),
            (is_tracked, IS_TRACKED),
            (is_deferred, IS_DEFERRED),
        ] {
            marks |= if is_so { mark } else { 0 };
        }
        let at = self.bytes.len();
        size += body
            .fields
            .iter()
            .map(|field| 1 + field.len())
            .sum::<usize>();
        self.size += size;
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&(size as u32).to_le_bytes());
        self.bytes.extend_from_slice(&event.time.0.to_le_bytes());
        self.bytes.extend_from_slice(&shipment.to_le_bytes());
        self.bytes.push(marks);
        // Writing into memory cannot fail.
        if let Ok(bytes) = postcard::to_extend(&body, std::mem::take(&mut self.bytes)) {
            self.bytes = bytes;
        }
        let length = self.bytes.len() - at - HEAD_BYTES;
        self.bytes[at..at + 4].copy_from_slice(&(length as u32).to_le_bytes());
    }

    /// The shipments that somebody looked up, by hash; one may stand here several times.
    pub fn lookups(&self) -> &[u64] {
        &self.lookups
    }

    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.lookups.is_empty()
    }

    /// Bytes that they count for.
    pub fn size(&self) -> usize {
        self.size + self.lookups.len() * size_of::<u64>()
    }

    /// Every trace, in the order in which they came.
    pub fn all(&self) -> impl Iterator<Item = Trace> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let trace = Trace::read(&self.bytes, at)?;
            at = trace.body.1;
            Some(trace)
        })
    }

    fn body(&self, trace: &Trace) -> Option<Body<'_, &str>> {
        let (begin, end) = trace.body;
        let body: Body<'_, Word<'_>> = postcard::from_bytes(self.bytes.get(begin..end)?).ok()?;
        Some(Body {
            action: body.action,
            outcome: body.outcome,
            relation: body.relation,
            missing: body.missing,
            is_diverting: body.is_diverting,
            pieces: body.pieces,
            records: body.records,
            bytes: body.bytes,
            page: body.page,
            weight_grams: body.weight_grams,
            value_eur: body.value_eur,
            members: texts(&self.values, body.members),
            fields: body.fields,
            deferred: texts(&self.values, body.deferred),
        })
    }

    /// The trace as parcels see it, whether it is deferred or not.
    pub fn read(&self, trace: &Trace) -> Told<'_> {
        self.told(trace, false)
    }

    /// The trace with all that is measured of the event, where it is deferred.
    pub fn read_deferred(&self, trace: &Trace) -> Told<'_> {
        self.told(trace, true)
    }

    fn told(&self, trace: &Trace, whole: bool) -> Told<'_> {
        // Written by [`Traces::keep`], so it reads.
        let body = self.body(trace).unwrap_or_default();
        let mut event = Event {
            time: trace.time,
            kind: trace.kind,
            action: body.action,
            outcome: body.outcome,
            relation: body.relation,
            pieces: body.pieces,
            records: body.records,
            bytes: body.bytes,
            page: body.page,
            weight_grams: body.weight_grams,
            value_eur: body.value_eur,
            fields: body.fields.into_iter().map(Text::from).collect(),
            ..Event::default()
        };
        let deferred = body.deferred.into_iter().filter(|_| whole);
        for (member, value) in body.members.into_iter().chain(deferred) {
            event.set_member(member, Text::from(value));
        }
        Told {
            event,
            missing: body.missing,
            is_diverting: body.is_diverting,
        }
    }

    /// The traces of all these that say something of a parcel, each with its owner, in an order
    /// that depends on nothing but what they say.
    pub fn in_order<'t>(parts: &[&'t Traces]) -> Vec<(&'t Traces, Trace)> {
        let mut all: Vec<(&Traces, Trace)> = parts
            .iter()
            .flat_map(|part| part.all().map(move |trace| (*part, trace)))
            .filter(|(_, trace)| trace.is_tracked)
            .collect();
        all.sort_unstable_by(compare);
        all
    }
}

/// Words as what they say.
fn texts<'t>(
    values: &'t [CompactString],
    words: Vec<(Member, Word<'t>)>,
) -> Vec<(Member, &'t str)> {
    let text = |(member, word)| match word {
        Word::Text(text) => (member, text),
        Word::Value(number) => (member, values[usize::from(number)].as_str()),
    };
    words.into_iter().map(text).collect()
}

/// The number of a value that is kept once; none where there are too many.
fn number_of(
    values: &mut Vec<CompactString>,
    numbers: &mut HashMap<CompactString, u16, RandomState>,
    value: &str,
) -> Option<u16> {
    if let Some(number) = numbers.get(value) {
        return Some(*number);
    }
    let number = u16::try_from(values.len()).ok()?;
    if values.len() >= VALUES_MAX {
        return None;
    }
    values.push(CompactString::new(value));
    numbers.insert(CompactString::new(value), number);
    Some(number)
}

/// By time; what happened to one shipment at one time, by what it says. Two that compare equal
/// are the same to whoever reads them.
fn compare(one: &(&Traces, Trace), other: &(&Traces, Trace)) -> Ordering {
    let ((of_one, one), (of_other, other)) = (one, other);
    let first = |trace: &Trace| (trace.time, trace.kind, trace.shipment);
    first(one).cmp(&first(other)).then_with(|| {
        let (one, other) = (of_one.body(one), of_other.body(other));
        // All that is in it can be compared.
        one.partial_cmp(&other).unwrap_or(Ordering::Equal)
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
            traces.note(
                needs,
                event,
                needs.missing(event),
                (false, Share::ALL),
                &hasher,
            );
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
        assert_eq!(part.read(&trace).event, expected);
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
                    let event = part.read(&trace).event;
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
