//! Entity keys: the values of an entity's members, joined into one short string.
//!
//! A key of up to 24 bytes is stored in place, so most entities cost no allocation. Where a key
//! has several members the values are joined by U+001F; a value that holds that character, or
//! the escape character U+001E, is escaped, so that two entities never share a key.

use crate::domain::{Event, Member};
use compact_str::CompactString;
use std::collections::BTreeMap;

/// The joined values of an entity's members.
pub type EntityKey = CompactString;

const SEPARATOR: char = '\u{1f}';
const ESCAPE: char = '\u{1e}';
const ESCAPED_SEPARATOR: char = '1';

/// The key of `event` for the entity made of `members`, written into `scratch` where it has to
/// be joined. `None` where the event lacks one of them, or has it empty.
#[inline]
pub fn join_key<'e>(
    members: &[Member],
    event: &'e Event<'_>,
    scratch: &'e mut String,
) -> Option<&'e str> {
    if let [member] = members {
        return event.member(*member).filter(|value| !value.is_empty());
    }
    scratch.clear();
    for (position, member) in members.iter().enumerate() {
        let value = event.member(*member).filter(|value| !value.is_empty())?;
        let key = &mut *scratch;
        if position > 0 {
            key.push(SEPARATOR);
        }
        push_escaped(key, value);
    }
    Some(scratch)
}

#[inline]
fn push_escaped(key: &mut String, value: &str) {
    if !value.contains([SEPARATOR, ESCAPE]) {
        key.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            SEPARATOR => key.extend([ESCAPE, ESCAPED_SEPARATOR]),
            ESCAPE => key.extend([ESCAPE, ESCAPE]),
            c => key.push(c),
        }
    }
}

/// The key of the entity made of `members` that has these values; `None` where these are of other
/// members.
pub fn key_of(members: &[Member], entity: &BTreeMap<Member, String>) -> Option<EntityKey> {
    if members.len() != entity.len() {
        return None;
    }
    if let [member] = members {
        return entity.get(member).map(EntityKey::new);
    }
    let mut key = String::new();
    for (position, member) in members.iter().enumerate() {
        if position > 0 {
            key.push(SEPARATOR);
        }
        push_escaped(&mut key, entity.get(member)?);
    }
    Some(EntityKey::from(key))
}

/// The first member's part of a key: whom an edge starts from. Still escaped.
pub fn first_member(key: &str) -> &str {
    key.split(SEPARATOR).next().unwrap_or(key)
}

fn split_key(key: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut chars = key.chars();
    while let Some(c) = chars.next() {
        let last = values
            .last_mut()
            .expect("there is always a value being read");
        match c {
            SEPARATOR => values.push(String::new()),
            ESCAPE => match chars.next() {
                Some(ESCAPED_SEPARATOR) => last.push(SEPARATOR),
                Some(c) => last.push(c),
                None => {}
            },
            c => last.push(c),
        }
    }
    values
}

/// The members and values that `key` stands for, as the alert record writes them.
pub fn entity_members(members: &[Member], key: &str) -> BTreeMap<&'static str, String> {
    if let [member] = members {
        return BTreeMap::from([(member.name(), key.to_owned())]);
    }
    members
        .iter()
        .map(|member| member.name())
        .zip(split_key(key))
        .collect()
}

/// The entity on one line: `actor key-17`, or `seller s-1, route CNHGH>DEFRA`.
pub fn label_of<N: AsRef<str>>(entity: &BTreeMap<N, String>) -> String {
    let mut label = String::new();
    for (name, value) in entity {
        if !label.is_empty() {
            label.push_str(", ");
        }
        label.push_str(name.as_ref());
        label.push(' ');
        label.push_str(value);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Text;

    #[test]
    fn keys_of_hostile_values_stay_apart_and_read_back() {
        let members = [Member::Org, Member::Recipient];
        let mut keys = std::collections::BTreeSet::new();
        let pairs = [
            ("1", "11"),
            ("11", "1"),
            ("a\u{1f}", "b"),
            ("a", "\u{1f}b"),
            ("a\u{1e}1", "b"),
            ("a\u{1e}", "1b"),
        ];
        for (org, recipient) in pairs {
            let event = Event {
                org: Some(Text::from(org)),
                recipient: Some(Text::from(recipient)),
                ..Event::default()
            };
            let mut scratch = String::new();
            let key = join_key(&members, &event, &mut scratch).unwrap().to_owned();
            let entity = entity_members(&members, &key);
            assert_eq!(
                (entity["org"].as_str(), entity["recipient"].as_str()),
                (org, recipient)
            );
            let named = |member, value: &str| (member, value.to_owned());
            let entity = [named(Member::Recipient, recipient), named(Member::Org, org)];
            let entity = BTreeMap::from(entity);
            assert_eq!(key_of(&members, &entity).as_deref(), Some(key.as_str()));
            assert_eq!(key_of(&members[..1], &entity), None);
            assert!(keys.insert(key));
        }
    }

    #[test]
    fn an_absent_or_empty_member_makes_no_entity() {
        let mut scratch = String::from("left over");
        assert!(join_key(&[Member::Actor], &Event::default(), &mut scratch).is_none());
        assert!(
            join_key(
                &[Member::Actor, Member::Org],
                &Event::default(),
                &mut scratch
            )
            .is_none()
        );
        let event = Event {
            actor: Some(Text::from("")),
            ..Event::default()
        };
        assert!(join_key(&[Member::Actor], &event, &mut scratch).is_none());
    }
}
