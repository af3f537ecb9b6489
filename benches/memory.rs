//! What `memory.max_bytes` holds, beside a flood of invented sellers.
//!
//! ```text
//! cargo bench --bench memory                              10,000,000 sellers in an hour, 512MiB
//! cargo bench --bench memory -- --sellers 1000000 --max-bytes 256MiB
//! ```
//!
//! A simulated hub of 1,000 sellers, some of them attacked, is run for nine days three times, each in
//! a process of its own: *ordinary* without a bound, *bounded* with one, and *flood* with the bound and
//! the invented sellers, each of whom sends one parcel, in the second hour of the afternoon of the
//! seventh day. Printed are the most memory that was resident, events per second of processor time, and
//! which alert records on real sellers differ from those of the ordinary run. It fails where more than the
//! bound and a tenth was resident, where more than one in a hundred of those records differs, where
//! it was slower by three tenths, or where no alert tells of the flood.
//!
//! Limits: lines are made by the process that reads them, so the generator is in these figures; Kafka is
//! not.

#[path = "memory/flood.rs"]
mod flood;

use flood::{Flood, INVENTED, attacked_hub, pour};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use vigie::config::Config;
use vigie::domain::{Alert, Bytes, Span};
use vigie::engine::{Back, Front, Pipeline};
use vigie::simulate::Hub;

const USAGE: &str =
    "usage: cargo bench --bench memory [-- [--sellers N] [--max-bytes SIZE] [--days N]]";
const SEED: u64 = 7;
const REAL_SELLERS: usize = 1_000;
const FLOOD_MINUTES: u64 = 60;

#[derive(Clone, Copy)]
struct Options {
    sellers: u64,
    max_bytes: Bytes,
    days: i64,
}

fn main() -> ExitCode {
    let mut options = Options {
        sellers: 10_000_000,
        max_bytes: Bytes(512 << 20),
        days: 9,
    };
    let mut child = None;
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        let taken = match (argument.as_str(), value.as_deref()) {
            ("--sellers", Some(value)) => value.parse().map(|n| options.sellers = n).is_ok(),
            ("--max-bytes", Some(value)) => {
                Bytes::parse(value).map(|n| options.max_bytes = n).is_ok()
            }
            ("--days", Some(value)) => value.parse().map(|n| options.days = n).is_ok(),
            ("--run", Some(value)) => {
                child = Some(value.to_owned());
                true
            }
            _ => false,
        };
        if !taken {
            eprintln!("`{argument}` is not understood\n{USAGE}");
            return ExitCode::from(2);
        }
    }
    match child {
        Some(name) => run(&name, options),
        None => compare(options),
    }
}

/// One run, in this process; its figures and its alert records go to standard output.
fn run(name: &str, options: Options) -> ExitCode {
    let bound = match name {
        "ordinary" => String::new(),
        _ => format!("memory: {{ max_bytes: {} }}\n", options.max_bytes),
    };
    let flood = (name == "flood").then_some(Flood {
        after: Span(Span::days(6).0 + Span::hours(13).0),
        minutes: FLOOD_MINUTES,
        sellers_per_minute: options.sellers / FLOOD_MINUTES,
    });
    let text = format!("time: {{ bound: none }}\n{bound}");
    let config = Config::parse("bench", &text, Path::new(".")).expect("a valid configuration");
    let settings = config.engine();
    let told = Arc::new(Mutex::new(Vec::<Alert>::new()));
    let tell = Arc::clone(&told);
    let mut pipeline = Pipeline::start(Back::new(&settings), settings.queue(), move |_, done| {
        let mut told = tell.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(done.alerts);
    })
    .expect("a thread");
    let mut front = Front::new(&settings);
    pipeline.send(front.assign(0)).expect("a judging thread");
    let mut hub = Hub::new(attacked_hub(SEED, REAL_SELLERS, options.days));
    let (mut offset, mut day) = (0, 0);
    let started = cpu_seconds();
    let mut flooded = (0, 0.0);
    let began = hub.now();
    let begins = flood.map(|flood| began + flood.after);
    let ends = begins.map(|begins| begins + Span::minutes(FLOOD_MINUTES as i64));
    let mut before_flood = None;
    let poured = pour(&mut hub, options.days, flood, |minute, line| {
        if begins.is_some_and(|begins| minute >= begins) && before_flood.is_none() {
            before_flood = Some((offset, cpu_seconds()));
        }
        if let (Some((first, since)), Some(ends)) = (before_flood, ends)
            && minute >= ends
            && flooded.0 == 0
        {
            flooded = (offset - first, cpu_seconds() - since);
        }
        let today = (minute - began).0 / Span::DAY.0;
        if today != day {
            day = today;
            eprintln!(
                "  {name}: day {day}, {offset} events, {} MiB",
                resident("VmHWM") >> 10
            );
        }
        let (_, step) = front.feed(0, offset, None, line);
        offset += 1;
        match step {
            Some(step) => pipeline.send(step),
            None => Ok(()),
        }
    });
    poured.expect("a judging thread");
    for step in front.finish() {
        pipeline.send(step).expect("a judging thread");
    }
    let back = pipeline.finish().expect("a judging thread");
    let status = back.status();
    let took = cpu_seconds() - started;
    let pooled: u64 = status.entities.iter().map(|of_group| of_group.pooled).sum();
    let alone: u64 = status.entities.iter().map(|of_group| of_group.alone).sum();
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = std::io::stdout().lock();
    let figures = format!(
        "{} {offset} {took} {} {} {pooled} {alone} {} {}\n",
        resident("VmHWM"),
        flooded.0,
        flooded.1,
        status.shed,
        status.state_bytes,
    );
    out.write_all(figures.as_bytes()).expect("a reader");
    for alert in told.iter() {
        serde_json::to_writer(&mut out, alert).expect("a reader");
        out.write_all(b"\n").expect("a reader");
    }
    ExitCode::SUCCESS
}

/// Processor time that this process has had, in all its threads.
fn cpu_seconds() -> f64 {
    /// Of which the kernel counts so many a second (`USER_HZ`, on every Linux).
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a kernel that tells");
    // After the name, which stands in brackets.
    let (_, figures) = stat.rsplit_once(')').expect("a name");
    let spent = figures.split_whitespace().skip(11).take(2);
    spent
        .map(|ticks| ticks.parse::<f64>().expect("a figure"))
        .sum::<f64>()
        / TICKS_PER_SECOND
}

/// A line of the process's status, in KiB.
fn resident(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a kernel that tells");
    let line = status.lines().find(|line| line.starts_with(name));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    figure
        .and_then(|figure| figure.parse().ok())
        .expect("a figure")
}

/// What a run told of.
struct Told {
    figures: Vec<f64>,
    /// Alert records on real sellers, by id and status.
    on_sellers: BTreeSet<String>,
    /// Of all others, in words.
    others: BTreeSet<String>,
}

fn told(name: &str, options: Options) -> Told {
    let program = std::env::current_exe().expect("a program");
    let child = Command::new(program)
        .args(["--run", name])
        .args(["--sellers", &options.sellers.to_string()])
        .args(["--max-bytes", &options.max_bytes.to_string()])
        .args(["--days", &options.days.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("a process");
    assert!(child.status.success(), "{name} failed: {}", child.status);
    let text = String::from_utf8(child.stdout).expect("text");
    let mut lines = text.lines();
    let figures = lines.next().unwrap_or_default().split_whitespace();
    let mut told = Told {
        figures: figures.map(|one| one.parse().expect("a figure")).collect(),
        on_sellers: BTreeSet::new(),
        others: BTreeSet::new(),
    };
    for line in lines {
        let alert: serde_json::Value = serde_json::from_str(line).expect("an alert record");
        let seller = alert["entity"]["seller"].as_str();
        if seller.is_some_and(|name| !name.starts_with(INVENTED) && !name.starts_with("(other")) {
            let record = format!(
                "{} {} {}",
                alert["id"], alert["status"], alert["explanation"]
            );
            told.on_sellers.insert(record);
        } else {
            told.others
                .insert(format!("{} {}", alert["decided"], alert["explanation"]));
        }
    }
    told
}

fn compare(options: Options) -> ExitCode {
    let runs = ["ordinary", "bounded", "flood"].map(|name| {
        eprintln!("{name} ...");
        (name, told(name, options))
    });
    println!(
        "{:<10} {:>10} {:>12} {:>10} {:>12} {:>14} {:>10} {:>8}",
        "run",
        "resident",
        "events",
        "per CPU s",
        "in the flood",
        "per CPU s in it",
        "pooled",
        "shed"
    );
    let mut speeds = Vec::new();
    for (name, told) in &runs {
        let [
            resident,
            events,
            took,
            in_flood,
            flood_took,
            pooled,
            alone,
            shed,
            ..,
        ] = told.figures[..]
        else {
            panic!("a run has eight figures")
        };
        speeds.push(match flood_took > 0.0 {
            true => in_flood / flood_took,
            false => events / took,
        });
        println!(
            "{name:<10} {:>6.0} MiB {events:>12.0} {:>10.0} {in_flood:>12.0} {:>14.0} {:>8.1} % {shed:>8.0}",
            resident / 1024.0,
            (events - in_flood) / (took - flood_took),
            if flood_took > 0.0 {
                in_flood / flood_took
            } else {
                0.0
            },
            100.0 * pooled / (pooled + alone).max(1.0),
        );
    }
    let ids = |told: &Told| -> BTreeSet<String> {
        let first_two = |record: &String| record.split(' ').take(2).collect::<Vec<_>>().join(" ");
        told.on_sellers.iter().map(first_two).collect()
    };
    let [(_, ordinary), (_, bounded), (_, flood)] = &runs;
    let (usual, flooded) = (ids(ordinary), ids(flood));
    let differing = usual.symmetric_difference(&flooded).count();
    println!(
        "alert records on real sellers: {} ordinary, {} bounded, {} in the flood; {differing} differ from the ordinary",
        usual.len(),
        ids(bounded).len(),
        flooded.len()
    );
    for record in ordinary.on_sellers.union(&flood.on_sellers) {
        let id = record.split(' ').take(2).collect::<Vec<_>>().join(" ");
        if usual.contains(&id) != flooded.contains(&id) {
            println!(
                "  {} {record}",
                if usual.contains(&id) { "lost" } else { "new" }
            );
        }
    }
    let new: Vec<&String> = flood.others.difference(&ordinary.others).collect();
    println!("what else the flood raised:");
    new.iter().for_each(|told| println!("  {told}"));
    let limit = options.max_bytes.0 as f64 * 1.1 / 1024.0;
    let holds = [
        (
            "resident is within the bound and a tenth",
            flood.figures[0] <= limit,
        ),
        (
            "one record in a hundred differs at most",
            differing * 100 <= usual.len(),
        ),
        (
            "the flood is taken at seven tenths of the speed at least",
            speeds[2] >= 0.7 * speeds[0],
        ),
        (
            "the flood is told of",
            new.iter().any(|told| told.contains("different sellers")),
        ),
    ];
    for (what, holds) in holds {
        println!("{}: {what}", if holds { "yes" } else { "NO" });
    }
    match holds.iter().all(|(_, holds)| *holds) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
