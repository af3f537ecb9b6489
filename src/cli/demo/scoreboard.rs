//! What was injected, beside what was found.

use crate::domain::{Alert, EpisodeKind, EpisodeLabel, EventTime, Span};
use std::collections::BTreeSet;
use std::fmt::Write;

#[derive(Clone, Debug)]
struct Injected {
    episode: EpisodeLabel,
    told: bool,
    /// The first alert on it: which detection, and how long after it began.
    found: Option<(String, Span)>,
}

/// Keeps score.
#[derive(Clone, Debug)]
pub(super) struct Scoreboard {
    injected: Vec<Injected>,
    /// Ids of alerts that name nothing injected.
    others: BTreeSet<String>,
    begun: usize,
}

impl Scoreboard {
    pub(super) fn new(episodes: Vec<EpisodeLabel>) -> Scoreboard {
        let mut injected: Vec<Injected> = episodes
            .into_iter()
            .filter(|episode| episode.kind == EpisodeKind::Attack)
            .map(|episode| Injected {
                episode,
                told: false,
                found: None,
            })
            .collect();
        injected.sort_by_key(|injected| injected.episode.start);
        Scoreboard {
            injected,
            others: BTreeSet::new(),
            begun: 0,
        }
    }

    /// The stories of what has begun and was not told yet.
    pub(super) fn begun_by(&mut self, now: EventTime) -> Vec<String> {
        let mut stories = Vec::new();
        for injected in &mut self.injected {
            if injected.episode.start <= now && !injected.told {
                injected.told = true;
                self.begun += 1;
                stories.push(injected.episode.story.clone());
            }
        }
        stories
    }

    /// Books a firing alert; gives the story of what it found.
    pub(super) fn note(&mut self, alert: &Alert) -> Option<&str> {
        let found = self.injected.iter_mut().find(|injected| {
            let episode = &injected.episode;
            let entity = alert.entity.iter();
            episode.is_named_by(entity.map(|(name, value)| (*name, value.as_str())))
                && alert.window.start < episode.end
                && alert.window.end > episode.start
        });
        let Some(injected) = found else {
            self.others.insert(alert.id.clone());
            return None;
        };
        let after = alert.decided - injected.episode.start;
        injected
            .found
            .get_or_insert_with(|| (alert.detection.clone(), after));
        Some(&injected.episode.story)
    }

    fn found(&self) -> usize {
        self.injected
            .iter()
            .filter(|injected| injected.found.is_some())
            .count()
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        format!(
            "{} of {} attacks found, {} other alerts",
            self.found(),
            self.begun,
            self.others.len()
        )
    }

    /// All that had begun by `now`, for the end.
    pub(super) fn table(&self, now: EventTime, began: EventTime) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{:<22} {:<36} {:<24} after",
            "injected", "into", "found by"
        );
        let mut kinds = BTreeSet::new();
        for injected in &self.injected {
            let episode = &injected.episode;
            if episode.start > now {
                continue;
            }
            let entity = episode.entities.first();
            let entity: Vec<&str> = (entity.into_iter())
                .flat_map(|entity| entity.values().map(String::as_str))
                .collect();
            let _ = write!(text, "{:<22} {:<36} ", episode.scenario, entity.join(" / "));
            let _ = match &injected.found {
                Some((detection, after)) => {
                    kinds.insert(detection);
                    writeln!(text, "{detection:<24} {} min", after.0 / Span::MINUTE.0)
                }
                None if episode.end > now => writeln!(text, "still going on"),
                None => writeln!(text, "not found"),
            };
        }
        let days = (now - began).0 as f64 / Span::DAY.0 as f64;
        let _ = writeln!(
            text,
            "\n{}, by {} kinds of detection; {:.1} alerts a day on what was not injected",
            self.summary(),
            kinds.len(),
            self.others.len() as f64 / days.max(1e-9)
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertClass, AlertStatus, AlertWindow, Maturity, Severity};
    use std::collections::BTreeMap;

    fn episode(actor: &str, start: i64) -> EpisodeLabel {
        EpisodeLabel {
            id: format!("{actor}-{start}"),
            kind: EpisodeKind::Attack,
            scenario: String::from("actor_volume_surge"),
            intensity: None,
            class: Some(AlertClass::Harvesting),
            detections: Vec::new(),
            entities: vec![BTreeMap::from([(String::from("actor"), actor.to_owned())])],
            events: 0,
            taken: Vec::new(),
            start: EventTime(start),
            end: EventTime(start + 100),
            story: format!("{actor} reads a lot"),
        }
    }

    fn alert(actor: &str, start: i64) -> Alert {
        Alert {
            id: format!("alert-{actor}-{start}"),
            status: AlertStatus::Firing,
            detection: String::from("actor_fanout_spread"),
            class: AlertClass::Harvesting,
            severity: Severity::Warning,
            entity: BTreeMap::from([("actor", actor.to_owned())]),
            window: AlertWindow {
                start: EventTime(start),
                end: EventTime(start + 50),
            },
            decided: EventTime(start + 60_000),
            measure: String::from("count"),
            observed: 9.0,
            expected: 1.0,
            p_value: 1e-9,
            false_alarms_per_day: 1e-3,
            evidence: Vec::new(),
            records: 9,
            explanation: String::new(),
            maturity: Maturity::Mature,
            benign_causes: Vec::new(),
            references: Vec::new(),
        }
    }

    #[test]
    fn an_alert_finds_what_it_names_while_it_went_on_and_nothing_else() {
        let mut board = Scoreboard::new(vec![episode("eve", 1_000), episode("mallory", 2_000)]);
        assert_eq!(board.begun_by(EventTime(1_500)), ["eve reads a lot"]);
        assert!(board.begun_by(EventTime(1_500)).is_empty());
        assert_eq!(board.note(&alert("eve", 1_090)), Some("eve reads a lot"));
        assert_eq!(board.note(&alert("eve", 1_100)), None);
        assert_eq!(board.note(&alert("bob", 1_010)), None);
        assert_eq!(board.summary(), "1 of 1 attacks found, 2 other alerts");
        board.begun_by(EventTime(2_200));
        let table = board.table(EventTime(2_200), EventTime(0));
        assert!(table.contains("actor_fanout_spread      1 min"), "{table}");
        assert!(table.contains("not found"), "{table}");
    }

    #[test]
    fn what_has_not_begun_is_not_in_the_table() {
        let board = Scoreboard::new(vec![episode("eve", 1_000)]);
        assert!(!board.table(EventTime(500), EventTime(0)).contains("eve"));
    }
}
