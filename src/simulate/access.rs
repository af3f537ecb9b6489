//! Reading: sittings of people, polling of machines, and records handed on to usual recipients.
//!
//! The rate of an actor in an hour is size × season × a factor of the actor × a factor common to
//! its role. Accesses come in sittings; each is a list, a search, an export, an update, or a read
//! of a parcel that is either new to the actor or one it has read before.

use super::draft::{Draft, Ids, Source, Subject, What};
use super::movement::peak_factor;
use super::outbox::Outbox;
use super::population::{Actor, Population};
use super::random::{
    Purpose, Random, Urn, between, gamma_factor, geometric, lognormal, mix, poisson, stream, unit,
};
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
    edges: Urn,
    shares_per_minute: f64,
    ids: Ids,
    share_ids: Ids,
    random: Random,
    share_random: Random,
}

impl Access {
    /// Nothing read yet; [`Access::begin_hour`] comes first.
    pub(super) fn new(settings: &Settings, population: &Population) -> Access {
        let classes = Role::ALL.map(|role| Class {
            season: Season::new(role.profile().rhythm),
            actors: (population.actors.iter().enumerate())
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
            edges: Urn::default(),
            shares_per_minute: 0.0,
            ids: Ids::new(settings.seed, Source::Access),
            share_ids: Ids::new(settings.seed, Source::Share),
            random: stream(settings.seed, Purpose::Access, 0),
            share_random: stream(settings.seed, Purpose::Share, 0),
        }
    }

    /// Draws the factors of the hour that begins at `hour`. The first `usual_edges` edges share.
    pub(super) fn begin_hour(
        &mut self,
        settings: &Settings,
        population: &Population,
        usual_edges: usize,
        hour: EventTime,
    ) {
        let index = hour.index(Span::HOUR) as u64;
        let seed = settings.seed;
        let mut random = stream(seed, Purpose::ActorHour, index);
        for (n, (class, role)) in self.classes.iter_mut().zip(Role::ALL).enumerate() {
            let cv = if role.is_machine() {
                settings.machine_cv
            } else {
                settings.people_cv
            };
            class.urn.fill(class.actors.iter().map(|&actor| {
                population.actors[actor as usize].reads_per_day
                    * gamma_factor(&mut random, cv)
                    * peak_factor(settings, hour, 1, actor as usize)
            }));
            let mut common = stream(seed, Purpose::ClassHour, (index << 8) + 1 + n as u64);
            class.sittings_per_minute = class.urn.total()
                * class.season.level(hour)
                * gamma_factor(&mut common, settings.common_cv)
                / (MINUTES_PER_DAY * class.sitting_accesses);
        }
        let mut random = stream(seed, Purpose::EdgeHour, index);
        self.edges.fill((0..usual_edges).map(|edge| {
            gamma_factor(&mut random, settings.machine_cv) * peak_factor(settings, hour, 2, edge)
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
                    let known = population.actors.get(actor as usize);
                    let what = known.and_then(|a| touch(actor, a, habit, stock, random));
                    let id = self.ids.next();
                    if let Some(what) = what {
                        outbox.put(Draft { time, id, what });
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
            outbox.put(Draft {
                time,
                id: self.share_ids.next(),
                what: What::Share {
                    edge: edge as u32,
                    records: records.clamp(1.0, 10_000.0) as u32,
                },
            });
        }
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
    actor: &Actor,
    habit: &mut Habit,
    stock: &Stock,
    random: &mut Random,
) -> Option<What> {
    let profile = actor.role.profile();
    let action = action_of(profile, random.next_u64());
    let (novelty, choice, luck) = (random.next_u64(), random.next_u64(), random.next_u64());
    let size = lognormal(random, 1.0, 0.7);
    let many = |records: f64, max: f64| (records.min(max) as u32, Subject::Many);
    let (records, subject) = match action {
        Action::List => many(12.0 * size, LIST_RECORDS_MAX),
        Action::Search => many(3.0 * size, LIST_RECORDS_MAX),
        Action::Export => many(150.0 * size, EXPORT_RECORDS_MAX),
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
            (1, Subject::Parcel(parcel))
        }
    };
    let what = match subject {
        Subject::Parcel(Parcel { serial, .. })
            if action == Action::Read && misses(index, actor, serial, luck) =>
        {
            What::Touch {
                actor: index,
                action,
                subject: Subject::Reference {
                    serial,
                    mistyped: true,
                },
                records: 0,
                outcome: Outcome::NotFound,
                relation: Relation::Unknown,
            }
        }
        subject => What::Touch {
            actor: index,
            action,
            subject,
            records,
            outcome: Outcome::Ok,
            relation: profile.relation,
        },
    };
    Some(what)
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
    match actor.role {
        Role::Seller => stock.of_seller(actor.principal, bits),
        Role::Carrier => stock.of_carrier(actor.principal, bits),
        _ => stock.of_anybody(bits),
    }
}
