//! Parcels: inducted in two banks a day, then inspected, sent on and delivered.
//!
//! The rate of a lane in an hour is size × season × a factor of the seller × a factor of the
//! route × a factor common to the hub. Counts are Poisson given these, so that the count of a
//! seller or a route in an hour is about negative binomial.

use super::draft::{Draft, Episode, Ids, Source, Step, What};
use super::geography::COMMODITIES;
use super::outbox::Outbox;
use super::population::{Lane, Population};
use super::random::{
    Purpose, Random, Urn, between, gamma_step, index_below, lognormal, mix, poisson, stream, unit,
};
use super::regime::{Rate, level};
use super::season::{Rhythm, Season};
use super::serial::Serials;
use super::settings::Settings;
use super::stock::{Parcel, Stock};
use crate::domain::{EventTime, Span};
use rand::{Rng, RngExt};

/// From accepting to delivering takes less than this.
pub(super) const JOURNEY_MAX: Span = Span::hours(36);

const MINUTES_PER_DAY: f64 = 1_440.0;
/// Share of parcels that are worth about as much as the duty step.
const DEAR_SHARE: f64 = 0.03;
/// Up to this value no duty is due.
const DUTY_STEP_CENTS: f64 = 15_000.0;
/// Of what is worth a little more, this share is declared at a little less.
const ROUNDED_DOWN: f64 = 0.35;
const GHOST_SALT: u64 = 0x6768_6f73;
const LOST_SALT: u64 = 0x6c6f_7374;

/// What becomes of a parcel that an episode meddles with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// Nothing of it is ever seen.
    pub(super) is_lost: bool,
    /// A scan that is left out.
    pub(super) skipped: Option<Step>,
    /// It is seen on this other route, too.
    pub(super) ghost: Option<u32>,
    /// The episode it belongs to.
    pub(super) episode: Episode,
}

/// Makes parcels and plans their journeys.
#[derive(Clone, Debug)]
pub(super) struct Inductor {
    serials: Serials,
    ids: Ids,
    random: Random,
    lost_scan_share: f64,
}

/// Where a parcel leaves its traces.
pub(super) struct Yard<'a> {
    pub(super) population: &'a Population,
    pub(super) stock: &'a mut Stock,
    pub(super) outbox: &'a mut Outbox,
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
            lost_scan_share: settings.lost_scan_share,
        }
    }

    /// Inducts a parcel on `lane` at `time`, after `meddle` had its way with it. Draws equally
    /// often whatever that is.
    pub(super) fn induct(
        &mut self,
        time: EventTime,
        lane: Lane,
        yard: &mut Yard<'_>,
        meddle: impl FnOnce(&mut Parcel) -> Fate,
    ) -> Parcel {
        let seller = &yard.population.sellers[lane.seller as usize];
        let route = &yard.population.routes[lane.route as usize];
        let random = &mut self.random;
        let commodity = match random.random::<f64>() {
            // Mostly the seller's own assortment.
            chance if chance < 0.6 => seller.commodities[0],
            chance if chance < 0.9 => seller.commodities[1],
            _ => index_below(random.next_u64(), COMMODITIES.len()) as u8,
        };
        let carrier = usize::from(random.random::<f64>() < 0.3);
        let mut parcel = Parcel {
            serial: self
                .serials
                .next(lane.seller as usize, time.day(), seller.parcels_per_day),
            minute: time.index(Span::MINUTE) as u32,
            seller: lane.seller,
            route: lane.route,
            carrier: route.carriers.get(carrier).copied().unwrap_or_default(),
            weight_grams: lognormal(random, 380.0, 0.8).clamp(20.0, 30_000.0) as u32,
            value_cents: declared_cents(random),
            commodity,
            is_unwanted: false,
        };
        let fate = meddle(&mut parcel);
        if !fate.is_lost {
            yard.stock.push(parcel);
        }
        for (step, at) in journey(time, random).into_iter().flatten() {
            let id = self.ids.next();
            let is_recorded = unit(mix(id ^ LOST_SALT)) >= self.lost_scan_share;
            if fate.is_lost || fate.skipped == Some(step) || !is_recorded {
                continue;
            }
            let scan = |time, id, ghost| Draft {
                time,
                id,
                episode: fate.episode,
                what: What::Scan {
                    parcel,
                    step,
                    ghost,
                },
            };
            yard.outbox.put(scan(at, id, None));
            if fate.ghost.is_some() && matches!(step, Step::Departing | Step::Arriving) {
                let dice = mix(id ^ GHOST_SALT);
                let later = at + Span((unit(mix(dice)) * Span::minutes(20).0 as f64) as i64);
                yard.outbox.put(scan(later, dice, fate.ghost));
            }
        }
        parcel
    }
}

/// A declared value: mostly a few euro, and rather a little below the duty step than above it.
fn declared_cents(random: &mut Random) -> u32 {
    let cheap = lognormal(random, 650.0, 0.7);
    let dear = lognormal(random, 12_000.0, 0.6);
    let (kind, honesty) = (random.random::<f64>(), random.random::<f64>());
    let mut value = if kind < DEAR_SHARE { dear } else { cheap };
    if (DUTY_STEP_CENTS..DUTY_STEP_CENTS * 1.1).contains(&value) && honesty < ROUNDED_DOWN {
        value = DUTY_STEP_CENTS * (0.94 + 0.0599 * honesty / ROUNDED_DOWN);
    }
    value.clamp(50.0, 100_000.0) as u32
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
    sellers: Vec<f64>,
    routes: Vec<f64>,
    common: f64,
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
            sellers: vec![0.0; population.sellers.len()],
            routes: vec![0.0; population.routes.len()],
            common: 0.0,
            inductor: Inductor::new(settings, Source::Movement, population.sellers.len()),
            random: stream(settings.seed, Purpose::Movement, 0),
        }
    }

    /// The season's level at `time`.
    #[cfg(test)]
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
        let correlation = settings.hour_correlation;
        let mut random = stream(seed, Purpose::SellerHour, index);
        for factor in &mut self.sellers {
            *factor = gamma_step(&mut random, *factor, settings.people_cv, correlation);
        }
        let mut random = stream(seed, Purpose::RouteHour, index);
        for factor in &mut self.routes {
            *factor = gamma_step(&mut random, *factor, settings.machine_cv, correlation);
        }
        let mut random = stream(seed, Purpose::ClassHour, index << 8);
        self.common = gamma_step(&mut random, self.common, settings.common_cv, correlation);
        let sellers: Vec<f64> = (population.sellers.iter().zip(&self.sellers).enumerate())
            .map(|(n, (seller, factor))| {
                seller.parcels_per_day
                    * factor
                    * seller.stay.level(hour)
                    * level(settings, hour, Rate::Seller, n)
            })
            .collect();
        self.lanes.fill(population.lanes.iter().map(|lane| {
            lane.share * sellers[lane.seller as usize] * self.routes[lane.route as usize]
        }));
        self.parcels_per_minute =
            self.lanes.total() * self.season.level(hour) * self.common / MINUTES_PER_DAY;
    }

    /// The inductions of a minute. `meddle` is given each with a time and dice of its own.
    pub(super) fn step(
        &mut self,
        minute: EventTime,
        yard: &mut Yard<'_>,
        mut meddle: impl FnMut(&mut Parcel, EventTime, u64) -> Fate,
    ) {
        for _ in 0..poisson(&mut self.random, self.parcels_per_minute) {
            let time = minute + Span(between(&mut self.random, 0.0, 60_000.0) as i64);
            let lane = yard.population.lanes[self.lanes.draw(&mut self.random)];
            let dice = self.random.next_u64();
            self.inductor
                .induct(time, lane, yard, |parcel| meddle(parcel, time, dice));
        }
    }
}
