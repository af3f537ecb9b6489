//! Which of a group's events a term counts: `relation=none|unknown`, `fields=value|consignee`,
//! `page>=5`, `value_eur=140..150`.

use super::Quantity;
use crate::domain::{Event, Member};
use std::fmt;

/// One condition of a term.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filter {
    /// The member has one of these values.
    OneOf(Member, Vec<String>),
    /// One of these data classes was returned.
    Fields(Vec<String>),
    /// The number is there and lies from the first to below the second.
    Within(Quantity, i64, i64),
}

impl Filter {
    /// Whether the event counts.
    #[inline]
    pub fn holds(&self, event: &Event<'_>) -> bool {
        match self {
            Filter::OneOf(member, values) => event
                .member(*member)
                .is_some_and(|value| values.iter().any(|one| one == value)),
            Filter::Fields(names) => event
                .fields
                .iter()
                .any(|field| names.iter().any(|name| **name == **field)),
            Filter::Within(quantity, from, below) => quantity
                .given(event)
                .is_some_and(|value| value >= *from as f64 && value < *below as f64),
        }
    }

    /// The member it looks at.
    pub fn member(&self) -> Option<Member> {
        match self {
            Filter::OneOf(member, _) => Some(*member),
            Filter::Fields(_) | Filter::Within(..) => None,
        }
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what can be written.
    pub(super) fn parse(text: &str) -> Result<Filter, String> {
        let at = text.find(['=', '<', '>']).ok_or_else(|| {
            format!("`{text}` is no filter; write relation=none, fields=value|consignee, page>=5 or value_eur=140..150")
        })?;
        let name = text[..at].trim();
        let (operator, value) = match &text[at..] {
            rest if rest.starts_with("<=") || rest.starts_with(">=") => rest.split_at(2),
            rest => rest.split_at(1),
        };
        let value = value.trim();
        if let Some(quantity) = Quantity::named(name) {
            return within(quantity, operator, value);
        }
        if operator != "=" {
            return Err(format!("`{name}` is no number: only `=` can follow it"));
        }
        let values: Vec<String> = value.split('|').map(|one| one.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            return Err(format!("`{text}` names an empty value"));
        }
        if name == "fields" {
            return Ok(Filter::Fields(values));
        }
        let member = Member::named(name)
            .ok_or_else(|| format!("`{name}` is neither a number nor a member of an event"))?;
        if let Some(wrong) = values.iter().find(|value| !member.can_be(value)) {
            return Err(format!("`{wrong}` is no {member}"));
        }
        Ok(Filter::OneOf(member, values))
    }
}

fn within(quantity: Quantity, operator: &str, value: &str) -> Result<Filter, String> {
    let whole = |text: &str| {
        text.trim()
            .parse::<i64>()
            .map_err(|_| format!("`{text}` is no whole number"))
    };
    let (from, below) = match operator {
        "<" => (i64::MIN, whole(value)?),
        "<=" => (i64::MIN, whole(value)?.saturating_add(1)),
        ">" => (whole(value)?.saturating_add(1), i64::MAX),
        ">=" => (whole(value)?, i64::MAX),
        _ => match value.split_once("..") {
            Some((from, below)) => (whole(from)?, whole(below)?),
            None => (whole(value)?, whole(value)?.saturating_add(1)),
        },
    };
    if from >= below {
        return Err(format!("nothing lies from {from} to below {below}"));
    }
    Ok(Filter::Within(quantity, from, below))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::OneOf(member, values) => write!(f, "{member}={}", values.join("|")),
            Filter::Fields(names) => write!(f, "fields={}", names.join("|")),
            Filter::Within(quantity, i64::MIN, below) => write!(f, "{}<{below}", quantity.name()),
            Filter::Within(quantity, from, i64::MAX) => write!(f, "{}>={from}", quantity.name()),
            Filter::Within(quantity, from, below) if *below == from.saturating_add(1) => {
                write!(f, "{}={from}", quantity.name())
            }
            Filter::Within(quantity, from, below) => {
                write!(f, "{}={from}..{below}", quantity.name())
            }
        }
    }
}
