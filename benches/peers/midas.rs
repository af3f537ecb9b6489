//! MIDAS-F: bursts of edges in constant memory (Bhatia, Liu, Hooi, Yoon, Shin and Faloutsos,
//! Real-time anomaly detection in edge streams, TKDD 2022).
//!
//! Count-min sketches hold, for edges, sources and destinations, what came in this tick (a), the
//! total (s) and the score of the last tick. A score is that of a chi-squared test of a against
//! the mean s / t: (a + s - a t)² / (s (t - 1)), and 0 in the first tick. At the end of a tick,
//! what came goes into the total only where its score was below a threshold; where it was not,
//! the mean so far stands for it (the conditional merge); then a is multiplied by a factor. The
//! score of an edge is the largest of the three.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Sketches: rows and columns.
const ROWS: usize = 2;
const COLUMNS: usize = 1 << 15;

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    current: f32,
    total: f32,
    score: f32,
}

#[derive(Clone, Debug)]
struct Sketch {
    cells: Vec<Cell>,
}

impl Sketch {
    fn new() -> Sketch {
        Sketch {
            cells: vec![Cell::default(); ROWS * COLUMNS],
        }
    }

    fn places(key: (u64, u64)) -> [usize; ROWS] {
        std::array::from_fn(|row| {
            let mut hasher = SipHasher13::new_with_keys(row as u64, 77);
            hasher.write_u64(key.0);
            hasher.write_u64(key.1);
            row * COLUMNS + (hasher.finish() as usize) % COLUMNS
        })
    }

    fn add(&mut self, key: (u64, u64), tick: f64) -> f64 {
        let places = Sketch::places(key);
        places
            .iter()
            .for_each(|place| self.cells[*place].current += 1.0);
        // Counts are never too small in a count-min sketch: the smallest is the best.
        let least = |of: fn(&Cell) -> f32| {
            let values = places.iter().map(|place| of(&self.cells[*place]));
            f64::from(values.fold(f32::INFINITY, f32::min))
        };
        let score = score_of(least(|cell| cell.current), least(|cell| cell.total), tick);
        places
            .iter()
            .for_each(|place| self.cells[*place].score = score as f32);
        score
    }

    fn end_tick(&mut self, tick: f64, threshold: f64, factor: f32) {
        for cell in &mut self.cells {
            if f64::from(cell.score) < threshold {
                cell.total += cell.current;
            } else if tick > 1.0 {
                cell.total += cell.total / (tick as f32 - 1.0);
            }
            cell.current *= factor;
        }
    }
}

/// The test statistic.
pub(crate) fn score_of(current: f64, total: f64, tick: f64) -> f64 {
    if tick <= 1.0 || total <= 0.0 {
        return 0.0;
    }
    (current + total - current * tick).powi(2) / (total * (tick - 1.0))
}

/// The filter.
#[derive(Clone, Debug)]
pub(crate) struct MidasF {
    edges: Sketch,
    sources: Sketch,
    destinations: Sketch,
    tick: f64,
    threshold: f64,
    factor: f64,
}

impl MidasF {
    /// With the published defaults: threshold 1000, factor 0.5.
    pub(crate) fn new() -> MidasF {
        MidasF {
            edges: Sketch::new(),
            sources: Sketch::new(),
            destinations: Sketch::new(),
            tick: 1.0,
            threshold: 1_000.0,
            factor: 0.5,
        }
    }

    /// Scores an edge that comes in this tick.
    pub(crate) fn score(&mut self, source: u64, destination: u64) -> f64 {
        let edge = self.edges.add((source, destination), self.tick);
        let source = self.sources.add((source, 0), self.tick);
        let destination = self.destinations.add((destination, 1), self.tick);
        edge.max(source).max(destination)
    }

    /// The tick is over.
    pub(crate) fn end_tick(&mut self) {
        let (tick, threshold, factor) = (self.tick, self.threshold, self.factor as f32);
        for sketch in [&mut self.edges, &mut self.sources, &mut self.destinations] {
            sketch.end_tick(tick, threshold, factor);
        }
        self.tick += 1.0;
    }
}
