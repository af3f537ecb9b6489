//! How alerts are written down with the state: as they are, not as people read them.

use crate::domain::{
    Alert, AlertClass, AlertStatus, AlertWindow, EventTime, Evidence, Maturity, Severity,
};
use members::Members;
use serde::{Deserialize, Serialize};

/// As [`Alert`], member by member: the record that people read leaves out what is empty.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Alert")]
pub(super) struct SavedAlert {
    id: String,
    status: AlertStatus,
    detection: String,
    class: AlertClass,
    severity: Severity,
    #[serde(with = "members")]
    entity: Members,
    #[serde(with = "members::all")]
    members: Vec<Members>,
    window: AlertWindow,
    decided: EventTime,
    measure: String,
    observed: f64,
    expected: f64,
    p_value: f64,
    false_alarms_per_day: f64,
    evidence: Vec<Evidence>,
    records: u64,
    explanation: String,
    maturity: Maturity,
    benign_causes: Vec<String>,
    references: Vec<String>,
}

/// Members and values, by the names of the members.
mod members {
    use crate::domain::Member;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) type Members = BTreeMap<&'static str, String>;

    fn named<E: Error>(saved: BTreeMap<String, String>) -> Result<Members, E> {
        let name = |name: String| {
            let member = Member::named(&name).map(Member::name);
            member.ok_or_else(|| E::custom(format!("{name} is no member of an event")))
        };
        saved
            .into_iter()
            .map(|(member, value)| Ok((name(member)?, value)))
            .collect()
    }

    pub(super) fn serialize<S: Serializer>(members: &Members, to: S) -> Result<S::Ok, S::Error> {
        members.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Members, D::Error> {
        named(BTreeMap::deserialize(from)?)
    }

    pub(super) mod all {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(
            all: &[Members],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            all.serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Vec<Members>, D::Error> {
            let all = Vec::<BTreeMap<String, String>>::deserialize(from)?;
            all.into_iter().map(named).collect()
        }
    }
}
