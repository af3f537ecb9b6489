//! Reading what others wrote: forgiving where it is safe, clear where it is not.
//!
//! Members that are not known are ignored, times may be text or milliseconds, identifiers may be
//! numbers. A value that would have to be guessed is refused.

use crate::domain::{EntityMembers, EventTime};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A time as RFC 3339 text or as milliseconds since 1970, as events have it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Moment(pub(super) EventTime);

impl TryFrom<Value> for Moment {
    type Error = String;
    fn try_from(value: Value) -> Result<Moment, String> {
        match &value {
            Value::String(_) => serde_json::from_value(value.clone())
                .map(Moment)
                .map_err(|_| format!("{value} is not a time; write 2026-01-05T08:00:00Z")),
            Value::Number(number) => number
                .as_i64()
                .map(|millis| Moment(EventTime(millis)))
                .ok_or_else(|| format!("{value} is not a time in milliseconds")),
            _ => Err(format!("{value} is not a time")),
        }
    }
}

/// Text, or a number that stands for text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Word(pub(super) String);

impl TryFrom<Value> for Word {
    type Error = String;
    fn try_from(value: Value) -> Result<Word, String> {
        match value {
            Value::String(text) => Ok(Word(text)),
            Value::Number(number) => Ok(Word(number.to_string())),
            Value::Bool(truth) => Ok(Word(truth.to_string())),
            other => Err(format!("{other} is not text")),
        }
    }
}

/// Members and values of an entity; a member that is null is absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>")]
pub(super) struct Entity(pub(super) EntityMembers);

impl TryFrom<BTreeMap<String, Value>> for Entity {
    type Error = String;
    fn try_from(members: BTreeMap<String, Value>) -> Result<Entity, String> {
        members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| Ok((name, Word::try_from(value)?.0)))
            .collect::<Result<_, String>>()
            .map(Entity)
    }
}

/// `Hard-Negative` and `hard negative` are `hard_negative`.
pub(super) fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}

/// A line of JSON; the error says what is wrong with it and where in the line.
pub(super) fn parse<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // The line within the line is always the first.
        error.to_string().replace(" at line 1 column ", ", column ")
    })
}
