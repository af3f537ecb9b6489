//! Cut anywhere, written down and taken up again: the same alerts, to the byte.

use crate::support::hub::{Scene, lines_of, tiny_hub};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeSet;
use vigie::domain::{Alert, EventTime, Intensity, Span};
use vigie::engine::Engine;
use vigie::simulate::{Injection, Scenario, Settings};

type Lines = Vec<(EventTime, Vec<u8>)>;

/// Eight days of the tiny hub, with an attack on the seventh.
fn scene() -> (Scene, Lines) {
    let scenario = Scenario::named("actor_volume_surge").expect("a scenario");
    let after = Span(Span::days(6).0 + Span::hours(9).0);
    let injection = Injection::new(scenario, after, Intensity::High).with("hours", 2.0);
    let scene = Scene::of(Settings {
        injections: vec![injection],
        ..tiny_hub(907)
    });
    let lines = lines_of(&scene, 8);
    (scene, lines)
}

fn written(alerts: &[Alert]) -> impl Iterator<Item = String> {
    alerts
        .iter()
        .map(|alert| serde_json::to_string(alert).expect("an alert"))
}

/// Feeds what each partition has to read from where it stands, up to this line.
fn feed(
    engine: &mut Engine,
    lines: &Lines,
    standing: &mut [usize],
    to: usize,
    records: &mut BTreeSet<String>,
) {
    let from = standing.iter().copied().min().unwrap_or(to);
    for (number, (_, line)) in lines.iter().enumerate().take(to).skip(from) {
        let partition = number % standing.len();
        if number < standing[partition] {
            continue;
        }
        let (_, alerts) = engine.feed(partition as i32, number as i64, None, line);
        records.extend(written(&alerts));
    }
    standing.fill(to);
}

/// The records and the last state, where the process dies so many times, each time with the state as
/// it was some lines before.
fn run(
    scene: &Scene,
    lines: &Lines,
    partitions: usize,
    deaths: usize,
) -> (BTreeSet<String>, Vec<u8>) {
    let settings = scene.settings();
    let mut rng = Pcg64::seed_from_u64(deaths as u64);
    let mut cuts: Vec<usize> = (0..deaths)
        .map(|_| rng.random_range(0..lines.len()))
        .collect();
    cuts.sort_unstable();
    let mut engine = Engine::new(&settings, 0..partitions as i32);
    let mut standing = vec![0; partitions];
    let mut records = BTreeSet::new();
    for cut in cuts {
        feed(&mut engine, lines, &mut standing, cut, &mut records);
        let state = engine.save().expect("a state");
        let death = (cut + rng.random_range(0..20_000)).min(lines.len());
        feed(&mut engine, lines, &mut standing, death, &mut records);
        engine = Engine::restore(&settings, 0..partitions as i32, &state).expect("the state");
        for (partition, standing) in standing.iter_mut().enumerate() {
            let resume = engine.back().resume().get(&(partition as i32));
            *standing = resume.map_or(0, |resume| resume.offset as usize);
        }
    }
    feed(&mut engine, lines, &mut standing, lines.len(), &mut records);
    records.extend(written(&engine.finish()));
    (records, engine.save().expect("a state"))
}

#[test]
fn a_process_that_dies_anywhere_raises_the_same_alerts_and_knows_the_same() {
    let (scene, lines) = scene();
    let (straight, state) = run(&scene, &lines, 1, 0);
    assert!(straight.len() > 3, "{straight:#?}");
    let (cut, after) = run(&scene, &lines, 1, 12);
    assert_eq!(straight, cut);
    assert!(state == after, "{} bytes and {}", state.len(), after.len());
}

#[test]
fn so_does_one_that_reads_three_partitions() {
    let (scene, lines) = scene();
    let (straight, state) = run(&scene, &lines, 3, 0);
    let (cut, after) = run(&scene, &lines, 3, 9);
    assert_eq!(straight, cut);
    assert!(state == after, "{} bytes and {}", state.len(), after.len());
}

#[test]
fn a_state_that_is_cut_short_or_goes_on_is_refused() {
    let (scene, lines) = scene();
    let settings = scene.settings();
    let mut engine = Engine::new(&settings, 0..1);
    feed(&mut engine, &lines, &mut [0], 30_000, &mut BTreeSet::new());
    let state = engine.save().expect("a state");
    assert!(Engine::restore(&settings, 0..1, &state[..state.len() - 1]).is_err());
    assert!(Engine::restore(&settings, 0..1, &[&state[..], &[0]].concat()).is_err());
    let again = Engine::restore(&settings, 0..1, &state).expect("the state");
    assert!(again.save().expect("a state") == state);
}
