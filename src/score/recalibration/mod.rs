//! Recalibration: how often p-values really come, and p-values that say so.
//!
//! A test can be conservative by construction (a bound of a tail, an e-value) or liberal on traffic
//! that its model does not fit. What it says is put through the distribution that its p-values had
//! before (Dawid, "Statistical theory: the prequential approach", JRSS A 1984; Kuleshov, Fenner and
//! Ermon, "Accurate uncertainties for deep learning using calibrated regression", ICML 2018):
//! randomised p-values are counted up to each of some levels (`counts`), and between those the
//! distribution is a straight line in logarithms (`curve`). It is learnt per series, per class, and
//! per maturity and order of magnitude of the expected value; each begins as the one before it says,
//! the series as the uniform.
//!
//! A window is judged by what earlier ones showed. P-values of [`UNCOUNTED`] and less may be what is
//! looked for, and must not pay for it: they are left out, and so are the rare ones of an entity of
//! which less than one event was expected and that is far out again and again, or that far
//! (`left_out`). Evidence that
//! is collected over windows counts where it reaches a level, and not while it stays there. What
//! never came in n tests has a p-value of some 1 / 2n until the model finds it less likely than that
//! by itself.

mod counts;
mod curve;
mod left_out;

use crate::domain::{EventTime, Maturity, Span};
use crate::saved;
use crate::statistics::{PValue, Tail, magnitude};
use ahash::RandomState;
use counts::{Counts, Curves};
use left_out::{LeftOut, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// P-values are counted from here on.
const UNCOUNTED: f64 = 1e-5;
/// Half of what was learnt is forgotten in this share of the time it took to learn it, while that
/// is short: on the first days everybody is new, and those who are new later are others.
const YOUNG_MEMORY: f64 = 1.0 / 3.0;
/// Curves are drawn again, and the past fades, so often.
const REFRESH: Span = Span::HOUR;

/// Which tests are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// One series.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recalibration {
    #[serde(serialize_with = "saved::map")]
    strata: HashMap<Stratum, Counts, RandomState>,
    classes: Vec<Counts>,
    whole: Counts,
    left_out: LeftOut,
    began: EventTime,
    refreshed: EventTime,
    half_life: Span,
}

impl Recalibration {
    pub(super) fn new(half_life: Span) -> Recalibration {
        Recalibration {
            strata: HashMap::default(),
            classes: Vec::new(),
            whole: Counts::new(&Curves::uniform()),
            left_out: LeftOut::default(),
            began: EventTime::MIN,
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
        if self.began == EventTime::MIN {
            (self.began, self.refreshed) = (now, now);
        }
        let young = YOUNG_MEMORY * (now - self.began).in_days();
        let half_life = young.min(self.half_life.in_days()).max(REFRESH.in_days());
        let keep = 0.5_f64.powf((now - self.refreshed).in_days() / half_life);
        self.refreshed = now;
        for (stratum, counts) in &self.strata {
            self.classes[usize::from(stratum.class)].merge(counts);
            self.whole.merge(counts);
        }
        self.whole.learn(keep, &Curves::uniform());
        for class in &mut self.classes {
            class.learn(keep, self.whole.curves());
        }
        for (stratum, counts) in &mut self.strata {
            counts.learn(keep, self.classes[usize::from(stratum.class)].curves());
        }
    }

    /// The tail on the scale of what came before, of the entity in this row; learns from it for later
    /// windows.
    pub(super) fn step(&mut self, row: usize, stratum: Stratum, tail: Tail) -> Tail {
        let class = usize::from(stratum.class);
        if self.classes.len() <= class {
            let unknown = Counts::new(self.whole.curves());
            self.classes.resize(class + 1, unknown);
        }
        let counts = self
            .strata
            .entry(stratum)
            .or_insert_with(|| Counts::new(self.classes[class].curves()));
        let rescaled = counts.rescaled(tail);
        match self.left_out.judge(row, stratum, tail, rescaled) {
            Verdict::Counts => counts.add(tail),
            Verdict::LeftOut => {}
            Verdict::TakesBack(stratum, tail) => {
                if let Some(counts) = self.strata.get_mut(&stratum) {
                    counts.take_back(tail);
                }
            }
        }
        rescaled
    }

    /// A day has passed, and rows may be others.
    pub(super) fn next_day(&mut self) {
        self.forget_rows();
    }

    /// Rows are others.
    pub(super) fn forget_rows(&mut self) {
        self.left_out.next_day();
    }

    /// What a test has to say for its p-value to be this one.
    pub(super) fn quantile(&self, stratum: Stratum, p: PValue) -> PValue {
        self.strata
            .get(&stratum)
            .map_or(p, |counts| counts.quantile(p))
    }

    pub(super) fn bytes(&self) -> usize {
        self.strata.capacity() * size_of::<(Stratum, Counts)>()
            + self.classes.capacity() * size_of::<Counts>()
            + self.left_out.bytes()
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

    /// As what a p-value is put.
    fn chance(counts: &Counts, p: PValue) -> PValue {
        counts.rescaled(Tail::new(p, 0.0)).p()
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
        let counts = recalibration.strata[&STRATUM];
        for p in [0.5, 1e-2, 1e-3, 1e-9, 1e-30] {
            let put = chance(&counts, PValue::new(p)).ln() / p.ln();
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
    fn a_value_that_always_comes_says_so_at_levels_that_were_never_reached() {
        // Nobody does more, and the law's chance that somebody does lies between two levels.
        let (_, tails) = recalibrated(2_000, 20_000, |_| Tail::new(PValue::ONE, 1.0 - 1.8e-3));
        for level in [1e-3, 1e-4, 1e-5] {
            let ratio = share_below(&tails, level) / level;
            assert!((0.9..1.1).contains(&ratio), "{level}: {ratio}");
        }
    }

    #[test]
    fn what_never_came_is_as_unlikely_as_tests_were_many_or_as_the_law_has_it() {
        let (recalibration, _) = recalibrated(1_000, 0, |_| Tail::NONE);
        let counts = recalibration.strata[&STRATUM];
        let never = chance(&counts, PValue::new(0.1)).get();
        assert!((1e-6..1e-4).contains(&never), "{never}");
        assert!(chance(&counts, PValue::new(1e-12)).get() <= 1e-12);
    }

    #[test]
    fn what_is_looked_for_does_not_pay_for_it() {
        let attack = |rng: &mut Pcg64| match rng.random::<f64>() < 1e-3 {
            true => continuous(1e-9),
            false => continuous(rng.random()),
        };
        let (recalibration, _) = recalibrated(2_000, 0, attack);
        let put = chance(&recalibration.strata[&STRATUM], PValue::new(1e-9));
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
        recalibration.strata[&STRATUM].below(level)
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
        let as_far_as_what_is_looked_for = counted(5e-4, &[continuous(1e-4), continuous(1e-6)]);
        assert!(
            (as_far_as_what_is_looked_for - counts[0]).abs() < 1e-6 * counts[1],
            "{counts:?}"
        );
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
        let counts = recalibration.strata[&STRATUM];
        for p in [0.95, 0.3, 1e-2, 1e-4, 1e-7, 1e-20] {
            let back = counts.quantile(chance(&counts, PValue::new(p)));
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
