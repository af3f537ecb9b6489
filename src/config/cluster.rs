//! `cluster`: several replicas as one detector.

use super::kafka::KafkaConfig;
use super::reader::{Node, span};
use crate::domain::Span;
use crate::limits::SHARDS_MAX;

/// `cluster`
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterConfig {
    /// Whether replicas of one group are one detector.
    pub enabled: bool,
    /// What the names of its topics begin with.
    pub topic_prefix: String,
    /// Parts that judging is divided into; it cannot change once the topics are there.
    pub shards: i32,
    /// Whether topics that are missing are made.
    pub create_topics: bool,
    /// Copies of each topic that is made; -1 is what the brokers do by default.
    pub replication_factor: i32,
    /// How long the logs keep what they hold: what nobody has read by then is not judged.
    pub retention: Span,
}

impl Default for ClusterConfig {
    fn default() -> ClusterConfig {
        ClusterConfig {
            enabled: false,
            topic_prefix: String::from("vigie"),
            shards: 8,
            create_topics: true,
            replication_factor: -1,
            retention: Span::days(7),
        }
    }
}

impl ClusterConfig {
    /// What the section says; what it does not say is left as it is.
    pub(super) fn read(&mut self, node: &Node<'_>) {
        const KEYS: [&str; 6] = [
            "enabled",
            "topic_prefix",
            "shards",
            "create_topics",
            "replication_factor",
            "retention",
        ];
        let Some(fields) = node.fields(&KEYS) else {
            return;
        };
        fields.read("enabled", &mut self.enabled, Node::truth);
        fields.read("create_topics", &mut self.create_topics, Node::truth);
        fields.read("topic_prefix", &mut self.topic_prefix, |node| {
        node.parsed(|text| {
            let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            match !text.is_empty() && text.len() <= 200 && text.chars().all(is_legal) {
                true => Ok(text.to_owned()),
                false => Err(String::from(
                    "must be letters, digits, dots, underscores and hyphens, as names of topics are",
                )),
            }
        })
    });
        fields.read("shards", &mut self.shards, |node| {
            Some(node.whole(1, SHARDS_MAX as u64)? as i32)
        });
        fields.read("replication_factor", &mut self.replication_factor, |node| {
            Some(node.whole(1, 100)? as i32)
        });
        fields.read("retention", &mut self.retention, |node| {
            span(node, Span::HOUR, Span::days(365))
        });
    }

    /// Whether it fits what is read.
    pub(super) fn check(&self, node: &Node<'_>, kafka: &KafkaConfig) {
        let pattern = kafka.topics.iter().find(|topic| topic.starts_with('^'));
        if let Some(pattern) = pattern.filter(|_| self.enabled) {
            node.error(format!(
                "replicas number partitions by the names of topics, and `{pattern}` in kafka.topics is a \
                 pattern; name each topic"
            ));
        }
    }
}
