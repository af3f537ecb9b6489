//! Writing out: a draft becomes an event with names in place of indices.
//!
//! Details that nothing else depends on (gates, bytes, pages) are a function of the event's
//! identifier.

use super::draft::{Draft, Step, Subject, What};
use super::geography::HUB;
use super::population::{Actor, Population};
use super::random::{mix, unit};
use super::serial::reference;
use super::stock::Parcel;
use crate::domain::{Action, Event, Kind, Outcome, Relation, Text};

const GATES: [&str; 6] = [
    "BELGG/gate-1",
    "BELGG/gate-2",
    "BELGG/gate-3",
    "BELGG/gate-4",
    "BELGG/gate-5",
    "BELGG/gate-6",
];

fn owned(text: &str) -> Option<Text<'static>> {
    Some(Text::from(text.to_owned()))
}

fn hexadecimal(bits: u64) -> Text<'static> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (0..16).rev().map(|place| {
        let digit = (bits >> (4 * place)) & 15;
        char::from(DIGITS[digit as usize])
    });
    Text::from(digits.collect::<String>())
}

/// The event that `draft` stands for.
pub(super) fn event(draft: &Draft, population: &Population) -> Event<'static> {
    let mut event = Event {
        id: Some(hexadecimal(draft.id)),
        time: draft.time,
        ..Event::default()
    };
    let dice = mix(draft.id);
    match draft.what {
        What::Scan { parcel, step } => scan(&mut event, &parcel, step, dice, population),
        What::Touch {
            actor,
            action,
            subject,
            records,
            outcome,
            relation,
        } => {
            let actor = &population.actors[actor as usize];
            write_actor(&mut event, actor, population);
            event.action = Some(action);
            event.outcome = Some(outcome);
            event.relation = Some(relation);
            write_subject(&mut event, subject, actor, action, dice, population);
            write_answer(&mut event, actor, records, dice);
        }
        What::Share { edge, records } => {
            let edge = &population.edges[edge as usize];
            let actor = &population.actors[edge.actor as usize];
            write_actor(&mut event, actor, population);
            event.action = Some(edge.action);
            event.endpoint = Some(Text::from(endpoint(edge.action)));
            event.outcome = Some(Outcome::Ok);
            event.relation = Some(Relation::Granted);
            event.recipient = owned(&edge.recipient);
            event.recipient_country = Some(Text::from(edge.recipient_country));
            write_answer(&mut event, actor, records, dice);
        }
    }
    event
}

fn write_parcel(event: &mut Event<'static>, parcel: &Parcel, population: &Population) {
    let route = &population.routes[parcel.route as usize];
    event.shipment = Some(Text::from(reference(parcel.serial, false)));
    event.seller = owned(&population.sellers[parcel.seller as usize].name);
    event.origin = owned(&route.origin);
    event.destination = owned(&route.destination);
    event.route = owned(&route.name);
}

fn scan(
    event: &mut Event<'static>,
    parcel: &Parcel,
    step: Step,
    dice: u64,
    population: &Population,
) {
    event.kind = Kind::Movement;
    write_parcel(event, parcel, population);
    event.step = Some(Text::from(step.name()));
    event.location = match step {
        Step::Arriving | Step::Delivering => event.destination.clone(),
        Step::Holding => Some(Text::from(HUB)),
        _ => Some(Text::from(GATES[(dice % GATES.len() as u64) as usize])),
    };
    event.carrier = owned(&population.carriers[parcel.carrier as usize]);
    event.consignee = Some(hexadecimal(mix(parcel.serial)));
    event.commodity = Some(Text::from(parcel.commodity));
    event.pieces = Some(1);
    event.weight_grams = Some(f64::from(parcel.weight_grams));
    event.value_eur = Some(f64::from(parcel.value_cents) / 100.0);
}

fn write_actor(event: &mut Event<'static>, actor: &Actor, population: &Population) {
    event.kind = Kind::Access;
    event.actor = owned(&actor.name);
    event.org = owned(&population.orgs[actor.org as usize]);
    event.role = Some(Text::from(actor.role.profile().name));
    event.client = owned(&actor.client);
    event.network = owned(&actor.network);
    event.country = Some(Text::from(actor.country));
}

fn endpoint(action: Action) -> &'static str {
    match action {
        Action::List => "/v1/shipments",
        Action::Search => "/v1/search",
        Action::Export => "/v1/exports",
        Action::Share => "/v1/shares",
        Action::Subscribe => "/v1/subscriptions",
        _ => "/v1/shipments/{shipment}",
    }
}

fn write_subject(
    event: &mut Event<'static>,
    subject: Subject,
    actor: &Actor,
    action: Action,
    dice: u64,
    population: &Population,
) {
    event.endpoint = Some(Text::from(endpoint(action)));
    match subject {
        Subject::Parcel(parcel) => write_parcel(event, &parcel, population),
        Subject::Reference { serial, mistyped } => {
            event.shipment = Some(Text::from(reference(serial, mistyped)));
        }
        Subject::Many => {
            if actor.role == super::role::Role::Seller {
                event.seller = owned(&population.sellers[actor.principal as usize].name);
            }
            if action == Action::List {
                // Most look at the first page only.
                event.page = Some((1.0 / (1.0 - 0.9 * unit(dice))) as u64 - 1);
            }
        }
    }
}

fn write_answer(event: &mut Event<'static>, actor: &Actor, records: u32, dice: u64) {
    let record_bytes = 500 + dice % 700;
    event.records = Some(u64::from(records));
    event.bytes = Some(180 + u64::from(records) * record_bytes);
    if records > 0 {
        let fields = actor.role.profile().fields;
        event.fields = fields.iter().map(|&field| Text::from(field)).collect();
    }
}
