//! RITA's beacon score (activecm/rita, version 5: `analysis/beacons.go` and its defaults).
//!
//! Four scores of equal weight over a day of one source's contacts. *Times*: the gaps' skew, as
//! 1 - |Bowley's skewness|, and their scatter, as (median - median absolute deviation) / median,
//! the mean of both. *Sizes*: the same of the bytes. *Histogram*: how evenly contacts fill the
//! hours, as 1 - coefficient of variation. *Duration*: the larger of the share of the day between
//! first and last, and the longest run of hours with contacts against twelve. Fewer than four
//! different times are no beacon.

const TIMES_MIN: usize = 4;
const HOURS: usize = 24;
const RUN_HOURS: f64 = 12.0;
pub(crate) const DAY_SECONDS: f64 = 86_400.0;

/// The value at a share of a sorted list, between neighbours in proportion.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// Mean of the scores of skew and of scatter.
pub(crate) fn regularity(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&sorted, share));
    // Where the quartiles meet, nothing can be skewed.
    let skew = if high - low < 1e-9 || middle == low || middle == high {
        0.0
    } else {
        (high + low - 2.0 * middle) / (high - low)
    };
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    deviations.sort_by(f64::total_cmp);
    let scatter = if middle > 0.0 {
        ((middle - quantile(&deviations, 0.5)) / middle).max(0.0)
    } else {
        0.0
    };
    (1.0 - skew.abs() + scatter) / 2.0
}

/// How evenly contacts fill the hours of the day.
fn evenness(hours: &[f64; HOURS]) -> f64 {
    let mean = hours.iter().sum::<f64>() / HOURS as f64;
    let variance = hours.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / HOURS as f64;
    (1.0 - variance.sqrt() / mean).max(0.0)
}

/// The score of a day: seconds since it began, in order, and bytes.
pub(crate) fn score(times: &[f64], sizes: &[f64]) -> f64 {
    let mut different = times.to_vec();
    different.dedup();
    if different.len() < TIMES_MIN {
        return 0.0;
    }
    let gaps: Vec<f64> = different.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut hours = [0.0; HOURS];
    for time in times {
        hours[((time / DAY_SECONDS * HOURS as f64) as usize).min(HOURS - 1)] += 1.0;
    }
    let covered = (different[different.len() - 1] - different[0]) / DAY_SECONDS;
    let longest = hours
        .split(|contacts| *contacts == 0.0)
        .map(<[f64]>::len)
        .max()
        .unwrap_or_default();
    let duration = covered.max(longest as f64 / RUN_HOURS).min(1.0);
    (regularity(&gaps) + regularity(sizes) + evenness(&hours) + duration) / 4.0
}
