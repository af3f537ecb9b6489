//! A hub that does not exist: parcels, readers, recipients and attackers, minute by minute.
//!
//! # What it promises
//!
//! * **Determinism.** The same [`Settings`] give the same events, byte for byte.
//! * **Order.** Events come in order of arrival; an event arrives at most
//!   [`Settings::disorder_max`] after it happened but for a few that arrive hours later, a second
//!   delivery at most two minutes after the first, and without disorder and duplicates events
//!   come in order of time.
//! * **Stationarity.** Apart from season, regimes, comings and goings the rate of every entity is
//!   the same in every hour, from the first minute on: the hub runs for a journey's length before
//!   it.
//! * **Dispersion.** An entity's count in an hour is Poisson given a Gamma factor of its own and
//!   one that its class shares, so a detector's p-values can be checked against the uniform.
//! * **Episodes on top.** Usual events are the same, identifiers and times, with injections and
//!   without; what an episode meddles with has other contents, or stays away. What was put in is
//!   told by [`Label`] and never by the events.
//!
//! Sizes, shares and rhythms follow what is public about hubs and marketplaces where there is
//! something public, and are guesses elsewhere: results on this traffic are results on a model.
//!
//! # How it works
//!
//! ```text
//! Settings ─▶ Population ─▶ Movement ─┐
//!                    │      Access  ──┤
//!                    │      Buyers  ──┼─▶ Outbox (in order of arrival) ─▶ render ─▶ Event
//!                    └────▶ Stage   ──┘      └─▶ Ledger ─▶ Label
//! ```
//!
//! Class totals are Poisson per minute and entities are drawn from urns that are refilled each
//! hour, so the cost is per event and not per entity.

mod access;
mod agenda;
mod buyers;
mod draft;
mod episode;
mod geography;
mod movement;
mod outbox;
mod plan;
mod population;
mod random;
mod regime;
mod render;
mod role;
mod season;
mod serial;
mod settings;
mod stock;
#[cfg(test)]
mod tests;

pub use episode::{Family, Injection, Parameter, Scenario};
pub use plan::{HubSize, Plan};
pub use regime::{Regime, RegimeKind};
pub use settings::{Settings, Split};

use crate::domain::{
    EpisodeLabel, Event, EventLabel, EventTime, Intensity, Label, RunLabel, Span, Text,
};
use draft::Source;
use episode::ledger::Ledger;
use episode::stage::Stage;
use movement::{Fate, Inductor, JOURNEY_MAX, Yard};
use random::{Purpose, between, poisson, stream};

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
    movement: movement::Movement,
    access: access::Access,
    buyers: buyers::Buyers,
    stage: Stage,
    ledger: Ledger,
    stock: stock::Stock,
    outbox: outbox::Outbox,
    now: EventTime,
}

impl Hub {
    /// The hub that `settings` describe, at the start of the run.
    pub fn new(settings: Settings) -> Hub {
        let mut settings = Settings {
            start: settings.start.floor(Span::DAY),
            ..settings
        };
        settings.injections.extend(scrapers(&settings));
        let mut population = population::Population::new(&settings);
        let mut ledger = Ledger::default();
        let stage = Stage::new(&settings, &mut population, &mut ledger);
        let before = settings.start - JOURNEY_MAX;
        let mut hub = Hub {
            movement: movement::Movement::new(&settings, &population),
            access: access::Access::new(&settings, &population),
            buyers: buyers::Buyers::new(&settings),
            stock: stock::Stock::new(&population, settings.parcels_per_day),
            outbox: outbox::Outbox::new(before),
            now: before,
            settings,
            population,
            stage,
            ledger,
        };
        hub.warm_up();
        hub
    }

    /// Fills the hub with parcels under way, so that the run begins in the midst of things.
    fn warm_up(&mut self) {
        let sellers = self.population.sellers.len();
        let mut inductor = Inductor::new(&self.settings, Source::Standing, sellers);
        let mut yard = Yard {
            population: &self.population,
            stock: &mut self.stock,
            outbox: &mut self.outbox,
        };
        for seller in &self.population.sellers {
            // Even the smallest seller has something that its users can look at.
            if let Some(&lane) = self.population.lanes.get(seller.lanes.start)
                && seller.stay.level(self.now) > 0.0
            {
                inductor.induct(self.now, lane, &mut yard, |_| Fate::default());
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

    /// What it is a hub of.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Everything that is put in, in the order of the settings, as far as it has come.
    pub fn episodes(&self) -> Vec<EpisodeLabel> {
        self.ledger.episodes().collect()
    }

    /// The events so far that belong to an episode.
    pub fn event_labels(&self) -> impl Iterator<Item = EventLabel> {
        self.ledger.events()
    }

    /// All labels of what has happened so far: the run, regimes, episodes, events.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        let settings = &self.settings;
        let (start, end) = (settings.start, self.now);
        let run = RunLabel {
            seed: settings.seed,
            start,
            end,
            story: format!(
                "A simulated hub of {} sellers, {} routes and {} actors; split {}.",
                settings.sellers,
                settings.routes,
                settings.actors,
                settings.split.name()
            ),
        };
        let regimes = settings.regimes.iter().map(|regime| regime.label(settings));
        std::iter::once(Label::Run(run))
            .chain(regimes.map(Label::Regime))
            .chain(self.ledger.episodes().map(Label::Episode))
            .chain(self.ledger.events().map(Label::Event))
    }

    /// References of the decoy shipments; nobody but an attacker touches them.
    pub fn decoys(&self) -> Vec<String> {
        let serials = (0..self.settings.decoys).map(serial::decoy_serial);
        serials
            .map(|serial| serial::reference(serial, false))
            .collect()
    }

    /// The accounts of registered pollers.
    pub fn pollers(&self) -> Vec<String> {
        let pollers = self.population.pollers.iter();
        pollers
            .map(|actor| self.population.actors[*actor as usize].name.clone())
            .collect()
    }

    /// The events that arrive in the next minute; goes on to the minute after it.
    pub fn next_minute(&mut self) -> Minute {
        let start = self.now;
        let mut events = Vec::new();
        self.visit_minute(|event| events.push(owned(event)));
        Minute { start, events }
    }

    /// Shows `visit` each event that arrives in the next minute, in order of arrival; goes on to
    /// the minute after it.
    pub fn visit_minute(&mut self, mut visit: impl FnMut(&Event<'_>)) {
        let start = self.now;
        self.begin_minute();
        self.move_parcels();
        let (population, outbox) = (&self.population, &mut self.outbox);
        self.access.step(start, population, &self.stock, outbox);
        self.buyers.step(start, &self.stock, outbox);
        let mut yard = Yard {
            population,
            stock: &mut self.stock,
            outbox: &mut self.outbox,
        };
        self.stage.step(start, &mut yard);
        let (stage, ledger) = (&self.stage, &mut self.ledger);
        let arrived = self.outbox.end_minute(&self.settings, |draft| {
            let is_seen = stage.touch_up(draft);
            if is_seen {
                ledger.book(draft);
            }
            is_seen
        });
        let unknown = self.settings.unknown_relation_share;
        for (_, draft) in arrived {
            visit(&render::event(draft, population, unknown));
        }
        self.now = start + Span::MINUTE;
    }

    fn begin_minute(&mut self) {
        if self.now.floor(Span::HOUR) == self.now {
            let (settings, population) = (&self.settings, &self.population);
            self.movement.begin_hour(settings, population, self.now);
            self.access.begin_hour(settings, population, self.now);
            self.buyers.begin_hour(settings, self.now);
        }
        self.stage.begin_minute(self.now);
        self.outbox.begin_minute();
    }

    fn move_parcels(&mut self) {
        let stage = &self.stage;
        let mut yard = Yard {
            population: &self.population,
            stock: &mut self.stock,
            outbox: &mut self.outbox,
        };
        self.movement
            .step(self.now, &mut yard, |parcel, time, dice| {
                stage.meddle(parcel, time, dice)
            });
    }
}

/// Commodity scrapers, as many a day as the settings say, until their days are over.
fn scrapers(settings: &Settings) -> Vec<Injection> {
    let Some(scenario) = Scenario::named(episode::SCRAPER) else {
        return Vec::new();
    };
    let mut random = stream(settings.seed, Purpose::Scraper, 0);
    let count = poisson(
        &mut random,
        settings.scrapers_per_day * settings.days as f64,
    );
    let run = Span::days(settings.days).0 as f64;
    (0..count)
        .map(|_| {
            let after = Span((between(&mut random, 0.0, 1.0) * run) as i64);
            Injection::new(scenario, after, Intensity::Middle)
        })
        .collect()
}

/// The same event, borrowing nothing.
fn owned(event: &Event<'_>) -> Event<'static> {
    fn text(text: &Option<Text<'_>>) -> Option<Text<'static>> {
        let text = text.as_deref()?;
        Some(Text::from(text.to_owned()))
    }
    Event {
        id: text(&event.id),
        time: event.time,
        kind: event.kind,
        shipment: text(&event.shipment),
        seller: text(&event.seller),
        origin: text(&event.origin),
        destination: text(&event.destination),
        route: text(&event.route),
        location: text(&event.location),
        step: text(&event.step),
        carrier: text(&event.carrier),
        consignee: text(&event.consignee),
        commodity: text(&event.commodity),
        pieces: event.pieces,
        weight_grams: event.weight_grams,
        value_eur: event.value_eur,
        actor: text(&event.actor),
        org: text(&event.org),
        role: text(&event.role),
        client: text(&event.client),
        network: text(&event.network),
        country: text(&event.country),
        action: event.action,
        endpoint: text(&event.endpoint),
        page: event.page,
        records: event.records,
        bytes: event.bytes,
        fields: (event.fields.iter())
            .map(|field| Text::from((**field).to_owned()))
            .collect(),
        outcome: event.outcome,
        relation: event.relation,
        recipient: text(&event.recipient),
        recipient_country: text(&event.recipient_country),
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
