//! Parcels whose way is known, and what is told of them.

use super::*;
use crate::detection::{Condition, Group, Requirement};
use crate::domain::{Action, Member};
use crate::measure::{Function, Quantity, ValueHasher};
use crate::observe::Share;
use std::collections::BTreeMap;

const START: EventTime = EventTime(1_767_571_200_000);
const PANE: Span = Span::MINUTE;

fn needs() -> ParcelNeeds {
    let groups = Kind::DERIVED.map(|kind| Group {
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
    });
    ParcelNeeds::new(&groups)
}

/// A number from 0 to 1 that depends on the two and on nothing else.
fn unit(one: u64, other: u64) -> f64 {
    let hash = ValueHasher::new((one, other)).hash("");
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

fn hours(hours: f64) -> Span {
    Span((hours * Span::HOUR.0 as f64) as i64)
}

fn text(value: &str) -> Option<Text<'static>> {
    Some(Text::from(value.to_owned()))
}

fn scan(time: EventTime, parcel: u64, step: &str, location: &str) -> Event<'static> {
    Event {
        time,
        kind: Kind::Movement,
        shipment: text(&format!("parcel-{parcel}")),
        seller: text(&format!("seller-{}", parcel % 20)),
        route: text(&format!("CNHGH>{}", destination(parcel))),
        carrier: text("carrier-1"),
        step: text(step),
        location: text(location),
        ..Event::default()
    }
}

fn destination(parcel: u64) -> &'static str {
    ["DEFRA", "FRCDG", "ESMAD"][(parcel % 3) as usize]
}

fn gate(parcel: u64) -> &'static str {
    ["gate-1", "gate-2"][(parcel / 3 % 2) as usize]
}

/// The way of a parcel whose legs take so many times as long as usual.
fn journey(accepted: EventTime, parcel: u64, slower: f64) -> [Event<'static>; 4] {
    let to = destination(parcel);
    let between =
        |n: u64, low: f64, high: f64| hours(slower * (low + (high - low) * unit(parcel, n)));
    let departed = accepted + between(1, 0.5, 6.0);
    let arrived = departed + between(2, 2.0, 10.0);
    let delivered = arrived + between(3, 3.0, 14.0);
    [
        scan(accepted, parcel, "accepting", gate(parcel)),
        scan(departed, parcel, "departing", gate(parcel)),
        scan(arrived, parcel, "arriving", to),
        scan(delivered, parcel, "delivering", to),
    ]
}

/// Parcels number `from` to `to`, one every two minutes since `since`.
fn traffic(since: EventTime, parcels: std::ops::Range<u64>) -> Vec<Event<'static>> {
    let begin = parcels.start;
    parcels
        .flat_map(|parcel| {
            let accepted = since + Span::minutes(2 * (parcel - begin) as i64);
            journey(accepted, parcel, 1.0)
        })
        .collect()
}

/// What was told: when, of what kind, how it ended, and of whom.
type Told = (EventTime, Kind, Outcome, String);

fn told_of(event: &Event<'_>) -> Told {
    let who = event.actor.as_ref().or(event.seller.as_ref());
    let who = who.map_or(String::new(), |who| who.to_string());
    (
        event.time,
        event.kind,
        event.outcome.unwrap_or_default(),
        who,
    )
}

/// Everything that is told of these events, dealt out to so many partitions.
fn tell(parcels: &mut Parcels, events: &[Event<'_>], partitions: usize) -> Vec<Told> {
    let needs = needs();
    let hasher = ValueHasher::new((1, 2));
    let mut panes: BTreeMap<i64, Vec<Traces>> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        let parts = panes
            .entry(event.time.index(PANE))
            .or_insert_with(|| (0..partitions).map(|_| Traces::default()).collect());
        parts[number % partitions].note(
            &needs,
            event,
            Missing::NOTHING,
            (false, Share::ALL),
            &hasher,
        );
    }
    let mut told = Vec::new();
    for (pane, parts) in panes {
        let parts: Vec<&Traces> = parts.iter().collect();
        let end = EventTime((pane + 1) * PANE.0);
        parcels.step(end, &parts, &mut |event, _| told.push(told_of(event)));
    }
    told
}

fn new() -> Parcels {
    Parcels::new(&needs(), ParcelBounds::LARGEST)
}

/// How many legs since then ended so.
fn legs(told: &[Told], since: EventTime, outcome: Outcome) -> usize {
    told.iter()
        .filter(|(time, kind, end, _)| *kind == Kind::Transit && *time >= since && *end == outcome)
        .count()
}

const LEARNT: Span = Span::days(4);

/// Four days of ordinary traffic, and five more in which something happens.
fn with(special: Vec<Event<'static>>) -> (EventTime, Vec<Told>) {
    let mut events = traffic(START, 0..6_500);
    events.extend(special);
    let told = tell(&mut new(), &events, 1);
    (START + LEARNT, told)
}

#[test]
fn ordinary_parcels_are_ordinary() {
    let (_, told) = with(Vec::new());
    assert!(legs(&told, START, Outcome::Ok) > 19_000);
    assert_eq!(legs(&told, START, Outcome::Error), 0);
    assert_eq!(legs(&told, START, Outcome::NotFound), 0);
}

/// A parcel that nobody else has, accepted when enough is known.
const SPECIAL: u64 = 100_002;

/// Hours since the scan before, the step, and where.
type LegMade = (f64, &'static str, &'static str);

fn special(legs: &[LegMade]) -> Vec<Event<'static>> {
    let mut time = START + LEARNT;
    legs.iter()
        .map(|(after, step, location)| {
            time = time + hours(*after);
            scan(time, SPECIAL, step, location)
        })
        .collect()
}

#[test]
fn each_kind_of_impossible_leg_is_told_of() {
    let accepted = (0.0, "accepting", "gate-1");
    let departed = (2.0, "departing", "gate-1");
    let arrived = (5.0, "arriving", "DEFRA");
    let cases: [(&str, Vec<LegMade>); 6] = [
        (
            "faster than physics",
            vec![accepted, departed, (0.05, "arriving", "DEFRA")],
        ),
        (
            "slower than anything",
            vec![accepted, departed, (90.0, "arriving", "DEFRA")],
        ),
        (
            "in two places at once",
            vec![accepted, departed, arrived, (0.1, "arriving", "FRCDG")],
        ),
        (
            "in a place that never follows",
            vec![accepted, departed, arrived, (6.0, "delivering", "FRCDG")],
        ),
        (
            "back from delivery",
            vec![
                accepted,
                departed,
                arrived,
                (6.0, "delivering", "DEFRA"),
                (9.0, "accepting", "gate-1"),
            ],
        ),
        (
            "two reads missing, in no time",
            vec![accepted, (0.2, "delivering", "DEFRA")],
        ),
    ];
    for (case, legs_made) in cases {
        let (since, told) = with(special(&legs_made));
        assert_eq!(legs(&told, since, Outcome::Error), 1, "{case}");
    }
}

#[test]
fn a_missing_read_is_no_impossible_leg() {
    let (since, told) = with(special(&[
        (0.0, "accepting", "gate-1"),
        (8.0, "arriving", "DEFRA"),
        (9.0, "delivering", "DEFRA"),
    ]));
    assert_eq!(legs(&told, since, Outcome::NotFound), 1);
    assert_eq!(legs(&told, since, Outcome::Error), 0);
}

#[test]
fn a_repeated_read_is_no_leg() {
    let (since, plain) = with(special(&[
        (0.0, "accepting", "gate-1"),
        (2.0, "departing", "gate-1"),
    ]));
    let (_, repeated) = with(special(&[
        (0.0, "accepting", "gate-1"),
        (2.0, "departing", "gate-1"),
        (0.05, "departing", "gate-1"),
    ]));
    let count = |told: &[Told]| legs(told, since, Outcome::Ok) + legs(told, since, Outcome::Error);
    assert_eq!(count(&plain), count(&repeated));
}

#[test]
fn a_clock_that_is_wrong_is_not_held_against_sellers() {
    let wrong = START + LEARNT;
    let mut events = traffic(START, 0..6_500);
    for event in &mut events {
        let at_gate = event.location.as_deref() == Some("gate-1");
        if at_gate && event.time >= wrong && event.step.as_deref() == Some("departing") {
            event.time = event.time + Span::hours(8);
        }
    }
    let told = tell(&mut new(), &events, 1);
    let (errors, limited) = (
        legs(&told, wrong, Outcome::Error),
        legs(&told, wrong, Outcome::Limited),
    );
    assert!(limited > 500, "{limited} of the place, {errors} of sellers");
    assert!(
        errors * 20 < limited,
        "{limited} of the place, {errors} of sellers"
    );
    // While it lasts, its name is known.
    let mut parcels = new();
    events.retain(|event| event.time < wrong + Span::days(1));
    tell(&mut parcels, &events, 1);
    let gate = parcels.places.known(Some("gate-1")).unwrap();
    assert_eq!(parcels.at_place[&gate].clock_hours(), Some(8));
}

#[test]
fn a_strike_that_slows_everybody_is_not_held_against_sellers() {
    let mut events = traffic(START, 0..3_000);
    let strike = START + LEARNT;
    for parcel in 3_000..6_000 {
        let accepted = START + Span::minutes(2 * parcel as i64);
        events.extend(journey(accepted, parcel, 12.0));
    }
    let told = tell(&mut new(), &events, 1);
    let errors = legs(&told, strike, Outcome::Error);
    assert!(errors <= 90, "{errors} of 9,000 legs");
}

fn access(time: EventTime, parcel: u64, actor: &str, relation: Option<Relation>) -> Event<'static> {
    Event {
        time,
        kind: Kind::Access,
        shipment: text(&format!("parcel-{parcel}")),
        actor: text(actor),
        org: text(&format!("org-of-{actor}")),
        role: text("support"),
        action: Some(Action::Read),
        relation,
        ..Event::default()
    }
}

fn diversions(told: &[Told]) -> Vec<(Outcome, &str)> {
    told.iter()
        .filter(|(_, kind, ..)| *kind == Kind::Diversion)
        .map(|(_, _, outcome, who)| (*outcome, who.as_str()))
        .collect()
}

#[test]
fn a_change_tells_of_who_had_touched_the_parcel_out_of_relation() {
    let at = |hour: i64| START + Span::hours(hour);
    let change = Event {
        action: Some(Action::Update),
        ..access(at(30), 1, "forwarder", Some(Relation::Party))
    };
    let events = [
        scan(at(0), 1, "accepting", "gate-1"),
        access(at(1), 1, "insider", Some(Relation::None)),
        access(at(2), 1, "insider", Some(Relation::None)),
        access(at(3), 1, "buyer", Some(Relation::Own)),
        access(at(4), 1, "broker", None),
        access(at(5), 2, "insider", Some(Relation::None)),
        change.clone(),
        Event {
            time: at(31),
            ..change
        },
    ];
    let told = tell(&mut new(), &events, 1);
    // Whose relation is not known is not counted as one who has none.
    assert_eq!(
        diversions(&told),
        [
            (Outcome::Ok, "insider"),
            (Outcome::Ok, "insider"),
            (Outcome::Error, "insider"),
        ]
    );
}

#[test]
fn sent_another_way_or_back_is_a_change_and_ones_own_change_is_none() {
    let at = |hour: i64| START + Span::hours(hour);
    let ways: [(Event<'static>, usize); 4] = [
        (scan(at(9), 1, "departing", "gate-1"), 0),
        (scan(at(9), 1, "returning", "gate-1"), 1),
        (
            Event {
                route: text("CNHGH>PLWAW"),
                ..scan(at(9), 1, "departing", "gate-1")
            },
            1,
        ),
        (
            Event {
                action: Some(Action::Update),
                ..access(at(9), 1, "merchant", Some(Relation::Own))
            },
            0,
        ),
    ];
    for (event, expected) in ways {
        let events = [
            scan(at(0), 1, "accepting", "gate-1"),
            access(at(1), 1, "insider", Some(Relation::None)),
            event,
        ];
        let told = tell(&mut new(), &events, 1);
        let found = diversions(&told);
        let found = found
            .iter()
            .filter(|(outcome, _)| *outcome == Outcome::Error);
        assert_eq!(found.count(), expected, "{:?}", events[2]);
    }
}

#[test]
fn a_label_becomes_goods_once_and_somebody_waits_for_them_or_not() {
    let at = |hour: i64| START + Span::hours(hour);
    let mut events = Vec::new();
    for parcel in 0..3 {
        events.push(scan(at(0), parcel, "commissioning", "office"));
    }
    for parcel in 0..2 {
        events.push(scan(at(20), parcel, "accepting", "gate-1"));
        events.push(scan(at(40), parcel, "delivering", "DEFRA"));
    }
    events.push(Event {
        role: text("buyer"),
        ..access(at(25), 0, "buyer", Some(Relation::Own))
    });
    events.push(access(at(25), 1, "customs", Some(Relation::Granted)));
    events.push(scan(at(24 * 8), 9, "accepting", "gate-1"));
    // Whose end is all that is seen of it did not enter here.
    events.push(scan(at(24 * 8), 10, "delivering", "DEFRA"));
    let told = tell(&mut new(), &events, 1);
    let of = |kind: Kind| -> BTreeMap<&str, Outcome> {
        told.iter()
            .filter(|(_, told, ..)| *told == kind)
            .map(|(_, _, outcome, who)| (who.as_str(), *outcome))
            .collect()
    };
    let ends = [
        ("seller-0", Outcome::Ok),
        ("seller-1", Outcome::Error),
        ("seller-10", Outcome::Error),
    ];
    assert_eq!(of(Kind::Lifecycle), BTreeMap::from(ends));
    let inductions: Vec<(EventTime, &str)> = told
        .iter()
        .filter(|(_, kind, ..)| *kind == Kind::Induction)
        .map(|(time, _, _, who)| (*time, who.as_str()))
        .collect();
    let inducted = [
        (at(20), "seller-0"),
        (at(20), "seller-1"),
        (at(24 * 8), "seller-9"),
    ];
    assert_eq!(inductions, inducted);
    let labels = [
        ("seller-0", Outcome::Ok),
        ("seller-1", Outcome::Ok),
        ("seller-2", Outcome::NotFound),
    ];
    assert_eq!(of(Kind::Label), BTreeMap::from(labels));
}

#[test]
fn neither_order_nor_partitions_change_what_is_told() {
    let mut events = traffic(START, 0..800);
    for parcel in (0..800).step_by(7) {
        let time = START + Span::minutes(2 * parcel as i64 + 30);
        events.push(access(time, parcel, "insider", Some(Relation::None)));
        events.push(Event {
            action: Some(Action::Update),
            ..access(time, parcel, "desk", Some(Relation::Party))
        });
        events.push(scan(time, parcel, "accepting", "gate-9"));
    }
    let straight = tell(&mut new(), &events, 1);
    // Within a pane every order is as good as another.
    events.sort_by_key(|event| {
        (
            event.time.index(PANE),
            unit(event.time.0 as u64, 5).to_bits(),
        )
    });
    assert_eq!(tell(&mut new(), &events, 1), straight);
    assert_eq!(tell(&mut new(), &events, 3), straight);
    events.reverse();
    assert_eq!(tell(&mut new(), &events, 4), straight);
    assert!(straight.len() > 3_000);
}

#[test]
fn what_is_too_much_is_forgotten_and_counted() {
    let mut parcels = Parcels::new(
        &needs(),
        ParcelBounds {
            parcels: 100,
            ..ParcelBounds::LARGEST
        },
    );
    tell(&mut parcels, &traffic(START, 0..500), 1);
    assert_eq!(parcels.len(), 100);
    assert!(parcels.evicted().parcels >= 400, "{:?}", parcels.evicted());
    let bytes = parcels.bytes();
    tell(&mut parcels, &traffic(START + Span::days(2), 500..5_000), 1);
    assert!(
        parcels.bytes() < bytes + 400_000,
        "legs alone may have grown"
    );
}

#[test]
fn parcels_are_forgotten_after_two_weeks() {
    let mut parcels = new();
    tell(&mut parcels, &traffic(START, 0..100), 1);
    assert!(!parcels.is_empty());
    tell(
        &mut parcels,
        &[scan(START + Span::days(16), 7_000, "accepting", "gate-1")],
        1,
    );
    assert_eq!(parcels.len(), 1);
    assert_eq!(
        parcels.evicted(),
        ParcelsEvicted::default(),
        "their time was over"
    );
}

#[test]
fn names_that_nothing_refers_to_make_room() {
    let mut parcels = new();
    let events: Vec<Event<'_>> = (0..50)
        .map(|n| Event {
            seller: text(&format!("seller-{n}")),
            ..scan(START + Span::days(n), n as u64, "accepting", "gate-1")
        })
        .collect();
    tell(&mut parcels, &events, 1);
    assert_eq!(parcels.names.len(), 50);
    parcels.make_room();
    assert_eq!(parcels.names.len(), parcels.len());
    let last = *parcels.table.iter_mut().last().unwrap();
    assert_eq!(parcels.names.name(last.seller), Some("seller-49"));
}
