//! `policy`: mutes and calendars.

use super::reader::Node;
use crate::alert::{
    AlertPolicy, Calendar, Effect, Matcher, MonthDay, Mute, Pattern, Quality, When,
};
use crate::domain::{AlertClass, EventTime, Member, Severity, Span};

/// Reads the section; `known` are the names of all detections, also of those switched off.
pub(super) fn read(node: &Node<'_>, known: &[&str], policy: &mut AlertPolicy) {
    let Some(fields) = node.fields(&["mutes", "calendars"]) else {
        return;
    };
    fields.read("mutes", &mut policy.mutes, |node| {
        let mutes = node.items()?;
        Some(mutes.iter().filter_map(|node| mute(node, known)).collect())
    });
    fields.read("calendars", &mut policy.calendars, |node| {
        let calendars = node.items()?;
        let read = |node| calendar(node, known);
        Some(calendars.iter().filter_map(read).collect())
    });
}

fn mute(node: &Node<'_>, known: &[&str]) -> Option<Mute> {
    let fields = node.fields(&["match", "from", "until", "reason", "by"])?;
    let matchers = match fields.get("match") {
        Some(node) => matchers(node, known),
        None => None,
    };
    if fields.get("match").is_none() || matchers.as_ref().is_some_and(Vec::is_empty) {
        node.error("needs `match`: which alerts it mutes, by detection, class, severity or members of the entity");
    }
    let from = fields.get("from").and_then(|node| time(node, Edge::Begin));
    let until = fields.get("until").and_then(|node| time(node, Edge::End));
    if fields.get("until").is_none() {
        node.error("needs `until`, the time it ends: what is muted for good is forgotten; to be rid of a detection switch it off with `enabled: false`");
    }
    let reason = fields.get("reason").and_then(Node::text);
    if reason.as_ref().is_none_or(String::is_empty) {
        node.error("needs a `reason`, for whoever finds it later");
    }
    let until = until?;
    if from.is_some_and(|from| from >= until) {
        node.error("ends before it begins");
    }
    Some(Mute {
        matchers: matchers?,
        from,
        until,
        reason: reason?,
        by: fields.get("by").and_then(Node::text),
    })
}

fn calendar(node: &Node<'_>, known: &[&str]) -> Option<Calendar> {
    let fields = node.fields(&["name", "kind", "from", "until", "yearly", "match", "effect"])?;
    let name = fields.get("name").and_then(Node::text);
    if name.as_ref().is_none_or(String::is_empty) {
        node.error("needs a `name`, which alerts of its time mention");
    }
    let kind = fields.get("kind").and_then(word);
    if fields.get("kind").is_none() {
        node.error("needs a `kind`: peak, strike, holiday, planned_export, pen_test or another");
    }
    let from = fields.get("from").and_then(|node| time(node, Edge::Begin));
    let until = fields.get("until").and_then(|node| time(node, Edge::End));
    let once = ["from", "until"].map(|key| fields.get(key).is_some());
    let when = match fields.get("yearly") {
        Some(yearly) if once == [false, false] => yearly.parsed(parse_yearly),
        None if once == [true, true] => {
            let (from, until) = (from?, until?);
            if from >= until {
                node.error("ends before it begins");
            }
            Some(When::Once { from, until })
        }
        _ => {
            node.error("needs `from` and `until`, or `yearly` with days such as 11-11..11-13");
            None
        }
    };
    let matchers = match fields.get("match") {
        Some(node) => matchers(node, known),
        None => Some(Vec::new()),
    };
    let effect = match fields.get("effect") {
        Some(node) => effect(node),
        None => Some(Effect::Annotate),
    };
    Some(Calendar {
        name: name?,
        kind: kind?,
        when: when?,
        matchers: matchers?,
        effect: effect?,
    })
}

/// A word that can be part of a sentence and of a query.
fn word(node: &Node<'_>) -> Option<String> {
    node.parsed(|text| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "`{text}` is no kind; write up to 64 small letters, digits and underscores"
            ))
        }
    })
}

fn effect(node: &Node<'_>) -> Option<Effect> {
    if node.is_mapping() {
        let fields = node.fields(&["budget"])?;
        let Some(budget) = fields.get("budget") else {
            node.error("must be annotate, mute or {budget: 0.1}");
            return None;
        };
        return budget.number(1e-6, 1.0).map(Effect::Budget);
    }
    node.parsed(|text| match text {
        "annotate" => Ok(Effect::Annotate),
        "mute" => Ok(Effect::Mute),
        _ => Err(format!(
            "must be annotate, mute or {{budget: 0.1}}; it is `{text}`"
        )),
    })
}

/// Matchers, each with one pattern or several.
pub(super) fn matchers(node: &Node<'_>, known: &[&str]) -> Option<Vec<Matcher>> {
    let members = node.members()?;
    let count = members.len();
    let read: Vec<Matcher> = members
        .iter()
        .filter_map(|(name, node)| matcher(name, node, known))
        .collect();
    (read.len() == count).then_some(read)
}

/// One of them.
pub(super) fn matcher(name: &str, node: &Node<'_>, known: &[&str]) -> Option<Matcher> {
    let Some(quality) = Quality::named(name) else {
        let names = Member::ALL.map(Member::name);
        node.error(format!(
            "is nothing an alert is chosen by; choose by detection, class, severity or a member: {}",
            names.join(", ")
        ));
        return None;
    };
    let patterns: Option<Vec<Pattern>> = node
        .one_or_many()?
        .iter()
        .map(|node| {
            let pattern = node.parsed(Pattern::parse)?;
            check(quality, &pattern, known)
                .map_err(|say| node.error(say))
                .ok()?;
            Some(pattern)
        })
        .collect();
    Some(Matcher {
        quality,
        patterns: patterns?,
    })
}

/// A misspelt name would never match, and nobody would know.
fn check(quality: Quality, pattern: &Pattern, known: &[&str]) -> Result<(), String> {
    let classes = AlertClass::ALL.map(AlertClass::name);
    let severities = Severity::ALL.map(Severity::name);
    let possible = match quality {
        Quality::Detection => known,
        Quality::Class => &classes[..],
        Quality::Severity => &severities[..],
        Quality::Member(_) => return Ok(()),
    };
    if possible.iter().any(|value| pattern.matches(value)) {
        return Ok(());
    }
    Err(format!(
        "`{pattern}` matches no {}; there is {}",
        quality.name(),
        possible.join(", ")
    ))
}

/// Which end of a day a date stands for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Edge {
    Begin,
    End,
}

/// A time in RFC 3339, or a date: its beginning, or its end, in UTC.
pub(super) fn time(node: &Node<'_>, edge: Edge) -> Option<EventTime> {
    node.parsed(|text| parse_time(text, edge))
}

/// As [`time`], of a text.
pub(super) fn parse_time(text: &str, edge: Edge) -> Result<EventTime, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(EventTime(at.as_millisecond()));
    }
    // A date parser would also take a time without a zone, and drop the time.
    let date = (text.len() == "2026-11-11".len())
        .then(|| text.parse::<jiff::civil::Date>().ok())
        .flatten();
    let midnight = date.and_then(|date| {
        let midnight = date.at(0, 0, 0, 0);
        jiff::tz::TimeZone::UTC.to_timestamp(midnight).ok()
    });
    match midnight {
        Some(midnight) => {
            let begin = EventTime(midnight.as_millisecond());
            Ok(if edge == Edge::End {
                begin + Span::DAY
            } else {
                begin
            })
        }
        None => Err(format!(
            "`{text}` is no time; write 2026-11-11, which is the whole day in UTC, or 2026-11-11T08:00:00Z"
        )),
    }
}

fn parse_yearly(text: &str) -> Result<When, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    Ok(When::Yearly {
        first: MonthDay::parse(first.trim())?,
        last: MonthDay::parse(last.trim())?,
    })
}
