//! Counts against the mean of what came before, in standard deviations.
//!
//! *Mean + 3 sd* is the idiom of log search (`avg + stdev * 3`): mean and standard deviation over
//! a trailing window, the value itself left out. *EARS* C1, C2 and C3 are the early aberration
//! reporting system's (Hutwagner, Thompson, Seeman and Treadwell 2003): C1 takes the 7 values just
//! before, C2 leaves the newest 2 out, C3 adds up by how much C2 exceeded 1 over the last three.

/// Values before which nothing is known.
const KNOWN_MIN: usize = 7;
/// EARS: values in a baseline.
const BASELINE: usize = 7;
/// EARS: values between the baseline of C2 and C3 and what is judged.
const GUARD: usize = 2;
/// A baseline that never varied still has this standard deviation: half an event.
const SD_MIN: f64 = 0.5;

fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Nothing is never too much.
fn deviation(value: f64, baseline: &[f64]) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let (mean, sd) = mean_and_sd(baseline);
    (value - mean) / sd.max(SD_MIN)
}

/// Standard deviations above the mean of up to `memory` values before.
pub(crate) fn above_mean(values: &[f64], memory: usize) -> Vec<f64> {
    (0..values.len())
        .map(|at| match at {
            0..KNOWN_MIN => 0.0,
            _ => deviation(values[at], &values[at.saturating_sub(memory)..at]),
        })
        .collect()
}

/// EARS C1.
pub(crate) fn c1(values: &[f64]) -> Vec<f64> {
    lagged(values, 0)
}

/// EARS C2.
pub(crate) fn c2(values: &[f64]) -> Vec<f64> {
    lagged(values, GUARD)
}

/// EARS C3.
pub(crate) fn c3(values: &[f64]) -> Vec<f64> {
    let c2 = c2(values);
    let excess = |at: usize| (c2[at] - 1.0).max(0.0);
    (0..values.len())
        .map(|at| (at.saturating_sub(2)..=at).map(excess).sum())
        .collect()
}

fn lagged(values: &[f64], guard: usize) -> Vec<f64> {
    (0..values.len())
        .map(|at| match at.checked_sub(BASELINE + guard) {
            Some(begin) => deviation(values[at], &values[begin..begin + BASELINE]),
            None => 0.0,
        })
        .collect()
}
