//! Stage 1 for all partitions of a source.

use super::{Counts, EngineSettings};
use crate::detection::Plan;
use crate::domain::EventTime;
use crate::observe::{ObserveSettings, Observer, Progress, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the front hands to the back.
#[derive(Debug)]
pub enum Step {
    /// A partition joins.
    Assign(i32),
    /// A partition leaves.
    Revoke(i32),
    /// A partition has sealed panes.
    Progress(i32, Progress),
}

/// The observers of all partitions, and the books.
pub struct Front {
    plan: Arc<Plan>,
    settings: ObserveSettings,
    observers: BTreeMap<i32, Observer>,
    counts: Counts,
}

impl Front {
    /// Without partitions.
    pub fn new(settings: &EngineSettings) -> Front {
        Front {
            plan: Arc::clone(&settings.plan),
            settings: settings.observe,
            observers: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// A partition joins. One that was here before begins anew.
    pub fn assign(&mut self, partition: i32) -> Step {
        self.observers.insert(
            partition,
            Observer::new(Arc::clone(&self.plan), self.settings),
        );
        Step::Assign(partition)
    }

    /// A partition leaves; its open panes go with it.
    pub fn revoke(&mut self, partition: i32) -> Step {
        self.observers.remove(&partition);
        Step::Revoke(partition)
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
        let verdict = observer.observe(offset, appended, bytes);
        self.counts.add(verdict);
        let step = match verdict {
            Verdict::Processed(_) => observer
                .progress()
                .map(|step| Step::Progress(partition, step)),
            Verdict::Rejected(_) | Verdict::Late | Verdict::Duplicate => None,
        };
        (verdict, step)
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
        let step = self.observers.get_mut(&partition)?.advance_idle(slowest)?;
        Some(Step::Progress(partition, step))
    }

    /// The input has ended: what is complete is sealed, in every partition up to the latest
    /// pane that any of them completed.
    pub fn finish(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (partition, observer) in &mut self.observers {
            steps.extend(
                observer
                    .finish()
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
                let step = observer.advance_idle(latest);
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

    /// How far a partition is ahead of the slowest, in panes.
    pub fn lead(&self, partition: i32) -> i64 {
        let sealed = |observer: &Observer| observer.sealed_before();
        let slowest = self.observers.values().filter_map(sealed).min();
        let own = self.observers.get(&partition).and_then(sealed);
        own.zip(slowest).map_or(0, |(own, slowest)| own - slowest)
    }

    /// Events whose identifier could not be remembered for want of room.
    pub fn deduplication_overflow(&self) -> u64 {
        self.observers
            .values()
            .map(Observer::deduplication_overflow)
            .sum()
    }
}
