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
//! looked for, and must not pay for it: they are left out. So are those of an entity of which nothing
//! was expected and that is as far out as [`RARE`] again and again in a day. Evidence that is collected
//! over windows counts where it reaches a level, and not while it stays there. What never came in n
//! tests has a p-value of some [`PRIOR`] / n until the model finds it less likely than that by itself.

use crate::domain::{EventTime, Maturity, Span};
use crate::statistics::{FixedSum, PValue, Tail, magnitude};
use ahash::RandomState;
use std::collections::HashMap;

/// P-values are counted up to each of these.
const LEVELS: [f64; 26] = [
    0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03,
    0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 3e-5,
];
/// And from here on.
const UNCOUNTED: f64 = 1e-5;
/// Of the tests of a day that say so little or less of an entity of which less than one was expected,
/// the first counts. Who is always there has hundreds, and several by chance.
const RARE: f64 = 1e-3;
/// And from so many on none does: that was no chance.
const RARE_TIMES: u32 = 3;
/// P-values due that what is known from elsewhere stands for, at each level (Krichevsky and
/// Trofimov, IEEE Transactions on Information Theory 1981).
const PRIOR: f64 = 0.5;
/// How much more often small p-values come, as p falls by a factor of 10, is taken from these two
/// levels, 1e-2 and 1e-4.
const TREND: (usize, usize) = (18, 24);
const _: () = assert!(LEVELS[TREND.0] == 1e-2 && LEVELS[TREND.1] == 1e-4);
/// The exponent beyond the last level.
const SLOPE_MIN: f64 = 0.6;
/// Half of what was learnt is forgotten in this share of the time it took to learn it, while that
/// is short: on the first days everybody is new, and those who are new later are others.
const YOUNG_MEMORY: f64 = 1.0 / 3.0;
/// Curves are drawn again, and the past fades, so often.
const REFRESH: Span = Span::HOUR;

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
        PValue::from_ln(along(self.points.iter().copied(), p.ln(), self.slope))
    }

    /// The p-value that comes so often.
    fn quantile(&self, chance: PValue) -> PValue {
        let swapped = self.points.iter().map(|(ln_p, ln)| (*ln, *ln_p));
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
        self.count(tail, 1.0);
    }

    /// It is taken for one that was not far out.
    fn take_back(&mut self, tail: Tail) {
        self.count(tail, -1.0);
    }

    fn count(&mut self, tail: Tail, times: f64) {
        let spread = tail.spread();
        let left_out = spread.below(UNCOUNTED);
        let sums = self.below.iter_mut().zip(LEVELS);
        for (sum, level) in sums.skip_while(|(_, level)| tail.had_reached(*level)) {
            let below = spread.below(level);
            if below == 0.0 {
                break;
            }
            sum.add(times * (below - left_out));
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
            *below = (keep * *below + new.get()).max(0.0);
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
        Stratum {
            class,
            maturity,
            size: magnitude(expected),
        }
    }

    /// Whether one or more are expected in a window.
    fn is_expected(self) -> bool {
        self.size >= 0
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

/// An entity's tests of today that were rare.
#[derive(Clone, Copy, Debug)]
struct Rare {
    tests: u32,
    /// The first of them.
    stratum: Stratum,
    tail: Tail,
}

/// One series.
#[derive(Debug)]
pub(super) struct Recalibration {
    strata: HashMap<Stratum, Counts, RandomState>,
    classes: Vec<Counts>,
    whole: Counts,
    began: EventTime,
    refreshed: EventTime,
    half_life: Span,
    /// By entity.
    rare_today: HashMap<usize, Rare, RandomState>,
}

impl Recalibration {
    pub(super) fn new(half_life: Span) -> Recalibration {
        Recalibration {
            strata: HashMap::default(),
            classes: Vec::new(),
            whole: Counts::new(Curve::uniform()),
            began: EventTime::MIN,
            refreshed: EventTime::MIN,
            half_life,
            rare_today: HashMap::default(),
        }
    }

    /// Before a window that ends then is judged.
    pub(super) fn refresh(&mut self, end: EventTime) {
        let now = end.floor(REFRESH);
        if now <= self.refreshed {
            return;
        }
        if self.began == EventTime::MIN {
            (self.began, self.refreshed) = (now, now);
        }
        let young = YOUNG_MEMORY * (now - self.began).in_days();
        let half_life = young.min(self.half_life.in_days()).max(REFRESH.in_days());
        let keep = 0.5_f64.powf((now - self.refreshed).in_days() / half_life);
        self.refreshed = now;
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

    /// The tail on the scale of what came before, of the entity in this row; learns from it for later
    /// windows.
    pub(super) fn step(&mut self, row: usize, stratum: Stratum, tail: Tail) -> Tail {
        let class = usize::from(stratum.class);
        if self.classes.len() <= class {
            let unknown = Counts::new(self.whole.curve);
            self.classes.resize(class + 1, unknown);
        }
        let counts = self
            .strata
            .entry(stratum)
            .or_insert_with(|| Counts::new(self.classes[class].curve));
        let curve = &counts.curve;
        let rescaled = tail.rescaled(|p| curve.chance(p));
        let is_rare = rescaled.p().get() <= RARE && !rescaled.had_reached(RARE);
        if !is_rare || stratum.is_expected() {
            counts.fresh.add(tail);
            return rescaled;
        }
        let rare = self.rare_today.entry(row).or_insert(Rare {
            tests: 0,
            stratum,
            tail,
        });
        rare.tests += 1;
        if rare.tests == 1 {
            counts.fresh.add(tail);
        } else if rare.tests == RARE_TIMES
            && let Some(counts) = self.strata.get_mut(&rare.stratum)
        {
            counts.fresh.take_back(rare.tail);
        }
        rescaled
    }

    /// A day has passed, and rows may be others.
    pub(super) fn next_day(&mut self) {
        self.rare_today.clear();
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
            + self.rare_today.capacity() * size_of::<(usize, Rare)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    const STRATUM: Stratum = Stratum {
        class: 0,
        maturity: Maturity::Mature,
        size: -1,
    };

    /// Hours of a hundred tests each, whose tails `tail` draws; what the last of them are put as.
    fn recalibrated(
        hours: i64,
        last: usize,
        mut tail: impl FnMut(&mut Pcg64) -> Tail,
    ) -> (Recalibration, Vec<Tail>) {
        let mut rng = Pcg64::seed_from_u64(41);
        let mut recalibration = Recalibration::new(Span::days(365));
        let mut tails = Vec::new();
        for hour in 0..hours {
            recalibration.refresh(EventTime(0) + Span::hours(hour));
            for test in 0..100 {
                tails.push(recalibration.step(hour as usize * 100 + test, STRATUM, tail(&mut rng)));
            }
        }
        let tails = tails.split_off(tails.len() - last);
        (recalibration, tails)
    }

    fn share_below(tails: &[Tail], level: f64) -> f64 {
        let below: f64 = tails.iter().map(|tail| tail.chance_below(level)).sum();
        below / tails.len() as f64
    }

    fn continuous(p: f64) -> Tail {
        Tail::new(PValue::new(p), 0.0)
    }

    #[test]
    fn conservative_and_liberal_p_values_come_as_often_as_they_say() {
        // P(p <= x) is x^1.5, x^0.7, and 1 / 20 of x with the rest at 1.
        let conservative = |rng: &mut Pcg64| continuous(rng.random::<f64>().powf(1.0 / 1.5));
        let liberal = |rng: &mut Pcg64| continuous(rng.random::<f64>().powf(1.0 / 0.7));
        let bound = |rng: &mut Pcg64| match rng.random::<f64>() < 0.05 {
            true => continuous(rng.random()),
            false => Tail::NONE,
        };
        for (name, (_, tails)) in [
            ("conservative", recalibrated(4_000, 300_000, conservative)),
            ("liberal", recalibrated(4_000, 300_000, liberal)),
            ("bound", recalibrated(4_000, 300_000, bound)),
        ] {
            for (level, within) in [(1e-2, 0.1), (1e-3, 0.25), (1e-4, 0.6)] {
                let ratio = share_below(&tails, level) / level;
                assert!((ratio - 1.0).abs() < within, "{name} {level}: {ratio}");
            }
        }
    }

    #[test]
    fn uniform_p_values_stay_what_they_are() {
        let (recalibration, _) = recalibrated(4_000, 0, |rng: &mut Pcg64| continuous(rng.random()));
        let curve = recalibration.strata[&STRATUM].curve;
        for p in [0.5, 1e-2, 1e-3, 1e-9, 1e-30] {
            let put = curve.chance(PValue::new(p)).ln() / p.ln();
            assert!((put - 1.0).abs() < 0.05, "{p}: exponent {put}");
        }
    }

    #[test]
    fn a_value_that_always_comes_has_the_mass_that_the_law_withheld() {
        // The law believes in one of ten that does more; nobody ever does.
        let (_, tails) = recalibrated(500, 20_000, |_| Tail::new(PValue::ONE, 0.9));
        let ratio = share_below(&tails, 1e-2) / 1e-2;
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
    }

    #[test]
    fn what_never_came_is_as_unlikely_as_tests_were_many_or_as_the_law_has_it() {
        let (recalibration, _) = recalibrated(1_000, 0, |_| Tail::NONE);
        let curve = recalibration.strata[&STRATUM].curve;
        let never = curve.chance(PValue::new(0.1)).get();
        assert!((1e-6..1e-4).contains(&never), "{never}");
        assert!(curve.chance(PValue::new(1e-12)).get() <= 1e-12);
    }

    #[test]
    fn what_is_looked_for_does_not_pay_for_it() {
        let attack = |rng: &mut Pcg64| match rng.random::<f64>() < 1e-3 {
            true => continuous(1e-9),
            false => continuous(rng.random()),
        };
        let (recalibration, _) = recalibrated(2_000, 0, attack);
        let put = recalibration.strata[&STRATUM]
            .curve
            .chance(PValue::new(1e-9));
        assert!(put.get() < 3e-9, "{put:?}");
    }

    /// How many were counted up to a level in days of a thousand that are uniform, and these of one
    /// entity.
    fn counted(level: f64, tails: &[Tail]) -> f64 {
        let mut rng = Pcg64::seed_from_u64(42);
        let mut recalibration = Recalibration::new(Span::days(1_000_000));
        for day in 0..60 {
            recalibration.refresh(EventTime(0) + Span::days(1_000_000 + day));
            recalibration.next_day();
            for row in 1..1_000 {
                recalibration.step(row, STRATUM, continuous(rng.random()));
            }
            for tail in tails {
                recalibration.step(0, STRATUM, *tail);
            }
        }
        let level = LEVELS.iter().position(|one| *one == level).unwrap();
        let counts = &recalibration.strata[&STRATUM];
        counts.known.below[level] + counts.fresh.below[level].get()
    }

    #[test]
    fn who_is_far_out_again_and_again_does_not_make_it_usual_for_others() {
        let counts = [0, 1, 2, 3, 30].map(|times| counted(5e-4, &vec![continuous(1e-4); times]));
        let more = counts.map(|count| (count - counts[0]) / counts[1]);
        assert!(more[1] > 0.3, "{counts:?}");
        assert!((more[2] - more[1]).abs() < 1e-6, "{counts:?}");
        for many in &more[3..] {
            assert!(many.abs() < 1e-6, "{counts:?}");
        }
    }

    #[test]
    fn evidence_counts_where_it_reaches_a_level_and_not_while_it_stays_there() {
        let at = |p: f64, before: f64| continuous(p).after(PValue::new(before));
        // Less far out than is rare, so that every test is learnt from.
        let rise = [
            at(0.3, 1.0),
            at(4e-3, 0.3),
            at(4.5e-3, 4e-3),
            at(3e-3, 4.5e-3),
        ];
        let once = counted(0.4, &[at(0.3, 1.0)]) - counted(0.4, &[]);
        for level in [0.4, 0.02, 5e-3] {
            let more = counted(level, &rise) - counted(level, &[]);
            assert!((more / once - 1.0).abs() < 1e-3, "{level}: {more} {once}");
        }
        assert_eq!(counted(2e-3, &rise), counted(2e-3, &[]));
        let put = Recalibration::new(Span::DAY).step(0, STRATUM, at(1e-3, 1e-2));
        assert!((put.before() / 1e-2 - 1.0).abs() < 1e-9, "{put:?}");
    }

    #[test]
    fn the_quantile_is_the_inverse_of_the_chance() {
        let liberal = |rng: &mut Pcg64| continuous(rng.random::<f64>().powf(1.0 / 0.7));
        let (recalibration, _) = recalibrated(1_000, 0, liberal);
        let curve = recalibration.strata[&STRATUM].curve;
        for p in [0.95, 0.3, 1e-2, 1e-4, 1e-7, 1e-20] {
            let back = curve.quantile(curve.chance(PValue::new(p)));
            assert!((back.ln() - p.ln()).abs() < 1e-9, "{p}: {back:?}");
        }
        let unknown = Stratum {
            class: 9,
            ..STRATUM
        };
        assert_eq!(
            recalibration.quantile(unknown, PValue::new(1e-5)),
            PValue::new(1e-5)
        );
    }
}
