//! A configuration written out as YAML, with everything that was left out filled in.

use super::kafka::Start;
use super::settings::{Config, LogFormat};
use crate::alert::{AlertPolicy, Effect, Matcher, When};
use crate::detection::{Condition, Detection, Requirement, Test};
use crate::observe::TimeBound;
use saphyr::{MappingOwned, ScalarOwned, YamlEmitter, YamlOwned};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

fn text(value: impl ToString) -> YamlOwned {
    YamlOwned::Value(ScalarOwned::String(value.to_string()))
}

fn truth(value: bool) -> YamlOwned {
    YamlOwned::Value(ScalarOwned::Boolean(value))
}

fn number(value: f64) -> YamlOwned {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        YamlOwned::Value(ScalarOwned::Integer(value as i64))
    } else {
        YamlOwned::Value(ScalarOwned::FloatingPoint(value.into()))
    }
}

fn list(items: impl IntoIterator<Item = YamlOwned>) -> YamlOwned {
    YamlOwned::Sequence(items.into_iter().collect())
}

fn map<'k>(members: impl IntoIterator<Item = (&'k str, YamlOwned)>) -> YamlOwned {
    let mut mapping = MappingOwned::new();
    for (key, value) in members {
        mapping.insert(text(key), value);
    }
    YamlOwned::Mapping(mapping)
}

impl Config {
    /// The effective configuration as YAML that reads back to the same. Secrets are not shown.
    pub fn to_yaml(&self) -> String {
        let kafka = &self.kafka;
        let options = kafka.options.iter().map(|(name, value)| {
            let secret = ["password", "secret", "key.pem", "private"]
                .iter()
                .any(|word| name.contains(word));
            (name.as_str(), text(if secret { "(hidden)" } else { value }))
        });
        let start = match kafka.start {
            Start::Earliest => String::from("earliest"),
            Start::Latest => String::from("latest"),
            Start::Ago(ago) => ago.to_string(),
            Start::At(at) => at.to_string(),
        };
        let mut source = vec![
            ("brokers", text(&kafka.brokers)),
            ("topics", list(kafka.topics.iter().map(text))),
            ("group", text(&kafka.group)),
            ("start", text(start)),
        ];
        let dead_letters = kafka.dead_letter_topic.as_ref();
        source.extend(dead_letters.map(|topic| ("dead_letter_topic", text(topic))));
        source.push(("options", map(options)));
        let directory = self.state.directory.as_ref();
        let mut state: Vec<(&str, YamlOwned)> = directory
            .map(|directory| ("directory", text(directory.display())))
            .into_iter()
            .collect();
        state.push(("interval", text(self.state.interval)));
        let of = &self.cluster;
        let mut cluster = vec![
            ("enabled", truth(of.enabled)),
            ("topic_prefix", text(&of.topic_prefix)),
            ("shards", number(of.shards.into())),
            ("create_topics", truth(of.create_topics)),
            ("retention", text(of.retention)),
        ];
        if of.replication_factor > 0 {
            let factor = number(of.replication_factor.into());
            cluster.push(("replication_factor", factor));
        }
        let mut alerts = vec![
            (
                "false_alarms_per_day",
                number(self.alerts.false_alarms_per_day),
            ),
            ("per_day_max", number(self.alerts.alerts_per_day_max)),
            ("resolve_after", text(self.alerts.resolve_after)),
            ("cooldown", text(self.alerts.cooldown)),
            ("critical_below", number(self.alerts.critical_below)),
        ];
        alerts.extend(
            self.output
                .topic
                .as_ref()
                .map(|topic| ("topic", text(topic))),
        );
        alerts.extend(
            self.output
                .file
                .as_ref()
                .map(|file| ("file", text(file.display()))),
        );
        let lists = self.lists.iter().map(|(name, values)| {
            let mut values: Vec<&String> = values.iter().collect();
            values.sort();
            (name.as_str(), list(values.into_iter().map(text)))
        });
        let whole = map([
            ("kafka", map(source)),
            (
                "time",
                map([
                    ("bound", text(bound(self.time.bound))),
                    ("allowed_lateness", text(self.time.allowed_lateness)),
                    ("pane", text(self.time.pane)),
                    ("idle_after", text(self.time.idle_after)),
                ]),
            ),
            (
                "baseline",
                map([
                    ("half_life", text(self.baseline.half_life)),
                    ("forget_after", text(self.baseline.forget_after)),
                    ("hash_key", text("(hidden)")),
                ]),
            ),
            ("state", map(state)),
            ("cluster", map(cluster)),
            (
                "memory",
                map(self
                    .memory
                    .max_bytes
                    .map(|bytes| ("max_bytes", text(bytes)))),
            ),
            ("alerts", map(alerts)),
            (
                "http",
                map([
                    ("listen", text(self.http.listen)),
                    ("reload", truth(self.http.reload)),
                ]),
            ),
            (
                "log",
                map([
                    ("level", text(self.log.level.as_str().to_lowercase())),
                    (
                        "format",
                        text(if self.log.format == LogFormat::Json {
                            "json"
                        } else {
                            "text"
                        }),
                    ),
                ]),
            ),
            ("lists", map(lists)),
            (
                "detections",
                list(self.plan.detections.iter().chain(&self.off).map(detection)),
            ),
            ("policy", policy(&self.policy)),
        ]);
        let mut yaml = written(&whole);
        yaml.push('\n');
        yaml
    }

    /// What shapes the state, a line each: state that was learnt under one shape says nothing under
    /// another. Of the key of the hashes it has a hash.
    pub fn shape(&self) -> Vec<String> {
        let (key, other) = self.baseline.hash_key;
        let mut hasher = SipHasher13::new_with_keys(key, other);
        hasher.write(b"vigie");
        let mut shape = vec![
            format!("time.bound: {}", bound(self.time.bound)),
            format!("time.allowed_lateness: {}", self.time.allowed_lateness),
            format!("time.pane: {}", self.time.pane),
            format!("baseline.half_life: {}", self.baseline.half_life),
            format!("baseline.forget_after: {}", self.baseline.forget_after),
            format!(
                "baseline.hash_key: a key whose hash is {:x}",
                hasher.finish128().as_u128()
            ),
        ];
        if self.cluster.enabled {
            // They number the source's partitions, and say which part a question belongs to.
            shape.push(format!("kafka.topics: {}", self.kafka.topics.join(", ")));
            shape.push(format!("cluster.shards: {}", self.cluster.shards));
        }
        shape.extend(self.plan.detections.iter().map(|detection| {
            let yaml = written(&map(measured(detection)));
            let lines: Vec<&str> = yaml.lines().skip(1).map(str::trim).collect();
            format!("{}: {}", detection.name, lines.join(", "))
        }));
        shape
    }
}

fn written(yaml: &YamlOwned) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = YamlEmitter::new(&mut text).dump(&yaml.into());
    text
}

fn bound(bound: TimeBound) -> &'static str {
    match bound {
        TimeBound::Append => "append",
        TimeBound::Neighbours => "neighbours",
        TimeBound::None => "none",
    }
}

/// What a detection measures and how that is tested: all of it that shapes baselines.
fn measured(detection: &Detection) -> Vec<(&'static str, YamlOwned)> {
    let mut members = vec![("entity", list(detection.entity.iter().map(text)))];
    members.extend(detection.pool.map(|pool| ("pool", text(pool))));
    if !detection.conditions.is_empty() {
        members.push(("where", map(detection.conditions.iter().map(condition))));
    }
    members.extend([
        ("measure", text(&detection.measure)),
        ("window", list(detection.windows.iter().map(text))),
        ("test", text(detection.test.name())),
    ]);
    members.extend(
        detection
            .members
            .map(|member| ("members", text(member.name()))),
    );
    match detection.test {
        Test::Rate(direction) | Test::Cumulative(direction) => {
            members.push(("direction", text(direction.name())))
        }
        Test::Ratio { trials_min } => members.push(("min_trials", number(trials_min as f64))),
        Test::Rule { at_least } => members.push(("at_least", number(at_least as f64))),
        Test::Mix { trials_min } => members.push(("min_trials", number(trials_min as f64))),
        Test::Location {
            direction,
            trials_min,
        } => members.extend([
            ("direction", text(direction.name())),
            ("min_trials", number(trials_min as f64)),
        ]),
        Test::Sum | Test::Regular | Test::FirstSeen | Test::Rare => {}
    }
    members
}

fn detection(detection: &Detection) -> YamlOwned {
    let policy = &detection.policy;
    let mut members = vec![
        ("name", text(&detection.name)),
        ("class", text(policy.class.name())),
    ];
    members.extend(measured(detection));
    if !policy.enabled {
        members.push(("enabled", truth(false)));
    }
    members.extend([
        ("false_alarms_per_day", number(policy.weight)),
        ("min_effect", number(policy.min_effect)),
        ("min_difference", number(policy.min_difference)),
        ("min_members", number(policy.min_members)),
    ]);
    if !policy.unless.is_empty() {
        members.push(("unless", map(policy.unless.iter().map(condition))));
    }
    members.extend([
        ("severity", text(policy.severity.name())),
        ("explain", text(policy.explain.source())),
        ("benign_causes", list(policy.benign_causes.iter().map(text))),
        ("cannot_see", text(&policy.cannot_see)),
        ("references", list(policy.references.iter().map(text))),
    ]);
    map(members)
}

fn condition(condition: &Condition) -> (&'static str, YamlOwned) {
    let value = match &condition.requirement {
        Requirement::Present => text("present"),
        Requirement::Listed(name, _) => map([("in", text(name))]),
        Requirement::NotListed(name, _) => map([("not_in", text(name))]),
        Requirement::OneOf(values) => match values.as_slice() {
            [value] => text(value),
            values => list(values.iter().map(text)),
        },
    };
    (condition.member.name(), value)
}

fn matchers(matchers: &[Matcher]) -> YamlOwned {
    map(matchers.iter().map(|matcher| {
        let patterns = matcher.patterns.iter().map(text);
        (matcher.quality.name(), list(patterns))
    }))
}

fn policy(policy: &AlertPolicy) -> YamlOwned {
    let mutes = policy.mutes.iter().map(|mute| {
        let mut members = vec![("match", matchers(&mute.matchers))];
        members.extend(mute.from.map(|from| ("from", text(from))));
        members.extend([("until", text(mute.until)), ("reason", text(&mute.reason))]);
        members.extend(mute.by.as_ref().map(|by| ("by", text(by))));
        map(members)
    });
    let calendars = policy.calendars.iter().map(|calendar| {
        let mut members = vec![
            ("name", text(&calendar.name)),
            ("kind", text(&calendar.kind)),
        ];
        match calendar.when {
            When::Once { from, until } => {
                members.extend([("from", text(from)), ("until", text(until))]);
            }
            When::Yearly { first, last } => {
                members.push(("yearly", text(format!("{first}..{last}"))));
            }
        }
        if !calendar.matchers.is_empty() {
            members.push(("match", matchers(&calendar.matchers)));
        }
        let effect = match calendar.effect {
            Effect::Annotate => text("annotate"),
            Effect::Mute => text("mute"),
            Effect::Budget(part) => map([("budget", number(part))]),
        };
        members.push(("effect", effect));
        map(members)
    });
    map([("mutes", list(mutes)), ("calendars", list(calendars))])
}
