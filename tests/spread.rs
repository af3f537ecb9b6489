//! The stages spread over processes that die, come back, and speak after their time, joined by logs
//! that delay and repeat: the same alerts as of one process, to the byte.
//!
//! A world is a seed. What happens in it is drawn one act after another: somebody reads, a message
//! arrives, a node takes what is next in its log, writes itself down, dies, or is replaced while it
//! goes on believing in itself.

use crate::support::hub::{MINUTE, Scene, lines_of, tiny_hub};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use vigie::domain::{Alert, EntityKey, EventTime, Intensity, Span};
use vigie::engine::spread::{Frontier, Node, Outgoing, Place, ToAlerts, ToMeet, ToShard};
use vigie::engine::{Back, EngineSettings, Front, Step};
use vigie::observe::Resume;
use vigie::score::Judgement;
use vigie::simulate::{Injection, Scenario, Settings};

const PARTITIONS: usize = 3;
const SHARDS: usize = 4;
/// The logs: one of the meeting, one per shard, one of alerts.
const LOGS: usize = SHARDS + 2;
const MEET: usize = SHARDS;
const ALERTS: usize = SHARDS + 1;

type Lines = Vec<Vec<u8>>;

/// What is read: the whole, and what of it each partition holds. The last partition falls silent in
/// the middle, and all others end with an hour in which hardly anything happens.
struct Input {
    settings: EngineSettings,
    /// What is decided after that is not looked at: one process comes a few minutes further.
    until: EventTime,
    whole: Lines,
    parts: Vec<Lines>,
    /// So many lines of each are of the first half hour.
    early: Vec<usize>,
}

fn input() -> Input {
    let scenario = Scenario::named("decoy_record_touched").expect("a scenario");
    let touches = |minutes| {
        Injection::new(scenario, Span(minutes * MINUTE), Intensity::High)
            .with("hours", 0.2)
            .with("touches", 2.0)
    };
    let scene = Scene::of(Settings {
        injections: [20, 35, 50, 80].map(touches).to_vec(),
        parcels_per_day: 600.0,
        reads_per_day: 6_000.0,
        ..tiny_hub(913)
    });
    let mut lines = lines_of(&scene, 1);
    let begin = lines[0].0;
    lines.retain(|(time, _)| (*time - begin).0 < 110 * MINUTE);
    let (mut whole, mut parts) = (Lines::new(), vec![Lines::new(); PARTITIONS]);
    let mut early = vec![0; PARTITIONS];
    for (number, (time, line)) in lines.iter().enumerate() {
        let is_silent = (*time - begin).0 > 60 * MINUTE;
        let speaking = if is_silent {
            PARTITIONS - 1
        } else {
            PARTITIONS
        };
        whole.push(line.clone());
        parts[number % speaking].push(line.clone());
        if (*time - begin).0 < 30 * MINUTE {
            early[number % speaking] += 1;
        }
    }
    for minute in 0..90 {
        let time = EventTime(begin.0 + (110 + minute) * MINUTE);
        for part in &mut parts[..PARTITIONS - 1] {
            let line = format!(
                r#"{{"time":{},"kind":"movement","shipment":"last","step":"arriving"}}"#,
                time.0
            );
            whole.push(line.clone().into_bytes());
            part.push(line.into_bytes());
        }
    }
    Input {
        settings: scene.settings(),
        until: begin + Span(170 * MINUTE),
        whole,
        parts,
        early,
    }
}

/// What came of it: alert records, and every judgement, with how many were tested, whose values were
/// unlikely, and by how much.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    records: BTreeSet<String>,
    judgements: BTreeSet<String>,
    /// By series, time of the decision and entity.
    observed: BTreeMap<(usize, EventTime, EntityKey), f64>,
}

impl Outcome {
    fn note_records(&mut self, input: &Input, alerts: &[Alert]) {
        let seen = alerts.iter().filter(|alert| alert.decided <= input.until);
        let written = |alert| serde_json::to_string(alert).expect("an alert");
        self.records.extend(seen.map(written));
    }

    fn note_judgements(&mut self, input: &Input, judgements: &[Judgement]) {
        let seen = judgements.iter();
        let seen = seen.filter(|judgement| judgement.decided <= input.until);
        for judgement in seen {
            for finding in &judgement.findings {
                let place = (judgement.series, judgement.decided, finding.key.clone());
                self.observed.insert(place, finding.observed);
            }
            // A sum for a metric, in the order in which entities came: to the last digit it differs.
            let judgement = Judgement {
                below: Default::default(),
                ..judgement.clone()
            };
            self.judgements.insert(format!("{judgement:?}"));
        }
    }

    /// What one has and the other has not.
    fn differences(&self, other: &Outcome) -> Vec<String> {
        let records = self.records.symmetric_difference(&other.records);
        let judgements = self.judgements.symmetric_difference(&other.judgements);
        records.chain(judgements).cloned().collect()
    }
}

/// What comes of one process that reads everything in order.
fn expected(input: &Input) -> Outcome {
    let (mut front, mut back) = (Front::new(&input.settings), Back::new(&input.settings));
    back.take(front.assign(0));
    let mut outcome = Outcome::default();
    for (number, line) in input.whole.iter().enumerate() {
        let (_, step) = front.feed(0, number as i64, None, line);
        let Some(step) = step else { continue };
        let judgements = back.judge(step, None);
        outcome.note_judgements(input, &judgements);
        outcome.note_records(input, &back.alert(&judgements));
    }
    outcome
}

/// Messages on their way from one producer to one log, which they reach in order.
struct Wire {
    log: usize,
    messages: VecDeque<Vec<u8>>,
    sent: usize,
}

impl Wire {
    fn to(log: usize) -> Wire {
        Wire {
            log,
            messages: VecDeque::new(),
            sent: 0,
        }
    }

    fn send(&mut self, message: &impl Serialize) {
        self.messages.push_back(bytes(message));
        self.sent += 1;
    }

    fn arrived(&self) -> usize {
        self.sent - self.messages.len()
    }
}

fn bytes(message: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(message).expect("a message")
}

fn message<'b, T: serde::Deserialize<'b>>(bytes: &'b [u8]) -> T {
    postcard::from_bytes(bytes).expect("what was written")
}

/// Reads one source partition.
struct Reader {
    front: Front,
    next: usize,
    wires: Vec<Wire>,
    /// Where reading could go on, once so many messages of each wire have arrived.
    done: VecDeque<(Vec<usize>, Resume)>,
    is_idle: bool,
}

impl Reader {
    fn new(input: &Input, partition: usize, committed: Option<&Resume>) -> Reader {
        let mut front = Front::new(&input.settings);
        if let Some(resume) = committed {
            front.resume(partition as i32, resume.clone());
        }
        front.assign(partition as i32);
        Reader {
            front,
            next: committed.map_or(0, |resume| resume.offset as usize),
            wires: (0..=MEET).map(Wire::to).collect(),
            done: VecDeque::new(),
            is_idle: false,
        }
    }

    fn say(&mut self, outgoing: Outgoing) {
        for (wire, message) in self.wires.iter_mut().zip(&outgoing.to_shards) {
            wire.send(message);
        }
        self.wires[MEET].send(&outgoing.to_meet);
    }

    fn take(&mut self, partition: usize, step: Option<Step>) {
        if let Some(Step::Progress(_, progress)) = step {
            let resume = (*progress.resume).clone();
            self.say(Outgoing::sealed(partition as i32, progress, SHARDS));
            let sent = self.wires.iter().map(|wire| wire.sent).collect();
            self.done.push_back((sent, resume));
        }
    }

    /// Reads some lines, or follows the others where there are none.
    fn read(&mut self, lines: &Lines, partition: usize, some: usize, frontier: Frontier) {
        let from = self.next;
        for line in lines.iter().skip(from).take(some) {
            let offset = self.next as i64;
            self.next += 1;
            let (_, step) = self.front.feed(partition as i32, offset, None, line);
            self.take(partition, step);
        }
        if self.next > from || partition < PARTITIONS - 1 {
            return;
        }
        if !self.is_idle {
            self.is_idle = true;
            self.say(Outgoing::idle(partition as i32));
        }
        let step = frontier
            .target
            .and_then(|target| self.front.follow_to(partition as i32, target));
        self.take(partition, step);
    }

    fn commit(&mut self, committed: &mut Option<Resume>) {
        while let Some((needs, resume)) = self.done.front()
            && self
                .wires
                .iter()
                .zip(needs)
                .all(|(wire, needs)| wire.arrived() >= *needs)
        {
            *committed = Some(resume.clone());
            self.done.pop_front();
        }
    }
}

/// A node and what it has said that has not arrived.
struct Running {
    node: Node,
    next: usize,
    wires: Vec<Wire>,
}

impl Running {
    fn new(settings: &EngineSettings, log: usize, kept: Option<&(Vec<u8>, usize)>) -> Running {
        let place = match log {
            MEET => Place::Meet,
            ALERTS => Place::Alerts,
            shard => Place::Shard(shard),
        };
        let node = match kept {
            None => Node::new(settings, place, SHARDS),
            Some((state, _)) => Node::restore(settings, place, SHARDS, state).expect("its state"),
        };
        Running {
            node,
            next: kept.map_or(0, |(_, next)| *next),
            wires: (0..LOGS).map(Wire::to).collect(),
        }
    }

    fn save(&self) -> (Vec<u8>, usize) {
        (self.node.save().expect("a state"), self.next)
    }

    fn is_settled(&self) -> bool {
        self.wires.iter().all(|wire| wire.messages.is_empty())
    }

    fn take(&mut self, input: &Input, log: &[Vec<u8>], some: usize, outcome: &mut Outcome) {
        for taken in log.iter().skip(self.next).take(some) {
            self.next += 1;
            match &mut self.node {
                Node::Meet(node) => {
                    let says = node.take(message::<ToMeet>(taken));
                    for (wire, message) in self.wires.iter_mut().zip(&says.to_shards) {
                        wire.send(message);
                    }
                    if let Some(frontier) = says.frontier {
                        self.wires[ALERTS].send(&ToAlerts::Frontier(frontier));
                    }
                }
                Node::Shard(node) => {
                    for verdict in node.take(message::<ToShard>(taken)) {
                        self.wires[ALERTS].send(&ToAlerts::Verdict(verdict));
                    }
                }
                Node::Alerts(node) => {
                    if let ToAlerts::Verdict(verdict) = message::<ToAlerts>(taken) {
                        outcome.note_judgements(input, &verdict.judgements);
                        outcome.note_records(input, &node.take(verdict));
                    }
                }
            }
        }
    }
}

/// What became of those who died: how many, how many went on believing, messages that came twice, and
/// those that were deleted before they were read.
#[derive(Debug, Default)]
struct Happened {
    deaths: usize,
    zombies: usize,
    twice: usize,
    lost: usize,
}

impl Happened {
    fn add(&mut self, other: &Happened) {
        self.deaths += other.deaths;
        self.zombies += other.zombies;
        self.twice += other.twice;
        self.lost += other.lost;
    }
}

/// What logs keep.
#[derive(Clone, Copy, PartialEq)]
enum Retention {
    /// All of it.
    Forever,
    /// In the first half hour: not always what a node that died has not read.
    TooShort,
}

/// What comes of the world of this seed.
fn world(input: &Input, seed: u64, retention: Retention, happened: &mut Happened) -> Outcome {
    let mut rng = Pcg64::seed_from_u64(seed);
    let settings = &input.settings;
    let mut logs: Vec<Vec<Vec<u8>>> = vec![Vec::new(); LOGS];
    logs[MEET].push(bytes(&ToMeet::Announce((0..PARTITIONS as i32).collect())));
    let mut committed: Vec<Option<Resume>> = vec![None; PARTITIONS];
    let mut readers: Vec<Reader> = (0..PARTITIONS)
        .map(|partition| Reader::new(input, partition, None))
        .collect();
    let mut nodes: Vec<Running> = (0..LOGS)
        .map(|log| Running::new(settings, log, None))
        .collect();
    let mut kept: BTreeMap<usize, (Vec<u8>, usize)> = BTreeMap::new();
    // Who was replaced and does not know it yet.
    let mut lost_readers: Vec<(usize, Reader)> = Vec::new();
    let mut lost_wires: Vec<Wire> = Vec::new();
    let mut outcome = Outcome::default();
    let mut frontier = Frontier::default();
    // Slower where something is lost: what is on its way must be long enough.
    let (dies_max, lines_max) = match retention {
        Retention::Forever => (0.006, 80),
        Retention::TooShort => (0.02, 8),
    };
    let dies = rng.random_range(0.0..dies_max);
    // Messages that reach a log at a time, at the most.
    let speeds: [usize; LOGS] = std::array::from_fn(|_| rng.random_range(2..12));
    loop {
        let partition = rng.random_range(0..PARTITIONS);
        let log = rng.random_range(0..LOGS);
        let reader = &mut readers[partition];
        reader.read(
            &input.parts[partition],
            partition,
            rng.random_range(1..lines_max),
            frontier,
        );
        nodes[log].take(input, &logs[log], rng.random_range(1..12), &mut outcome);
        for (partition, reader) in &mut lost_readers {
            reader.read(
                &input.parts[*partition],
                *partition,
                rng.random_range(0..30),
                frontier,
            );
        }
        // Messages arrive, some twice.
        let of_readers = readers
            .iter_mut()
            .chain(lost_readers.iter_mut().map(|(_, reader)| reader));
        let wires = of_readers.flat_map(|reader| &mut reader.wires);
        let of_nodes = nodes.iter_mut().flat_map(|node| &mut node.wires);
        for wire in wires.chain(of_nodes).chain(&mut lost_wires) {
            for _ in 0..rng.random_range(0..speeds[wire.log]) {
                let Some(message) = wire.messages.pop_front() else {
                    break;
                };
                if rng.random_bool(0.02) {
                    happened.twice += 1;
                    logs[wire.log].push(message.clone());
                }
                logs[wire.log].push(message);
            }
        }
        // Whoever reads the source learns how far all have come from the end of the log.
        let told = logs[ALERTS]
            .iter()
            .rev()
            .find_map(|taken| match message(taken) {
                ToAlerts::Frontier(frontier) => Some(frontier),
                ToAlerts::Verdict(_) => None,
            });
        frontier = told.unwrap_or(frontier);
        if rng.random_bool(0.3) {
            readers[partition].commit(&mut committed[partition]);
        }
        if rng.random_bool(0.05) && nodes[log].is_settled() {
            kept.insert(log, nodes[log].save());
        }
        if rng.random_bool(dies) {
            happened.deaths += 1;
            let new = Reader::new(input, partition, committed[partition].as_ref());
            let old = std::mem::replace(&mut readers[partition], new);
            if rng.random_bool(0.5) {
                happened.zombies += 1;
                lost_readers.push((partition, old));
            }
        }
        if rng.random_bool(dies) {
            happened.deaths += 1;
            let mut new = Running::new(settings, log, kept.get(&log));
            let mut reads = readers.iter().zip(&input.early);
            let is_early = reads.all(|(reader, early)| reader.next < *early);
            if retention == Retention::TooShort && is_early {
                let oldest = rng.random_range(new.next..=logs[log].len());
                if oldest > new.next {
                    happened.lost += oldest - new.next;
                    new.next = oldest;
                    new.node.interrupt();
                }
            }
            let old = std::mem::replace(&mut nodes[log], new);
            if rng.random_bool(0.5) {
                happened.zombies += 1;
                lost_wires.extend(old.wires);
            }
        }
        if rng.random_bool(0.05) {
            lost_readers.clear();
        }
        let is_over = readers.iter().zip(&input.parts).all(|(reader, lines)| {
            reader.next == lines.len() && reader.wires.iter().all(|wire| wire.messages.is_empty())
        }) && nodes
            .iter()
            .zip(&logs)
            .all(|(node, log)| node.next == log.len() && node.is_settled())
            // Who reads the silent partition has said so, and follows.
            && readers[PARTITIONS - 1].is_idle
            && frontier.joint == frontier.target;
        if is_over {
            return outcome;
        }
    }
}

/// How many worlds are looked at; `VIGIE_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("VIGIE_SEEDS").map_or(1_000, |seeds| seeds.parse().expect("a number of seeds"))
}

/// Looks at what comes of so many worlds.
fn in_worlds(
    seeds: u64,
    input: &Input,
    retention: Retention,
    check: impl Fn(u64, &Outcome) + Sync,
) -> Happened {
    let (next, happened) = (AtomicU64::new(0), Mutex::new(Happened::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let mut of_world = Happened::default();
                    check(seed, &world(input, seed, retention, &mut of_world));
                    happened.lock().expect("no panic").add(&of_world);
                }
            });
        }
    });
    let happened = happened.into_inner().expect("no panic");
    eprintln!("{seeds} worlds: {happened:?}");
    happened
}

#[test]
fn in_every_world_judgements_and_alerts_are_those_of_one_process() {
    let input = input();
    let expected = expected(&input);
    let (records, judgements) = (expected.records.len(), expected.judgements.len());
    assert!(records > 3 && judgements > 300, "{records} {judgements}");
    let happened = in_worlds(seeds(), &input, Retention::Forever, |seed, outcome| {
        let differences = outcome.differences(&expected);
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}");
    });
    assert!(happened.deaths > 100 && happened.zombies > 50 && happened.twice > 100);
}

#[test]
fn what_logs_have_lost_holds_nobody_up() {
    let input = input();
    // Who touched the decoy after that.
    let told = |outcome: &Outcome| -> BTreeSet<String> {
        let records = outcome.records.iter();
        records
            .filter_map(|record| {
                let record: serde_json::Value = serde_json::from_str(record).expect("JSON");
                let is_touch = record["detection"] == "decoy_record_touched";
                let decided: EventTime =
                    serde_json::from_value(record["decided"].clone()).expect("a time");
                let is_late = decided >= input.until - Span(90 * MINUTE);
                (is_touch && is_late).then(|| record["entity"].to_string())
            })
            .collect()
    };
    let expected = expected(&input);
    let touches = told(&expected);
    assert!(!touches.is_empty());
    let worlds = seeds().div_ceil(10);
    let happened = in_worlds(worlds, &input, Retention::TooShort, |seed, outcome| {
        assert_eq!(told(outcome), touches, "seed {seed}");
        // What lacks something is not judged.
        for (place, observed) in &outcome.observed {
            if let Some(whole) = expected.observed.get(place) {
                assert_eq!(observed, whole, "seed {seed}: {place:?}");
            }
        }
    });
    assert!(happened.lost as u64 > 2 * worlds);
}
