//! The members of an event that entities, conditions and measures can name.

use crate::domain::{Action, Kind, Outcome, Relation};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A member of the native event whose value is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Member {
    /// `kind`
    Kind,
    /// `shipment`
    Shipment,
    /// `seller`
    Seller,
    /// `origin`
    Origin,
    /// `destination`
    Destination,
    /// `route`, or `origin>destination` where the event carries no route
    Route,
    /// `location`
    Location,
    /// `step`
    Step,
    /// `carrier`
    Carrier,
    /// `consignee`
    Consignee,
    /// `commodity`
    Commodity,
    /// `actor`
    Actor,
    /// `org`
    Org,
    /// `role`
    Role,
    /// `client`
    Client,
    /// `network`
    Network,
    /// `country`
    Country,
    /// `action`
    Action,
    /// `endpoint`
    Endpoint,
    /// `outcome`
    Outcome,
    /// `relation`
    Relation,
    /// `recipient`
    Recipient,
    /// `recipient_country`
    RecipientCountry,
}

impl Member {
    /// All of them, in the order of the event schema.
    pub const ALL: [Member; 23] = [
        Member::Kind,
        Member::Shipment,
        Member::Seller,
        Member::Origin,
        Member::Destination,
        Member::Route,
        Member::Location,
        Member::Step,
        Member::Carrier,
        Member::Consignee,
        Member::Commodity,
        Member::Actor,
        Member::Org,
        Member::Role,
        Member::Client,
        Member::Network,
        Member::Country,
        Member::Action,
        Member::Endpoint,
        Member::Outcome,
        Member::Relation,
        Member::Recipient,
        Member::RecipientCountry,
    ];

    /// The member's name in the event schema.
    pub fn name(self) -> &'static str {
        match self {
            Member::Kind => "kind",
            Member::Shipment => "shipment",
            Member::Seller => "seller",
            Member::Origin => "origin",
            Member::Destination => "destination",
            Member::Route => "route",
            Member::Location => "location",
            Member::Step => "step",
            Member::Carrier => "carrier",
            Member::Consignee => "consignee",
            Member::Commodity => "commodity",
            Member::Actor => "actor",
            Member::Org => "org",
            Member::Role => "role",
            Member::Client => "client",
            Member::Network => "network",
            Member::Country => "country",
            Member::Action => "action",
            Member::Endpoint => "endpoint",
            Member::Outcome => "outcome",
            Member::Relation => "relation",
            Member::Recipient => "recipient",
            Member::RecipientCountry => "recipient_country",
        }
    }

    /// The member of that name, if entities and conditions can use it.
    pub fn named(name: &str) -> Option<Member> {
        Member::ALL.into_iter().find(|member| member.name() == name)
    }
}

impl Member {
    /// The values that a member of a closed set can have.
    pub fn closed_set(self) -> Option<Vec<&'static str>> {
        match self {
            Member::Kind => Some(Kind::ALL.iter().map(|kind| kind.name()).collect()),
            Member::Action => Some(Action::ALL.iter().map(|action| action.name()).collect()),
            Member::Outcome => Some(Outcome::ALL.iter().map(|outcome| outcome.name()).collect()),
            Member::Relation => Some(
                Relation::ALL
                    .iter()
                    .map(|relation| relation.name())
                    .collect(),
            ),
            _ => None,
        }
    }

    /// Whether it can have this value: a misspelt word would never match, and nobody would know.
    pub fn can_be(self, value: &str) -> bool {
        self.closed_set().is_none_or(|set| set.contains(&value))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
