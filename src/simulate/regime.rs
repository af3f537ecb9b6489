//! Stretches of time in which something is unusual for everybody.

use super::random::{Purpose, lognormal_factor, stream};
use super::settings::Settings;
use crate::domain::{EventTime, RegimeLabel, Span};

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
        }
    }

    fn is_on(&self, settings: &Settings, time: EventTime) -> bool {
        let start = settings.start + self.after;
        start <= time && time < start + self.length
    }

    /// Its label.
    pub(super) fn label(&self, settings: &Settings) -> RegimeLabel {
        let start = settings.start + self.after;
        RegimeLabel {
            regime: self.name().to_owned(),
            start,
            end: start + self.length,
        }
    }
}

/// Kinds of entities whose rates regimes change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Seller,
    Actor,
    Edge,
    Buyers,
}

/// How much more than usual the entity does at `time`: 1, except in regimes.
pub(super) fn level(settings: &Settings, time: EventTime, rate: Rate, entity: usize) -> f64 {
    let mut level = 1.0;
    for (n, regime) in settings.regimes.iter().enumerate() {
        if !regime.is_on(settings, time) {
            continue;
        }
        match regime.kind {
            RegimeKind::Peak {
                factor,
                heterogeneity,
            } => {
                let index = ((n as u64) << 40) ^ ((rate as u64) << 34) ^ entity as u64;
                let mut random = stream(settings.seed, Purpose::Peak, index);
                level *= factor * lognormal_factor(&mut random, heterogeneity);
            }
        }
    }
    level
}
