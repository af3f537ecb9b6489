//! `vigie state export`

use super::super::Failure;
use super::decoded::Decoded;
use super::store::{Origin, Store};
use super::tell_json;
use crate::domain::{EntityKey, EventTime, Member, entity_members, label_of};
use crate::score::EntityKnowledge;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow::{Break, Continue};

/// Names that are told where an entity is not known.
const NEAR_MAX: usize = 5;
/// How near one of their members must be, by Jaro and Winkler.
const NEAR_MIN: f64 = 0.75;

/// Print what the baselines know of one entity, as JSON.
///
/// Of each group of detections that looks at such entities: class, when it was seen, maturity; and by
/// detection and window what the baseline knows in the terms of its test.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie state export --config my.yaml --entity actor=user-17
  vigie state export --config my.yaml --entity seller=s-1,route=CNHGH>DEFRA
  vigie state export --config my.yaml --entity '{\"actor\": \"user-17\"}' | jq '.known[].baselines'

The members are those of an alert's `entity`, of which the object itself is taken too.

Each baseline says its `detection`, `measure`, `window` and kind (`baseline`):
  rate        expected_per_window in the window that is open (window_start) if it is an ordinary one,
              standard_deviation, season_factor, overdispersion_linear and _quadratic
              (variance = mean + linear * mean + quadratic * mean^2, beside what is not known of the rate)
  cumulative  the same, anchor_per_window (the most it may have grown to), evidence (1 / p) and the
              shifts it comes from
  sum         own_, class_ and expected_mean_size of a summand
  ratio       own_, class_ and expected_share, correlation_in_window
  mix         the same by category
  location    own_ and expected_ridit (0 to 1: the share of the class's values that are smaller),
              expected_value, standard_deviation_ridit
  regular     was_regular, class_turns in class_windows
  first_seen  source_contacts in windows, source_first_seen and _last_seen, chance_at_birth
  rare        settled_, pending_ and source_contacts in windows, alpha
  rule        at_least, times_met in windows
Counts and sizes are in units of the `measure`. evidence_total, _windows, _trials, _values and _summands
say what it is known from, discounted by age; lent_* what its class counts beside that; settled_share
how much of what a mature baseline needs there is.")]
pub(super) struct Export {
    #[command(flatten)]
    origin: Origin,
    /// The entity: MEMBER=VALUE, of several members joined by commas; or an object of JSON.
    #[arg(long, value_name = "ENTITY", value_parser = parse)]
    entity: Entity,
}

#[derive(Clone, Debug, PartialEq)]
struct Entity(BTreeMap<Member, String>);

impl Entity {
    fn named(&self) -> BTreeMap<&'static str, String> {
        let named = self.0.iter();
        named
            .map(|(member, value)| (member.name(), value.clone()))
            .collect()
    }
}

#[derive(Serialize)]
struct Exported {
    entity: BTreeMap<&'static str, String>,
    known: Vec<Known>,
}

#[derive(Serialize)]
struct Known {
    /// The snapshot.
    state: String,
    /// Windows that end up to then are judged.
    judged_to: Option<EventTime>,
    #[serde(flatten)]
    knowledge: EntityKnowledge,
}

/// Who else there is.
#[derive(Default)]
struct Others {
    states: usize,
    has_some: bool,
    near: BTreeMap<String, f64>,
}

impl Export {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let store = self.origin.open()?;
        let mut known = Vec::new();
        let mut others = Others::default();
        for place in store.places() {
            let states = store.survey(place, |kept| match Decoded::read(&kept, &store.config) {
                Ok(decoded) => Break(Ok((kept, decoded))),
                Err(fault) if fault.is_of_the_file() => {
                    eprintln!("warning: {}: {fault}", kept.found.name);
                    Continue(Err(fault.to_string()))
                }
                Err(fault) => Break(Err(format!("{}: {fault}", kept.found.name))),
            })?;
            let (kept, decoded) = match states.into_iter().next_back() {
                Some(Ok(state)) => state,
                Some(Err(why)) => return Err(Failure::Running(why.into())),
                None => continue,
            };
            others.states += 1;
            let Some(knowledge) = decoded.knowledge() else {
                continue;
            };
            let header = kept.found.content.as_ref().ok().map(|it| &it.header);
            let judged_to = header.and_then(|header| header.closed_to);
            known.extend(
                knowledge
                    .entity(&self.entity.0)
                    .into_iter()
                    .map(|knowledge| Known {
                        state: kept.found.name.clone(),
                        judged_to,
                        knowledge,
                    }),
            );
            if known.is_empty() {
                others.look(&self.entity, knowledge.keys(&self.entity.0));
            }
        }
        if others.states == 0 {
            return Err(store.is_empty());
        }
        if known.is_empty() {
            return Err(self.is_unknown(&store, others));
        }
        tell_json(&Exported {
            entity: self.entity.named(),
            known,
        })
    }

    fn is_unknown(&self, store: &Store, others: Others) -> Failure {
        let plan = &store.config.plan;
        let wanted: Vec<&Member> = self.entity.0.keys().collect();
        let is_asked_of = plan.groups.iter().any(|group| {
            let members: BTreeSet<&Member> = group.entity.iter().collect();
            members.iter().eq(wanted.iter())
        });
        let label = label_of(&self.entity.named());
        if !is_asked_of {
            let all: BTreeSet<String> = plan
                .groups
                .iter()
                .map(|group| {
                    group
                        .entity
                        .iter()
                        .map(|member| member.name())
                        .collect::<Vec<_>>()
                })
                .map(|members| members.join(","))
                .collect();
            let all: Vec<String> = all.into_iter().collect();
            let members: Vec<&str> = wanted.iter().map(|member| member.name()).collect();
            return Failure::Running(
                format!(
                    "no detection looks at entities of {}; there are {}",
                    members.join(","),
                    all.join(" | ")
                )
                .into(),
            );
        }
        let near = others.nearest();
        let hint = match near.is_empty() {
            true if others.has_some => String::from("none has a name like it"),
            true => String::from("there are none of its kind"),
            false => format!("near it: {}", near.join("; ")),
        };
        Failure::Running(format!("no baseline of {label} is kept; {hint}").into())
    }
}

impl Others {
    /// Keeps the nearest of these.
    fn look<'k>(
        &mut self,
        entity: &Entity,
        keys: impl Iterator<Item = (&'k [Member], &'k EntityKey)>,
    ) {
        let wanted = entity.named();
        for (members, key) in keys {
            self.has_some = true;
            let named = entity_members(members, key);
            let values = named.values().zip(wanted.values());
            let near: Vec<f64> = values
                .map(|(one, other)| strsim::jaro_winkler(one, other))
                .collect();
            if near.iter().any(|near| *near >= NEAR_MIN) {
                let mean = near.iter().sum::<f64>() / near.len() as f64;
                // A member in common weighs more than any likeness of the others.
                let common = near.iter().filter(|near| **near == 1.0).count();
                self.near.insert(label_of(&named), common as f64 + mean);
            }
            if self.near.len() > 2 * NEAR_MAX {
                let kept = self.nearest();
                self.near.retain(|label, _| kept.contains(label));
            }
        }
    }

    /// The nearest first.
    fn nearest(&self) -> Vec<String> {
        let mut near: Vec<(&String, &f64)> = self.near.iter().collect();
        near.sort_by(|one, other| other.1.total_cmp(one.1).then(one.0.cmp(other.0)));
        near.truncate(NEAR_MAX);
        near.into_iter().map(|(label, _)| label.clone()).collect()
    }
}

/// `MEMBER=VALUE,MEMBER=VALUE`, or an object of JSON. A comma is part of a value unless a member's name
/// and `=` follow it.
fn parse(text: &str) -> Result<Entity, String> {
    if text.trim_start().starts_with('{') {
        let named: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let members = named
            .into_iter()
            .map(|(name, value)| Ok((member(&name)?, value)));
        return members.collect::<Result<_, String>>().map(Entity);
    }
    let mut entity = BTreeMap::new();
    let mut last = None;
    for part in text.split(',') {
        let begun = part.split_once('=');
        match (
            begun.and_then(|(name, _)| Member::named(name.trim())),
            begun,
        ) {
            (Some(member), Some((_, value))) => {
                entity.insert(member, value.to_owned());
                last = Some(member);
            }
            _ => {
                let value = last.and_then(|last| entity.get_mut(&last));
                let Some(value) = value else {
                    let name = begun.map_or(part, |(name, _)| name);
                    return Err(match begun {
                        Some(_) => member(name).err().unwrap_or_default(),
                        None => format!("`{name}` is not MEMBER=VALUE, such as actor=user-17"),
                    });
                };
                value.push(',');
                value.push_str(part);
            }
        }
    }
    Ok(Entity(entity))
}

fn member(name: &str) -> Result<Member, String> {
    Member::named(name).ok_or_else(|| {
        let names: Vec<&str> = Member::ALL.iter().map(|member| member.name()).collect();
        format!(
            "`{name}` is no member of an event; these are: {}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_reads_as_an_alert_writes_it() {
        let entity = |members: &[(Member, &str)]| {
            let owned = members
                .iter()
                .map(|(member, value)| (*member, (*value).to_owned()));
            Ok(Entity(owned.collect()))
        };
        let edge = entity(&[(Member::Seller, "s-1"), (Member::Route, "CNHGH>DEFRA")]);
        assert_eq!(parse("seller=s-1,route=CNHGH>DEFRA"), edge);
        assert_eq!(parse(r#"{"route": "CNHGH>DEFRA", "seller": "s-1"}"#), edge);
        let odd = entity(&[(Member::Actor, "a=b,c"), (Member::Org, "x,y=z")]);
        assert_eq!(parse("actor=a=b,c,org=x,y=z"), odd);
        for (wrong, word) in [
            ("user-17", "MEMBER=VALUE"),
            ("actr=user-17", "`actr` is no member"),
            (r#"{"actr": "a"}"#, "`actr` is no member"),
            (r#"{"actor": 1}"#, "invalid type"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(word), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_nearest_names_come_first_and_those_far_away_do_not() {
        let keys: Vec<EntityKey> = (0..100)
            .map(|number| EntityKey::new(format!("user-{number}")))
            .chain([EntityKey::new("zzz")])
            .collect();
        let mut others = Others::default();
        let wanted = parse("actor=user-717").unwrap();
        others.look(&wanted, keys.iter().map(|key| (&[Member::Actor][..], key)));
        let near = others.nearest();
        assert_eq!(near.len(), NEAR_MAX);
        assert!(
            near[..3].contains(&String::from("actor user-71")),
            "{near:?}"
        );
        assert!(near.iter().all(|label| label.starts_with("actor user-")));
        // Of an edge, those that have one end in common.
        let (mut edges, members) = (Others::default(), [Member::Seller, Member::Route]);
        let keys: Vec<EntityKey> = (0..100)
            .map(|number| {
                let seller = format!("s-{:02}", number / 2);
                let edge = BTreeMap::from([
                    (Member::Seller, seller),
                    (Member::Route, format!("R{number}")),
                ]);
                crate::domain::key_of(&members, &edge).unwrap()
            })
            .collect();
        let wanted = parse("seller=s-07,route=R144").unwrap();
        edges.look(&wanted, keys.iter().map(|key| (&members[..], key)));
        let near = edges.nearest();
        assert_eq!(
            near[..2],
            ["route R14, seller s-07", "route R15, seller s-07"]
        );
    }
}
