//! The minute under way: what happens in it, what is planned for later, and in which order and
//! how often the events arrive.
//!
//! Whether an event arrives twice or late is a function of its identifier alone, so it does not
//! depend on what else happens.

use super::agenda::Agenda;
use super::draft::Draft;
use super::random::{mix, unit};
use super::settings::Settings;
use crate::domain::{EventTime, Span};

const DUPLICATE_SALT: u64 = 0x6475_7065;
const LATE_SALT: u64 = 0x6c61_7465;
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
    /// ever arrives.
    pub(super) fn end_minute(
        &mut self,
        settings: &Settings,
        is_seen: impl Fn(&Draft) -> bool,
    ) -> &[(EventTime, Draft)] {
        let happened = std::mem::take(&mut self.happened);
        for draft in happened.iter().filter(|draft| is_seen(draft)) {
            let arrival = draft.time + delay(draft.id, settings);
            self.arrive(arrival, *draft);
            let dice = mix(draft.id ^ DUPLICATE_SALT);
            if unit(dice) < settings.duplicate_share {
                let pause = unit(mix(dice)) * REPEAT_MAX.0 as f64;
                self.arrive(arrival + Span(pause as i64), *draft);
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

fn delay(id: u64, settings: &Settings) -> Span {
    let dice = mix(id ^ LATE_SALT);
    if unit(dice) >= settings.disorder_share {
        return Span::ZERO;
    }
    let max = settings.disorder_max.min(Settings::DISORDER_LIMIT);
    Span((unit(mix(dice)) * max.0 as f64) as i64)
}
