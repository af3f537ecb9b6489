//! What an episode does, act by act.

use super::reads::Reads;
use super::when::When;
use crate::domain::{EntityMembers, EventTime, Span};
use crate::simulate::draft::{Fields, Step};
use crate::simulate::population::Lane;
use crate::simulate::random::Urn;
use std::ops::Range;

/// A part of an episode.
#[derive(Clone, Debug)]
pub(in crate::simulate) enum Act {
    /// Accounts touch shipment data.
    Reads(Reads),
    /// Records go along edges.
    Shares(Shares),
    /// Further parcels are shipped.
    Parcels(Parcels),
    /// Usual parcels are meddled with.
    Meddling(Meddling),
    /// Usual accesses return more than they used to.
    Exposure(Exposure),
    /// Parcels are read, and later sent elsewhere.
    Diversions(Diversions),
}

/// Usual accesses return more than they used to.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Exposure {
    /// Whose accesses.
    pub(in crate::simulate) actors: Vec<u32>,
    /// Share of them.
    pub(in crate::simulate) share: f64,
    /// What they return.
    pub(in crate::simulate) fields: Fields,
}

/// Records go along edges.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Shares {
    pub(in crate::simulate) edges: Vec<u32>,
    pub(in crate::simulate) when: When,
    /// Records of one share, in the mean.
    pub(in crate::simulate) records: f64,
}

/// Further parcels are shipped.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Parcels {
    pub(in crate::simulate) lanes: Vec<Lane>,
    /// In which proportion.
    pub(in crate::simulate) urn: Urn,
    pub(in crate::simulate) when: When,
    pub(in crate::simulate) goods: Goods,
}

/// What is in them, where that is not the usual.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct Goods {
    pub(in crate::simulate) weight_grams: Option<Range<f64>>,
    pub(in crate::simulate) value_eur: Option<Range<f64>>,
    /// Share that nobody waits for.
    pub(in crate::simulate) unwanted: f64,
}

/// Usual parcels are meddled with.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Meddling {
    pub(in crate::simulate) whose: Whose,
    /// Share of them.
    pub(in crate::simulate) share: f64,
    pub(in crate::simulate) how: How,
}

/// Whose parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Whose {
    Route(u32),
    Seller(u32),
}

/// What is done to them.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulate) enum How {
    /// They are never seen.
    Lose,
    /// They are declared at this multiple of their value.
    Revalue(f64),
    /// What is worth up to twice the duty step is declared at a little less than the step; this
    /// share of all others is made worth that much.
    BelowStep(f64),
    /// They are declared as another commodity.
    Recode(u8),
    /// A scan is left out.
    Skip(Step),
    /// They are seen on another route, too.
    Clone(u32),
}

/// Parcels are read, and later sent elsewhere.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Diversions {
    /// Who reads without need.
    pub(in crate::simulate) insider: u32,
    pub(in crate::simulate) when: When,
    /// Hours from the read to the change of delivery.
    pub(in crate::simulate) lead_hours: Range<f64>,
    /// Who makes the change.
    pub(in crate::simulate) agents: Vec<u32>,
}

/// What an episode does, to whom and when.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Script {
    pub(in crate::simulate) acts: Vec<Act>,
    /// Every true key.
    pub(in crate::simulate) entities: Vec<EntityMembers>,
    pub(in crate::simulate) start: EventTime,
    pub(in crate::simulate) end: EventTime,
    /// One sentence.
    pub(in crate::simulate) story: String,
}

impl Script {
    /// Whether any of it happens in this minute.
    pub(in crate::simulate) fn is_on(&self, minute: EventTime) -> bool {
        self.start < minute + Span::MINUTE && minute < self.end
    }
}
