//! Writing out: a draft becomes an event with names in place of indices.
//!
//! Details that nothing else depends on (gates, bytes, pages) are a function of the event's
//! identifier.

use super::draft::{Draft, Endpoint, Fields, Step, Subject, Touch, What, Who};
use super::geography::{COMMODITIES, HUB};
use super::population::{Actor, Population};
use super::random::{mix, unit};
use super::role::Role;
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
/// What buyers look their parcels up with.
const BUYER_CLIENTS: [&str; 8] = [
    "track-web/14.2",
    "track-web/14.2",
    "track-web/14.1",
    "app-android/9.8",
    "app-android/9.8",
    "app-android/9.7",
    "app-ios/9.8",
    "app-ios/9.7",
];
const RELATION_SALT: u64 = 0x7265_6c61;
/// Share of accesses that ask for the place of the parcel only.
const TRACKING_ONLY: f64 = 0.15;

fn borrowed(text: &str) -> Option<Text<'_>> {
    Some(Text::from(text))
}

fn hexadecimal<'a>(bits: u64) -> Text<'a> {
    Text::from(hexadecimal_digits(bits))
}

fn hexadecimal_digits(bits: u64) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (0..16).rev().map(|place| {
        let digit = (bits >> (4 * place)) & 15;
        char::from(DIGITS[digit as usize])
    });
    digits.collect()
}

/// The name of whoever waits for the parcel of that serial.
pub(super) fn buyer_name(serial: u64) -> String {
    let mut name = String::from("buyer-");
    name.push_str(&hexadecimal_digits(mix(serial))[4..]);
    name
}

/// The event that `draft` stands for. Where the relation is not known, it is not written.
pub(super) fn event<'p>(
    draft: &Draft,
    population: &'p Population,
    unknown_relation_share: f64,
) -> Event<'p> {
    let mut event = Event {
        id: Some(hexadecimal(draft.id)),
        time: draft.time,
        ..Event::default()
    };
    let dice = mix(draft.id);
    match draft.what {
        What::Scan {
            parcel,
            step,
            ghost,
        } => scan(&mut event, &parcel, step, ghost, dice, population),
        What::Touch(touch) => {
            write_who(&mut event, touch.who, dice, population);
            event.action = Some(touch.action);
            event.outcome = Some(touch.outcome);
            let is_unknown = unit(mix(draft.id ^ RELATION_SALT)) < unknown_relation_share;
            event.relation = Some(if is_unknown {
                Relation::Unknown
            } else {
                touch.relation
            });
            event.endpoint = borrowed(endpoint(&touch, population));
            write_subject(&mut event, &touch, dice, population);
            write_answer(&mut event, touch.records, dice);
            if touch.records > 0 {
                let fields = fields(&touch, dice, population);
                event.fields = fields.names().map(Text::from).collect();
            }
        }
        What::Share { edge, records } => {
            let edge = &population.edges[edge as usize];
            let actor = &population.actors[edge.actor as usize];
            write_actor(&mut event, actor, population);
            event.action = Some(edge.action);
            event.endpoint = borrowed(usual_endpoint(edge.action));
            event.outcome = Some(Outcome::Ok);
            event.relation = Some(Relation::Granted);
            event.recipient = borrowed(&edge.recipient);
            event.recipient_country = borrowed(edge.recipient_country);
            write_answer(&mut event, records, dice);
            if records > 0 {
                let fields = actor.role.profile().fields;
                event.fields = fields.names().map(Text::from).collect();
            }
        }
    }
    event
}

fn write_route<'p>(event: &mut Event<'p>, route: u32, population: &'p Population) {
    let route = &population.routes[route as usize];
    event.origin = borrowed(&route.origin);
    event.destination = borrowed(&route.destination);
    event.route = borrowed(&route.name);
}

fn write_parcel<'p>(event: &mut Event<'p>, parcel: &Parcel, population: &'p Population) {
    event.shipment = Some(Text::from(reference(parcel.serial, false)));
    event.seller = borrowed(&population.sellers[parcel.seller as usize].name);
    write_route(event, parcel.route, population);
    event.commodity = borrowed(COMMODITIES[usize::from(parcel.commodity)]);
}

fn scan<'p>(
    event: &mut Event<'p>,
    parcel: &Parcel,
    step: Step,
    ghost: Option<u32>,
    dice: u64,
    population: &'p Population,
) {
    event.kind = Kind::Movement;
    write_parcel(event, parcel, population);
    event.step = borrowed(step.name());
    let elsewhere = ghost.map(|route| &population.routes[route as usize]);
    event.location = match (elsewhere, step) {
        (Some(route), _) => borrowed(&route.destination),
        (None, Step::Arriving | Step::Delivering) => event.destination.clone(),
        (None, Step::Holding) => borrowed(HUB),
        _ => borrowed(GATES[(dice % GATES.len() as u64) as usize]),
    };
    event.carrier = borrowed(&population.carriers[parcel.carrier as usize]);
    event.consignee = Some(hexadecimal(mix(parcel.serial)));
    event.pieces = Some(1);
    event.weight_grams = Some(f64::from(parcel.weight_grams));
    event.value_eur = Some(f64::from(parcel.value_cents) / 100.0);
}

fn write_who<'p>(event: &mut Event<'p>, who: Who, dice: u64, population: &'p Population) {
    match who {
        Who::Actor(actor) => write_actor(event, &population.actors[actor as usize], population),
        Who::Buyer(serial) => {
            let person = mix(serial);
            event.kind = Kind::Access;
            event.actor = Some(Text::from(buyer_name(serial)));
            event.role = borrowed("buyer");
            event.client = borrowed(BUYER_CLIENTS[(person % BUYER_CLIENTS.len() as u64) as usize]);
            // At home, or on the way.
            let place = mix(person) ^ (dice & 1);
            let homes = population.homes.len().max(1) as u64;
            let home = population.homes.get((mix(place) % homes) as usize);
            event.network = home.and_then(|home| borrowed(home));
        }
    }
}

fn write_actor<'p>(event: &mut Event<'p>, actor: &'p Actor, population: &'p Population) {
    event.kind = Kind::Access;
    event.actor = borrowed(&actor.name);
    if actor.role != Role::Buyer {
        event.org = borrowed(&population.orgs[actor.org as usize]);
    }
    event.role = borrowed(actor.role.profile().name);
    event.client = borrowed(&actor.client);
    event.network = borrowed(&actor.network);
    event.country = borrowed(actor.country);
}

fn usual_endpoint(action: Action) -> &'static str {
    match action {
        Action::List => "/v1/shipments",
        Action::Search => "/v1/search",
        Action::Export => "/v1/exports",
        Action::Share => "/v1/shares",
        Action::Subscribe => "/v1/subscriptions",
        _ => "/v1/shipments/{shipment}",
    }
}

fn endpoint<'p>(touch: &Touch, population: &'p Population) -> &'p str {
    match touch.endpoint {
        Endpoint::Usual => usual_endpoint(touch.action),
        Endpoint::Delivery => "/v1/shipments/{shipment}/delivery",
        Endpoint::Schedules => "/v1/routes/{route}/schedules",
        Endpoint::Capacity => "/v1/routes/{route}/capacity",
        Endpoint::Holds => "/v1/routes/{route}/holds",
        Endpoint::Path(path) => population
            .paths
            .get(path as usize)
            .map_or("/", String::as_str),
    }
}

fn fields(touch: &Touch, dice: u64, population: &Population) -> Fields {
    if touch.fields != Fields::USUAL {
        return touch.fields;
    }
    match touch.who {
        Who::Actor(actor) if unit(mix(dice)) >= TRACKING_ONLY => {
            population.actors[actor as usize].role.profile().fields
        }
        _ => Fields::TRACKING,
    }
}

fn write_subject<'p>(event: &mut Event<'p>, touch: &Touch, dice: u64, population: &'p Population) {
    match touch.subject {
        Subject::Parcel(parcel) => {
            write_parcel(event, &parcel, population);
            if matches!(touch.who, Who::Buyer(_)) {
                let destination = &population.routes[parcel.route as usize].destination;
                event.country = destination.get(..2).and_then(borrowed);
            }
        }
        Subject::Reference { serial, mistyped } => {
            event.shipment = Some(Text::from(reference(serial, mistyped)));
        }
        Subject::Lane(route) => write_route(event, route, population),
        Subject::Many => {
            if let Who::Actor(actor) = touch.who {
                let actor = &population.actors[actor as usize];
                if actor.role == Role::Seller {
                    event.seller = borrowed(&population.sellers[actor.principal as usize].name);
                }
            }
        }
        Subject::Nothing => {}
    }
    if touch.page.is_some() {
        event.page = touch.page.map(u64::from);
    } else if touch.action == Action::List {
        // Most look at the first page only.
        event.page = Some((1.0 / (1.0 - 0.9 * unit(dice))) as u64 - 1);
    }
}

fn write_answer(event: &mut Event<'_>, records: u32, dice: u64) {
    let record_bytes = 500 + dice % 700;
    event.records = Some(u64::from(records));
    event.bytes = Some(180 + u64::from(records) * record_bytes);
}
