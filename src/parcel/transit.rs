//! Which legs are possible: a Markov chain over steps with missing reads, leg times, and places.
//!
//! Cloned labels show as transitions that never happen, if the chain is known and missing reads
//! are modelled (Lehtonen, Michahelles, Fleisch 2009). So a step that follows another is held
//! against the ways on which one or two reads were missed. Where such a way is ten times as usual
//! as the step itself, reads were missed, and no more. Where the step follows the other more rarely
//! than once in two thousand times, and no way explains it (its chance times how often its steps
//! are not read, which is learnt per step), it is impossible, and so is
//!
//! * a leg that is four times shorter than the shortest half per cent of its kind, of its route
//!   or of its two places, or four times longer than the longest half per cent, after the shift
//!   that is common lately to its kind and its place is taken off;
//! * a leg between two places that never follow each other, though by how much leaves the one
//!   and reaches the other they should often.
//!
//! All of it is learnt: integer counts, of which half is forgotten every two weeks. Impossible legs
//! teach nothing, but a new way is not impossible for good: a transition that eight sellers or more
//! made over a week becomes a way, and of the pairs of places one leg in sixteen is learnt. A step
//! after which less than two hundred parcels went on or came to rest is not judged.
//!
//! Not seen: a copy that is scanned after the last scan of the original at a plausible place and
//! time, and a kind of leg that is as rare as its tampering.

use super::leg_times::{BUCKETS, LEGS_MIN, LegTimes, bucket, bucket_of_both};
use super::names::{NOBODY, Name};
use super::spot::Spot;
use crate::domain::{EventTime, Span};
use crate::limits::{LEG_TIMES_MAX, PLACES_MAX, STEPS_MAX};
use crate::saved;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A transition is usual from one in so many on.
const USUAL_SHARE: u64 = 2_000;
/// The chance of a way with missed reads from which on it explains a rare transition.
const MISSED_MIN: f64 = 1e-6;
/// A way with missed reads that is so many times as usual as the step itself explains it.
const MISSED_FACTOR: f64 = 10.0;
/// Least chance of a missed read that is reckoned with.
const UNREAD_MIN: f64 = 0.005;
/// Reads that a step is believed to have before any was seen.
const READS_INITIAL: f64 = 100.0;
/// Legs between two places that chance would bring, from which on their absence says something.
const CHANCE_MIN: u64 = 20;
/// Two places never follow each other when they do more rarely than chance by this factor.
const NEVER_SHARE: u64 = 200;
/// Of impossible legs one in so many teaches that its places follow each other.
const LEARNT_SHARE: u64 = 16;
/// Sellers that make a new way, legs that they make, and the time over which they do.
const NEW_WAY_SELLERS: u32 = 8;
const NEW_WAY_LEGS: u32 = 50;
const NEW_WAY_AGE: Span = Span::days(7);
/// Two reads of one step at one place within this are one.
const REPEAT_MAX: Span = Span::minutes(10);

/// From one scan of a parcel to the next.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) from_place: u16,
    pub(super) to_place: u16,
    pub(super) route: Name,
    pub(super) seller: Name,
    /// When it ended.
    pub(super) ended: EventTime,
    pub(super) took: Span,
}

/// A transition that was impossible so far.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct NewWay {
    since: EventTime,
    /// Which sellers made it, as a bit each.
    sellers: u64,
    legs: u32,
}

/// What is to be said of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as legs are, or nothing is known.
    Ordinary,
    /// It is as legs are on which these steps were not read; the second may be none.
    Missed(u8, Option<u8>),
    /// It cannot be.
    Impossible,
}

impl Leg {
    /// Whether it is a second read of the first scan.
    pub(super) fn is_repeat(&self) -> bool {
        (self.from, self.from_place) == (self.to, self.to_place) && self.took < REPEAT_MAX
    }
}

/// A way from one step to another on which one or two reads were missed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Way {
    first: u8,
    second: Option<u8>,
    /// The chance of the way.
    usual: f64,
    /// The chance of the way with its reads missed.
    missed: f64,
}

impl Way {
    /// Keeps the likelier of this and what is known.
    fn offer(self, ways: &mut HashMap<(u8, u8), Way, ahash::RandomState>, pair: (u8, u8)) {
        let known = ways.get(&pair).map_or(0.0, |known| known.missed);
        if self.missed > known {
            ways.insert(pair, self);
        }
    }
}

type Pooled<K> = HashMap<K, LegTimes, ahash::RandomState>;

/// What is known of legs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Transits {
    /// How often a step followed another.
    followed: Vec<u64>,
    /// How often parcels went on from a step, or came to rest there.
    left: [u64; STEPS_MAX],
    #[serde(serialize_with = "saved::map")]
    new_ways: HashMap<(u8, u8), NewWay, ahash::RandomState>,
    read: [u64; STEPS_MAX],
    unread: [u64; STEPS_MAX],
    /// As they were when last looked for.
    #[serde(serialize_with = "saved::map")]
    ways: HashMap<(u8, u8), Way, ahash::RandomState>,
    #[serde(serialize_with = "saved::map")]
    times: Pooled<(u8, u8)>,
    #[serde(serialize_with = "saved::map")]
    of_routes: Pooled<(u8, u8, Name)>,
    #[serde(serialize_with = "saved::map")]
    of_places: Pooled<(u16, u16)>,
    /// How much longer the legs of a kind take lately.
    #[serde(serialize_with = "saved::map")]
    lately: HashMap<(u8, u8), Spot, ahash::RandomState>,
    left_place: Vec<u64>,
    reached_place: Vec<u64>,
    placed: u64,
    /// Routes and pairs of places, each, that have leg times of their own.
    legs_max: usize,
}

impl Default for Transits {
    fn default() -> Self {
        Transits {
            followed: vec![0; STEPS_MAX * STEPS_MAX],
            left: [0; STEPS_MAX],
            new_ways: HashMap::default(),
            read: [0; STEPS_MAX],
            unread: [0; STEPS_MAX],
            ways: HashMap::default(),
            times: HashMap::default(),
            of_routes: HashMap::default(),
            of_places: HashMap::default(),
            lately: HashMap::default(),
            left_place: vec![0; PLACES_MAX + 1],
            reached_place: vec![0; PLACES_MAX + 1],
            placed: 0,
            legs_max: LEG_TIMES_MAX,
        }
    }
}

impl Transits {
    /// From now on no more legs have times of their own than so many.
    pub(super) fn obey(&mut self, legs_max: usize) {
        self.legs_max = legs_max;
    }

    fn followed(&self, from: u8, to: u8) -> u64 {
        self.followed[usize::from(from) * STEPS_MAX + usize::from(to)]
    }

    /// Whether `to` usually follows `from`, now and then at least.
    fn is_usual(&self, from: u8, to: u8) -> bool {
        self.followed(from, to) * USUAL_SHARE >= self.left[usize::from(from)].max(1)
    }

    /// The chance that `to` follows `from`; 0 where that is not usual.
    fn chance(&self, from: u8, to: u8) -> f64 {
        if self.is_usual(from, to) {
            self.followed(from, to) as f64 / self.left[usize::from(from)].max(1) as f64
        } else {
            0.0
        }
    }

    /// The chance that a step is not read though it was made.
    fn unread(&self, step: u8) -> f64 {
        let step = usize::from(step);
        let (read, unread) = (self.read[step] as f64, self.unread[step] as f64);
        (unread / (read + unread + READS_INITIAL)).max(UNREAD_MIN)
    }

    /// An hour has passed: finds the likeliest ways on which one or two reads were missed, of
    /// every pair of steps.
    pub(super) fn look_again(&mut self) {
        let steps: Vec<u8> = (0..STEPS_MAX as u8)
            .filter(|step| self.left[usize::from(*step)] > 0)
            .collect();
        let mut ways = HashMap::default();
        for from in &steps {
            for first in &steps {
                let begun = self.chance(*from, *first);
                if begun <= 0.0 || first == from {
                    continue;
                }
                for to in &steps {
                    let usual = begun * self.chance(*first, *to);
                    let way = Way {
                        first: *first,
                        second: None,
                        usual,
                        missed: usual * self.unread(*first),
                    };
                    way.offer(&mut ways, (*from, *to));
                }
                for second in &steps {
                    let then = begun * self.chance(*first, *second);
                    if then <= 0.0 || second == from || second == first {
                        continue;
                    }
                    for to in &steps {
                        let usual = then * self.chance(*second, *to);
                        let way = Way {
                            first: *first,
                            second: Some(*second),
                            usual,
                            missed: usual * self.unread(*first) * self.unread(*second),
                        };
                        way.offer(&mut ways, (*from, *to));
                    }
                }
            }
        }
        self.ways = ways;
    }

    /// The way with missed reads that explains a transition, where one does.
    fn missed_way(&self, from: u8, to: u8) -> Option<&Way> {
        let way = self.ways.get(&(from, to))?;
        if self.is_usual(from, to) {
            let own = self.chance(from, to);
            (way.second.is_none() && way.usual >= MISSED_FACTOR * own).then_some(way)
        } else {
            (way.missed >= MISSED_MIN).then_some(way)
        }
    }

    /// Judges a leg, where those at its place take so much longer lately.
    pub(super) fn judge(&self, leg: &Leg, place_shift: i32) -> Verdict {
        if self.left[usize::from(leg.from)] < LEGS_MIN {
            return Verdict::Ordinary;
        }
        let took = bucket(leg.took);
        if self.never_follow(leg) {
            return Verdict::Impossible;
        }
        match self.missed_way(leg.from, leg.to) {
            Some(way) if took >= self.shortest_way(leg, way.first, way.second) => {
                Verdict::Missed(way.first, way.second)
            }
            Some(_) => Verdict::Impossible,
            None if self.is_usual(leg.from, leg.to)
                && self.is_time_possible(leg, took, place_shift) =>
            {
                Verdict::Ordinary
            }
            None => Verdict::Impossible,
        }
    }

    fn is_time_possible(&self, leg: &Leg, took: i32, place_shift: i32) -> bool {
        let kind = self.lately.get(&(leg.from, leg.to)).map_or(0, Spot::shift);
        let longer = place_shift.max(kind).max(0);
        let shorter = place_shift.min(kind).min(0);
        let everybody = self.times.get(&(leg.from, leg.to));
        let route = self.of_routes.get(&(leg.from, leg.to, leg.route));
        let is_too_long = [everybody, route]
            .into_iter()
            .flatten()
            .filter_map(LegTimes::possible)
            .any(|possible| took > possible.longest + longer);
        let is_apart = leg.from_place != leg.to_place;
        let places = self.of_places.get(&(leg.from_place, leg.to_place));
        let is_too_short = [everybody, route, places.filter(|_| is_apart)]
            .into_iter()
            .flatten()
            .filter_map(LegTimes::possible)
            .any(|possible| took < possible.shortest + shorter);
        !is_too_long && !is_too_short
    }

    /// The bucket below which a way with missed reads is too short.
    fn shortest_way(&self, leg: &Leg, first: u8, second: Option<u8>) -> i32 {
        let shortest = |from: u8, to: u8| {
            let times = self.times.get(&(from, to));
            times
                .and_then(LegTimes::possible)
                .map_or(0, |possible| possible.shortest.max(0))
        };
        let begun = shortest(leg.from, first);
        match second {
            None => bucket_of_both(begun, shortest(first, leg.to)),
            Some(second) => bucket_of_both(
                bucket_of_both(begun, shortest(first, second)),
                shortest(second, leg.to),
            ),
        }
    }

    /// Whether the two places never follow each other though chance alone would have them.
    fn never_follow(&self, leg: &Leg) -> bool {
        if leg.from_place == 0 || leg.to_place == 0 || leg.from_place == leg.to_place {
            return false;
        }
        let pair = self.of_places.get(&(leg.from_place, leg.to_place));
        if pair.is_none() && self.of_places.len() >= self.legs_max {
            return false;
        }
        let left = self.left_place[usize::from(leg.from_place)];
        let reached = self.reached_place[usize::from(leg.to_place)];
        let chance = u128::from(left) * u128::from(reached) / u128::from(self.placed.max(1));
        let chance = u64::try_from(chance).unwrap_or(u64::MAX);
        chance >= CHANCE_MIN && pair.map_or(0, LegTimes::legs) * NEVER_SHARE <= chance
    }

    /// Whether a leg as far back would be ordinary: it is what a scan shows whose clock is ahead
    /// of the true time by `ahead`.
    pub(super) fn fits_clock(&self, leg: &Leg, ahead: Span) -> bool {
        let truly = Span(leg.took.0 - ahead.0);
        // Where the scan truly came before the one it seems to follow, the leg is the other way.
        let (from, to, took) = if truly.0 >= 0 {
            (leg.from, leg.to, truly)
        } else {
            (leg.to, leg.from, Span(-truly.0))
        };
        self.is_usual(from, to)
            && self.times.get(&(from, to)).is_some_and(|times| {
                let took = bucket(took);
                times.legs() >= LEGS_MIN && took >= times.quantile(5) && took <= times.quantile(995)
            })
    }

    /// How many buckets longer than usual a leg took.
    pub(super) fn deviation(&self, leg: &Leg) -> Option<i32> {
        let times = self.times.get(&(leg.from, leg.to))?;
        (times.legs() >= LEGS_MIN).then(|| bucket(leg.took) - times.quantile(500))
    }

    /// Learns from a leg that was judged so; `is_shared` where the reason is at its place.
    pub(super) fn learn(&mut self, leg: &Leg, verdict: Verdict, shipment: u64, is_shared: bool) {
        let kind = (leg.from, leg.to);
        if let Some(deviation) = self.deviation(leg) {
            self.lately.entry(kind).or_default().add(deviation);
        }
        if verdict == Verdict::Impossible && !is_shared {
            self.learn_new_way(leg, shipment);
        }
        if verdict == Verdict::Impossible {
            return;
        }
        self.read[usize::from(leg.to)] += 1;
        if let Verdict::Missed(first, second) = verdict {
            for step in std::iter::once(first).chain(second) {
                self.unread[usize::from(step)] += 1;
            }
        }
        self.follow(leg.from, leg.to, 1);
        let took = bucket(leg.took);
        self.times.entry(kind).or_default().add(took);
        if leg.route != NOBODY {
            let key = (leg.from, leg.to, leg.route);
            add(&mut self.of_routes, self.legs_max, key, took);
        }
        if leg.from_place != 0 && leg.to_place != 0 {
            self.left_place[usize::from(leg.from_place)] += 1;
            self.reached_place[usize::from(leg.to_place)] += 1;
            self.placed += 1;
            self.learn_places(leg, took);
        }
    }

    fn learn_places(&mut self, leg: &Leg, took: i32) {
        if leg.from_place != 0 && leg.to_place != 0 && leg.from_place != leg.to_place {
            let key = (leg.from_place, leg.to_place);
            add(&mut self.of_places, self.legs_max, key, took);
        }
    }

    fn learn_new_way(&mut self, leg: &Leg, shipment: u64) {
        if shipment.is_multiple_of(LEARNT_SHARE) {
            self.learn_places(leg, bucket(leg.took));
        }
        if self.is_usual(leg.from, leg.to) {
            return;
        }
        let way = self.new_ways.entry((leg.from, leg.to)).or_insert(NewWay {
            since: leg.ended,
            sellers: 0,
            legs: 0,
        });
        way.sellers |= 1 << (leg.seller % 64);
        way.legs = way.legs.saturating_add(1);
        if way.legs >= NEW_WAY_LEGS
            && way.sellers.count_ones() >= NEW_WAY_SELLERS
            && leg.ended - way.since >= NEW_WAY_AGE
        {
            self.new_ways.remove(&(leg.from, leg.to));
            let usual = self.left[usize::from(leg.from)] / USUAL_SHARE + 1;
            self.follow(leg.from, leg.to, usual);
        }
    }

    fn follow(&mut self, from: u8, to: u8, legs: u64) {
        self.followed[usize::from(from) * STEPS_MAX + usize::from(to)] += legs;
        self.left[usize::from(from)] += legs;
    }

    /// A parcel has come to rest after this step.
    pub(super) fn rest(&mut self, step: u8) {
        self.left[usize::from(step)] += 1;
    }

    /// A quarter of a day has passed.
    pub(super) fn fade(&mut self) {
        self.lately.values_mut().for_each(Spot::fade);
    }

    /// Two weeks have passed.
    pub(super) fn halve(&mut self) {
        for counts in [
            self.followed.as_mut_slice(),
            &mut self.left,
            &mut self.read,
            &mut self.unread,
            self.left_place.as_mut_slice(),
            self.reached_place.as_mut_slice(),
            std::slice::from_mut(&mut self.placed),
        ] {
            counts.iter_mut().for_each(|count| *count /= 2);
        }
        self.new_ways.clear();
        self.times.values_mut().for_each(LegTimes::halve);
        self.of_routes.values_mut().for_each(LegTimes::halve);
        self.of_places.values_mut().for_each(LegTimes::halve);
    }

    pub(super) fn bytes(&self) -> usize {
        let tables = self.times.len() + self.of_routes.len() + self.of_places.len();
        tables * (BUCKETS * size_of::<u32>() + 24)
            + self.lately.len() * size_of::<Spot>()
            + (self.followed.len() + 2 * self.left_place.len()) * size_of::<u64>()
    }
}

/// Adds a leg time, unless it would be one table too many.
fn add<K: std::hash::Hash + Eq>(pooled: &mut Pooled<K>, legs_max: usize, key: K, took: i32) {
    if let Some(times) = pooled.get_mut(&key) {
        times.add(took);
    } else if pooled.len() < legs_max {
        pooled.entry(key).or_default().add(took);
    }
}
