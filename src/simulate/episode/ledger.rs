//! The books of what was put in: how many events, and how much was taken by when.

use crate::domain::{
    EntityMembers, EpisodeKind, EpisodeLabel, EventLabel, EventTime, Intensity, Outcome, Span,
};
use crate::simulate::draft::{Draft, Subject, What};
use crate::simulate::episode::Scenario;

/// Points of a curve before it is thinned out.
const POINTS_MAX: usize = 64;

/// Records taken, as a curve of a few dozen points: so many up to that time.
#[derive(Clone, Debug)]
struct Curve {
    points: Vec<(EventTime, u64)>,
    taken: u64,
    /// When the last point was begun; it moves on for so long before there is a next one.
    begun: EventTime,
    gap: Span,
}

impl Curve {
    fn add(&mut self, time: EventTime, records: u64) {
        self.taken += records;
        match self.points.last_mut() {
            Some(last) if time < self.begun + self.gap => *last = (time.max(last.0), self.taken),
            _ => {
                self.begun = time;
                self.points.push((time, self.taken));
            }
        }
        if self.points.len() > POINTS_MAX {
            // Of two, the later one stays, and so does the last.
            let mut position: usize = self.points.len() % 2;
            self.points.retain(|_| {
                position += 1;
                position.is_multiple_of(2)
            });
            self.gap = Span(self.gap.0 * 2);
        }
    }
}

/// The account of one episode.
#[derive(Clone, Debug)]
struct Account {
    id: String,
    scenario: &'static Scenario,
    intensity: Intensity,
    entities: Vec<EntityMembers>,
    start: EventTime,
    end: EventTime,
    story: String,
    events: u64,
    curve: Curve,
}

/// The books of all episodes.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct Ledger {
    accounts: Vec<Account>,
    /// Identifiers of events, each with its episode's place.
    events: Vec<(u64, u32)>,
}

impl Ledger {
    /// Opens the account of the next episode.
    pub(in crate::simulate) fn open(
        &mut self,
        scenario: &'static Scenario,
        intensity: Intensity,
        script: &super::script::Script,
    ) {
        self.accounts.push(Account {
            id: format!("{}-{}", self.accounts.len() + 1, scenario.name),
            scenario,
            intensity,
            entities: script.entities.clone(),
            start: script.start,
            end: script.end,
            story: script.story.clone(),
            events: 0,
            curve: Curve {
                points: Vec::new(),
                taken: 0,
                begun: script.start,
                gap: Span::MINUTE,
            },
        });
    }

    /// Books an event that happened, if it belongs to an episode.
    pub(in crate::simulate) fn book(&mut self, draft: &Draft) {
        let Some(index) = draft.episode.index() else {
            return;
        };
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        account.events += 1;
        self.events.push((draft.id, index as u32));
        let records = match draft.what {
            What::Touch(touch) if touch.outcome == Outcome::Ok => match touch.subject {
                Subject::Nothing => 0,
                _ => touch.records,
            },
            What::Share { records, .. } => records,
            _ => 0,
        };
        if records > 0 {
            account.curve.add(draft.time, u64::from(records));
        }
    }

    /// The labels of all episodes as far as they have come.
    pub(in crate::simulate) fn episodes(&self) -> impl Iterator<Item = EpisodeLabel> {
        self.accounts.iter().map(|account| {
            let kind = account.scenario.kind();
            let is_attack = kind == EpisodeKind::Attack;
            EpisodeLabel {
                id: account.id.clone(),
                kind,
                scenario: account.scenario.name.to_owned(),
                intensity: is_attack.then_some(account.intensity),
                class: account.scenario.class(),
                detections: (account.scenario.detections.iter())
                    .map(|name| (*name).to_owned())
                    .collect(),
                entities: account.entities.clone(),
                start: account.start,
                end: account.end,
                events: account.events,
                taken: account.curve.points.clone(),
                story: account.story.clone(),
            }
        })
    }

    /// The labels of the events, in the order in which they happened.
    pub(in crate::simulate) fn events(&self) -> impl Iterator<Item = EventLabel> {
        self.events.iter().filter_map(|(id, index)| {
            let account = self.accounts.get(*index as usize)?;
            Some(EventLabel {
                id: format!("{id:016x}"),
                episode: account.id.clone(),
            })
        })
    }
}
