//! Playing the scripts, minute by minute.

use super::casting::{Casting, Taken};
use super::ledger::Ledger;
use super::script::{Act, Diversions, Goods, How, Meddling, Parcels, Script, Shares, Whose};
use crate::domain::{Action, EventTime, Relation, Span};
use crate::simulate::draft::{Draft, Endpoint, Episode, Ids, Source, Subject, Touch, What, Who};
use crate::simulate::movement::{Fate, Inductor, Yard};
use crate::simulate::population::Population;
use crate::simulate::random::{
    Purpose, Random, between, index_below, lognormal_factor, mix, stream, unit,
};
use crate::simulate::settings::Settings;
use crate::simulate::stock::Parcel;
use rand::Rng;
use std::ops::Range;

/// A little less than the duty step, and how far above it is moved below it.
const BELOW_STEP_CENTS: Range<f64> = 14_000.0..15_000.0;
const ABOVE_STEP_CENTS: Range<u32> = 15_000..30_000;

/// A script that is being played.
#[derive(Clone, Debug)]
struct Play {
    number: Episode,
    script: Script,
    random: Random,
}

/// Everything that is put in.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Stage {
    plays: Vec<Play>,
    /// Those of them that are on in the minute under way.
    on: Vec<usize>,
    inductor: Inductor,
    ids: Ids,
}

impl Stage {
    /// Casts what `settings` order; adds to the population what the scripts need.
    pub(in crate::simulate) fn new(
        settings: &Settings,
        population: &mut Population,
        ledger: &mut Ledger,
    ) -> Stage {
        let mut taken = Taken::default();
        let mut plays: Vec<Play> = Vec::new();
        for (index, injection) in settings.injections.iter().enumerate() {
            let random = stream(settings.seed, Purpose::Target, index as u64);
            let mut casting =
                Casting::new(injection, index, settings, population, &mut taken, random);
            let Some(script) = (injection.scenario.cast)(&mut casting) else {
                continue;
            };
            ledger.open(injection.scenario, injection.intensity, &script);
            plays.push(Play {
                number: Episode(plays.len() as u32 + 1),
                script,
                random: stream(settings.seed, Purpose::Attack, index as u64),
            });
        }
        Stage {
            plays,
            on: Vec::new(),
            inductor: Inductor::new(settings, Source::AttackMovement, population.sellers.len()),
            ids: Ids::new(settings.seed, Source::AttackAccess),
        }
    }

    /// Goes on to the next minute.
    pub(in crate::simulate) fn begin_minute(&mut self, minute: EventTime) {
        let plays = self.plays.iter().enumerate();
        self.on.clear();
        self.on.extend(
            plays
                .filter(|(_, play)| play.script.is_on(minute))
                .map(|(n, _)| n),
        );
    }

    /// What becomes of a usual parcel that is accepted at `time`.
    pub(in crate::simulate) fn meddle(
        &self,
        parcel: &mut Parcel,
        time: EventTime,
        dice: u64,
    ) -> Fate {
        let mut fate = Fate::default();
        for (play, meddling) in self.meddlings(time) {
            if !meddling.whose.holds(parcel)
                || unit(mix(dice ^ u64::from(play.number.0))) >= meddling.share
            {
                continue;
            }
            fate.episode = play.number;
            meddling.how.apply(parcel, &mut fate, mix(dice));
        }
        fate
    }

    /// Whether a scan at `time` stays away because everything of the route does.
    pub(in crate::simulate) fn is_lost(&self, parcel: &Parcel, time: EventTime, dice: u64) -> bool {
        self.meddlings(time).any(|(_, meddling)| {
            matches!((meddling.whose, meddling.how), (Whose::Route(route), How::Lose) if route == parcel.route)
                && unit(dice) < meddling.share
        })
    }

    /// Has its way with an event that happens, and says whether it is seen at all.
    pub(in crate::simulate) fn touch_up(&self, draft: &mut Draft) -> bool {
        if self.on.is_empty() || draft.episode != Episode::NONE {
            return true;
        }
        match &mut draft.what {
            What::Scan { parcel, .. } => !self.is_lost(parcel, draft.time, draft.id),
            What::Touch(touch) => {
                if let Some(episode) = self.expose(touch, draft.time, draft.id) {
                    draft.episode = episode;
                }
                true
            }
            What::Share { .. } => true,
        }
    }

    fn expose(&self, touch: &mut Touch, time: EventTime, dice: u64) -> Option<Episode> {
        let Who::Actor(actor) = touch.who else {
            return None;
        };
        if touch.records == 0 {
            return None;
        }
        let (play, exposure) = self.acts(time).find_map(|(play, act)| match act {
            Act::Exposure(exposure) if exposure.actors.contains(&actor) => Some((play, exposure)),
            _ => None,
        })?;
        if unit(mix(dice ^ u64::from(play.number.0))) >= exposure.share {
            return None;
        }
        touch.fields = exposure.fields;
        Some(play.number)
    }

    fn acts(&self, time: EventTime) -> impl Iterator<Item = (&Play, &Act)> {
        let plays = self.on.iter().map(|n| &self.plays[*n]);
        plays
            .filter(move |play| play.script.start <= time && time < play.script.end)
            .flat_map(|play| play.script.acts.iter().map(move |act| (play, act)))
    }

    fn meddlings(&self, time: EventTime) -> impl Iterator<Item = (&Play, &Meddling)> {
        self.acts(time).filter_map(|(play, act)| match act {
            Act::Meddling(meddling) => Some((play, meddling)),
            _ => None,
        })
    }

    /// What is put in in a minute.
    pub(in crate::simulate) fn step(&mut self, minute: EventTime, yard: &mut Yard<'_>) {
        let Stage {
            plays,
            on,
            inductor,
            ids,
        } = self;
        for number in on {
            let play = &mut plays[*number];
            let (episode, end) = (play.number, play.script.end);
            let random = &mut play.random;
            for act in &mut play.script.acts {
                match act {
                    Act::Reads(reads) => {
                        for time in reads.when.due(minute, end, random) {
                            if let Some(touch) = reads.next(yard.population, yard.stock, random) {
                                yard.outbox.put(Draft {
                                    time,
                                    id: ids.next(),
                                    episode,
                                    what: What::Touch(touch),
                                });
                            }
                        }
                    }
                    Act::Shares(shares) => share(shares, minute, end, episode, random, ids, yard),
                    Act::Parcels(parcels) => {
                        ship(parcels, minute, end, episode, random, inductor, yard);
                    }
                    Act::Meddling(_) | Act::Exposure(_) => {}
                    Act::Diversions(diversions) => {
                        divert(diversions, minute, end, episode, random, ids, yard);
                    }
                }
            }
        }
    }
}

impl Whose {
    fn holds(self, parcel: &Parcel) -> bool {
        match self {
            Whose::Route(route) => parcel.route == route,
            Whose::Seller(seller) => parcel.seller == seller,
        }
    }
}

impl How {
    fn apply(self, parcel: &mut Parcel, fate: &mut Fate, dice: u64) {
        let below = BELOW_STEP_CENTS.start
            + unit(mix(dice)) * (BELOW_STEP_CENTS.end - BELOW_STEP_CENTS.start);
        match self {
            How::Lose => fate.is_lost = true,
            How::Revalue(factor) => {
                parcel.value_cents = (f64::from(parcel.value_cents) * factor).max(1.0) as u32;
            }
            How::BelowStep(others) => {
                if ABOVE_STEP_CENTS.contains(&parcel.value_cents) || unit(dice) < others {
                    parcel.value_cents = below as u32;
                }
            }
            How::Recode(commodity) => parcel.commodity = commodity,
            How::Skip(step) => fate.skipped = Some(step),
            How::Clone(route) => fate.ghost = Some(route),
        }
    }
}

fn share(
    shares: &mut Shares,
    minute: EventTime,
    end: EventTime,
    episode: Episode,
    random: &mut Random,
    ids: &mut Ids,
    yard: &mut Yard<'_>,
) {
    for time in shares.when.due(minute, end, random) {
        let edge = index_below(random.next_u64(), shares.edges.len());
        let records = (shares.records * lognormal_factor(random, 0.3)).max(1.0) as u32;
        if let Some(&edge) = shares.edges.get(edge) {
            yard.outbox.put(Draft {
                time,
                id: ids.next(),
                episode,
                what: What::Share { edge, records },
            });
        }
    }
}

fn ship(
    parcels: &mut Parcels,
    minute: EventTime,
    end: EventTime,
    episode: Episode,
    random: &mut Random,
    inductor: &mut Inductor,
    yard: &mut Yard<'_>,
) {
    for time in parcels.when.due(minute, end, random) {
        let Some(&lane) = parcels.lanes.get(parcels.urn.draw(random)) else {
            continue;
        };
        let goods = &parcels.goods;
        inductor.induct(time, lane, yard, |parcel| {
            goods.fill(parcel, random);
            Fate {
                episode,
                ..Fate::default()
            }
        });
    }
}

impl Goods {
    fn fill(&self, parcel: &mut Parcel, random: &mut Random) {
        if let Some(weight) = &self.weight_grams {
            parcel.weight_grams = between(random, weight.start, weight.end) as u32;
        }
        if let Some(value) = &self.value_eur {
            parcel.value_cents = (100.0 * between(random, value.start, value.end)) as u32;
        }
        parcel.is_unwanted = between(random, 0.0, 1.0) < self.unwanted;
    }
}

fn divert(
    diversions: &mut Diversions,
    minute: EventTime,
    end: EventTime,
    episode: Episode,
    random: &mut Random,
    ids: &mut Ids,
    yard: &mut Yard<'_>,
) {
    for time in diversions.when.due(minute, end, random) {
        // Something dear that came a little while ago.
        let bits = random.next_u64();
        let parcel = yard
            .stock
            .such(bits, |parcel| parcel.value_cents > 2_000)
            .or_else(|| yard.stock.of_anybody(bits));
        let agent = index_below(random.next_u64(), diversions.agents.len());
        let lead = between(
            random,
            diversions.lead_hours.start,
            diversions.lead_hours.end,
        );
        let (Some(parcel), Some(&agent)) = (parcel, diversions.agents.get(agent)) else {
            continue;
        };
        let mut put = |time, who, action, relation, endpoint| {
            let mut touch = Touch::new(Who::Actor(who), action, Subject::Parcel(parcel));
            touch.relation = relation;
            touch.endpoint = endpoint;
            yard.outbox.put(Draft {
                time,
                id: ids.next(),
                episode,
                what: What::Touch(touch),
            });
        };
        let insider = diversions.insider;
        put(time, insider, Action::Read, Relation::None, Endpoint::Usual);
        let later = time + Span((lead * Span::HOUR.0 as f64) as i64);
        put(
            later,
            agent,
            Action::Update,
            Relation::Granted,
            Endpoint::Delivery,
        );
    }
}
