//! Alert records as they are read back, and the alerts they make.
//!
//! Every record of one id is one alert: the first firing record opened it, further ones raised
//! its severity, the resolved one repeats the strongest observation. At a stricter threshold the
//! alert would have opened with the first record that is strong enough; where only what the
//! resolved record repeats is, it would have opened then, as long after that window as the first
//! record came after its own.

use super::lenient::{Entity, Moment, Word, parse, plain};
use crate::domain::{AlertClass, AlertWindow, EntityMembers, EventTime};
use serde::Deserialize;
use std::collections::HashMap;

/// One record, with what evaluation needs of it.
#[derive(Clone, Debug)]
pub struct AlertRecord {
    id: String,
    firing: bool,
    detection: String,
    class: AlertClass,
    severity: String,
    entity: EntityMembers,
    members: Vec<EntityMembers>,
    window: AlertWindow,
    decided: EventTime,
    strength: f64,
    explanation: String,
}

#[derive(Deserialize)]
struct RecordIn {
    id: Word,
    status: String,
    detection: String,
    class: String,
    #[serde(default)]
    severity: Word,
    entity: Entity,
    #[serde(default)]
    members: Option<Vec<Entity>>,
    window: WindowIn,
    decided: Moment,
    false_alarms_per_day: f64,
    #[serde(default)]
    explanation: Word,
}

#[derive(Deserialize)]
struct WindowIn {
    start: Moment,
    end: Moment,
}

/// The class that a word names.
pub(super) fn class_of(word: &str) -> Result<AlertClass, String> {
    AlertClass::ALL
        .into_iter()
        .find(|class| class.name() == plain(word))
        .ok_or_else(|| {
            format!("`{word}` is not a class; there are harvesting, probing and integrity")
        })
}

impl AlertRecord {
    /// Reads a line of an alerts file.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn read(line: &[u8]) -> Result<AlertRecord, String> {
        let record: RecordIn = parse(line)?;
        let firing = match plain(&record.status).as_str() {
            "firing" => true,
            "resolved" => false,
            _ => {
                return Err(format!(
                    "`{}` is not a status; there are firing and resolved",
                    record.status
                ));
            }
        };
        let strength = record.false_alarms_per_day;
        if strength.is_nan() || strength < 0.0 {
            return Err(format!(
                "false_alarms_per_day is {strength}, which is no number of alarms"
            ));
        }
        let window = AlertWindow {
            start: record.window.start.0,
            end: record.window.end.0,
        };
        if window.end < window.start {
            return Err(String::from("the window ends before it starts"));
        }
        Ok(AlertRecord {
            id: record.id.0,
            firing,
            detection: record.detection,
            class: class_of(&record.class)?,
            severity: record.severity.0,
            entity: record.entity.0,
            members: record
                .members
                .unwrap_or_default()
                .into_iter()
                .map(|member| member.0)
                .collect(),
            window,
            decided: record.decided.0,
            strength,
            explanation: record.explanation.0,
        })
    }
}

/// What an alert saw at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sighting {
    /// False alarms a day at least this strong; smaller is stronger.
    pub(super) strength: f64,
    /// When the evidence was complete.
    pub(super) decided: EventTime,
    /// The window it was seen in.
    pub(super) window: AlertWindow,
    /// Thresholds above this have opened the alert before: infinite for what was written as
    /// firing.
    pub(super) until: f64,
}

/// One alert: all records of one id.
#[derive(Clone, Debug)]
pub struct RaisedAlert {
    pub(super) id: String,
    pub(super) detection: String,
    pub(super) class: AlertClass,
    pub(super) severity: String,
    pub(super) entity: EntityMembers,
    pub(super) members: Vec<EntityMembers>,
    pub(super) explanation: String,
    /// In the order in which they were decided; there is at least one that was firing.
    pub(super) sightings: Vec<Sighting>,
    pub(super) resolved: Option<EventTime>,
}

impl RaisedAlert {
    fn open(record: AlertRecord) -> RaisedAlert {
        let sighting = sighting(&record);
        RaisedAlert {
            id: record.id,
            detection: record.detection,
            class: record.class,
            severity: record.severity,
            entity: record.entity,
            members: record.members,
            explanation: record.explanation,
            sightings: vec![sighting],
            resolved: None,
        }
    }

    /// The first record, which opened it.
    pub(super) fn first(&self) -> &Sighting {
        &self.sightings[0]
    }

    /// Its strength: the strongest it ever was.
    pub(super) fn strength(&self) -> f64 {
        self.sightings
            .iter()
            .map(|sighting| sighting.strength)
            .fold(f64::INFINITY, f64::min)
    }

    /// Whom it names: its entity, and for a campaign its members.
    pub(super) fn names(&self) -> impl Iterator<Item = &EntityMembers> {
        std::iter::once(&self.entity)
            .chain(&self.members)
            .filter(|entity| !entity.is_empty())
    }

    fn add(&mut self, record: AlertRecord) {
        if record.firing {
            let sighting = sighting(&record);
            if sighting.strength < self.strength() {
                self.explanation = record.explanation;
                self.severity = record.severity;
            }
            let at = self
                .sightings
                .partition_point(|known| known.decided <= sighting.decided);
            self.sightings.insert(at, sighting);
        } else {
            let ended = self.resolved.get_or_insert(record.decided);
            *ended = record.decided.max(*ended);
            let strongest = self.strength();
            if record.strength < strongest {
                let first = self.first();
                let after = first.decided - first.window.end;
                self.sightings.push(Sighting {
                    strength: record.strength,
                    decided: record.window.end + after,
                    window: record.window,
                    until: strongest,
                });
            }
        }
        for member in record.members {
            if !self.members.contains(&member) {
                self.members.push(member);
            }
        }
    }
}

fn sighting(record: &AlertRecord) -> Sighting {
    Sighting {
        strength: record.strength,
        decided: record.decided,
        window: record.window,
        until: f64::INFINITY,
    }
}

/// Joins records to alerts, in the order in which the alerts opened.
#[derive(Debug, Default)]
pub struct AlertBook {
    alerts: Vec<RaisedAlert>,
    by_id: HashMap<String, usize>,
    orphans: u64,
}

impl AlertBook {
    /// Takes a record.
    pub fn add(&mut self, record: AlertRecord) {
        match self.by_id.get(&record.id) {
            Some(&at) => self.alerts[at].add(record),
            None if record.firing => {
                self.by_id.insert(record.id.clone(), self.alerts.len());
                self.alerts.push(RaisedAlert::open(record));
            }
            None => self.orphans += 1,
        }
    }

    /// Resolved records of alerts that never fired here: the file begins after them.
    pub fn orphans(&self) -> u64 {
        self.orphans
    }

    /// The alerts.
    pub fn finish(self) -> Vec<RaisedAlert> {
        self.alerts
    }
}
