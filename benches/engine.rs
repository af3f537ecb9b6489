//! How much of the engine's time is parsing, how much it remembers of an entity, and whether it
//! matters in which order events arrive.
//!
//! ```text
//! cargo bench --bench engine                speed and state
//! cargo bench --bench engine -- speed       CPU time only
//! cargo bench --bench engine -- state       memory only
//! cargo bench --bench engine -- order       four weeks in order, and shuffled with duplicates
//! cargo bench --bench engine -- snapshot    how long keeping a state takes, and going on from it
//! ```
//!
//! **Speed.** The same simulated events, rendered as JSON beforehand, are taken three ways on one
//! thread: *parse* decodes each into a borrowed event and drops it, *observe* is stage 1 as a
//! whole, *engine* is decode, observe, score and alert with the shipped catalogue. The ways take
//! turns, and CPU time of the thread is measured, so that a busy machine disturbs all alike.
//! `parse / engine` is the share of parsing, which is the least that can be done with an event.
//!
//! **State.** One kind of entity at a time, each with an event an hour, for thirty hours of event
//! time. At every full hour the engine is asked for its state, and the allocator for what is in
//! use; the largest of each is printed.
//!
//! **Order.** Four weeks of a small hub with attacks, in the order of their times, and with each event
//! up to four minutes late and 30 % of them twice: what is told must be the same bytes.
//!
//! **Snapshot.** States of up to a million keys are written down, stored, found and gone on from, and it
//! is checked that what goes on is the same to the byte. *save* is how long judging pauses; *store* is
//! compressing, writing and syncing, on a thread beside it; *find* and *restore* are what a start takes.
//!
//! Limits: the traffic is a model and lies in memory, so neither Kafka nor, but for *store* and *find*,
//! a disk is in these figures; the allocator counts what was asked for, not what its own books cost.

#[path = "engine/order.rs"]
mod order;
#[path = "engine/snapshot.rs"]
mod snapshot;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use vigie::config::Config;
use vigie::decode::decode;
use vigie::domain::{EventTime, Member, Span};
use vigie::engine::{Engine, EngineSettings, Front};
use vigie::simulate::{Hub, Settings, to_json_line};

const USAGE: &str = "usage: cargo bench --bench engine [-- [speed] [state] [order] [snapshot]]";
/// The shipped settings, but for what needs a broker.
const CONFIG: &str = "time: {bound: none}";
const SEED: u64 = 1;
const REPETITIONS: usize = 7;
const HOURS: i64 = 30;

fn main() -> ExitCode {
    let (mut speed, mut state, mut order, mut snapshot) = (false, false, false, false);
    // cargo adds --bench by itself.
    for argument in std::env::args().skip(1).filter(|one| one != "--bench") {
        match argument.as_str() {
            "speed" => speed = true,
            "state" => state = true,
            "order" => order = true,
            "snapshot" => snapshot = true,
            other => {
                eprintln!("`{other}` is neither speed, state, order nor snapshot\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let settings = Config::parse("bench", CONFIG, Path::new("."))
        .expect("a valid configuration")
        .engine();
    let both = speed == state && !order && !snapshot;
    if speed || both {
        measure_speed(&settings);
    }
    if state || both {
        measure_state(&settings);
    }
    if snapshot {
        snapshot::measure(&settings);
    }
    if order {
        return order::compare(&settings);
    }
    ExitCode::SUCCESS
}

fn measure_speed(settings: &EngineSettings) {
    let small = Settings::small_hub(SEED);
    compare("small hub, 3 days", &Traffic::of(small, 3), settings);
    compare("busy hub, 1 day", &Traffic::of(busy_hub(), 1), settings);
}

/// Ten times the small hub.
fn busy_hub() -> Settings {
    let small = Settings::small_hub(SEED);
    Settings {
        sellers: small.sellers * 10,
        routes: small.routes * 5,
        actors: small.actors * 10,
        parcels_per_day: small.parcels_per_day * 10.0,
        reads_per_day: small.reads_per_day * 10.0,
        ..small
    }
}

/// Events as lines of JSON, without the ends of lines.
struct Traffic {
    times: Vec<EventTime>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Traffic {
    fn of(settings: Settings, days: i64) -> Traffic {
        let mut traffic = Traffic {
            times: Vec::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        eprintln!("rendering {days} days of simulated traffic ...");
        let mut hub = Hub::new(settings);
        let end = hub.now() + Span::days(days);
        while hub.now() < end {
            for event in hub.next_minute().events {
                traffic.times.push(event.time);
                to_json_line(&event, &mut traffic.bytes);
                traffic.bytes.pop();
                traffic.ends.push(traffic.bytes.len());
            }
        }
        traffic
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.ends.iter().map(move |end| {
            let line = &self.bytes[begin..*end];
            begin = *end;
            line
        })
    }
}

/// Measures the three ways in turn and prints what each took.
fn compare(name: &str, traffic: &Traffic, settings: &EngineSettings) {
    let events = traffic.ends.len();
    println!(
        "{name}: {events} events of {} bytes in the mean",
        traffic.bytes.len() / events.max(1)
    );
    let mut times = [const { Vec::new() }; 3];
    for repetition in 1..=REPETITIONS {
        eprint!("\rrepetition {repetition} of {REPETITIONS} ");
        times[0].push(cpu_time(|| parse(traffic)));
        times[1].push(cpu_time(|| observe(traffic, settings)));
        times[2].push(cpu_time(|| run_engine(traffic, settings)));
    }
    eprintln!();
    for (way, times) in ["parse", "observe", "engine"].into_iter().zip(&times) {
        let each: Vec<f64> = times
            .iter()
            .map(|time| time.as_secs_f64() * 1e9 / events as f64)
            .collect();
        let [lowest, median, highest] = spread(each);
        println!(
            "  {way:<16} {median:>7.0} ns/event ({lowest:.0} to {highest:.0}) {:>10.0} events/s",
            1e9 / median
        );
    }
    for (way, number) in [("observe", 1), ("engine", 2)] {
        let shares = times[0].iter().zip(&times[number]);
        let shares = shares.map(|(parse, whole)| parse.as_secs_f64() / whole.as_secs_f64());
        let [lowest, median, highest] = spread(shares.collect());
        println!(
            "  {:<16} {median:>7.2} ({lowest:.2} to {highest:.2})",
            format!("parse / {way}")
        );
    }
}

fn parse(traffic: &Traffic) {
    for line in traffic.lines() {
        let _ = black_box(decode(black_box(line)));
    }
}

fn observe(traffic: &Traffic, settings: &EngineSettings) {
    let mut front = Front::new(settings);
    front.assign(0);
    for (offset, line) in (0..).zip(traffic.lines()) {
        drop(black_box(front.feed(0, offset, None, line)));
    }
    assert_eq!(front.counts().rejected_in_all(), 0);
}

fn run_engine(traffic: &Traffic, settings: &EngineSettings) {
    let mut engine = Engine::new(settings, [0]);
    for (offset, line) in (0..).zip(traffic.lines()) {
        drop(black_box(engine.feed(0, offset, None, line)));
    }
    assert_eq!(engine.counts().rejected_in_all(), 0);
    assert_eq!(engine.counts().late, 0);
}

/// Lowest, median and highest of some figures.
fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [
        figures[0],
        figures[figures.len() / 2],
        figures[figures.len() - 1],
    ]
}

/// CPU time that this thread spends in `work`.
fn cpu_time(work: impl FnOnce()) -> Duration {
    let before = thread_clock();
    work();
    thread_clock() - before
}

#[allow(unsafe_code)]
fn thread_clock() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one `timespec`, to which it is given the only reference.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "the kernel keeps a clock for each thread");
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// Writes the rest of an event, after its time, of one entity in one hour.
type Render = fn(&mut String, entity: usize, hour: i64);

/// A kind of entity, the member that counts it, and events that make nothing but such entities.
struct Dimension {
    name: &'static str,
    entity: &'static [Member],
    sizes: &'static [usize],
    render: Render,
}

const DIMENSIONS: [Dimension; 4] = [
    Dimension {
        name: "actor",
        entity: &[Member::Actor],
        sizes: &[10_000, 100_000],
        render: |line, entity, hour| {
            let seller = (entity * 31 + hour as usize * 17) % 1_000;
            let _ = write!(
                line,
                r#""kind":"access","actor":"actor-{entity}","role":"role-{}","action":"read","seller":"seller-{seller}","shipment":"parcel-{entity}-{hour}""#,
                entity % 5
            );
        },
    },
    Dimension {
        name: "seller",
        entity: &[Member::Seller],
        sizes: &[10_000, 100_000],
        render: |line, entity, hour| {
            let _ = write!(
                line,
                r#""kind":"movement","step":"arriving","seller":"seller-{entity}","shipment":"parcel-{entity}-{hour}""#
            );
        },
    },
    Dimension {
        name: "route",
        entity: &[Member::Route],
        sizes: &[10_000],
        render: |line, entity, hour| {
            let _ = write!(
                line,
                r#""kind":"movement","step":"arriving","route":"route-{entity}","shipment":"parcel-{entity}-{hour}""#
            );
        },
    },
    Dimension {
        name: "org > recipient",
        entity: &[Member::Org, Member::Recipient],
        sizes: &[10_000],
        render: |line, entity, hour| {
            let _ = write!(
                line,
                r#""kind":"access","actor":"feed","role":"platform","action":"share","org":"org-{}","recipient":"to-{entity}","shipment":"parcel-{entity}-{hour}""#,
                entity % 100
            );
        },
    },
];

fn measure_state(settings: &EngineSettings) {
    println!("\nbytes per entity, an event an hour each, largest in {HOURS} hours");
    println!(
        "  {:<16} {:>10} {:>10} {:>12} {:>10}",
        "entity", "entities", "state", "allocated", "wall time"
    );
    for dimension in &DIMENSIONS {
        for size in dimension.sizes {
            eprint!("  {} x {size} ...\r", dimension.name);
            print_state(dimension, *size, settings);
        }
    }
}

fn print_state(dimension: &Dimension, size: usize, settings: &EngineSettings) {
    let started = Instant::now();
    let before = live_bytes();
    let mut engine = Engine::new(settings, [0]);
    let (mut state, mut allocated) = (0, 0);
    let mut offset = 0;
    for hour in 0..HOURS {
        feed_hour(&mut engine, &mut offset, dimension, size, hour);
        state = state.max(engine.back().status().state_bytes);
        allocated = allocated.max(live_bytes() - before);
    }
    assert_eq!(engine.counts().rejected_in_all(), 0);
    let known = engine.back().status().entities;
    let group = settings
        .plan
        .groups
        .iter()
        .position(|group| group.entity == dimension.entity)
        .expect("the shipped catalogue watches such entities");
    assert_eq!(known[group].known, size, "{}", dimension.name);
    println!(
        "  {:<16} {size:>10} {:>10.0} {:>12.0} {:>8.1} s",
        dimension.name,
        state as f64 / size as f64,
        allocated as f64 / size as f64,
        started.elapsed().as_secs_f64()
    );
}

/// One event of each entity, in the order of time.
fn feed_hour(engine: &mut Engine, offset: &mut i64, dimension: &Dimension, size: usize, hour: i64) {
    let mut line = String::new();
    for minute in 0..60 {
        let EventTime(time) = Settings::MONDAY + Span::hours(hour) + Span::minutes(minute as i64);
        for entity in (minute..size).step_by(60) {
            line.clear();
            let _ = write!(line, r#"{{"id":"{entity}-{hour}","time":{time},"#);
            (dimension.render)(&mut line, entity, hour);
            line.push('}');
            engine.feed(0, *offset, None, line.as_bytes());
            *offset += 1;
        }
    }
}

/// The system's allocator, with a count of the bytes that this thread has in use.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

fn live_bytes() -> i64 {
    LIVE.get()
}

fn count(bytes: usize, sign: i64) {
    // A thread that is ending has no count any more.
    let _ = LIVE.try_with(|live| live.set(live.get() + sign * bytes as i64));
}

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
