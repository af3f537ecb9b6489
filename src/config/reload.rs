//! What becomes of a configuration that is read while another one runs.
//!
//! Facts in, a decision out: policy is swapped, and what shapes state, or what is read, written
//! and served, needs a restart. A new configuration is taken whole or refused whole. Everything
//! that a configuration consists of is taken apart by name here, so that whatever is added to it
//! has to be put on one of the two sides.

use super::settings::Config;
use crate::alert::AlertSettings;
use crate::detection::{Detection, Plan, Policy};
use crate::engine::PolicySwap;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

/// What becomes of a configuration that is read while another one runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Reload {
    /// It says what is in force.
    Unchanged,
    /// It differs in policy alone: it can be put in force as it stands here.
    Swap {
        /// The configuration to run with: the running one's shape, the new one's policy.
        config: Box<Config>,
        /// What differs, a line each.
        changes: Vec<String>,
    },
    /// It differs in what needs a restart.
    Refuse(Vec<String>),
}

impl Reload {
    /// Decides what becomes of `new` while `running` runs.
    pub fn decide(running: &Config, new: &Config) -> Reload {
        let mut differences = Differences::default();
        settings(running, new, &mut differences);
        let detections = catalogue(running, new, &mut differences);
        if !differences.fixed.is_empty() {
            return Reload::Refuse(differences.fixed);
        }
        if differences.policy.is_empty() {
            return Reload::Unchanged;
        }
        let mut config = new.clone();
        config.plan = Arc::new(Plan::new(detections, running.plan.pane));
        Reload::Swap {
            config: Box::new(config),
            changes: differences.policy,
        }
    }
}

impl Config {
    /// What the running stages need of it to go on by its policy.
    pub fn swap(&self) -> Arc<PolicySwap> {
        Arc::new(PolicySwap {
            plan: Arc::clone(&self.plan),
            alert: self.alerts,
            policy: Arc::clone(&self.policy),
        })
    }
}

/// What differs: `policy` can be swapped, `fixed` cannot.
#[derive(Default)]
struct Differences {
    policy: Vec<String>,
    fixed: Vec<String>,
}

impl Differences {
    fn fixed<T: PartialEq>(&mut self, key: impl Display, ours: &T, theirs: &T) {
        if ours != theirs {
            self.fixed
                .push(format!("{key} differs, and needs a restart"));
        }
    }

    fn changed<T: PartialEq>(&mut self, key: impl Display, ours: &T, theirs: &T) {
        if ours != theirs {
            self.policy.push(key.to_string());
        }
    }

    /// A value that is short enough to be shown.
    fn shown<T: PartialEq + Display>(&mut self, key: impl Display, ours: &T, theirs: &T) {
        if ours != theirs {
            self.policy.push(format!("{key}: {ours} -> {theirs}"));
        }
    }
}

fn settings(running: &Config, new: &Config, differences: &mut Differences) {
    let Config {
        kafka,
        time,
        baseline,
        state,
        cluster,
        memory,
        alerts,
        output,
        http,
        log,
        lists,
        plan: _,
        off: _,
        policy,
    } = running;
    differences.fixed("kafka.brokers", &kafka.brokers, &new.kafka.brokers);
    differences.fixed("kafka.topics", &kafka.topics, &new.kafka.topics);
    differences.fixed("kafka.group", &kafka.group, &new.kafka.group);
    differences.fixed("kafka.start", &kafka.start, &new.kafka.start);
    differences.fixed(
        "kafka.dead_letter_topic",
        &kafka.dead_letter_topic,
        &new.kafka.dead_letter_topic,
    );
    differences.fixed("kafka.options", &kafka.options, &new.kafka.options);
    differences.fixed("time.bound", &time.bound, &new.time.bound);
    differences.fixed(
        "time.allowed_lateness",
        &time.allowed_lateness,
        &new.time.allowed_lateness,
    );
    differences.fixed("time.pane", &time.pane, &new.time.pane);
    differences.fixed("time.idle_after", &time.idle_after, &new.time.idle_after);
    differences.fixed(
        "baseline.half_life",
        &baseline.half_life,
        &new.baseline.half_life,
    );
    differences.fixed(
        "baseline.forget_after",
        &baseline.forget_after,
        &new.baseline.forget_after,
    );
    differences.fixed(
        "baseline.hash_key",
        &baseline.hash_key,
        &new.baseline.hash_key,
    );
    differences.fixed("state.directory", &state.directory, &new.state.directory);
    differences.fixed("state.interval", &state.interval, &new.state.interval);
    differences.fixed("cluster", cluster, &new.cluster);
    differences.fixed("memory.max_bytes", &memory.max_bytes, &new.memory.max_bytes);
    differences.fixed("alerts.topic", &output.topic, &new.output.topic);
    differences.fixed("alerts.file", &output.file, &new.output.file);
    differences.fixed("http.listen", &http.listen, &new.http.listen);
    differences.fixed("http.reload", &http.reload, &new.http.reload);
    differences.fixed("log.level", &log.level, &new.log.level);
    differences.fixed("log.format", &log.format, &new.log.format);
    // Sections are compared whole as well, so that a key that is new to them is not forgotten.
    if differences.fixed.is_empty() {
        differences.fixed("kafka", kafka, &new.kafka);
        differences.fixed("time", time, &new.time);
        differences.fixed("baseline", baseline, &new.baseline);
        differences.fixed("state", state, &new.state);
        differences.fixed("memory", memory, &new.memory);
        differences.fixed("alerts", output, &new.output);
        differences.fixed("http", http, &new.http);
        differences.fixed("log", log, &new.log);
    }

    let AlertSettings {
        false_alarms_per_day,
        alerts_per_day_max,
        resolve_after,
        cooldown,
        critical_below,
    } = alerts;
    differences.shown(
        "alerts.false_alarms_per_day",
        false_alarms_per_day,
        &new.alerts.false_alarms_per_day,
    );
    differences.shown(
        "alerts.per_day_max",
        alerts_per_day_max,
        &new.alerts.alerts_per_day_max,
    );
    differences.shown(
        "alerts.resolve_after",
        resolve_after,
        &new.alerts.resolve_after,
    );
    differences.shown("alerts.cooldown", cooldown, &new.alerts.cooldown);
    differences.shown(
        "alerts.critical_below",
        critical_below,
        &new.alerts.critical_below,
    );
    differences.changed("policy.mutes", &policy.mutes, &new.policy.mutes);
    differences.changed("policy.calendars", &policy.calendars, &new.policy.calendars);
    let names: BTreeSet<&String> = lists.keys().chain(new.lists.keys()).collect();
    for name in names {
        match (lists.get(name), new.lists.get(name)) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                let added = theirs.difference(ours).count();
                let gone = ours.difference(theirs).count();
                differences
                    .policy
                    .push(format!("lists.{name}: {added} added, {gone} removed"));
            }
            (Some(_), Some(_)) => {}
            (ours, _) => differences.policy.push(format!(
                "lists.{name}: {}",
                if ours.is_some() { "removed" } else { "new" }
            )),
        }
    }
}

/// The detections that run, in their order, with the new policies.
fn catalogue(running: &Config, new: &Config, differences: &mut Differences) -> Vec<Detection> {
    let named = |detections: &[Detection], name: &str| {
        let mut detections = detections.iter();
        detections.find(|detection| detection.name == name).cloned()
    };
    let mut detections = Vec::new();
    for ours in &running.plan.detections {
        let name = &ours.name;
        // What is switched off goes on learning, and raises nothing.
        let theirs = named(&new.plan.detections, name).or_else(|| named(&new.off, name));
        match theirs {
            Some(theirs) => {
                shape(ours, &theirs, differences);
                policy(name, &ours.policy, &theirs.policy, differences);
                detections.push(theirs);
            }
            None => differences.fixed.push(format!(
                "detections.{name} is gone; switch it off with `enabled: false`, or restart"
            )),
        }
    }
    for theirs in &new.plan.detections {
        let name = &theirs.name;
        if named(&running.plan.detections, name).is_none() {
            let why = if named(&running.off, name).is_some() {
                "was switched off at the start, so it has no baselines"
            } else {
                "is new"
            };
            differences
                .fixed
                .push(format!("detections.{name} {why}, and needs a restart"));
        }
    }
    detections
}

/// What is measured and how it is tested.
fn shape(ours: &Detection, theirs: &Detection, differences: &mut Differences) {
    let Detection {
        name,
        entity,
        pool,
        conditions,
        measure,
        members,
        windows,
        test,
        policy: _,
    } = ours;
    let mut fixed = |key: &str, differs: bool| {
        differences.fixed(format!("detections.{name}.{key}"), &differs, &false);
    };
    fixed("entity", *entity != theirs.entity);
    fixed("pool", *pool != theirs.pool);
    // Lists of one name are equal here, whatever they hold.
    fixed("where", *conditions != theirs.conditions);
    fixed("measure", *measure != theirs.measure);
    fixed("members", *members != theirs.members);
    fixed("window", *windows != theirs.windows);
    fixed("test", *test != theirs.test);
}

fn policy(name: &str, ours: &Policy, theirs: &Policy, differences: &mut Differences) {
    let Policy {
        enabled,
        class,
        weight,
        min_effect,
        min_difference,
        min_members,
        unless,
        severity,
        explain,
        benign_causes,
        cannot_see,
        references,
    } = ours;
    let key = |key: &str| format!("detections.{name}.{key}");
    differences.shown(key("enabled"), enabled, &theirs.enabled);
    differences.shown(key("class"), &class.name(), &theirs.class.name());
    differences.shown(key("false_alarms_per_day"), weight, &theirs.weight);
    differences.shown(key("min_effect"), min_effect, &theirs.min_effect);
    differences.shown(
        key("min_difference"),
        min_difference,
        &theirs.min_difference,
    );
    differences.shown(key("min_members"), min_members, &theirs.min_members);
    differences.changed(key("unless"), unless, &theirs.unless);
    differences.shown(key("severity"), &severity.name(), &theirs.severity.name());
    differences.changed(key("explain"), explain, &theirs.explain);
    differences.changed(key("benign_causes"), benign_causes, &theirs.benign_causes);
    differences.changed(key("cannot_see"), cannot_see, &theirs.cannot_see);
    differences.changed(key("references"), references, &theirs.references);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const RUNNING: &str = "
lists: {decoys: [a, b]}
detections: [{name: one_touch_sweep, enabled: false}]
";

    fn parse(text: &str) -> Config {
        Config::parse("test.yaml", text, Path::new(".")).unwrap()
    }

    /// What becomes of the running configuration with these lines added.
    fn decide(text: &str) -> Reload {
        Reload::decide(&parse(RUNNING), &parse(text))
    }

    #[test]
    fn policy_is_swapped_and_what_shapes_state_is_refused() {
        let off = "{name: one_touch_sweep, enabled: false}";
        let entry =
            |change: &str| format!("lists: {{decoys: [a, b]}}\ndetections: [{off}, {{{change}}}]");
        let section = |text: &str| format!("{RUNNING}{text}");
        // What is typed, whether it is swapped, and what is said of it.
        let table = [
            (
                section("alerts: {false_alarms_per_day: 5}"),
                true,
                "alerts.false_alarms_per_day: 10 -> 5",
            ),
            (
                section("alerts: {per_day_max: 5}"),
                true,
                "alerts.per_day_max: 50 -> 5",
            ),
            (
                section("alerts: {resolve_after: 2h}"),
                true,
                "alerts.resolve_after: 1h -> 2h",
            ),
            (
                section("alerts: {cooldown: 2h}"),
                true,
                "alerts.cooldown: 24h -> 2h",
            ),
            (
                section("alerts: {critical_below: 0.1}"),
                true,
                "alerts.critical_below: 0.001 -> 0.1",
            ),
            (
                section("policy: {mutes: [{match: {actor: a}, until: 2026-11-11, reason: r}]}"),
                true,
                "policy.mutes",
            ),
            (
                section("policy: {calendars: [{name: n, kind: peak, yearly: 11-11}]}"),
                true,
                "policy.calendars",
            ),
            (
                RUNNING.replace("[a, b]", "[b, c, d]"),
                true,
                "lists.decoys: 2 added, 1 removed",
            ),
            (
                RUNNING.replace("{decoys: [a, b]}", "{decoys: [a, b], own: [x]}"),
                true,
                "lists.own: new",
            ),
            (
                entry("name: actor_volume_surge, min_effect: 3"),
                true,
                "detections.actor_volume_surge.min_effect: 2 -> 3",
            ),
            (
                entry("name: actor_volume_surge, min_difference: 30"),
                true,
                "min_difference: 10 -> 30",
            ),
            (
                entry("name: actor_volume_surge, severity: info"),
                true,
                "severity: warning -> info",
            ),
            (
                entry("name: actor_volume_surge, class: probing"),
                true,
                "class: harvesting -> probing",
            ),
            (
                entry("name: actor_volume_surge, false_alarms_per_day: 2"),
                true,
                "false_alarms_per_day: 1 -> 2",
            ),
            (
                entry("name: actor_volume_surge, explain: more"),
                true,
                "actor_volume_surge.explain",
            ),
            (
                entry("name: actor_volume_surge, benign_causes: []"),
                true,
                "actor_volume_surge.benign_causes",
            ),
            (
                entry("name: actor_volume_surge, references: []"),
                true,
                "actor_volume_surge.references",
            ),
            (
                entry("name: actor_volume_surge, unless: {actor: bi}"),
                true,
                "actor_volume_surge.unless",
            ),
            (
                entry("name: actor_volume_surge, enabled: false"),
                true,
                "actor_volume_surge.enabled: true -> false",
            ),
            (
                entry("name: actor_volume_surge, window: 1h"),
                false,
                "detections.actor_volume_surge.window",
            ),
            (
                entry("name: actor_volume_surge, entity: [org]"),
                false,
                "detections.actor_volume_surge.entity",
            ),
            (
                entry("name: actor_volume_surge, pool: org"),
                false,
                "detections.actor_volume_surge.pool",
            ),
            (
                entry("name: actor_volume_surge, where: {kind: access, outcome: ok}"),
                false,
                "detections.actor_volume_surge.where",
            ),
            (
                entry("name: actor_volume_surge, measure: distinct(seller)"),
                false,
                "detections.actor_volume_surge.measure",
            ),
            (
                entry("name: actor_volume_surge, direction: both"),
                false,
                "detections.actor_volume_surge.test",
            ),
            (
                entry("name: decoy_record_touched, at_least: 2"),
                false,
                "detections.decoy_record_touched.test",
            ),
            (
                entry(
                    "name: mine, class: probing, entity: actor, measure: count, window: 1h, test: rate, explain: x",
                ),
                false,
                "detections.mine is new",
            ),
            (
                String::from("lists: {decoys: [a, b]}"),
                false,
                "detections.one_touch_sweep was switched off",
            ),
            (section("kafka: {topics: other}"), false, "kafka.topics"),
            (
                section("kafka: {dead_letter_topic: t}"),
                false,
                "kafka.dead_letter_topic",
            ),
            (
                section("time: {allowed_lateness: 1m}"),
                false,
                "time.allowed_lateness",
            ),
            (section("time: {pane: 5m}"), false, "time.pane"),
            (
                section("baseline: {half_life: 7d}"),
                false,
                "baseline.half_life",
            ),
            (
                section("baseline: {hash_key: 0123456789abcdef0123456789abcdef}"),
                false,
                "baseline.hash_key",
            ),
            (section("alerts: {topic: t}"), false, "alerts.topic"),
            (section("http: {reload: true}"), false, "http.reload"),
            (section("log: {level: debug}"), false, "log.level"),
        ];
        for (text, swapped, word) in table {
            let said = match decide(&text) {
                Reload::Swap { changes, .. } if swapped => changes,
                Reload::Refuse(reasons) if !swapped => reasons,
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(said.len(), 1, "{text}: {said:?}");
            assert!(said[0].contains(word), "{text}: {said:?}");
        }
        assert_eq!(decide(RUNNING), Reload::Unchanged);
    }

    #[test]
    fn one_thing_that_needs_a_restart_refuses_the_whole_and_each_is_named() {
        let text = format!(
            "{RUNNING}alerts: {{false_alarms_per_day: 5}}\nkafka: {{group: g, topics: t}}\ntime: {{pane: 5m}}"
        );
        let Reload::Refuse(reasons) = decide(&text) else {
            panic!("it was not refused")
        };
        let keys = ["kafka.topics", "kafka.group", "time.pane"];
        assert_eq!(reasons.len(), keys.len(), "{reasons:?}");
        for (reason, key) in reasons.iter().zip(keys) {
            assert!(reason.starts_with(key), "{reason}");
        }
    }

    #[test]
    fn what_is_swapped_in_keeps_the_shape_that_runs() {
        let running = parse(RUNNING);
        let text = "lists: {decoys: [c]}\ndetections: [{name: one_touch_sweep, enabled: false}, {name: route_volume_shift, enabled: false}]";
        let Reload::Swap { config, .. } = Reload::decide(&running, &parse(text)) else {
            panic!("it was not swapped")
        };
        assert_eq!(config.plan.series, running.plan.series);
        assert_eq!(config.plan.groups, running.plan.groups);
        let enabled = |config: &Config, name: &str| {
            let mut detections = config.plan.detections.iter();
            detections
                .find(|one| one.name == name)
                .map(|one| one.policy.enabled)
        };
        assert_eq!(enabled(&config, "route_volume_shift"), Some(false));
        // From there, it can be switched on again.
        let Reload::Swap { config, changes } = Reload::decide(&config, &running) else {
            panic!("it was not swapped back")
        };
        assert_eq!(enabled(&config, "route_volume_shift"), Some(true));
        assert_eq!(changes.len(), 2, "{changes:?}");
    }
}
