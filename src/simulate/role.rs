//! What each role does at the hub: how much of the reading, in what rhythm and manner.

use super::draft::Fields;
use super::geography;
use super::season::Rhythm;
use crate::domain::Relation;

/// The contracted role of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Seller,
    Carrier,
    Broker,
    Customs,
    Support,
    Aggregator,
    Platform,
    /// Somebody without a contract. Usual buyers are drawn through their parcels; accounts of
    /// this role are only those that an episode has.
    Buyer,
}

/// How the actors of a role behave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    /// The role as events write it.
    pub(super) name: &'static str,
    /// Begins the names of accounts and organisations.
    pub(super) account: &'static str,
    pub(super) org: &'static str,
    pub(super) actors_per_org: usize,
    /// Share of all actors and of all accesses.
    pub(super) head_share: f64,
    pub(super) read_share: f64,
    /// Sigma of the lognormal spread of rates between actors of the role.
    pub(super) spread: f64,
    pub(super) rhythm: Rhythm,
    /// Share of a day's reads that are the first of their parcel.
    pub(super) first_touch: f64,
    /// Share of reads that find nothing.
    pub(super) miss: f64,
    /// Shares of accesses that are a list, a search, an export or an update; the rest are reads.
    pub(super) list: f64,
    pub(super) search: f64,
    pub(super) export: f64,
    pub(super) update: f64,
    pub(super) relation: Relation,
    /// Share of parcels it looks at that are none of its business.
    pub(super) stray: f64,
    /// Share of accesses that ask for timetables and the like of a route.
    pub(super) lanes: f64,
    pub(super) fields: Fields,
    pub(super) clients: &'static [&'static str],
    pub(super) countries: &'static [&'static str],
}

const PORTAL: &[&str] = &[
    "portal/8.1",
    "portal/8.2",
    "seller-app/5.4",
    "seller-app/5.3",
];
const DESK: &[&str] = &["tms-connect/3.0", "tms-connect/2.9", "desk/11.2"];
const OFFICE: &[&str] = &["declare/6.1", "declare/6.0", "desk/11.2"];
const MACHINE: &[&str] = &["tracking-sync/1.9", "okhttp/4.12", "python-httpx/0.27"];

impl Role {
    /// Every role whose actors are known one by one.
    pub(super) const ALL: [Role; 7] = [
        Role::Seller,
        Role::Carrier,
        Role::Broker,
        Role::Customs,
        Role::Support,
        Role::Aggregator,
        Role::Platform,
    ];

    /// Whether it runs around the clock without people.
    pub(super) fn is_machine(self) -> bool {
        matches!(self, Role::Aggregator | Role::Platform)
    }

    /// How many of `actors` have each role; at least two.
    pub(super) fn head_counts(actors: usize) -> [usize; Role::ALL.len()] {
        Role::ALL.map(|role| {
            let share = role.profile().head_share;
            ((actors as f64 * share).round() as usize).max(2)
        })
    }

    /// How its actors behave.
    pub(super) fn profile(self) -> &'static Profile {
        match self {
            Role::Seller => &SELLER,
            Role::Carrier => &CARRIER,
            Role::Broker => &BROKER,
            Role::Customs => &CUSTOMS,
            Role::Support => &SUPPORT,
            Role::Aggregator => &AGGREGATOR,
            Role::Platform => &PLATFORM,
            Role::Buyer => &BUYER,
        }
    }
}

/// What a declaration holds.
const PAPERS: Fields = Fields::TRACKING
    .and(Fields::SELLER)
    .and(Fields::PRODUCT)
    .and(Fields::VALUE)
    .and(Fields::CONSIGNEE)
    .and(Fields::FISCAL);

const SELLER: Profile = Profile {
    name: "seller",
    account: "user",
    org: "merchant",
    actors_per_org: 1,
    head_share: 0.58,
    read_share: 0.22,
    spread: 0.7,
    rhythm: Rhythm::OfficeAsia,
    first_touch: 0.3,
    miss: 0.01,
    list: 0.12,
    search: 0.04,
    export: 0.003,
    update: 0.02,
    relation: Relation::Own,
    stray: 0.004,
    lanes: 0.0,
    fields: Fields::TRACKING.and(Fields::PRODUCT).and(Fields::VALUE),
    clients: PORTAL,
    countries: &geography::SELLER_COUNTRIES,
};

const CARRIER: Profile = Profile {
    name: "carrier",
    account: "desk",
    org: "carrier",
    actors_per_org: 6,
    head_share: 0.17,
    read_share: 0.15,
    spread: 0.6,
    rhythm: Rhythm::Desk,
    first_touch: 0.5,
    miss: 0.01,
    list: 0.10,
    search: 0.03,
    export: 0.003,
    update: 0.05,
    relation: Relation::Party,
    stray: 0.004,
    lanes: 0.05,
    fields: Fields::TRACKING.and(Fields::PLAN),
    clients: DESK,
    countries: &geography::EUROPE,
};

const BROKER: Profile = Profile {
    name: "broker",
    account: "broker-user",
    org: "broker",
    actors_per_org: 5,
    head_share: 0.07,
    read_share: 0.05,
    spread: 0.6,
    rhythm: Rhythm::OfficeEurope,
    first_touch: 0.92,
    miss: 0.005,
    list: 0.05,
    search: 0.02,
    export: 0.0,
    update: 0.03,
    relation: Relation::Party,
    stray: 0.01,
    lanes: 0.01,
    fields: PAPERS,
    clients: OFFICE,
    countries: &geography::EUROPE,
};

const CUSTOMS: Profile = Profile {
    name: "customs",
    account: "officer",
    org: "customs",
    actors_per_org: 7,
    head_share: 0.04,
    read_share: 0.03,
    spread: 0.5,
    rhythm: Rhythm::OfficeEurope,
    first_touch: 0.92,
    miss: 0.005,
    list: 0.04,
    search: 0.04,
    export: 0.0,
    update: 0.02,
    relation: Relation::Granted,
    stray: 0.01,
    lanes: 0.01,
    fields: PAPERS,
    clients: OFFICE,
    countries: &["BE"],
};

const SUPPORT: Profile = Profile {
    name: "support",
    account: "agent",
    org: "helpdesk",
    actors_per_org: 18,
    head_share: 0.10,
    read_share: 0.05,
    spread: 0.4,
    rhythm: Rhythm::Help,
    first_touch: 0.6,
    miss: 0.02,
    list: 0.05,
    search: 0.15,
    export: 0.0,
    update: 0.06,
    relation: Relation::Granted,
    stray: 0.02,
    lanes: 0.01,
    fields: Fields::TRACKING.and(Fields::SELLER).and(Fields::CONSIGNEE),
    clients: &["helpdesk/4.7"],
    countries: &["BE", "PL"],
};

const AGGREGATOR: Profile = Profile {
    name: "aggregator",
    account: "key",
    org: "aggregator",
    actors_per_org: 1,
    head_share: 0.025,
    read_share: 0.35,
    spread: 0.5,
    rhythm: Rhythm::Flat,
    first_touch: 0.03,
    miss: 0.06,
    list: 0.02,
    search: 0.0,
    export: 0.0,
    update: 0.0,
    relation: Relation::Granted,
    stray: 0.05,
    lanes: 0.0,
    fields: Fields::TRACKING,
    clients: MACHINE,
    countries: &geography::EUROPE,
};

const PLATFORM: Profile = Profile {
    name: "platform",
    account: "service",
    org: "platform",
    actors_per_org: 3,
    head_share: 0.015,
    read_share: 0.15,
    spread: 0.4,
    rhythm: Rhythm::Flat,
    first_touch: 0.2,
    miss: 0.001,
    list: 0.05,
    search: 0.0,
    export: 0.002,
    update: 0.05,
    relation: Relation::Granted,
    stray: 0.002,
    lanes: 0.01,
    fields: Fields::TRACKING.and(Fields::SELLER).and(Fields::PLAN),
    clients: MACHINE,
    countries: &["BE", "DE"],
};

const BUYER: Profile = Profile {
    name: "buyer",
    account: "buyer",
    org: "nobody",
    actors_per_org: 1,
    head_share: 0.0,
    read_share: 0.0,
    spread: 0.0,
    rhythm: Rhythm::Home,
    first_touch: 1.0,
    miss: 0.0,
    list: 0.0,
    search: 0.0,
    export: 0.0,
    update: 0.0,
    relation: Relation::Own,
    stray: 1.0,
    lanes: 0.0,
    fields: Fields::TRACKING,
    clients: &[],
    countries: &[],
};
