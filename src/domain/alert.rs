//! The alert record of `alert.schema.json`: an observation against a baseline, never an accusation.

use crate::domain::EventTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the observation could mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertClass {
    /// Somebody copies the trade.
    Harvesting,
    /// Somebody maps or tests the supply chain.
    Probing,
    /// The flow of goods departs from what it was.
    Integrity,
}

impl AlertClass {
    /// Every class.
    pub const ALL: [AlertClass; 3] = [
        AlertClass::Harvesting,
        AlertClass::Probing,
        AlertClass::Integrity,
    ];

    /// As the schema writes it.
    pub fn name(self) -> &'static str {
        match self {
            AlertClass::Harvesting => "harvesting",
            AlertClass::Probing => "probing",
            AlertClass::Integrity => "integrity",
        }
    }
}

/// How urgent it is that somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look today.
    Warning,
    /// Worth a look now.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// As the schema writes it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Where an episode is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Opened, or grown more severe.
    Firing,
    /// Nothing more was seen for a while.
    Resolved,
}

/// How much history the baseline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    /// Less than a day: judged by its class.
    New,
    /// Less than a week.
    Young,
    /// A week or more.
    Mature,
}

impl Maturity {
    /// As the schema writes it.
    pub fn name(self) -> &'static str {
        match self {
            Maturity::New => "new",
            Maturity::Young => "young",
            Maturity::Mature => "mature",
        }
    }
}

/// The window in event time that an observation was made in, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertWindow {
    /// First instant of the window.
    pub start: EventTime,
    /// First instant after it.
    pub end: EventTime,
}

impl AlertWindow {
    /// Whether the two have an instant in common.
    pub fn overlaps(self, other: AlertWindow) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// One measure's share in an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The measure, as the configuration writes it.
    pub measure: String,
    /// Its value in the window.
    pub observed: f64,
    /// What the baseline expected.
    pub expected: f64,
    /// How likely a value at least this far off was.
    pub p_value: f64,
    /// The window, where it is another than the alert's.
    pub window: AlertWindow,
}

/// One alert record, a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The same for every record of an episode, on every run.
    pub id: String,
    /// Firing or resolved.
    pub status: AlertStatus,
    /// Name of the detection.
    pub detection: String,
    /// Class of the detection.
    pub class: AlertClass,
    /// Severity, the strongest so far.
    pub severity: Severity,
    /// Members and values of the entity.
    pub entity: BTreeMap<&'static str, String>,
    /// Those that a group is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<BTreeMap<&'static str, String>>,
    /// The window of the strongest observation so far.
    pub window: AlertWindow,
    /// Event time at which the evidence was complete.
    pub decided: EventTime,
    /// The measure, as the configuration writes it.
    pub measure: String,
    /// Its value.
    pub observed: f64,
    /// What the baseline expected.
    pub expected: f64,
    /// How likely a value at least this far off was; floored at 1e-300.
    pub p_value: f64,
    /// Alarms a day at least this strong on quiet traffic, over the whole daemon.
    pub false_alarms_per_day: f64,
    /// Every window of the detection that spoke, strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Shipment records touched in the window.
    pub records: u64,
    /// One sentence in plain words.
    pub explanation: String,
    /// How much history the baseline has.
    pub maturity: Maturity,
    /// What else it could be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub benign_causes: Vec<String>,
    /// ATT&CK, OWASP, CAPEC identifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}
