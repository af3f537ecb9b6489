//! Buyers: very many people who look up the one parcel that they wait for, a few times.
//!
//! They are drawn through their parcels: a look-up picks a recent parcel, in proportion to how
//! eagerly its buyer waits, so neither time nor memory grows with their number. How often a
//! parcel is looked up is Poisson given the eagerness. While a label is young, nothing is found
//! under it now and then.

use super::access::usual;
use super::draft::{Ids, Source, Subject, Touch, What, Who};
use super::outbox::Outbox;
use super::random::{Purpose, Random, between, gamma_step, mix, poisson, stream, unit};
use super::regime::{Rate, level};
use super::season::{Rhythm, Season};
use super::settings::Settings;
use super::stock::{Parcel, Stock};
use crate::domain::{Action, EventTime, Outcome, Relation, Span};
use rand::Rng;

const MINUTES_PER_DAY: f64 = 1_440.0;
/// Share of look-ups that find nothing while the label is young, and later.
const YOUNG_MISS: f64 = 0.3;
const MISS: f64 = 0.02;
/// Minutes for which a label is young.
const YOUNG_MINUTES: i64 = 8 * 60;
/// How many parcels are looked at for one that somebody waits for.
const TRIES: usize = 8;
const EAGER_SALT: u64 = 0x6561_6765;

/// How eagerly somebody waits for the parcel, 0 to 1.6; 1 in the mean.
fn eagerness(parcel: &Parcel) -> f64 {
    if parcel.is_unwanted {
        return 0.0;
    }
    match mix(parcel.serial ^ EAGER_SALT) % 4 {
        0 => 0.5,
        3 => 1.6,
        _ => 1.0,
    }
}

/// All buyers.
#[derive(Clone, Debug)]
pub(super) struct Buyers {
    season: Season,
    common: f64,
    looks_per_minute: f64,
    ids: Ids,
    random: Random,
}

impl Buyers {
    /// Nothing looked up yet; [`Buyers::begin_hour`] comes first.
    pub(super) fn new(settings: &Settings) -> Buyers {
        Buyers {
            season: Season::new(Rhythm::Home),
            common: 0.0,
            looks_per_minute: 0.0,
            ids: Ids::new(settings.seed, Source::Buyer),
            random: stream(settings.seed, Purpose::Buyer, 0),
        }
    }

    /// Draws the factor of the hour that begins at `hour`.
    pub(super) fn begin_hour(&mut self, settings: &Settings, hour: EventTime) {
        let index = hour.index(Span::HOUR) as u64;
        let mut random = stream(settings.seed, Purpose::Buyer, 1 + index);
        let (cv, correlation) = (settings.common_cv, settings.hour_correlation);
        self.common = gamma_step(&mut random, self.common, cv, correlation);
        let per_day = settings.looks_per_parcel * settings.parcels_per_day;
        self.looks_per_minute = per_day * self.season.level(hour) * self.common / MINUTES_PER_DAY
            * level(settings, hour, Rate::Buyers, 0);
    }

    /// The look-ups of a minute.
    pub(super) fn step(&mut self, minute: EventTime, stock: &Stock, outbox: &mut Outbox) {
        let random = &mut self.random;
        for _ in 0..poisson(random, self.looks_per_minute) {
            let time = minute + Span(between(random, 0.0, 60_000.0) as i64);
            let (choice, luck) = (random.next_u64(), random.next_u64());
            let id = self.ids.next();
            let mut bits = choice;
            let parcel = (0..TRIES).find_map(|_| {
                bits = mix(bits);
                let parcel = stock.of_anybody(bits)?;
                (unit(mix(bits)) * 1.6 < eagerness(&parcel)).then_some(parcel)
            });
            if let Some(parcel) = parcel.or_else(|| stock.of_anybody(choice)) {
                outbox.put(usual(time, id, What::Touch(look(&parcel, time, luck))));
            }
        }
    }
}

/// A look-up of the parcel by who waits for it.
fn look(parcel: &Parcel, time: EventTime, luck: u64) -> Touch {
    let mut touch = Touch::new(
        Who::Buyer(parcel.serial),
        Action::Read,
        Subject::Parcel(*parcel),
    );
    touch.relation = Relation::Own;
    let age = time.index(Span::MINUTE) - i64::from(parcel.minute);
    let (young, typing) = (unit(luck), unit(mix(luck)));
    if typing < MISS {
        touch.subject = Subject::Reference {
            serial: parcel.serial,
            mistyped: true,
        };
    } else if age < YOUNG_MINUTES && young < YOUNG_MISS {
        touch.subject = Subject::Reference {
            serial: parcel.serial,
            mistyped: false,
        };
    } else {
        return touch;
    }
    touch.relation = Relation::Unknown;
    touch.outcome = Outcome::NotFound;
    touch.records = 0;
    touch
}
