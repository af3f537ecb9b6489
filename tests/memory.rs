//! What `memory.max_bytes` bounds, and what it must not change.
//!
//! A flood of invented sellers is poured into a small hub. `cargo bench --bench memory` does the same
//! with ten million of them.

#[allow(dead_code)]
#[path = "../benches/memory/flood.rs"]
mod flood;

use crate::support::directory;
use crate::support::hub::{Scene, is_on, tiny_hub};
use crate::support::process::resident_most;
use flood::{Flood, INVENTED, pour};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use vigie::domain::{Alert, EventTime, Intensity, Span};
use vigie::engine::spread::{AlertNode, MeetNode, Outgoing, ShardNode, ToMeet, Verdict};
use vigie::engine::{BackStatus, Engine, EngineSettings, Front, SeriesStatus, Step};
use vigie::score::EntityCounts;
use vigie::simulate::{Hub, Injection, Scenario, Settings};

const DAYS: i64 = 6;
const BOUND: &str = "memory: { max_bytes: 256MiB }\n";
/// 180,000 sellers in an hour, beside a hub of 120, on its fifth morning.
const FLOOD: Flood = Flood {
    after: Span(Span::days(4).0 + Span::hours(8).0),
    minutes: 60,
    sellers_per_minute: 3_000,
};
type Lines = Vec<(EventTime, Vec<u8>)>;

/// The tiny hub, a seller of which ships far more than usual while there is a flood.
fn hub() -> Settings {
    let surge = Scenario::named("seller_surge").expect("a scenario");
    let after = Span(FLOOD.after.0 + Span::minutes(30).0);
    Settings {
        injections: vec![Injection::new(surge, after, Intensity::High)],
        ..tiny_hub(911)
    }
}

fn lines(flood: Option<Flood>) -> Lines {
    let mut lines = Vec::new();
    let Ok(()) = pour::<Infallible>(&mut Hub::new(hub()), DAYS, flood, |minute, line| {
        lines.push((minute, line.to_vec()));
        Ok(())
    });
    lines
}

/// What names a seller that there is, by identifier and status.
fn on_real_sellers(alerts: &[Alert]) -> BTreeSet<String> {
    let is_real = |alert: &&Alert| {
        let seller = alert.entity.get("seller");
        seller.is_some_and(|name| !name.starts_with(INVENTED) && !name.starts_with("(other"))
    };
    let told = alerts.iter().filter(is_real);
    told.map(|alert| format!("{} {:?}", alert.id, alert.status))
        .collect()
}

/// Whether an alert tells of the flood.
fn tells(alert: &Alert) -> bool {
    alert.explanation.contains("different sellers")
        || alert.entity.values().any(|name| name == "(other)")
}

#[test]
fn a_flood_of_sellers_changes_nothing_for_real_ones_and_is_told_of() {
    let scene = Scene::with(hub(), BOUND);
    let quiet = Scene::of(hub()).judge(&lines(None), 1);
    let flooded = scene.judge(&lines(Some(FLOOD)), 1);
    assert!(quiet.firing().any(|alert| is_on(alert, &quiet.episodes[0])));
    let (usual, with_flood) = (
        on_real_sellers(&quiet.alerts),
        on_real_sellers(&flooded.alerts),
    );
    assert!(usual.len() >= 4, "{:#?}", quiet.told());
    assert_eq!(
        usual,
        with_flood,
        "{:#?}\n{:#?}",
        quiet.told(),
        flooded.told()
    );
    assert!(flooded.firing().any(tells), "{:#?}", flooded.told());
    assert!(!quiet.firing().any(tells), "{:#?}", quiet.told());
    assert_eq!(flooded.status.shed, 0);
    let pooled: u64 = flooded
        .status
        .entities
        .iter()
        .map(|of_group| of_group.pooled)
        .sum();
    assert!(pooled >= 180_000, "{pooled}");
    let known = flooded
        .status
        .entities
        .iter()
        .map(|of_group| of_group.known);
    assert!(known.max().unwrap_or(0) < 20_000, "they are no entities");
}

/// What nodes raise that hear each other at once, and the most that those who judge know, in bytes.
fn judge_spread(settings: &EngineSettings, lines: &Lines) -> (Vec<Alert>, usize) {
    const SHARDS: usize = 3;
    let mut front = Front::new(settings);
    let mut meet = MeetNode::new(settings, SHARDS);
    let mut shards: Vec<ShardNode> = (0..SHARDS)
        .map(|shard| ShardNode::new(settings, shard, SHARDS))
        .collect();
    let mut last = AlertNode::new(settings, SHARDS);
    let (mut alerts, mut most) = (Vec::new(), 0);
    meet.take(ToMeet::Announce(vec![0]));
    let mut hand_on = |step| {
        let Step::Progress(partition, progress) = step else {
            return;
        };
        let outgoing = Outgoing::sealed(partition, progress, SHARDS);
        let said = meet.take(outgoing.to_meet).to_shards;
        let of_source = shards.iter_mut().zip(outgoing.to_shards);
        let mut verdicts: Vec<Verdict> = of_source
            .flat_map(|(shard, tables)| shard.take(tables))
            .collect();
        let met = shards.iter_mut().zip(said);
        verdicts.extend(met.flat_map(|(shard, met)| shard.take(met)));
        alerts.extend(verdicts.into_iter().flat_map(|verdict| last.take(verdict)));
        let mut status = BackStatus {
            detections: vec![SeriesStatus::default(); settings.plan.detections.len()],
            entities: vec![EntityCounts::default(); settings.plan.groups.len()],
            ..BackStatus::default()
        };
        shards.iter().for_each(|shard| shard.tell(&mut status));
        most = most.max(status.state_bytes);
    };
    for (number, (_, line)) in lines.iter().enumerate() {
        let (_, step) = front.feed(0, number as i64, None, line);
        step.into_iter().for_each(&mut hand_on);
    }
    front.finish().into_iter().for_each(&mut hand_on);
    (alerts, most)
}

#[test]
fn shards_that_have_their_part_of_the_room_withstand_a_flood_as_well() {
    let quiet = Scene::of(hub()).judge(&lines(None), 1);
    let settings = Scene::with(hub(), BOUND).settings();
    let (alerts, most) = judge_spread(&settings, &lines(Some(FLOOD)));
    let told: Vec<&str> = alerts.iter().map(|alert| &alert.explanation[..]).collect();
    let attacked = &quiet.episodes[0];
    assert!(
        alerts.iter().any(|alert| is_on(alert, attacked)),
        "{told:#?}"
    );
    assert!(alerts.iter().any(tells), "{told:#?}");
    // Each decides for itself how many strangers it has room for, so one that is unlikely here may not be
    // there; but nobody is unlikely for the flood's sake.
    let usual = on_real_sellers(&quiet.alerts);
    assert!(on_real_sellers(&alerts).is_subset(&usual), "{told:#?}");
    let bounds = settings.score.memory.expect("bounds");
    assert!(most > bounds.entities / 4, "{most} bytes");
    assert!(
        most <= bounds.entities + bounds.newcomers,
        "{most} bytes, of {bounds:?}"
    );
}

#[test]
fn neither_partitions_nor_disorder_change_what_a_flood_leaves() {
    let scene = Scene::with(hub(), BOUND);
    let straight = lines(Some(FLOOD));
    // Up to four minutes late, within the five that are allowed.
    let mut arrivals: Vec<(i64, &(EventTime, Vec<u8>))> = Vec::new();
    for (number, line) in straight.iter().enumerate() {
        let lag = (number as i64 * 7_919) % (4 * 60_000);
        arrivals.push((line.0.0 + lag, line));
    }
    arrivals.sort_by_key(|(arrival, _)| *arrival);
    let shaken: Lines = arrivals.into_iter().map(|(_, line)| line.clone()).collect();
    let runs = [
        scene.judge(&straight, 1),
        scene.judge(&shaken, 1),
        scene.judge(&straight, 3),
    ];
    assert!(runs[0].firing().count() > 0);
    for other in &runs[1..] {
        assert_eq!(runs[0].records(), other.records());
        assert_eq!(runs[0].status.entities, other.status.entities);
    }
}

#[test]
fn what_tables_have_no_room_for_is_measured_the_same() {
    let scene = Scene::with(hub(), "memory: { max_bytes: 1GiB }\n");
    let lines = lines(None);
    let unbounded = Scene::of(hub()).judge(&lines, 1);
    let mut settings = scene.settings();
    let memory = settings.memory.as_mut().expect("a plan");
    memory.panes.tables = 0;
    let deferred = scene.judge_by(&settings, &lines, 3);
    assert_eq!(unbounded.records(), deferred.records());
}

#[test]
fn what_is_shed_does_not_depend_on_partitions_and_is_counted() {
    let scene = Scene::with(hub(), BOUND);
    let mut settings = scene.settings();
    let memory = settings.memory.as_mut().expect("a plan");
    // Or else which accesses have found their place in a table would depend on who came first.
    memory.panes.tables = 0;
    memory.panes.traces_of_pane = 100_000;
    memory.state.traces_of_pane = 100_000;
    settings.score.memory = Some(memory.state);
    let lines = lines(Some(FLOOD));
    let one = scene.judge_by(&settings, &lines, 1);
    let three = scene.judge_by(&settings, &lines, 3);
    assert!(one.status.shed > 100_000, "{}", one.status.shed);
    assert_eq!(one.status.shed, three.status.shed);
    assert_eq!(one.records(), three.records());
}

/// The records and the last state, where the process dies after each of these lines and goes on from
/// the state that it wrote then.
fn run(settings: &EngineSettings, lines: &Lines, deaths: &[usize]) -> (Vec<String>, Vec<u8>) {
    let mut engine = Engine::new(settings, 0..1);
    let mut alerts = Vec::new();
    let mut from = 0;
    for death in deaths.iter().chain([&lines.len()]) {
        for (number, (_, line)) in lines.iter().enumerate().take(*death).skip(from) {
            alerts.extend(engine.feed(0, number as i64, None, line).1);
        }
        from = *death;
        if *death < lines.len() {
            let state = engine.save().expect("a state");
            engine = Engine::restore(settings, 0..1, &state).expect("the state");
            let resume = engine.back().resume().get(&0);
            from = resume.map_or(0, |resume| resume.offset as usize);
        }
    }
    alerts.extend(engine.finish());
    let write = |alert| serde_json::to_string(alert).expect("an alert");
    let records = alerts.iter().map(write).collect();
    (records, engine.save().expect("a state"))
}

#[test]
fn who_dies_in_a_flood_goes_on_the_same() {
    let settings = Scene::with(hub(), BOUND).settings();
    let lines = lines(Some(FLOOD));
    let (straight, state) = run(&settings, &lines, &[]);
    let middle = lines.len() / 2;
    let deaths = [middle - 60_000, middle, middle + 60_001];
    let (cut, after) = run(&settings, &lines, &deaths);
    assert_eq!(straight, cut);
    let differs = state
        .iter()
        .zip(&after)
        .position(|(one, other)| one != other);
    assert!(
        state == after,
        "{} bytes and {}, from {differs:?} on",
        state.len(),
        after.len()
    );
}

#[test]
fn the_process_stays_within_the_bound_and_a_tenth() {
    const MEBIBYTES: u64 = 96;
    let directory = directory::fresh();
    let config = directory.path().join("vigie.yaml");
    let text = format!("time: {{ bound: none }}\nmemory: {{ max_bytes: {MEBIBYTES}MiB }}\n");
    std::fs::write(&config, text).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["replay", "--input", "-", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("cargo builds it");
    let id = child.id();
    let mut most = 0;
    let mut input = child.stdin.take().expect("a pipe");
    let flood = Flood {
        after: Span::hours(2),
        minutes: 30,
        sellers_per_minute: 20_000,
    };
    let mut last = EventTime::MIN;
    let poured = pour(&mut Hub::new(hub()), 1, Some(flood), |minute, line| {
        if minute != last {
            last = minute;
            most = most.max(resident_most(id).unwrap_or(0));
        }
        input.write_all(line)?;
        input.write_all(b"\n")
    });
    poured.expect("it reads to the end");
    drop(input);
    while child.try_wait().expect("a child").is_none() {
        most = most.max(resident_most(id).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().expect("a child").success());
    assert!(most > 20 << 20, "{most} bytes");
    assert!(most <= (MEBIBYTES << 20) * 11 / 10, "{most} bytes");
}

#[test]
fn too_little_is_refused_with_its_line_and_the_least() {
    let directory = directory::fresh();
    let config = directory.path().join("vigie.yaml");
    let check = |text: &str| {
        std::fs::write(&config, text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        let ended = command
            .arg("check")
            .arg("--config")
            .arg(&config)
            .output()
            .expect("cargo builds it");
        let told = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).expect("text"));
        (ended.status.code(), told.concat())
    };
    let (code, told) = check("memory:\n  max_bytes: 8MiB\n");
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains(":2: memory.max_bytes: is too small"),
        "{told}"
    );
    let least = told
        .split("the least is ")
        .nth(1)
        .expect("the least")
        .trim();
    let (code, told) = check(&format!("memory: {{ max_bytes: {least} }}\n"));
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("seller, ") && told.contains("actor, "),
        "{told}"
    );
    let (code, told) = check("memory: { max_bytes: 512MB }\n");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("write 512MiB or 2GiB"), "{told}");
}
