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
