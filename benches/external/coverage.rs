//! Alerts beside labels: which edges had their actor named.
//!
//! An edge is *named* when an alert names its actor and the alert's window, or that of a piece
//! of its evidence, holds its minute. It is *in an episode* when it lies between the start of
//! such a window and the end of the episode: while an episode is open, what comes on top of it
//! raises no second alert, and the analyst is looking at that actor already.

use super::data::percent;
use super::edges::{EPOCH, Edge, Family, MINUTE};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;

/// Stretches of minutes per actor.
#[derive(Default)]
struct Stretches(HashMap<u32, Vec<Range<i64>>>);

impl Stretches {
    fn add(&mut self, actor: u32, stretch: Range<i64>) {
        self.0.entry(actor).or_default().push(stretch);
    }

    fn hold(&self, edge: &Edge) -> bool {
        let stretches = self.0.get(&edge.src);
        stretches.is_some_and(|all| all.iter().any(|one| one.contains(&edge.minute.into())))
    }
}

/// What all alerts together name.
pub(crate) struct Coverage {
    windows: Stretches,
    episodes: Stretches,
    actors: HashSet<u32>,
}

impl Coverage {
    /// Of alert records, firing and resolved.
    pub(crate) fn of(alerts: &[Value]) -> Coverage {
        let mut coverage = Coverage {
            windows: Stretches::default(),
            episodes: Stretches::default(),
            actors: HashSet::new(),
        };
        let mut open: BTreeMap<&str, (u32, Range<i64>)> = BTreeMap::new();
        for alert in alerts {
            let Some(actor) = actor_of(alert) else {
                continue;
            };
            let id = alert["id"].as_str().expect("an alert has an id");
            let resolved = alert["status"] == "resolved";
            let episode = open.entry(id).or_insert((actor, i64::MAX..i64::MAX));
            if resolved {
                episode.1.end = minute_of(&alert["decided"]);
            }
            for window in windows_of(alert) {
                episode.1.start = episode.1.start.min(window.start);
                coverage.windows.add(actor, window);
            }
            coverage.actors.insert(actor);
        }
        for (actor, episode) in open.into_values() {
            coverage.episodes.add(actor, episode);
        }
        coverage
    }

    /// Prints, per family, how many units, actors and edges were named.
    pub(crate) fn print(&self, edges: &[Edge]) {
        println!(
            "{:<8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8} {:>8}",
            "family", "units", "named", "episode", "actors", "named", "edges", "named", "episode"
        );
        for family in Family::ALL {
            let of_family = || edges.iter().filter(|edge| edge.family == family);
            let units =
                self.count(of_family().map(|edge| ((edge.src, edge.dst, edge.minute), edge)));
            let actors = self.count(of_family().map(|edge| (edge.src, edge)));
            let each = self.count(of_family().enumerate());
            println!(
                "{:<8} {:>9} {:>7.2}% {:>7.2}% {:>8} {:>8} {:>10} {:>7.2}% {:>7.2}%",
                format!("{family:?}").to_lowercase(),
                units.all,
                percent(units.named, units.all),
                percent(units.in_episode, units.all),
                actors.all,
                actors.named,
                each.all,
                percent(each.named, each.all),
                percent(each.in_episode, each.all),
            );
        }
        println!("{} actors were named in all", self.actors.len());
    }

    /// How many different things the edges make, and of how many an edge is named.
    fn count<'e, T: Eq + Hash>(&self, edges: impl Iterator<Item = (T, &'e Edge)>) -> Counts {
        let mut things: HashMap<T, (bool, bool)> = HashMap::new();
        for (thing, edge) in edges {
            let seen = things.entry(thing).or_default();
            seen.0 |= self.windows.hold(edge);
            seen.1 |= self.episodes.hold(edge);
        }
        Counts {
            all: things.len(),
            named: things.values().filter(|seen| seen.0).count(),
            in_episode: things.values().filter(|seen| seen.1).count(),
        }
    }
}

struct Counts {
    all: usize,
    named: usize,
    in_episode: usize,
}

fn actor_of(alert: &Value) -> Option<u32> {
    alert["entity"]["actor"].as_str()?.parse().ok()
}

/// The alert's window and those of its evidence, in minutes.
fn windows_of(alert: &Value) -> impl Iterator<Item = Range<i64>> {
    let evidence = alert["evidence"].as_array().into_iter().flatten();
    std::iter::once(alert)
        .chain(evidence)
        .map(|one| &one["window"])
        .filter(|window| window.is_object())
        .map(|window| minute_of(&window["start"])..minute_of(&window["end"]))
}

fn minute_of(time: &Value) -> i64 {
    let time = time.as_str().and_then(|text| text.parse().ok());
    let time: jiff::Timestamp = time.expect("a time in RFC 3339");
    (time.as_millisecond() - EPOCH).div_euclid(MINUTE)
}
