//! Real shipments, converted and replayed by the built `vigie`.
//!
//! Asserted: every line that the converter gives is read, none is rejected, none is late, none
//! is a duplicate. Printed: what `vigie replay` says, with the shipped windows and with windows
//! that fit three lines a day, the ten strongest alerts in words among it; alerts by year; and what
//! the converter left out. There are no labels: nobody says which alerts are right.

use super::data::{progress, rows};
use super::shipments::{LeftOut, Line, event};
use super::support::process::Ended;
use super::support::{daemon::command, directory, process::Process};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

const FILE: &str = "scms/scms_delivery_history.csv.xz";
const REPLAY_WITHIN: Duration = Duration::from_secs(300);
/// The shipped catalogue on trusted times.
const SHIPPED: &str = "time: {bound: none}\n";
const DAYS_AND_SIX: &str = "time: {bound: none}
detections:
  - {name: route_volume_shift, window: [24h, 6d]}
  - {name: seller_volume_surge, window: [24h, 6d]}
";

/// Converts, replays, asserts and prints.
pub(crate) fn run(data: &Path) {
    println!("# scms: real shipments\n");
    let (events, left_out) = convert(&data.join(FILE));
    println!(
        "{} events from the converter; not taken over:",
        events.len()
    );
    for (reason, lines) in &left_out.0 {
        println!("  {lines:>6}  {reason}");
    }
    let directory = directory::fresh();
    let input = directory.path().join("events.jsonl");
    write(&input, &events);
    for (windows, config) in [
        ("the shipped windows", SHIPPED),
        ("windows of days and of six days", DAYS_AND_SIX),
    ] {
        let file = directory.path().join("vigie.yaml");
        std::fs::write(&file, config).expect("a file in a fresh directory");
        let output = directory.path().join("alerts.jsonl");
        let ended = replay(&file, &input, &output);
        println!("\nvigie replay, {windows}:\n{}", ended.stderr);
        check_books(&ended.stderr, events.len());
        print_years(&output);
    }
}

/// All events in the order of time.
fn convert(path: &Path) -> (Vec<Value>, LeftOut) {
    let mut left_out = LeftOut::default();
    let bar = progress("converting", None);
    let mut events: Vec<(i64, Value)> = bar
        .wrap_iter(rows::<Line>(path))
        .filter_map(|line| {
            event(
                &line.expect("a line of the delivery history"),
                &mut left_out,
            )
        })
        .collect();
    bar.finish_and_clear();
    events.sort_by_key(|(time, _)| *time);
    (
        events.into_iter().map(|(_, event)| event).collect(),
        left_out,
    )
}

fn write(path: &Path, events: &[Value]) {
    let file = std::fs::File::create(path).expect("a file in a fresh directory");
    let mut file = BufWriter::new(file);
    for event in events {
        writeln!(file, "{event}").expect("room for the events");
    }
    file.flush().expect("room for the events");
}

fn replay(config: &Path, input: &Path, alerts: &Path) -> Ended {
    let mut vigie = command();
    vigie.arg("replay").arg("--config").arg(config);
    vigie.arg("--input").arg(input).arg("--alerts").arg(alerts);
    let ended = Process::start(vigie, "cargo builds it").wait(REPLAY_WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// The books of the summary balance, and everything was processed.
fn check_books(summary: &str, events: usize) {
    let entry = |name: &str| {
        let figure = summary.lines().find_map(|line| line.strip_prefix(name));
        let figure = figure.unwrap_or_else(|| panic!("the summary tells what was {name}"));
        let figure = figure.trim().replace(',', "");
        figure.parse::<usize>().expect("a whole number")
    };
    let [read, processed, rejected, late, duplicate] =
        ["read ", "processed ", "rejected ", "late ", "duplicate "].map(entry);
    assert_eq!(read, processed + rejected + late + duplicate);
    assert_eq!((read, rejected, late, duplicate), (events, 0, 0, 0));
    println!("asserted: all {read} events read and processed, none rejected, late or duplicate");
}

/// Alerts by the year in which their window begins.
fn print_years(path: &Path) {
    let text = std::fs::read_to_string(path).expect("alerts that were written");
    let records = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an alert in JSON"));
    let mut years: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in records.filter(|record: &Value| record["status"] == "firing") {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let year = text(&record["window"]["start"])[..4].to_owned();
        // An alert that got worse has several records.
        years.entry(year).or_default().insert(text(&record["id"]));
    }
    let years = years
        .iter()
        .map(|(year, ids)| format!("{year}: {}", ids.len()));
    println!("alerts by year: {}", years.collect::<Vec<_>>().join(", "));
}
