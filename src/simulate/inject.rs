//! Carrying out attacks on top of the usual traffic, which goes on as it would without them.

use super::access::new_parcel;
use super::attack::{Attack, Episode, Scenario};
use super::draft::{Draft, Ids, Source, Subject, What};
use super::movement::Inductor;
use super::outbox::Outbox;
use super::population::{Lane, Population};
use super::random::{Purpose, Random, Urn, between, lognormal_factor, poisson, stream, unit};
use super::role::Role;
use super::serial::decoy_serial;
use super::settings::Settings;
use super::stock::Stock;
use super::target::{Taken, Target, label, target};
use crate::domain::{Action, EventTime, Outcome, Relation, Span};
use rand::{Rng, RngExt};
use std::collections::BTreeSet;

/// Hours a day that a person works: a day's reads over these are a working hour's.
const WORKING_HOURS: f64 = 9.0;
/// Records of one injected export, about.
const EXPORT_RECORDS: f64 = 5_000.0;
/// Minutes between two injected shares.
const SHARE_MINUTES: f64 = 6.0;
/// How often a sweep looks for a parcel it has not read yet.
const SWEEP_TRIES: usize = 64;

#[derive(Clone, Debug)]
struct Campaign {
    attack: Attack,
    start: EventTime,
    end: EventTime,
    target: Target,
    /// Lanes that a surge ships on.
    lanes: Vec<Lane>,
    urn: Urn,
    swept: BTreeSet<u64>,
    random: Random,
}

impl Campaign {
    fn is_on(&self, time: EventTime) -> bool {
        self.start <= time && time < self.end
    }

    fn elapsed_share(&self, time: EventTime) -> f64 {
        let elapsed = (time - self.start).0 as f64 / (self.end - self.start).0 as f64;
        elapsed.clamp(0.0, 1.0)
    }

    /// Which of `count` things, spread evenly over the campaign, fall into this minute.
    fn due(&self, count: f64, minute: EventTime) -> std::ops::Range<usize> {
        let before = (count * self.elapsed_share(minute)) as usize;
        before..(count * self.elapsed_share(minute + Span::MINUTE)) as usize
    }

    /// A time in this minute within the campaign.
    fn moment(&mut self, minute: EventTime) -> EventTime {
        let low = self.start.max(minute);
        let high = self.end.min(minute + Span::MINUTE);
        low + Span(between(&mut self.random, 0.0, (high - low).0 as f64) as i64)
    }
}

/// All attacks of a run.
#[derive(Clone, Debug)]
pub(super) struct Injector {
    campaigns: Vec<Campaign>,
    episodes: Vec<Episode>,
    inductor: Inductor,
    ids: Ids,
    decoys: usize,
}

/// Where injected events go and what they draw from.
pub(super) struct Scene<'a> {
    pub(super) population: &'a Population,
    pub(super) stock: &'a mut Stock,
    pub(super) outbox: &'a mut Outbox,
    /// Level of the season of movements.
    pub(super) season: f64,
}

impl Injector {
    /// Chooses the targets; egress adds its edges to the population.
    pub(super) fn new(settings: &Settings, population: &mut Population) -> Injector {
        let mut taken = Taken::new();
        let mut campaigns = Vec::new();
        let mut episodes = Vec::new();
        for (index, attack) in settings.attacks.iter().enumerate() {
            let mut random = stream(settings.seed, Purpose::Target, index as u64);
            let Some(target) = target(attack, population, &mut taken, &mut random) else {
                continue;
            };
            let episode = label(index, attack, &target, settings, population);
            let lanes: Vec<Lane> = (population.lanes.iter().copied())
                .filter(|lane| match target {
                    Target::Route(route) => lane.route == route,
                    Target::Seller(seller) => lane.seller == seller,
                    _ => false,
                })
                .collect();
            let size =
                |lane: &Lane| lane.share * population.sellers[lane.seller as usize].parcels_per_day;
            campaigns.push(Campaign {
                attack: *attack,
                start: episode.start,
                end: episode.end,
                target,
                urn: lanes.iter().map(size).collect(),
                lanes,
                swept: BTreeSet::new(),
                random: stream(settings.seed, Purpose::Attack, index as u64),
            });
            episodes.push(episode);
        }
        Injector {
            campaigns,
            episodes,
            inductor: Inductor::new(settings, Source::AttackMovement, population.sellers.len()),
            ids: Ids::new(settings.seed, Source::AttackAccess),
            decoys: settings.decoys,
        }
    }

    /// The labels.
    pub(super) fn episodes(&self) -> &[Episode] {
        &self.episodes
    }

    /// Whether a movement on `route` at `time` stays away; `dice` decide where only a share does.
    pub(super) fn is_lost(&self, route: u32, time: EventTime, dice: u64) -> bool {
        self.campaigns.iter().any(|campaign| {
            campaign.attack.scenario == Scenario::RouteSilence
                && matches!(campaign.target, Target::Route(silent) if silent == route)
                && campaign.is_on(time)
                && unit(dice) < campaign.attack.intensity
        })
    }

    /// What attackers do in a minute.
    pub(super) fn step(&mut self, minute: EventTime, scene: &mut Scene<'_>) {
        let Injector {
            campaigns,
            inductor,
            ids,
            decoys,
            ..
        } = self;
        for campaign in campaigns {
            if !campaign.is_on(minute) && !campaign.is_on(minute + Span(Span::MINUTE.0 - 1)) {
                continue;
            }
            match (campaign.attack.scenario, campaign.target.clone()) {
                (Scenario::ActorVolumeSurge, Target::Actor(actor)) => {
                    surge_of_reads(campaign, actor, minute, ids, scene);
                }
                (Scenario::BulkExport, Target::Actor(actor)) => {
                    exports(campaign, actor, minute, ids, scene);
                }
                (Scenario::ActorFanoutSpread, Target::Fanout { actor, sellers }) => {
                    fan_out(campaign, actor, &sellers, minute, ids, scene);
                }
                (Scenario::OneTouchSweep, Target::Actor(actor)) => {
                    sweep(campaign, actor, minute, ids, scene);
                }
                (Scenario::DecoyTouch, Target::Actor(actor)) => {
                    touch_decoys(campaign, actor, *decoys, minute, ids, scene);
                }
                (Scenario::ThirdPartyEgress, Target::Edge(edge)) => {
                    egress(campaign, edge, minute, ids, scene);
                }
                (Scenario::RouteSurge | Scenario::SellerSurge, _) => {
                    surge_of_parcels(campaign, minute, inductor, scene);
                }
                // A silence adds nothing; other pairs are never made.
                _ => {}
            }
        }
    }
}

fn put_touch(
    time: EventTime,
    actor: u32,
    action: Action,
    subject: Subject,
    records: u32,
    relation: Relation,
    (ids, scene): (&mut Ids, &mut Scene<'_>),
) {
    scene.outbox.put(Draft {
        time,
        id: ids.next(),
        what: What::Touch {
            actor,
            action,
            subject,
            records,
            outcome: Outcome::Ok,
            relation,
        },
    });
}

fn surge_of_reads(
    campaign: &mut Campaign,
    actor: u32,
    minute: EventTime,
    ids: &mut Ids,
    scene: &mut Scene<'_>,
) {
    let reader = &scene.population.actors[actor as usize];
    let relation = reader.role.profile().relation;
    let reads_per_hour = campaign.attack.intensity * reader.reads_per_day / WORKING_HOURS;
    for _ in 0..poisson(&mut campaign.random, reads_per_hour / 60.0) {
        let time = campaign.moment(minute);
        if let Some(parcel) = new_parcel(reader, scene.stock, campaign.random.next_u64()) {
            let subject = Subject::Parcel(parcel);
            put_touch(
                time,
                actor,
                Action::Read,
                subject,
                1,
                relation,
                (ids, scene),
            );
        }
    }
}

fn exports(
    campaign: &mut Campaign,
    actor: u32,
    minute: EventTime,
    ids: &mut Ids,
    scene: &mut Scene<'_>,
) {
    let relation = scene.population.actors[actor as usize]
        .role
        .profile()
        .relation;
    let count = (campaign.attack.intensity / EXPORT_RECORDS).ceil().max(1.0);
    for _ in campaign.due(count, minute) {
        let records = (campaign.attack.intensity / count) as u32;
        let time = campaign.moment(minute);
        put_touch(
            time,
            actor,
            Action::Export,
            Subject::Many,
            records,
            relation,
            (ids, scene),
        );
    }
}

fn fan_out(
    campaign: &mut Campaign,
    actor: u32,
    sellers: &[u32],
    minute: EventTime,
    ids: &mut Ids,
    scene: &mut Scene<'_>,
) {
    for &seller in &sellers[campaign.due(sellers.len() as f64, minute)] {
        let reads = 1 + usize::from(campaign.random.random::<f64>() < 0.4);
        for _ in 0..reads {
            let time = campaign.moment(minute);
            if let Some(parcel) = scene.stock.of_seller(seller, campaign.random.next_u64()) {
                let subject = Subject::Parcel(parcel);
                put_touch(
                    time,
                    actor,
                    Action::Read,
                    subject,
                    1,
                    Relation::None,
                    (ids, scene),
                );
            }
        }
    }
}

fn sweep(
    campaign: &mut Campaign,
    actor: u32,
    minute: EventTime,
    ids: &mut Ids,
    scene: &mut Scene<'_>,
) {
    let relation = match scene.population.actors[actor as usize].role {
        Role::Support => Relation::Granted,
        _ => Relation::None,
    };
    let wanted = campaign
        .attack
        .intensity
        .min(scene.stock.len() as f64 * 0.8);
    for _ in campaign.due(wanted, minute) {
        let time = campaign.moment(minute);
        let unread = (0..SWEEP_TRIES).find_map(|_| {
            let parcel = scene.stock.of_anybody(campaign.random.next_u64())?;
            campaign.swept.insert(parcel.serial).then_some(parcel)
        });
        if let Some(parcel) = unread {
            let subject = Subject::Parcel(parcel);
            put_touch(
                time,
                actor,
                Action::Read,
                subject,
                1,
                relation,
                (ids, scene),
            );
        }
    }
}

fn touch_decoys(
    campaign: &mut Campaign,
    actor: u32,
    decoys: usize,
    minute: EventTime,
    ids: &mut Ids,
    scene: &mut Scene<'_>,
) {
    for touch in campaign.due(campaign.attack.intensity, minute) {
        if decoys == 0 {
            break;
        }
        let time = campaign.moment(minute);
        // Neighbours, as somebody who counts upwards would find them.
        let serial = decoy_serial((decoys / 3 + touch) % decoys);
        let subject = Subject::Reference {
            serial,
            mistyped: false,
        };
        put_touch(
            time,
            actor,
            Action::Read,
            subject,
            1,
            Relation::None,
            (ids, scene),
        );
    }
}

fn egress(
    campaign: &mut Campaign,
    edge: u32,
    minute: EventTime,
    ids: &mut Ids,
    scene: &mut Scene<'_>,
) {
    let minutes = (campaign.end - campaign.start).0 as f64 / Span::MINUTE.0 as f64;
    let count = (minutes / SHARE_MINUTES).ceil().max(1.0);
    for _ in campaign.due(count, minute) {
        let spread = lognormal_factor(&mut campaign.random, 0.3);
        let records = (campaign.attack.intensity / count * spread).max(1.0) as u32;
        let time = campaign.moment(minute);
        scene.outbox.put(Draft {
            time,
            id: ids.next(),
            what: What::Share { edge, records },
        });
    }
}

fn surge_of_parcels(
    campaign: &mut Campaign,
    minute: EventTime,
    inductor: &mut Inductor,
    scene: &mut Scene<'_>,
) {
    let extra_per_day = (campaign.attack.intensity - 1.0) * campaign.urn.total();
    let extra_per_minute = extra_per_day * scene.season / Span::MINUTE.per_day();
    for _ in 0..poisson(&mut campaign.random, extra_per_minute) {
        let time = campaign.moment(minute);
        let lane = campaign.urn.draw(&mut campaign.random);
        if let Some(&lane) = campaign.lanes.get(lane) {
            inductor.induct(
                time,
                lane,
                false,
                scene.population,
                scene.stock,
                scene.outbox,
            );
        }
    }
}
