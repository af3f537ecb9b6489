//! Whether the order and the repetition of events change what is told.

use super::Traffic;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::process::ExitCode;
use vigie::domain::{EventTime, Span};
use vigie::engine::{Engine, EngineSettings};
use vigie::simulate::Plan;

const SEED: u64 = 771;
const DAYS: i64 = 28;
/// Events arrive up to so much after their time, within the five minutes that are allowed.
const LAG: Span = Span::minutes(4);
/// So many of them come a second time.
const REPEATED: f64 = 0.3;

/// When a line arrives.
type Arrival<'t> = (EventTime, &'t [u8]);

/// What came of events in some order.
struct Told {
    records: Vec<String>,
    processed: u64,
    late: u64,
}

/// Judges the same events twice, in the order of their times and shuffled with duplicates; fails
/// where one byte of what is told differs.
pub(crate) fn compare(settings: &EngineSettings) -> ExitCode {
    let plan = Plan {
        days: DAYS,
        ..Plan::new(SEED)
    };
    let traffic = Traffic::of(plan.settings(), DAYS);
    let mut rng = Pcg64::seed_from_u64(SEED);
    let mut straight: Vec<Arrival<'_>> = Vec::new();
    let mut shaken: Vec<Arrival<'_>> = Vec::new();
    for (time, line) in traffic.times.iter().copied().zip(traffic.lines()) {
        straight.push((time, line));
        let times = 1 + u32::from(rng.random::<f64>() < REPEATED);
        shaken.extend((0..times).map(|_| (time + Span(rng.random_range(0..LAG.0)), line)));
    }
    straight.sort_by_key(|(arrival, _)| *arrival);
    shaken.sort_by_key(|(arrival, _)| *arrival);
    let one = judged("in order", &straight, settings);
    let other = judged("shuffled, 30 % twice", &shaken, settings);
    let same = one.records == other.records && one.processed == other.processed;
    if !same || one.records.is_empty() || one.late + other.late > 0 {
        println!("what is told differs");
        return ExitCode::FAILURE;
    }
    println!("the same {} records, byte for byte", one.records.len());
    ExitCode::SUCCESS
}

fn judged(name: &str, arrivals: &[Arrival<'_>], settings: &EngineSettings) -> Told {
    let mut engine = Engine::new(settings, [0]);
    let mut alerts = Vec::new();
    for (offset, (_, line)) in (0..).zip(arrivals) {
        if offset % 50_000 == 0 {
            eprint!("\r{name}: {} % ", 100 * offset as usize / arrivals.len());
        }
        let (_, raised) = engine.feed(0, offset, None, line);
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
    let record = |alert| serde_json::to_string(alert).expect("an alert");
    Told {
        records: alerts.iter().map(record).collect(),
        processed: counts.processed_in_all(),
        late: counts.late,
    }
}
