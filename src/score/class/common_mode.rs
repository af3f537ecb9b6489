//! What moves all entities of a class at once, and by how much they scatter around it.
//!
//! The common mode of a window is the weighted median over the class of observed / expected.
//! Entities too small to have a ratio of their own are summed over pools by a hash of their
//! key, and each pool stands for one: a median of means. Without this a peak day of ×1.87
//! raises thousands of false alarms; so few entities cannot move it, an attack does not hide
//! itself.
//!
//! Beside the entities of a class stand two imagined ones, or else two real ones were a class. They
//! do as usual, or, where the other classes of the series do more, as the median of these: a peak is
//! everybody's, and nine accounts of services do too little at night to tell it by themselves. Of a
//! strike or an outage every class tells by itself: who does as usual is not to be told of because
//! others rest.
//!
//! The sketch is made of integers and fixed point, so it merges in any order to the same bits.

use super::super::entities::POOLS;
use crate::statistics::FixedSum;

const BINS: usize = 601;
const BIN_WIDTH: f64 = 0.02;
const BIN_CENTRE: f64 = 300.0;
/// Expected clumps of events from which an entity has a ratio of its own.
const SOLO_MIN: f64 = 8.0;
/// Expected clumps from which its ratio says something about scatter rather than about counting.
const SCATTER_MIN: f64 = 16.0;
/// Entities whose scatter must be known before the class has one.
const SCATTER_ENTITIES_MIN: u64 = 8;
/// Entities' worth of weight that the imagined ones have.
const PSEUDO_ENTITIES: u64 = 2;
/// Classes' worth of weight that stands at "nothing unusual" where the other classes are asked.
const PSEUDO_CLASSES: f64 = 1.0;
/// Weight of an entity that is measured well.
const WEIGHT: f64 = 256.0;
/// The median absolute deviation of a normal distribution is its standard deviation over this.
const MAD_TO_SD: f64 = 1.4826;
/// Of n, the standard error of that, relative and times √n (Rousseeuw and Croux, "Alternatives to the
/// median absolute deviation", JASA 1993: an efficiency of 37 %).
const MAD_ERROR: f64 = 1.167;

fn bin_of(ratio: f64) -> usize {
    if ratio <= 0.0 {
        return 0;
    }
    (ratio.ln() / BIN_WIDTH + BIN_CENTRE)
        .round()
        .clamp(0.0, (BINS - 1) as f64) as usize
}

fn ln_ratio_of(bin: f64) -> f64 {
    (bin - BIN_CENTRE) * BIN_WIDTH
}

/// Clumps as expected that stand beside those of a pool: its ratio is never nothing.
const PSEUDO_CLUMPS: f64 = 1.0;

/// Position of the weighted median in a histogram, to a fraction of a bin.
fn median(bins: impl Iterator<Item = u64> + Clone) -> Option<f64> {
    let total: u64 = bins.clone().sum();
    if total == 0 {
        return None;
    }
    // Where half lies on one side and half on the other, the median lies between.
    let first = |reached: &dyn Fn(u64) -> bool| {
        let mut below = 0;
        bins.clone().enumerate().find_map(|(bin, weight)| {
            below += weight;
            reached(2 * below).then(|| {
                let within = (total as f64 / 2.0 - (below - weight) as f64) / weight as f64;
                bin as f64 - 0.5 + within
            })
        })
    };
    let lower = first(&|twice_below| twice_below >= total)?;
    let upper = first(&|twice_below| twice_below > total).unwrap_or(lower);
    Some((lower + upper) / 2.0)
}

/// The observed and expected counts of a class in one window.
#[derive(Clone, Debug)]
pub(in crate::score) struct CommonModeSketch {
    /// Variance over mean of the counts, as far as it comes from events in clumps.
    clump: f64,
    solo: Vec<u64>,
    scatter: Vec<u64>,
    scatter_of_counting: FixedSum,
    pool_observed: [u64; POOLS],
    pool_expected: [FixedSum; POOLS],
}

/// What the sketch says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::score) struct CommonMode {
    /// Median of observed / expected over the entities and the imagined ones.
    pub(in crate::score) ratio: f64,
    /// Median over the entities alone.
    pub(in crate::score) seen: Option<f64>,
    /// How much the entities scatter, where enough are large.
    pub(in crate::score) scatter: Option<Scatter>,
}

/// How much the entities of a class scatter in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::score) struct Scatter {
    /// Relative variance between them, beyond that of counting.
    pub(in crate::score) variance: f64,
    /// The standard error of that.
    pub(in crate::score) error: f64,
    /// From so many.
    pub(in crate::score) entities: f64,
}

impl CommonModeSketch {
    /// An empty one for counts whose variance is 1 + `linear` times their mean at least.
    pub(in crate::score) fn new(linear: f64) -> CommonModeSketch {
        CommonModeSketch {
            clump: 1.0 + linear,
            solo: vec![0; BINS],
            scatter: vec![0; BINS],
            scatter_of_counting: FixedSum::default(),
            pool_observed: [0; POOLS],
            pool_expected: [FixedSum::default(); POOLS],
        }
    }

    /// Adds an entity with the `dispersion` it usually has.
    pub(in crate::score) fn add(
        &mut self,
        observed: u64,
        expected: f64,
        dispersion: f64,
        pool: u8,
    ) {
        let clumps = expected / self.clump;
        if clumps < SOLO_MIN {
            let pool = usize::from(pool) % POOLS;
            self.pool_observed[pool] = self.pool_observed[pool].saturating_add(observed);
            self.pool_expected[pool].add(expected);
            return;
        }
        // The median of a skewed count lies below its mean; for a Gamma by a third of its
        // relative variance.
        let variance = dispersion + 1.0 / clumps;
        let centre = expected * (1.0 - variance.min(1.0) / 3.0);
        let bin = bin_of(observed as f64 / centre);
        let floor = dispersion.max(0.05);
        let weight = clumps * floor / (1.0 + clumps * floor);
        self.solo[bin] += (WEIGHT * weight) as u64;
        if clumps >= SCATTER_MIN {
            self.scatter[bin] += 1;
            self.scatter_of_counting.add(1.0 / clumps);
        }
    }

    /// The common mode of a class by itself, whose usual ratio is 1.
    pub(in crate::score) fn read(mut self) -> CommonMode {
        self.fold_pools();
        self.read_around(0.0)
    }

    /// The common mode, where the imagined entities have this logarithm of their ratio.
    fn read_around(mut self, ln_imagined: f64) -> CommonMode {
        let ratio = |bin: f64| ln_ratio_of(bin).exp();
        let seen = self.median().map(ratio);
        let scatter = self.scatter();
        self.solo[bin_of(ln_imagined.exp())] += PSEUDO_ENTITIES * WEIGHT as u64;
        CommonMode {
            ratio: self.median().map_or(1.0, ratio),
            seen,
            scatter,
        }
    }

    fn median(&self) -> Option<f64> {
        median(self.solo.iter().copied())
    }

    /// How many entities there are, each as much as it says.
    fn entities(&self) -> f64 {
        self.solo.iter().sum::<u64>() as f64 / WEIGHT
    }

    /// Joins pools until each expects enough to have a ratio.
    fn fold_pools(&mut self) {
        let expected: f64 = self.pool_expected.iter().map(|sum| sum.get()).sum();
        let enough = SOLO_MIN * self.clump;
        let pools = ((expected / enough) as usize).clamp(1, POOLS);
        let mut folded = [(0_u64, 0.0_f64); POOLS];
        for pool in 0..POOLS {
            let into = &mut folded[pool % pools];
            into.0 = into.0.saturating_add(self.pool_observed[pool]);
            into.1 += self.pool_expected[pool].get();
        }
        let pseudo = PSEUDO_CLUMPS * self.clump;
        for (observed, expected) in folded {
            let bin = bin_of((observed as f64 + pseudo) / (expected + pseudo));
            self.solo[bin] += (WEIGHT * (expected / enough).min(1.0)) as u64;
        }
    }

    fn scatter(&self) -> Option<Scatter> {
        let entities: u64 = self.scatter.iter().sum();
        if entities < SCATTER_ENTITIES_MIN {
            return None;
        }
        let centre = median(self.scatter.iter().copied())?;
        let mut deviations = vec![0_u64; BINS];
        for (bin, weight) in self.scatter.iter().enumerate() {
            deviations[((bin as f64 - centre).abs().round() as usize).min(BINS - 1)] += weight;
        }
        let mad = median(deviations.into_iter())?.max(0.0) * BIN_WIDTH;
        let entities = entities as f64;
        let counting = self.scatter_of_counting.get() / entities;
        let variance = (mad * MAD_TO_SD).powi(2);
        Some(Scatter {
            variance: (variance - counting).max(0.0),
            error: variance * 2.0 * MAD_ERROR / entities.sqrt(),
            entities,
        })
    }
}

/// By how much a class does more than usual, as a logarithm, and how well that is known, from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Shift {
    ln: f64,
    known: f64,
}

/// The common modes of the classes of a series, of whose ratios these are the usual logarithms.
pub(in crate::score) fn common_modes(
    mut sketches: Vec<CommonModeSketch>,
    ln_usual: &[f64],
) -> Vec<CommonMode> {
    sketches.iter_mut().for_each(CommonModeSketch::fold_pools);
    let shifts: Vec<Option<Shift>> = sketches
        .iter()
        .zip(ln_usual)
        .map(|(sketch, usual)| {
            let entities = sketch.entities();
            Some(Shift {
                ln: ln_ratio_of(sketch.median()?) - usual,
                known: entities / (entities + PSEUDO_ENTITIES as f64),
            })
        })
        .collect();
    sketches
        .into_iter()
        .zip(ln_usual)
        .enumerate()
        .map(|(class, (sketch, usual))| {
            let others = [&shifts[..class], &shifts[class + 1..]].concat();
            let more = rise_of(others.into_iter().flatten().collect());
            sketch.read_around(usual + more)
        })
        .collect()
}

/// By how much the median of some classes does more than usual; 0 where it does not.
fn rise_of(mut shifts: Vec<Shift>) -> f64 {
    shifts.push(Shift {
        ln: 0.0,
        known: PSEUDO_CLASSES,
    });
    // Sums of floats, whatever numbers classes have.
    shifts.sort_by(|one, other| {
        let by_known = one.known.total_cmp(&other.known);
        one.ln.total_cmp(&other.ln).then(by_known)
    });
    let half = shifts.iter().map(|shift| shift.known).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let median = shifts.iter().find(|shift| {
        below += shift.known;
        below >= half
    });
    median.map_or(0.0, |shift| shift.ln.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entities: impl IntoIterator<Item = (u64, f64)>) -> CommonMode {
        let mut sketch = CommonModeSketch::new(0.0);
        for (number, (observed, expected)) in entities.into_iter().enumerate() {
            sketch.add(observed, expected, 0.0025, (number % POOLS) as u8);
        }
        sketch.read()
    }

    #[test]
    fn a_class_that_moves_together_is_seen_to() {
        let mode = read((0..200).map(|_| (187, 100.0)));
        assert!((mode.ratio / 1.87 - 1.0).abs() < 0.03, "{mode:?}");
        assert!(mode.scatter.unwrap().variance < 0.01);
        let small = read((0..5_000).map(|n| (u64::from((n / POOLS).is_multiple_of(2)) * 3, 0.5)));
        assert!((small.ratio / 3.0 - 1.0).abs() < 0.1, "{small:?}");
    }

    #[test]
    fn a_few_entities_do_not_move_their_class() {
        let mode = read((0..100).map(|n| (if n < 30 { 10_000 } else { 100 }, 100.0)));
        assert!((mode.ratio - 1.0).abs() < 0.05, "{mode:?}");
        let two = read([(10_000, 100.0), (100, 100.0)]);
        assert!((two.ratio - 1.0).abs() < 0.05, "{two:?}");
        assert_eq!(two.scatter, None);
    }

    #[test]
    fn a_class_that_does_too_little_to_tell_does_as_the_others_do() {
        let sketch = |entities: usize, observed: u64, expected: f64| {
            let mut sketch = CommonModeSketch::new(0.0);
            for number in 0..entities {
                sketch.add(observed, expected, 0.0025, (number % POOLS) as u8);
            }
            sketch
        };
        let ratio_of_few = |others: u64, observed: u64| {
            let classes = vec![
                sketch(9, observed, 1.0),
                sketch(200, others, 100.0),
                sketch(60, others, 100.0),
                sketch(60, others, 100.0),
            ];
            common_modes(classes, &[0.0; 4])[0].ratio
        };
        assert!((ratio_of_few(200, 2) / 2.0 - 1.0).abs() < 0.1);
        assert!((ratio_of_few(100, 2) - 1.0).abs() < 0.1);
        assert!((ratio_of_few(30, 1) - 1.0).abs() < 0.1);
        // One class that moves moves no other.
        let one = vec![
            sketch(9, 1, 1.0),
            sketch(200, 300, 100.0),
            sketch(60, 100, 100.0),
        ];
        assert!((common_modes(one, &[0.0; 3])[0].ratio - 1.0).abs() < 0.1);
        // Where everybody is at half of what is expected by habit, that is as usual.
        let halves = vec![sketch(9, 0, 0.1), sketch(200, 50, 100.0)];
        let habit = 0.5_f64.ln();
        let modes = common_modes(halves, &[habit; 2]);
        assert!((modes[0].ratio / 0.5 - 1.0).abs() < 0.1, "{modes:?}");
    }

    #[test]
    fn scatter_between_entities_is_measured_beyond_that_of_counting() {
        let spread = [0.7_f64, 0.8, 0.9, 1.0, 1.1, 1.25, 1.45];
        let mode = read((0..210).map(|n| ((1_000.0 * spread[n % 7]) as u64, 1_000.0)));
        let scatter = mode.scatter.unwrap().variance;
        assert!(scatter > 0.02 && scatter < 0.12, "{scatter}");
    }

    #[test]
    fn an_empty_class_has_nothing_unusual() {
        assert_eq!(
            read([]),
            CommonMode {
                ratio: 1.0,
                seen: None,
                scatter: None
            }
        );
    }

    #[test]
    fn a_class_gone_silent_has_a_ratio_near_nothing() {
        assert!(read((0..50).map(|_| (0, 40.0))).ratio < 0.01);
    }
}
