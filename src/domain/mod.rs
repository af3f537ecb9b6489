//! The words of the trade: events, times, entities, alerts.
//!
//! Plain data without behaviour of its own. This layer imports nothing of the project but
//! [`crate::limits`].

mod alert;
mod bytes;
mod event;
mod key;
mod label;
mod member;
mod time;

pub use alert::{Alert, AlertClass, AlertStatus, AlertWindow, Evidence, Maturity, Severity};
pub use bytes::Bytes;
pub use event::{Action, Event, Kind, Outcome, Relation, Text};
pub use key::{EntityKey, entity_members, first_member, join_key, key_of, label_of};
pub use label::{
    EntityMembers, EpisodeKind, EpisodeLabel, EventLabel, Intensity, Label, RegimeLabel, RunLabel,
};
pub use member::Member;
pub use time::{EventTime, Span};
