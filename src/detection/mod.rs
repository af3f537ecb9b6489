//! What is looked for: a detection names an entity, a measure, windows and a test.
//!
//! [`Detection`] is one entry of the catalogue, resolved; [`Plan`] is the catalogue compiled into
//! groups, so that detections that look at the same entity and the same events share their
//! measuring. Imports only the domain and the measures.

mod condition;
mod parcels;
mod plan;
mod template;

pub use condition::{Condition, Lists, Requirement};
pub use parcels::{Missing, ParcelNeeds};
pub use plan::{Group, GroupId, Plan, Series, SeriesId, Slot, window_conflict};
pub use template::{Figures, Template};

use crate::domain::{AlertClass, Member, Severity, Span};
use crate::measure::{Expression, Function, Quantity};
use serde::{Deserialize, Serialize};

/// Which departures from the baseline count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// More than expected.
    Up,
    /// Less than expected.
    Down,
    /// Either.
    Both,
}

impl Direction {
    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
            Direction::Both => "both",
        }
    }
}

/// How a window is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// A count against its negative binomial predictive.
    Rate(Direction),
    /// A sum against how large as many events usually are.
    Sum,
    /// A share against its beta-binomial predictive, once there are this many trials.
    Ratio {
        /// Trials in the window below which the share is not judged.
        trials_min: u64,
    },
    /// A mix of categories: whether one has a larger share than usual.
    Mix {
        /// Events in the window below which the mix is not judged.
        trials_min: u64,
    },
    /// A histogram: whether all values have moved.
    Location {
        /// Which way.
        direction: Direction,
        /// Values in the window below which they are not judged.
        trials_min: u64,
    },
    /// A count that is a little higher than usual for many windows on end, or, looking down, lower.
    Cumulative(Direction),
    /// Arrivals more regular than chance, of an entity whose arrivals were not.
    Regular,
    /// An entity seen for the first time, weighed by how much it carries.
    FirstSeen,
    /// An entity that is rarely seen, among those that come.
    Rare,
    /// A fixed rule: the measure reaches this value.
    Rule {
        /// The value that is reached.
        at_least: u64,
    },
}

impl Test {
    /// Whether it fires whenever it is met, whatever the budget.
    pub fn is_rule(self) -> bool {
        matches!(self, Test::Rule { .. })
    }

    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Test::Rate(_) => "rate",
            Test::Sum => "sum",
            Test::Ratio { .. } => "ratio",
            Test::Mix { .. } => "mix",
            Test::Location { .. } => "location",
            Test::Cumulative(_) => "cumulative",
            Test::Regular => "regular",
            Test::FirstSeen => "first_seen",
            Test::Rare => "rare",
            Test::Rule { .. } => "rule",
        }
    }
}

/// Thresholds and words: what may change without touching a baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Whether it may raise alerts. One that is switched off while it runs keeps its baselines.
    pub enabled: bool,
    /// What the observation could mean.
    pub class: AlertClass,
    /// Share of the budget, as a weight: normalised over all detections.
    pub weight: f64,
    /// Smallest observed / expected, or its inverse, that is worth an alert.
    pub min_effect: f64,
    /// Smallest |observed - expected| that is worth an alert.
    pub min_difference: f64,
    /// Smallest effective number of members of a group worth an alert.
    pub min_members: f64,
    /// Conditions on the entity under which it is as agreed: where there are any and all of them
    /// hold, its alerts are muted.
    pub unless: Vec<Condition>,
    /// Severity of an alert that is no stronger than its threshold.
    pub severity: Severity,
    /// The sentence that explains an alert.
    pub explain: Template,
    /// What else it could be.
    pub benign_causes: Vec<String>,
    /// What it cannot see, for whoever relies on it.
    pub cannot_see: String,
    /// ATT&CK, OWASP, CAPEC identifiers.
    pub references: Vec<String>,
}

/// One entry of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Its name, a label on every metric.
    pub name: String,
    /// Members whose values make the entity.
    pub entity: Vec<Member>,
    /// The member whose value names the class of entities that lend each other their
    /// statistics (the role, say); without one, all entities are one class.
    pub pool: Option<Member>,
    /// Which events count.
    pub conditions: Vec<Condition>,
    /// What is measured.
    pub measure: Expression,
    /// The member whose values an alert names as those the entity is made of.
    pub members: Option<Member>,
    /// Lengths of the windows that are judged, shortest first.
    pub windows: Vec<Span>,
    /// How a window is judged.
    pub test: Test,
    /// Thresholds and words.
    pub policy: Policy,
}

impl Detection {
    /// The quantity whose sum is judged against the number of its summands.
    pub fn summed(&self) -> Option<Quantity> {
        match (self.test, self.measure.of.function) {
            (Test::Sum, Function::Sum(quantity)) => Some(quantity),
            _ => None,
        }
    }
}
