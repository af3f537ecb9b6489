//! Recalibration: how often p-values really come, and p-values that say so.
//!
//! A test can be conservative by construction (a bound of a tail, an e-value) or liberal on traffic
//! that its model does not fit. What it says is put through the distribution that its p-values had
//! before (Dawid, "Statistical theory: the prequential approach", JRSS A 1984; Kuleshov, Fenner and
//! Ermon, "Accurate uncertainties for deep learning using calibrated regression", ICML 2018):
//! randomised p-values are counted up to each of [`LEVELS`], and between those the distribution is
//! a straight line in logarithms. It is learnt per series, per class, and per maturity and order of
//! magnitude of the expected value; each begins as the one before it says, the series as the
//! uniform.
//!
//! A window is judged by what earlier ones showed. P-values of [`UNCOUNTED`] and less may be what is
//! looked for, and must not pay for it: they are left out. What never came in n tests has a p-value
//! of some [`PRIOR`] / n until the model finds it less likely than that by itself.

use crate::domain::{EventTime, Maturity, Span};
use crate::statistics::{FixedSum, PValue, Tail};
use ahash::RandomState;
use std::collections::HashMap;

/// P-values are counted up to each of these.
const LEVELS: [f64; 24] = [
    0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03,
    0.02, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5,
];
/// And from here on.
const UNCOUNTED: f64 = 1e-5;
/// P-values due that what is known from elsewhere stands for, at each level.
const PRIOR: f64 = 5.0;
/// How much more often small p-values come, as p falls by a factor of 10, is taken from these two
/// levels.
const TREND: (usize, usize) = (18, 22);
/// The exponent beyond the last level.
const SLOPE_MIN: f64 = 0.6;
/// Curves are drawn again, and the past fades, so often.
const REFRESH: Span = Span::HOUR;
/// Orders of magnitude of the expected value that are told apart.
const SIZES: std::ops::RangeInclusive<i32> = -3..=6;

/// A distribution of p-values.
#[derive(Clone, Copy, Debug)]
struct Curve {
    /// How often p-values up to each of the levels come.
    chances: [f64; LEVELS.len()],
    /// The logarithms of a level and of its chance, from likely to unlikely.
    points: [(f64, f64); LEVELS.len()],
    /// The exponent of p below the last level: less than 1 where small p-values come the more often
    /// the smaller they are.
    slope: f64,
}

impl Curve {
    fn new(chances: [f64; LEVELS.len()]) -> Curve {
        let mut points = [(0.0, 0.0); LEVELS.len()];
        for ((point, level), chance) in points.iter_mut().zip(LEVELS).zip(chances) {
            *point = (level.ln(), chance.ln());
        }
        let (from, to) = TREND;
        let times = |level: usize| chances[level] / LEVELS[level];
        let growth = (times(to).max(1.0) / times(from).max(1.0)).log10();
        let decades = (LEVELS[from] / LEVELS[to]).log10();
        Curve {
            chances,
            points,
            slope: (1.0 - growth / decades).clamp(SLOPE_MIN, 1.0),
        }
    }

    fn uniform() -> Curve {
        Curve::new(LEVELS)
    }

    /// How often a p-value as small as this comes.
    fn chance(&self, p: PValue) -> PValue {
        PValue::from_ln(along(self.points.into_iter(), p.ln(), self.slope))
    }

    /// The p-value that comes so often.
    fn quantile(&self, chance: PValue) -> PValue {
        let swapped = self.points.into_iter().map(|(ln_p, ln)| (ln, ln_p));
        PValue::from_ln(along(swapped, chance.ln(), 1.0 / self.slope))
    }
}

/// The line through falling points, at `x`; beyond the last one it goes on with this slope.
fn along(points: impl Iterator<Item = (f64, f64)>, x: f64, slope: f64) -> f64 {
    let (mut x0, mut y0) = (0.0, 0.0);
    for (x1, y1) in points {
        if x >= x1 {
            return if x0 > x1 {
                y0 + (y1 - y0) * (x0 - x) / (x0 - x1)
            } else {
                y1
            };
        }
        (x0, y0) = (x1, y1);
    }
    y0 + slope * (x - x0)
}

/// What came since the last refresh; the sums do not depend on the order of entities.
#[derive(Clone, Copy, Debug, Default)]
struct Fresh {
    tests: u64,
    below: [FixedSum; LEVELS.len()],
}

impl Fresh {
    fn add(&mut self, tail: Tail) {
        self.tests += 1;
        let left_out = tail.chance_below(UNCOUNTED);
        for (sum, level) in self.below.iter_mut().zip(LEVELS) {
            let below = tail.chance_below(level);
            if below == 0.0 {
                break;
            }
            sum.add(below - left_out);
        }
    }

    fn merge(&mut self, other: &Fresh) {
        self.tests += other.tests;
        for (sum, below) in self.below.iter_mut().zip(other.below) {
            sum.merge(below);
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    tests: f64,
    below: [f64; LEVELS.len()],
}

impl Known {
    fn learn(&mut self, keep: f64, fresh: &Fresh) {
        self.tests = keep * self.tests + fresh.tests as f64;
        for (below, new) in self.below.iter_mut().zip(fresh.below) {
            *below = keep * *below + new.get();
        }
    }

    /// What came, where a few at each level are taken to have come as `above` says.
    fn curve(&self, above: &Curve) -> Curve {
        let mut chances = above.chances;
        for (level, chance) in chances.iter_mut().enumerate() {
            let counted = 1.0 - UNCOUNTED / LEVELS[level];
            let below = self.below[level] / counted;
            *chance = (below + PRIOR) / (self.tests + PRIOR / *chance);
        }
        Curve::new(chances)
    }
}

/// Which tests are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stratum {
    class: u8,
    maturity: Maturity,
    size: i8,
}

impl Stratum {
    pub(super) fn new(class: u8, maturity: Maturity, expected: f64) -> Stratum {
        let order = match expected > 0.0 {
            true => expected.log10().floor() as i32,
            false => *SIZES.start(),
        };
        Stratum {
            class,
            maturity,
            size: order.clamp(*SIZES.start(), *SIZES.end()) as i8,
        }
    }
}

/// What is known of some tests.
#[derive(Clone, Copy, Debug)]
struct Counts {
    fresh: Fresh,
    known: Known,
    curve: Curve,
}

impl Counts {
    /// Nothing: they are taken to be as others.
    fn new(curve: Curve) -> Counts {
        Counts {
            fresh: Fresh::default(),
            known: Known::default(),
            curve,
        }
    }

    fn learn(&mut self, keep: f64, above: &Curve) {
        self.known.learn(keep, &self.fresh);
        self.fresh = Fresh::default();
        self.curve = self.known.curve(above);
    }
}

/// One series.
#[derive(Debug)]
pub(super) struct Recalibration {
    strata: HashMap<Stratum, Counts, RandomState>,
    classes: Vec<Counts>,
    whole: Counts,
    refreshed: EventTime,
    half_life: Span,
}

impl Recalibration {
    pub(super) fn new(half_life: Span) -> Recalibration {
        Recalibration {
            strata: HashMap::default(),
            classes: Vec::new(),
            whole: Counts::new(Curve::uniform()),
            refreshed: EventTime::MIN,
            half_life,
        }
    }

    /// Before a window that ends then is judged.
    pub(super) fn refresh(&mut self, end: EventTime) {
        let now = end.floor(REFRESH);
        if now <= self.refreshed {
            return;
        }
        let passed = match self.refreshed {
            EventTime::MIN => Span::ZERO,
            refreshed => now - refreshed,
        };
        self.refreshed = now;
        let keep = 0.5_f64.powf(passed.in_days() / self.half_life.in_days());
        for (stratum, counts) in &self.strata {
            self.classes[usize::from(stratum.class)]
                .fresh
                .merge(&counts.fresh);
            self.whole.fresh.merge(&counts.fresh);
        }
        self.whole.learn(keep, &Curve::uniform());
        for class in &mut self.classes {
            class.learn(keep, &self.whole.curve);
        }
        for (stratum, counts) in &mut self.strata {
            counts.learn(keep, &self.classes[usize::from(stratum.class)].curve);
        }
    }

    /// The tail on the scale of what came before; learns from it for later windows.
    pub(super) fn step(&mut self, stratum: Stratum, tail: Tail) -> Tail {
        let class = usize::from(stratum.class);
        if self.classes.len() <= class {
            let unknown = Counts::new(self.whole.curve);
            self.classes.resize(class + 1, unknown);
        }
        let of_class = self.classes[class].curve;
        let counts = self
            .strata
            .entry(stratum)
            .or_insert_with(|| Counts::new(of_class));
        counts.fresh.add(tail);
        let curve = &counts.curve;
        tail.rescaled(|p| curve.chance(p))
    }

    /// What a test has to say for its p-value to be this one.
    pub(super) fn quantile(&self, stratum: Stratum, p: PValue) -> PValue {
        self.strata
            .get(&stratum)
            .map_or(p, |counts| counts.curve.quantile(p))
    }

    pub(super) fn bytes(&self) -> usize {
        self.strata.capacity() * size_of::<(Stratum, Counts)>()
            + self.classes.capacity() * size_of::<Counts>()
    }
}
