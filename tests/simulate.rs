//! `vigie simulate` as a person runs it, and what its events and labels are to those who read them.

use crate::support::contract::faults_of_event;
use crate::support::directory;
use crate::support::process::{Ended, Process};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use vigie::domain::{EpisodeKind, Intensity, Label};
use vigie::simulate::{Hub, Injection, Scenario, Settings, to_json_line};

const LIMIT: Duration = Duration::from_secs(120);

fn vigie(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.current_dir(directory).args(arguments);
    Process::start(command, "cargo builds it").wait(LIMIT)
}

fn simulate(directory: &Path, arguments: &[&str]) -> Ended {
    let common = [
        "simulate",
        "--seed",
        "7",
        "--days",
        "3",
        "--quiet-days",
        "1",
    ];
    let ended = vigie(directory, &[&common, arguments].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

#[test]
fn events_labels_decoys_and_configuration_fit_each_other() {
    let directory = directory::fresh();
    let at = |name: &str| directory.path().join(name);
    simulate(
        directory.path(),
        &[
            "--attacks",
            "decoy_record_touched,id_space_walk",
            "--intensity",
            "high",
            "--hard-negatives",
            "--events",
            "events.jsonl.zst",
            "--labels",
            "labels.jsonl",
            "--decoys",
            "decoys.txt",
            "--config-out",
            "simulated.yaml",
        ],
    );
    let packed = std::fs::read(at("events.jsonl.zst")).unwrap();
    let events = zstd::decode_all(packed.as_slice()).unwrap();
    let mut ids = BTreeSet::new();
    for line in events
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        ids.insert(event["id"].as_str().unwrap().to_owned());
    }
    let labels = std::fs::read_to_string(at("labels.jsonl")).unwrap();
    let labels: Vec<Label> = (labels.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(matches!(labels[0], Label::Run(_)));
    let mut kinds = BTreeSet::new();
    let (mut promised, mut labelled, mut there) = (0, 0, 0);
    for label in &labels {
        match label {
            Label::Episode(episode) => {
                kinds.insert(episode.kind);
                promised += episode.events;
            }
            Label::Event(event) => {
                labelled += 1;
                there += u64::from(ids.contains(&event.id));
            }
            _ => {}
        }
    }
    assert!(kinds.contains(&EpisodeKind::Attack) && kinds.contains(&EpisodeKind::HardNegative));
    assert_eq!(promised, labelled);
    // What is under way at the end does not arrive any more.
    assert!(
        labelled > 100 && there * 100 > labelled * 98,
        "{there} of {labelled}"
    );
    let alerts = ["--input", "events.jsonl.zst", "--alerts", "alerts.jsonl"];
    let replay = [&["replay", "--config", "simulated.yaml"][..], &alerts].concat();
    let ended = vigie(directory.path(), &replay);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let alerts = std::fs::read_to_string(at("alerts.jsonl")).unwrap();
    assert!(alerts.contains("decoy_record_touched"), "{}", ended.stderr);
}

#[test]
fn the_same_options_give_the_same_bytes_in_every_packing() {
    use std::io::Read;
    let directory = directory::fresh();
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    for name in ["a.jsonl", "b.jsonl.gz"] {
        simulate(directory.path(), &["--events", name]);
    }
    let mut unpacked = Vec::new();
    let packed = read("b.jsonl.gz");
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == read("a.jsonl"));
    let ended = simulate(directory.path(), &["--events", "-"]);
    assert!(ended.stdout.as_bytes() == unpacked, "nothing but data");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_word_on_what_would() {
    let directory = directory::fresh();
    for (arguments, word) in [
        (&["--attacks", "nonsense", "--events", "-"][..], "--list"),
        (&["--events", "-", "--start", "monday"], "2026-01-05"),
        (&["--events", "-", "--rate", "0"], "above 0"),
        (&["--brokers", "localhost:9092"], "--topic"),
        (&[], "--events"),
    ] {
        let ended = vigie(directory.path(), &[&["simulate"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(word),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    let ended = vigie(directory.path(), &["simulate", "--events", "no/such/file"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("no/such/file"), "{}", ended.stderr);
}

#[test]
fn the_list_names_every_scenario_with_its_parameters() {
    let directory = directory::fresh();
    let ended = vigie(directory.path(), &["simulate", "--list"]);
    for scenario in Scenario::all() {
        assert!(ended.stdout.contains(scenario.name()));
        for parameter in scenario.parameters() {
            assert!(ended.stdout.contains(parameter.name));
        }
    }
}

#[test]
fn a_topic_gets_what_a_file_would_and_no_faster_than_asked() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("shipments", 4, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let directory = directory::fresh();
    let ended = vigie(
        directory.path(),
        &[
            "simulate",
            "--seed",
            "7",
            "--days",
            "1",
            "--attacks",
            "none",
            "--rate",
            "20000",
            "--brokers",
            &brokers,
            "--topic",
            "shipments",
            "--labels",
            "labels.jsonl",
        ],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .create()
        .unwrap();
    let stored: i64 = (0..4)
        .map(|partition| {
            let marks = consumer.fetch_watermarks("shipments", partition, LIMIT);
            marks.unwrap().1
        })
        .sum();
    let first = ended.stderr.lines().find(|line| line.contains(" events, "));
    let said: String = first.unwrap().split(' ').next().unwrap().replace(',', "");
    assert_eq!(stored.to_string(), said, "{}", ended.stderr);
    assert!(ended.took >= Duration::from_secs_f64(0.9 * stored as f64 / 20_000.0));
}

#[test]
fn events_of_every_scenario_keep_to_their_schema() {
    let injections = Scenario::all().map(|scenario| {
        let after = vigie::domain::Span::hours(scenario.hours().0 + 1);
        Injection::new(scenario, after, Intensity::High)
    });
    let mut hub = Hub::new(Settings {
        injections: injections.collect(),
        ..Settings::small_hub(5)
    });
    let mut line = Vec::new();
    let mut looked_at = 0;
    for minute in 0..1_440 {
        let mut number = minute;
        hub.visit_minute(|event| {
            number += 1;
            if number % 41 == 0 {
                line.clear();
                to_json_line(event, &mut line);
                let faults = faults_of_event(&serde_json::from_slice(&line).unwrap());
                assert!(faults.is_empty(), "{faults:?} in {event:?}");
                looked_at += 1;
            }
        });
    }
    assert!(looked_at > 1_500, "{looked_at}");
}
