//! Reading: sittings of people, polling of machines, and records handed on to usual recipients.
//!
//! The rate of an actor in an hour is size × season × a factor of the actor × a factor common to
//! its role. Accesses come in sittings; each is a list, a search, an export, an update, or a read
//! of a parcel that is either new to the actor or one it has read before.

use super::draft::{Draft, Endpoint, Episode, Ids, Source, Subject, Touch, What, Who};
use super::outbox::Outbox;
use super::population::{Actor, Population};
use super::random::{
    Purpose, Random, Urn, between, gamma_step, geometric, index_below, lognormal, mix, poisson,
    stream, unit,
};
use super::regime::{Rate, level};
use super::role::{Profile, Role};
use super::season::Season;
use super::settings::Settings;
use super::stock::{Parcel, Ring, Stock};
use crate::domain::{Action, EventTime, Outcome, Relation, Span};
use rand::{Rng, RngExt};

const MINUTES_PER_DAY: f64 = 1_440.0;
/// Largest page of a list.
const LIST_RECORDS_MAX: f64 = 50.0;
/// Largest usual export.
const EXPORT_RECORDS_MAX: f64 = 2_000.0;
/// Mean pause between two accesses of a sitting.
const PAUSE_SECONDS: f64 = 25.0;
/// Registered pollers ask for what they know this often.
pub(super) const POLL_PERIOD: Span = Span::hours(6);
/// How much they ask for, and in how long.
const POLL_READS: i64 = 150;
const POLL_SECONDS: i64 = 600;
/// Share of accesses that end in an error of the system, and of those that are refused.
const ERROR_SHARE: f64 = 0.002;
const DENIED_SHARE: f64 = 0.001;
const LUCK_SALT: u64 = 0x6c75_636b;
const STRAY_SALT: u64 = 0x7374_7261;
/// Longest such pause.
const PAUSE_SECONDS_MAX: f64 = 300.0;

#[derive(Clone, Debug)]
struct Class {
    season: Season,
    actors: Vec<u32>,
    urn: Urn,
    sittings_per_minute: f64,
    sitting_accesses: f64,
}

/// What an actor comes back to.
#[derive(Clone, Debug)]
struct Habit {
    known: Ring,
    new_share: f64,
}

impl Habit {
    /// A share of reads of new parcels, and a memory, such that about the role's share of a
    /// day's reads are the first of their parcel that day.
    fn new(actor: &Actor) -> Habit {
        let first_touch = actor.role.profile().first_touch;
        if actor.role.is_machine() {
            // What was known at midnight is touched again and counts, too.
            let memory = actor.reads_per_day * first_touch / 3.0;
            Habit {
                known: Ring::new(memory.clamp(4.0, 1_024.0) as usize),
                new_share: first_touch * 2.0 / 3.0,
            }
        } else {
            Habit {
                known: Ring::new(8),
                new_share: first_touch,
            }
        }
    }
}

/// Everybody's reading and sharing.
#[derive(Clone, Debug)]
pub(super) struct Access {
    classes: Vec<Class>,
    habits: Vec<Habit>,
    /// The hour's factors of actors, classes and edges.
    factors: Vec<f64>,
    common: [f64; Role::ALL.len()],
    edge_factors: Vec<f64>,
    edges: Urn,
    shares_per_minute: f64,
    ids: Ids,
    share_ids: Ids,
    poll_ids: Ids,
    random: Random,
    share_random: Random,
    poll_random: Random,
}

impl Access {
    /// Nothing read yet; [`Access::begin_hour`] comes first.
    pub(super) fn new(settings: &Settings, population: &Population) -> Access {
        let classes = Role::ALL.map(|role| Class {
            season: Season::new(role.profile().rhythm),
            actors: (population.actors.iter().enumerate())
                .take(population.usual_actors)
                .filter(|(_, actor)| actor.role == role)
                .map(|(n, _)| n as u32)
                .collect(),
            urn: Urn::default(),
            sittings_per_minute: 0.0,
            sitting_accesses: if role.is_machine() {
                1.0
            } else {
                settings.session_reads.max(1.0)
            },
        });
        Access {
            classes: classes.to_vec(),
            habits: population.actors.iter().map(Habit::new).collect(),
            factors: vec![0.0; population.usual_actors],
            common: [0.0; Role::ALL.len()],
            edge_factors: vec![0.0; population.usual_edges],
            edges: Urn::default(),
            shares_per_minute: 0.0,
            ids: Ids::new(settings.seed, Source::Access),
            share_ids: Ids::new(settings.seed, Source::Share),
            poll_ids: Ids::new(settings.seed, Source::Poll),
            random: stream(settings.seed, Purpose::Access, 0),
            share_random: stream(settings.seed, Purpose::Share, 0),
            poll_random: stream(settings.seed, Purpose::Poll, 0),
        }
    }

    /// Draws the factors of the hour that begins at `hour`.
    pub(super) fn begin_hour(
        &mut self,
        settings: &Settings,
        population: &Population,
        hour: EventTime,
    ) {
        let index = hour.index(Span::HOUR) as u64;
        let seed = settings.seed;
        let correlation = settings.hour_correlation;
        let mut random = stream(seed, Purpose::ActorHour, index);
        for (n, (class, role)) in self.classes.iter_mut().zip(Role::ALL).enumerate() {
            let cv = if role.is_machine() {
                settings.machine_cv
            } else {
                settings.people_cv
            };
            let factors = &mut self.factors;
            class.urn.fill(class.actors.iter().map(|&actor| {
                let known = &population.actors[actor as usize];
                let factor = &mut factors[actor as usize];
                *factor = gamma_step(&mut random, *factor, cv, correlation);
                known.reads_per_day
                    * *factor
                    * known.stay.level(hour)
                    * level(settings, hour, Rate::Actor, actor as usize)
            }));
            let mut random = stream(seed, Purpose::ClassHour, (index << 8) + 1 + n as u64);
            let common = &mut self.common[n];
            *common = gamma_step(&mut random, *common, settings.common_cv, correlation);
            class.sittings_per_minute = class.urn.total() * class.season.level(hour) * *common
                / (MINUTES_PER_DAY * class.sitting_accesses);
        }
        let mut random = stream(seed, Purpose::EdgeHour, index);
        let factors = &mut self.edge_factors;
        self.edges
            .fill(factors.iter_mut().enumerate().map(|(n, factor)| {
                *factor = gamma_step(&mut random, *factor, settings.machine_cv, correlation);
                *factor * level(settings, hour, Rate::Edge, n)
            }));
        self.shares_per_minute = self.edges.total() * settings.shares_per_edge_hour / 60.0;
    }

    /// The accesses that begin in a minute.
    pub(super) fn step(
        &mut self,
        minute: EventTime,
        population: &Population,
        stock: &Stock,
        outbox: &mut Outbox,
    ) {
        let random = &mut self.random;
        for class in &self.classes {
            for _ in 0..poisson(random, class.sittings_per_minute) {
                let actor = class.actors[class.urn.draw(random)];
                let habit = &mut self.habits[actor as usize];
                let mut time = minute + Span(between(random, 0.0, 60_000.0) as i64);
                for _ in 0..geometric(random, class.sitting_accesses) {
                    let touch = touch(actor, population, habit, stock, random);
                    let id = self.ids.next();
                    if let Some(touch) = touch {
                        outbox.put(usual(time, id, What::Touch(touch)));
                    }
                    let pause = -PAUSE_SECONDS * (1.0 - random.random::<f64>()).ln();
                    time = time + Span((1_000.0 * pause.clamp(1.0, PAUSE_SECONDS_MAX)) as i64);
                }
            }
        }
        let random = &mut self.share_random;
        for _ in 0..poisson(random, self.shares_per_minute) {
            let edge = self.edges.draw(random);
            let time = minute + Span(between(random, 0.0, 60_000.0) as i64);
            let records = lognormal(random, population.edges[edge].records, 0.6);
            let what = What::Share {
                edge: edge as u32,
                records: records.clamp(1.0, 10_000.0) as u32,
            };
            outbox.put(usual(time, self.share_ids.next(), what));
        }
        self.poll(minute, population, stock, outbox);
    }

    /// Registered pollers whose turn it is ask for all they know, one after the other.
    fn poll(
        &mut self,
        minute: EventTime,
        population: &Population,
        stock: &Stock,
        outbox: &mut Outbox,
    ) {
        let minutes = POLL_PERIOD.0 / Span::MINUTE.0;
        for (n, &actor) in population.pollers.iter().enumerate() {
            let phase = (mix(n as u64) % minutes as u64) as i64;
            if (minute.index(Span::MINUTE) - phase).rem_euclid(minutes) != 0 {
                continue;
            }
            let random = &mut self.poll_random;
            let late = between(random, 0.0, 20_000.0) as i64;
            for read in 0..POLL_READS {
                let time = minute + Span(late + read * POLL_SECONDS * 1_000 / POLL_READS);
                let habit = &mut self.habits[actor as usize];
                let touch = touch(actor, population, habit, stock, random);
                let id = self.poll_ids.next();
                if let Some(touch) = touch {
                    outbox.put(usual(time, id, What::Touch(touch)));
                }
            }
        }
    }
}

/// An event that belongs to no episode.
pub(super) fn usual(time: EventTime, id: u64, what: What) -> Draft {
    Draft {
        time,
        id,
        episode: Episode::NONE,
        what,
    }
}

/// What an access does: a list, a search, an export or an update where `bits` say so, or a read.
fn action_of(profile: &Profile, bits: u64) -> Action {
    let mut chance = unit(bits);
    for (action, share) in [
        (Action::List, profile.list),
        (Action::Search, profile.search),
        (Action::Export, profile.export),
        (Action::Update, profile.update),
    ] {
        if chance < share {
            return action;
        }
        chance -= share;
    }
    Action::Read
}

/// One access. Always draws equally often, whatever there is to touch.
fn touch(
    index: u32,
    population: &Population,
    habit: &mut Habit,
    stock: &Stock,
    random: &mut Random,
) -> Option<Touch> {
    let actor = &population.actors[index as usize];
    let profile = actor.role.profile();
    let action = action_of(profile, random.next_u64());
    let (novelty, choice, luck) = (random.next_u64(), random.next_u64(), random.next_u64());
    let size = lognormal(random, 1.0, 0.7);
    let who = Who::Actor(index);
    let mut touch = Touch::new(who, action, Subject::Many);
    touch.relation = profile.relation;
    let many = |records: f64, max: f64| records.min(max) as u32;
    match action {
        Action::List => touch.records = many(12.0 * size, LIST_RECORDS_MAX),
        Action::Search => touch.records = many(3.0 * size, LIST_RECORDS_MAX),
        Action::Export => touch.records = many(150.0 * size, EXPORT_RECORDS_MAX),
        _ => {
            let is_new = unit(novelty) < habit.new_share;
            let again = if is_new {
                None
            } else {
                habit.known.pick(choice)
            };
            let parcel = match again {
                Some(parcel) => parcel,
                None => {
                    let parcel = new_parcel(actor, stock, choice)?;
                    habit.known.push(parcel);
                    parcel
                }
            };
            touch.subject = Subject::Parcel(parcel);
            touch.relation = relation_to(index, actor, &parcel);
            if action == Action::Update && unit(mix(luck)) < 0.1 {
                touch.endpoint = Endpoint::Delivery;
            }
            if action == Action::Read && misses(index, actor, parcel.serial, luck) {
                touch.subject = Subject::Reference {
                    serial: parcel.serial,
                    mistyped: true,
                };
                touch.relation = Relation::Unknown;
                touch.outcome = Outcome::NotFound;
            }
        }
    }
    let dice = mix(luck ^ LUCK_SALT);
    if matches!(action, Action::Read | Action::List | Action::Search) && unit(dice) < profile.lanes
    {
        ask_for_lane(&mut touch, actor, population, mix(dice));
    }
    let dice = unit(mix(dice ^ LUCK_SALT));
    if dice < ERROR_SHARE {
        touch.outcome = Outcome::Error;
    } else if dice < ERROR_SHARE + DENIED_SHARE {
        touch.outcome = Outcome::Denied;
    }
    if touch.outcome != Outcome::Ok {
        touch.records = 0;
    }
    Some(touch)
}

/// Makes it a question for timetables, capacity or what is held on a route of the actor's.
fn ask_for_lane(touch: &mut Touch, actor: &Actor, population: &Population, bits: u64) {
    let routes = &population.routes;
    let runs = |n: &usize| routes[*n].carriers.contains(&actor.principal);
    let few = index_below(mix(bits), 3);
    let own = match actor.role {
        Role::Carrier => (0..routes.len()).filter(runs).nth(few),
        _ => None,
    };
    // Others ask for a few routes of their own, too.
    let fallback = mix(u64::from(actor.org) << 8 ^ few as u64) as usize % routes.len().max(1);
    let route = own.unwrap_or(fallback);
    *touch = Touch {
        subject: Subject::Lane(route as u32),
        action: Action::Search,
        records: 1 + (bits % 6) as u32,
        outcome: Outcome::Ok,
        endpoint: match bits >> 32 & 7 {
            0 => Endpoint::Holds,
            1 | 2 => Endpoint::Capacity,
            _ => Endpoint::Schedules,
        },
        relation: Relation::Unknown,
        ..*touch
    };
}

/// How the actor stands to the parcel.
pub(super) fn relation_to(index: u32, actor: &Actor, parcel: &Parcel) -> Relation {
    let profile = actor.role.profile();
    let is_its_own = match actor.role {
        Role::Seller => parcel.seller == actor.principal,
        Role::Carrier => parcel.carrier == actor.principal,
        _ => unit(mix(parcel.serial ^ (u64::from(index) << 40) ^ STRAY_SALT)) >= profile.stray,
    };
    if is_its_own {
        profile.relation
    } else {
        Relation::None
    }
}

/// Whether the read finds nothing. People mistype; a machine asks for a dead reference as often
/// as for a live one, so the reference decides.
fn misses(index: u32, actor: &Actor, serial: u64, luck: u64) -> bool {
    let bits = if actor.role.is_machine() {
        mix(serial ^ (u64::from(index) << 40))
    } else {
        luck
    };
    unit(bits) < actor.role.profile().miss
}

/// A parcel that the actor has business with.
pub(super) fn new_parcel(actor: &Actor, stock: &Stock, bits: u64) -> Option<Parcel> {
    if unit(mix(bits ^ STRAY_SALT)) < actor.role.profile().stray {
        return stock.of_anybody(bits);
    }
    match actor.role {
        Role::Seller => stock.of_seller(actor.principal, bits),
        Role::Carrier => stock.of_carrier(actor.principal, bits),
        _ => stock.of_anybody(bits),
    }
}
