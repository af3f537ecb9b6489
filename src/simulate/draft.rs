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

/// A set of data classes, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields(pub(super) u16);

impl Fields {
    /// The data classes, in the order of their bits.
    pub(super) const NAMES: [&str; 7] = [
        "tracking",
        "seller",
        "product",
        "value",
        "consignee",
        "plan",
        "fiscal",
    ];
    /// What the role is used to get.
    pub(super) const USUAL: Fields = Fields(0);
    pub(super) const TRACKING: Fields = Fields(1);
    pub(super) const SELLER: Fields = Fields(1 << 1);
    pub(super) const PRODUCT: Fields = Fields(1 << 2);
    pub(super) const VALUE: Fields = Fields(1 << 3);
    pub(super) const CONSIGNEE: Fields = Fields(1 << 4);
    pub(super) const PLAN: Fields = Fields(1 << 5);
    pub(super) const FISCAL: Fields = Fields(1 << 6);

    /// Those of either.
    pub(super) const fn and(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }

    /// Their names.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Fields::NAMES.into_iter().enumerate();
        all.filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| name)
    }
}

/// What is asked of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Where the action usually goes.
    Usual,
    /// Where deliveries are changed.
    Delivery,
    /// Timetables, free capacity, what is held.
    Schedules,
    Capacity,
    Holds,
    /// One of the population's invented paths.
    Path(u32),
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// An account or key of the population.
    Actor(u32),
    /// Whoever waits for the parcel of this serial.
    Buyer(u64),
}

/// What an access was about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// A parcel of the hub.
    Parcel(Parcel),
    /// A reference under which nothing is found: mistyped, guessed, or a decoy.
    Reference { serial: u64, mistyped: bool },
    /// Everything on a route.
    Lane(u32),
    /// Many parcels at once.
    Many,
    /// Nothing of the hub's: the interface itself.
    Nothing,
}

/// An access.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub(super) who: Who,
    pub(super) action: Action,
    pub(super) subject: Subject,
    pub(super) records: u32,
    pub(super) outcome: Outcome,
    pub(super) relation: Relation,
    pub(super) fields: Fields,
    pub(super) endpoint: Endpoint,
    /// Page of a list, where it is not the usual one.
    pub(super) page: Option<u32>,
}

impl Touch {
    /// A successful access that is usual in all else.
    pub(super) fn new(who: Who, action: Action, subject: Subject) -> Touch {
        Touch {
            who,
            action,
            subject,
            records: 1,
            outcome: Outcome::Ok,
            relation: Relation::Unknown,
            fields: Fields::USUAL,
            endpoint: Endpoint::Usual,
            page: None,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A parcel was scanned; on another route's far end where it is a ghost of itself.
    Scan {
        parcel: Parcel,
        step: Step,
        ghost: Option<u32>,
    },
    /// An actor touched shipment data.
    Touch(Touch),
    /// Records were handed on along an edge.
    Share { edge: u32, records: u32 },
}

/// An event to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub(super) time: EventTime,
    pub(super) id: u64,
    /// Which episode it belongs to.
    pub(super) episode: Episode,
    pub(super) what: What,
}

/// The number of an episode, from 1 on; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Episode(pub(super) u32);

impl Episode {
    /// Usual traffic.
    pub(super) const NONE: Episode = Episode(0);

    /// Where it stands among the episodes.
    pub(super) fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
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
    Buyer,
    Poll,
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
