//! The settings, section by section.

use super::cluster::ClusterConfig;
use super::detections;
use super::kafka::KafkaConfig;
use super::policy;
use super::reader::{Node, Reader, span};
use crate::alert::{AlertPolicy, AlertSettings};
use crate::detection::{Detection, Lists, Plan};
use crate::domain::{Bytes, Span};
use crate::engine::{EngineSettings, KeepsState, MemoryPlan};
use crate::limits::PANE_MINUTES_MAX;
use crate::observe::{ObserveSettings, TimeBound};
use crate::score::{Ablation, ScoreSettings};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The source.
    pub kafka: KafkaConfig,
    /// Event time.
    pub time: TimeConfig,
    /// Baselines.
    pub baseline: BaselineConfig,
    /// Where the state outlasts the process.
    pub state: StateConfig,
    /// Several replicas as one.
    pub cluster: ClusterConfig,
    /// Thresholds.
    pub alerts: AlertSettings,
    /// Where alert records go.
    pub output: AlertOutput,
    /// How much memory may be taken.
    pub memory: MemoryConfig,
    /// The server.
    pub http: HttpConfig,
    /// The log.
    pub log: LogConfig,
    /// Lists of values.
    pub lists: Lists,
    /// The compiled catalogue.
    pub plan: Arc<Plan>,
    /// Detections that are switched off.
    pub off: Vec<Detection>,
    /// Mutes and calendars.
    pub policy: Arc<AlertPolicy>,
}

/// `time`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeConfig {
    /// What bounds the times that producers claim.
    pub bound: TimeBound,
    /// How long a pane stays open for stragglers.
    pub allowed_lateness: Span,
    /// Length of a pane.
    pub pane: Span,
    /// When a partition counts as idle.
    pub idle_after: Span,
}

/// `baseline`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineConfig {
    /// Half-life of what a baseline knows.
    pub half_life: Span,
    /// When an entity is forgotten.
    pub forget_after: Span,
    /// Key of all hashes of identifiers.
    pub hash_key: (u64, u64),
}

/// `state`
#[derive(Clone, Debug, PartialEq)]
pub struct StateConfig {
    /// The directory that snapshots are kept in; without one, a restart begins without history.
    pub directory: Option<PathBuf>,
    /// Time from one snapshot to the next.
    pub interval: Span,
}

/// `memory`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryConfig {
    /// What the process may take; as much as it asks for where it is left out.
    pub max_bytes: Option<Bytes>,
    /// How that is dealt out.
    pub plan: Option<MemoryPlan>,
}

/// Where alert records go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertOutput {
    /// A Kafka topic.
    pub topic: Option<String>,
    /// A file, or `-`.
    pub file: Option<PathBuf>,
}

/// `http`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HttpConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Whether a POST to `/-/reload` reads the configuration again.
    pub reload: bool,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// `log`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogConfig {
    /// What is worth a line.
    pub level: tracing::Level,
    /// How it is written.
    pub format: LogFormat,
}

impl Config {
    /// What the stages need of it.
    pub fn engine(&self) -> EngineSettings {
        EngineSettings {
            plan: Arc::clone(&self.plan),
            observe: ObserveSettings {
                time_bound: self.time.bound,
                allowed_lateness: self.time.allowed_lateness,
                hash_key: self.baseline.hash_key,
            },
            score: ScoreSettings {
                half_life: self.baseline.half_life,
                forget_after: self.baseline.forget_after,
                allowed_lateness: self.time.allowed_lateness,
                hash_key: self.baseline.hash_key,
                memory: self.memory.plan.as_ref().map(|plan| plan.state),
                ablation: Ablation::default(),
            },
            alert: self.alerts,
            policy: Arc::clone(&self.policy),
            memory: self.memory.plan.clone(),
        }
    }
}

/// The names of the lists that are there without being written, empty.
const STANDARD_LISTS: [&str; 3] = ["decoys", "allowed_recipients", "registered_pollers"];

/// Reads a whole document, and `change` over it, which says what is different in it; mistakes are
/// left with the readers.
pub(super) fn read(reader: &Reader, change: Option<&Node<'_>>) -> Option<Config> {
    let mut kafka = KafkaConfig::default();
    let mut time = TimeConfig {
        bound: TimeBound::Append,
        allowed_lateness: Span::minutes(5),
        pane: Span::MINUTE,
        idle_after: Span(30_000),
    };
    let mut baseline = BaselineConfig {
        half_life: Span::days(14),
        forget_after: Span::days(35),
        hash_key: (0, 0),
    };
    let mut alerts = AlertSettings {
        false_alarms_per_day: 10.0,
        alerts_per_day_max: 50.0,
        resolve_after: Span::HOUR,
        cooldown: Span::DAY,
        critical_below: 1e-3,
    };
    let mut output = AlertOutput::default();
    let mut state = StateConfig {
        directory: None,
        interval: Span::minutes(5),
    };
    let mut cluster = ClusterConfig::default();
    let mut http = HttpConfig {
        listen: SocketAddr::from(([0, 0, 0, 0], 9477)),
        reload: false,
    };
    let mut log = LogConfig {
        level: tracing::Level::INFO,
        format: LogFormat::Text,
    };
    let mut lists: Lists = STANDARD_LISTS
        .into_iter()
        .map(|name| (String::from(name), Arc::default()))
        .collect();
    let mut entries = Vec::new();
    let mut policies = Vec::new();

    let mut memory = MemoryConfig::default();
    let mut memory_node = None;
    let mut cluster_node = None;

    const SECTIONS: [&str; 12] = [
        "kafka",
        "time",
        "baseline",
        "state",
        "cluster",
        "memory",
        "alerts",
        "http",
        "log",
        "lists",
        "detections",
        "policy",
    ];
    let root = reader.root();
    let layers = root.iter().chain(change);
    for root in layers.filter_map(|layer| layer.fields(&SECTIONS)) {
        if let Some(node) = root.get("kafka") {
            kafka.read(node);
        }
        if let Some(node) = root.get("time") {
            read_time(node, &mut time);
        }
        if let Some(node) = root.get("baseline") {
            read_baseline(node, &mut baseline);
        }
        if let Some(node) = root.get("state") {
            read_state(node, &mut state);
        }
        if let Some(node) = root.get("cluster") {
            cluster.read(node);
            cluster_node = Some(node.clone());
        }
        if let Some(fields) = root
            .get("memory")
            .and_then(|node| node.fields(&["max_bytes"]))
        {
            fields.read("max_bytes", &mut memory.max_bytes, |node| {
                node.parsed(Bytes::parse).map(Some)
            });
            memory_node = fields.get("max_bytes").cloned().or(memory_node);
        }
        if let Some(node) = root.get("alerts") {
            read_alerts(node, &mut alerts, &mut output);
        }
        if let Some(fields) = root
            .get("http")
            .and_then(|node| node.fields(&["listen", "reload"]))
        {
            fields.read("reload", &mut http.reload, Node::truth);
            fields.read("listen", &mut http.listen, |node| {
                node.parsed(|text| {
                    text.parse()
                        .map_err(|_| format!("`{text}` is no address; write 0.0.0.0:9477"))
                })
            });
        }
        if let Some(fields) = root
            .get("log")
            .and_then(|node| node.fields(&["level", "format"]))
        {
            fields.read("level", &mut log.level, |node| {
                node.parsed(|text| {
                    text.parse()
                        .map_err(|_| String::from("must be one of error, warn, info, debug, trace"))
                })
            });
            let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
            fields.read("format", &mut log.format, |node| node.word(&formats));
        }
        if let Some(node) = root.get("lists") {
            read_lists(node, &mut lists);
        }
        entries.extend(root.get("detections").cloned());
        policies.extend(root.get("policy").cloned());
    }
    if let Some(node) = &cluster_node {
        cluster.check(node, &kafka);
    }
    let catalogue = detections::read(reader, &entries, &lists, time.pane)?;
    let keeps_state = match &state.directory {
        _ if cluster.enabled => KeepsState::Changelog,
        Some(_) => KeepsState::Directory,
        None => KeepsState::Nowhere,
    };
    memory.plan = memory.max_bytes.and_then(|Bytes(max_bytes)| {
        let lateness = time.allowed_lateness;
        match MemoryPlan::new(max_bytes, &catalogue.plan, lateness, keeps_state) {
            Ok(plan) => {
                // What the client has fetched and nobody has taken yet.
                for (option, bytes_per) in [
                    ("queued.max.messages.kbytes", 1 << 10),
                    ("fetch.max.bytes", 1),
                ] {
                    let value = (plan.fetched_bytes / bytes_per).to_string();
                    kafka.options.entry(option.to_owned()).or_insert(value);
                }
                Some(plan)
            }
            Err(error) => {
                if let Some(node) = &memory_node {
                    node.error(error.to_string());
                }
                None
            }
        }
    });
    let known: Vec<&str> = catalogue
        .plan
        .detections
        .iter()
        .chain(&catalogue.off)
        .map(|detection| detection.name.as_str())
        .collect();
    let mut policy = AlertPolicy::default();
    for node in &policies {
        policy::read(node, &known, &mut policy);
    }
    Some(Config {
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
        plan: Arc::new(catalogue.plan),
        off: catalogue.off,
        policy: Arc::new(policy),
    })
}

fn read_state(node: &Node<'_>, state: &mut StateConfig) {
    let Some(fields) = node.fields(&["directory", "interval"]) else {
        return;
    };
    fields.read("directory", &mut state.directory, |node| {
        node.text().map(|path| Some(PathBuf::from(path)))
    });
    fields.read("interval", &mut state.interval, |node| {
        span(node, Span::SECOND, Span::DAY)
    });
}

fn read_time(node: &Node<'_>, time: &mut TimeConfig) {
    let Some(fields) = node.fields(&["bound", "allowed_lateness", "pane", "idle_after"]) else {
        return;
    };
    let bounds = [
        ("append", TimeBound::Append),
        ("neighbours", TimeBound::Neighbours),
        ("none", TimeBound::None),
    ];
    fields.read("bound", &mut time.bound, |node| node.word(&bounds));
    fields.read("allowed_lateness", &mut time.allowed_lateness, |node| {
        span(node, Span::ZERO, Span::days(7))
    });
    fields.read("pane", &mut time.pane, |node| {
        let pane = span(node, Span::SECOND, Span::minutes(PANE_MINUTES_MAX))?;
        if Span::HOUR.0 % pane.0 != 0 {
            node.error("must divide an hour");
        }
        Some(pane)
    });
    fields.read("idle_after", &mut time.idle_after, |node| {
        span(node, Span::SECOND, Span::DAY)
    });
}

fn read_baseline(node: &Node<'_>, baseline: &mut BaselineConfig) {
    let Some(fields) = node.fields(&["half_life", "forget_after", "hash_key"]) else {
        return;
    };
    fields.read("half_life", &mut baseline.half_life, |node| {
        span(node, Span::DAY, Span::days(365))
    });
    fields.read("forget_after", &mut baseline.forget_after, |node| {
        span(node, Span::days(2), Span::days(730))
    });
    fields.read("hash_key", &mut baseline.hash_key, |node| {
        node.parsed(|text| {
            let key = (text.len() == 32)
                .then(|| u128::from_str_radix(text, 16).ok())
                .flatten();
            key.map(|key| ((key >> 64) as u64, key as u64))
                .ok_or_else(|| {
                    String::from(
                        "must be 32 hexadecimal digits, as `openssl rand -hex 16` prints them",
                    )
                })
        })
    });
}

fn read_alerts(node: &Node<'_>, alerts: &mut AlertSettings, output: &mut AlertOutput) {
    const KEYS: [&str; 7] = [
        "false_alarms_per_day",
        "per_day_max",
        "resolve_after",
        "cooldown",
        "critical_below",
        "topic",
        "file",
    ];
    let Some(fields) = node.fields(&KEYS) else {
        return;
    };
    fields.read(
        "false_alarms_per_day",
        &mut alerts.false_alarms_per_day,
        |node| node.number(1e-6, 1e6),
    );
    fields.read("per_day_max", &mut alerts.alerts_per_day_max, |node| {
        node.number(1.0, 1e6)
    });
    fields.read("resolve_after", &mut alerts.resolve_after, |node| {
        span(node, Span::ZERO, Span::days(30))
    });
    fields.read("cooldown", &mut alerts.cooldown, |node| {
        span(node, Span::ZERO, Span::days(365))
    });
    fields.read("critical_below", &mut alerts.critical_below, |node| {
        node.number(0.0, 1e6)
    });
    fields.read("topic", &mut output.topic, |node| node.text().map(Some));
    fields.read("file", &mut output.file, |node| {
        node.text().map(|path| Some(PathBuf::from(path)))
    });
}

fn read_lists(node: &Node<'_>, lists: &mut Lists) {
    for (name, node) in node.members().unwrap_or_default() {
        let values = if node.is_mapping() {
            node.fields(&["file"])
                .and_then(|fields| fields.get("file").and_then(|node| list_file(node)))
        } else {
            node.items()
                .map(|items| items.iter().filter_map(Node::text).collect())
        };
        if let Some(values) = values {
            lists.insert(name, Arc::new(values.into_iter().collect()));
        }
    }
}

fn list_file(node: &Node<'_>) -> Option<Vec<String>> {
    let path = node.directory().join(node.text()?);
    match super::read_file(&path) {
        Ok(text) => {
            let lines = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'));
            Some(lines.map(str::to_owned).collect())
        }
        Err(message) => {
            node.error(format!("{}: {message}", path.display()));
            None
        }
    }
}
