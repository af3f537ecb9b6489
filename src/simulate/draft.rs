//! What happened, before it is written out: small, copied, with indices in place of names.

use super::random::mix;
use super::stock::Parcel;
use crate::domain::{Action, EventTime, Outcome, Relation};

/// A scan of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Accepting,
    Inspecting,
    Holding,
    Departing,
    Arriving,
    Delivering,
}

impl Step {
    /// The step as events write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Step::Accepting => "accepting",
            Step::Inspecting => "inspecting",
            Step::Holding => "holding",
            Step::Departing => "departing",
            Step::Arriving => "arriving",
            Step::Delivering => "delivering",
        }
    }
}

/// What an access was about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// A parcel of the hub.
    Parcel(Parcel),
    /// A reference that nobody ships under: mistyped, or a decoy.
    Reference { serial: u64, mistyped: bool },
    /// Many parcels at once.
    Many,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A parcel was scanned.
    Scan { parcel: Parcel, step: Step },
    /// An actor touched shipment data.
    Touch {
        actor: u32,
        action: Action,
        subject: Subject,
        records: u32,
        outcome: Outcome,
        relation: Relation,
    },
    /// Records were handed on along an edge.
    Share { edge: u32, records: u32 },
}

/// An event to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub(super) time: EventTime,
    pub(super) id: u64,
    pub(super) what: What,
}

/// Whose identifiers they are; each source counts on its own, so that none shifts another's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Movement = 1,
    Access,
    Share,
    AttackMovement,
    AttackAccess,
    /// Parcels that lay at the hub before the run.
    Standing,
}

/// Gives out identifiers that differ between all sources of a run and do not tell the source.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    salt: u64,
    next: u64,
}

impl Ids {
    pub(super) fn new(seed: u64, source: Source) -> Ids {
        Ids {
            salt: mix(seed),
            next: (source as u64) << 56,
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.next += 1;
        mix(self.next ^ self.salt)
    }
}
