//! The p-values of the shipped catalogue on honest simulated traffic: people in sittings, machines
//! that poll, sellers of very different size, nights and weekends. Seeds that nothing was tuned on.
//!
//! Beside the tests of each kind on its own model (in `score`), this asks how far a model may be
//! from traffic that was not made for it. Kolmogorov-Smirnov distances are of effect, not of
//! significance: with a million tests every model is rejected.

use crate::support::hub::Scene;
use siphasher::sip::SipHasher13;
use statrs::distribution::Uniform;
use statrs::stats_tests::NaNPolicy;
use statrs::stats_tests::ks_test::{KSOneSampleAlternativeMethod, ks_onesample};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::Path;
use vigie::config::Config;
use vigie::domain::Span;
use vigie::engine::{Back, Front};
use vigie::score::TestedEntity;
use vigie::simulate::Settings;

/// Days of which the first two are not counted.
const DAYS: i64 = 14;
const UNCOUNTED: Span = Span::days(2);

/// How far from the uniform a series may be.
struct Bound {
    detection: &'static str,
    window: Span,
    /// Kolmogorov-Smirnov distance. A test that is conservative by construction has none.
    distance: Option<f64>,
}

const BOUNDS: &[Bound] = &[
    // Among those who came a count is how long their sittings are: that sittings are longer or
    // shorter than any one law has them shows here, where windows without anybody hid it before.
    bound("actor_volume_surge", Span::minutes(5), Some(0.1)),
    bound("actor_volume_surge", Span::HOUR, Some(0.1)),
    bound("route_volume_shift", Span::HOUR, Some(0.03)),
    bound("seller_volume_surge", Span::HOUR, Some(0.03)),
    bound("third_party_egress", Span::HOUR, Some(0.03)),
    // A dozen days are few to learn a scatter from: conservative until it is known.
    bound("actor_volume_surge", Span::DAY, Some(0.08)),
    bound("seller_volume_surge", Span::DAY, Some(0.08)),
    // A bound of a tail; distinct sellers, whose number saturates; shares of machines that poll
    // the same records, which scatter less than chance: they doubt, and must not cry.
    bound("actor_bulk_export", Span::HOUR, None),
    bound("actor_fanout_spread", Span::HOUR, None),
    bound("one_touch_sweep", Span::HOUR, None),
];

const fn bound(detection: &'static str, window: Span, distance: Option<f64>) -> Bound {
    Bound {
        detection,
        window,
        distance,
    }
}

fn uniform(number: usize) -> f64 {
    let mut hasher = SipHasher13::new_with_keys(11, 13);
    hasher.write_usize(number);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

fn p_values(seed: u64) -> BTreeMap<(String, Span), Vec<f64>> {
    // Without buyers, who come once: they have no baseline to be tested against.
    let scene = Scene::of(Settings {
        looks_per_parcel: 0.0,
        ..Settings::small_hub(seed).quiet()
    });
    let lines = scene.lines(DAYS);
    let counted_from = lines[0].0.floor(Span::DAY) + UNCOUNTED;
    let config = Config::parse("null", "time: { bound: none }", Path::new(".")).unwrap();
    let settings = config.engine();
    let (mut front, mut back) = (Front::new(&settings), Back::new(&settings));
    back.take(front.assign(0));
    let mut values: BTreeMap<(String, Span), Vec<f64>> = BTreeMap::new();
    let mut number = 0;
    let mut note = |test: TestedEntity<'_>| {
        if test.end > counted_from {
            let series = &config.plan.series[test.series];
            let name = config.plan.detections[series.detection].name.clone();
            number += 1;
            let p = test.tail.randomised(uniform(number));
            values.entry((name, series.span)).or_default().push(p);
        }
    };
    for (offset, (_, line)) in lines.iter().enumerate() {
        if let (_, Some(step)) = front.feed(0, offset as i64, None, line) {
            back.take_observed(step, Some(&mut note));
        }
    }
    values
}

#[test]
fn p_values_are_what_they_say() {
    let mut values = p_values(7_001);
    for Bound {
        detection,
        window,
        distance,
    } in BOUNDS
    {
        let sample = values
            .remove(&((*detection).to_owned(), *window))
            .unwrap_or_default();
        let tests = sample.len();
        assert!(tests > 500, "{detection} {window}: {tests} tests");
        // A cluster of a few windows of one entity counts as one surprise: four standard
        // deviations of twice the variance, and 30 % for the model.
        for level in [1e-2, 1e-3, 1e-4] {
            let below = sample.iter().filter(|p| **p <= level).count() as f64;
            let due = level * tests as f64;
            let most = 1.3 * due + 4.0 * (2.0 * due).sqrt() + 1.0;
            assert!(
                below <= most,
                "{detection} {window}: {below} below {level:e}, {due} due"
            );
        }
        if let Some(bound) = distance {
            let (measured, _) = ks_onesample(
                sample,
                &Uniform::standard(),
                KSOneSampleAlternativeMethod::TwoSidedAsymptotic,
                NaNPolicy::Error,
            )
            .unwrap();
            assert!(
                measured < *bound,
                "{detection} {window}: KS distance {measured}"
            );
        }
    }
}
