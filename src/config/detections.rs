//! The catalogue: shipped entries, changed and added to by the configuration's own.

use super::CATALOGUE;
use super::reader::{Node, Reader, span};
use crate::detection::{
    Condition, Detection, Direction, Lists, Plan, Policy, Requirement, Template, Test,
    window_conflict,
};
use crate::domain::{AlertClass, Member, Severity, Span};
use crate::limits::{DETECTIONS_MAX, KEY_MEMBERS_MAX, WINDOWS_MAX};
use crate::measure::{Expression, Function};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const KEYS: [&str; 23] = [
    "name",
    "enabled",
    "class",
    "entity",
    "pool",
    "where",
    "measure",
    "members",
    "window",
    "test",
    "direction",
    "at_least",
    "min_trials",
    "false_alarms_per_day",
    "min_effect",
    "min_difference",
    "min_members",
    "unless",
    "severity",
    "explain",
    "benign_causes",
    "cannot_see",
    "references",
];

/// An entry as it was typed: what was left out is `None`.
#[derive(Clone, Default)]
struct Entry {
    name: String,
    enabled: Option<bool>,
    class: Option<AlertClass>,
    entity: Option<Vec<Member>>,
    pool: Option<Member>,
    conditions: Option<Vec<Condition>>,
    measure: Option<Expression>,
    members: Option<Member>,
    windows: Option<Vec<Span>>,
    test: Option<TestName>,
    direction: Option<Direction>,
    at_least: Option<u64>,
    min_trials: Option<u64>,
    weight: Option<f64>,
    min_effect: Option<f64>,
    min_difference: Option<f64>,
    min_members: Option<f64>,
    unless: Option<Vec<Condition>>,
    severity: Option<Severity>,
    explain: Option<Template>,
    benign_causes: Option<Vec<String>>,
    cannot_see: Option<String>,
    references: Option<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq)]
enum TestName {
    Rate,
    Sum,
    Ratio,
    Mix,
    Location,
    Cumulative,
    Regular,
    FirstSeen,
    Rare,
    Rule,
}

impl Entry {
    /// What `newer` says, and where it says nothing, what this says.
    fn changed_by(self, newer: Entry) -> Entry {
        Entry {
            name: newer.name,
            enabled: newer.enabled.or(self.enabled),
            class: newer.class.or(self.class),
            entity: newer.entity.or(self.entity),
            pool: newer.pool.or(self.pool),
            conditions: newer.conditions.or(self.conditions),
            measure: newer.measure.or(self.measure),
            members: newer.members.or(self.members),
            windows: newer.windows.or(self.windows),
            test: newer.test.or(self.test),
            direction: newer.direction.or(self.direction),
            at_least: newer.at_least.or(self.at_least),
            min_trials: newer.min_trials.or(self.min_trials),
            weight: newer.weight.or(self.weight),
            min_effect: newer.min_effect.or(self.min_effect),
            min_difference: newer.min_difference.or(self.min_difference),
            min_members: newer.min_members.or(self.min_members),
            unless: newer.unless.or(self.unless),
            severity: newer.severity.or(self.severity),
            explain: newer.explain.or(self.explain),
            benign_causes: newer.benign_causes.or(self.benign_causes),
            cannot_see: newer.cannot_see.or(self.cannot_see),
            references: newer.references.or(self.references),
        }
    }
}

/// The catalogue as it comes to: what is in force, and what was switched off.
pub(super) struct Catalogue {
    pub(super) plan: Plan,
    pub(super) off: Vec<Detection>,
}

/// Reads the shipped catalogue with the changes of `own`, list after list; mistakes are left with
/// the reader.
pub(super) fn read(
    reader: &Reader,
    own: &[Node<'_>],
    lists: &Lists,
    pane: Span,
) -> Option<Catalogue> {
    let shipped = Reader::new("config/catalogue.yaml", CATALOGUE, Path::new("."));
    let mut entries: Vec<(Entry, Option<Node<'_>>)> = Vec::new();
    let root = shipped.root();
    let shipped_list = root.as_ref().and_then(|root| root.fields(&["detections"]));
    if let Some(list) = shipped_list
        .as_ref()
        .and_then(|fields| fields.get("detections"))
    {
        for node in list.items().unwrap_or_default() {
            entries.extend(read_entry(&node, lists).map(|entry| (entry, None)));
        }
    }
    let own_entries = own.iter().enumerate().flat_map(|(list, own)| {
        let nodes = own.items().unwrap_or_default();
        nodes.into_iter().map(move |node| (list, node))
    });
    let mut named = BTreeSet::new();
    for (list, node) in own_entries {
        let Some(entry) = read_entry(&node, lists) else {
            continue;
        };
        if !named.insert((list, entry.name.clone())) {
            node.error(format!("`{}` stands twice in this list", entry.name));
            continue;
        }
        match entries
            .iter_mut()
            .find(|(known, _)| known.name == entry.name)
        {
            Some((known, place)) => {
                *known = std::mem::take(known).changed_by(entry);
                *place = Some(node);
            }
            None => entries.push((entry, Some(node))),
        }
    }
    let mut detections = Vec::new();
    let mut off = Vec::new();
    for (entry, node) in entries {
        if entry.enabled == Some(false) {
            // What is switched off may be unfinished.
            off.extend(resolve(entry, pane));
            continue;
        }
        match resolve(entry, pane) {
            Ok(detection) => detections.push(detection),
            Err(mistakes) => {
                for mistake in mistakes {
                    match &node {
                        Some(node) => node.error(mistake),
                        None => root.iter().for_each(|root| root.error(mistake.clone())),
                    }
                }
            }
        }
    }
    if (detections.is_empty() || detections.len() > DETECTIONS_MAX)
        && let Some(own) = own.last()
    {
        own.error(format!(
            "must leave from 1 to {DETECTIONS_MAX} detections switched on"
        ));
    }
    drop(shipped_list);
    let plan = Plan::new(detections, pane);
    if let (Some((shorter, longer)), Some(own)) = (window_conflict(&plan), own.last()) {
        own.error(format!(
            "windows on the same entity and events must be multiples of each other; {longer} is no multiple of {shorter}"
        ));
    }
    drop(root);
    reader.absorb(shipped);
    Some(Catalogue { plan, off })
}

fn read_entry(node: &Node<'_>, lists: &Lists) -> Option<Entry> {
    let fields = node.fields(&KEYS)?;
    let Some(name) = fields.get("name") else {
        node.error("needs a name");
        return None;
    };
    let name = name.parsed(|text| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "`{text}` is no name; write up to 64 small letters, digits and underscores"
            ))
        }
    })?;
    let texts = |node: &Node<'_>| {
        node.items()
            .map(|items| items.iter().filter_map(Node::text).collect())
    };
    let classes = AlertClass::ALL.map(|class| (class.name(), class));
    let severities = Severity::ALL.map(|severity| (severity.name(), severity));
    let directions = [Direction::Up, Direction::Down, Direction::Both]
        .map(|direction| (direction.name(), direction));
    let tests = [
        ("rate", TestName::Rate),
        ("sum", TestName::Sum),
        ("ratio", TestName::Ratio),
        ("mix", TestName::Mix),
        ("location", TestName::Location),
        ("cumulative", TestName::Cumulative),
        ("regular", TestName::Regular),
        ("first_seen", TestName::FirstSeen),
        ("rare", TestName::Rare),
        ("rule", TestName::Rule),
    ];
    let get = |name: &str| fields.get(name);
    Some(Entry {
        name,
        enabled: get("enabled").and_then(Node::truth),
        class: get("class").and_then(|node| node.word(&classes)),
        entity: get("entity").and_then(read_entity),
        pool: get("pool").and_then(member),
        conditions: get("where").and_then(|node| read_conditions(node, lists)),
        measure: get("measure").and_then(|node| node.parsed(Expression::parse)),
        members: get("members").and_then(member),
        windows: get("window").and_then(read_windows),
        test: get("test").and_then(|node| node.word(&tests)),
        direction: get("direction").and_then(|node| node.word(&directions)),
        at_least: get("at_least").and_then(|node| node.whole(1, u64::MAX)),
        min_trials: get("min_trials").and_then(|node| node.whole(1, 1_000_000)),
        weight: get("false_alarms_per_day").and_then(|node| node.number(1e-6, 1e6)),
        min_effect: get("min_effect").and_then(|node| node.number(1.0, 1e6)),
        min_difference: get("min_difference").and_then(|node| node.number(0.0, 1e15)),
        min_members: get("min_members").and_then(|node| node.number(1.0, 64.0)),
        unless: get("unless").and_then(|node| read_conditions(node, lists)),
        severity: get("severity").and_then(|node| node.word(&severities)),
        explain: get("explain").and_then(|node| node.parsed(Template::parse)),
        benign_causes: get("benign_causes").and_then(texts),
        cannot_see: get("cannot_see").and_then(Node::text),
        references: get("references").and_then(texts),
    })
}

fn member(node: &Node<'_>) -> Option<Member> {
    node.parsed(|text| {
        Member::named(text).ok_or_else(|| {
            let names = Member::ALL.map(Member::name);
            format!(
                "`{text}` is no member of an event; members are {}",
                names.join(", ")
            )
        })
    })
}

fn read_entity(node: &Node<'_>) -> Option<Vec<Member>> {
    let members: Vec<Member> = node.one_or_many()?.iter().filter_map(member).collect();
    let different: BTreeSet<_> = members.iter().collect();
    if members.is_empty() || members.len() > KEY_MEMBERS_MAX || different.len() < members.len() {
        node.error(format!(
            "must name 1 to {KEY_MEMBERS_MAX} different members"
        ));
        return None;
    }
    Some(members)
}

fn read_windows(node: &Node<'_>) -> Option<Vec<Span>> {
    let read = |node: &Node<'_>| span(node, Span::MINUTE, Span::days(28));
    let mut windows: Vec<Span> = node.one_or_many()?.iter().filter_map(read).collect();
    windows.sort_unstable();
    windows.dedup();
    if windows.is_empty() || windows.len() > WINDOWS_MAX {
        node.error(format!("must name 1 to {WINDOWS_MAX} lengths of time"));
        return None;
    }
    Some(windows)
}

fn read_conditions(node: &Node<'_>, lists: &Lists) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    for (name, node) in node.members()? {
        let Some(member) = Member::named(&name) else {
            let names = Member::ALL.map(Member::name);
            node.error(format!(
                "is no member of an event; members are {}",
                names.join(", ")
            ));
            continue;
        };
        let requirement = if node.is_mapping() {
            read_list_requirement(&node, lists)
        } else {
            let values: Vec<String> = node
                .one_or_many()?
                .iter()
                .filter_map(|node| read_value(member, node))
                .collect();
            Some(match values.as_slice() {
                [word] if word == "present" => Requirement::Present,
                _ => Requirement::OneOf(values),
            })
        };
        conditions.extend(requirement.map(|requirement| Condition {
            member,
            requirement,
        }));
    }
    // The kind is asked first: it is what most events fail.
    conditions.sort_by_key(|condition| condition.member);
    Some(conditions)
}

/// A value that the member can have: a misspelt word would never match, and nobody would know.
fn read_value(member: Member, node: &Node<'_>) -> Option<String> {
    let value = node.text()?;
    if value != "present" && !member.can_be(&value) {
        let known = member.closed_set().unwrap_or_default().join(", ");
        node.error(format!("`{value}` is no {member}; it can be {known}"));
        return None;
    }
    Some(value)
}

fn read_list_requirement(node: &Node<'_>, lists: &Lists) -> Option<Requirement> {
    let fields = node.fields(&["in", "not_in"])?;
    let name = |key: &str| fields.get(key).and_then(Node::text);
    let (name, inside) = match (name("in"), name("not_in")) {
        (Some(name), None) => (name, true),
        (None, Some(name)) => (name, false),
        _ => {
            fields.node.error(
                "must be a value, a list of values, `present`, {in: LIST} or {not_in: LIST}",
            );
            return None;
        }
    };
    match lists.get(&name) {
        Some(list) if inside => Some(Requirement::Listed(name, Arc::clone(list))),
        Some(list) => Some(Requirement::NotListed(name, Arc::clone(list))),
        None => {
            fields
                .node
                .error(format!("there is no list `{name}` under `lists`"));
            None
        }
    }
}

/// Checks an entry as a whole.
fn resolve(entry: Entry, pane: Span) -> Result<Detection, Vec<String>> {
    let mut mistakes = Vec::new();
    let name = entry.name;
    let mut missing = |what: &str| mistakes.push(format!("`{name}` needs {what}"));
    if entry.class.is_none() {
        missing("class");
    }
    if entry.entity.is_none() {
        missing("entity");
    }
    if entry.measure.is_none() {
        missing("measure");
    }
    if entry.windows.is_none() {
        missing("window");
    }
    if entry.test.is_none() {
        missing("test");
    }
    if entry.explain.is_none() {
        missing("explain");
    }
    let (Some(class), Some(entity), Some(measure), Some(windows), Some(test), Some(explain)) = (
        entry.class,
        entry.entity,
        entry.measure,
        entry.windows,
        entry.test,
        entry.explain,
    ) else {
        return Err(mistakes);
    };
    if let Some(window) = windows.iter().find(|window| window.0 % pane.0 != 0) {
        mistakes.push(format!(
            "`{name}`: the window {window} is no multiple of time.pane, {pane}"
        ));
    }
    mistakes.extend(misfit(test, &measure).map(|what| format!("`{name}`: {what}")));
    if test == TestName::FirstSeen && entity.len() < 2 {
        mistakes.push(format!("`{name}`: the test first_seen needs an entity of two members or more: from whom, to whom"));
    }
    match (test, entry.direction) {
        (TestName::Rate | TestName::Location, _) | (_, None) => {}
        (TestName::Cumulative, Some(Direction::Up | Direction::Down)) => {}
        (TestName::Cumulative, Some(Direction::Both)) => mistakes.push(format!(
            "`{name}`: the test cumulative looks up or down, not both ways: write two entries"
        )),
        (_, Some(_)) => mistakes.push(format!(
            "`{name}`: only the tests rate, cumulative and location have a direction"
        )),
    }
    let unless = entry.unless.unwrap_or_default();
    for condition in &unless {
        if !entity.contains(&condition.member) {
            mistakes.push(format!(
                "`{name}`: unless speaks of {}, which is no member of its entity",
                condition.member
            ));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Detection {
        name,
        entity,
        pool: entry.pool,
        conditions: entry.conditions.unwrap_or_default(),
        measure,
        members: entry.members,
        windows,
        test: match test {
            TestName::Rate => Test::Rate(entry.direction.unwrap_or(Direction::Up)),
            TestName::Sum => Test::Sum,
            TestName::Ratio => Test::Ratio {
                trials_min: entry.min_trials.unwrap_or(50),
            },
            TestName::Mix => Test::Mix {
                trials_min: entry.min_trials.unwrap_or(20),
            },
            TestName::Location => Test::Location {
                direction: entry.direction.unwrap_or(Direction::Both),
                trials_min: entry.min_trials.unwrap_or(10),
            },
            TestName::Cumulative => Test::Cumulative(entry.direction.unwrap_or(Direction::Up)),
            TestName::Regular => Test::Regular,
            TestName::FirstSeen => Test::FirstSeen,
            TestName::Rare => Test::Rare,
            TestName::Rule => Test::Rule {
                at_least: entry.at_least.unwrap_or(1),
            },
        },
        policy: Policy {
            enabled: entry.enabled.unwrap_or(true),
            class,
            weight: entry.weight.unwrap_or(0.5),
            min_effect: entry.min_effect.unwrap_or(1.0),
            min_difference: entry.min_difference.unwrap_or(0.0),
            min_members: entry.min_members.unwrap_or(1.0),
            unless,
            severity: entry.severity.unwrap_or(Severity::Warning),
            explain,
            benign_causes: entry.benign_causes.unwrap_or_default(),
            cannot_see: entry.cannot_see.unwrap_or_default(),
            references: entry.references.unwrap_or_default(),
        },
    })
}

/// Why a test cannot judge a measure, if it cannot.
fn misfit(test: TestName, measure: &Expression) -> Option<&'static str> {
    let of = measure.of.function;
    let is_share = measure.per.is_some();
    let is_number = !matches!(
        of,
        Function::Mix(_) | Function::Histogram(_) | Function::Arrivals
    );
    match test {
        TestName::Ratio if !is_share => Some(
            "the test ratio needs a measure that is a ratio, such as distinct(shipment) / count",
        ),
        TestName::Ratio if !is_number => {
            Some("the test ratio needs numbers: count, sum, distinct or walk")
        }
        TestName::Mix if !matches!(of, Function::Mix(_)) => {
            Some("the test mix needs a measure that is a mix, such as mix(fields) / count")
        }
        TestName::Location if !matches!(of, Function::Histogram(_)) => Some(
            "the test location needs a measure that is a histogram, such as histogram(value_eur) / distinct(shipment)",
        ),
        TestName::Ratio | TestName::Mix | TestName::Location => None,
        _ if is_share => {
            Some("only the tests ratio, mix and location judge a measure that is a ratio")
        }
        TestName::Sum if !matches!(of, Function::Sum(_)) => {
            Some("the test sum needs a measure that is a sum, such as sum(records)")
        }
        TestName::Regular if of != Function::Arrivals => {
            Some("the test regular needs the measure arrivals")
        }
        TestName::Regular => None,
        _ if !is_number => Some("this test needs a number: count, sum, distinct or walk"),
        _ => None,
    }
}
