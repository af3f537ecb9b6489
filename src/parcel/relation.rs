//! How an organisation stands to a shipment, where the event does not say.
//!
//! Accesses that do say teach whose organisation a seller's and a carrier's is, by majority
//! (Boyer and Moore 1981). `unknown` becomes `own` or `party` where the actor's organisation is
//! the seller's or the carrier's. It becomes `none` only where both of these are known, and the
//! actor's organisation is another seller's or carrier's. Everybody else may be a broker or have
//! been granted access, which movements cannot tell: there, unknown stays unknown.

use super::names::{NOBODY, Name};
use crate::domain::Relation;
use crate::saved;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Votes before a majority is believed.
const VOTES_MIN: u32 = 2;
const VOTES_MAX: u32 = 1_000;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Vote {
    org: Name,
    votes: u32,
}

impl Vote {
    fn add(&mut self, org: Name) {
        if self.org == org {
            self.votes = (self.votes + 1).min(VOTES_MAX);
        } else if self.votes == 0 {
            *self = Vote { org, votes: 1 };
        } else {
            self.votes -= 1;
        }
    }

    fn known(&self) -> Option<Name> {
        (self.votes >= VOTES_MIN).then_some(self.org)
    }
}

/// Whose organisation is whose.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Orgs {
    #[serde(serialize_with = "saved::map")]
    of_sellers: HashMap<Name, Vote, ahash::RandomState>,
    #[serde(serialize_with = "saved::map")]
    of_carriers: HashMap<Name, Vote, ahash::RandomState>,
    /// Organisations that were a seller's or a carrier's.
    #[serde(serialize_with = "saved::set")]
    trading: HashSet<Name, ahash::RandomState>,
}

impl Orgs {
    /// Somebody of this organisation says that the seller is its own.
    pub(super) fn is_seller(&mut self, seller: Name, org: Name) {
        learn(&mut self.of_sellers, &mut self.trading, seller, org);
    }

    /// Somebody of this organisation says that it carries.
    pub(super) fn is_carrier(&mut self, carrier: Name, org: Name) {
        learn(&mut self.of_carriers, &mut self.trading, carrier, org);
    }

    /// How the organisation stands to a shipment of this seller and carrier.
    pub(super) fn relation(&self, org: Name, seller: Name, carrier: Name) -> Relation {
        let seller = self.of_sellers.get(&seller).and_then(Vote::known);
        let carrier = self.of_carriers.get(&carrier).and_then(Vote::known);
        if org == NOBODY {
            Relation::Unknown
        } else if seller == Some(org) {
            Relation::Own
        } else if carrier == Some(org) {
            Relation::Party
        } else if seller.is_some() && carrier.is_some() && self.trading.contains(&org) {
            Relation::None
        } else {
            Relation::Unknown
        }
    }

    /// Every name that is referred to.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        let orgs = self.of_sellers.values().chain(self.of_carriers.values());
        let sellers = self.of_sellers.keys().copied();
        sellers
            .chain(orgs.map(|vote| vote.org))
            .chain(self.trading.iter().copied())
    }

    /// Names have new numbers; carriers have numbers of their own.
    pub(super) fn rename(&mut self, moved_to: &[Name]) {
        let to = |name: &Name| moved_to.get(*name as usize).copied().unwrap_or(NOBODY);
        let renamed = |vote: &Vote| Vote {
            org: to(&vote.org),
            votes: vote.votes,
        };
        self.of_sellers = self
            .of_sellers
            .iter()
            .map(|(seller, vote)| (to(seller), renamed(vote)))
            .collect();
        self.of_carriers
            .values_mut()
            .for_each(|vote| *vote = renamed(vote));
        self.trading = self.trading.iter().map(to).collect();
    }

    pub(super) fn bytes(&self) -> usize {
        let votes = self.of_sellers.capacity() + self.of_carriers.capacity();
        votes * (size_of::<Vote>() + size_of::<Name>() + 1)
            + self.trading.capacity() * (size_of::<Name>() + 1)
    }
}

fn learn(
    votes: &mut HashMap<Name, Vote, ahash::RandomState>,
    trading: &mut HashSet<Name, ahash::RandomState>,
    of: Name,
    org: Name,
) {
    if of == NOBODY || org == NOBODY {
        return;
    }
    let vote = votes.entry(of).or_default();
    vote.add(org);
    if vote.known() == Some(org) {
        trading.insert(org);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELLER: Name = 1;
    const OTHER: Name = 2;
    const CARRIER: Name = 1;
    const SELLERS: Name = 11;
    const OTHERS: Name = 12;
    const CARRIERS: Name = 13;
    const BROKERS: Name = 14;

    #[test]
    fn unknown_becomes_none_only_where_the_table_can_tell() {
        let mut orgs = Orgs::default();
        for _ in 0..VOTES_MIN {
            assert_eq!(orgs.relation(OTHERS, SELLER, CARRIER), Relation::Unknown);
            orgs.is_seller(OTHER, OTHERS);
            orgs.is_seller(SELLER, SELLERS);
        }
        assert_eq!(orgs.relation(SELLERS, SELLER, CARRIER), Relation::Own);
        // Whose the carrier is, is not known yet: the other seller might carry, too.
        assert_eq!(orgs.relation(OTHERS, SELLER, CARRIER), Relation::Unknown);
        for _ in 0..VOTES_MIN {
            orgs.is_carrier(CARRIER, CARRIERS);
        }
        assert_eq!(orgs.relation(CARRIERS, SELLER, CARRIER), Relation::Party);
        assert_eq!(orgs.relation(OTHERS, SELLER, CARRIER), Relation::None);
        // A broker may well be a party: it stays unknown.
        assert_eq!(orgs.relation(BROKERS, SELLER, CARRIER), Relation::Unknown);
        assert_eq!(orgs.relation(NOBODY, SELLER, CARRIER), Relation::Unknown);
    }

    #[test]
    fn a_single_claim_against_many_changes_nothing() {
        let mut orgs = Orgs::default();
        (0..9).for_each(|_| orgs.is_seller(SELLER, SELLERS));
        orgs.is_seller(SELLER, OTHERS);
        assert_eq!(orgs.relation(SELLERS, SELLER, NOBODY), Relation::Own);
    }
}
