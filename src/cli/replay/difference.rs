//! What a second configuration makes of the same events: alerts that it adds, drops, or moves in
//! time or severity.
//!
//! Episodes are held against each other by detection, entity and time: two that overlap are the
//! same thing seen twice, whatever their identifiers, which follow from when an episode began.

use crate::domain::{Alert, AlertClass, AlertStatus, EventTime, Severity, label_of};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Differences told in words at the most.
const TOLD: usize = 20;

/// An episode, from its records.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Episode {
    id: String,
    #[serde(skip)]
    detection: String,
    #[serde(skip)]
    class: AlertClass,
    #[serde(skip)]
    entity: BTreeMap<&'static str, String>,
    /// When it was first told of.
    decided: EventTime,
    /// When it was over; `None` where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<EventTime>,
    /// The strongest.
    severity: Severity,
    false_alarms_per_day: f64,
    explanation: String,
    /// The beginning of the window that it was first seen in.
    #[serde(skip)]
    began: EventTime,
}

impl Episode {
    fn overlaps(&self, other: &Episode) -> bool {
        let over = |episode: &Episode| episode.resolved.unwrap_or(EventTime::MAX);
        self.began < over(other) && other.began < over(self)
    }
}

/// The episodes that records tell of, by detection and entity, each in the order of time.
fn episodes(records: &[Alert]) -> BTreeMap<(String, String), Vec<Episode>> {
    let mut all: BTreeMap<(String, String), Vec<Episode>> = BTreeMap::new();
    for record in records {
        let key = (record.detection.clone(), label_of(&record.entity));
        let known = all.entry(key).or_default();
        // The last of its id: an episode that comes back at once would have another.
        let episode = known.iter_mut().rfind(|episode| episode.id == record.id);
        match (record.status, episode) {
            (AlertStatus::Firing, None) => known.push(Episode {
                id: record.id.clone(),
                detection: record.detection.clone(),
                class: record.class,
                entity: record.entity.clone(),
                decided: record.decided,
                resolved: None,
                severity: record.severity,
                false_alarms_per_day: record.false_alarms_per_day,
                explanation: record.explanation.clone(),
                began: record.window.start,
            }),
            (AlertStatus::Firing, Some(episode)) => {
                episode.severity = episode.severity.max(record.severity);
                episode.false_alarms_per_day = record.false_alarms_per_day;
                episode.explanation.clone_from(&record.explanation);
            }
            (AlertStatus::Resolved, Some(episode)) => episode.resolved = Some(record.decided),
            (AlertStatus::Resolved, None) => {}
        }
    }
    all
}

/// What became of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// The other configuration alone raises it.
    Added,
    /// The other configuration does not raise it.
    Dropped,
    /// It is told of earlier or later.
    Moved,
    /// It is more severe, or less.
    Severity,
}

impl Change {
    const ALL: [Change; 4] = [
        Change::Added,
        Change::Dropped,
        Change::Moved,
        Change::Severity,
    ];

    fn name(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Dropped => "dropped",
            Change::Moved => "moved",
            Change::Severity => "severity",
        }
    }
}

/// One episode that is not the same in both.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Difference {
    pub(super) changes: Vec<Change>,
    detection: String,
    class: AlertClass,
    entity: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ours: Option<Episode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theirs: Option<Episode>,
}

impl Difference {
    fn of(ours: Option<&Episode>, theirs: Option<&Episode>) -> Option<Difference> {
        let changes = match (ours, theirs) {
            (None, Some(_)) => vec![Change::Added],
            (Some(_), None) => vec![Change::Dropped],
            (Some(ours), Some(theirs)) => {
                let moved = (ours.decided != theirs.decided).then_some(Change::Moved);
                let severity = (ours.severity != theirs.severity).then_some(Change::Severity);
                moved.into_iter().chain(severity).collect()
            }
            (None, None) => Vec::new(),
        };
        let either = ours.or(theirs).filter(|_| !changes.is_empty())?;
        Some(Difference {
            changes,
            detection: either.detection.clone(),
            class: either.class,
            entity: either.entity.clone(),
            ours: ours.cloned(),
            theirs: theirs.cloned(),
        })
    }

    /// When either was first told of.
    fn decided(&self) -> EventTime {
        let decided = |episode: &Option<Episode>| episode.as_ref().map(|one| one.decided);
        let both = [decided(&self.ours), decided(&self.theirs)];
        both.into_iter().flatten().min().unwrap_or(EventTime::MIN)
    }

    /// In one line.
    fn words(&self) -> String {
        let changes: Vec<&str> = self.changes.iter().map(|change| change.name()).collect();
        let mut text = format!("{:<17}", changes.join(", "));
        let pair = self.ours.as_ref().zip(self.theirs.as_ref());
        // Writing into a string cannot fail.
        let _ = match pair {
            Some((ours, theirs)) if ours.decided != theirs.decided => {
                write!(text, " {} -> {}", ours.decided, theirs.decided)
            }
            _ => write!(text, " {}", self.decided()),
        };
        let _ = match pair {
            Some((ours, theirs)) if ours.severity != theirs.severity => {
                write!(
                    text,
                    " {} -> {}",
                    ours.severity.name(),
                    theirs.severity.name()
                )
            }
            _ => {
                let either = self.theirs.as_ref().or(self.ours.as_ref());
                let severity = either.map_or("", |either| either.severity.name());
                write!(text, " {severity}")
            }
        };
        let either = self.theirs.as_ref().or(self.ours.as_ref());
        let explanation = either.map_or("", |either| either.explanation.as_str());
        let _ = write!(text, " {}: {explanation}", self.detection);
        text
    }
}

/// Where the records of two configurations differ, in the order of time.
pub(super) fn compare(ours: &[Alert], theirs: &[Alert]) -> Vec<Difference> {
    let mut theirs = episodes(theirs);
    let mut differences = Vec::new();
    for (key, ours) in episodes(ours) {
        let mut theirs = theirs.remove(&key).unwrap_or_default();
        for ours in &ours {
            // Those of before it have met nothing, and never will: both lists run with time.
            let partner = theirs.iter().position(|theirs| ours.overlaps(theirs));
            let before: Vec<Episode> = match partner {
                Some(position) => theirs.drain(..=position).collect(),
                None => Vec::new(),
            };
            let (partner, alone) = match before.split_last() {
                Some((partner, alone)) => (Some(partner), alone),
                None => (None, &[][..]),
            };
            differences.extend(
                alone
                    .iter()
                    .filter_map(|one| Difference::of(None, Some(one))),
            );
            differences.extend(Difference::of(Some(ours), partner));
        }
        differences.extend(
            theirs
                .iter()
                .filter_map(|one| Difference::of(None, Some(one))),
        );
    }
    for theirs in theirs.values().flatten() {
        differences.extend(Difference::of(None, Some(theirs)));
    }
    differences.sort_by(|one, other| {
        let key = |difference: &Difference| (difference.decided(), difference.detection.clone());
        key(one)
            .cmp(&key(other))
            .then_with(|| one.entity.cmp(&other.entity))
    });
    differences
}

/// Counts per detection and day, and some in words.
pub(super) fn report(differences: &[Difference], other: &str) -> String {
    let mut text = format!("\nagainst {other}: ");
    if differences.is_empty() {
        text.push_str("the same alerts\n");
        return text;
    }
    let count = |change: Change, among: &[&Difference]| {
        let has = |difference: &&&Difference| difference.changes.contains(&change);
        among.iter().filter(has).count()
    };
    let all: Vec<&Difference> = differences.iter().collect();
    let totals = Change::ALL.map(|change| format!("{} {}", count(change, &all), change.name()));
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}\n", totals.join(", "));
    let mut days: BTreeMap<(&str, String), Vec<&Difference>> = BTreeMap::new();
    for difference in differences {
        let day: String = difference.decided().to_string().chars().take(10).collect();
        let key = (difference.detection.as_str(), day);
        days.entry(key).or_default().push(difference);
    }
    let heads = Change::ALL.map(|change| format!("{:>9}", change.name()));
    let _ = writeln!(text, "{:<28} {:<10}{}", "detection", "day", heads.concat());
    for ((detection, day), among) in &days {
        let counts = Change::ALL.map(|change| format!("{:>9}", count(change, among)));
        let _ = writeln!(text, "{detection:<28} {day}{}", counts.concat());
    }
    text.push('\n');
    for difference in differences.iter().take(TOLD) {
        let _ = writeln!(text, "  {}", difference.words());
    }
    if differences.len() > TOLD {
        let more = differences.len() - TOLD;
        let _ = writeln!(text, "  and {more} more; --diff FILE writes all of them");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertWindow, Maturity, Span};

    fn record(actor: &str, status: AlertStatus, hour: i64, severity: Severity) -> Alert {
        let end = EventTime(0) + Span::hours(hour);
        Alert {
            id: format!("{actor}-{hour}"),
            status,
            detection: String::from("actor_volume_surge"),
            class: AlertClass::Harvesting,
            severity,
            entity: BTreeMap::from([("actor", actor.to_owned())]),
            window: AlertWindow {
                start: end - Span::HOUR,
                end,
            },
            decided: end,
            measure: String::from("count"),
            observed: 9.0,
            expected: 1.0,
            p_value: 1e-9,
            false_alarms_per_day: 0.1,
            evidence: Vec::new(),
            records: 9,
            explanation: format!("{actor} did much"),
            maturity: Maturity::Mature,
            benign_causes: Vec::new(),
            references: Vec::new(),
        }
    }

    /// An episode from one hour to another.
    fn episode(actor: &str, hours: (i64, i64), severity: Severity) -> Vec<Alert> {
        let first = record(actor, AlertStatus::Firing, hours.0, severity);
        let last = Alert {
            id: first.id.clone(),
            ..record(actor, AlertStatus::Resolved, hours.1, severity)
        };
        vec![first, last]
    }

    fn told(ours: &[Vec<Alert>], theirs: &[Vec<Alert>]) -> Vec<(String, Vec<Change>)> {
        compare(&ours.concat(), &theirs.concat())
            .into_iter()
            .map(|difference| (difference.entity["actor"].clone(), difference.changes))
            .collect()
    }

    #[test]
    fn episodes_are_matched_by_time_and_not_by_their_identifiers() {
        use Severity::{Critical, Warning};
        let ours = [
            episode("same", (2, 9), Warning),
            episode("later", (2, 9), Warning),
            episode("worse", (2, 9), Warning),
            episode("both", (2, 9), Warning),
            episode("gone", (2, 9), Warning),
        ];
        let theirs = [
            episode("same", (2, 9), Warning),
            episode("later", (5, 9), Warning),
            episode("worse", (2, 9), Critical),
            episode("both", (1, 9), Critical),
            episode("new", (2, 9), Warning),
        ];
        let mut told = told(&ours, &theirs);
        told.sort();
        let expected = [
            ("both", vec![Change::Moved, Change::Severity]),
            ("gone", vec![Change::Dropped]),
            ("later", vec![Change::Moved]),
            ("new", vec![Change::Added]),
            ("worse", vec![Change::Severity]),
        ];
        assert_eq!(
            told,
            expected.map(|(actor, change)| (actor.to_owned(), change))
        );
    }

    #[test]
    fn episodes_that_do_not_overlap_are_two_and_each_is_matched_once() {
        use Severity::Warning;
        let apart = told(
            &[episode("a", (2, 4), Warning)],
            &[episode("a", (9, 12), Warning)],
        );
        let changes: Vec<_> = apart.into_iter().map(|(_, changes)| changes).collect();
        assert_eq!(changes, [vec![Change::Dropped], vec![Change::Added]]);
        // One long episode stands for the first of two short ones.
        let halves = [episode("a", (2, 4), Warning), episode("a", (6, 8), Warning)];
        let whole = [episode("a", (2, 8), Warning)];
        assert_eq!(
            told(&whole, &halves),
            [(String::from("a"), vec![Change::Added])]
        );
        assert_eq!(
            told(&halves, &whole),
            [(String::from("a"), vec![Change::Dropped])]
        );
        // What came before it is added, and does not take its place.
        let early = [
            episode("a", (2, 3), Warning),
            episode("a", (9, 12), Warning),
        ];
        let late = [episode("a", (9, 12), Warning)];
        assert_eq!(
            told(&late, &early),
            [(String::from("a"), vec![Change::Added])]
        );
    }

    #[test]
    fn a_rise_in_severity_is_part_of_its_episode_and_an_open_one_never_ends() {
        let rise = |severity| record("a", AlertStatus::Firing, 2, severity);
        let ours = vec![rise(Severity::Warning), rise(Severity::Critical)];
        let theirs = [
            vec![rise(Severity::Critical)],
            episode("b", (99, 100), Severity::Info),
        ];
        let differences = compare(&ours, &theirs.concat());
        assert_eq!(differences.len(), 1);
        let report = report(&differences, "other.yaml");
        assert!(
            report.contains("1 added, 0 dropped, 0 moved, 0 severity"),
            "{report}"
        );
        assert!(report.contains("1970-01-05"), "{report}");
        assert!(compare(&ours, &ours).is_empty());
    }
}
