//! Whether what an actor touches out of relation is changed more often than chance has it.
//!
//! One walk per actor: up by ln(q / p) when a shipment that it had touched is changed, down by
//! ln((1 - p) / (1 - q)) for each touch, never below zero (the Bernoulli CUSUM of Page 1954, which
//! is the reflecting form of the threshold random walk of Jung and others 2004). p is the share of
//! touches that a change follows, learnt over all actors; q is what is looked for. Under p a walk
//! that begins at zero reaches h with a chance of at most e^-h (Ville 1939), so with t touches a
//! day there are at most t e^-h false alarms a day. h follows from that, and from how many touches
//! there are: the hub's size does not matter.
//!
//! Not seen: an actor whose reads are followed by few changes among very many others, at h = 10
//! less than about one in ten.

use super::names::Name;
use crate::domain::{EventTime, Span};
use crate::saved;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// False alarms a day, over all actors.
const FALSE_PER_DAY: f64 = 0.02;
/// The share of changed shipments that is looked for, at least.
const SHARE_SOUGHT: f64 = 0.3;
/// Touches, and changes after them, that are believed in before any were seen.
const TOUCHES_INITIAL: f64 = 100.0;
const CHANGES_INITIAL: f64 = 1.0;
/// A walk is forgotten when nothing has raised it for so long.
const FORGOTTEN: Span = Span::days(14);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Walk {
    height: f64,
    changes: u64,
    raised: EventTime,
}

/// The walks of all actors that are above zero.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Walks {
    #[serde(serialize_with = "saved::map")]
    of_actors: HashMap<Name, Walk, ahash::RandomState>,
    touches: f64,
    changes: f64,
    /// Touches of this day and of the day before.
    days: [u64; 2],
    day: i64,
}

impl Default for Walks {
    fn default() -> Self {
        Walks {
            of_actors: HashMap::default(),
            touches: TOUCHES_INITIAL,
            changes: CHANGES_INITIAL,
            days: [0; 2],
            day: i64::MIN,
        }
    }
}

impl Walks {
    fn shares(&self) -> (f64, f64) {
        let usual = (self.changes / self.touches).clamp(1e-4, 0.25);
        (usual, SHARE_SOUGHT.max(2.0 * usual))
    }

    /// The height that is an alarm.
    fn limit(&self) -> f64 {
        let per_day = self.days[0].max(self.days[1]).max(1) as f64;
        (per_day / FALSE_PER_DAY).ln()
    }

    /// An actor has touched a shipment.
    pub(super) fn touched(&mut self, actor: Name, time: EventTime) {
        if time.day() > self.day {
            let is_next = time.day() == self.day.saturating_add(1);
            self.days = [0, if is_next { self.days[0] } else { 0 }];
            self.day = time.day();
        }
        self.days[0] += 1;
        self.touches += 1.0;
        let (usual, sought) = self.shares();
        if let Some(walk) = self.of_actors.get_mut(&actor) {
            walk.height -= ((1.0 - usual) / (1.0 - sought)).ln();
            if walk.height <= 0.0 {
                self.of_actors.remove(&actor);
            }
        }
    }

    /// A shipment that the actor had touched was changed. Gives the number of changes where they
    /// are too many; the walk then begins anew.
    pub(super) fn changed(&mut self, actor: Name, time: EventTime) -> Option<u64> {
        let (usual, sought) = self.shares();
        let limit = self.limit();
        let walk = self.of_actors.entry(actor).or_insert(Walk {
            height: 0.0,
            changes: 0,
            raised: time,
        });
        if walk.height < limit / 2.0 {
            // What comes beyond says more of the actor than of what is usual.
            self.changes += 1.0;
        }
        walk.height += (sought / usual).ln();
        walk.changes += 1;
        walk.raised = time;
        let (height, changes) = (walk.height, walk.changes);
        if height < limit {
            return None;
        }
        self.of_actors.remove(&actor);
        Some(changes)
    }

    /// Forgets the walks that nothing has raised for long.
    pub(super) fn forget(&mut self, now: EventTime) {
        self.of_actors
            .retain(|_, walk| walk.raised + FORGOTTEN >= now);
    }

    /// Every name that is referred to.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        self.of_actors.keys().copied()
    }

    /// Names have new numbers.
    pub(super) fn rename(&mut self, moved_to: &[Name]) {
        self.of_actors = self
            .of_actors
            .iter()
            .filter_map(|(actor, walk)| Some((*moved_to.get(*actor as usize)?, *walk)))
            .collect();
    }

    pub(super) fn bytes(&self) -> usize {
        self.of_actors.capacity() * (size_of::<Walk>() + size_of::<Name>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Alarms of so many days in which actors touch shipments, of which this share is changed.
    fn alarms(days: i64, per_day: i64, share: f64, seed: u64) -> u64 {
        let mut walks = Walks::default();
        let mut random = Pcg64::seed_from_u64(seed);
        let mut alarms = 0;
        for touch in 0..days * per_day {
            let time = EventTime(touch * Span::DAY.0 / per_day);
            let actor = 1 + random.random::<u32>() % 40;
            walks.touched(actor, time);
            if random.random::<f64>() < share {
                alarms += u64::from(walks.changed(actor, time).is_some());
            }
        }
        alarms
    }

    #[test]
    fn false_alarms_keep_to_their_number_whatever_the_size_of_the_hub() {
        for (per_day, share) in [(20, 0.01), (20, 0.1), (1_000, 0.01), (1_000, 0.1)] {
            let seen = alarms(400, per_day, share, 7);
            assert!(seen <= 16, "{seen} in 400 days of {per_day}, 8 are due");
        }
    }

    #[test]
    fn an_insider_is_found_after_a_handful_of_changes() {
        for (per_day, most) in [(20, 3), (10_000, 5)] {
            let mut walks = Walks::default();
            for touch in 0..3 * per_day {
                let time = EventTime(touch * Span::DAY.0 / per_day);
                walks.touched(1 + touch as Name % 40, time);
                if touch % 100 == 99 {
                    walks.changed(1 + touch as Name % 37, time);
                }
            }
            let now = EventTime(3 * Span::DAY.0 - 1);
            let after = (1..).find(|_| {
                walks.touched(99, now);
                walks.changed(99, now).is_some()
            });
            assert!(after.is_some_and(|after| after <= most), "{after:?}");
        }
    }
}
