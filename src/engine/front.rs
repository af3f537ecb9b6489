//! Stage 1 for all partitions of a source.

use super::{Counts, EngineSettings, PolicySwap};
use crate::detection::Plan;
use crate::domain::EventTime;
use crate::observe::{ObserveSettings, Observer, Progress, Resume, Room, SealedPane, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the front hands to the back.
#[derive(Debug)]
pub enum Step {
    /// A partition joins; where it comes back, every pane before `sealed_before` is sealed.
    Assign {
        /// The partition.
        partition: i32,
        /// `None` where nothing was read of it yet.
        sealed_before: Option<i64>,
    },
    /// A partition leaves.
    Revoke(i32),
    /// A partition has nothing to read.
    Idle(i32),
    /// A partition has sealed panes.
    Progress(i32, Progress),
    /// What follows is judged by other policy.
    Swap(Arc<PolicySwap>),
}

impl Step {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Step::Progress(_, progress) => progress.panes.iter().map(SealedPane::bytes).sum(),
            Step::Assign { .. } | Step::Revoke(_) | Step::Idle(_) | Step::Swap(_) => 0,
        }
    }
}

/// The observers of all partitions, and the books.
pub struct Front {
    plan: Arc<Plan>,
    settings: ObserveSettings,
    observers: BTreeMap<i32, Observer>,
    /// Partitions that have left, with the panes they left open.
    left: BTreeMap<i32, Observer>,
    counts: Counts,
    room: Room,
    /// Bytes of panes that are sealed and wait for slower partitions.
    waiting: BTreeMap<i64, usize>,
}

impl Front {
    /// Without partitions.
    pub fn new(settings: &EngineSettings) -> Front {
        Front {
            plan: Arc::clone(&settings.plan),
            settings: settings.observe,
            observers: BTreeMap::new(),
            left: BTreeMap::new(),
            counts: Counts::default(),
            room: Room::new(settings.memory.as_ref().map(|memory| memory.panes)),
            waiting: BTreeMap::new(),
        }
    }

    /// A partition joins. One that comes back goes on where it left, with its open panes: it is
    /// read on from there, so what they hold would be lost otherwise.
    pub fn assign(&mut self, partition: i32) -> Step {
        let observer = self
            .left
            .remove(&partition)
            .unwrap_or_else(|| Observer::new(Arc::clone(&self.plan), self.settings));
        let sealed_before = observer.sealed_before();
        self.observers.insert(partition, observer);
        Step::Assign {
            partition,
            sealed_before,
        }
    }

    /// Should this partition join, it goes on from there.
    pub fn resume(&mut self, partition: i32, resume: Resume) {
        let observer = Observer::resume(Arc::clone(&self.plan), self.settings, resume);
        self.left.insert(partition, observer);
    }

    /// Should this partition join, it begins where nothing was read of it.
    pub fn forget(&mut self, partition: i32) {
        self.left.remove(&partition);
    }

    /// A partition leaves: it holds nobody back any more.
    pub fn revoke(&mut self, partition: i32) -> Step {
        let observer = self.observers.remove(&partition);
        self.left
            .extend(observer.map(|observer| (partition, observer)));
        Step::Revoke(partition)
    }

    /// Goes on with other policy: conditions see the new content of their lists from the next
    /// message on, and the back judges by the new policy what is sealed from now on.
    pub fn swap(&mut self, swap: &Arc<PolicySwap>) -> Step {
        self.plan = Arc::clone(&swap.plan);
        for observer in self.observers.values_mut().chain(self.left.values_mut()) {
            observer.swap(Arc::clone(&swap.plan));
        }
        Step::Swap(Arc::clone(swap))
    }

    /// Takes one message that is not blank.
    pub fn feed(
        &mut self,
        partition: i32,
        offset: i64,
        appended: Option<EventTime>,
        bytes: &[u8],
    ) -> (Verdict, Option<Step>) {
        let observer = self
            .observers
            .entry(partition)
            .or_insert_with(|| Observer::new(Arc::clone(&self.plan), self.settings));
        let verdict = observer.observe(offset, appended, bytes, &mut self.room);
        self.counts.add(verdict);
        let progress = match verdict {
            Verdict::Processed(_) => observer.progress(&mut self.room),
            Verdict::Rejected(_) | Verdict::Late | Verdict::Duplicate => None,
        };
        while let Some(pane) = self.room.halve() {
            for observer in self.observers.values_mut().chain(self.left.values_mut()) {
                observer.shed(pane, &mut self.room);
            }
        }
        let step = progress.map(|progress| self.hand_on(partition, progress));
        (verdict, step)
    }

    fn hand_on(&mut self, partition: i32, progress: Progress) -> Step {
        for pane in &progress.panes {
            *self.waiting.entry(pane.pane).or_default() += pane.bytes();
        }
        let sealed = |observer: &Observer| observer.sealed_before();
        let slowest = self.observers.values().map(sealed).min().flatten();
        if let Some(slowest) = slowest {
            self.waiting = self.waiting.split_off(&slowest);
            self.room.forget_before(slowest);
        }
        Step::Progress(partition, progress)
    }

    /// Bytes of sealed panes that wait for slower partitions.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.values().sum()
    }

    /// A partition has nothing more to read for now: it follows the slowest of those that
    /// `is_idle` does not name, so that it holds nobody back.
    pub fn follow(&mut self, partition: i32, is_idle: impl Fn(i32) -> bool) -> Option<Step> {
        let slowest = self
            .observers
            .iter()
            .filter(|(other, _)| !is_idle(**other))
            .map(|(_, observer)| observer.sealed_before())
            .min()
            .flatten()?;
        self.follow_to(partition, slowest)
    }

    /// A partition has nothing more to read for now, and every pane before this one is to be sealed.
    pub fn follow_to(&mut self, partition: i32, pane: i64) -> Option<Step> {
        let observer = self.observers.get_mut(&partition)?;
        let progress = observer.advance_idle(pane, &mut self.room)?;
        Some(self.hand_on(partition, progress))
    }

    /// The input has ended: what is complete is sealed, in every partition up to the latest
    /// pane that any of them completed.
    pub fn finish(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let room = &mut self.room;
        for (partition, observer) in &mut self.observers {
            steps.extend(
                observer
                    .finish(room)
                    .map(|step| Step::Progress(*partition, step)),
            );
        }
        let latest = self
            .observers
            .values()
            .filter_map(Observer::sealed_before)
            .max();
        if let Some(latest) = latest {
            for (partition, observer) in &mut self.observers {
                let step = observer.advance_idle(latest, room);
                steps.extend(step.map(|step| Step::Progress(*partition, step)));
            }
        }
        steps
    }

    /// The books.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How far event time has come in the slowest partition that has begun.
    pub fn watermark(&self) -> Option<EventTime> {
        self.observers
            .values()
            .filter_map(Observer::watermark)
            .min()
    }

    /// The slowest partition that has begun has sealed every pane before this one.
    pub fn slowest(&self) -> Option<i64> {
        let sealed = |observer: &Observer| observer.sealed_before();
        self.observers.values().filter_map(sealed).min()
    }

    /// How far a partition is ahead of where the slowest is, in panes.
    pub fn lead(&self, partition: i32, slowest: Option<i64>) -> i64 {
        let own = self.observers.get(&partition);
        let own = own.and_then(Observer::sealed_before);
        own.zip(slowest).map_or(0, |(own, slowest)| own - slowest)
    }

    /// Events whose identifier could not be remembered for want of room.
    pub fn deduplication_overflow(&self) -> u64 {
        self.observers
            .values()
            .chain(self.left.values())
            .map(Observer::deduplication_overflow)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertSettings;
    use crate::domain::Span;
    use crate::observe::TimeBound;
    use crate::score::ScoreSettings;

    fn front() -> Front {
        let (allowed_lateness, hash_key) = (Span::ZERO, (1, 2));
        Front::new(&EngineSettings {
            plan: Arc::new(Plan::new(Vec::new(), Span::MINUTE)),
            observe: ObserveSettings {
                time_bound: TimeBound::None,
                allowed_lateness,
                hash_key,
            },
            score: ScoreSettings {
                half_life: Span::days(14),
                forget_after: Span::days(35),
                allowed_lateness,
                hash_key,
                memory: None,
                ablation: Default::default(),
            },
            alert: AlertSettings {
                false_alarms_per_day: 10.0,
                alerts_per_day_max: 50.0,
                resolve_after: Span::HOUR,
                cooldown: Span::DAY,
                critical_below: 1e-3,
            },
            policy: Arc::default(),
            memory: None,
        })
    }

    /// The panes that an event in each of these minutes seals.
    fn seal(front: &mut Front, minutes: std::ops::Range<i64>) -> Vec<i64> {
        let mut sealed = Vec::new();
        for minute in minutes {
            let time = minute * Span::MINUTE.0;
            let event =
                format!(r#"{{"time":{time},"kind":"movement","shipment":"s","step":"arriving"}}"#);
            let (_, step) = front.feed(0, minute, None, event.as_bytes());
            if let Some(Step::Progress(_, progress)) = step {
                sealed.extend(progress.panes.iter().map(|pane| pane.pane));
            }
        }
        sealed
    }

    #[test]
    fn a_partition_that_comes_back_has_the_panes_it_left_open() {
        let mut front = front();
        front.assign(0);
        let mut sealed = seal(&mut front, 0..30);
        let before = sealed.len() as i64;
        assert!(before < 30);
        front.revoke(0);
        let Step::Assign { sealed_before, .. } = front.assign(0) else {
            panic!("no assignment")
        };
        assert_eq!(sealed_before, Some(before));
        sealed.extend(seal(&mut front, 30..60));
        assert!(sealed.iter().copied().eq(0..before + 30));
    }
}
