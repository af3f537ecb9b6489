//! The score of the Numenta Anomaly Benchmark, written from its definition (Lavin and Ahmad,
//! Evaluating real-time anomaly detection algorithms, ICMLA 2015).
//!
//! A detection is a row whose anomaly score reaches the threshold. Within a labelled window the
//! earliest one counts, for more the earlier it is: a sigmoid of its position, 1 at the left edge,
//! 0 at the right. A window without one costs a miss. Outside of windows every one costs: little
//! right behind a window, all of it farther away or before any. Rows of the probationary period,
//! the first 15 % up to 750 rows, do not count. A profile weighs the three; the threshold is the
//! best one for the profile over all files together; 0 is who detects nothing, 100 who detects
//! every window at its first row and nothing else.

use std::ops::RangeInclusive;

/// What hits, false alarms and misses are worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// Its name.
    pub(crate) name: &'static str,
    hit: f64,
    false_alarm: f64,
    miss: f64,
}

/// The published profiles.
pub(crate) const PROFILES: [Profile; 3] = [
    Profile {
        name: "standard",
        hit: 1.0,
        false_alarm: 0.11,
        miss: 1.0,
    },
    Profile {
        name: "reward low FP",
        hit: 1.0,
        false_alarm: 0.22,
        miss: 1.0,
    },
    Profile {
        name: "reward low FN",
        hit: 1.0,
        false_alarm: 0.11,
        miss: 2.0,
    },
];

/// Rows that a detector may learn from before it is judged.
pub(crate) fn probation(rows: usize) -> usize {
    (rows * 15 / 100).min(750)
}

/// A scored file: an anomaly score a row, and the rows of its labelled windows in order.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    /// Anomaly scores, larger for stranger.
    pub(crate) scores: Vec<f64>,
    /// Labelled windows, in order and apart.
    pub(crate) windows: Vec<RangeInclusive<usize>>,
}

/// The score of a profile, at its best threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    /// 100 for the perfect detector, 0 for the one that detects nothing.
    pub(crate) normalised: f64,
    /// The threshold.
    pub(crate) threshold: f64,
    /// Windows with a detection.
    pub(crate) hits: usize,
    /// Windows.
    pub(crate) windows: usize,
    /// Detections outside of windows.
    pub(crate) false_alarms: usize,
}

/// What a row is worth once it is a detection.
struct Row {
    score: f64,
    /// The window it lies in, numbered over all files.
    window: Option<usize>,
    /// Sigmoid of its position.
    worth: f64,
}

/// 2 / (1 + e^5x) - 1: near 1 at -1, 0 at 0, -1 far behind.
fn sigmoid(position: f64) -> f64 {
    if position >= 3.0 {
        return -1.0;
    }
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}

fn rows_of(file: &Scored, first_window: usize) -> Vec<Row> {
    let probation = probation(file.scores.len());
    let mut rows = Vec::with_capacity(file.scores.len());
    let mut next = 0;
    for (row, score) in file.scores.iter().enumerate() {
        while file
            .windows
            .get(next)
            .is_some_and(|window| row > *window.end())
        {
            next += 1;
        }
        let inside = file
            .windows
            .get(next)
            .filter(|window| window.contains(&row));
        let worth = match inside {
            Some(window) => {
                let width = (window.end() - window.start() + 1) as f64;
                sigmoid(-((window.end() - row + 1) as f64) / width) / sigmoid(-1.0)
            }
            None => match next.checked_sub(1).map(|before| &file.windows[before]) {
                Some(before) => {
                    let width = (before.end() - before.start()) as f64;
                    sigmoid((row - before.end()) as f64 / width)
                }
                None => -1.0,
            },
        };
        if row >= probation {
            rows.push(Row {
                score: *score,
                window: inside.map(|_| first_window + next),
                worth,
            });
        }
    }
    rows
}

/// Scores all files together under a profile.
pub(crate) fn score(files: &[Scored], profile: Profile) -> Score {
    let mut rows = Vec::new();
    let mut windows = 0;
    for file in files {
        rows.extend(rows_of(file, windows));
        windows += file.windows.len();
    }
    rows.sort_by(|one, other| other.score.total_cmp(&one.score));
    let null = -profile.miss * windows as f64;
    let perfect = profile.hit * windows as f64;
    let mut of_window = vec![-profile.miss; windows];
    let mut total = null;
    let (mut hits, mut false_alarms) = (0, 0);
    let mut best = Score {
        normalised: 0.0,
        threshold: f64::INFINITY,
        hits: 0,
        windows,
        false_alarms: 0,
    };
    // From the strictest threshold down to the laxest.
    for step in rows.chunk_by(|one, other| one.score == other.score) {
        for row in step {
            match row.window {
                Some(window) => {
                    let worth = profile.hit * row.worth;
                    if of_window[window] == -profile.miss {
                        hits += 1;
                    }
                    if worth > of_window[window] {
                        total += worth - of_window[window];
                        of_window[window] = worth;
                    }
                }
                None => {
                    total += profile.false_alarm * row.worth;
                    false_alarms += 1;
                }
            }
        }
        let normalised = 100.0 * (total - null) / (perfect - null);
        if normalised > best.normalised {
            best = Score {
                normalised,
                threshold: step[0].score,
                hits,
                windows,
                false_alarms,
            };
        }
    }
    best
}
