//! Judging group by group: windows closed in the order of event time, each group by itself.
//!
//! No group knows another, so they may be judged in one place or in several.

use super::judge::GroupJudge;
use super::newcomers::DoorKeeper;
use super::windows::gcd;
use super::{Judgement, ScoreObserver, ScoreSettings};
use crate::detection::{GroupId, Plan};
use crate::domain::{EventTime, Span};
use serde::{Deserialize, Serialize};

/// Longest stretch without any event over which windows are still closed one by one. Beyond it
/// the input was interrupted, and nobody's silence means anything.
const GAP_MAX: Span = Span::days(35);

/// The time from one closing of windows to the next.
pub(super) fn tick(plan: &Plan) -> Span {
    let spans = plan.series.iter().map(|series| series.span.0);
    Span(spans.fold(0, gcd).max(plan.pane.0))
}

/// Some groups of a plan, and how far event time has come for them.
#[derive(Serialize, Deserialize)]
pub(super) struct Judges {
    pub(super) groups: Vec<GroupJudge>,
    /// Bytes of entities when the last window closed, and of those that came since.
    pub(super) held_bytes: usize,
    /// Who was seen before and is nobody yet.
    pub(super) keeper: DoorKeeper,
    /// Windows up to here are closed. `None` before the first pane.
    closed_to: Option<EventTime>,
    /// The last pane that held an event ended here.
    last_event: EventTime,
    /// Windows that began before this saw only part of their events.
    complete_from: EventTime,
}

/// What judging needs beside its state.
pub(super) struct Bench<'b> {
    pub(super) plan: &'b Plan,
    pub(super) settings: &'b ScoreSettings,
    pub(super) tick: Span,
}

impl Judges {
    /// Of these groups, without history.
    pub(super) fn new(plan: &Plan, groups: impl IntoIterator<Item = GroupId>) -> Judges {
        Judges {
            groups: groups
                .into_iter()
                .map(|id| GroupJudge::new(plan, id))
                .collect(),
            held_bytes: 0,
            keeper: DoorKeeper::default(),
            closed_to: None,
            last_event: EventTime::MIN,
            complete_from: EventTime::MIN,
        }
    }

    pub(super) fn groups(&self) -> &[GroupJudge] {
        &self.groups
    }

    /// Windows that end up to then are judged; `None` before the first pane.
    pub(super) fn closed_to(&self) -> Option<EventTime> {
        self.closed_to
    }

    /// Whether a pane that begins then belongs to windows that are judged already.
    pub(super) fn is_late(&self, begins: EventTime) -> bool {
        self.closed_to.is_some_and(|closed_to| begins < closed_to)
    }

    /// Closes what ends before a pane that is not late and begins then; [`Judges::take_in`] puts in
    /// what is in it.
    pub(super) fn begin(
        &mut self,
        begins: EventTime,
        bench: &Bench<'_>,
        observer: &mut Option<ScoreObserver<'_>>,
        judgements: &mut Vec<Judgement>,
    ) {
        if self.closed_to.is_none() {
            self.complete_from = begins;
            self.closed_to = Some(begins.floor(bench.tick));
        }
        self.close_up_to(begins, bench, observer, judgements);
        self.last_event = begins + bench.plan.pane;
    }

    /// What was seen before then is not all there was: windows that it belongs to are not judged.
    pub(super) fn interrupt(&mut self, to: EventTime, tick: Span) {
        if self.closed_to.is_none() {
            return;
        }
        self.complete_from = to;
        self.closed_to = Some(to.floor(tick));
        self.last_event = to;
        self.groups
            .iter_mut()
            .for_each(GroupJudge::drop_open_windows);
    }

    /// Bytes of baselines and open windows, and of those who are nobody yet.
    pub(super) fn bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(GroupJudge::bytes).sum();
        groups + self.keeper.bytes()
    }

    /// Closes every window that ends at or before `to`; nothing before the first pane.
    pub(super) fn close_up_to(
        &mut self,
        to: EventTime,
        bench: &Bench<'_>,
        observer: &mut Option<ScoreObserver<'_>>,
        judgements: &mut Vec<Judgement>,
    ) {
        let Some(mut end) = self.closed_to else {
            return;
        };
        while end + bench.tick <= to {
            end = end + bench.tick;
            if end > self.last_event + GAP_MAX {
                end = to.floor(bench.tick);
                self.complete_from = end;
                self.groups
                    .iter_mut()
                    .for_each(GroupJudge::drop_open_windows);
                break;
            }
            for group in &mut self.groups {
                group.close(
                    bench.plan,
                    bench.settings,
                    end,
                    self.complete_from,
                    observer,
                    judgements,
                );
            }
            self.make_room(bench, end);
        }
        self.closed_to = Some(end);
    }
}
