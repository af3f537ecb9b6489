//! A labelled stream of edges through Kafka, the daemon and Prometheus.
//!
//! Asserted: the daemon reads every message once and rejects none, and the alert topic holds as
//! many firing records as Prometheus has counted. Printed: speed, alerts by detection, and per
//! family what the alerts named. Nothing is tuned to these data; they come from a network of
//! computers and stand in for "who touches whom".

use super::coverage::Coverage;
use super::daemon::{Daemon, no_rules};
use super::data::progress;
use super::edges::{self, Edge};
use super::support::kafka::{Client, Message, Node, fresh_name};
use super::support::prometheus::Prometheus;
use super::support::{directory, eventually};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const FILE: &str = "darpa/edges.csv.xz";
const PARTITIONS: i32 = 4;
/// Messages that a producer is given at once; more than its queue holds are refused.
const BATCH: usize = 50_000;
const SCRAPED_WITHIN: Duration = Duration::from_secs(20);

/// Produces, lets the daemon read, asserts and prints.
pub(crate) fn run(data: &Path) {
    println!("\n# darpa: who touches whom, with labels\n");
    let edges = edges::read(&data.join(FILE));
    let node = Node::start();
    let kafka = node.client();
    let topic = fresh_name("edges");
    let alert_topic = format!("{topic}-alerts");
    create_kept_topic(kafka.brokers(), &topic);
    kafka.create_topic(&alert_topic, 1);
    produce(&kafka, &topic, &edges);

    let directory = directory::fresh();
    let daemon = Daemon::start(kafka.brokers(), &topic, &alert_topic);
    let prometheus = Prometheus::start(daemon.address(), &no_rules(directory.path()));
    let [until_first, took] = daemon.reads(edges.len()).map(|time| time.as_secs_f64());
    println!(
        "{} events from {PARTITIONS} partitions in {took:.1} s: {:.0} events/s, {:.1} s of CPU \
         time; the first after {until_first:.1} s",
        edges.len(),
        edges.len() as f64 / took,
        daemon.scrape().sum("process_cpu_seconds_total"),
    );
    daemon.settles();
    check_books(&daemon, edges.len());

    let alerts = alerts_of(&kafka, &alert_topic);
    check_counts(&daemon, &prometheus, &alerts);
    print_alerts(&alerts, &daemon);
    Coverage::of(&alerts).print(&edges);
}

/// A topic that keeps messages for ever, with the times that producers give them.
fn create_kept_topic(brokers: &str, topic: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create().expect("an admin client");
    let topic = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1))
        .set("retention.ms", "-1")
        .set("message.timestamp.type", "CreateTime");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new()));
    let made = made.expect("an answer to creating a topic");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// In the order of time; an actor's edges share a partition.
fn produce(kafka: &Client, topic: &str, edges: &[Edge]) {
    let bar = progress("producing", Some(edges.len() as u64));
    let mut numbered = edges.iter().enumerate();
    while numbered.len() > 0 {
        let batch = numbered.by_ref().take(BATCH).map(|(number, edge)| Message {
            partition: (edge.src % PARTITIONS.unsigned_abs()).cast_signed(),
            key: edge.src.to_string(),
            payload: edge.event(number).into_bytes(),
        });
        kafka.produce(topic, bar.wrap_iter(batch));
    }
    bar.finish_and_clear();
}

/// Every message is in the books once, and none was refused.
fn check_books(daemon: &Daemon, events: usize) {
    let scrape = daemon.scrape();
    let [read, processed, rejected, late, duplicate] = [
        "vigie_events_read_total",
        "vigie_events_total",
        "vigie_events_rejected_total",
        "vigie_events_late_total",
        "vigie_events_duplicate_total",
    ]
    .map(|name| scrape.sum(name));
    assert_eq!(read, processed + rejected + late + duplicate);
    assert_eq!(
        (read, rejected, late, duplicate),
        (events as f64, 0.0, 0.0, 0.0),
        "{}",
        daemon.log()
    );
    println!("asserted: all {read} events read and processed, none rejected, late or duplicate");
}

/// All alert records, in the order in which they were written.
fn alerts_of(kafka: &Client, topic: &str) -> Vec<Value> {
    let records = kafka.consume(topic);
    let alert = |payload: &[u8]| serde_json::from_slice(payload).expect("an alert in JSON");
    records.iter().map(|one| alert(&one.payload)).collect()
}

fn firing(alerts: &[Value]) -> impl Iterator<Item = &Value> {
    alerts.iter().filter(|alert| alert["status"] == "firing")
}

/// The topic and Prometheus tell of the same number of alerts.
fn check_counts(daemon: &Daemon, prometheus: &Prometheus, alerts: &[Value]) {
    let exported = daemon.scrape().sum("vigie_alerts_total");
    let counted = || prometheus.value("sum(vigie_alerts_total)");
    eventually("Prometheus to see the last alerts", SCRAPED_WITHIN, || {
        (counted() == Some(exported)).then_some(())
    });
    let on_topic = firing(alerts).count();
    assert_eq!(Some(on_topic as f64), counted());
    println!(
        "asserted: {on_topic} firing records on the topic, sum(vigie_alerts_total) is {exported}\n"
    );
}

fn print_alerts(alerts: &[Value], daemon: &Daemon) {
    let mut by_detection: BTreeMap<&str, usize> = BTreeMap::new();
    for alert in firing(alerts) {
        let detection = alert["detection"].as_str().expect("a detection");
        *by_detection.entry(detection).or_default() += 1;
    }
    println!("firing records by detection:");
    for (detection, number) in by_detection {
        println!("  {number:>6}  {detection}");
    }
    let scrape = daemon.scrape();
    for (reason, number) in scrape.series("vigie_alerts_muted_total") {
        println!("  {number:>6}  muted {reason}");
    }
    let watermark = scrape.sum("vigie_watermark_timestamp_seconds");
    let minutes = (watermark * 1e3 - edges::EPOCH as f64) / edges::MINUTE as f64;
    println!("watermark at the end: minute {minutes:.0}\n");
}
