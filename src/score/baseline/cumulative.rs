//! Low and slow: a count that is a little higher than usual, or much lower, window after window.
//!
//! For each of a few designed shifts δ the likelihood ratio of the window's count under δ times
//! the expected mean, against the expected mean itself, is multiplied up; the product never falls
//! below 1 (Page's CUSUM, here of negative binomials: Höhle and Paul 2008). The mixture of these
//! products is an e-detector (Shin, Ramdas and Rinaldo 2022): on traffic that is what the baseline
//! says, the mean time until it reaches 1 / p is at least 1 / p windows, whatever the shift looked
//! for. That p is what is reported.
//!
//! One window that is high can add no more than a few units to the logarithm, so that a single burst,
//! which other tests are for, does not raise it; and the baseline learns the less the higher the
//! product stands, so that it is not taught what is being found.
//!
//! A slow anchor bounds what a mature baseline can be taught: what is expected of an entity rises
//! by no more than a fifth in thirty days beyond what its class and the season do, so that a ramp
//! of 2 % a day, which a baseline of two weeks' memory would follow, leaves it behind.
//!
//! Looking down it finds a silence wherever it begins, which no window of a day can; there is no
//! anchor then, because who has less and less to send comes to be expected so.
//!
//! What it cannot see: a shift below some ×1.15, and growth below a fifth a month, which is what
//! honest businesses do.

mod describe;

use super::rate::{Forecast, RateSeries};
use super::{Judged, Learning, keep_rows};
use crate::detection::Direction;
use crate::domain::{EventTime, Span};
use crate::score::entities::Entity;
use crate::statistics::{NegativeBinomial, PValue, Tail};
use serde::{Deserialize, Serialize};

/// What is looked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Sought {
    shifts: [f64; SHIFTS],
    /// The most that one window adds to ln of a product.
    step_max: f64,
}

const SHIFTS: usize = 3;
const RISES: Sought = Sought {
    shifts: [1.3, 1.7, 3.0],
    step_max: 2.5,
};
/// What lacks in a window is bounded by what is expected.
const FALLS: Sought = Sought {
    shifts: [0.6, 0.3, 0.1],
    step_max: f64::INFINITY,
};
/// ln of a product is held here.
const LN_MAX: f64 = 60.0;
/// From this product on the baseline learns less: as the inverse of its square root.
const LEARNS_UNTIL: f64 = 10.0;
const TRUST_MIN: f64 = 0.1;
/// The anchor rises by this factor at the most in so many days.
const GROWTH_MAX: f64 = 1.2;
const GROWTH_SPAN: Span = Span::days(30);
/// It comes halfway down to a lower rate in so many.
const ANCHOR_HALF_LIFE: Span = Span::days(90);

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Products {
    /// Per shift.
    ln: [f32; SHIFTS],
}

/// How much more than expected an entity can do in each of so many windows before the evidence
/// reaches 1 / p, in the mean: for each shift that is looked for the evidence grows by the mean of
/// its step, which is linear in what the entity does, and the fastest decides.
fn unseen_excess(law: &NegativeBinomial, p: PValue, windows: f64) -> f64 {
    let growth = ((SHIFTS as f64).ln() - p.ln()) / windows;
    let needed = |shift: f64| {
        let at_zero = law.ln_ratio(0.0, shift);
        let per_event = law.ln_ratio(1.0, shift) - at_zero;
        (growth - at_zero) / per_event
    };
    let shifts = RISES.shifts.into_iter();
    let least = shifts.map(needed).fold(f64::INFINITY, f64::min);
    (least - law.mean()).max(0.0)
}

impl Products {
    fn step(&mut self, predictive: &NegativeBinomial, x: f64, sought: &Sought) {
        for (ln, shift) in self.ln.iter_mut().zip(sought.shifts) {
            let step = predictive.ln_ratio(x, shift).min(sought.step_max);
            *ln = (f64::from(*ln).max(0.0) + step).clamp(0.0, LN_MAX) as f32;
        }
    }

    /// The mixture.
    fn evidence(&self) -> f64 {
        let sum: f64 = self.ln.iter().map(|ln| f64::from(*ln).exp()).sum();
        sum / SHIFTS as f64
    }
}

/// The rate that an entity may have by now.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Anchor {
    rate: f32,
    /// What was expected of the last window.
    law: Option<NegativeBinomial>,
}

impl Anchor {
    /// What is expected, held to the anchor, which learns from it.
    fn hold(&mut self, forecast: &Forecast, rise: f64, fall: f64) -> NegativeBinomial {
        let rate = forecast.law.mean() / forecast.level;
        let anchor = f64::from(self.rate);
        let held = if forecast.settled < 1.0 || anchor <= 0.0 {
            rate
        } else if rate > anchor {
            rate.min(anchor * rise)
        } else {
            rate + (anchor - rate) * fall
        };
        self.rate = held as f32;
        let law = if held < rate {
            forecast.law.with_mean(held * forecast.level)
        } else {
            forecast.law
        };
        self.law = (forecast.settled >= 1.0).then_some(law);
        law
    }
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct CumulativeSeries {
    sought: Sought,
    rates: RateSeries,
    products: Vec<Products>,
    /// Where it looks up.
    anchors: Option<Vec<Anchor>>,
    /// What one window lets an anchor rise, and keeps of the way down.
    rise: f64,
    fall: f64,
}

impl CumulativeSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize =
        RateSeries::ROW_BYTES + size_of::<Products>() + size_of::<Anchor>();

    /// Looks up, or down.
    pub(in crate::score) fn new(
        direction: Direction,
        window: Span,
        learning: Learning,
    ) -> CumulativeSeries {
        let (sought, anchors) = match direction {
            Direction::Down => (FALLS, None),
            Direction::Up | Direction::Both => (RISES, Some(Vec::new())),
        };
        CumulativeSeries {
            sought,
            rates: RateSeries::new(direction, window, learning),
            products: Vec::new(),
            anchors,
            rise: GROWTH_MAX.powf(window.in_days() / GROWTH_SPAN.in_days()),
            fall: 0.5_f64.powf(window.in_days() / ANCHOR_HALF_LIFE.in_days()),
        }
    }

    /// As [`RateSeries::judge`].
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        observed: &[u64],
        start: EventTime,
        mut each: impl FnMut(usize, Judged),
    ) {
        self.products.resize_with(entities.len(), Products::default);
        if let Some(anchors) = &mut self.anchors {
            anchors.resize_with(entities.len(), Anchor::default);
        }
        let (products, anchors, sought) = (&mut self.products, &mut self.anchors, &self.sought);
        let (rise, fall) = (self.rise, self.fall);
        let step = |row: usize, forecast: &Forecast, _| {
            let predictive = match anchors {
                Some(anchors) => anchors[row].hold(forecast, rise, fall),
                None => forecast.law,
            };
            let product = &mut products[row];
            let before = PValue::from_ln(-product.evidence().ln());
            product.step(&predictive, observed[row] as f64, sought);
            let evidence = product.evidence();
            if forecast.settled >= 1.0 {
                let tail = Tail::new(PValue::from_ln(-evidence.ln()), 0.0).after(before);
                each(row, Judged::new(predictive.mean(), tail));
            }
            (LEARNS_UNTIL / evidence).sqrt().clamp(TRUST_MIN, 1.0)
        };
        self.rates.judge(entities, classes, observed, start, step);
    }

    /// Where it looks up, for each entity with a mature baseline: what is expected of it in a window,
    /// and how much more it can do in each of so many windows before an alert at its `p`, of the row
    /// and what is expected of it, in the mean.
    pub(in crate::score) fn unseen(
        &self,
        p: impl Fn(usize, f64) -> PValue,
        windows: f64,
    ) -> impl Iterator<Item = (usize, f64, f64)> {
        let anchors = self.anchors.iter().flatten();
        anchors.enumerate().filter_map(move |(row, anchor)| {
            let law = anchor.law?;
            Some((
                row,
                law.mean(),
                unseen_excess(&law, p(row, law.mean()), windows),
            ))
        })
    }

    pub(in crate::score) fn next_day(&mut self) {
        self.rates.next_day();
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        self.rates.keep(marks);
        keep_rows(&mut self.products, marks);
        if let Some(anchors) = &mut self.anchors {
            keep_rows(anchors, marks);
        }
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.rates.bytes()
            + self.products.capacity() * size_of::<Products>()
            + self.anchors.as_ref().map_or(0, Vec::capacity) * size_of::<Anchor>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Gamma, Poisson};
    use rand_pcg::Pcg64;

    const MEAN: f64 = 50.0;
    const CV: f64 = 0.3;

    /// Windows until the evidence of what is sought reaches `level`, at this shift, or `most`.
    fn run_length(sought: Sought, shift: f64, level: f64, most: u32, rng: &mut Pcg64) -> u32 {
        let predictive = NegativeBinomial::new(MEAN, CV * CV);
        let noise = Gamma::new(1.0 / (CV * CV), CV * CV).unwrap();
        let mut products = Products::default();
        for window in 1..=most {
            let mean = MEAN * shift * noise.sample(rng);
            products.step(
                &predictive,
                Poisson::new(mean).unwrap().sample(rng),
                &sought,
            );
            if products.evidence() >= level {
                return window;
            }
        }
        most
    }

    fn mean_run_length(sought: Sought, shift: f64, level: f64, most: u32) -> f64 {
        let mut rng = Pcg64::seed_from_u64(4);
        let runs = 300;
        let sum: u32 = (0..runs)
            .map(|_| run_length(sought, shift, level, most, &mut rng))
            .sum();
        f64::from(sum) / f64::from(runs)
    }

    #[test]
    fn without_a_shift_the_mean_time_to_an_alarm_is_at_least_what_p_says() {
        for sought in [RISES, FALLS] {
            for level in [10.0, 100.0] {
                let mean = mean_run_length(sought, 1.0, level, 4_000);
                assert!(mean >= level, "{sought:?} {level}: {mean}");
            }
        }
    }

    #[test]
    fn a_small_shift_is_found_within_weeks_and_a_larger_one_within_days() {
        let level = 1e3;
        let (small, large) = (
            mean_run_length(RISES, 1.3, level, 1_000),
            mean_run_length(RISES, 1.6, level, 1_000),
        );
        assert!(small < 35.0, "×1.3 takes {small} days");
        assert!(large < 12.0, "×1.6 takes {large} days");
    }

    #[test]
    fn a_silence_is_found_within_a_few_windows() {
        let half = mean_run_length(FALLS, 0.5, 1e3, 1_000);
        let tenth = mean_run_length(FALLS, 0.1, 1e3, 1_000);
        assert!(half < 12.0, "a half takes {half} windows");
        assert!(tenth < 3.0, "a tenth takes {tenth} windows");
    }

    #[test]
    fn what_stays_unseen_for_a_month_is_found_in_about_one() {
        let law = NegativeBinomial::new(MEAN, CV * CV);
        let excess = unseen_excess(&law, PValue::new(1e-3), 30.0);
        // About a quarter of what is usual.
        assert!((0.15..0.35).contains(&(excess / MEAN)), "{excess}");
        let days = mean_run_length(RISES, 1.0 + excess / MEAN, 1e3, 1_000);
        assert!((20.0..45.0).contains(&days), "{days} days");
        let less = unseen_excess(&law, PValue::new(1e-6), 30.0);
        assert!(less > excess, "{less}");
    }

    #[test]
    fn a_mature_baseline_is_taught_no_more_than_a_fifth_a_month() {
        let series = CumulativeSeries::new(
            Direction::Up,
            Span::DAY,
            Learning::new(Span::DAY, Span::days(14)),
        );
        let mut anchor = Anchor::default();
        // Season and common mode are nobody's growth.
        let mut expected = |rate: f64, settled: f64, level: f64| {
            let forecast = Forecast {
                law: NegativeBinomial::new(rate * level, CV * CV),
                level,
                settled,
            };
            anchor.hold(&forecast, series.rise, series.fall).mean() / level
        };
        // What is young is believed.
        assert_eq!(expected(10.0, 0.5, 1.0), 10.0);
        assert_eq!(expected(MEAN, 0.5, 1.0), MEAN);
        let mut held = MEAN;
        for day in 1..=60 {
            let level = if day % 7 < 5 { 1.0 } else { 0.4 };
            held = expected(MEAN * 1.02_f64.powi(day), 1.0, level);
        }
        assert!((held / MEAN - GROWTH_MAX.powi(2)).abs() < 1e-3, "{held}");
        // Who is quiet for a month may come back to what he was.
        for _ in 0..30 {
            assert_eq!(expected(0.5 * MEAN, 1.0, 1.0), 0.5 * MEAN);
        }
        assert_eq!(expected(MEAN, 1.0, 1.0), MEAN);
    }

    #[test]
    fn one_burst_alone_does_not_raise_it() {
        let predictive = NegativeBinomial::new(MEAN, CV * CV);
        let mut products = Products::default();
        products.step(&predictive, 1e6, &RISES);
        assert!(products.evidence() < 13.0, "{}", products.evidence());
    }
}
