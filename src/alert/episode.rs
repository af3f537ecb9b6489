//! Episodes: one per detection and entity, from the first firing record to the resolved one.

use super::explain;
use super::saved::SavedAlert;
use crate::domain::{Alert, AlertStatus, AlertWindow, EntityKey, EventTime, Severity, Span};
use crate::limits::ALERT_EVIDENCE_MAX;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::BTreeMap;
use std::hash::Hasher;

/// A finding, as far as an episode's life is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) decided: EventTime,
    pub(super) window: AlertWindow,
    /// False alarms a day at least this strong; smaller is stronger.
    pub(super) strength: f64,
    pub(super) severity: Severity,
    /// Whether it is strong enough to open an episode, not only to keep one open.
    pub(super) fires: bool,
}

impl Sighting {
    /// An episode that is not seen again is quiet from then on.
    fn quiet_from(&self) -> EventTime {
        self.decided + (self.window.end - self.window.start)
    }
}

/// What becomes of a sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Too weak, and there is no episode.
    Ignore,
    /// The episode goes on.
    Sustain {
        /// It is now at its strongest.
        stronger: bool,
    },
    /// The episode goes on and is more severe than before.
    Escalate,
    /// The last episode ended too short a while ago.
    Cool,
    /// A new episode.
    Open,
}

/// An episode that is open, or cooling down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Episode {
    /// The strongest record so far.
    #[serde(with = "SavedAlert")]
    alert: Alert,
    strength: f64,
    /// Since when it was seen, and up to when.
    seen: AlertWindow,
    opened: EventTime,
    quiet_from: EventTime,
    ended: Option<EventTime>,
    /// Muted since it opened, and not shown while it is.
    hidden: bool,
}

impl Episode {
    pub(super) fn new(alert: Alert, sighting: &Sighting) -> Episode {
        Episode {
            strength: sighting.strength,
            seen: sighting.window,
            opened: sighting.decided,
            quiet_from: sighting.quiet_from(),
            ended: None,
            hidden: false,
            alert,
        }
    }

    /// Seen again.
    fn see(&mut self, sighting: &Sighting) {
        self.seen.start = self.seen.start.min(sighting.window.start);
        self.seen.end = self.seen.end.max(sighting.window.end);
        self.quiet_from = self.quiet_from.max(sighting.quiet_from());
    }
}

/// An episode that is open.
#[derive(Clone, Copy, Debug)]
pub struct OpenEpisode<'e> {
    /// Its strongest record so far.
    pub alert: &'e Alert,
    /// Since when it was seen.
    pub since: EventTime,
    /// Muted since it opened, and not shown while it is.
    pub is_muted: bool,
}

/// All episodes that still matter.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Episodes {
    resolve_after: Span,
    cooldown: Span,
    by_key: BTreeMap<(usize, EntityKey), Episode>,
}

impl Episodes {
    pub(super) fn new(resolve_after: Span, cooldown: Span) -> Episodes {
        Episodes {
            resolve_after,
            cooldown,
            by_key: BTreeMap::new(),
        }
    }

    /// From now on episodes rest and cool down for so long.
    pub(super) fn set_times(&mut self, resolve_after: Span, cooldown: Span) {
        self.resolve_after = resolve_after;
        self.cooldown = cooldown;
    }

    /// The entity was seen where that is muted: an episode that is open goes on until it is quiet
    /// from then on, and nothing else happens.
    pub(super) fn see(&mut self, detection: usize, key: &EntityKey, quiet_from: EventTime) {
        let episode = self.by_key.get_mut(&(detection, key.clone()));
        if let Some(episode) = episode.filter(|episode| episode.ended.is_none()) {
            episode.quiet_from = episode.quiet_from.max(quiet_from);
        }
    }

    /// Open episodes that are muted by now are not shown.
    pub(super) fn hide(&mut self, is_muted: impl Fn(usize, &Alert) -> bool) {
        for ((detection, _), episode) in &mut self.by_key {
            episode.hidden = episode.ended.is_none() && is_muted(*detection, &episode.alert);
        }
    }

    /// What becomes of a sighting; notes that the entity was seen.
    pub(super) fn decide(
        &mut self,
        detection: usize,
        key: &EntityKey,
        sighting: &Sighting,
    ) -> Decision {
        let Some(episode) = self.by_key.get_mut(&(detection, key.clone())) else {
            return if sighting.fires {
                Decision::Open
            } else {
                Decision::Ignore
            };
        };
        let Some(ended) = episode.ended else {
            episode.see(sighting);
            if sighting.severity > episode.alert.severity {
                return Decision::Escalate;
            }
            return Decision::Sustain {
                stronger: sighting.strength < episode.strength,
            };
        };
        let rested = sighting.decided >= ended + self.cooldown;
        if !sighting.fires {
            Decision::Ignore
        } else if rested || sighting.severity > episode.alert.severity {
            Decision::Open
        } else {
            Decision::Cool
        }
    }

    /// The episode that already tells of what a sighting of another detection has seen: of the same
    /// class, about the same, open or seen at that time, and not older than an episode takes to
    /// cool down.
    pub(super) fn host_of(&self, alert: &Alert, now: EventTime) -> Option<(usize, EntityKey)> {
        let tells_of_it = |episode: &Episode| {
            let at_that_time = match episode.ended {
                None => true,
                Some(_) => {
                    episode.seen.overlaps(alert.window) && alert.severity <= episode.alert.severity
                }
            };
            episode.alert.class == alert.class
                && !episode.hidden
                && at_that_time
                && now < episode.opened + self.cooldown
                && is_about_the_same(&episode.alert, alert)
        };
        let hosts = self.by_key.iter().filter(|(_, host)| tells_of_it(host));
        let strongest =
            hosts.min_by(|(_, one), (_, other)| one.strength.total_cmp(&other.strength));
        strongest.map(|(key, _)| key.clone())
    }

    /// An episode takes in what another detection says of it; tells whether it is more severe by
    /// that.
    pub(super) fn join(
        &mut self,
        host: &(usize, EntityKey),
        companion: &Alert,
        sighting: &Sighting,
    ) -> bool {
        let Some(episode) = self.by_key.get_mut(host) else {
            return false;
        };
        if episode.ended.is_some() {
            // It was told of, and is over: the long window that speaks last says nothing new.
            return false;
        }
        episode.see(sighting);
        let alert = &mut episode.alert;
        let length = |window: AlertWindow| window.end - window.start;
        let known = alert.evidence.iter().position(|known| {
            known.measure == companion.measure && length(known.window) == length(companion.window)
        });
        match (known, companion.evidence.first()) {
            (Some(known), Some(new)) if new.p_value < alert.evidence[known].p_value => {
                alert.evidence[known] = new.clone();
            }
            (None, Some(new)) if alert.evidence.len() < ALERT_EVIDENCE_MAX => {
                alert.evidence.push(new.clone());
                explain::also(&mut alert.explanation, &companion.explanation);
            }
            _ => {}
        }
        if companion.false_alarms_per_day < episode.strength {
            episode.strength = companion.false_alarms_per_day;
            alert.false_alarms_per_day = companion.false_alarms_per_day;
        }
        let escalates = companion.severity > alert.severity;
        alert.severity = alert.severity.max(companion.severity);
        alert.decided = if escalates {
            sighting.decided
        } else {
            alert.decided
        };
        escalates
    }

    /// The record of an episode.
    pub(super) fn record(&self, key: &(usize, EntityKey)) -> Option<Alert> {
        self.by_key.get(key).map(|episode| episode.alert.clone())
    }

    pub(super) fn open(&mut self, key: (usize, EntityKey), episode: Episode) {
        self.by_key.insert(key, episode);
    }

    /// The episode's strongest record is now this one, under the episode's own id.
    pub(super) fn strengthen(&mut self, key: &(usize, EntityKey), mut alert: Alert) {
        let Some(episode) = self.by_key.get_mut(key) else {
            return;
        };
        let old = &mut episode.alert;
        for told in old.evidence.drain(..) {
            // What other detections said of it stays.
            if told.measure != alert.measure && alert.evidence.len() < ALERT_EVIDENCE_MAX {
                alert.evidence.push(told);
            }
        }
        if let Some((_, also)) = old.explanation.split_once(explain::ALSO) {
            explain::also(&mut alert.explanation, also);
        }
        episode.strength = alert.false_alarms_per_day.min(episode.strength);
        episode.alert = Alert {
            id: std::mem::take(&mut old.id),
            severity: old.severity.max(alert.severity),
            false_alarms_per_day: episode.strength,
            ..alert
        };
    }

    /// Ends what has been quiet long enough, and forgets what has cooled down; gives the
    /// records to write.
    pub(super) fn end(&mut self, now: EventTime) -> Vec<Alert> {
        let (resolve_after, cooldown) = (self.resolve_after, self.cooldown);
        let mut records = Vec::new();
        self.by_key.retain(|_, episode| {
            if let Some(ended) = episode.ended {
                return now < ended + cooldown;
            }
            if now >= episode.quiet_from + resolve_after {
                episode.ended = Some(now);
                records.push(Alert {
                    status: AlertStatus::Resolved,
                    decided: now,
                    ..episode.alert.clone()
                });
            }
            true
        });
        records
    }

    /// The open ones.
    pub(super) fn all_open(&self) -> impl Iterator<Item = OpenEpisode<'_>> {
        let episodes = self.by_key.values();
        episodes
            .filter(|episode| episode.ended.is_none())
            .map(|episode| OpenEpisode {
                alert: &episode.alert,
                since: episode.seen.start,
                is_muted: episode.hidden,
            })
    }

    /// The open episodes' strongest records, but for hidden ones.
    pub(super) fn active(&self) -> impl Iterator<Item = &Alert> {
        self.by_key
            .values()
            .filter(|episode| episode.ended.is_none() && !episode.hidden)
            .map(|episode| &episode.alert)
    }
}

/// Whether one entity holds the other, or both are groups that have most members in common: the
/// accounts of an organisation that come from one network, with one client.
fn is_about_the_same(one: &Alert, other: &Alert) -> bool {
    let (ones, others) = (&one.entity, &other.entity);
    let shared = ones
        .iter()
        .filter(|(name, value)| others.get(*name) == Some(*value));
    if shared.count() == ones.len().min(others.len()) {
        return true;
    }
    let in_common = one
        .members
        .iter()
        .filter(|member| other.members.contains(member))
        .count();
    2 * in_common > one.members.len().min(other.members.len())
}

/// The episode's identifier: the same on every run and every replica. The hash has a fixed key;
/// it hides nothing.
pub(super) fn id_of(detection: &str, key: &EntityKey, start: EventTime) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(detection.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(key.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(&start.0.to_le_bytes());
    format!("{:032x}", hasher.finish128().as_u128())
}
