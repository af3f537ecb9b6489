//! A hub that does not exist: parcels, readers, recipients and attackers, minute by minute.
//!
//! # What it promises
//!
//! * **Determinism.** The same [`Settings`] give the same events, byte for byte.
//! * **Order.** Events come in order of arrival; an event arrives at most
//!   [`Settings::disorder_max`] after it happened, a second delivery at most two minutes after
//!   the first, and without disorder and duplicates events come in order of time.
//! * **Stationarity.** Apart from season and peak days the rate of every entity is the same in
//!   every hour, from the first minute on: the hub runs for a journey's length before it.
//! * **Dispersion.** An entity's count in an hour is Poisson given a Gamma factor of its own and
//!   one that its class shares, so a detector's p-values can be checked against the uniform.
//! * **Attacks on top.** Usual events are the same, identifiers and times, with attacks and
//!   without; a route that goes silent loses some. What was injected is told by [`Episode`] and
//!   never by the events.
//!
//! Sizes, shares and rhythms follow what is public about hubs and marketplaces where there is
//! something public, and are guesses elsewhere: results on this traffic are results on a model.
//!
//! # How it works
//!
//! ```text
//! Settings ─▶ Population ─▶ Movement ─┐
//!                    │      Access  ──┼─▶ Outbox (in order of arrival) ─▶ render ─▶ Event
//!                    └────▶ Injector ─┘
//! ```
//!
//! Class totals are Poisson per minute and entities are drawn from urns that are refilled each
//! hour, so the cost is per event and not per entity.

mod access;
mod agenda;
mod attack;
mod draft;
mod geography;
mod inject;
mod movement;
mod outbox;
mod population;
mod random;
mod render;
mod role;
mod season;
mod serial;
mod settings;
mod stock;
mod target;
#[cfg(test)]
mod tests;

pub use attack::{Attack, Episode, Scenario};
pub use settings::{PeakDay, Settings};

use crate::domain::{Event, EventTime, Span};
use draft::{Draft, Source, What};
use movement::{Inductor, JOURNEY_MAX};

/// The events that arrive in one minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Minute {
    /// The beginning of the minute.
    pub start: EventTime,
    /// What arrives in it, in order of arrival.
    pub events: Vec<Event<'static>>,
}

/// A simulated hub.
#[derive(Clone, Debug)]
pub struct Hub {
    settings: Settings,
    population: population::Population,
    usual_edges: usize,
    movement: movement::Movement,
    access: access::Access,
    injector: inject::Injector,
    stock: stock::Stock,
    outbox: outbox::Outbox,
    now: EventTime,
}

impl Hub {
    /// The hub that `settings` describe, at the start of the run.
    pub fn new(settings: Settings) -> Hub {
        let settings = Settings {
            start: settings.start.floor(Span::DAY),
            ..settings
        };
        let mut population = population::Population::new(&settings);
        let usual_edges = population.edges.len();
        let injector = inject::Injector::new(&settings, &mut population);
        let before = settings.start - JOURNEY_MAX;
        let mut hub = Hub {
            movement: movement::Movement::new(&settings, &population),
            access: access::Access::new(&settings, &population),
            stock: stock::Stock::new(&population, settings.parcels_per_day),
            outbox: outbox::Outbox::new(before),
            now: before,
            settings,
            population,
            usual_edges,
            injector,
        };
        hub.warm_up();
        hub
    }

    /// Fills the hub with parcels under way, so that the run begins in the midst of things.
    fn warm_up(&mut self) {
        let sellers = self.population.sellers.len();
        let mut inductor = Inductor::new(&self.settings, Source::Standing, sellers);
        for seller in &self.population.sellers {
            // Even the smallest seller has something that its users can look at.
            if let Some(&lane) = self.population.lanes.get(seller.lanes.start) {
                let (stock, outbox) = (&mut self.stock, &mut self.outbox);
                inductor.induct(self.now, lane, false, &self.population, stock, outbox);
            }
        }
        while self.now < self.settings.start {
            self.begin_minute();
            self.move_parcels();
            self.outbox.end_minute(&self.settings, |_| false);
            self.now = self.now + Span::MINUTE;
        }
    }

    /// Where the run stands: the beginning of the minute that comes next.
    pub fn now(&self) -> EventTime {
        self.now
    }

    /// Everything that is injected into this run, in the order of the settings.
    pub fn episodes(&self) -> &[Episode] {
        self.injector.episodes()
    }

    /// References of the decoy shipments; nobody but an attacker touches them.
    pub fn decoys(&self) -> Vec<String> {
        let serials = (0..self.settings.decoys).map(serial::decoy_serial);
        serials
            .map(|serial| serial::reference(serial, false))
            .collect()
    }

    /// The events that arrive in the next minute; goes on to the minute after it.
    pub fn next_minute(&mut self) -> Minute {
        let start = self.now;
        self.begin_minute();
        self.move_parcels();
        let (population, outbox) = (&self.population, &mut self.outbox);
        self.access.step(start, population, &self.stock, outbox);
        self.injector.step(
            start,
            &mut inject::Scene {
                population,
                stock: &mut self.stock,
                outbox,
                season: self.movement.season_level(start),
            },
        );
        let injector = &self.injector;
        let is_seen = |draft: &Draft| match draft.what {
            What::Scan { parcel, .. } => !injector.is_lost(parcel.route, draft.time, draft.id),
            _ => true,
        };
        let arrived = self.outbox.end_minute(&self.settings, is_seen);
        let events = arrived
            .iter()
            .map(|(_, draft)| render::event(draft, population));
        self.now = start + Span::MINUTE;
        Minute {
            start,
            events: events.collect(),
        }
    }

    fn begin_minute(&mut self) {
        if self.now.floor(Span::HOUR) == self.now {
            let (settings, population) = (&self.settings, &self.population);
            self.movement.begin_hour(settings, population, self.now);
            self.access
                .begin_hour(settings, population, self.usual_edges, self.now);
        }
        self.outbox.begin_minute();
    }

    fn move_parcels(&mut self) {
        let injector = &self.injector;
        self.movement.step(
            self.now,
            &self.population,
            &mut self.stock,
            &mut self.outbox,
            |route, time, dice| injector.is_lost(route, time, dice),
        );
    }
}

/// Appends `event` to `out` as a line of JSON, as `event.schema.json` has it.
pub fn to_json_line(event: &Event<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    // Plain data always has a JSON form; should it not, no half line is left behind.
    match serde_json::to_writer(&mut *out, event) {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(before),
    }
}
