//! Parcels: inducted in two banks a day, then inspected, sent on and delivered.
//!
//! The rate of a lane in an hour is size × season × a factor of the seller × a factor of the
//! route × a factor common to the hub. Counts are Poisson given these, so that the count of a
//! seller or a route in an hour is about negative binomial.

use super::draft::{Draft, Ids, Source, Step, What};
use super::geography::COMMODITIES;
use super::outbox::Outbox;
use super::population::{Lane, Population};
use super::random::{
    Purpose, Random, Urn, between, gamma_factor, index_below, lognormal, lognormal_factor, poisson,
    stream,
};
use super::season::{Rhythm, Season};
use super::serial::Serials;
use super::settings::Settings;
use super::stock::{Parcel, Stock};
use crate::domain::{EventTime, Span};
use rand::{Rng, RngExt};

/// From accepting to delivering takes less than this.
pub(super) const JOURNEY_MAX: Span = Span::hours(36);

const MINUTES_PER_DAY: f64 = 1_440.0;

/// How much more than usual the entity does at `time`: 1, except on peak days.
pub(super) fn peak_factor(settings: &Settings, time: EventTime, class: u64, entity: usize) -> f64 {
    let Some(peak) = settings.peak(time) else {
        return 1.0;
    };
    let index = ((peak.day as u64) << 40) ^ (class << 34) ^ entity as u64;
    let mut random = stream(settings.seed, Purpose::Peak, index);
    peak.factor * lognormal_factor(&mut random, peak.heterogeneity)
}

/// Makes parcels and plans their journeys.
#[derive(Clone, Debug)]
pub(super) struct Inductor {
    serials: Serials,
    ids: Ids,
    random: Random,
}

impl Inductor {
    /// An inductor whose serials and identifiers no other `source` gives out.
    pub(super) fn new(settings: &Settings, source: Source, sellers: usize) -> Inductor {
        let lot = match source {
            Source::AttackMovement => 1,
            Source::Standing => 2,
            _ => 0,
        };
        Inductor {
            serials: Serials::new(settings.seed, lot, sellers),
            ids: Ids::new(settings.seed, source),
            random: stream(settings.seed, Purpose::Movement, 1 + lot),
        }
    }

    /// Inducts a parcel on `lane` at `time`; nothing of it is seen where `is_lost`.
    pub(super) fn induct(
        &mut self,
        time: EventTime,
        lane: Lane,
        is_lost: bool,
        population: &Population,
        stock: &mut Stock,
        outbox: &mut Outbox,
    ) {
        let seller = &population.sellers[lane.seller as usize];
        let route = &population.routes[lane.route as usize];
        let random = &mut self.random;
        let commodity = match random.random::<f64>() {
            // Mostly the seller's own assortment.
            chance if chance < 0.6 => seller.commodities[0],
            chance if chance < 0.9 => seller.commodities[1],
            _ => COMMODITIES[index_below(random.next_u64(), COMMODITIES.len())],
        };
        let carrier = usize::from(random.random::<f64>() < 0.3);
        let parcel = Parcel {
            serial: self
                .serials
                .next(lane.seller as usize, time.day(), seller.parcels_per_day),
            seller: lane.seller,
            route: lane.route,
            carrier: route.carriers.get(carrier).copied().unwrap_or_default(),
            weight_grams: lognormal(random, 380.0, 0.8).clamp(20.0, 30_000.0) as u32,
            value_cents: lognormal(random, 650.0, 0.7).clamp(50.0, 100_000.0) as u32,
            commodity,
        };
        if !is_lost {
            stock.push(parcel);
        }
        for (step, at) in journey(time, random).into_iter().flatten() {
            let draft = Draft {
                time: at,
                id: self.ids.next(),
                what: What::Scan { parcel, step },
            };
            if !is_lost {
                outbox.put(draft);
            }
        }
    }
}

/// The scans of a parcel that is accepted at `time`.
fn journey(time: EventTime, random: &mut Random) -> [Option<(Step, EventTime)>; 6] {
    let mut later = |from: EventTime, low_hours: f64, high_hours: f64| {
        from + Span((between(random, low_hours, high_hours) * Span::HOUR.0 as f64) as i64)
    };
    let inspected = later(time, 0.2, 1.5);
    let held = later(inspected, 0.2, 1.5);
    let departed = later(held, 0.5, 6.0);
    let arrived = later(departed, 2.0, 10.0);
    let delivered = later(arrived, 3.0, 14.0);
    let is_inspected = random.random::<f64>() < 0.4;
    let is_held = random.random::<f64>() < 0.06;
    [
        Some((Step::Accepting, time)),
        is_inspected.then_some((Step::Inspecting, inspected)),
        is_held.then_some((Step::Holding, held)),
        Some((Step::Departing, departed)),
        Some((Step::Arriving, arrived)),
        Some((Step::Delivering, delivered)),
    ]
}

/// The hub's own parcels.
#[derive(Clone, Debug)]
pub(super) struct Movement {
    season: Season,
    lanes: Urn,
    parcels_per_minute: f64,
    inductor: Inductor,
    random: Random,
}

impl Movement {
    /// Nothing inducted yet; [`Movement::begin_hour`] comes first.
    pub(super) fn new(settings: &Settings, population: &Population) -> Movement {
        Movement {
            season: Season::new(Rhythm::Banks),
            lanes: Urn::default(),
            parcels_per_minute: 0.0,
            inductor: Inductor::new(settings, Source::Movement, population.sellers.len()),
            random: stream(settings.seed, Purpose::Movement, 0),
        }
    }

    /// The season's level at `time`.
    pub(super) fn season_level(&self, time: EventTime) -> f64 {
        self.season.level(time)
    }

    /// Draws the factors of the hour that begins at `hour`.
    pub(super) fn begin_hour(
        &mut self,
        settings: &Settings,
        population: &Population,
        hour: EventTime,
    ) {
        let index = hour.index(Span::HOUR) as u64;
        let seed = settings.seed;
        let mut random = stream(seed, Purpose::SellerHour, index);
        let sellers: Vec<f64> = (population.sellers.iter().enumerate())
            .map(|(n, seller)| {
                seller.parcels_per_day
                    * gamma_factor(&mut random, settings.people_cv)
                    * peak_factor(settings, hour, 0, n)
            })
            .collect();
        let mut random = stream(seed, Purpose::RouteHour, index);
        let routes: Vec<f64> = (population.routes.iter())
            .map(|_| gamma_factor(&mut random, settings.machine_cv))
            .collect();
        let mut random = stream(seed, Purpose::ClassHour, index << 8);
        let common = gamma_factor(&mut random, settings.common_cv);
        self.lanes.fill(
            population.lanes.iter().map(|lane| {
                lane.share * sellers[lane.seller as usize] * routes[lane.route as usize]
            }),
        );
        self.parcels_per_minute =
            self.lanes.total() * self.season.level(hour) * common / MINUTES_PER_DAY;
    }

    /// The inductions of a minute; those on a route that `is_lost` never show.
    pub(super) fn step(
        &mut self,
        minute: EventTime,
        population: &Population,
        stock: &mut Stock,
        outbox: &mut Outbox,
        is_lost: impl Fn(u32, EventTime, u64) -> bool,
    ) {
        for _ in 0..poisson(&mut self.random, self.parcels_per_minute) {
            let time = minute + Span(between(&mut self.random, 0.0, 60_000.0) as i64);
            let lane = population.lanes[self.lanes.draw(&mut self.random)];
            let lost = is_lost(lane.route, time, self.random.next_u64());
            self.inductor
                .induct(time, lane, lost, population, stock, outbox);
        }
    }
}
