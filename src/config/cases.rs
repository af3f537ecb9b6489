//! Tests of a configuration: events in, alerts expected.
//!
//! Read as configurations are: all mistakes at once, each with its line. An event is written as a
//! mapping; `repeat` makes many of one, so that some lines are enough for a baseline.

use super::policy::{self, Edge};
use super::reader::{Node, Reader, span};
use super::{Config, ConfigErrors, read_file, settings};
use crate::alert::{Matcher, Subject};
use crate::domain::{Alert, EventTime, Member, Span};
use crate::limits::TEST_EVENTS_MAX;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where a test's time begins unless it says otherwise: 2026-01-05, a Monday.
const START: EventTime = EventTime(1_767_571_200_000);
/// Members of an event that are numbers.
const NUMBERS: [&str; 6] = [
    "pieces",
    "weight_grams",
    "value_eur",
    "page",
    "records",
    "bytes",
];

/// A file of tests.
#[derive(Clone, Debug)]
pub struct TestSuite {
    /// In the order they stand there.
    pub tests: Vec<TestCase>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub line: usize,
    /// The configuration, with the test's own changes.
    pub config: Config,
    /// What happens.
    pub events: TestEvents,
    /// Alerts that must fire.
    pub expect: Vec<Expectation>,
    /// Alerts that must not.
    pub expect_none: Vec<Expectation>,
}

/// What happens in a test.
#[derive(Clone, Debug)]
pub enum TestEvents {
    /// Lines of JSON, in the order of their times.
    Lines(Vec<Vec<u8>>),
    /// A file of such lines.
    File(PathBuf),
}

/// Alerts that are expected, or not.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Where it stands.
    pub line: usize,
    /// Which alerts: every matcher must hold.
    pub matchers: Vec<Matcher>,
    /// They are decided at this time.
    pub at: Option<EventTime>,
    /// They are decided then or later.
    pub after: Option<EventTime>,
    /// They are decided then or earlier.
    pub before: Option<EventTime>,
    /// There are so many; at least one where it is left out.
    pub count: Option<u64>,
}

impl Expectation {
    /// Whether an episode is one of those: its strongest record, and when it was first told of.
    pub fn matches(&self, strongest: &Alert, decided: EventTime) -> bool {
        let subject = Subject {
            detection: &strongest.detection,
            class: strongest.class,
            severity: strongest.severity,
            entity: &strongest.entity,
        };
        self.matchers.iter().all(|matcher| matcher.holds(&subject))
            && self.at.is_none_or(|at| decided == at)
            && self.after.is_none_or(|after| decided >= after)
            && self.before.is_none_or(|before| decided <= before)
    }

    /// As a person would say it.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        for matcher in &self.matchers {
            let patterns: Vec<String> = matcher.patterns.iter().map(ToString::to_string).collect();
            words.push(format!(
                "{} {}",
                matcher.quality.name(),
                patterns.join(" or ")
            ));
        }
        let times = [
            ("at", self.at),
            ("after", self.after),
            ("before", self.before),
        ];
        for (word, time) in times {
            words.extend(time.map(|time| format!("{word} {time}")));
        }
        words.extend(self.count.map(|count| format!("{count} of them")));
        if words.is_empty() {
            words.push(String::from("any alert"));
        }
        words.join(", ")
    }
}

impl TestSuite {
    /// Reads a file of tests of a configuration; without one, of the shipped settings.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path, config: Option<&Path>) -> Result<TestSuite, ConfigErrors> {
        let name = path.display().to_string();
        let text = read_file(path).map_err(|say| ConfigErrors::one(&name, say))?;
        let reader = Reader::new(&name, &text, path.parent().unwrap_or(Path::new(".")));
        let suite = read(&reader, config);
        reader.finish(suite)
    }
}

fn read(reader: &Reader, config: Option<&Path>) -> Option<TestSuite> {
    let root = reader.root()?;
    let fields = root.fields(&["tests"])?;
    let nodes = fields
        .get("tests")
        .and_then(Node::items)
        .unwrap_or_default();
    if nodes.is_empty() {
        root.error("needs `tests`, a list of at least one");
    }
    let read = |node| read_case(reader, node, config);
    let tests: Vec<TestCase> = nodes.iter().filter_map(read).collect();
    Some(TestSuite { tests })
}

fn read_case(reader: &Reader, node: &Node<'_>, config: Option<&Path>) -> Option<TestCase> {
    let fields = node.fields(&["name", "config", "start", "events", "expect", "expect_none"])?;
    let name = fields.get("name").and_then(Node::text);
    if name.is_none() {
        node.error("needs a name");
    }
    let config = read_config(reader, config, fields.get("config"));
    let mut start = START;
    fields.read("start", &mut start, |node| policy::time(node, Edge::Begin));
    let events = match fields.get("events") {
        Some(events) => read_events(events, start),
        None => {
            node.error("needs `events`: a list, or {file: PATH}");
            None
        }
    };
    let config = config?;
    let known: Vec<&str> = (config.plan.detections.iter().chain(&config.off))
        .map(|detection| detection.name.as_str())
        .collect();
    let expectations = |key: &str| {
        let nodes = fields.get(key).and_then(Node::items).unwrap_or_default();
        let read = |node| read_expectation(node, start, &known);
        nodes.iter().filter_map(read).collect::<Vec<_>>()
    };
    let (expect, expect_none) = (expectations("expect"), expectations("expect_none"));
    if ["expect", "expect_none"]
        .iter()
        .all(|key| fields.get(key).is_none())
    {
        node.error("needs `expect` or `expect_none`: a test that expects nothing cannot fail");
    }
    for expectation in expect_none.iter().filter(|one| one.count.is_some()) {
        node.error(format!(
            "expect_none has a count in line {}; it is none",
            expectation.line
        ));
    }
    Some(TestCase {
        name: name?,
        line: node.line(),
        config,
        events: events?,
        expect,
        expect_none,
    })
}

/// The configuration, and what the test changes in it.
fn read_config(reader: &Reader, path: Option<&Path>, change: Option<&Node<'_>>) -> Option<Config> {
    let (name, text) = match path {
        Some(path) => {
            let name = path.display().to_string();
            match read_file(path) {
                Ok(text) => (name, text),
                Err(_) => return None,
            }
        }
        None => (
            String::from("config/vigie.yaml"),
            super::SETTINGS.to_owned(),
        ),
    };
    let directory = path.and_then(Path::parent).unwrap_or(Path::new("."));
    let base = Reader::new(&name, &text, directory);
    let config = settings::read(&base, change);
    reader.absorb(base);
    config
}

fn read_events(node: &Node<'_>, start: EventTime) -> Option<TestEvents> {
    if node.is_mapping() {
        let fields = node.fields(&["file"])?;
        let Some(file) = fields.get("file").and_then(Node::text) else {
            node.error("must be a list of events, or {file: PATH}");
            return None;
        };
        return Some(TestEvents::File(node.directory().join(file)));
    }
    let mut events: Vec<(EventTime, Vec<u8>)> = Vec::new();
    for node in node.items()? {
        read_event(&node, start, &mut events);
        if events.len() > TEST_EVENTS_MAX {
            node.error(format!("a test has {TEST_EVENTS_MAX} events at the most"));
            return None;
        }
    }
    // Events of one time stay in the order in which they are written.
    events.sort_by_key(|(time, _)| *time);
    let lines = events.into_iter().map(|(_, line)| line).collect();
    Some(TestEvents::Lines(lines))
}

/// A member of an event, ready to be written for the n-th repetition.
enum Part {
    Text(Template),
    Number(Template),
    List(Vec<Template>),
}

fn read_event(
    node: &Node<'_>,
    start: EventTime,
    events: &mut Vec<(EventTime, Vec<u8>)>,
) -> Option<()> {
    let texts = Member::ALL.map(Member::name);
    let known: Vec<&str> = ["time", "repeat", "id", "fields"]
        .into_iter()
        .chain(texts)
        .chain(NUMBERS)
        .collect();
    let fields = node.fields(&known)?;
    let mut time = start;
    fields.read("time", &mut time, |node| moment(node, start));
    let (mut every, mut times) = (Span::ZERO, 1);
    if let Some(repeat) = fields.get("repeat") {
        let repeat = repeat.fields(&["every", "times"])?;
        repeat.read("every", &mut every, |node| {
            span(node, Span(1), Span::days(365))
        });
        repeat.read("times", &mut times, |node| {
            node.whole(1, TEST_EVENTS_MAX as u64)
        });
        for key in ["every", "times"] {
            if repeat.get(key).is_none() {
                repeat.node.error(format!("needs `{key}`"));
            }
        }
    }
    let mut parts = Vec::new();
    for name in known.iter().skip(2) {
        let Some(node) = fields.get(name) else {
            continue;
        };
        let part = match *name {
            "fields" => {
                let items = node.one_or_many()?;
                let read = |node: &Node<'_>| node.parsed(Template::parse);
                Part::List(items.iter().map(read).collect::<Option<_>>()?)
            }
            name if NUMBERS.contains(&name) => Part::Number(node.parsed(Template::parse)?),
            _ => Part::Text(node.parsed(Template::parse)?),
        };
        parts.push((*name, part));
    }
    for n in 0..times {
        let time = time + Span(every.0.saturating_mul(n as i64));
        let line = write_event(time, &parts, n);
        if n == 0
            && let Err(rejection) = crate::decode::decode(&line)
        {
            node.error(format!("is no event: {rejection}"));
            return None;
        }
        events.push((time, line));
        if events.len() > TEST_EVENTS_MAX {
            return None;
        }
    }
    Some(())
}

fn write_event(time: EventTime, parts: &[(&str, Part)], n: u64) -> Vec<u8> {
    let mut event = Map::new();
    event.insert(String::from("time"), Value::from(time.to_string()));
    for (name, part) in parts {
        let value = match part {
            Part::Text(template) => Value::from(template.fill(n)),
            Part::List(templates) => templates.iter().map(|one| one.fill(n)).collect(),
            // What is no number is written as text, which the decoder refuses.
            Part::Number(template) => {
                let text = template.fill(n);
                serde_json::from_str(&text).unwrap_or(Value::from(text))
            }
        };
        event.insert((*name).to_owned(), value);
    }
    Value::Object(event).to_string().into_bytes()
}

fn read_expectation(node: &Node<'_>, start: EventTime, known: &[&str]) -> Option<Expectation> {
    let fields = node.fields(&[
        "detection",
        "entity",
        "class",
        "severity",
        "at",
        "after",
        "before",
        "count",
    ])?;
    let mut matchers = Vec::new();
    for name in ["detection", "class", "severity"] {
        if let Some(node) = fields.get(name) {
            matchers.push(policy::matcher(name, node, known)?);
        }
    }
    if let Some(entity) = fields.get("entity") {
        matchers.extend(policy::matchers(entity, known)?);
    }
    let time = |key: &str| fields.get(key).and_then(|node| moment(node, start));
    Some(Expectation {
        line: node.line(),
        matchers,
        at: time("at"),
        after: time("after"),
        before: time("before"),
        count: fields
            .get("count")
            .and_then(|node| node.whole(0, TEST_EVENTS_MAX as u64)),
    })
}

/// A time, or how long after the start: `+7d9h30m`.
fn moment(node: &Node<'_>, start: EventTime) -> Option<EventTime> {
    node.parsed(|text| match text.strip_prefix('+') {
        None => policy::parse_time(text, Edge::Begin)
            .map_err(|say| format!("{say}, or +7d9h after the start")),
        Some(mut rest) => {
            let mut time = start;
            while !rest.is_empty() {
                let unit = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
                let next = rest[unit..].find(|c: char| c.is_ascii_digit());
                let (one, others) = rest.split_at(next.map_or(rest.len(), |next| unit + next));
                time = time + Span::parse(one)?;
                rest = others;
            }
            Ok(time)
        }
    })
}

/// Text with places for the number of the repetition: `{n}`, `{n%10}`, `{n/10}`, `{n/10%10}`.
struct Template(Vec<Piece>);

enum Piece {
    Words(String),
    /// The number, and what is done with it, one after the other.
    Number(Vec<(char, u64)>),
}

impl Template {
    fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            pieces.push(Piece::Words(rest[..open].to_owned()));
            let inside = &rest[open + 1..];
            let place = inside.find('}').and_then(|close| {
                let operations = operations(&inside[..close])?;
                Some((operations, &inside[close + 1..]))
            });
            let Some((operations, after)) = place else {
                return Err(format!(
                    "`{text}` has a brace that is no place; places are {{n}}, {{n%10}}, {{n/10}} and {{n/10%10}}"
                ));
            };
            pieces.push(Piece::Number(operations));
            rest = after;
        }
        pieces.push(Piece::Words(rest.to_owned()));
        Ok(Template(pieces))
    }

    fn fill(&self, n: u64) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            // Writing into a string cannot fail.
            let _ = match piece {
                Piece::Words(words) => text.write_str(words),
                Piece::Number(operations) => {
                    let number = operations.iter().fold(n, |n, (sign, by)| match sign {
                        '%' => n % by,
                        _ => n / by,
                    });
                    write!(text, "{number}")
                }
            };
        }
        text
    }
}

/// `n`, `n%10`, `n/10%10`; nothing is divided by zero.
fn operations(text: &str) -> Option<Vec<(char, u64)>> {
    let mut rest = text.strip_prefix('n')?;
    let mut operations = Vec::new();
    while let Some(sign) = rest.chars().next() {
        if !matches!(sign, '%' | '/') {
            return None;
        }
        rest = &rest[1..];
        let end = rest.find(['%', '/']).unwrap_or(rest.len());
        let by: u64 = rest[..end].parse().ok().filter(|by| *by > 0)?;
        operations.push((sign, by));
        rest = &rest[end..];
    }
    Some(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<TestSuite, ConfigErrors> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cases.yaml");
        std::fs::write(&path, text).unwrap();
        TestSuite::load(&path, None)
    }

    fn lines(text: &str) -> Vec<String> {
        let suite = load(text).unwrap();
        let TestEvents::Lines(lines) = &suite.tests[0].events else {
            panic!("no lines")
        };
        let lines = lines.iter();
        lines
            .map(|line| String::from_utf8(line.clone()).unwrap())
            .collect()
    }

    #[test]
    fn an_event_is_repeated_with_its_number_and_all_are_in_the_order_of_time() {
        let lines = lines(
            "
tests:
  - name: t
    events:
      - {time: +1h30m, kind: access, actor: late, action: read, records: 7, fields: [value]}
      - repeat: {every: 1h, times: 3}
        kind: access
        actor: user-{n%2}
        action: read
        shipment: p-{n/2%5}
    expect_none: [{}]
",
        );
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains("2026-01-05T00:00:00Z") && lines[0].contains("user-0"));
        assert!(lines[1].contains("user-1") && lines[1].contains("p-0"));
        assert!(lines[2].contains(r#""actor":"late""#) && lines[2].contains(r#""records":7"#));
        assert!(lines[2].contains("2026-01-05T01:30:00Z"));
        assert!(lines[3].contains("user-0") && lines[3].contains("p-1"));
    }

    #[test]
    fn every_mistake_comes_at_once_with_its_line() {
        let text = "
tests:
  - name: a
    config: {alerts: {false_alarms_per_day: none}}
    events: [{kind: access}]
    expect: [{detection: no_such}]
  - events:
      - {kind: acess, actor: a}
      - {kind: access, acter: a, action: read}
      - {kind: access, actor: 'a-{m}', action: read, time: soon}
      - {kind: access, actor: a, action: read, repeat: {every: 1m}}
  - name: b
    events: {file: x.jsonl}
    expect: [{detection: no_such, count: many}]
";
        let errors = load(text).unwrap_err().to_string();
        for word in [
            "cases.yaml:4: tests[0].config.alerts.false_alarms_per_day: must be a number",
            "cases.yaml:5: tests[0].events[0]: is no event",
            "cases.yaml:7: tests[1]: needs a name",
            "cases.yaml:7: tests[1]: needs `expect`",
            "cases.yaml:8: tests[1].events[0]: is no event",
            "cases.yaml:9: tests[1].events[1].acter: is not known; did you mean `actor`?",
            "cases.yaml:10: tests[1].events[2].actor: `a-{m}`",
            "cases.yaml:10: tests[1].events[2].time: `soon`",
            "cases.yaml:11: tests[1].events[3].repeat: needs `times`",
            "cases.yaml:14: tests[2].expect[0].detection: `no_such` matches no detection",
        ] {
            assert!(errors.contains(word), "no {word} in\n{errors}");
        }
    }

    #[test]
    fn a_test_changes_the_configuration_and_nothing_else_of_it() {
        let text = "
tests:
  - name: a
    config:
      alerts: {false_alarms_per_day: 3}
      lists: {decoys: [d]}
      detections: [{name: one_touch_sweep, enabled: false}]
    events: [{kind: access, actor: a, action: read}]
    expect_none: [{detection: one_touch_sweep}]
";
        let suite = load(text).unwrap();
        let config = &suite.tests[0].config;
        let shipped = Config::load(None).unwrap();
        assert_eq!(config.alerts.false_alarms_per_day, 3.0);
        assert!(config.lists["decoys"].contains("d"));
        assert_eq!(config.off[0].name, "one_touch_sweep");
        assert_eq!(
            (&config.kafka, &config.output),
            (&shipped.kafka, &shipped.output)
        );
    }
}
