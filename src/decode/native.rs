//! The native form of an event: one JSON object, `event.schema.json`.
//!
//! Text is borrowed from the message where it has no escapes. Unknown members are read past, but
//! not past the depth that `serde_json` allows: its own way of ignoring a value has no limit.

use super::{Rejection, time::rfc_3339};
use crate::domain::{Action, Event, EventTime, Kind, Outcome, Relation, Text};
use crate::limits;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// Decodes one message.
///
/// # Errors
/// The first reason found to refuse it.
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, Rejection> {
    if bytes.len() > limits::EVENT_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    // serde_json does not look for invalid UTF-8 in members that it ignores.
    let text = std::str::from_utf8(bytes).map_err(|_| Rejection::NotUtf8)?;
    let fault = Fault::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let event = EventSeed(&fault)
        .deserialize(&mut deserializer)
        .and_then(|event| deserializer.end().map(|()| event))
        .map_err(|error| fault.or_read_from(&error))?;
    complete(event)
}

/// Checks what must be there, and fills in the route.
fn complete(partial: Partial<'_>) -> Result<Event<'_>, Rejection> {
    let Partial {
        mut event,
        time,
        kind,
    } = partial;
    let (Some(time), Some(kind)) = (time, kind) else {
        return Err(Rejection::MissingMember);
    };
    (event.time, event.kind) = (time, kind);
    let complete = match kind {
        Kind::Movement => event.shipment.is_some() && event.step.is_some(),
        Kind::Access => event.actor.is_some() && event.action.is_some(),
        Kind::Transit | Kind::Diversion | Kind::Label | Kind::Induction | Kind::Lifecycle => false,
    };
    if !complete {
        return Err(Rejection::MissingMember);
    }
    if event.route.is_none()
        && let (Some(origin), Some(destination)) = (&event.origin, &event.destination)
    {
        let mut route = String::with_capacity(origin.len() + 1 + destination.len());
        route.extend([origin, ">", destination]);
        event.route = Some(Text::from(route));
    }
    Ok(event)
}

/// The reason found so far. serde's errors carry text only.
#[derive(Default)]
struct Fault(Cell<Option<Rejection>>);

impl Fault {
    fn raise<T, E: Error>(&self, rejection: Rejection) -> Result<T, E> {
        self.0.set(Some(rejection));
        Err(E::custom(rejection.name()))
    }

    fn or_read_from(&self, error: &serde_json::Error) -> Rejection {
        if let Some(rejection) = self.0.get() {
            return rejection;
        }
        let text = error.to_string();
        if text.starts_with("recursion limit exceeded") {
            Rejection::TooDeep
        } else if text.starts_with("number out of range") {
            Rejection::OutOfRange
        } else if error.is_data() {
            Rejection::WrongType
        } else {
            Rejection::NotJson
        }
    }
}

/// An event whose required members may still be missing.
#[derive(Default)]
struct Partial<'de> {
    event: Event<'de>,
    time: Option<EventTime>,
    kind: Option<Kind>,
}

struct EventSeed<'f>(&'f Fault);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = Partial<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = Partial<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let fault = self.0;
        let mut partial = Partial::default();
        let event = &mut partial.event;
        let mut seen = 0_u64;
        while let Some(name) = map.next_key_seed(NameSeed)? {
            if name != Name::Unknown {
                let bit = 1_u64 << name as u32;
                if seen & bit != 0 {
                    return fault.raise(Rejection::DuplicateMember);
                }
                seen |= bit;
            }
            let text = |chars_max: usize| TextSeed { fault, chars_max };
            let integer = IntegerSeed(fault);
            match name {
                Name::Id => event.id = map.next_value_seed(text(256))?,
                Name::Time => partial.time = map.next_value_seed(TimeSeed(fault))?,
                Name::Kind => {
                    partial.kind = map.next_value_seed(EnumSeed {
                        fault,
                        named: Kind::recorded,
                    })?
                }
                Name::Shipment => event.shipment = map.next_value_seed(text(256))?,
                Name::Seller => event.seller = map.next_value_seed(text(256))?,
                Name::Origin => event.origin = map.next_value_seed(text(128))?,
                Name::Destination => event.destination = map.next_value_seed(text(128))?,
                Name::Route => event.route = map.next_value_seed(text(260))?,
                Name::Location => event.location = map.next_value_seed(text(64))?,
                Name::Step => event.step = map.next_value_seed(text(64))?,
                Name::Carrier => event.carrier = map.next_value_seed(text(128))?,
                Name::Consignee => event.consignee = map.next_value_seed(text(256))?,
                Name::Commodity => event.commodity = map.next_value_seed(text(64))?,
                Name::Pieces => event.pieces = map.next_value_seed(integer)?,
                Name::WeightGrams => event.weight_grams = map.next_value_seed(NumberSeed(fault))?,
                Name::ValueEur => event.value_eur = map.next_value_seed(NumberSeed(fault))?,
                Name::Actor => event.actor = map.next_value_seed(text(256))?,
                Name::Org => event.org = map.next_value_seed(text(256))?,
                Name::Role => event.role = map.next_value_seed(text(64))?,
                Name::Client => event.client = map.next_value_seed(text(256))?,
                Name::Network => event.network = map.next_value_seed(text(64))?,
                Name::Country => event.country = map.next_value_seed(text(2))?,
                Name::Action => {
                    event.action = map.next_value_seed(EnumSeed {
                        fault,
                        named: Action::named,
                    })?
                }
                Name::Endpoint => event.endpoint = map.next_value_seed(text(256))?,
                Name::Page => event.page = map.next_value_seed(integer)?,
                Name::Records => event.records = map.next_value_seed(integer)?,
                Name::Bytes => event.bytes = map.next_value_seed(integer)?,
                Name::Fields => event.fields = map.next_value_seed(FieldsSeed(fault))?,
                Name::Outcome => {
                    event.outcome = map.next_value_seed(EnumSeed {
                        fault,
                        named: Outcome::named,
                    })?
                }
                Name::Relation => {
                    event.relation = map.next_value_seed(EnumSeed {
                        fault,
                        named: Relation::named,
                    })?
                }
                Name::Recipient => event.recipient = map.next_value_seed(text(256))?,
                Name::RecipientCountry => event.recipient_country = map.next_value_seed(text(2))?,
                Name::Unknown => {
                    map.next_value_seed(Skip)?;
                }
            }
        }
        Ok(partial)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Name {
    Id,
    Time,
    Kind,
    Shipment,
    Seller,
    Origin,
    Destination,
    Route,
    Location,
    Step,
    Carrier,
    Consignee,
    Commodity,
    Pieces,
    WeightGrams,
    ValueEur,
    Actor,
    Org,
    Role,
    Client,
    Network,
    Country,
    Action,
    Endpoint,
    Page,
    Records,
    Bytes,
    Fields,
    Outcome,
    Relation,
    Recipient,
    RecipientCountry,
    Unknown,
}

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "id" => Name::Id,
            "time" => Name::Time,
            "kind" => Name::Kind,
            "shipment" => Name::Shipment,
            "seller" => Name::Seller,
            "origin" => Name::Origin,
            "destination" => Name::Destination,
            "route" => Name::Route,
            "location" => Name::Location,
            "step" => Name::Step,
            "carrier" => Name::Carrier,
            "consignee" => Name::Consignee,
            "commodity" => Name::Commodity,
            "pieces" => Name::Pieces,
            "weight_grams" => Name::WeightGrams,
            "value_eur" => Name::ValueEur,
            "actor" => Name::Actor,
            "org" => Name::Org,
            "role" => Name::Role,
            "client" => Name::Client,
            "network" => Name::Network,
            "country" => Name::Country,
            "action" => Name::Action,
            "endpoint" => Name::Endpoint,
            "page" => Name::Page,
            "records" => Name::Records,
            "bytes" => Name::Bytes,
            "fields" => Name::Fields,
            "outcome" => Name::Outcome,
            "relation" => Name::Relation,
            "recipient" => Name::Recipient,
            "recipient_country" => Name::RecipientCountry,
            _ => Name::Unknown,
        })
    }
}

/// A seed whose visitor starts with whatever type comes; `null` is absent.
macro_rules! seed {
    ($name:ty, $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $name {
            type Value = $value;
            #[inline]
            fn deserialize<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<$value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }
    };
}

#[derive(Clone, Copy)]
struct TextSeed<'f> {
    fault: &'f Fault,
    chars_max: usize,
}

impl TextSeed<'_> {
    /// A text of n bytes has at most n characters, so most are never counted.
    #[inline]
    fn check<E: Error>(&self, text: &str) -> Result<(), E> {
        if text.len() > self.chars_max && text.chars().count() > self.chars_max {
            return self.fault.raise(Rejection::TooLong);
        }
        Ok(())
    }
}

seed!(TextSeed<'_>, Option<Text<'de>>);

impl<'de> Visitor<'de> for TextSeed<'_> {
    type Value = Option<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        self.check(text)?;
        Ok(Some(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.check(text)?;
        Ok(Some(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct EnumSeed<'f, T> {
    fault: &'f Fault,
    named: fn(&str) -> Option<T>,
}

impl<'de, T> DeserializeSeed<'de> for EnumSeed<'_, T> {
    type Value = Option<T>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T> Visitor<'_> for EnumSeed<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of a set of words")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match (self.named)(text) {
            Some(value) => Ok(Some(value)),
            None => self.fault.raise(Rejection::UnknownValue),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[derive(Clone, Copy)]
struct IntegerSeed<'f>(&'f Fault);

seed!(IntegerSeed<'_>, Option<u64>);

impl Visitor<'_> for IntegerSeed<'_> {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        u64::try_from(value)
            .map(Some)
            .or_else(|_| self.0.raise(Rejection::OutOfRange))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // 5.0 is an integer in JSON Schema.
        if value.fract() != 0.0 {
            return self.0.raise(Rejection::WrongType);
        }
        if !(0.0..18_446_744_073_709_551_616.0).contains(&value) {
            return self.0.raise(Rejection::OutOfRange);
        }
        Ok(Some(value as u64))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct NumberSeed<'f>(&'f Fault);

seed!(NumberSeed<'_>, Option<f64>);

impl Visitor<'_> for NumberSeed<'_> {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        if value < 0.0 {
            self.0.raise(Rejection::OutOfRange)
        } else {
            Ok(Some(value))
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct TimeSeed<'f>(&'f Fault);

seed!(TimeSeed<'_>, Option<EventTime>);

impl Visitor<'_> for TimeSeed<'_> {
    type Value = Option<EventTime>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RFC 3339 text or a whole number of milliseconds")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match rfc_3339(text) {
            Some(time) => Ok(Some(time)),
            None => self.0.raise(Rejection::WrongType),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        match i64::try_from(value) {
            Ok(milliseconds) if milliseconds <= EventTime::MAX.0 => {
                Ok(Some(EventTime(milliseconds)))
            }
            _ => self.0.raise(Rejection::OutOfRange),
        }
    }

    fn visit_i64<E: Error>(self, _negative: i64) -> Result<Self::Value, E> {
        self.0.raise(Rejection::OutOfRange)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        let fault = self.0;
        IntegerSeed(fault)
            .visit_f64(value)?
            .map_or(Ok(None), |value| TimeSeed(fault).visit_u64(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct FieldsSeed<'f>(&'f Fault);

seed!(FieldsSeed<'_>, Vec<Text<'de>>);

impl<'de> Visitor<'de> for FieldsSeed<'_> {
    type Value = Vec<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = list.next_element_seed(TextSeed {
            fault: self.0,
            chars_max: 64,
        })? {
            if fields.len() == 64 {
                return self.0.raise(Rejection::TooLong);
            }
            match field {
                Some(field) => fields.push(field),
                None => return self.0.raise(Rejection::WrongType),
            }
        }
        Ok(fields)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// Reads past a value of any type, counting its depth on the way.
struct Skip;

seed!(Skip, ());

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Skip)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Skip)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Rejection {
        decode(text.as_bytes()).expect_err(text)
    }

    const ACCESS: &str = r#""time":0,"kind":"access","actor":"a","action":"read""#;

    fn with(member: &str) -> String {
        format!("{{{ACCESS},{member}}}")
    }

    #[test]
    fn a_whole_event_is_read_with_its_text_borrowed() {
        let text = r#"{"id":"e1","time":"2026-11-24T00:00:00Z","kind":"movement","shipment":"p","step":"accepting",
            "origin":"CNHGH","destination":"DEFRA","records":5.0,"weight_grams":12,"fields":["value","plan"],"seller":null,
            "note":{"unknown":[1,{"deep":true}]},"carrier":"a\"b"}"#;
        let event = decode(text.as_bytes()).unwrap();
        assert!(matches!(
            event.shipment.as_ref().unwrap().0,
            Cow::Borrowed("p")
        ));
        assert_eq!(event.route.as_deref(), Some("CNHGH>DEFRA"));
        assert_eq!(
            (event.records, event.weight_grams, event.fields.len()),
            (Some(5), Some(12.0), 2)
        );
        assert_eq!(
            (event.seller.as_deref(), event.carrier.as_deref()),
            (None, Some("a\"b"))
        );
    }

    #[test]
    fn a_route_of_its_own_is_kept() {
        let event = with(r#""origin":"A","destination":"B","route":"R""#);
        assert_eq!(
            decode(event.as_bytes()).unwrap().route.as_deref(),
            Some("R")
        );
    }

    #[test]
    fn each_fault_has_its_reason() {
        let deep = format!("\"x\":{}1{}", "[".repeat(4_000), "]".repeat(4_000));
        let cases = [
            (String::from("{"), Rejection::NotJson),
            (String::from("nonsense"), Rejection::NotJson),
            (format!("{{{ACCESS}}} {{}}"), Rejection::NotJson),
            (String::from("[]"), Rejection::WrongType),
            (String::from("5"), Rejection::WrongType),
            (String::from("{}"), Rejection::MissingMember),
            (
                String::from(r#"{"time":0,"kind":"access","actor":"a"}"#),
                Rejection::MissingMember,
            ),
            (
                String::from(r#"{"time":null,"kind":"access","actor":"a","action":"read"}"#),
                Rejection::MissingMember,
            ),
            (
                String::from(r#"{"time":0,"kind":"movement","shipment":"p"}"#),
                Rejection::MissingMember,
            ),
            (
                String::from(r#"{"time":0,"kind":"gossip"}"#),
                Rejection::UnknownValue,
            ),
            (
                String::from(r#"{"time":0,"kind":"transit","shipment":"p","step":"arriving"}"#),
                Rejection::UnknownValue,
            ),
            (
                String::from(r#"{"time":0,"kind":"diversion","actor":"a","action":"read"}"#),
                Rejection::UnknownValue,
            ),
            (with(r#""outcome":"fine""#), Rejection::UnknownValue),
            (with(r#""outcome":3"#), Rejection::WrongType),
            (with(r#""seller":5"#), Rejection::WrongType),
            (with(r#""records":"5""#), Rejection::WrongType),
            (with(r#""records":5.5"#), Rejection::WrongType),
            (with(r#""records":-1"#), Rejection::OutOfRange),
            (with(r#""records":1e30"#), Rejection::OutOfRange),
            (with(r#""weight_grams":-0.1"#), Rejection::OutOfRange),
            (with(r#""weight_grams":1e999"#), Rejection::OutOfRange),
            (with(r#""fields":["a",null]"#), Rejection::WrongType),
            (with(r#""fields":"a""#), Rejection::WrongType),
            (
                with(&format!(r#""fields":[{}"a"]"#, r#""a","#.repeat(64))),
                Rejection::TooLong,
            ),
            (
                with(&format!(r#""seller":"{}""#, "é".repeat(257))),
                Rejection::TooLong,
            ),
            (with(r#""country":"BEL""#), Rejection::TooLong),
            (with(&deep), Rejection::TooDeep),
            (with(r#""actor":"b""#), Rejection::DuplicateMember),
            (
                String::from(r#"{"time":-5,"kind":"access","actor":"a","action":"read"}"#),
                Rejection::OutOfRange,
            ),
            (
                String::from(
                    r#"{"time":99999999999999999,"kind":"access","actor":"a","action":"read"}"#,
                ),
                Rejection::OutOfRange,
            ),
            (
                String::from(r#"{"time":"yesterday","kind":"access","actor":"a","action":"read"}"#),
                Rejection::WrongType,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(reason(&text), expected, "{}", &text[..text.len().min(120)]);
        }
        assert_eq!(decode(b"{\"x\":\"\xff\"}").unwrap_err(), Rejection::NotUtf8);
        assert_eq!(
            decode(&vec![b' '; limits::EVENT_BYTES_MAX + 1]).unwrap_err(),
            Rejection::TooLarge
        );
    }

    #[test]
    fn lengths_count_characters_and_null_is_absent() {
        let event = with(&format!(
            r#""seller":"{}","outcome":null,"fields":null,"page":null"#,
            "é".repeat(256)
        ));
        let event = decode(event.as_bytes()).unwrap();
        assert_eq!(event.seller.unwrap().chars().count(), 256);
        assert_eq!((event.outcome, event.page), (None, None));
    }

    #[test]
    fn no_prefix_of_an_event_makes_it_panic() {
        let text = with(r#""seller":"\u00e9","fields":["a"],"x":[{"y":1e5}]"#);
        for end in 0..text.len() {
            assert!(decode(&text.as_bytes()[..end]).is_err());
        }
    }
}
