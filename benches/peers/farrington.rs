//! Farrington-flexible (Noufaily, Enki, Farrington, Garthwaite, Andrews and Charlett, An improved
//! algorithm for outbreak detection in multiple surveillance systems, 2013), at the pace of hours
//! or days instead of weeks.
//!
//! A quasi-Poisson regression with a trend over the values at the same place of the last periods,
//! give or take a half-window, the newest left out; reweighted once by Anscombe residuals above
//! 2.58; a negative binomial quantile of the prediction (`nbPlugin`) as the bound. The score is
//! the exceedance: 0 at what is expected, 1 at the bound. Below 5 events in the last 4 values there
//! is no alarm (`limit54`).
//!
//! Left out is the seasonal factor of ten blocks, which needs years.

use vigie::statistics::NegativeBinomial;

/// What is compared with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Design {
    /// Values in a period: 168 hours, 7 days.
    pub(crate) period: usize,
    /// Periods looked back at.
    pub(crate) periods: usize,
    /// Values around the same place.
    pub(crate) half_window: usize,
    /// Newest values left out.
    pub(crate) recent: usize,
}

/// Level of the bound.
const ALPHA: f64 = 0.01;
/// Anscombe residuals above this are weighed down.
const RESIDUAL_MAX: f64 = 2.58;
const LIMIT_EVENTS: f64 = 5.0;
const LIMIT_VALUES: usize = 4;
/// Baseline values below which there is no regression.
const VALUES_MIN: usize = 4;
const ITERATIONS: usize = 12;

/// ln mean = intercept + slope × time, and the dispersion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    pub(crate) intercept: f64,
    pub(crate) slope: f64,
    pub(crate) dispersion: f64,
}

impl Fit {
    fn mean(&self, time: f64) -> f64 {
        (self.intercept + self.slope * time)
            .clamp(-20.0, 20.0)
            .exp()
    }
}

/// Weighted least squares on the working response until it settles (iteratively reweighted).
fn regress(times: &[f64], values: &[f64], weights: &[f64]) -> (Fit, Vec<f64>) {
    let total: f64 = weights.iter().sum();
    let mean = weights.iter().zip(values).map(|(w, y)| w * y).sum::<f64>() / total;
    let mut fit = Fit {
        intercept: mean.max(0.05).ln(),
        slope: 0.0,
        dispersion: 1.0,
    };
    let mut leverages = vec![0.0; times.len()];
    for _ in 0..ITERATIONS {
        let (mut s, mut st, mut stt, mut sz, mut stz) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((time, value), weight) in times.iter().zip(values).zip(weights) {
            let mean = fit.mean(*time).max(1e-6);
            let w = weight * mean;
            let z = mean.ln() + (value - mean) / mean;
            s += w;
            st += w * time;
            stt += w * time * time;
            sz += w * z;
            stz += w * time * z;
        }
        let determinant = s * stt - st * st;
        if determinant <= 1e-9 * s * stt {
            break;
        }
        let next = Fit {
            slope: (s * stz - st * sz) / determinant,
            intercept: (stt * sz - st * stz) / determinant,
            ..fit
        };
        for ((leverage, time), weight) in leverages.iter_mut().zip(times).zip(weights) {
            let w = weight * fit.mean(*time).max(1e-6);
            *leverage = w * (stt - 2.0 * st * time + s * time * time) / determinant;
        }
        let settled =
            (next.slope - fit.slope).abs() + (next.intercept - fit.intercept).abs() < 1e-8;
        fit = next;
        if settled {
            break;
        }
    }
    let pearson: f64 = times
        .iter()
        .zip(values)
        .zip(weights)
        .map(|((time, value), weight)| {
            let mean = fit.mean(*time).max(1e-6);
            weight * (value - mean).powi(2) / mean
        })
        .sum();
    fit.dispersion = (pearson / (times.len() as f64 - 2.0).max(1.0)).max(1.0);
    (fit, leverages)
}

/// Fits, weighs down what stuck out, and fits again.
pub(crate) fn fit(times: &[f64], values: &[f64]) -> Fit {
    let even = vec![1.0; times.len()];
    let (first, leverages) = regress(times, values, &even);
    let weights: Vec<f64> = times
        .iter()
        .zip(values)
        .zip(&leverages)
        .map(|((time, value), leverage)| {
            let mean = first.mean(*time).max(1e-6);
            let raw = 1.5 * (value.powf(2.0 / 3.0) * mean.powf(-1.0 / 6.0) - mean.sqrt());
            let residual = raw / (first.dispersion * (1.0 - leverage).max(1e-6)).sqrt();
            if residual > RESIDUAL_MAX {
                residual.powi(-2)
            } else {
                1.0
            }
        })
        .collect();
    let scale = times.len() as f64 / weights.iter().sum::<f64>();
    let weights: Vec<f64> = weights.into_iter().map(|weight| weight * scale).collect();
    regress(times, values, &weights).0
}

/// The smallest count whose upper tail is at most [`ALPHA`].
pub(crate) fn bound(mean: f64, dispersion: f64) -> f64 {
    // Variance φ μ is mean + mean² × (φ - 1) / μ.
    let distribution = NegativeBinomial::new(mean, ((dispersion - 1.0) / mean).max(1e-9));
    let is_beyond = |count: f64| distribution.upper(count + 1.0).p().get() <= ALPHA;
    let (mut low, mut high) = (0.0, (mean + 10.0).ceil());
    while !is_beyond(high) {
        (low, high) = (high, 2.0 * high);
    }
    while high - low > 1.0 {
        let middle = ((low + high) / 2.0).floor();
        if is_beyond(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    if is_beyond(low) { low } else { high }
}

/// Exceedance scores of a series of counts.
pub(crate) fn scores(values: &[f64], design: Design) -> Vec<f64> {
    let mut baseline = (Vec::new(), Vec::new());
    (0..values.len())
        .map(|at| exceedance(values, at, design, &mut baseline))
        .collect()
}

fn exceedance(
    values: &[f64],
    at: usize,
    design: Design,
    (times, counts): &mut (Vec<f64>, Vec<f64>),
) -> f64 {
    let latest = &values[at.saturating_sub(LIMIT_VALUES - 1)..=at];
    if latest.iter().sum::<f64>() < LIMIT_EVENTS || values[at] <= 0.0 {
        return 0.0;
    }
    times.clear();
    counts.clear();
    for period in (1..=design.periods).rev() {
        let Some(centre) = at.checked_sub(period * design.period) else {
            continue;
        };
        let places = centre.saturating_sub(design.half_window)..=centre + design.half_window;
        for place in places.filter(|place| place + design.recent < at) {
            times.push((place as f64 - at as f64) / design.period as f64);
            counts.push(values[place]);
        }
    }
    if times.len() < VALUES_MIN {
        return 0.0;
    }
    let fit = fit(times, counts);
    // An extrapolated trend never exceeds what was seen.
    let most = counts.iter().copied().fold(0.0, f64::max).max(0.05);
    let mean = fit.mean(0.0).min(most).max(0.05);
    (values[at] - mean) / (bound(mean, fit.dispersion) - mean).max(0.5)
}
