//! P-values against the uniform, where every assumption of the test holds: each kind of test on
//! traffic drawn from its own model. Randomised by a seeded hash; fixed seeds.

use super::{Traffic, WEEKS, entities, judge, taught};
use crate::detection::Direction;
use crate::domain::{EntityKey, EventTime, Span};
use crate::measure::Sizes;
use crate::score::baseline::{
    FirstSeenSeries, Learning, RatioSeries, RuleSeries, SumSeries, SumValues,
};
use crate::score::entities::Entity;
use crate::statistics::Tail;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Binomial, Distribution, LogNormal, Poisson};
use rand_pcg::Pcg64;
use siphasher::sip::SipHasher13;
use statrs::distribution::Uniform;
use statrs::stats_tests::NaNPolicy;
use statrs::stats_tests::ks_test::{KSOneSampleAlternativeMethod, ks_onesample};
use std::hash::Hasher;

/// Tests that the Kolmogorov-Smirnov test looks at, spread evenly over all.
const KS_SAMPLE: usize = 4_000;
/// The test must not reject at this level.
const KS_LEVEL: f64 = 1e-3;

/// Randomised p-values of one kind of test.
#[derive(Default)]
struct PValues(Vec<f64>);

impl PValues {
    fn add(&mut self, tail: Tail) {
        let mut hasher = SipHasher13::new_with_keys(3, 5);
        hasher.write_usize(self.0.len());
        let u = (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64;
        self.0.push(tail.randomised(u));
    }

    /// p-values below a level, over how many are due.
    fn ratio(&self, level: f64) -> f64 {
        let below = self.0.iter().filter(|p| **p <= level).count();
        below as f64 / (level * self.0.len() as f64)
    }

    /// They are uniform: as a whole, and in the tail as far as `deepest`, give or take what
    /// chance explains and `slack` beside.
    fn assert_uniform(&self, deepest: f64, slack: f64) {
        let stride = (self.0.len() / KS_SAMPLE).max(1);
        let sample: Vec<f64> = self.0.iter().copied().step_by(stride).collect();
        let (distance, p) = ks_onesample(
            sample,
            &Uniform::standard(),
            KSOneSampleAlternativeMethod::TwoSidedAsymptotic,
            NaNPolicy::Error,
        )
        .unwrap();
        assert!(p > KS_LEVEL, "KS distance {distance}, p {p}");
        let mut level = 1e-1;
        while level >= 0.99 * deepest {
            let due = level * self.0.len() as f64;
            let reach = slack + 4.0 / due.sqrt();
            let ratio = self.ratio(level);
            assert!((ratio - 1.0).abs() < reach, "{level:e}: {ratio}, {due} due");
            level /= 10.0;
        }
    }
}

fn of_counts(direction: Direction, seed: u64) -> PValues {
    let (all, mut traffic) = (entities(150), Traffic::new(150, 0.3, seed));
    let mut series = taught(direction, &mut traffic, &all, 2 * WEEKS);
    let mut values = PValues::default();
    for hour in 2 * WEEKS..5 * WEEKS {
        let observed = traffic.hour(hour, 1.0);
        for (_, tail) in judge(&mut series, &all, &observed, hour)
            .into_iter()
            .flatten()
        {
            values.add(tail);
        }
    }
    values
}

#[test]
fn a_count_that_is_too_large() {
    of_counts(Direction::Up, 21).assert_uniform(1e-4, 0.35);
}

#[test]
fn a_count_that_is_too_small() {
    of_counts(Direction::Down, 22).assert_uniform(1e-4, 0.35);
}

#[test]
fn a_count_that_is_either() {
    of_counts(Direction::Both, 23).assert_uniform(1e-4, 0.35);
}

#[test]
fn a_share() {
    let mut rng = Pcg64::seed_from_u64(24);
    let all = entities(100);
    let between = Beta::new(6.0, 14.0).unwrap();
    let shares: Vec<f64> = all.iter().map(|_| between.sample(&mut rng)).collect();
    let mut series = RatioSeries::new(50, Learning::new(Span::HOUR, Span::days(14)));
    let mut values = PValues::default();
    for hour in 0..3_000 {
        if hour % 24 == 0 {
            series.next_day();
        }
        let appeared: Vec<(usize, u64, u64)> = shares
            .iter()
            .enumerate()
            .map(|(row, share)| {
                let trials = 60 + rng.random_range(0..80);
                let now = Beta::new(40.0 * share, 40.0 * (1.0 - share)).unwrap();
                let hits = Binomial::new(trials, now.sample(&mut rng)).unwrap();
                (row, hits.sample(&mut rng), trials)
            })
            .collect();
        series.judge(&all, 1, &appeared, |_, judged| {
            if hour >= 500 {
                values.add(judged.tail);
            }
        });
    }
    values.assert_uniform(1e-4, 0.35);
}

#[test]
fn a_first_contact() {
    const SOURCES: usize = 200;
    const INNOVATION: f64 = 2.0;
    let mut rng = Pcg64::seed_from_u64(25);
    let sizes = LogNormal::new(3.0, 0.7).unwrap();
    let mut series = FirstSeenSeries::new(Span::days(60));
    let mut all: Vec<Entity> = Vec::new();
    // Per source, its edges.
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); SOURCES];
    let mut contacts = vec![0.0; SOURCES];
    let mut values = PValues::default();
    // A day apart, so that an edge is new only once.
    for day in 0..700 {
        let end = EventTime(0) + Span::days(day);
        let mut appeared = Vec::new();
        for source in 0..SOURCES {
            let is_new = rng.random::<f64>() < INNOVATION / (INNOVATION + contacts[source]);
            let row = if is_new || edges[source].is_empty() {
                let mut edge = entities(1).remove(0);
                let number = edges[source].len();
                edge.key = EntityKey::new(format!("source-{source:03}\u{1f}{number}"));
                (edge.first_seen, edge.last_seen) = (end, end);
                all.push(edge);
                edges[source].push(all.len() - 1);
                all.len() - 1
            } else {
                edges[source][rng.random_range(0..edges[source].len())]
            };
            contacts[source] += 1.0;
            appeared.push((row, sizes.sample(&mut rng) as u64));
        }
        let shown = end + Span::MINUTE;
        series.judge(&all, 1, &appeared, shown, |_, judged| {
            if day >= 30 {
                values.add(judged.tail);
            }
        });
    }
    // Sizes are whole numbers and Student's t stands in for a normal: the tail is conservative.
    values.assert_uniform(1e-3, 0.35);
    assert!(values.ratio(1e-4) < 1.5, "{}", values.ratio(1e-4));
}

#[test]
fn a_rule_that_is_met_now_and_then() {
    let mut rng = Pcg64::seed_from_u64(26);
    let mut rule = RuleSeries::default();
    let touches = Poisson::new(0.02).unwrap();
    let mut values = PValues::default();
    for window in 0..60_000 {
        let tail = rule.judge(touches.sample(&mut rng) as usize);
        if window >= 5_000 {
            values.add(tail);
        }
    }
    values.assert_uniform(1e-1, 0.1);
}

#[test]
fn a_sum_is_never_less_likely_than_it_says() {
    let mut rng = Pcg64::seed_from_u64(27);
    let (all, mut traffic) = (entities(60), Traffic::new(60, 0.3, 28));
    let learning = Learning::new(Span::HOUR, Span::days(14));
    let mut series = SumSeries::new(learning);
    let page = LogNormal::new(2.5, 0.6).unwrap();
    let export = LogNormal::new(5.5, 0.7).unwrap();
    let mut values = PValues::default();
    for hour in 0..4 * WEEKS {
        if hour % 24 == 0 {
            series.next_day();
        }
        let summands = traffic.hour(hour, 1.0);
        let mut sizes = Sizes::default();
        let sums: Vec<u64> = summands
            .iter()
            .map(|number| {
                (0..*number)
                    .map(|_| {
                        let kind = if rng.random::<f64>() < 0.003 {
                            &export
                        } else {
                            &page
                        };
                        let size = kind.sample(&mut rng) as u64;
                        sizes.add(size);
                        size
                    })
                    .sum()
            })
            .collect();
        let shown = SumValues {
            sums: &sums,
            summands: &summands,
            sizes: std::slice::from_ref(&sizes),
        };
        series.judge(&all, 1, shown, |_, judged| {
            if hour >= WEEKS {
                values.add(judged.tail);
            }
        });
    }
    for level in [1e-1, 1e-2, 1e-3, 1e-4] {
        let ratio = values.ratio(level);
        assert!(ratio < 1.2, "{level:e}: {ratio}");
    }
    // A bound that is never reached would find nothing either.
    assert!(values.ratio(1e-2) > 0.01, "{}", values.ratio(1e-2));
}
