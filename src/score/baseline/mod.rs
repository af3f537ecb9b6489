//! Baselines: predictive distributions that learn.
//!
//! Each says, before looking, how likely every value of the next window is; answers with a tail
//! probability; then learns, in constant time.

mod cumulative;
mod described;
mod evidence;
mod first_seen;
mod location;
mod many;
mod mix;
mod ones;
mod overdispersion;
mod peaks;
mod predictive;
mod rare;
mod rarefaction;
mod rate;
mod ratio;
mod regular;
mod rule;
mod scatter;
mod strangers;
mod sum;

use crate::domain::EventTime;
use crate::statistics::Tail;

pub use described::{
    BaselineKnowledge, CategoryKnowledge, CumulativeKnowledge, FirstSeenKnowledge,
    LocationKnowledge, MixKnowledge, RareKnowledge, RateKnowledge, RatioKnowledge,
    RegularKnowledge, RuleKnowledge, ShiftKnowledge, SumKnowledge,
};

pub(super) use cumulative::CumulativeSeries;
pub(super) use evidence::Learning;
pub(super) use first_seen::FirstSeenSeries;
pub(super) use location::{LocationSeries, LocationValues};
pub(super) use mix::{MixSeries, MixValues};
pub(super) use rare::RareSeries;
pub(super) use rate::RateSeries;
pub(super) use ratio::RatioSeries;
pub(super) use regular::RegularSeries;
pub(super) use rule::RuleSeries;
pub(super) use sum::{SumSeries, SumValues};

/// One judged entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) expected: f64,
    pub(super) tail: Tail,
    /// When the history began that it was judged by, where that is not its own.
    pub(super) since: Option<EventTime>,
}

impl Judged {
    pub(super) fn new(expected: f64, tail: Tail) -> Judged {
        Judged {
            expected,
            tail,
            since: None,
        }
    }
}

/// Keeps the rows marked; rows that were not reached yet are empty.
fn keep_rows<T: Default>(rows: &mut Vec<T>, marks: &[bool]) {
    rows.resize_with(marks.len(), T::default);
    let mut marks = marks.iter();
    rows.retain(|_| marks.next().is_some_and(|mark| *mark));
}
