//! Commodity scrapers: neither attacks nor clean.

use super::casting::{Casting, key};
use super::reads::{Choice, Reads};
use super::scenario::{Family, Scenario, constant};
use super::script::{Act, Script};
use super::when::Curve;
use crate::domain::{Action, AlertClass};
use crate::simulate::role::Role;

/// The name under which scrapers are put in.
pub(in crate::simulate) const SCRAPER: &str = "commodity_scraper";

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    name: SCRAPER,
    family: Family::Nuisance,
    class: AlertClass::Harvesting,
    detections: &[],
    about: "A scraper looks for prices without an account, and takes what it finds.",
    hours: (0, 23),
    parameters: &[constant("reads", 60.0, 300.0), constant("hours", 1.0, 8.0)],
    cast: commodity_scraper,
}];

fn commodity_scraper(cast: &mut Casting<'_>) -> Option<Script> {
    let (network, country) = (cast.new_network(), cast.country());
    let client = String::from("Scrapy/2.11");
    let actor = cast.new_account(Role::Buyer, network.clone(), client.clone(), country);
    let total = cast.value("reads");
    let guesses = Reads::new(
        vec![actor],
        cast.spread(0.7 * total, Curve::Even),
        Choice::Guess { success: 0.85 },
    );
    let mut searches = Reads::new(
        vec![actor],
        cast.spread(0.3 * total, Curve::Even),
        Choice::Many,
    );
    searches.action = Action::Search;
    searches.records = 10.0;
    let keys = vec![
        key(&[("actor", &cast.name(actor))]),
        key(&[("network", &network)]),
        key(&[("client", &client)]),
    ];
    let story = format!(
        "A commodity scraper from network {network} asks {total:.0} times in {}.",
        cast.length()
    );
    cast.script(vec![Act::Reads(guesses), Act::Reads(searches)], keys, story)
}
