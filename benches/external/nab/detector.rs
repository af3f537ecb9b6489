//! A baseline for a single stream of real values, which is not what vigie counts.
//!
//! What it carries over is the idea of first contact and of one alert an episode. A value is as
//! strange as it is far from the nearest value ever seen on this stream, in units of the range
//! that holds most of them (a nearest-neighbour distance, as in KNN-CAD of Burnaev and Ishimtsev
//! 2016, without their embedding). A row counts only where it is stranger than all of the last
//! hundred rows: what goes on is the same episode, what gets worse is news. One configuration for
//! every stream; each starts from nothing and looks at no row before its turn.

use std::collections::VecDeque;

/// Rows that belong to one episode unless it gets worse.
const EPISODE_ROWS: usize = 100;
/// Rows before which nothing is strange.
const KNOWN_MIN: usize = 20;
/// Most values lie between these quantiles.
const USUAL: [f64; 2] = [0.1, 0.9];
/// That range is at least this share of the whole one: a stream that mostly stands still is not
/// surprised by whatever moves.
const USUAL_SHARE_MIN: f64 = 0.02;

/// Scores every row of a stream.
pub(crate) fn scores(values: &[f64]) -> Vec<f64> {
    first_of_episode(&distances(values))
}

/// How far every value is from the nearest one before it.
fn distances(values: &[f64]) -> Vec<f64> {
    let mut known: Vec<f64> = Vec::with_capacity(values.len());
    let mut distances = Vec::with_capacity(values.len());
    for &value in values {
        let place = known.partition_point(|other| *other < value);
        let distance = if known.len() > KNOWN_MIN {
            let below = place.checked_sub(1).map(|below| value - known[below]);
            let above = known.get(place).map(|above| above - value);
            let nearest = [below, above].into_iter().flatten();
            nearest.fold(f64::INFINITY, f64::min) / usual_range(&known)
        } else {
            0.0
        };
        distances.push(distance);
        known.insert(place, value);
    }
    distances
}

fn usual_range(sorted: &[f64]) -> f64 {
    let [low, high] = USUAL.map(|share| sorted[(sorted.len() as f64 * share) as usize]);
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    // Never nothing, also for a stream of one value.
    let floor = 1e-9 * (1.0 + last.abs());
    (high - low)
        .max(USUAL_SHARE_MIN * (last - first))
        .max(floor)
}

/// Keeps what is larger than everything in the rows just before; the rest is 0.
pub(crate) fn first_of_episode(scores: &[f64]) -> Vec<f64> {
    // Candidates for the maximum of the rows just before, largest first.
    let mut recent: VecDeque<(usize, f64)> = VecDeque::new();
    let mut kept = Vec::with_capacity(scores.len());
    for (row, &score) in scores.iter().enumerate() {
        while recent
            .front()
            .is_some_and(|(old, _)| old + EPISODE_ROWS < row)
        {
            recent.pop_front();
        }
        let worst = recent
            .front()
            .map_or(f64::NEG_INFINITY, |(_, worst)| *worst);
        kept.push(if score > worst { score } else { 0.0 });
        while recent.back().is_some_and(|(_, last)| *last <= score) {
            recent.pop_back();
        }
        recent.push_back((row, score));
    }
    kept
}
