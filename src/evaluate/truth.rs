//! Labels as they are read back: what was put into the traffic.

use super::lenient::{Entity, Moment, Word, parse, plain};
use super::record::class_of;
use crate::domain::{
    EpisodeKind, EpisodeLabel, EventTime, Intensity, Label, RegimeLabel, RunLabel, Span,
};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What was put into one run's traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// The traffic as a whole.
    pub run: Option<RunLabel>,
    /// Stretches of time that are unusual for everybody.
    pub regimes: Vec<RegimeLabel>,
    /// Attacks, hard negatives and nuisances.
    pub episodes: Vec<EpisodeLabel>,
    /// Labels of single events, which are counted and not kept.
    pub events: u64,
    /// Labels of a kind that is not known, which are ignored.
    pub unknown: u64,
    ids: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    label: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RunIn {
    #[serde(default)]
    seed: u64,
    start: Moment,
    end: Moment,
    #[serde(default)]
    story: String,
}

#[derive(Deserialize)]
struct RegimeIn {
    regime: String,
    start: Moment,
    end: Moment,
}

#[derive(Deserialize)]
struct EpisodeIn {
    id: Word,
    kind: String,
    scenario: String,
    intensity: Option<Word>,
    class: Option<String>,
    #[serde(default)]
    detections: Option<Vec<String>>,
    #[serde(default)]
    entities: Option<Vec<Entity>>,
    start: Moment,
    end: Moment,
    #[serde(default)]
    events: u64,
    #[serde(default)]
    taken: Option<Vec<(Moment, f64)>>,
    #[serde(default)]
    story: String,
}

fn in_order(start: EventTime, end: EventTime) -> Result<(), String> {
    if end < start {
        return Err(format!("it ends at {end}, before it starts at {start}"));
    }
    Ok(())
}

fn kind_of(word: &str) -> Result<EpisodeKind, String> {
    match plain(word).as_str() {
        "attack" => Ok(EpisodeKind::Attack),
        "hard_negative" => Ok(EpisodeKind::HardNegative),
        "nuisance_bot" | "nuisance" => Ok(EpisodeKind::NuisanceBot),
        _ => Err(format!(
            "`{word}` is not a kind of episode; there are attack, hard_negative and nuisance_bot"
        )),
    }
}

fn intensity_of(word: &str) -> Result<Intensity, String> {
    match plain(word).as_str() {
        "low" => Ok(Intensity::Low),
        "middle" | "medium" | "mid" => Ok(Intensity::Middle),
        "high" => Ok(Intensity::High),
        _ => Err(format!(
            "`{word}` is not an intensity; there are low, middle and high"
        )),
    }
}

fn episode_of(read: EpisodeIn) -> Result<EpisodeLabel, String> {
    let (start, end) = (read.start.0, read.end.0);
    in_order(start, end)?;
    let kind = kind_of(&read.kind)?;
    let entities: Vec<_> = read
        .entities
        .unwrap_or_default()
        .into_iter()
        .map(|entity| entity.0)
        .filter(|entity| !entity.is_empty())
        .collect();
    if kind == EpisodeKind::Attack && entities.is_empty() {
        return Err(format!(
            "the attack {} names no entity, so no alert could be on it",
            read.id.0
        ));
    }
    let mut taken = Vec::new();
    for (at, records) in read.taken.unwrap_or_default() {
        if records.is_nan() || records < 0.0 {
            return Err(format!("taken holds {records}, which is no number"));
        }
        taken.push((at.0, records as u64));
    }
    taken.sort_by_key(|(at, _)| *at);
    if taken.windows(2).any(|pair| pair[1].1 < pair[0].1) {
        return Err(String::from(
            "taken falls; each point is how much was taken up to then",
        ));
    }
    Ok(EpisodeLabel {
        id: read.id.0,
        kind,
        scenario: read.scenario,
        intensity: read
            .intensity
            .map(|word| intensity_of(&word.0))
            .transpose()?,
        class: read.class.as_deref().map(class_of).transpose()?,
        detections: read.detections.unwrap_or_default(),
        entities,
        start,
        end,
        events: read.events,
        taken,
        story: read.story,
    })
}

impl Truth {
    /// Takes a line of a labels file.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn read(&mut self, line: &[u8]) -> Result<(), String> {
        let label = match parse::<Tag<'_>>(line)?.label.as_ref() {
            "event" => {
                self.events += 1;
                return Ok(());
            }
            "run" => {
                let read: RunIn = parse(line)?;
                Label::Run(RunLabel {
                    seed: read.seed,
                    start: read.start.0,
                    end: read.end.0,
                    story: read.story,
                })
            }
            "regime" => {
                let read: RegimeIn = parse(line)?;
                Label::Regime(RegimeLabel {
                    regime: read.regime,
                    start: read.start.0,
                    end: read.end.0,
                })
            }
            "episode" => Label::Episode(episode_of(parse(line)?)?),
            _ => {
                self.unknown += 1;
                return Ok(());
            }
        };
        self.add(label)
    }

    /// Takes a label.
    ///
    /// # Errors
    /// Where it contradicts what is there already.
    pub fn add(&mut self, label: Label) -> Result<(), String> {
        match label {
            Label::Run(run) => {
                in_order(run.start, run.end)?;
                if self.run.is_some() {
                    return Err(String::from(
                        "a second run; give each run's labels and alerts in files of their own, \
                         --labels and --alerts may be repeated",
                    ));
                }
                self.run = Some(run);
            }
            Label::Regime(regime) => {
                in_order(regime.start, regime.end)?;
                self.regimes.push(regime);
            }
            Label::Episode(episode) => {
                if !self.ids.insert(episode.id.clone()) {
                    return Err(format!("a second episode `{}`", episode.id));
                }
                self.episodes.push(episode);
            }
            Label::Event(_) => self.events += 1,
        }
        Ok(())
    }

    /// The time it covers: the run's, or where no label says from the first day to the last on
    /// which anything is labelled or raised.
    pub(super) fn covers(&self, raised: impl Iterator<Item = EventTime>) -> (EventTime, EventTime) {
        if let Some(run) = &self.run {
            return (run.start, run.end);
        }
        let labelled = self
            .episodes
            .iter()
            .flat_map(|episode| [episode.start, episode.end])
            .chain(
                self.regimes
                    .iter()
                    .flat_map(|regime| [regime.start, regime.end]),
            );
        let (mut first, mut last) = (EventTime::MAX, EventTime::MIN);
        for at in labelled.chain(raised) {
            first = first.min(at);
            last = last.max(at);
        }
        if last < first {
            return (EventTime(0), EventTime(0));
        }
        let last = (last - Span(1)).max(first);
        (first.floor(Span::DAY), last.floor(Span::DAY) + Span::DAY)
    }
}
