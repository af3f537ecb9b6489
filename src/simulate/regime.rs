//! Stretches of time in which something is unusual for everybody.

use super::draft::{Touch, Who};
use super::geography::COMMODITIES;
use super::outbox::CATCH_UP;
use super::random::{Purpose, between, lognormal_factor, mix, poisson, stream, unit};
use super::role::Role;
use super::settings::Settings;
use super::stock::Parcel;
use crate::domain::{EventTime, RegimeLabel, Span};

/// How long look-ups find nothing now and then after an outage.
const AFTERMATH: Span = Span::minutes(30);
const MISS_SALT: u64 = 0x6d69_7373;
const REFORM_SALT: u64 = 0x7265_666f;

/// What is unusual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RegimeKind {
    /// Everything is more.
    Peak {
        /// By how much the mean of every rate is multiplied.
        factor: f64,
        /// Spread of that factor between entities: the sigma of a lognormal factor with mean 1.
        heterogeneity: f64,
    },
    /// Customs work to rule: few parcels are inspected and all wait, fewer come, and buyers and
    /// the help desk look more often.
    Strike {
        /// What remains of inductions.
        inductions: f64,
        /// How many times as long parcels wait before they depart.
        dwell: f64,
        /// How many times as often buyers look.
        looks: f64,
    },
    /// A holiday where most goods come from, such as Lunar New Year.
    Holiday {
        /// What remains of inductions and of the sellers' reading.
        factor: f64,
        /// Spread of it between sellers.
        heterogeneity: f64,
    },
    /// Nothing happens; then it is caught up with.
    Outage {
        /// Share of look-ups that find nothing for half an hour after it.
        misses: f64,
    },
    /// Many sellers come at once.
    Onboarding {
        /// How many, as a share of all sellers.
        share: f64,
    },
    /// A reform of tariffs: some goods are declared as others, and for less.
    Reform {
        /// Share of the commodities that change.
        commodities: f64,
        /// What becomes of values.
        values: f64,
    },
}

/// A stretch of time in which something is unusual for everybody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regime {
    /// What is unusual.
    pub kind: RegimeKind,
    /// When it begins, from the start of the run.
    pub after: Span,
    /// How long it goes on.
    pub length: Span,
}

impl Regime {
    /// So many days of peak from `day` on; day 0 is the first of the run.
    pub fn peak(day: i64, days: i64, factor: f64, heterogeneity: f64) -> Regime {
        Regime {
            kind: RegimeKind::Peak {
                factor,
                heterogeneity,
            },
            after: Span::days(day),
            length: Span::days(days),
        }
    }

    /// As labels name it.
    pub fn name(&self) -> &'static str {
        match self.kind {
            RegimeKind::Peak { .. } => "peak",
            RegimeKind::Strike { .. } => "strike",
            RegimeKind::Holiday { .. } => "holiday",
            RegimeKind::Outage { .. } => "outage",
            RegimeKind::Onboarding { .. } => "onboarding",
            RegimeKind::Reform { .. } => "reform",
        }
    }

    fn start(&self, settings: &Settings) -> EventTime {
        settings.start + self.after
    }

    fn end(&self, settings: &Settings) -> EventTime {
        self.start(settings) + self.length
    }

    fn is_on(&self, settings: &Settings, time: EventTime) -> bool {
        self.start(settings) <= time && time < self.end(settings)
    }

    /// Its label; an outage lasts until it is caught up with.
    pub(super) fn label(&self, settings: &Settings) -> RegimeLabel {
        let mut end = self.end(settings);
        if let RegimeKind::Outage { .. } = self.kind {
            let caught_up = Span(self.length.0 / (CATCH_UP - 1));
            end = end + caught_up.max(AFTERMATH);
        }
        RegimeLabel {
            regime: self.name().to_owned(),
            start: self.start(settings),
            end,
        }
    }
}

/// Kinds of entities whose rates regimes change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Seller,
    Actor(Role),
    Edge,
    Buyers,
}

impl Rate {
    fn number(self) -> u64 {
        match self {
            Rate::Seller => 0,
            Rate::Actor(_) => 1,
            Rate::Edge => 2,
            Rate::Buyers => 3,
        }
    }
}

/// How much more than usual the entity does at `time`: 1, except in regimes.
pub(super) fn level(settings: &Settings, time: EventTime, rate: Rate, entity: usize) -> f64 {
    let mut level = 1.0;
    for (n, regime) in settings.regimes.iter().enumerate() {
        if !regime.is_on(settings, time) {
            continue;
        }
        let own = |heterogeneity| {
            let index = ((n as u64) << 40) ^ (rate.number() << 34) ^ entity as u64;
            let mut random = stream(settings.seed, Purpose::Peak, index);
            lognormal_factor(&mut random, heterogeneity)
        };
        level *= match (regime.kind, rate) {
            (
                RegimeKind::Peak {
                    factor,
                    heterogeneity,
                },
                _,
            ) => factor * own(heterogeneity),
            (
                RegimeKind::Strike {
                    inductions, looks, ..
                },
                _,
            ) => match rate {
                Rate::Seller => inductions * own(0.3),
                Rate::Buyers => looks,
                Rate::Actor(Role::Support) => 3.0,
                Rate::Actor(Role::Customs) => 0.4,
                _ => 1.0,
            },
            (
                RegimeKind::Holiday {
                    factor,
                    heterogeneity,
                },
                Rate::Seller | Rate::Actor(Role::Seller),
            ) => factor * own(heterogeneity),
            _ => 1.0,
        };
    }
    level
}

/// How many times as long parcels that are accepted at `time` wait, and how often they are
/// inspected.
pub(super) fn dwell_and_checks(settings: &Settings, time: EventTime) -> (f64, f64) {
    for regime in &settings.regimes {
        if let RegimeKind::Strike { dwell, .. } = regime.kind
            && regime.is_on(settings, time)
        {
            return (dwell, 0.03);
        }
    }
    (1.0, 1.0)
}

/// Declares the parcel as a reform has it.
pub(super) fn reform(settings: &Settings, parcel: &mut Parcel, time: EventTime) {
    for regime in &settings.regimes {
        if let RegimeKind::Reform {
            commodities,
            values,
        } = regime.kind
            && regime.is_on(settings, time)
        {
            let dice = unit(mix(u64::from(parcel.commodity) ^ REFORM_SALT));
            if dice < commodities {
                parcel.commodity = (parcel.commodity + 1) % COMMODITIES.len() as u8;
            }
            parcel.value_cents = (f64::from(parcel.value_cents) * values).max(1.0) as u32;
        }
    }
}

/// Lets a look-up find nothing where it comes soon after an outage.
pub(super) fn trouble(settings: &Settings, touch: &mut Touch, time: EventTime, id: u64) {
    for regime in &settings.regimes {
        if let RegimeKind::Outage { misses } = regime.kind {
            let end = regime.end(settings);
            let is_person = match touch.who {
                Who::Buyer(_) => true,
                Who::Actor(_) => touch.records == 1,
            };
            if end <= time
                && time < end + AFTERMATH
                && is_person
                && unit(mix(id ^ MISS_SALT)) < misses
            {
                touch.find_nothing();
            }
        }
    }
}

/// From when to when nothing happens.
pub(super) fn outages(settings: &Settings) -> Vec<(EventTime, EventTime)> {
    let regimes = settings.regimes.iter();
    let outages = regimes.filter(|regime| matches!(regime.kind, RegimeKind::Outage { .. }));
    outages
        .map(|regime| (regime.start(settings), regime.end(settings)))
        .collect()
}

/// Outages of 5 to 90 minutes, as many a month as the settings say.
pub(super) fn random_outages(settings: &Settings) -> Vec<Regime> {
    let mut random = stream(settings.seed, Purpose::Outage, 0);
    let months = settings.days as f64 / 30.0;
    let count = poisson(&mut random, settings.outages_per_month * months);
    (0..count)
        .map(|_| {
            let minutes = between(&mut random, 5.0, 90.0);
            let after = between(&mut random, 0.0, settings.days as f64);
            Regime {
                kind: RegimeKind::Outage { misses: 0.0 },
                after: Span((after * Span::DAY.0 as f64) as i64),
                length: Span((minutes * Span::MINUTE.0 as f64) as i64),
            }
        })
        .collect()
}
