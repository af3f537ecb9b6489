//! How long judging pauses for a snapshot, and how long a start takes to go on from one.

use super::{DIMENSIONS, feed_hour};
use std::time::{Duration, Instant};
use vigie::domain::EventTime;
use vigie::engine::{Back, Engine, EngineSettings};
use vigie::snapshot::{Directory, Files, Header, Outputs, Snapshot};

/// Actors and sellers, half of each.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// With an event an hour each.
const HOURS: i64 = 3;
const REPETITIONS: usize = 3;

/// Makes states of these sizes, stores each, and goes on from it; prints what every part took.
pub(crate) fn measure(settings: &EngineSettings) {
    println!(
        "\na snapshot, of actors and sellers with {HOURS} events each, median of {REPETITIONS}"
    );
    println!(
        "  {:>9} {:>9} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "keys", "entities", "state MB", "file MB", "save ms", "store ms", "find ms", "restore ms"
    );
    for size in SIZES {
        eprint!("  {size} ...\r");
        let mut engine = Engine::new(settings, [0]);
        let mut offset = 0;
        for hour in 0..HOURS {
            for dimension in &DIMENSIONS[..2] {
                feed_hour(&mut engine, &mut offset, dimension, size / 2, hour);
            }
        }
        assert_eq!(engine.counts().rejected_in_all(), 0);
        print(size, engine.back(), settings);
    }
}

fn print(size: usize, back: &Back, settings: &EngineSettings) {
    let folder = tempfile::tempdir().expect("a directory");
    let mut directory = Directory::new(folder.path().to_path_buf(), Files);
    let mut times = [const { Vec::new() }; 4];
    let (mut state_bytes, mut file_bytes) = (0, 0);
    for _ in 0..REPETITIONS {
        let state = timed(&mut times[0], || back.save(Vec::new())).expect("a state");
        state_bytes = state.len();
        let header = Header {
            began: EventTime(0),
            closed_to: back.closed_to(),
            partitions: Vec::new(),
            outputs: Outputs::default(),
            shape: Vec::new(),
        };
        let snapshot = Snapshot { header, state };
        timed(&mut times[1], || directory.store(&snapshot)).expect("room");
        drop(snapshot);
        let mut found = timed(&mut times[2], || directory.find()).expect("a directory");
        let found = found.swap_remove(0);
        let length = folder.path().join(&found.name).metadata();
        file_bytes = length.expect("a file").len();
        let snapshot = found.content.expect("a snapshot");
        let again = timed(&mut times[3], || {
            Engine::restore(settings, [0], &snapshot.state)
        });
        let again = again.expect("the state").save();
        assert!(again.expect("a state") == snapshot.state);
    }
    let entities = back.status().entities;
    let entities: usize = entities.iter().map(|counts| counts.known).sum();
    let [save, store, find, restore] = times.map(median_milliseconds);
    println!(
        "  {size:>9} {entities:>9} {:>8.1} {:>8.1} {save:>9.0} {store:>9.0} {find:>9.0} {restore:>9.0}",
        state_bytes as f64 / 1e6,
        file_bytes as f64 / 1e6
    );
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let outcome = work();
    times.push(started.elapsed());
    outcome
}

fn median_milliseconds(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}
