//! Whether p-values are what they say.
//!
//! On traffic where nothing happens a p-value is below 1e-5 once in 1e5 tests. Counts are
//! discrete, so a conservative p-value is below it less often and says nothing about a model; the
//! randomised one is exactly uniform (Rubin-Delanchy, Heard and Lawson, JASA 2019). Nothing is
//! drawn: each test adds the chance that its randomised p-value is below a level, and its share of
//! each bin of the probability integral transform (Czado, Gneiting and Held, Biometrics 2009).

use crate::domain::Span;
use crate::limits::{CALIBRATION_CLASSES_MAX, CALIBRATION_SERIES_MAX};
use crate::statistics::{MAGNITUDES, Spread, Tail, magnitude};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Levels that are looked at.
pub const LEVELS: [f64; 6] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];
/// Bins of the probability integral transform.
pub const BINS: usize = 20;
/// A stratum is judged at a level where at least so many were due.
const DUE_MIN: f64 = 100.0;

/// How far observed / nominal may be from 1 at a level.
pub(super) fn bounds_at(level: f64) -> (f64, f64) {
    if level > 5e-6 { (0.5, 2.0) } else { (0.2, 5.0) }
}

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct TestRow<'a> {
    /// The detection.
    pub detection: &'a str,
    /// Its window.
    pub window: Span,
    /// Who lends whom statistics: the role, say.
    pub class: &'a str,
    /// How much history the entity has.
    pub maturity: &'a str,
    /// What is unusual on the day.
    pub regime: &'a str,
    /// What the baseline expected.
    pub expected: f64,
    /// The tail beyond what was observed.
    pub tail: Tail,
}

/// The first bin that a randomised p-value can be in.
fn first_bin(spread: &Spread) -> usize {
    match spread {
        Spread::Uniform(low, _) => ((low * BINS as f64) as usize).min(BINS - 1),
        Spread::Other(_) => 0,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    series: u16,
    class: u16,
    regime: u16,
    maturity: u16,
    size: i8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    tests: u64,
    below: [f64; LEVELS.len()],
}

impl Cell {
    fn add(&mut self, other: &Cell) {
        self.tests += other.tests;
        for (sum, below) in self.below.iter_mut().zip(other.below) {
            *sum += below;
        }
    }
}

/// Words as small numbers, up to a bound; what comes beyond it shares the last number.
#[derive(Clone, Debug)]
struct Words<W> {
    words: Vec<W>,
    numbers: HashMap<W, u16, ahash::RandomState>,
    max: usize,
    last: Option<u16>,
}

impl<W: Clone + Eq + std::hash::Hash> Words<W> {
    fn new(max: usize) -> Words<W> {
        Words {
            words: Vec::new(),
            numbers: HashMap::default(),
            max,
            last: None,
        }
    }

    /// Tests come in runs of the same word: the last one is looked at first.
    fn number<Q>(&mut self, word: &Q) -> u16
    where
        Q: Eq + std::hash::Hash + ToOwned<Owned = W> + ?Sized,
        W: std::borrow::Borrow<Q>,
    {
        if let Some(last) = self.last
            && self.words[usize::from(last)].borrow() == word
        {
            return last;
        }
        let number = match self.numbers.get(word) {
            Some(number) => *number,
            None if self.words.len() < self.max => {
                let number = self.words.len() as u16;
                self.words.push(word.to_owned());
                self.numbers.insert(word.to_owned(), number);
                number
            }
            None => (self.max - 1) as u16,
        };
        self.last = Some(number);
        number
    }

    fn word(&self, number: u16) -> &W {
        &self.words[usize::from(number)]
    }
}

/// Counts tests.
#[derive(Clone, Debug)]
pub struct Calibration {
    detections: Words<String>,
    series: Words<(u16, Span)>,
    classes: Words<String>,
    regimes: Words<String>,
    maturities: Words<String>,
    cells: HashMap<Key, Cell, ahash::RandomState>,
    /// Per detection.
    bins: Vec<[f64; BINS]>,
    tests: u64,
    excluded: u64,
}

impl Default for Calibration {
    fn default() -> Calibration {
        Calibration {
            detections: Words::new(CALIBRATION_SERIES_MAX),
            series: Words::new(CALIBRATION_SERIES_MAX),
            classes: Words::new(CALIBRATION_CLASSES_MAX),
            regimes: Words::new(CALIBRATION_CLASSES_MAX),
            maturities: Words::new(CALIBRATION_CLASSES_MAX),
            cells: HashMap::default(),
            bins: Vec::new(),
            tests: 0,
            excluded: 0,
        }
    }
}

impl Calibration {
    /// Takes a test.
    pub fn note(&mut self, row: &TestRow<'_>) {
        self.tests += 1;
        let detection = self.detections.number(row.detection);
        let key = Key {
            series: self.series.number(&(detection, row.window)),
            class: self.classes.number(row.class),
            regime: self.regimes.number(row.regime),
            maturity: self.maturities.number(row.maturity),
            size: magnitude(row.expected),
        };
        let cell = self.cells.entry(key).or_default();
        cell.tests += 1;
        // Nearly always the randomised p-value is uniform over an interval, and nearly always that
        // ends far from the levels.
        let spread = row.tail.spread();
        let sums = cell.below.iter_mut().zip(LEVELS);
        for (sum, level) in sums.skip_while(|(_, level)| row.tail.had_reached(*level)) {
            let below = spread.below(level);
            if below == 0.0 {
                // Nor is it below the stricter levels that follow.
                break;
            }
            *sum += below;
        }
        let detection = usize::from(detection);
        if self.bins.len() <= detection {
            self.bins.resize(detection + 1, [0.0; BINS]);
        }
        let first = first_bin(&spread);
        let mut below = 0.0;
        for (bin, sum) in self.bins[detection].iter_mut().enumerate().skip(first) {
            let up_to = if bin + 1 == BINS {
                1.0
            } else {
                spread.below((bin + 1) as f64 / BINS as f64)
            };
            *sum += up_to - below;
            below = up_to;
            if below >= 1.0 {
                break;
            }
        }
    }

    /// A test of an entity to which something was done is no test of a model.
    pub fn exclude(&mut self) {
        self.excluded += 1;
    }

    /// Takes what another counted.
    pub fn merge(&mut self, other: &Calibration) {
        self.tests += other.tests;
        self.excluded += other.excluded;
        let mut keys: Vec<&Key> = other.cells.keys().collect();
        keys.sort_by_key(|key| (key.series, key.class, key.regime, key.maturity, key.size));
        for key in keys {
            let (detection, window) = *other.series.word(key.series);
            let detection = self
                .detections
                .number(other.detections.word(detection).as_str());
            let own = Key {
                series: self.series.number(&(detection, window)),
                class: self.classes.number(other.classes.word(key.class).as_str()),
                regime: self.regimes.number(other.regimes.word(key.regime).as_str()),
                maturity: self
                    .maturities
                    .number(other.maturities.word(key.maturity).as_str()),
                size: key.size,
            };
            self.cells.entry(own).or_default().add(&other.cells[key]);
        }
        for (number, bins) in other.bins.iter().enumerate() {
            let name = other.detections.word(number as u16).as_str();
            let own = usize::from(self.detections.number(name));
            if self.bins.len() <= own {
                self.bins.resize(own + 1, [0.0; BINS]);
            }
            for (sum, bin) in self.bins[own].iter_mut().zip(bins) {
                *sum += bin;
            }
        }
    }

    /// What came of it; `None` where nothing was tested.
    pub fn finish(&self) -> Option<Calibrated> {
        if self.tests == 0 {
            return None;
        }
        let name = |series: u16| {
            let (detection, window) = *self.series.word(series);
            (self.detections.word(detection).clone(), window)
        };
        // Sums of floats must not depend on how a map is ordered.
        let mut keys: Vec<(&Key, &Cell)> = self.cells.iter().collect();
        keys.sort_by_key(|(key, _)| (key.series, key.class, key.regime, key.maturity, key.size));
        let mut by_series: BTreeMap<(String, Span), Cell> = BTreeMap::new();
        let mut by_stratum: BTreeMap<(u16, u16, u16, i8), Cell> = BTreeMap::new();
        let mut strata_by_detection = Vec::new();
        for (key, cell) in keys {
            by_series.entry(name(key.series)).or_default().add(cell);
            let stratum = (key.class, key.regime, key.maturity, key.size);
            by_stratum.entry(stratum).or_default().add(cell);
            strata_by_detection.extend(self.stratum(stratum, Some(name(key.series)), cell));
        }
        let mut strata: Vec<StratumRow> = by_stratum
            .iter()
            .filter_map(|(stratum, cell)| self.stratum(*stratum, None, cell))
            .collect();
        for rows in [&mut strata, &mut strata_by_detection] {
            rows.sort_by_cached_key(StratumRow::name);
        }
        let series = by_series
            .into_iter()
            .map(|((detection, window), cell)| SeriesRow {
                detection,
                window: window.to_string(),
                window_seconds: window.0 as f64 / 1e3,
                tests: cell.tests,
                levels: levels_of(&cell),
            })
            .collect();
        let mut histograms: Vec<HistogramRow> = self
            .bins
            .iter()
            .enumerate()
            .map(|(number, bins)| {
                let tests: f64 = bins.iter().sum();
                HistogramRow {
                    detection: self.detections.word(number as u16).clone(),
                    bins: bins.map(|bin| bin / tests.max(1e-300) * BINS as f64),
                }
            })
            .collect();
        histograms.sort_by(|one, other| one.detection.cmp(&other.detection));
        Some(Calibrated {
            tests: self.tests,
            excluded: self.excluded,
            verdicts: verdicts(&strata),
            strata,
            verdicts_by_detection: verdicts(&strata_by_detection),
            strata_by_detection,
            series,
            histograms,
        })
    }

    /// A stratum, of a series or of all; `None` where it is too small to be judged at any level.
    fn stratum(
        &self,
        (class, regime, maturity, size): (u16, u16, u16, i8),
        series: Option<(String, Span)>,
        cell: &Cell,
    ) -> Option<StratumRow> {
        let (detection, window) = series.unzip();
        (DUE_MIN <= cell.tests as f64 * LEVELS[0]).then(|| StratumRow {
            detection,
            window: window.map(|window| window.to_string()),
            size: size_name(size),
            maturity: self.maturities.word(maturity).clone(),
            class: self.classes.word(class).clone(),
            regime: self.regimes.word(regime).clone(),
            tests: cell.tests,
            levels: levels_of(cell),
        })
    }
}

fn size_name(size: i8) -> String {
    let (least, most) = (*MAGNITUDES.start(), *MAGNITUDES.end());
    let at = |order: i8| format!("{}", 10_f64.powi(i32::from(order)));
    if size == least {
        format!("<{}", at(least + 1))
    } else if size == most {
        format!("≥{}", at(most))
    } else {
        format!("{}-{}", at(size), at(size + 1))
    }
}

fn levels_of(cell: &Cell) -> Vec<LevelFigure> {
    LEVELS
        .iter()
        .zip(cell.below)
        .map(|(level, observed)| {
            let due = cell.tests as f64 * level;
            let ratio = observed / due.max(1e-300);
            let (low, high) = bounds_at(*level);
            LevelFigure {
                level: *level,
                observed,
                due,
                ratio,
                judged: due >= DUE_MIN,
                within: (low..=high).contains(&ratio),
            }
        })
        .collect()
}

fn verdicts(strata: &[StratumRow]) -> Vec<VerdictRow> {
    let mut rows = Vec::new();
    for ordinary in [true, false] {
        for (position, level) in LEVELS.iter().enumerate() {
            let (low, high) = bounds_at(*level);
            let judged: Vec<&StratumRow> = strata
                .iter()
                .filter(|stratum| (stratum.regime == super::days::ORDINARY) == ordinary)
                .filter(|stratum| stratum.levels[position].judged)
                .collect();
            let distance =
                |stratum: &StratumRow| stratum.levels[position].ratio.max(1e-9).ln().abs();
            let worst = judged
                .iter()
                .max_by(|one, other| distance(one).total_cmp(&distance(other)));
            rows.push(VerdictRow {
                ordinary,
                level: *level,
                low,
                high,
                judged: judged.len(),
                outside: judged
                    .iter()
                    .filter(|stratum| !stratum.levels[position].within)
                    .count(),
                worst: worst.map(|stratum| stratum.name()),
                worst_ratio: worst.map(|stratum| stratum.levels[position].ratio),
            });
        }
    }
    rows
}

/// Whether p-values are what they say.
#[derive(Clone, Debug, Serialize)]
pub struct Calibrated {
    /// Tests counted.
    pub tests: u64,
    /// Tests left out, because something was done to their entity.
    pub excluded: u64,
    /// Strata within bounds, by level.
    pub verdicts: Vec<VerdictRow>,
    /// By size, maturity, class and regime; those that can be judged at all.
    pub strata: Vec<StratumRow>,
    /// Strata of single detections within bounds, by level.
    pub verdicts_by_detection: Vec<VerdictRow>,
    /// By detection and window beside; those that can be judged at all.
    pub strata_by_detection: Vec<StratumRow>,
    /// By detection and window.
    pub series: Vec<SeriesRow>,
    /// Histogram of randomised p-values by detection, as density: 1 is even.
    pub histograms: Vec<HistogramRow>,
}

/// Observed against nominal at a level.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LevelFigure {
    /// The level.
    pub level: f64,
    /// Randomised p-values below it, in expectation.
    pub observed: f64,
    /// How many were due.
    pub due: f64,
    /// Observed / due.
    pub ratio: f64,
    /// Whether enough were due to judge.
    pub judged: bool,
    /// Whether the ratio is within the bounds of the level.
    pub within: bool,
}

/// Strata at a level.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictRow {
    /// Ordinary days, or days of any regime.
    pub ordinary: bool,
    /// The level.
    pub level: f64,
    /// The ratio may be this low.
    pub low: f64,
    /// The ratio may be this high.
    pub high: f64,
    /// Strata that can be judged.
    pub judged: usize,
    /// Of these, those beyond the bounds.
    pub outside: usize,
    /// The one farthest off.
    pub worst: Option<String>,
    /// Its ratio.
    pub worst_ratio: Option<f64>,
}

/// A detection on a window.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesRow {
    /// The detection.
    pub detection: String,
    /// The window, as configurations write it.
    pub window: String,
    /// The same in seconds.
    pub window_seconds: f64,
    /// Tests.
    pub tests: u64,
    /// By level, loosest first.
    pub levels: Vec<LevelFigure>,
}

/// Tests that are alike.
#[derive(Clone, Debug, Serialize)]
pub struct StratumRow {
    /// The detection; `None` where it is all of them.
    pub detection: Option<String>,
    /// Its window, as configurations write it.
    pub window: Option<String>,
    /// Order of magnitude of what was expected.
    pub size: String,
    /// How much history the entities have.
    pub maturity: String,
    /// Their class.
    pub class: String,
    /// What is unusual on the day.
    pub regime: String,
    /// Tests.
    pub tests: u64,
    /// By level, loosest first.
    pub levels: Vec<LevelFigure>,
}

impl StratumRow {
    fn name(&self) -> String {
        let series = self.detection.iter().chain(&self.window);
        let stratum = [&self.class, &self.maturity, &self.size, &self.regime];
        let words: Vec<&str> = series.chain(stratum).map(String::as_str).collect();
        words.join(" ")
    }
}

/// Randomised p-values of a detection.
#[derive(Clone, Debug, Serialize)]
pub struct HistogramRow {
    /// The detection.
    pub detection: String,
    /// Density in each bin.
    pub bins: [f64; BINS],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::PValue;

    fn row(p: f64, mass: f64) -> TestRow<'static> {
        TestRow {
            detection: "surge",
            window: Span::HOUR,
            class: "broker",
            maturity: "mature",
            regime: "ordinary",
            expected: 3.0,
            tail: Tail::new(PValue::new(p), mass),
        }
    }

    #[test]
    fn uniform_p_values_are_calibrated_at_every_level_that_can_be_judged() {
        let mut calibration = Calibration::default();
        let tests = 200_000;
        for i in 0..tests {
            calibration.note(&row((f64::from(i) + 0.5) / f64::from(tests), 0.0));
        }
        let found = calibration.finish().unwrap();
        assert_eq!((found.tests, found.strata.len()), (200_000, 1));
        let series = &found.series[0];
        for (figure, judged) in series
            .levels
            .iter()
            .zip([true, true, false, false, false, false])
        {
            assert_eq!(figure.judged, judged, "{figure:?}");
            assert!(!judged || (figure.ratio - 1.0).abs() < 0.01, "{figure:?}");
        }
        let even = found.histograms[0]
            .bins
            .iter()
            .all(|bin| (bin - 1.0).abs() < 1e-3);
        assert!(even, "{:?}", found.histograms);
        assert!(found.verdicts.iter().all(|verdict| verdict.outside == 0));
    }

    #[test]
    fn a_discrete_test_is_counted_by_its_chance_and_not_by_its_conservative_value() {
        let mut calibration = Calibration::default();
        // A fair coin: the tail of heads is 1/2, of tails 1; the randomised p-value is uniform.
        for _ in 0..50 {
            calibration.note(&row(0.5, 0.5));
            calibration.note(&row(1.0, 0.5));
        }
        let found = calibration.finish().unwrap();
        let levels = &found.series[0].levels;
        assert!(
            levels
                .iter()
                .all(|figure| (figure.ratio - 1.0).abs() < 1e-9),
            "{levels:?}"
        );
        assert!(
            found.histograms[0]
                .bins
                .iter()
                .all(|bin| (bin - 1.0).abs() < 1e-9)
        );
    }

    #[test]
    fn p_values_that_are_too_small_are_told_with_their_stratum() {
        let mut calibration = Calibration::default();
        for i in 0..100_000 {
            let p = (f64::from(i) + 0.5) / 1e5;
            calibration.note(&row(p * p, 0.0));
            calibration.note(&TestRow {
                class: "support",
                ..row(p, 0.0)
            });
        }
        let found = calibration.finish().unwrap();
        let verdict = &found.verdicts[0];
        assert_eq!(
            (verdict.level, verdict.judged, verdict.outside),
            (1e-2, 2, 1)
        );
        assert!(
            verdict.worst.as_deref().unwrap().contains("broker"),
            "{verdict:?}"
        );
        assert!(
            (verdict.worst_ratio.unwrap() - 10.0).abs() < 0.1,
            "{verdict:?}"
        );
    }

    #[test]
    fn a_stratum_is_of_all_detections_and_told_by_detection_beside() {
        let mut calibration = Calibration::default();
        for i in 0..50_000 {
            let p = (f64::from(i) + 0.5) / 5e4;
            calibration.note(&row(p, 0.0));
            calibration.note(&TestRow {
                detection: "sweep",
                ..row((4.0 * p).min(1.0), 0.0)
            });
        }
        let found = calibration.finish().unwrap();
        let (whole, parts) = (&found.strata, &found.strata_by_detection);
        let names = parts.iter().map(|part| part.detection.as_deref());
        assert!(names.eq([Some("surge"), Some("sweep")]), "{parts:?}");
        assert_eq!((whole.len(), whole[0].tests), (1, 100_000));
        assert_eq!(whole[0].name(), "broker mature 1-10 ordinary");
        // 500 and 125 of 1,000.
        assert!((whole[0].levels[0].ratio - 0.625).abs() < 0.01);
        assert_eq!(found.verdicts[0].outside, 0);
        assert_eq!(found.verdicts_by_detection[0].outside, 1);
    }

    #[test]
    fn two_halves_merge_to_the_whole() {
        let (mut whole, mut left, mut right) = <(Calibration, Calibration, Calibration)>::default();
        for i in 0..20_000_u32 {
            let p = f64::from((i * 7_919) % 20_011 + 1) / 20_012.0;
            let class = ["seller", "broker", "support"][(i % 3) as usize];
            let row = TestRow {
                class,
                ..row(p, 0.0)
            };
            whole.note(&row);
            if i % 2 == 0 { &mut left } else { &mut right }.note(&row);
        }
        right.exclude();
        whole.exclude();
        left.merge(&right);
        let (whole, merged) = (whole.finish().unwrap(), left.finish().unwrap());
        assert_eq!(
            (whole.tests, whole.excluded),
            (merged.tests, merged.excluded)
        );
        assert_eq!(whole.strata.len(), merged.strata.len());
        let all = |found: &Calibrated| [found.strata.clone(), found.strata_by_detection.clone()];
        for (one, other) in all(&whole).concat().iter().zip(&all(&merged).concat()) {
            assert_eq!((one.name(), one.tests), (other.name(), other.tests));
            assert!((one.levels[0].observed - other.levels[0].observed).abs() < 1e-9);
        }
    }

    #[test]
    fn sizes_are_orders_of_magnitude() {
        let name = |expected| size_name(magnitude(expected));
        for (expected, size) in [
            (0.0, "<0.01"),
            (0.05, "0.01-0.1"),
            (1.0, "1-10"),
            (99.0, "10-100"),
            (5e9, "≥1000000"),
            (f64::NAN, "<0.01"),
        ] {
            assert_eq!(name(expected), size);
        }
    }
}
