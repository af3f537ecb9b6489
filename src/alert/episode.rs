//! Episodes: one per detection and entity, from the first firing record to the resolved one.

use crate::domain::{Alert, AlertStatus, EntityKey, EventTime, Severity, Span};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::BTreeMap;
use std::hash::Hasher;

/// A finding, as far as an episode's life is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) decided: EventTime,
    /// Length of the window.
    pub(super) span: Span,
    /// False alarms a day at least this strong; smaller is stronger.
    pub(super) strength: f64,
    pub(super) severity: Severity,
    /// Whether it is strong enough to open an episode, not only to keep one open.
    pub(super) fires: bool,
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
#[derive(Clone, Debug)]
pub(super) struct Episode {
    /// The strongest record so far.
    alert: Alert,
    strength: f64,
    quiet_from: EventTime,
    ended: Option<EventTime>,
    /// Muted since it opened, and not shown while it is.
    hidden: bool,
}

impl Episode {
    pub(super) fn new(alert: Alert, sighting: &Sighting) -> Episode {
        Episode {
            strength: sighting.strength,
            quiet_from: sighting.decided + sighting.span,
            ended: None,
            hidden: false,
            alert,
        }
    }
}

/// All episodes that still matter.
#[derive(Debug)]
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
            episode.quiet_from = episode.quiet_from.max(sighting.decided + sighting.span);
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

    pub(super) fn open(&mut self, detection: usize, key: EntityKey, episode: Episode) {
        self.by_key.insert((detection, key), episode);
    }

    /// The episode's strongest record is now this one, under the episode's own id.
    pub(super) fn strengthen(
        &mut self,
        detection: usize,
        key: EntityKey,
        alert: Alert,
    ) -> Option<&Alert> {
        let episode = self.by_key.get_mut(&(detection, key))?;
        let (id, severity) = (
            std::mem::take(&mut episode.alert.id),
            episode.alert.severity,
        );
        episode.strength = alert.false_alarms_per_day;
        episode.alert = Alert {
            id,
            severity: severity.max(alert.severity),
            ..alert
        };
        Some(&episode.alert)
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

    /// The open episodes' strongest records, but for hidden ones.
    pub(super) fn active(&self) -> impl Iterator<Item = &Alert> {
        self.by_key
            .values()
            .filter(|episode| episode.ended.is_none() && !episode.hidden)
            .map(|episode| &episode.alert)
    }
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
