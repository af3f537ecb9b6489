//! Timetables: arrivals more regular than chance, of an entity whose arrivals were not.
//!
//! Silences between sittings of somebody who comes when there is something to do scatter as those
//! of a Poisson process, or more. Moran's statistic (1951), minus the sum of ln(gap / mean gap), is
//! small where they scatter less; its lower tail is about that of a Gamma distribution with the
//! same mean and variance (Cheng and Stephens 1989 fit a shifted one). Jitter of half a period still
//! scatters far less than chance.
//!
//! Machines are regular by trade. What is judged is therefore the change: the p-value is at least
//! how often an entity of the class turned regular, and who was regular before is not judged.
//!
//! What it cannot see: who comes less often than a dozen times in a window, who never pauses, and
//! who was regular from before the stream began.

mod describe;

use super::{Judged, keep_rows};
use crate::measure::Arrivals;
use crate::score::entities::Entity;
use crate::statistics::{PValue, Tail};
use serde::{Deserialize, Serialize};
use statrs::function::gamma::gamma_lr;

/// Gaps below which nothing is judged.
const GAPS_MIN: usize = 12;
/// Silences are counted in minutes; where they are shorter than this on average, that alone makes
/// them regular.
const MEAN_MINUTES_MIN: f64 = 10.0;
/// The Gamma law's tail is too light where there are few gaps: taken to this power it is
/// conservative.
const TAIL_EXPONENT: f64 = 0.75;
/// Less likely than this is regular.
const REGULAR_BELOW: f64 = 1e-4;
/// Judged windows of a class that stand for knowing nothing, and turns beside them.
const PRIOR_WINDOWS: f64 = 500.0;
const PRIOR_TURNS: f64 = 0.5;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Class {
    turns: f64,
    windows: f64,
}

/// All entities of one series.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::score) struct RegularSeries {
    was_regular: Vec<bool>,
    classes: Vec<Class>,
}

impl RegularSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<bool>();

    /// Judges the entities that appeared, in order of their keys; tells `each` of those that came
    /// often enough; learns.
    pub(in crate::score) fn judge<'a>(
        &mut self,
        entities: &[Entity],
        classes: usize,
        appeared: impl Iterator<Item = (usize, &'a Arrivals)>,
        mut each: impl FnMut(usize, Judged),
    ) {
        self.was_regular.resize(entities.len(), false);
        self.classes.resize_with(classes, Class::default);
        let before = self.classes.clone();
        for (row, arrivals) in appeared {
            let gaps: Vec<f64> = arrivals
                .silences()
                .map(|minutes| f64::from(minutes) - 0.5)
                .collect();
            let total = gaps.iter().sum::<f64>();
            if gaps.len() < GAPS_MIN || total < MEAN_MINUTES_MIN * gaps.len() as f64 {
                continue;
            }
            let number = usize::from(entities[row].class);
            let (known, class) = (&before[number], &mut self.classes[number]);
            let p = regularity(&gaps);
            class.windows += 1.0;
            let mut tail = Tail::new(p, 0.0);
            if p.get() < REGULAR_BELOW {
                let turns = (known.turns + PRIOR_TURNS) / (known.windows + PRIOR_WINDOWS);
                tail = Tail::new(p.max(PValue::new(turns)), 0.0);
                if self.was_regular[row] {
                    tail = Tail::NONE;
                } else {
                    class.turns += 1.0;
                }
                self.was_regular[row] = true;
            }
            each(row, Judged::new(0.0, tail));
        }
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.was_regular, marks);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.was_regular.capacity()
    }
}

/// How likely silences as regular as these are, if arrivals come at random.
fn regularity(gaps: &[f64]) -> PValue {
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let moran: f64 = gaps.iter().map(|gap| (mean / gap).ln()).sum();
    let [first, second] = moments_of_ln(mean);
    // That the mean is the gaps' own takes away half a unit, and one from each gap's variance.
    let expected = n * first - 0.5;
    let variance = n * (second - first * first - 1.0);
    let shape = expected * expected / variance;
    let scaled = moran.max(1e-9) * expected / variance;
    PValue::new(gamma_lr(shape, scaled).powf(TAIL_EXPONENT))
}

/// The first two moments of ln(mean / gap) of exponential gaps that are counted in whole minutes.
fn moments_of_ln(mean: f64) -> [f64; 2] {
    let stays = (-1.0 / mean).exp();
    let mut chance = 1.0 - stays;
    let mut moments = [0.0; 2];
    for minute in 1..=(30.0 * mean) as usize {
        let ln = (mean / (minute as f64 - 0.5)).ln();
        moments[0] += chance * ln;
        moments[1] += chance * ln * ln;
        chance *= stays;
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp1};
    use rand_pcg::Pcg64;

    #[test]
    fn arrivals_at_random_are_not_regular_more_often_than_p_says() {
        let mut rng = Pcg64::seed_from_u64(1);
        let trials = 20_000;
        for n in [12, 60, 300] {
            let mut p: Vec<f64> = (0..trials)
                .map(|_| {
                    let gaps: Vec<f64> = (0..n)
                        .map(|_| {
                            let silence: f64 = Exp1.sample(&mut rng);
                            (12.0 * silence).ceil() - 0.5
                        })
                        .collect();
                    regularity(&gaps).get()
                })
                .collect();
            p.sort_by(f64::total_cmp);
            for level in [0.1, 1e-2, 1e-3] {
                let below = p.partition_point(|p| *p <= level) as f64 / f64::from(trials);
                assert!(below < 1.3 * level, "{n} {level}: {below}");
            }
        }
    }

    #[test]
    fn a_timetable_is_regular_even_with_half_its_period_as_jitter() {
        let mut rng = Pcg64::seed_from_u64(2);
        let gaps: Vec<f64> = (0..96)
            .map(|_| 15.0 * (0.5 + rng.random::<f64>()))
            .collect();
        assert!(regularity(&gaps).get() < 1e-8, "{:?}", regularity(&gaps));
        assert!(regularity(&[57.0; 24]).get() < 1e-12);
    }
}
