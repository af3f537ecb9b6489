//! `vigie replay` as a person runs it.

use crate::support::directory;
use crate::support::hub::{Scene, tiny_hub};
use crate::support::process::{Ended, Process};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use vigie::domain::{Intensity, Span};
use vigie::simulate::{Injection, Scenario, Settings};

const LIMIT: Duration = Duration::from_secs(60);

/// Five days with a bulk export on the fifth.
fn events() -> Vec<u8> {
    let scenario = Scenario::named("bulk_export").unwrap();
    let export = Injection::new(scenario, Span::hours(105), Intensity::High);
    let settings = Settings {
        injections: vec![export.with("records", 20_000.0).with("hours", 1.0)],
        ..tiny_hub(904)
    };
    let lines = Scene::of(settings).lines(5);
    lines.into_iter().flat_map(|(_, line)| line).collect()
}

fn replay(arguments: &[&Path]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.arg("replay").args(arguments);
    Process::start(command, "cargo builds it").wait(LIMIT)
}

fn replay_file(input: &Path, alerts: &Path) -> Ended {
    let (with, to) = (Path::new("--input"), Path::new("--alerts"));
    replay(&[with, input, to, alerts])
}

/// The number that stands behind a word in the summary.
fn figure(ended: &Ended, name: &str) -> u64 {
    let line = ended
        .stderr
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {}", ended.stderr));
    let number = line.split_whitespace().next_back().unwrap();
    number.replace(',', "").parse().unwrap()
}

#[test]
fn two_runs_and_every_packing_give_the_same_bytes() {
    let directory = directory::fresh();
    let at = |name: &str| -> PathBuf { directory.path().join(name) };
    let events = events();
    std::fs::write(at("events.jsonl"), &events).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&events).unwrap();
    std::fs::write(at("events.jsonl.gz"), gzip.finish().unwrap()).unwrap();
    let packed = zstd::encode_all(events.as_slice(), 1).unwrap();
    std::fs::write(at("events.jsonl.zst"), packed).unwrap();
    let mut outputs = Vec::new();
    for (number, name) in [
        "events.jsonl",
        "events.jsonl",
        "events.jsonl.gz",
        "events.jsonl.zst",
    ]
    .into_iter()
    .enumerate()
    {
        let alerts = at(&format!("alerts-{number}.jsonl"));
        let ended = replay_file(&at(name), &alerts);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        outputs.push(std::fs::read(alerts).unwrap());
    }
    // From standard input to standard output, where nothing but data stands.
    let child = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["replay", "--input", "-", "--alerts", "-"])
        .stdin(std::fs::File::open(at("events.jsonl")).unwrap())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    outputs.push(child.stdout);
    assert!(
        outputs[0]
            .windows(17)
            .any(|text| text == b"actor_bulk_export")
    );
    for output in &outputs[1..] {
        assert!(*output == outputs[0], "outputs differ");
    }
}

#[test]
fn the_summary_adds_up_and_rejected_input_is_no_failure() {
    let directory = directory::fresh();
    let (input, alerts) = (directory.path().join("in"), directory.path().join("out"));
    let mut bytes = b"not JSON\n\n{\"id\":\"x\"}\n".to_vec();
    let events = events();
    let first = events
        .split_inclusive(|byte| *byte == b'\n')
        .next()
        .unwrap();
    bytes.extend(first);
    bytes.extend(&events);
    std::fs::write(&input, bytes).unwrap();
    let ended = replay_file(&input, &alerts);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let figures = ["processed", "rejected", "late", "duplicate"].map(|name| figure(&ended, name));
    assert_eq!(figure(&ended, "read"), figures.iter().sum::<u64>());
    assert_eq!((figures[1], figures[3]), (2, 1), "{}", ended.stderr);
    assert_eq!(figure(&ended, "not_json"), 1);
    assert_eq!(figure(&ended, "missing_member"), 1);
}

#[test]
fn a_file_without_alerts_still_makes_an_output() {
    let directory = directory::fresh();
    let (input, alerts) = (directory.path().join("in"), directory.path().join("out"));
    std::fs::write(&input, "").unwrap();
    assert_eq!(replay_file(&input, &alerts).code, Some(0));
    assert_eq!(std::fs::read(&alerts).unwrap(), b"");
}

#[test]
fn a_file_that_is_not_there_is_a_failure_that_names_it() {
    let directory = directory::fresh();
    let missing = directory.path().join("missing.jsonl");
    let ended = replay_file(&missing, &directory.path().join("out"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("missing.jsonl"), "{}", ended.stderr);
}

fn replay_with(input: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.arg("replay").arg("--input").arg(input);
    command.args(arguments);
    Process::start(command, "cargo builds it").wait(LIMIT)
}

#[test]
fn every_test_is_written_as_csv_and_what_is_found_stays_the_same() {
    let directory = directory::fresh();
    let at = |name: &str| directory.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    std::fs::write(at("in"), events()).unwrap();
    let ended = replay_file(&at("in"), &at("plain.jsonl"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (scores, alerts) in [
        ("scores.csv", "1.jsonl"),
        ("scores.csv.gz", "2.jsonl"),
        ("scores.csv.zst", "3.jsonl"),
    ] {
        let arguments = ["--scores", &text(scores), "--alerts", &text(alerts)];
        let ended = replay_with(&at("in"), &arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let found = std::fs::read(at(alerts)).unwrap();
        assert!(found == std::fs::read(at("plain.jsonl")).unwrap());
    }
    let plain = std::fs::read(at("scores.csv")).unwrap();
    let mut unpacked = Vec::new();
    let gzip = std::fs::File::open(at("scores.csv.gz")).unwrap();
    let mut gzip = flate2::read::GzDecoder::new(gzip);
    std::io::Read::read_to_end(&mut gzip, &mut unpacked).unwrap();
    assert!(unpacked == plain, "gzip holds something else");
    let zst = std::fs::File::open(at("scores.csv.zst")).unwrap();
    assert!(
        zstd::decode_all(zst).unwrap() == plain,
        "zst holds something else"
    );

    let mut reader = csv::Reader::from_reader(plain.as_slice());
    let header: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        header.join(","),
        "end,detection,window,entity,class,maturity,observed,expected,p,mass,before"
    );
    let config = vigie::config::Config::load(None).unwrap();
    let mut rows = 0;
    let mut strongest = (1.0, String::new());
    for record in reader.records() {
        let record = record.unwrap();
        rows += 1;
        let [p, mass] = [8, 9].map(|field| record[field].parse::<f64>().unwrap());
        assert!(
            (0.0..=1.0).contains(&p) && (0.0..=1.0 + 1e-9).contains(&mass),
            "{record:?}"
        );
        assert!(
            ["new", "young", "mature"].contains(&&record[5]),
            "{record:?}"
        );
        assert!(record[0].parse::<jiff::Timestamp>().is_ok(), "{record:?}");
        // Who reads has a role; what moves has none.
        let mut detections = config.plan.detections.iter();
        let detection = detections.find(|one| one.name == record[1]).unwrap();
        assert_eq!(record[4].is_empty(), detection.pool.is_none(), "{record:?}");
        if &record[1] == "actor_bulk_export" && p < strongest.0 {
            strongest = (p, record[3].to_owned());
        }
    }
    assert!(rows > 10_000, "{rows}");
    // The export that was put in is the least likely of its kind.
    let alerts = std::fs::read_to_string(at("plain.jsonl")).unwrap();
    let actor = strongest.1.strip_prefix("actor ").unwrap().to_owned();
    assert!(
        alerts
            .lines()
            .any(|line| line.contains("actor_bulk_export") && line.contains(&actor)),
        "{strongest:?}"
    );
}

#[test]
fn two_configurations_are_held_against_each_other_and_a_difference_can_fail() {
    let directory = directory::fresh();
    let at = |name: &str| directory.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    std::fs::write(at("in"), events()).unwrap();
    std::fs::write(at("same.yaml"), "log: {level: warn}\n").unwrap();
    std::fs::write(
        at("other.yaml"),
        "detections: [{name: actor_bulk_export, enabled: false}]\n",
    )
    .unwrap();
    std::fs::write(
        at("mild.yaml"),
        "alerts: {critical_below: 0}\ndetections: [{name: actor_bulk_export, severity: info}]\n",
    )
    .unwrap();

    let same = replay_with(
        &at("in"),
        &["--against", &text("same.yaml"), "--fail-on-difference"],
    );
    assert_eq!(same.code, Some(0), "{}", same.stderr);
    assert!(same.stderr.contains("the same alerts"), "{}", same.stderr);

    let differs = |other: &str, more: &[&str]| -> (Ended, Vec<serde_json::Value>) {
        let (other, diff) = (text(other), text("diff.jsonl"));
        let arguments = [&["--against", &other, "--diff", &diff], more].concat();
        let ended = replay_with(&at("in"), &arguments);
        let lines = std::fs::read_to_string(at("diff.jsonl")).unwrap();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (ended, lines.collect())
    };
    let of_exports = |differences: &[serde_json::Value]| -> Vec<serde_json::Value> {
        let mut of = differences.to_vec();
        of.retain(|difference| difference["detection"] == "actor_bulk_export");
        of
    };
    let (told, all) = differs("other.yaml", &[]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let exports = of_exports(&all);
    assert!(!exports.is_empty(), "{all:?}");
    for export in &exports {
        assert_eq!(
            export["changes"],
            serde_json::json!(["dropped"]),
            "{export}"
        );
        assert!(
            export["ours"]["id"].is_string() && export["theirs"].is_null(),
            "{export}"
        );
    }
    assert!(told.stderr.contains("dropped") && told.stderr.contains("actor_bulk_export"));

    let (failed, all) = differs("mild.yaml", &["--fail-on-difference"]);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    for export in of_exports(&all) {
        assert_eq!(
            export["changes"],
            serde_json::json!(["severity"]),
            "{export}"
        );
        assert_eq!(export["theirs"]["severity"], "info", "{export}");
    }

    let usage = replay_with(&at("in"), &["--fail-on-difference"]);
    assert_eq!(usage.code, Some(2), "it needs --against: {}", usage.stderr);
}
