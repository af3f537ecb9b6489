//! Stage 1, one per source partition: bytes in offset order become sealed panes of measures.
//!
//! A pure step: no clock but the events' own, no I/O, no randomness. What it promises:
//! * every message that is not blank ends as exactly one of processed, rejected, late and
//!   duplicate;
//! * late is decided before duplicate, and neither moves the event clock;
//! * duplicates, and disorder within the allowed lateness, change nothing in what leaves.

mod clock;
mod deduplication;
mod pane;
mod room;
mod trace;

pub use clock::{EventClock, TimeBound};
pub use pane::{PaneHasher, PaneRow, PaneTable};
pub use room::{PaneBounds, Room, Share};
pub use trace::{Told, Trace, Traces};

use crate::decode::{Rejection, decode};
use crate::detection::Plan;
use crate::domain::{Event, EventTime, Kind, Span};
use crate::measure::ValueHasher;
use deduplication::Deduplication;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a stage reads time, and the key of its hashes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObserveSettings {
    /// What bounds the times that producers may claim.
    pub time_bound: TimeBound,
    /// How long a pane stays open for stragglers.
    pub allowed_lateness: Span,
    /// The deployment's hash key.
    pub hash_key: (u64, u64),
}

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Processed(Kind),
    /// It was refused.
    Rejected(Rejection),
    /// Its pane was sealed already.
    Late,
    /// Its identifier was seen already.
    Duplicate,
}

/// One minute (say) of one partition, measured: one table per group of the plan.
#[derive(Debug, Serialize, Deserialize)]
pub struct SealedPane {
    /// Number of the pane since the epoch.
    pub pane: i64,
    /// One per group.
    pub tables: Vec<PaneTable>,
    /// What has to meet the events of other partitions, and what was not measured for want of room.
    pub traces: PaneTraces,
}

/// Traces of a pane of a partition.
#[derive(Debug, Serialize, Deserialize)]
pub struct PaneTraces {
    /// The traces.
    pub traces: Traces,
    /// Of which shipments there are any.
    pub share: Share,
    /// Events of which there should be traces and are none.
    pub shed: u64,
}

impl SealedPane {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(PaneTable::bytes).sum::<usize>() + self.traces.traces.size()
    }
}

/// What a partition hands on when its watermark moves.
#[derive(Debug)]
pub struct Progress {
    /// Every pane before this one is sealed.
    pub sealed_before: i64,
    /// The panes sealed since the last time, oldest first; empty ones are left out.
    pub panes: Vec<SealedPane>,
    /// It was told to go on, with nothing to read.
    pub is_idle: bool,
    /// Where the oldest open pane began: reading again from there gives the same open panes.
    pub resume: Box<Resume>,
}

/// Where the reading of a partition can go on: the clock as it was when this message was to be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resume {
    /// The message's offset.
    pub offset: i64,
    clock: EventClock,
    sealed_before: Option<i64>,
}

impl Resume {
    /// A partition whose first message is this one, or one after it.
    pub fn beginning(settings: ObserveSettings, offset: i64) -> Resume {
        Resume {
            offset,
            clock: EventClock::new(settings.time_bound, settings.allowed_lateness),
            sealed_before: None,
        }
    }
}

struct OpenPane {
    /// Before its first event.
    began: Resume,
    tables: Vec<PaneTable>,
    traces: Traces,
    share: Share,
    shed: u64,
}

/// Stage 1 for one partition.
pub struct Observer {
    plan: Arc<Plan>,
    clock: EventClock,
    hasher: ValueHasher,
    pane_hasher: PaneHasher,
    open: BTreeMap<i64, OpenPane>,
    deduplication: Deduplication,
    /// Every pane before this one is sealed. `None` before the first event.
    sealed_before: Option<i64>,
    next_offset: i64,
    scratch: String,
}

impl Observer {
    /// A partition of which nothing was read yet.
    pub fn new(plan: Arc<Plan>, settings: ObserveSettings) -> Observer {
        Observer {
            clock: EventClock::new(settings.time_bound, settings.allowed_lateness),
            hasher: ValueHasher::new(settings.hash_key),
            pane_hasher: PaneHasher::default(),
            open: BTreeMap::new(),
            deduplication: Deduplication::new(settings.hash_key),
            sealed_before: None,
            next_offset: 0,
            scratch: String::new(),
            plan,
        }
    }

    /// A partition of which everything before a message was read, in this process or another.
    pub fn resume(plan: Arc<Plan>, settings: ObserveSettings, resume: Resume) -> Observer {
        Observer {
            clock: resume.clock,
            sealed_before: resume.sealed_before,
            next_offset: resume.offset,
            ..Observer::new(plan, settings)
        }
    }

    /// Goes on with a plan that differs from the one before in the content of its lists at the
    /// most.
    pub fn swap(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
    }

    /// Takes one message that is not blank. `appended` is the broker's append time, where it
    /// keeps one; `room` is what all partitions share.
    pub fn observe(
        &mut self,
        offset: i64,
        appended: Option<EventTime>,
        bytes: &[u8],
        room: &mut Room,
    ) -> Verdict {
        self.next_offset = offset + 1;
        match decode(bytes) {
            Ok(event) => self.observe_event(offset, appended, &event, room),
            Err(rejection) => Verdict::Rejected(rejection),
        }
    }

    fn observe_event(
        &mut self,
        offset: i64,
        appended: Option<EventTime>,
        event: &Event<'_>,
        room: &mut Room,
    ) -> Verdict {
        if let Err(rejection) = self.clock.check(event.time, appended) {
            return Verdict::Rejected(rejection);
        }
        let pane = event.time.index(self.plan.pane);
        if self
            .sealed_before
            .is_some_and(|sealed_before| pane < sealed_before)
        {
            return Verdict::Late;
        }
        if let Some(id) = &event.id {
            let before = self.deduplication.bytes();
            let is_full = room.lacks_identifiers();
            if !self.deduplication.first_time(pane, id, is_full) {
                return Verdict::Duplicate;
            }
            room.identifiers_changed(before, self.deduplication.bytes());
        }
        let plan = &self.plan;
        let open = self.open.entry(pane).or_insert_with(|| OpenPane {
            began: Resume {
                offset,
                clock: self.clock.clone(),
                sealed_before: self.sealed_before,
            },
            tables: plan.groups.iter().map(PaneTable::new).collect(),
            traces: Traces::default(),
            share: Share::ALL,
            shed: 0,
        });
        self.clock.accept(event.time);
        let missing = plan.parcels.missing(event);
        let is_deferred = room.lacks_rows();
        open.share = room.share(pane);
        let before = open.traces.size();
        let is_kept = open.traces.note(
            &plan.parcels,
            event,
            missing,
            (is_deferred, open.share),
            &self.hasher,
        );
        open.shed += u64::from(!is_kept);
        if room.is_bounded() {
            room.traces_changed(pane, before, open.traces.size());
        }
        if is_deferred {
            return Verdict::Processed(event.kind);
        }
        for id in plan.groups_for(event.kind) {
            let group = &plan.groups[*id];
            if !plan.parcels.waits(*id, missing) && group.accepts(event) {
                let table = &mut open.tables[*id];
                let before = table.bytes();
                table.add(
                    group,
                    event,
                    &self.hasher,
                    &self.pane_hasher,
                    &mut self.scratch,
                );
                room.tables_changed(before, table.bytes());
            }
        }
        Verdict::Processed(event.kind)
    }

    /// Keeps traces of as many shipments of a pane as there is room for.
    pub fn shed(&mut self, pane: i64, room: &mut Room) {
        if let Some(open) = self.open.get_mut(&pane) {
            let before = open.traces.size();
            open.share = room.share(pane);
            open.shed += open.traces.retain(open.share);
            room.traces_changed(pane, before, open.traces.size());
        }
    }

    /// What the watermark has sealed since the last call, if it has moved at all.
    pub fn progress(&mut self, room: &mut Room) -> Option<Progress> {
        let watermark = self.clock.watermark()?;
        self.seal_before(watermark.index(self.plan.pane), false, room)
    }

    /// Seals every pane before `pane`, as the other partitions have: an idle partition must not
    /// hold them back. What arrives for those panes later is late.
    pub fn advance_idle(&mut self, pane: i64, room: &mut Room) -> Option<Progress> {
        self.seal_before(pane, true, room)
    }

    /// The input has ended: panes that end at or before the largest accepted time are complete.
    pub fn finish(&mut self, room: &mut Room) -> Option<Progress> {
        let largest = self.clock.largest()?;
        self.seal_before(largest.index(self.plan.pane), false, room)
    }

    fn seal_before(&mut self, pane: i64, is_idle: bool, room: &mut Room) -> Option<Progress> {
        if self
            .sealed_before
            .is_some_and(|sealed_before| pane <= sealed_before)
        {
            return None;
        }
        self.sealed_before = Some(pane);
        let still_open = self.open.split_off(&pane);
        let sealed = std::mem::replace(&mut self.open, still_open);
        let before = self.deduplication.bytes();
        self.deduplication.forget_before(pane);
        room.identifiers_changed(before, self.deduplication.bytes());
        let panes: Vec<SealedPane> = sealed
            .into_iter()
            .map(|(pane, open)| SealedPane {
                pane,
                tables: open.tables,
                traces: PaneTraces {
                    traces: open.traces,
                    share: open.share,
                    shed: open.shed,
                },
            })
            .collect();
        for pane in &panes {
            let tables = pane.tables.iter().map(PaneTable::bytes).sum();
            room.tables_changed(tables, 0);
            room.traces_left(pane.pane, pane.traces.traces.size());
        }
        Some(Progress {
            sealed_before: pane,
            is_idle,
            panes,
            resume: Box::new(self.resume_point()),
        })
    }

    fn resume_point(&self) -> Resume {
        self.open
            .values()
            .map(|open| &open.began)
            .min_by_key(|began| began.offset)
            .cloned()
            .unwrap_or_else(|| Resume {
                offset: self.next_offset,
                clock: self.clock.clone(),
                sealed_before: self.sealed_before,
            })
    }

    /// How far event time has come; `None` before the first event.
    pub fn watermark(&self) -> Option<EventTime> {
        self.clock.watermark()
    }

    /// Every pane before this one is sealed; `None` before the first event.
    pub fn sealed_before(&self) -> Option<i64> {
        self.sealed_before
    }

    /// Events whose identifier could not be remembered for want of room.
    pub fn deduplication_overflow(&self) -> u64 {
        self.deduplication.overflow()
    }
}

#[cfg(test)]
mod tests;
