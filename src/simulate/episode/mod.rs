//! What is put in on top of the usual traffic, which goes on as it would without: attacks, hard
//! negatives and nuisances, each an episode with a label.
//!
//! ```text
//! Injection ─▶ Scenario ─▶ Casting (parameters, targets) ─▶ Script ─▶ Stage ─▶ Outbox
//!                                                             └────────▶ Ledger ─▶ labels
//! ```
//!
//! A scenario says what its parameters are, at three intensities, and how a script comes of them.
//! A script is made of few kinds of acts: reads, shares, parcels, meddling and diversions. The
//! stage plays the scripts minute by minute; the ledger counts what became of them.

pub(super) mod casting;
pub(super) mod ledger;
pub(super) mod reads;
mod scenario;
pub(super) mod script;
pub(super) mod stage;
pub(super) mod when;

mod drift;
mod harvesting;
mod integrity;
mod nuisance;
mod probing;

pub(super) use nuisance::SCRAPER;
pub use scenario::{Family, Parameter, Scenario};

use crate::domain::{Intensity, Span};

/// Something to put in. Its target and its parameters are drawn from the seed; episodes that go
/// on at the same time have different targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// What is done.
    pub scenario: &'static Scenario,
    /// When it begins, from the start of the run.
    pub after: Span,
    /// How strong it is.
    pub intensity: Intensity,
    /// Parameters that are given and not drawn, by name.
    pub given: Vec<(&'static str, f64)>,
}

impl Injection {
    /// With all parameters drawn.
    pub fn new(scenario: &'static Scenario, after: Span, intensity: Intensity) -> Injection {
        Injection {
            scenario,
            after,
            intensity,
            given: Vec::new(),
        }
    }

    /// The same with a parameter given.
    pub fn with(mut self, parameter: &'static str, value: f64) -> Injection {
        self.given.push((parameter, value));
        self
    }
}
