//! What a scenario is: a name, its parameters at three intensities, and how to cast it.

use super::casting::Casting;
use super::script::Script;
use super::{drift, harvesting, integrity, nuisance, probing};
use crate::domain::{AlertClass, EpisodeKind, Intensity};
use crate::simulate::random::{Random, between};
use crate::simulate::settings::Split;
use rand::Rng;
use std::fmt;

/// Parts that a range is cut into; the splits take them in turn.
const PARTS: u64 = 4;

/// A family of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The trade is copied.
    Harvesting,
    /// The supply chain is mapped or tested.
    Probing,
    /// Parcels or their papers are not what they say.
    Integrity,
    /// Harvesting that tries not to be seen.
    Drift,
    /// Neither an attack nor clean.
    Nuisance,
    /// Looks like an attack and is none.
    HardNegative,
}

impl Family {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Family::Harvesting => "harvesting",
            Family::Probing => "probing",
            Family::Integrity => "integrity",
            Family::Drift => "drift",
            Family::Nuisance => "nuisance",
            Family::HardNegative => "hard negative",
        }
    }
}

/// A parameter of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Smallest and largest value at each intensity.
    pub ranges: [(f64, f64); 3],
}

impl Parameter {
    /// A value from the part of the range that the split has. Ranges that are wide are cut and
    /// drawn from on a logarithmic scale.
    pub(in crate::simulate) fn draw(
        &self,
        intensity: Intensity,
        split: Split,
        random: &mut Random,
    ) -> f64 {
        let (low, high) = self.ranges[intensity as usize];
        let part = (random.next_u64() % (PARTS / 2) * 2) as f64 + split.index() as f64;
        let share = (part + between(random, 0.0, 1.0)) / PARTS as f64;
        if low > 0.0 && high > 1.5 * low {
            low * (high / low).powf(share)
        } else {
            low + (high - low) * share
        }
    }
}

/// A parameter with its range at low, middle and high intensity.
pub(super) const fn parameter(name: &'static str, ranges: [(f64, f64); 3]) -> Parameter {
    Parameter { name, ranges }
}

/// A parameter whose range is the same at every intensity.
pub(super) const fn constant(name: &'static str, low: f64, high: f64) -> Parameter {
    Parameter {
        name,
        ranges: [(low, high); 3],
    }
}

/// Something that can be put in.
pub struct Scenario {
    pub(super) name: &'static str,
    pub(super) family: Family,
    pub(super) class: AlertClass,
    pub(super) detections: &'static [&'static str],
    pub(super) about: &'static str,
    /// Hours of the day, in UTC, in which it usually begins.
    pub(super) hours: (i64, i64),
    pub(super) parameters: &'static [Parameter],
    pub(super) cast: fn(&mut Casting<'_>) -> Option<Script>,
}

impl Scenario {
    /// Every scenario, family by family.
    pub fn all() -> impl Iterator<Item = &'static Scenario> {
        let families = [
            harvesting::SCENARIOS,
            probing::SCENARIOS,
            integrity::SCENARIOS,
            drift::SCENARIOS,
            nuisance::SCENARIOS,
        ];
        families.into_iter().flatten()
    }

    /// Every attack.
    pub fn attacks() -> impl Iterator<Item = &'static Scenario> {
        Scenario::all().filter(|scenario| scenario.kind() == EpisodeKind::Attack)
    }

    /// The scenario of that name.
    pub fn named(name: &str) -> Option<&'static Scenario> {
        Scenario::all().find(|scenario| scenario.name == name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it belongs to.
    pub fn family(&self) -> Family {
        self.family
    }

    /// What an alert on it is.
    pub fn kind(&self) -> EpisodeKind {
        match self.family {
            Family::Nuisance => EpisodeKind::NuisanceBot,
            Family::HardNegative => EpisodeKind::HardNegative,
            _ => EpisodeKind::Attack,
        }
    }

    /// The class of the alerts that are due; attacks only.
    pub fn class(&self) -> Option<AlertClass> {
        (self.kind() == EpisodeKind::Attack).then_some(self.class)
    }

    /// The detections that are there to find it, or, of a hard negative, that it tempts.
    pub fn detections(&self) -> &'static [&'static str] {
        self.detections
    }

    /// What happens, in a sentence.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// Its parameters.
    pub fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    /// How many days an episode goes on at most, if all is drawn.
    pub fn days_at_most(&self, intensity: Intensity) -> f64 {
        let most = |name: &str| {
            let mut parameters = self.parameters.iter();
            parameters
                .find(|parameter| parameter.name == name)
                .map(|parameter| parameter.ranges[intensity as usize].1)
        };
        let hours = most("hours").or(most("days").map(|days| days * 24.0));
        (hours.unwrap_or(1.0) + most("lead").unwrap_or(0.0)) / 24.0
    }

    /// Hours of the day in UTC, the first and the one after the last, in which it usually begins.
    pub fn hours(&self) -> (i64, i64) {
        self.hours
    }
}

impl PartialEq for Scenario {
    fn eq(&self, other: &Scenario) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
