//! Labels: what was put into traffic, beside the events and never in them.
//!
//! A labels file holds one JSON object a line. Who evaluates alerts reads it; no stage ever does.

use crate::domain::{AlertClass, EventTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Members and values that make an entity, as alerts write them.
pub type EntityMembers = BTreeMap<String, String>;

/// One line of a labels file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "label", rename_all = "snake_case")]
pub enum Label {
    /// The traffic as a whole; the first line.
    Run(RunLabel),
    /// A stretch of time in which something is unusual for everybody.
    Regime(RegimeLabel),
    /// Something that was put in.
    Episode(EpisodeLabel),
    /// An event that belongs to an episode; events without a label are benign.
    Event(EventLabel),
}

/// The traffic as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLabel {
    /// The seed it came from.
    pub seed: u64,
    /// First instant.
    pub start: EventTime,
    /// First instant after it.
    pub end: EventTime,
    /// What it is traffic of, in words.
    pub story: String,
}

/// A stretch of time in which something is unusual for everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeLabel {
    /// `peak`, `strike`, `holiday`, `outage`, `onboarding`, ...; all other time is ordinary.
    pub regime: String,
    /// First instant.
    pub start: EventTime,
    /// First instant after it.
    pub end: EventTime,
}

/// What kind of thing was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeKind {
    /// To be found.
    Attack,
    /// Looks like an attack and is none: an alert on it is false.
    HardNegative,
    /// A commodity scraper: neither; alerts on it are counted apart.
    NuisanceBot,
}

/// How strong an attack is, beside others of its scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intensity {
    /// Hard to see.
    Low,
    /// What the catalogue calls usual.
    Middle,
    /// Hard to miss.
    High,
}

impl Intensity {
    /// Every intensity, weakest first.
    pub const ALL: [Intensity; 3] = [Intensity::Low, Intensity::Middle, Intensity::High];

    /// As labels write it.
    pub fn name(self) -> &'static str {
        match self {
            Intensity::Low => "low",
            Intensity::Middle => "middle",
            Intensity::High => "high",
        }
    }
}

/// Something that was put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeLabel {
    /// Unique within a run.
    pub id: String,
    /// Attack, hard negative or nuisance.
    pub kind: EpisodeKind,
    /// Name of the scenario.
    pub scenario: String,
    /// How strong; attacks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intensity: Option<Intensity>,
    /// The class that an alert on it has; attacks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<AlertClass>,
    /// Detections that are there to find it.
    #[serde(default)]
    pub detections: Vec<String>,
    /// Every true key of it: an alert that names one of them is on it.
    pub entities: Vec<EntityMembers>,
    /// When it begins.
    pub start: EventTime,
    /// When it is over.
    pub end: EventTime,
    /// Events that belong to it.
    pub events: u64,
    /// Shipment records taken, as a curve: so many up to that time, at a few dozen points.
    #[serde(default)]
    pub taken: Vec<(EventTime, u64)>,
    /// One sentence.
    pub story: String,
}

impl EpisodeLabel {
    /// Whether an alert on `entity` names a true key of it: one of the two has every member of
    /// the other, with the same value.
    pub fn is_named_by<'e>(&self, entity: impl IntoIterator<Item = (&'e str, &'e str)>) -> bool {
        let entity: BTreeMap<&str, &str> = entity.into_iter().collect();
        !entity.is_empty()
            && self
                .entities
                .iter()
                .filter(|key| !key.is_empty())
                .any(|key| {
                    let shared = key
                        .iter()
                        .filter(|(name, value)| entity.get(name.as_str()) == Some(&value.as_str()));
                    let shared = shared.count();
                    shared == key.len() || shared == entity.len()
                })
    }
}

/// An event that belongs to an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLabel {
    /// `id` of the event.
    pub id: String,
    /// `id` of the episode.
    pub episode: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_on_an_episode_where_one_names_all_that_the_other_does() {
        let key = |pairs: &[(&str, &str)]| -> EntityMembers {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let label = EpisodeLabel {
            id: String::new(),
            kind: EpisodeKind::Attack,
            scenario: String::new(),
            intensity: None,
            class: None,
            detections: Vec::new(),
            entities: vec![
                key(&[("org", "o"), ("recipient", "r")]),
                key(&[("actor", "a")]),
            ],
            start: EventTime(0),
            end: EventTime(1),
            events: 0,
            taken: Vec::new(),
            story: String::new(),
        };
        assert!(label.is_named_by([("actor", "a")]));
        assert!(label.is_named_by([("actor", "a"), ("endpoint", "e")]));
        assert!(label.is_named_by([("org", "o")]));
        assert!(!label.is_named_by([("org", "o"), ("recipient", "s")]));
        assert!(!label.is_named_by([("actor", "b")]));
        assert!(!label.is_named_by([]));
    }

    #[test]
    fn labels_read_back_what_they_write() {
        let label = Label::Episode(EpisodeLabel {
            id: String::from("3-id_space_walk"),
            kind: EpisodeKind::Attack,
            scenario: String::from("id_space_walk"),
            intensity: Some(Intensity::Low),
            class: Some(AlertClass::Harvesting),
            detections: vec![String::from("id_space_walk")],
            entities: vec![EntityMembers::from([(
                String::from("actor"),
                String::from("key-17"),
            )])],
            start: EventTime(1_767_571_200_000),
            end: EventTime(1_767_571_260_500),
            events: 7,
            taken: vec![(EventTime(1_767_571_260_500), 7)],
            story: String::from("Somebody counts upwards."),
        });
        let line = serde_json::to_string(&label).unwrap();
        assert!(
            line.starts_with(r#"{"label":"episode""#) && line.contains("2026-01-05T00:01:00.5Z")
        );
        assert_eq!(serde_json::from_str::<Label>(&line).unwrap(), label);
    }
}
