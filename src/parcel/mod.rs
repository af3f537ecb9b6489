//! What is known of parcels, where the events of all partitions meet in the order of time.
//!
//! [`Parcels::step`] takes the traces of one pane and tells of two sorts of events. Events that
//! lacked a member come back with what is known of their parcel, for the groups that waited for
//! it. And events are derived, which are measured like any other:
//!
//! * `transit`, one per leg from one scan of a parcel to the next, with seller, route, carrier,
//!   step and location of the scan. Outcome `ok`; `error` where the leg cannot be (`transit`);
//!   `not_found` where reads are missing that should be there; `limited` where it cannot be, but
//!   the same happens to everybody at that place or with that carrier lately. Then the endpoint
//!   says `clock` where a clock that is wrong by 1, 2 or 8 hours explains it, else `shared`. What
//!   cannot be waits an hour to be told, so that the place has time to show.
//! * `diversion`, with actor, role, org, seller, route and carrier. Outcome `ok` when an actor
//!   touches a shipment it has nothing to do with, for the first time in three days; `error` when
//!   that shipment is changed within three days after by somebody whose own it is not: where it
//!   goes, who fetches it, or whether it is held; or when it is sent another way, or returned.
//!   `limited` when the actor's shipments are changed so often that chance would not do it in
//!   fifty days of the whole hub (`walk`); its records are how many were changed.
//! * `label`, once per parcel that began as a label, seven days after, with seller, route and
//!   carrier. Outcome `ok` where it became goods by then, else `not_found`.
//! * `induction`, once per parcel, when its goods are first scanned, unless that ends their way,
//!   with seller, route and carrier. Outcome `ok`.
//! * `lifecycle`, once per parcel, when it is delivered, with seller, route and carrier. Outcome
//!   `ok` where somebody had looked it up who does not handle parcels for a living, else `error`.
//!
//! The records of a derived event are 1 where its outcome is `error`, its pieces 1 where it is
//! `not_found`, else 0: their shares in the count are what is judged.
//!
//! Everything is bounded by [`ParcelBounds`] and in [`crate::limits`]: what is too much is forgotten,
//! the oldest first, and counted. Where memory is bounded, parcels of sellers of whom nothing else is
//! known push out no others: beyond a share of all they are not remembered. Nothing depends on the order of arrival: traces come in a total order
//! ([`Traces::in_order`]), look-ups only set a mark.

mod bounds;
mod leg_times;
mod names;
mod outside;
mod relation;
mod spot;
mod table;
mod transit;
mod walk;

pub use bounds::ParcelBounds;

use crate::detection::{Missing, ParcelNeeds};
use crate::domain::{Event, EventTime, Kind, Outcome, Relation, Span, Text};
use crate::limits::{LEGS_HELD_MAX, PARCEL_ROUTES_MAX, PLACES_MAX, STEPS_MAX};
use crate::observe::{Told, Traces};
use crate::saved;
use names::{NOBODY, Name, Names};
use outside::{Outside, Outsides};
use relation::Orgs;
use serde::{Deserialize, Serialize};
use spot::{CLOCK_HOURS, FADES, Spot};
use std::collections::{HashMap, VecDeque};
use table::{Parcel, Table};
use transit::{Leg, Transits, Verdict};
use walk::Walks;

/// A parcel is remembered for so long after it was first seen.
const REMEMBERED: Span = Span::days(14);
/// A parcel that is known for so long has come to rest, unless it was scanned lately.
const ON_THE_WAY: Span = Span::days(3);
/// A label that has not become goods by then never will.
const LABEL_EXPIRES: Span = Span::days(7);
/// What cannot be waits so long to be told.
const HELD: Span = Span::HOUR;
/// After so long half of what is known of legs is forgotten.
const LEGS_HALVE: Span = Span::days(14);

/// Steps that are done to a label and not to goods.
const LABEL_STEPS: [&str; 4] = ["commissioning", "encoding", "announced", "pre_advice"];
/// Steps that end a parcel's way.
const LAST_STEPS: [&str; 2] = ["delivering", "delivered"];
/// The step that turns a parcel back.
const RETURN_STEP: &str = "returning";
/// What an impossible leg's reason is called where it is shared by all at its place.
const SHARED: &str = "shared";
/// The same, where a clock that is wrong by whole hours explains it.
const CLOCK: &str = "clock";
/// The role that carries.
const CARRIER_ROLE: &str = "carrier";

/// What was forgotten for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParcelsEvicted {
    /// Parcels.
    pub parcels: u64,
    /// Accesses out of relation.
    pub accesses: u64,
    /// Names that parcels could not refer to.
    pub names: u64,
}

/// A leg that cannot be, until it is told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Held {
    leg: Leg,
    carrier: Name,
}

/// Receives events: those that waited, with what they had lacked, and those that are derived.
pub type ParcelSink<'s> = &'s mut dyn FnMut(&Event<'_>, Missing);

/// What is known of parcels.
#[derive(Serialize, Deserialize)]
pub struct Parcels {
    wants_transit: bool,
    wants_diversion: bool,
    wants_label: bool,
    wants_induction: bool,
    wants_lifecycle: bool,
    table: Table,
    /// Number of the oldest parcel that may still be on its way.
    resting_from: u64,
    /// Number of the oldest parcel whose label may still become goods.
    labels_from: u64,
    /// Sellers, organisations, actors and roles.
    names: Names,
    routes: Names,
    carriers: Names,
    places: Names,
    steps: Names,
    orgs: Orgs,
    outsides: Outsides,
    walks: Walks,
    transits: Transits,
    #[serde(serialize_with = "saved::map")]
    at_place: HashMap<Name, Spot, ahash::RandomState>,
    #[serde(serialize_with = "saved::map")]
    with_carrier: HashMap<Name, Spot, ahash::RandomState>,
    held: VecDeque<Held>,
    /// The last pane began in this quarter of a day.
    quarter: i64,
    /// And in this hour.
    hour: i64,
}

impl Parcels {
    /// Nothing known yet.
    pub fn new(needs: &ParcelNeeds, bounds: ParcelBounds) -> Parcels {
        let mut transits = Transits::default();
        transits.obey(bounds.legs);
        Parcels {
            wants_transit: needs.wants(Kind::Transit),
            wants_diversion: needs.wants(Kind::Diversion),
            wants_label: needs.wants(Kind::Label),
            wants_induction: needs.wants(Kind::Induction),
            wants_lifecycle: needs.wants(Kind::Lifecycle),
            table: Table::new(bounds.parcels, bounds.strangers),
            resting_from: 0,
            labels_from: 0,
            names: Names::new(bounds.names),
            routes: Names::new(PARCEL_ROUTES_MAX),
            carriers: Names::new(PLACES_MAX),
            places: Names::new(PLACES_MAX),
            // The last number is for all further steps.
            steps: Names::new(STEPS_MAX - 2),
            orgs: Orgs::default(),
            outsides: Outsides::new(bounds.accesses),
            walks: Walks::default(),
            transits,
            at_place: HashMap::default(),
            with_carrier: HashMap::default(),
            held: VecDeque::new(),
            quarter: i64::MIN,
            hour: i64::MIN,
        }
    }

    /// From now on no more is remembered than this.
    pub fn obey(&mut self, bounds: ParcelBounds) {
        self.table.obey(bounds.parcels, bounds.strangers);
        self.outsides.obey(bounds.accesses);
        self.names.obey(bounds.names);
        self.transits.obey(bounds.legs);
    }

    /// Takes the traces of the pane that ends at `now`, of all partitions.
    pub fn step(&mut self, now: EventTime, parts: &[&Traces], sink: ParcelSink<'_>) {
        for (traces, trace) in Traces::in_order(parts) {
            self.take(traces.read(&trace), trace.shipment, sink);
        }
        if self.wants_lifecycle {
            for shipment in parts.iter().flat_map(|part| part.lookups()) {
                if let Some(parcel) = self.table.get_mut(*shipment) {
                    parcel.is_looked_up = true;
                }
            }
        }
        self.release(now, sink);
        self.settle(now);
        self.expire_labels(now, sink);
        while self
            .table
            .oldest()
            .is_some_and(|parcel| parcel.first + REMEMBERED < now)
        {
            self.table.pop();
        }
        self.outsides.forget(now);
        self.walks.forget(now);
        self.pass(now);
    }

    fn take(&mut self, told: Told<'_>, shipment: u64, sink: ParcelSink<'_>) {
        let Told {
            event,
            missing,
            is_diverting,
        } = &told;
        let missing = *missing;
        let known = self.table.get(shipment).copied();
        let known = known.unwrap_or_else(|| Parcel::new(shipment, event.time));
        let is_access = event.kind == Kind::Access;
        let relation = if is_access {
            self.relation(event, &known)
        } else {
            Relation::Unknown
        };
        if missing != Missing::NOTHING {
            let mut whole = event.clone();
            self.complete(&mut whole, &known);
            if is_access {
                whole.relation = Some(relation);
            }
            sink(&whole, missing);
        }
        if is_access {
            self.access(event, relation, &known, sink);
            if self.wants_diversion && *is_diverting && relation != Relation::Own {
                let changer = self.names.known(event.actor.as_deref());
                self.changed(event.time, &known, changer, sink);
            }
        } else {
            self.scan(event, shipment, sink);
        }
    }

    /// What the event says, or else what is known.
    fn relation(&self, event: &Event<'_>, known: &Parcel) -> Relation {
        let told = event.relation.unwrap_or_default();
        if told != Relation::Unknown {
            return told;
        }
        let org = self.names.known(event.org.as_deref());
        let seller = self.names.known(event.seller.as_deref());
        self.orgs.relation(
            org.unwrap_or(NOBODY),
            seller.unwrap_or(known.seller),
            known.carrier,
        )
    }

    /// Fills in what the event lacks.
    fn complete<'a>(&'a self, event: &mut Event<'a>, known: &Parcel) {
        for (member, name) in [
            (&mut event.seller, self.names.name(known.seller)),
            (&mut event.route, self.routes.name(known.route)),
            (&mut event.carrier, self.carriers.name(known.carrier)),
        ] {
            if member.is_none() {
                *member = name.map(Text::from);
            }
        }
    }

    fn access(
        &mut self,
        event: &Event<'_>,
        relation: Relation,
        known: &Parcel,
        sink: ParcelSink<'_>,
    ) {
        match event.relation.unwrap_or_default() {
            Relation::Own => {
                let seller = self.names.number(event.seller.as_deref());
                let seller = if seller == NOBODY {
                    known.seller
                } else {
                    seller
                };
                let org = self.names.number(event.org.as_deref());
                self.orgs.is_seller(seller, org);
            }
            Relation::Party if event.role.as_deref() == Some(CARRIER_ROLE) => {
                let org = self.names.number(event.org.as_deref());
                self.orgs.is_carrier(known.carrier, org);
            }
            _ => {}
        }
        if !self.wants_diversion || event.outcome.unwrap_or_default() != Outcome::Ok {
            return;
        }
        if relation == Relation::None && event.actor.is_some() {
            let who = [&event.actor, &event.role, &event.org];
            let who = who.map(|name| self.names.number(name.as_deref()));
            if self
                .outsides
                .push(Outside::new(event.time, known.shipment, who))
            {
                self.walks.touched(who[0], event.time);
                let mut touch = Event {
                    time: event.time,
                    kind: Kind::Diversion,
                    outcome: Some(Outcome::Ok),
                    records: Some(0),
                    pieces: Some(0),
                    actor: event.actor.clone(),
                    role: event.role.clone(),
                    org: event.org.clone(),
                    seller: event.seller.clone(),
                    route: event.route.clone(),
                    ..Event::default()
                };
                self.complete(&mut touch, known);
                sink(&touch, Missing::NOTHING);
            }
        }
    }

    /// A shipment was changed by this one: tells of everybody else who had touched it.
    fn changed(
        &mut self,
        time: EventTime,
        known: &Parcel,
        changer: Option<Name>,
        sink: ParcelSink<'_>,
    ) {
        let (names, routes, carriers) = (&self.names, &self.routes, &self.carriers);
        let walks = &mut self.walks;
        self.outsides
            .changed(known.shipment, time, changer, |access| {
                let mut event = Event {
                    time,
                    kind: Kind::Diversion,
                    outcome: Some(Outcome::Error),
                    records: Some(1),
                    pieces: Some(0),
                    actor: names.name(access.actor).map(Text::from),
                    role: names.name(access.role).map(Text::from),
                    org: names.name(access.org).map(Text::from),
                    seller: names.name(known.seller).map(Text::from),
                    route: routes.name(known.route).map(Text::from),
                    carrier: carriers.name(known.carrier).map(Text::from),
                    ..Event::default()
                };
                sink(&event, Missing::NOTHING);
                if let Some(changes) = walks.changed(access.actor, time) {
                    event.outcome = Some(Outcome::Limited);
                    event.records = Some(changes);
                    sink(&event, Missing::NOTHING);
                }
            });
    }

    fn scan(&mut self, event: &Event<'_>, shipment: u64, sink: ParcelSink<'_>) {
        let step_name = event.step.as_deref().unwrap_or("");
        let step = match self.steps.number(event.step.as_deref()) {
            NOBODY => STEPS_MAX as u8 - 1,
            number => number as u8,
        };
        let before = self.table.get(shipment).copied();
        let is_stranger = before.is_none() && self.names.known(event.seller.as_deref()).is_none();
        if is_stranger && !self.table.takes_strangers() {
            return;
        }
        let place = self.places.number(event.location.as_deref()) as u16;
        let seller = self.names.number(event.seller.as_deref());
        let route = self.routes.number(event.route.as_deref());
        let carrier = self.carriers.number(event.carrier.as_deref());
        let mut parcel = before.unwrap_or_else(|| Parcel::new(shipment, event.time));
        parcel.is_stranger |= is_stranger;
        let is_rerouted = parcel.route != NOBODY && route != NOBODY && parcel.route != route;
        for (ours, told) in [
            (&mut parcel.seller, seller),
            (&mut parcel.route, route),
            (&mut parcel.carrier, carrier),
        ] {
            if told != NOBODY {
                *ours = told;
            }
        }
        let leg = Leg {
            from: parcel.step,
            to: step,
            from_place: parcel.place,
            to_place: place,
            route: parcel.route,
            seller: parcel.seller,
            ended: event.time,
            took: event.time - parcel.last,
        };
        if before.is_some() && leg.is_repeat() {
            return;
        }
        (parcel.step, parcel.place, parcel.last) = (step, place, event.time);
        let is_label = LABEL_STEPS.contains(&step_name);
        parcel.is_label |= is_label && before.is_none();
        parcel.is_inducted |= !is_label;
        let is_last = LAST_STEPS.contains(&step_name);
        let is_first = !is_label && !is_last && !before.is_some_and(|known| known.is_inducted);
        let is_told = parcel.is_told;
        parcel.is_told |= is_last;
        match self.table.get_mut(shipment) {
            Some(known) => *known = parcel,
            None => self.table.push(parcel),
        }
        if before.is_some() && self.wants_transit {
            self.leg(leg, &parcel, sink);
        }
        if self.wants_diversion && (is_rerouted || step_name == RETURN_STEP) {
            self.changed(event.time, &parcel, None, sink);
        }
        if is_first && self.wants_induction {
            self.tell_parcel(event.time, Kind::Induction, Outcome::Ok, &parcel, sink);
        }
        if is_last && !is_told && self.wants_lifecycle {
            let outcome = if parcel.is_looked_up {
                Outcome::Ok
            } else {
                Outcome::Error
            };
            self.tell_parcel(event.time, Kind::Lifecycle, outcome, &parcel, sink);
        }
    }

    fn leg(&mut self, leg: Leg, parcel: &Parcel, sink: ParcelSink<'_>) {
        let spots = [
            self.at_place.entry(Name::from(leg.to_place)).or_default(),
            self.with_carrier.entry(parcel.carrier).or_default(),
        ];
        let verdict = self.transits.judge(&leg, spots[0].shift());
        let clock = CLOCK_HOURS.map(|hours| {
            verdict == Verdict::Impossible && self.transits.fits_clock(&leg, Span::hours(hours))
        });
        let deviation = self.transits.deviation(&leg);
        for spot in spots {
            spot.count();
            deviation.into_iter().for_each(|buckets| spot.add(buckets));
            if verdict == Verdict::Impossible {
                spot.add_impossible(parcel.seller, &clock);
            }
        }
        let is_shared = [
            &self.at_place[&Name::from(leg.to_place)],
            &self.with_carrier[&parcel.carrier],
        ]
        .iter()
        .any(|spot| spot.is_reason());
        self.transits
            .learn(&leg, verdict, parcel.shipment, is_shared);
        let held = Held {
            leg,
            carrier: parcel.carrier,
        };
        match verdict {
            Verdict::Ordinary => self.tell_leg(&held, Outcome::Ok, None, sink),
            Verdict::Missed(..) => self.tell_leg(&held, Outcome::NotFound, None, sink),
            Verdict::Impossible => {
                if self.held.len() >= LEGS_HELD_MAX
                    && let Some(oldest) = self.held.pop_front()
                {
                    self.tell_held(&oldest, sink);
                }
                self.held.push_back(held);
            }
        }
    }

    /// Tells of the legs that have waited long enough.
    fn release(&mut self, now: EventTime, sink: ParcelSink<'_>) {
        while let Some(held) = self.held.front().copied()
            && held.leg.ended + HELD <= now
        {
            self.held.pop_front();
            self.tell_held(&held, sink);
        }
    }

    fn tell_held(&self, held: &Held, sink: ParcelSink<'_>) {
        let place = self.at_place.get(&Name::from(held.leg.to_place));
        let carrier = self.with_carrier.get(&held.carrier);
        let mut reasons = [place, carrier]
            .into_iter()
            .flatten()
            .filter(|spot| spot.is_reason());
        let reason = reasons
            .next()
            .map(|spot| spot.clock_hours().map_or(SHARED, |_| CLOCK));
        let shift = place.map_or(0, Spot::shift);
        let is_impossible = self.transits.judge(&held.leg, shift) == Verdict::Impossible;
        match reason.or((!is_impossible).then_some(SHARED)) {
            Some(reason) => self.tell_leg(held, Outcome::Limited, Some(reason), sink),
            None => self.tell_leg(held, Outcome::Error, None, sink),
        }
    }

    fn tell_leg(
        &self,
        told: &Held,
        outcome: Outcome,
        reason: Option<&'static str>,
        sink: ParcelSink<'_>,
    ) {
        let event = Event {
            time: told.leg.ended,
            kind: Kind::Transit,
            outcome: Some(outcome),
            records: Some(u64::from(outcome == Outcome::Error)),
            pieces: Some(u64::from(outcome == Outcome::NotFound)),
            seller: self.names.name(told.leg.seller).map(Text::from),
            route: self.routes.name(told.leg.route).map(Text::from),
            carrier: self.carriers.name(told.carrier).map(Text::from),
            step: self.steps.name(Name::from(told.leg.to)).map(Text::from),
            location: self
                .places
                .name(Name::from(told.leg.to_place))
                .map(Text::from),
            endpoint: reason.map(Text::from),
            ..Event::default()
        };
        sink(&event, Missing::NOTHING);
    }

    fn tell_parcel(
        &self,
        time: EventTime,
        kind: Kind,
        outcome: Outcome,
        parcel: &Parcel,
        sink: ParcelSink<'_>,
    ) {
        let event = Event {
            time,
            kind,
            outcome: Some(outcome),
            records: Some(u64::from(outcome == Outcome::Error)),
            pieces: Some(u64::from(outcome == Outcome::NotFound)),
            seller: self.names.name(parcel.seller).map(Text::from),
            route: self.routes.name(parcel.route).map(Text::from),
            carrier: self.carriers.name(parcel.carrier).map(Text::from),
            ..Event::default()
        };
        sink(&event, Missing::NOTHING);
    }

    /// Parcels that are known for three days and were not scanned for one have come to rest.
    fn settle(&mut self, now: EventTime) {
        while let Some((number, parcel)) = self.table.from(self.resting_from)
            && parcel.first + ON_THE_WAY < now
        {
            self.resting_from = number + 1;
            if parcel.last + Span::DAY < now {
                self.transits.rest(parcel.step);
            }
        }
    }

    /// Labels that are a week old have become goods by now, or never will.
    fn expire_labels(&mut self, now: EventTime, sink: ParcelSink<'_>) {
        while let Some((number, parcel)) = self.table.from(self.labels_from)
            && parcel.first + LABEL_EXPIRES < now
        {
            self.labels_from = number + 1;
            let parcel = *parcel;
            if parcel.is_label && self.wants_label {
                let outcome = if parcel.is_inducted {
                    Outcome::Ok
                } else {
                    Outcome::NotFound
                };
                self.tell_parcel(now, Kind::Label, outcome, &parcel, sink);
            }
        }
    }

    /// What happens now and then.
    fn pass(&mut self, now: EventTime) {
        let hour = now.index(Span::HOUR);
        if hour != self.hour {
            self.transits.look_again();
            self.hour = hour;
        }
        let quarter = now.index(FADES);
        if self.quarter == i64::MIN {
            self.quarter = quarter;
        }
        // Four fadings leave nothing to speak of.
        for _ in self.quarter.max(quarter - 4)..quarter {
            self.transits.fade();
            self.at_place.values_mut().for_each(Spot::fade);
            self.with_carrier.values_mut().for_each(Spot::fade);
        }
        let per_halving = LEGS_HALVE.0 / FADES.0;
        if quarter.div_euclid(per_halving) != self.quarter.div_euclid(per_halving) {
            self.transits.halve();
        }
        if quarter != self.quarter && self.names.is_crowded() {
            self.make_room();
        }
        self.quarter = quarter;
    }

    /// Forgets names that nothing refers to any more.
    fn make_room(&mut self) {
        let mut marks = vec![false; self.names.len() + 1];
        let in_parcels = self.table.iter_mut().map(|parcel| parcel.seller);
        let in_accesses = self
            .outsides
            .iter_mut()
            .flat_map(|access| [access.actor, access.role, access.org]);
        let in_legs = self.held.iter().map(|held| held.leg.seller);
        for name in in_parcels
            .chain(in_accesses)
            .chain(in_legs)
            .chain(self.orgs.names())
            .chain(self.walks.names())
        {
            marks[name as usize] = true;
        }
        let moved_to = self.names.keep(&marks);
        let rename = |name: &mut Name| *name = moved_to[*name as usize];
        self.table
            .iter_mut()
            .for_each(|parcel| rename(&mut parcel.seller));
        for access in self.outsides.iter_mut() {
            rename(&mut access.actor);
            rename(&mut access.role);
            rename(&mut access.org);
        }
        for held in &mut self.held {
            rename(&mut held.leg.seller);
        }
        self.orgs.rename(&moved_to);
        self.walks.rename(&moved_to);
    }

    /// Parcels remembered.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no parcel is remembered.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// What was forgotten for want of room.
    pub fn evicted(&self) -> ParcelsEvicted {
        let names = [&self.names, &self.routes, &self.carriers, &self.places];
        ParcelsEvicted {
            parcels: self.table.evicted(),
            accesses: self.outsides.evicted(),
            names: names.map(Names::overflow).iter().sum(),
        }
    }

    /// Bytes of all of it.
    pub fn bytes(&self) -> usize {
        let names = [
            &self.names,
            &self.routes,
            &self.carriers,
            &self.places,
            &self.steps,
        ];
        let spots = self.at_place.len() + self.with_carrier.len();
        self.table.bytes()
            + self.outsides.bytes()
            + self.transits.bytes()
            + self.orgs.bytes()
            + self.walks.bytes()
            + names.map(Names::bytes).iter().sum::<usize>()
            + spots * size_of::<Spot>()
            + self.held.capacity() * size_of::<Held>()
    }
}

#[cfg(test)]
mod tests;
