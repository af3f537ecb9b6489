//! Rarefaction: the share that a class usually has, by how many trials it is of.
//!
//! Who looks at three parcels has seen each for the first time, who looks at three hundred comes back
//! to some; of many numbers more have a neighbour among them than of few.

use serde::{Deserialize, Serialize};

/// Total trials before a class has a share.
const CLASS_TRIALS_MIN: f64 = 200.0;
/// Doublings of n that are told apart.
const DOUBLINGS: usize = 20;
/// Independent trials that the share of the whole class stands for in each of them.
const LENT_TO_DOUBLING: f64 = 50.0;
/// Information that the slope 0 stands for, in trials times doublings squared.
const SLOPE_WEIGHT: f64 = 50.0;
/// Log-odds per doubling of n: a share that is proportional to n has ln 2.
const SLOPE_MAX: f64 = 1.0;
/// The line goes on for so many doublings beyond those that are known.
const BEYOND: f64 = 1.0;
/// No share is closer to none or to all.
const SHARE_MIN: f64 = 1e-5;

/// What was seen of windows of so many trials, discounted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Cell {
    hits: f64,
    /// As many as were independent.
    trials: f64,
    /// Sum over these of log2 n.
    doublings: f64,
}

impl Cell {
    fn add(&mut self, hits: f64, independent: f64, n: u64) {
        self.hits += hits;
        self.trials += independent;
        self.doublings += independent * (n as f64).log2();
    }

    fn faded(self, keep: f64) -> Cell {
        Cell {
            hits: keep * self.hits,
            trials: keep * self.trials,
            doublings: keep * self.doublings,
        }
    }

    /// Where it lies on the scale of log2 n, if there were trials.
    fn middle(&self) -> f64 {
        self.doublings / self.trials
    }

    /// The share, where so many trials are taken to have had this one.
    fn share(&self, lent: f64) -> f64 {
        (self.hits + LENT_TO_DOUBLING * lent) / (self.trials + LENT_TO_DOUBLING)
    }
}

/// What a class showed at each n.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Shares {
    doublings: [Cell; DOUBLINGS],
}

impl Shares {
    /// Adds so many hits of as many independent trials, in a window of `n`.
    pub(super) fn add(&mut self, hits: f64, independent: f64, n: u64) {
        self.doublings[doubling(n)].add(hits, independent, n);
    }

    /// What is left of it after a window.
    pub(super) fn fade(&mut self, keep: f64) {
        self.doublings = self.doublings.map(|cell| cell.faded(keep));
    }

    /// The share usual at each n; `None` where too little is known.
    pub(super) fn curve(&self) -> Option<Curve> {
        Curve::of(&self.doublings)
    }
}

/// The share usual at each n: a line in log2 n on the log-odds, which each doubling departs from as
/// far as its trials say. Who asks for a hundred times as much as anybody is not to be excused by a
/// line: it ends soon after what is known, and beyond stands the share of the whole class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    points: [Point; DOUBLINGS],
}

/// The log-odds of a share in the middle of a doubling, and how they rise there.
#[derive(Clone, Copy, Debug)]
struct Point {
    log_odds: f64,
    middle: f64,
    slope: f64,
}

impl Curve {
    fn of(cells: &[Cell; DOUBLINGS]) -> Option<Curve> {
        let sum = |of: fn(&Cell) -> f64| cells.iter().map(of).sum::<f64>();
        let trials = sum(|cell| cell.trials);
        if trials < CLASS_TRIALS_MIN {
            return None;
        }
        let whole = (sum(|cell| cell.hits) + 0.5) / (trials + 1.0);
        // Log-odds have the variance 1 / (n p (1 - p)); but a few who ask for much more than others and
        // miss, where hardly anybody misses, are not to say where the line goes.
        let information = |share: f64| share * (1.0 - share);
        let known = cells.iter().filter(|cell| cell.trials > 0.0).map(|cell| {
            let share = clamped(cell.share(whole));
            let weight = cell.trials * information(share).min(information(clamped(whole)));
            (weight, cell.middle(), odds(share).ln())
        });
        let [weights, x, y, xx, xy] = known.fold([0.0; 5], |sum, (weight, x, y)| {
            let terms = [1.0, x, y, x * x, x * y];
            std::array::from_fn(|term| sum[term] + weight * terms[term])
        });
        let (x, y) = (x / weights, y / weights);
        let slope = (xy - weights * x * y) / (xx - weights * x * x + SLOPE_WEIGHT);
        let slope = slope.clamp(-SLOPE_MAX, SLOPE_MAX);
        let well_known = |cell: &&Cell| cell.trials >= LENT_TO_DOUBLING;
        let middles = || cells.iter().filter(well_known).map(Cell::middle);
        let reach = (
            middles().fold(x, f64::min) - BEYOND,
            middles().fold(x, f64::max) + BEYOND,
        );
        let points = std::array::from_fn(|doubling| {
            let cell = &cells[doubling];
            let middle = match cell.trials > 0.0 {
                true => cell.middle(),
                false => doubling as f64 + 0.5,
            };
            let (lent, slope) = match (reach.0..=reach.1).contains(&middle) {
                true => (of_log_odds(y + slope * (middle - x)), slope),
                false => (whole, 0.0),
            };
            Point {
                log_odds: odds(cell.share(lent)).ln(),
                middle,
                slope,
            }
        });
        Some(Curve { points })
    }

    /// The share of so many trials.
    pub(super) fn at(&self, n: u64) -> f64 {
        let point = &self.points[doubling(n)];
        let beyond = point.slope * ((n as f64).log2() - point.middle);
        of_log_odds(point.log_odds + beyond)
    }
}

/// Which doubling of n it is.
fn doubling(trials: u64) -> usize {
    (trials.max(1).ilog2() as usize).min(DOUBLINGS - 1)
}

pub(super) fn clamped(share: f64) -> f64 {
    share.clamp(SHARE_MIN, 1.0 - SHARE_MIN)
}

pub(super) fn odds(share: f64) -> f64 {
    let share = clamped(share);
    share / (1.0 - share)
}

/// The share whose odds are this many times as high.
pub(super) fn with_odds(share: f64, factor: f64) -> f64 {
    let odds = odds(share) * factor;
    clamped(odds / (1.0 + odds))
}

fn of_log_odds(log_odds: f64) -> f64 {
    with_odds(0.5, log_odds.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many windows of few trials with few hits, and what else `add` puts in.
    fn curve(add: impl Fn(&mut Shares)) -> Curve {
        let mut shares = Shares::default();
        for n in 1..=8 {
            shares.add(50.0, 10_000.0, n);
        }
        add(&mut shares);
        shares.curve().unwrap()
    }

    #[test]
    fn nothing_is_said_of_a_few_trials() {
        let mut shares = Shares::default();
        shares.add(2.0, 150.0, 10);
        assert!(shares.curve().is_none());
    }

    #[test]
    fn a_line_through_what_is_known_goes_on_for_one_doubling() {
        let mut shares = Shares::default();
        for n in 4..64_u64 {
            shares.add(n as f64, 1_000.0, n);
        }
        let curve = shares.curve().unwrap();
        for n in [6, 20, 60] {
            let due = n as f64 / 1_000.0;
            assert!(
                (curve.at(n) / due - 1.0).abs() < 0.1,
                "{n}: {}",
                curve.at(n)
            );
        }
        assert!(curve.at(90) > 0.075, "{}", curve.at(90));
        // The share of all together.
        assert!(curve.at(5_000) < 0.04, "{}", curve.at(5_000));
    }

    #[test]
    fn a_few_who_do_much_more_do_not_bend_the_line_for_others() {
        let plain = curve(|_| {});
        let bent = curve(|shares| (0..6).for_each(|_| shares.add(2.0, 4.0, 200)));
        for n in [20, 50, 1_000] {
            assert!(bent.at(n) < 2.0 * plain.at(n), "{n}: {}", bent.at(n));
        }
    }
}
