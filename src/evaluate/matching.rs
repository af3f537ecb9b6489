//! Which alert is on which episode.
//!
//! An alert is on an attack when it names a true key of it, has its class, was seen in a window
//! that overlaps it, and was decided between its start and its end plus a grace. With E the
//! alert's entity (or a member of a campaign) and K a true key, E names K when one holds all of
//! the other. There is no point adjustment: an alert on another entity during an attack is false
//! (Kim et al., "Towards a rigorous evaluation of time-series anomaly detection", 2022).
//!
//! A long window closes after a short attack in it is over. An alert that would be in time had
//! the grace begun at the end of its own window is `Late`: no hit, and not false either, because
//! what it says is true.

use super::record::{RaisedAlert, Sighting};
use super::truth::Truth;
use crate::domain::{AlertWindow, EntityMembers, EpisodeKind, EpisodeLabel, EventTime, Span};
use std::collections::{BTreeSet, HashMap};

/// Episodes up to this long are bursts.
pub(super) const BURST_MAX: Span = Span::DAY;

/// How long after the end of an episode an alert on it is in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grace {
    /// Episodes of up to a day.
    pub burst: Span,
    /// Longer ones.
    pub slow: Span,
}

impl Default for Grace {
    fn default() -> Grace {
        Grace {
            burst: Span::minutes(15),
            slow: Span::DAY,
        }
    }
}

impl Grace {
    fn of(self, episode: &EpisodeLabel) -> Span {
        if is_burst(episode) {
            self.burst
        } else {
            self.slow
        }
    }
}

pub(super) fn is_burst(episode: &EpisodeLabel) -> bool {
    episode.end - episode.start <= BURST_MAX
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// On an attack, in time.
    Hit,
    /// On an attack, decided after the grace.
    Late,
    /// On a nuisance.
    Nuisance,
    /// On nothing that was to be found.
    False {
        /// The hard negative that it fell for.
        hard_negative: Option<usize>,
        /// It names an attacker in time, but says it is something else.
        other_class: bool,
    },
}

/// An alert on an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    /// Position of the alert.
    pub(super) alert: usize,
    pub(super) strength: f64,
    /// As [`Sighting::until`].
    pub(super) until: f64,
    pub(super) decided: EventTime,
    pub(super) window: AlertWindow,
    /// Within the grace of the episode, not only of the alert's window.
    pub(super) in_time: bool,
}

/// Alerts and episodes of one run, brought together.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// Per alert.
    pub(super) verdicts: Vec<Verdict>,
    /// Per episode; attacks only.
    pub(super) hits: Vec<Vec<Hit>>,
    /// Per episode: whether an alert of another class named it in time.
    pub(super) named_otherwise: Vec<bool>,
    /// Alerts on episodes that are no attacks, once for each.
    pub(super) others: Vec<(usize, usize)>,
}

/// Whether `entity` names the true key `key`: one holds all of the other.
fn names(entity: &EntityMembers, key: &EntityMembers) -> bool {
    let holds = |whole: &EntityMembers, part: &EntityMembers| {
        !part.is_empty()
            && part
                .iter()
                .all(|(name, value)| whole.get(name) == Some(value))
    };
    holds(key, entity) || holds(entity, key)
}

/// Episodes by the pairs of their keys: an entity that names a key shares a pair with it.
struct Directory<'a> {
    by_pair: HashMap<(&'a str, &'a str), Vec<usize>>,
    episodes: &'a [EpisodeLabel],
}

impl<'a> Directory<'a> {
    fn new(episodes: &'a [EpisodeLabel]) -> Directory<'a> {
        let mut by_pair: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for (position, episode) in episodes.iter().enumerate() {
            for (name, value) in episode.entities.iter().flatten() {
                let those = by_pair.entry((name, value)).or_default();
                if those.last() != Some(&position) {
                    those.push(position);
                }
            }
        }
        Directory { by_pair, episodes }
    }

    /// Episodes of which the alert names a key, in order.
    fn named_by(&self, alert: &RaisedAlert) -> BTreeSet<usize> {
        let mut named = BTreeSet::new();
        for entity in alert.names() {
            let candidates = entity
                .iter()
                .filter_map(|(name, value)| self.by_pair.get(&(name.as_str(), value.as_str())));
            for &position in candidates.flatten() {
                let keys = &self.episodes[position].entities;
                if !named.contains(&position) && keys.iter().any(|key| names(entity, key)) {
                    named.insert(position);
                }
            }
        }
        named
    }
}

/// Whether a sighting is of the time of an episode, and if so whether it is within its grace.
fn timing(sighting: &Sighting, episode: &EpisodeLabel, grace: Span) -> Option<bool> {
    let window = sighting.window;
    let overlaps =
        window.start < episode.end.max(episode.start + Span(1)) && window.end > episode.start;
    let latest = episode.end.max(window.end) + grace;
    let of_its_time = overlaps && sighting.decided >= episode.start && sighting.decided <= latest;
    of_its_time.then_some(sighting.decided <= episode.end + grace)
}

/// Brings alerts and episodes of one run together.
pub(super) fn bring_together(alerts: &[RaisedAlert], truth: &Truth, grace: Grace) -> Matched {
    let episodes = &truth.episodes;
    let directory = Directory::new(episodes);
    let mut matched = Matched {
        verdicts: Vec::with_capacity(alerts.len()),
        hits: vec![Vec::new(); episodes.len()],
        named_otherwise: vec![false; episodes.len()],
        others: Vec::new(),
    };
    for (number, alert) in alerts.iter().enumerate() {
        let verdict = judge(number, alert, &directory, grace, &mut matched);
        matched.verdicts.push(verdict);
    }
    matched
}

fn judge(
    number: usize,
    alert: &RaisedAlert,
    directory: &Directory<'_>,
    grace: Grace,
    matched: &mut Matched,
) -> Verdict {
    let (mut in_time, mut late, mut nuisance) = (false, false, false);
    let (mut hard_negative, mut other_class) = (None, false);
    for position in directory.named_by(alert) {
        let episode = &directory.episodes[position];
        for sighting in &alert.sightings {
            let Some(within) = timing(sighting, episode, grace.of(episode)) else {
                continue;
            };
            match episode.kind {
                EpisodeKind::Attack if episode.class.is_none_or(|class| class == alert.class) => {
                    in_time |= within;
                    late |= !within;
                    matched.hits[position].push(Hit {
                        alert: number,
                        strength: sighting.strength,
                        until: sighting.until,
                        decided: sighting.decided,
                        window: sighting.window,
                        in_time: within,
                    });
                }
                EpisodeKind::Attack => {
                    other_class = true;
                    matched.named_otherwise[position] = true;
                }
                EpisodeKind::NuisanceBot => nuisance = true,
                EpisodeKind::HardNegative => hard_negative = Some(position),
            }
            if episode.kind != EpisodeKind::Attack
                && matched.others.last() != Some(&(number, position))
            {
                matched.others.push((number, position));
            }
        }
    }
    if in_time {
        Verdict::Hit
    } else if late {
        Verdict::Late
    } else if nuisance {
        Verdict::Nuisance
    } else {
        Verdict::False {
            hard_negative,
            other_class,
        }
    }
}
