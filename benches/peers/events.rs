//! Detectors that look at single accesses: fixed thresholds, walks, beacons, edges.

use super::beacon;
use super::candidates::Candidates;
use super::midas::MidasF;
use super::walk::{CLASSIC, Walk};
use std::collections::{HashMap, HashSet};
use vigie::domain::{Event, EventTime, Kind, Outcome, Span};

const HALF_MINUTE: Span = Span(30_000);
/// Scores of fixed thresholds far below them are not kept.
const WORTH_KEEPING: f64 = 0.2;

/// Fixed thresholds as products ship them: the largest value over its threshold.
///
/// 50 accesses in a minute (mass downloads), 30 in half a minute (enumeration, Wallarm), 25
/// different sellers and 15 different routes in 5 minutes (address and port scans, Zeek).
#[derive(Default)]
pub(crate) struct Fixed {
    actors: HashMap<String, Buckets>,
    candidates: Candidates,
}

#[derive(Default)]
struct Buckets {
    minute: (i64, f64),
    half: (i64, f64),
    five: i64,
    sellers: HashSet<String>,
    routes: HashSet<String>,
    /// The largest so far in the bucket of five minutes, and the window it was seen in.
    worst: (f64, Span),
}

fn count(bucket: &mut (i64, f64), time: EventTime, length: Span) -> f64 {
    let number = time.0.div_euclid(length.0);
    if bucket.0 != number {
        *bucket = (number, 0.0);
    }
    bucket.1 += 1.0;
    bucket.1
}

impl Fixed {
    fn take(&mut self, actor: &str, event: &Event<'_>) {
        if !self.actors.contains_key(actor) {
            self.actors.insert(actor.to_owned(), Buckets::default());
        }
        let Some(buckets) = self.actors.get_mut(actor) else {
            return;
        };
        let five = Span::minutes(5);
        let number = event.time.0.div_euclid(five.0);
        if number != buckets.five {
            Fixed::close(actor, buckets, &mut self.candidates);
            buckets.five = number;
        }
        let minute = count(&mut buckets.minute, event.time, Span::MINUTE);
        let half = count(&mut buckets.half, event.time, HALF_MINUTE);
        let note = |set: &mut HashSet<String>, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !set.contains(*value)) {
                set.insert(value.to_owned());
            }
            set.len() as f64
        };
        let sellers = note(&mut buckets.sellers, event.seller.as_deref());
        let routes = note(&mut buckets.routes, event.route.as_deref());
        for (ratio, window) in [
            (minute / 50.0, Span::MINUTE),
            (half / 30.0, HALF_MINUTE),
            (sellers / 25.0, five),
            (routes / 15.0, five),
        ] {
            if ratio > buckets.worst.0 {
                buckets.worst = (ratio, window);
            }
        }
    }

    fn close(actor: &str, buckets: &mut Buckets, candidates: &mut Candidates) {
        let (ratio, _) = buckets.worst;
        if ratio >= WORTH_KEEPING {
            let five = Span::minutes(5);
            let end = EventTime((buckets.five + 1) * five.0);
            candidates.add(&[("actor", actor)], end, five, ratio);
        }
        buckets.worst = (0.0, Span::ZERO);
        buckets.sellers.clear();
        buckets.routes.clear();
    }

    fn finish(mut self) -> Candidates {
        for (actor, buckets) in &mut self.actors {
            Fixed::close(actor, buckets, &mut self.candidates);
        }
        self.candidates.finish()
    }
}

/// The two-sided threshold random walk over an actor's first contacts of a day.
#[derive(Default)]
struct Walks {
    walks: HashMap<String, (Walk, HashSet<String>)>,
    candidates: Candidates,
}

impl Walks {
    fn take(&mut self, actor: &str, event: &Event<'_>) {
        let hit = match event.outcome.unwrap_or_default() {
            Outcome::Ok => true,
            Outcome::NotFound | Outcome::Denied => false,
            Outcome::Limited | Outcome::Error => return,
        };
        let Some(shipment) = event.shipment.as_deref() else {
            return;
        };
        let (walk, known) = self.walks.entry(actor.to_owned()).or_default();
        if !known.insert(shipment.to_owned()) {
            return;
        }
        if let Some(ratio) = walk.step(hit, &CLASSIC) {
            let window = Span::MINUTE;
            let end = event.time.floor(window) + window;
            let score = ratio / CLASSIC.upper();
            self.candidates.add(&[("actor", actor)], end, window, score);
        }
    }
}

/// RITA's score of each actor's day.
#[derive(Default)]
struct Beacons {
    contacts: HashMap<String, Vec<(f64, f64)>>,
    candidates: Candidates,
}

impl Beacons {
    fn take(&mut self, actor: &str, event: &Event<'_>) {
        let seconds = event.time.0.rem_euclid(Span::DAY.0) as f64 / 1e3;
        let size = event.bytes.or(event.records).unwrap_or(1) as f64;
        let contacts = self.contacts.entry(actor.to_owned()).or_default();
        contacts.push((seconds, size));
    }

    fn end_day(&mut self, end: EventTime) {
        for (actor, mut contacts) in std::mem::take(&mut self.contacts) {
            contacts.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (times, sizes): (Vec<f64>, Vec<f64>) = contacts.into_iter().unzip();
            let score = beacon::score(&times, &sizes);
            self.candidates
                .add(&[("actor", &actor)], end, Span::DAY, score);
        }
    }
}

/// MIDAS-F over edges from actors to sellers, an hour a tick.
struct Edges {
    midas: MidasF,
    names: HashMap<String, u64>,
    /// The largest score of each edge in this tick.
    worst: HashMap<(String, String), f64>,
    candidates: Candidates,
}

impl Edges {
    fn number(&mut self, name: &str) -> u64 {
        let next = self.names.len() as u64;
        match self.names.get(name) {
            Some(number) => *number,
            None => *self.names.entry(name.to_owned()).or_insert(next),
        }
    }

    fn take(&mut self, actor: &str, event: &Event<'_>) {
        let Some(seller) = event.seller.as_deref() else {
            return;
        };
        let (source, destination) = (self.number(actor), self.number(seller));
        let score = self.midas.score(source, destination);
        let edge = (actor.to_owned(), seller.to_owned());
        let worst = self.worst.entry(edge).or_default();
        *worst = worst.max(score);
    }

    fn end_tick(&mut self, end: EventTime) {
        for ((actor, seller), score) in std::mem::take(&mut self.worst) {
            let entity = [("actor", actor.as_str()), ("seller", seller.as_str())];
            self.candidates.add(&entity, end, Span::HOUR, score);
        }
        self.midas.end_tick();
    }
}

/// All of them over one stream.
pub(crate) struct Detectors {
    fixed: Fixed,
    walks: Walks,
    beacons: Beacons,
    edges: Edges,
}

impl Detectors {
    pub(crate) fn new() -> Detectors {
        Detectors {
            fixed: Fixed::default(),
            walks: Walks::default(),
            beacons: Beacons::default(),
            edges: Edges {
                midas: MidasF::new(),
                names: HashMap::new(),
                worst: HashMap::new(),
                candidates: Candidates::default(),
            },
        }
    }

    pub(crate) fn take(&mut self, event: &Event<'_>) {
        if event.kind != Kind::Access {
            return;
        }
        if let Some(actor) = event.actor.as_deref() {
            self.fixed.take(actor, event);
            self.walks.take(actor, event);
            self.beacons.take(actor, event);
            self.edges.take(actor, event);
        }
    }

    /// An hour of event time is over.
    pub(crate) fn end_hour(&mut self, now: EventTime) {
        self.edges.end_tick(now);
        if now.floor(Span::DAY) == now {
            self.beacons.end_day(now);
            self.walks.walks.clear();
        }
    }

    /// What each has to say, and the score from which it alerts as published.
    pub(crate) fn finish(self) -> Vec<(&'static str, f64, Candidates)> {
        vec![
            ("fixed thresholds", 1.0, self.fixed.finish()),
            ("MIDAS-F, hourly", 1_000.0, self.edges.candidates.finish()),
            ("RITA beacon score", 0.9, self.beacons.candidates.finish()),
            ("TRW, two-sided", 1.0, self.walks.candidates.finish()),
        ]
    }
}
