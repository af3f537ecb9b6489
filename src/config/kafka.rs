//! `kafka`: where events come from.

use super::reader::Node;
use crate::domain::{EventTime, Span};
use std::collections::BTreeMap;

/// Where reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message there is.
    Earliest,
    /// At messages yet to come.
    Latest,
    /// At what was written so long ago.
    Ago(Span),
    /// At what was written then.
    At(EventTime),
}

/// `kafka`
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaConfig {
    /// Bootstrap servers.
    pub brokers: String,
    /// Topics with shipment events.
    pub topics: Vec<String>,
    /// Consumer group.
    pub group: String,
    /// Where reading starts.
    pub start: Start,
    /// Topic that rejected messages are written to, as they came.
    pub dead_letter_topic: Option<String>,
    /// Options for librdkafka.
    pub options: BTreeMap<String, String>,
}

impl Default for KafkaConfig {
    fn default() -> KafkaConfig {
        KafkaConfig {
            brokers: String::from("localhost:9092"),
            topics: vec![String::from("shipments")],
            group: String::from("vigie"),
            start: Start::Ago(Span::days(28)),
            dead_letter_topic: None,
            options: BTreeMap::new(),
        }
    }
}

impl KafkaConfig {
    /// What the section says; what it does not say is left as it is.
    pub(super) fn read(&mut self, node: &Node<'_>) {
        const KEYS: [&str; 6] = [
            "brokers",
            "topics",
            "group",
            "start",
            "dead_letter_topic",
            "options",
        ];
        let Some(fields) = node.fields(&KEYS) else {
            return;
        };
        let not_empty = |node: &Node<'_>| {
            node.parsed(|text| {
                if text.is_empty() {
                    Err(String::from("must not be empty"))
                } else {
                    Ok(text.to_owned())
                }
            })
        };
        fields.read("brokers", &mut self.brokers, not_empty);
        fields.read("group", &mut self.group, not_empty);
        fields.read("topics", &mut self.topics, |node| {
            let topics: Vec<String> = node.one_or_many()?.iter().filter_map(not_empty).collect();
            if topics.is_empty() {
                node.error("must name at least one topic");
            }
            Some(topics)
        });
        fields.read("start", &mut self.start, |node| node.parsed(parse_start));
        fields.read("dead_letter_topic", &mut self.dead_letter_topic, |node| {
            not_empty(node).map(Some)
        });
        if let Some(topic) = &self.dead_letter_topic
            && self.topics.contains(topic)
            && let Some(node) = fields.get("dead_letter_topic").or(fields.get("topics"))
        {
            node.error(format!(
                "`{topic}` is read as well: what is rejected would be rejected again, for ever"
            ));
        }
        if let Some(options) = fields.get("options").and_then(Node::members) {
            for (name, node) in options {
                match refusal(&name) {
                    Some(reason) => node.error(reason),
                    None => self.options.extend(node.text().map(|value| (name, value))),
                }
            }
        }
    }
}

fn parse_start(text: &str) -> Result<Start, String> {
    match text {
        "earliest" => return Ok(Start::Earliest),
        "latest" => return Ok(Start::Latest),
        _ => {}
    }
    if let Ok(ago) = Span::parse(text) {
        return Ok(Start::Ago(ago));
    }
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| Start::At(EventTime(at.as_millisecond())))
        .map_err(|_| {
            format!(
                "`{text}` is no place to start; write earliest, latest, 14d or an RFC 3339 time"
            )
        })
}

/// Why an option of librdkafka is not passed through, if it is not.
fn refusal(option: &str) -> Option<&'static str> {
    match option {
        "plugin.library.paths" | "sasl.kerberos.kinit.cmd" => Some("is refused: it runs code"),
        "bootstrap.servers" | "metadata.broker.list" => Some("is set by kafka.brokers"),
        "group.id" => Some("is set by kafka.group"),
        "auto.offset.reset" => Some("is set by kafka.start"),
        "enable.auto.commit"
        | "enable.auto.offset.store"
        | "enable.partition.eof"
        | "partition.assignment.strategy"
        | "enable.idempotence" => {
            Some("is vigie's own: offsets are stored once their work is done")
        }
        _ => None,
    }
}
