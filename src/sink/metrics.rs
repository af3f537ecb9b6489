//! The status as Prometheus metrics.
//!
//! One collector writes all of vigie's own metrics from one copy of the status, so every scrape
//! adds up: read = processed + rejected + late + duplicate. The registry's own label vectors are
//! not used: they key a series by an unseparated hash of its label values, which merges
//! `{"1","11"}` and `{"11","1"}`.

use super::live::{LiveStatus, SharedStatus};
use super::names;
use crate::alert::Muted;
use crate::detection::Plan;
use crate::domain::{Severity, label_of};
use crate::limits::{ACTIVE_ALERT_SERIES_MAX, LABEL_CHARS_MAX};
use crate::score::{CALIBRATION_LEVELS, EntityCounts};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, Registry, TextEncoder};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Renders metrics.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    plan: SharedPlan,
}

/// The catalogue in force, which a reload exchanges.
#[derive(Clone)]
struct SharedPlan(Arc<Mutex<Arc<Plan>>>);

impl SharedPlan {
    fn get(&self) -> Arc<Plan> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Metrics {
    /// For a daemon with this status.
    pub fn new(plan: Arc<Plan>, status: SharedStatus) -> Metrics {
        let registry = Registry::new();
        let plan = SharedPlan(Arc::new(Mutex::new(plan)));
        let collector = StatusCollector {
            plan: plan.clone(),
            status,
        };
        // Two collectors that name different metrics are never refused.
        let own = registry.register(Box::new(collector));
        debug_assert!(own.is_ok());
        let process = prometheus::process_collector::ProcessCollector::for_self();
        let process = registry.register(Box::new(process));
        debug_assert!(process.is_ok());
        Metrics { registry, plan }
    }

    /// The same catalogue is in force with other policies.
    pub fn swap(&self, plan: Arc<Plan>) {
        *self.plan.0.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        let families = self.registry.gather();
        // Encoding into memory fails only for families without a name.
        let encoded = TextEncoder::new().encode(&families, &mut text);
        debug_assert!(encoded.is_ok());
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Its media type.
    pub fn content_type() -> &'static str {
        "text/plain; version=0.0.4; charset=utf-8"
    }
}

struct StatusCollector {
    plan: SharedPlan,
    status: SharedStatus,
}

impl Collector for StatusCollector {
    /// Unchecked, as Prometheus calls it: the metrics are known only when they are collected.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = self.status.lock().clone();
        let plan = self.plan.get();
        let mut families = Families::default();
        events(&status, &mut families);
        alerts(&plan, &status, &mut families);
        detection(&plan, &status, &mut families);
        families.counter(
            names::KAFKA_ERRORS,
            "Errors reported by the Kafka client.",
            [(labels([]), status.kafka_errors as f64)],
        );
        families.gauge(
            names::KAFKA_LAG,
            "Messages not read yet.",
            status.lag.iter().chain(&status.node_lag).map(|lag| {
                (
                    labels([
                        ("topic", lag.topic.as_str()),
                        ("partition", &lag.partition.to_string()),
                    ]),
                    lag.messages as f64,
                )
            }),
        );
        offset_resets(&status, &mut families);
        families.gauge(
            names::CHECKPOINT,
            "When baselines were last made durable; 0 while they are kept in memory only.",
            [(labels([]), status.kept_seconds)],
        );
        families.counter(
            names::CHECKPOINT_FAILURES,
            "Snapshots of the state that could not be kept.",
            [(labels([]), status.keep_failures as f64)],
        );
        families.gauge(
            names::RELOAD_SUCCESSFUL,
            "Whether the last attempt to load the configuration succeeded.",
            [(labels([]), f64::from(u8::from(!status.reload_failed)))],
        );
        families.gauge(
            names::RELOAD_TIME,
            "When the configuration in force was loaded.",
            [(labels([]), status.config_loaded_seconds)],
        );
        families.gauge(
            names::BUILD_INFO,
            "What is running.",
            [(
                labels([
                    ("version", env!("CARGO_PKG_VERSION")),
                    (
                        "revision",
                        option_env!("VIGIE_REVISION").unwrap_or("unknown"),
                    ),
                ]),
                1.0,
            )],
        );
        families.0
    }
}

/// Each is there from the start: a counter born at 1 never shows an increase.
fn offset_resets(status: &LiveStatus, families: &mut Families) {
    let partitions = || {
        let of_nodes = &status.node_offset_resets;
        let resets = status.offset_resets.iter().chain(of_nodes);
        resets.map(|((topic, partition), resets)| (topic, partition.to_string(), resets))
    };
    families.counter(
        names::KAFKA_MESSAGES_LOST,
        "Messages that had been deleted before they were read.",
        partitions().map(|(topic, partition, resets)| {
            let labels = labels([("topic", topic), ("partition", &partition)]);
            (labels, resets.messages_lost as f64)
        }),
    );
    families.counter(
        names::KAFKA_OFFSET_RESETS,
        "Times that reading could not go on where it was to, and went on at the oldest message.",
        partitions().flat_map(|(topic, partition, resets)| {
            [("expired", resets.expired), ("replaced", resets.replaced)].map(|(reason, n)| {
                let pairs = [
                    ("topic", topic.as_str()),
                    ("partition", &partition),
                    ("reason", reason),
                ];
                (labels(pairs), n as f64)
            })
        }),
    );
}

fn events(status: &LiveStatus, families: &mut Families) {
    let counts = &status.counts;
    families.counter(
        names::EVENTS_READ,
        "Messages read that were not blank.",
        [(labels([]), counts.read() as f64)],
    );
    families.counter(
        names::EVENTS,
        "Events processed.",
        counts
            .processed()
            .map(|(kind, n)| (labels([("kind", kind.name())]), n as f64)),
    );
    families.counter(
        names::EVENTS_REJECTED,
        "Messages refused.",
        counts
            .rejected()
            .map(|(reason, n)| (labels([("reason", reason.name())]), n as f64)),
    );
    dead_letters(status, families);
    families.counter(
        names::EVENTS_LATE,
        "Events whose pane was sealed already.",
        [(labels([]), counts.late as f64)],
    );
    families.counter(
        names::EVENTS_DUPLICATE,
        "Events whose identifier was seen already.",
        [(labels([]), counts.duplicate as f64)],
    );
    families.counter(
        names::PANES_LATE,
        "Panes of a partition that came when their windows were judged already.",
        [(labels([]), status.back.late_panes as f64)],
    );
    families.counter(
        names::DEDUPLICATION_OVERFLOW,
        "Events whose identifier could not be remembered for want of room.",
        [(labels([]), status.deduplication_overflow as f64)],
    );
    families.gauge(
        names::WATERMARK,
        "How far event time has come in the slowest partition.",
        status
            .watermark
            .map(|watermark| (labels([]), watermark.0 as f64 / 1e3)),
    );
}

/// Without a topic for them, none of these.
fn dead_letters(status: &LiveStatus, families: &mut Families) {
    let letters = status.dead_letters.iter();
    families.counter(
        names::DEAD_LETTERS,
        "Messages refused that are in the dead-letter topic.",
        letters
            .clone()
            .map(|letters| (labels([]), letters.written as f64)),
    );
    families.counter(
        names::DEAD_LETTERS_LOST,
        "Messages refused that could not be written to the dead-letter topic.",
        letters
            .clone()
            .flat_map(|letters| &letters.lost)
            .map(|(reason, n)| (labels([("reason", reason)]), *n as f64)),
    );
    families.gauge(
        names::DEAD_LETTERS_WAITING,
        "Messages refused that are on their way to the dead-letter topic.",
        letters.map(|letters| (labels([]), letters.waiting as f64)),
    );
}

fn alerts(plan: &Plan, status: &LiveStatus, families: &mut Families) {
    let mut active: BTreeMap<(&str, Severity), u64> = BTreeMap::new();
    for alert in &status.back.active {
        *active
            .entry((&alert.detection, alert.severity))
            .or_default() += 1;
    }
    // Every combination is there from the start: a counter born at 1 never shows an increase.
    let combinations = || {
        plan.detections
            .iter()
            .flat_map(|detection| Severity::ALL.map(|severity| (detection, severity)))
    };
    let labels_of = |detection: &crate::detection::Detection, severity: Severity| {
        labels([
            ("detection", detection.name.as_str()),
            ("class", detection.policy.class.name()),
            ("severity", severity.name()),
        ])
    };
    families.counter(
        names::ALERTS,
        "Alerts fired: episodes opened, or grown more severe.",
        combinations().map(|(detection, severity)| {
            let fired = status
                .fired
                .get(&(detection.name.clone(), severity))
                .copied()
                .unwrap_or(0);
            (labels_of(detection, severity), fired as f64)
        }),
    );
    families.gauge(
        names::ALERTS_ACTIVE,
        "Episodes that are open.",
        combinations().map(|(detection, severity)| {
            let open = active
                .get(&(detection.name.as_str(), severity))
                .copied()
                .unwrap_or(0);
            (labels_of(detection, severity), open as f64)
        }),
    );
    let mut series: BTreeMap<[String; 4], ()> = BTreeMap::new();
    for alert in status.back.active.iter().take(ACTIVE_ALERT_SERIES_MAX) {
        let entity: String = label_of(&alert.entity)
            .chars()
            .take(LABEL_CHARS_MAX)
            .collect();
        // Two entities that are alike once they are cut share a series.
        let key = [
            alert.detection.clone(),
            alert.class.name().into(),
            alert.severity.name().into(),
            entity,
        ];
        series.insert(key, ());
    }
    families.gauge(
        names::ALERT_ACTIVE,
        "1 for each open episode, the strongest first, up to a bound.",
        series.keys().map(|[detection, class, severity, entity]| {
            let pairs = [
                ("detection", detection.as_str()),
                ("class", class),
                ("severity", severity),
                ("entity", entity),
            ];
            (labels(pairs), 1.0)
        }),
    );
    families.counter(
        names::ALERTS_MUTED,
        "Findings within the budget that did not become alerts.",
        Muted::ALL.map(|reason| {
            (
                labels([("reason", reason.name())]),
                status.muted(reason) as f64,
            )
        }),
    );
    families.counter(
        names::ALERT_DELIVERY_FAILURES,
        "Alert records that a sink could not deliver.",
        [(labels([]), status.delivery_failures as f64)],
    );
}

fn detection(plan: &Plan, status: &LiveStatus, families: &mut Families) {
    let states = || plan.detections.iter().zip(&status.back.detections);
    families.counter(
        names::TESTS,
        "Tests made.",
        states().map(|(detection, state)| {
            (labels([("detection", &detection.name)]), state.tests as f64)
        }),
    );
    families.gauge(
        names::CALIBRATION,
        "Share of p-values below a level over that level; 1 is as it should be.",
        states()
            .filter(|(_, state)| state.tests > 0)
            .flat_map(|(detection, state)| {
                CALIBRATION_LEVELS
                    .into_iter()
                    .zip(state.below)
                    .map(|(level, below)| {
                        let pairs = [
                            ("detection", detection.name.as_str()),
                            ("level", &format!("{level:e}")),
                        ];
                        (labels(pairs), below / (level * state.tests as f64))
                    })
            }),
    );
    let mut entities: BTreeMap<String, EntityCounts> = BTreeMap::new();
    for (group, of_group) in plan.groups.iter().zip(&status.back.entities) {
        let names: Vec<&str> = group.entity.iter().map(|member| member.name()).collect();
        let sum = entities.entry(names.join("+")).or_default();
        sum.known += of_group.known;
        sum.forgotten += of_group.forgotten;
        sum.alone += of_group.alone;
        sum.pooled += of_group.pooled;
    }
    let of_dimension = |count: fn(&EntityCounts) -> u64| {
        entities
            .iter()
            .map(move |(dimension, counts)| {
                (labels([("dimension", dimension)]), count(counts) as f64)
            })
            .collect::<Vec<_>>()
    };
    families.gauge(
        names::ENTITIES,
        "Entities with baselines.",
        of_dimension(|counts| counts.known as u64),
    );
    families.counter(
        names::ENTITIES_EVICTED,
        "Entities forgotten, for their age or for want of room.",
        of_dimension(|counts| counts.forgotten),
    );
    families.counter(
        names::ENTITY_PANES,
        "How often an entity appeared in a pane.",
        of_dimension(|counts| counts.alone + counts.pooled),
    );
    families.counter(
        names::ENTITY_PANES_POOLED,
        "How often one did that is not watched one by one for want of room.",
        of_dimension(|counts| counts.pooled),
    );
    families.counter(
        names::EVENTS_SHED,
        "Events of which a part was not measured for want of room.",
        [(labels([]), status.back.shed as f64)],
    );
    let evicted = status.back.parcels_evicted;
    families.counter(
        names::PARCELS_EVICTED,
        "Forgotten for want of room: parcels, accesses out of relation, names they refer to.",
        [
            ("parcels", evicted.parcels),
            ("accesses", evicted.accesses),
            ("names", evicted.names),
        ]
        .map(|(of, gone)| (labels([("of", of)]), gone as f64)),
    );
    families.gauge(
        names::STATE_BYTES,
        "Bytes of baselines, open windows and what is known of parcels.",
        [(labels([]), status.back.state_bytes as f64)],
    );
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Vec<LabelPair> {
    pairs
        .into_iter()
        .map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value.to_owned());
            pair
        })
        .collect()
}

#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    fn add(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        series: impl IntoIterator<Item = (Vec<LabelPair>, f64)>,
    ) {
        let metrics: Vec<Metric> = series
            .into_iter()
            .map(|(labels, value)| {
                let mut metric = Metric::from_label(labels);
                if kind == MetricType::COUNTER {
                    let mut counter = Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                } else {
                    let mut gauge = Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
                metric
            })
            .collect();
        // A family without series is no family: the encoder refuses it.
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Vec<LabelPair>, f64)>,
    ) {
        self.add(name, help, MetricType::COUNTER, series);
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Vec<LabelPair>, f64)>,
    ) {
        self.add(name, help, MetricType::GAUGE, series);
    }
}

#[cfg(test)]
pub(super) mod tests;
