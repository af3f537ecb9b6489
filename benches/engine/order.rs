//! Whether the order and the repetition of events change what is told.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::process::ExitCode;
use vigie::domain::{EventTime, Span};
use vigie::engine::{Engine, EngineSettings};
use vigie::simulate::{Hub, Plan, to_json_line};

const SEED: u64 = 771;
const DAYS: i64 = 28;
/// Events arrive up to so much after their time, within the five minutes that are allowed.
const LAG: Span = Span::minutes(4);
/// So many of them come a second time.
const REPEATED: f64 = 0.3;

struct Event {
    time: EventTime,
    line: Vec<u8>,
}

/// Judges the same events twice, in the order of their times and shuffled with duplicates; fails
/// where one byte of what is told differs.
pub(crate) fn compare(settings: &EngineSettings) -> ExitCode {
    eprintln!("rendering {DAYS} days of a small hub with attacks ...");
    let events = rendered();
    let mut rng = Pcg64::seed_from_u64(SEED);
    let mut straight: Vec<(EventTime, &Event)> = Vec::new();
    let mut shaken: Vec<(EventTime, &Event)> = Vec::new();
    for event in &events {
        straight.push((event.time, event));
        let times = 1 + u32::from(rng.random::<f64>() < REPEATED);
        shaken.extend((0..times).map(|_| (event.time + Span(rng.random_range(0..LAG.0)), event)));
    }
    straight.sort_by_key(|(arrival, _)| *arrival);
    shaken.sort_by_key(|(arrival, _)| *arrival);
    let one = judged("in order", &straight, settings);
    let other = judged("shuffled, 30 % twice", &shaken, settings);
    if one != other || one.is_empty() {
        println!("what is told differs");
        return ExitCode::FAILURE;
    }
    println!("the same {} records, byte for byte", one.len());
    ExitCode::SUCCESS
}

fn rendered() -> Vec<Event> {
    let plan = Plan {
        days: DAYS,
        ..Plan::new(SEED)
    };
    let mut hub = Hub::new(plan.settings());
    let end = hub.now() + Span::days(DAYS);
    let mut events = Vec::new();
    while hub.now() < end {
        for event in hub.next_minute().events {
            let mut line = Vec::new();
            to_json_line(&event, &mut line);
            events.push(Event {
                time: event.time,
                line,
            });
        }
    }
    events
}

/// The records that events raise in this order.
fn judged(name: &str, arrivals: &[(EventTime, &Event)], settings: &EngineSettings) -> Vec<String> {
    let mut engine = Engine::new(settings, [0]);
    let mut alerts = Vec::new();
    for (offset, (_, event)) in (0..).zip(arrivals) {
        if offset % 50_000 == 0 {
            eprint!("\r{name}: {} % ", 100 * offset as usize / arrivals.len());
        }
        let (_, raised) = engine.feed(0, offset, None, &event.line);
        alerts.extend(raised);
    }
    alerts.extend(engine.finish());
    eprintln!("\r{name}: done ");
    let counts = engine.counts();
    println!(
        "{name}: {} read, {} processed, {} duplicate, {} late, {} rejected",
        arrivals.len(),
        counts.processed_in_all(),
        counts.duplicate,
        counts.late,
        counts.rejected_in_all()
    );
    alerts
        .iter()
        .map(|alert| serde_json::to_string(alert).expect("an alert"))
        .collect()
}
