//! Intervals by the bootstrap over episodes (Efron 1979; percentile intervals).
//!
//! Of a share the bootstrap distribution is known: how many of n drawn episodes were found is
//! binomial, so its quantiles are computed and nothing is drawn. Where all were found, or none,
//! drawing again can only give the same; the open end is then the exact bound, the share at which
//! such luck comes in one of forty. Other figures are drawn, with a fixed seed.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Confidence left out on each side.
const SIDE: f64 = 0.025;
/// Resamples where they are drawn.
const RESAMPLES: usize = 1000;
const SEED: u64 = 0x5eed;

/// A share with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Out of how many.
    pub of: u64,
    /// The share; 0 where there is none to share.
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Share {
    /// So many out of so many.
    pub(super) fn new(hits: u64, of: u64) -> Share {
        if of == 0 {
            return Share {
                high: 1.0,
                ..Share::default()
            };
        }
        let share = hits as f64 / of as f64;
        let certain = 1.0 - SIDE.powf(1.0 / of as f64);
        let quantile = |side: f64| {
            Binomial::new(share, of).map_or(share, |of_resamples| {
                of_resamples.inverse_cdf(side) as f64 / of as f64
            })
        };
        let low = if hits == of {
            1.0 - certain
        } else {
            quantile(SIDE)
        };
        let high = if hits == 0 {
            certain
        } else {
            quantile(1.0 - SIDE)
        };
        Share {
            hits,
            of,
            share,
            low: if hits == 0 { 0.0 } else { low },
            high: if hits == of { 1.0 } else { high },
        }
    }

    /// Of the trues among these.
    pub(super) fn of(found: impl Iterator<Item = bool>) -> Share {
        let (mut hits, mut of) = (0, 0);
        for found in found {
            hits += u64::from(found);
            of += 1;
        }
        Share::new(hits, of)
    }
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The quantile of sorted values: the smallest that is not below that share of them.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A quantile of values with its interval.
pub(super) fn quantile_estimate(values: &[f64], share: f64) -> Option<Estimate> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let value = quantile(&sorted, share)?;
    let mut random = Pcg64::seed_from_u64(SEED);
    let mut drawn = vec![0.0; sorted.len()];
    let mut figures: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            for place in &mut drawn {
                *place = sorted[random.random_range(0..sorted.len())];
            }
            drawn.sort_by(f64::total_cmp);
            quantile(&drawn, share)
        })
        .collect();
    Some(interval(value, &mut figures))
}

/// The mean over strata of the share found in each, drawn again within each.
pub(super) fn mean_share(strata: &[(u64, u64)]) -> Option<Estimate> {
    let strata: Vec<(u64, u64)> = strata.iter().copied().filter(|(_, of)| *of > 0).collect();
    if strata.is_empty() {
        return None;
    }
    let mean = |found: &mut dyn FnMut(u64, u64) -> u64| {
        let sum: f64 = strata
            .iter()
            .map(|(hits, of)| found(*hits, *of) as f64 / *of as f64)
            .sum();
        sum / strata.len() as f64
    };
    let value = mean(&mut |hits, _| hits);
    let mut random = Pcg64::seed_from_u64(SEED);
    let mut figures: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            mean(&mut |hits, of| {
                (0..of)
                    .filter(|_| random.random_range(0..of) < hits)
                    .count() as u64
            })
        })
        .collect();
    Some(interval(value, &mut figures))
}

fn interval(value: f64, figures: &mut [f64]) -> Estimate {
    figures.sort_by(f64::total_cmp);
    Estimate {
        value,
        low: quantile(figures, SIDE).unwrap_or(value),
        high: quantile(figures, 1.0 - SIDE).unwrap_or(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_that_of_drawing_episodes_again() {
        let share = Share::new(36, 60);
        let mut random = Pcg64::seed_from_u64(7);
        let mut drawn: Vec<f64> = (0..20_000)
            .map(|_| {
                let hits = (0..60).filter(|_| random.random_range(0..60) < 36).count();
                hits as f64 / 60.0
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let of = |side| quantile(&drawn, side).unwrap();
        assert!((share.low - of(SIDE)).abs() < 0.02, "{share:?}");
        assert!((share.high - of(1.0 - SIDE)).abs() < 0.02, "{share:?}");
    }

    #[test]
    fn where_all_were_found_the_interval_still_has_a_width() {
        let all = Share::new(30, 30);
        assert_eq!((all.share, all.high), (1.0, 1.0));
        // 0.884^30 is 0.025.
        assert!((all.low.powi(30) - 0.025).abs() < 1e-9, "{all:?}");
        let none = Share::new(0, 30);
        assert_eq!((none.share, none.low), (0.0, 0.0));
        assert!((none.high - (1.0 - all.low)).abs() < 1e-12);
        let nothing = Share::new(0, 0);
        assert_eq!((nothing.share, nothing.low, nothing.high), (0.0, 0.0, 1.0));
    }

    #[test]
    fn two_bootstraps_give_the_same_bits_and_hold_the_figure() {
        let values: Vec<f64> = (0..200).map(|i| f64::from((i * 37) % 101)).collect();
        let median = quantile_estimate(&values, 0.5).unwrap();
        assert_eq!(median, quantile_estimate(&values, 0.5).unwrap());
        assert!(
            median.low < median.value && median.value < median.high,
            "{median:?}"
        );
        let strata = [(5, 10), (9, 10), (0, 0)];
        let mean = mean_share(&strata).unwrap();
        assert_eq!(mean, mean_share(&strata).unwrap());
        assert!(
            (mean.value - 0.7).abs() < 1e-12 && mean.low < 0.7 && mean.high > 0.7,
            "{mean:?}"
        );
        assert!(quantile_estimate(&[], 0.5).is_none() && mean_share(&[]).is_none());
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&sorted, 0.5), Some(2.0));
        assert_eq!(quantile(&sorted, 0.9), Some(4.0));
        assert_eq!(quantile(&sorted[..1], 0.9), Some(1.0));
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
    }
}
