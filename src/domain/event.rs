//! The shipment event in its native form, borrowed from the message it was decoded from.

use crate::domain::{EventTime, Member};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Deref;

/// Text that borrows from the message where it can.
///
/// serde's own `Option<Cow<str>>` always copies, `#[serde(borrow)]` or not; this type does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text(Cow::Owned(text))
    }
}

/// An enumeration of the schema; its first value stands where a default is needed.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $first:ident = $first_text:literal $(, $variant:ident = $text:literal)* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            #[doc = concat!("`", $first_text, "`")]
            #[default]
            $first,
            $(
                #[doc = concat!("`", $text, "`")]
                $variant,
            )*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$name::$first $(, $name::$variant)*];

            /// The value as the schema writes it.
            pub fn name(self) -> &'static str {
                match self { $name::$first => $first_text $(, $name::$variant => $text)* }
            }

            /// The value the schema writes so.
            pub fn named(name: &str) -> Option<$name> {
                match name { $first_text => Some($name::$first), $($text => Some($name::$variant),)* _ => None }
            }
        }
    };
}

closed_set! {
    /// What happened: something to a parcel, or somebody touched shipment data. The others are
    /// no input: they are derived from what is known of parcels, and measured like events.
    Kind {
        Movement = "movement", Access = "access",
        Transit = "transit", Diversion = "diversion", Label = "label", Induction = "induction",
        Lifecycle = "lifecycle",
    }
}

impl Kind {
    /// The kinds that producers send.
    pub const RECORDED: [Kind; 2] = [Kind::Movement, Kind::Access];
    /// The kinds that are derived from what is known of parcels.
    pub const DERIVED: [Kind; 5] = [
        Kind::Transit,
        Kind::Diversion,
        Kind::Label,
        Kind::Induction,
        Kind::Lifecycle,
    ];

    /// The kind that the event schema writes so: a producer cannot send what is derived.
    pub fn recorded(name: &str) -> Option<Kind> {
        Kind::named(name).filter(|kind| Kind::RECORDED.contains(kind))
    }
}

closed_set! {
    /// What the actor did.
    Action {
        Read = "read", List = "list", Search = "search", Export = "export", Share = "share",
        Subscribe = "subscribe", Create = "create", Update = "update", Delete = "delete",
    }
}

closed_set! {
    /// How the access ended.
    Outcome { Ok = "ok", NotFound = "not_found", Denied = "denied", Limited = "limited", Error = "error" }
}

closed_set! {
    /// How the actor stands to the shipment it touched.
    Relation { Unknown = "unknown", Own = "own", Party = "party", Granted = "granted", None = "none" }
}

/// One shipment event, with the members of `event.schema.json`.
///
/// An absent member is `None`, or the schema's default where it has one. `route` is filled in
/// from the two ends where the event carries none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Event<'a> {
    /// Unique per event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// When it happened.
    pub time: EventTime,
    /// Movement or access.
    pub kind: Kind,
    /// Parcel or consignment reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Text<'a>>,
    /// Seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller: Option<Text<'a>>,
    /// UN/LOCODE or the operator's own zone code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Text<'a>>,
    /// UN/LOCODE or the operator's own zone code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Text<'a>>,
    /// Route key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Text<'a>>,
    /// Hub, gate, warehouse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Text<'a>>,
    /// CBV business step or scan code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Text<'a>>,
    /// Carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Text<'a>>,
    /// Token of the consignee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consignee: Option<Text<'a>>,
    /// HS code or product class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commodity: Option<Text<'a>>,
    /// Pieces in the consignment; 1 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u64>,
    /// Weight in grams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_grams: Option<f64>,
    /// Declared value in euro.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_eur: Option<f64>,
    /// The account or API key that acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Text<'a>>,
    /// Organisation of the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<Text<'a>>,
    /// Contracted role of the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Text<'a>>,
    /// Application or client fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text<'a>>,
    /// ASN or address prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Text<'a>>,
    /// Source country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Text<'a>>,
    /// What the actor did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// API route template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Text<'a>>,
    /// Page of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Shipment records returned or handed on; 1 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Bytes returned or handed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Data classes returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Text<'a>>,
    /// How the access ended; `ok` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How the actor stands to the shipment; `unknown` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// Organisation that receives the answer, share or replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Text<'a>>,
    /// Country of the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_country: Option<Text<'a>>,
}

impl<'a> Event<'a> {
    /// Gives a member whose value is text this value; the others are left as they are.
    pub fn set_member(&mut self, member: Member, value: Text<'a>) {
        let text = match member {
            Member::Kind | Member::Action | Member::Outcome | Member::Relation => return,
            Member::Shipment => &mut self.shipment,
            Member::Seller => &mut self.seller,
            Member::Origin => &mut self.origin,
            Member::Destination => &mut self.destination,
            Member::Route => &mut self.route,
            Member::Location => &mut self.location,
            Member::Step => &mut self.step,
            Member::Carrier => &mut self.carrier,
            Member::Consignee => &mut self.consignee,
            Member::Commodity => &mut self.commodity,
            Member::Actor => &mut self.actor,
            Member::Org => &mut self.org,
            Member::Role => &mut self.role,
            Member::Client => &mut self.client,
            Member::Network => &mut self.network,
            Member::Country => &mut self.country,
            Member::Endpoint => &mut self.endpoint,
            Member::Recipient => &mut self.recipient,
            Member::RecipientCountry => &mut self.recipient_country,
        };
        *text = Some(value);
    }
}

impl Event<'_> {
    /// The member's value, with the schema's defaults; `None` where it is absent.
    #[inline]
    pub fn member(&self, member: Member) -> Option<&str> {
        let text = match member {
            Member::Kind => return Some(self.kind.name()),
            Member::Action => return self.action.map(Action::name),
            Member::Outcome => return Some(self.outcome.unwrap_or_default().name()),
            Member::Relation => return Some(self.relation.unwrap_or_default().name()),
            Member::Shipment => &self.shipment,
            Member::Seller => &self.seller,
            Member::Origin => &self.origin,
            Member::Destination => &self.destination,
            Member::Route => &self.route,
            Member::Location => &self.location,
            Member::Step => &self.step,
            Member::Carrier => &self.carrier,
            Member::Consignee => &self.consignee,
            Member::Commodity => &self.commodity,
            Member::Actor => &self.actor,
            Member::Org => &self.org,
            Member::Role => &self.role,
            Member::Client => &self.client,
            Member::Network => &self.network,
            Member::Country => &self.country,
            Member::Endpoint => &self.endpoint,
            Member::Recipient => &self.recipient,
            Member::RecipientCountry => &self.recipient_country,
        };
        text.as_deref()
    }

    /// Shipment records the event stands for: what it says, or 1.
    #[inline]
    pub fn record_count(&self) -> u64 {
        self.records.unwrap_or(1)
    }
}
