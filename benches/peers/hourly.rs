//! A negative binomial with the mean of each hour of the day: what somebody who knows of season
//! and of over-dispersion writes, without anything shared between entities.
//!
//! The mean is that of the same hour on the days before, leaning on the mean of all hours with the
//! weight of one day; the dispersion is that of the past, by moments: Σ((x - m)² - m) / Σ m².

use vigie::statistics::NegativeBinomial;

const HOURS: usize = 24;
/// Days that must be known.
const DAYS_MIN: usize = 3;
/// Never less than Poisson, never more than this.
const DISPERSION_MAX: f64 = 20.0;

/// -ln of the upper tail of each hour's count, 0 where it is not judged.
pub(crate) fn scores(values: &[f64], first_hour: usize) -> Vec<f64> {
    let mut sums = [0.0; HOURS];
    let mut days = [0.0; HOURS];
    let (mut total, mut hours) = (0.0, 0.0);
    let (mut scatter, mut squares) = (0.0, 0.0);
    let mut scores = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        let hour = (first_hour + at) % HOURS;
        let overall: f64 = if hours > 0.0 { total / hours } else { 0.0 };
        let mean = (sums[hour] + overall) / (days[hour] + 1.0);
        let known = at >= DAYS_MIN * HOURS && mean > 0.0;
        scores.push(if known && *value > mean {
            let dispersion = (scatter / f64::max(squares, 1e-9)).clamp(1e-9, DISPERSION_MAX);
            -NegativeBinomial::new(mean, dispersion)
                .upper(*value)
                .p()
                .ln()
        } else {
            0.0
        });
        if known {
            scatter += (value - mean).powi(2) - mean;
            squares += mean * mean;
        }
        sums[hour] += value;
        days[hour] += 1.0;
        total += value;
        hours += 1.0;
    }
    scores
}
