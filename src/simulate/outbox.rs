//! The minute under way: what happens in it, what is planned for later, and in which order and
//! how often the events arrive.
//!
//! Whether an event arrives twice or late is a function of its identifier alone, so it does not
//! depend on what else happens.

use super::agenda::Agenda;
use super::draft::{Draft, What};
use super::random::{mix, unit};
use super::settings::Settings;
use crate::domain::{EventTime, Span};

const DUPLICATE_SALT: u64 = 0x6475_7065;
const LATE_SALT: u64 = 0x6c61_7465;
const VERY_LATE_SALT: u64 = 0x7665_7279;
/// Scanners of the hub, each with a clock of its own.
const SCANNERS: u64 = 64;
const CLOCK_SALT: u64 = 0x636c_6f63;
/// By how much the clocks of scanners are wrong that are wrong.
const SKEWS: [Span; 6] = [
    Span::hours(1),
    Span::hours(-1),
    Span::hours(2),
    Span::hours(-2),
    Span::hours(8),
    Span::hours(-8),
];
/// A second delivery follows the first within this time.
const REPEAT_MAX: Span = Span::minutes(2);

#[derive(Clone, Copy, Debug)]
enum Planned {
    /// It has yet to happen.
    Happens(Draft),
    /// It has happened and arrives now.
    Arrives(Draft),
}

/// What happens now and later.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    agenda: Agenda<Planned>,
    spent: Vec<(EventTime, Planned)>,
    minute_end: EventTime,
    happened: Vec<Draft>,
    arrived: Vec<(EventTime, Draft)>,
}

impl Outbox {
    /// Nothing has happened before `start`.
    pub(super) fn new(start: EventTime) -> Outbox {
        Outbox {
            agenda: Agenda::new(start),
            spent: Vec::new(),
            minute_end: start.floor(Span::MINUTE),
            happened: Vec::new(),
            arrived: Vec::new(),
        }
    }

    /// Goes on to the next minute.
    pub(super) fn begin_minute(&mut self) {
        self.minute_end = self.minute_end + Span::MINUTE;
        self.happened.clear();
        self.arrived.clear();
        let due = self.agenda.take(std::mem::take(&mut self.spent));
        for &(at, planned) in &due {
            match planned {
                Planned::Happens(draft) => self.happened.push(draft),
                Planned::Arrives(draft) => self.arrived.push((at, draft)),
            }
        }
        self.spent = due;
    }

    /// Notes what happens at `draft.time`, in this minute or later.
    pub(super) fn put(&mut self, draft: Draft) {
        if draft.time < self.minute_end {
            self.happened.push(draft);
        } else {
            self.agenda.push(draft.time, Planned::Happens(draft));
        }
    }

    /// What arrives in this minute, in order of arrival. Of what happened, only what `is_seen`
    /// ever arrives, as it leaves it.
    pub(super) fn end_minute(
        &mut self,
        settings: &Settings,
        mut is_seen: impl FnMut(&mut Draft) -> bool,
    ) -> &[(EventTime, Draft)] {
        let mut happened = std::mem::take(&mut self.happened);
        for draft in &mut happened {
            if !is_seen(draft) {
                continue;
            }
            let arrival = draft.time + delay(draft.id, settings);
            let written = Draft {
                time: draft.time + skew(draft, settings),
                ..*draft
            };
            self.arrive(arrival, written);
            let dice = mix(draft.id ^ DUPLICATE_SALT);
            if unit(dice) < settings.duplicate_share {
                let pause = unit(mix(dice)) * REPEAT_MAX.0 as f64;
                self.arrive(arrival + Span(pause as i64), written);
            }
        }
        self.happened = happened;
        self.arrived
            .sort_unstable_by_key(|(arrival, draft)| (*arrival, draft.id));
        &self.arrived
    }

    fn arrive(&mut self, arrival: EventTime, draft: Draft) {
        if arrival < self.minute_end {
            self.arrived.push((arrival, draft));
        } else {
            self.agenda.push(arrival, Planned::Arrives(draft));
        }
    }
}

/// By how much the clock is wrong of the scanner that made the event.
fn skew(draft: &Draft, settings: &Settings) -> Span {
    if settings.skewed_share <= 0.0 || !matches!(draft.what, What::Scan { .. }) {
        return Span::ZERO;
    }
    let scanner = mix(draft.id ^ CLOCK_SALT) % SCANNERS;
    let dice = mix(mix(settings.seed ^ scanner) ^ draft.time.day() as u64);
    if unit(dice) < settings.skewed_share {
        SKEWS[(mix(dice) % SKEWS.len() as u64) as usize]
    } else {
        Span::ZERO
    }
}

fn delay(id: u64, settings: &Settings) -> Span {
    let dice = mix(id ^ VERY_LATE_SALT);
    if unit(dice) < settings.very_late_share {
        let hours = 6.0 + 18.0 * unit(mix(dice));
        return Span((hours * Span::HOUR.0 as f64) as i64).min(Settings::DISORDER_LIMIT);
    }
    let dice = mix(id ^ LATE_SALT);
    if unit(dice) >= settings.disorder_share {
        return Span::ZERO;
    }
    let max = settings.disorder_max.min(Settings::DISORDER_LIMIT);
    Span((unit(mix(dice)) * max.0 as f64) as i64)
}
