//! Counts: a Gamma-Poisson baseline per entity, with what its class shares.
//!
//! The expected count of entity i in window t is rate_i × season(t) × common mode(t); its
//! predictive distribution is negative binomial. The rate has a Gamma posterior whose prior is
//! the class's, so that an entity is judged from its first window on. The dispersion adds up
//! the entity's own scatter (shrunk to its class's), the uncertainty of its rate, and how much
//! more than usual the class scatters in this very window (catalogue of methods: Gamma-Poisson
//! predictors with season, common mode and dispersion re-estimated per window).
//!
//! Learning is robust: values beyond five standard deviations are drawn in to them, unlikely
//! windows weigh less, and the newest two days wait in a guard band.

use super::evidence::{Evidence, Learning};
use crate::detection::Direction;
use crate::domain::{EventTime, Span};
use crate::score::class::{CommonModeSketch, Prior, PriorMoments, Season};
use crate::score::entities::Entity;
use crate::statistics::{FixedSum, NegativeBinomial, PValue, Tail};

/// Windows' worth of evidence that the dispersion of the class stands for.
const DISPERSION_PRIOR_WINDOWS: f64 = 12.0;
/// Nothing is steadier than 5 % from window to window.
const DISPERSION_MIN: f64 = 0.0025;
const DISPERSION_MAX: f64 = 20.0;
/// Taken before anything was seen.
const DISPERSION_INITIAL: f64 = 0.25;
/// Values farther out than this are learnt as if they stood there.
const WINSOR_SD: f64 = 5.0;
/// Windows less likely than this weigh less.
const SURPRISE_P: f64 = 1e-3;
const SURPRISE_WEIGHT_MIN: f64 = 0.1;
/// Share of a week that must be settled before surprise lowers a window's weight: a young
/// baseline is surprised because it knows nothing.
const SETTLED_MIN: f64 = 0.4;
/// The class must scatter this much more than it usually does before that counts.
const SCATTER_MARGIN: f64 = 1.3;
/// Windows after which the usual scatter is known well enough to bound what is learnt.
const USUAL_SCATTER_WINDOWS: f64 = 12.0;
/// Visits of an hour before the usual ratio of its class is learnt from it.
const USUAL_VISITS_MIN: f64 = 2.0;

#[derive(Clone, Copy, Debug, Default)]
struct RateBaseline {
    rate: Evidence,
    /// Weighted squared deviations beyond counting, over their weights.
    dispersion: [f32; 2],
}

impl RateBaseline {
    fn dispersion(&self, class: f64) -> f64 {
        let prior = DISPERSION_PRIOR_WINDOWS / (class * class);
        let [deviation, weight] = self.dispersion.map(f64::from);
        ((deviation + prior * class) / (weight + prior)).clamp(DISPERSION_MIN, DISPERSION_MAX)
    }
}

/// What a class has learnt.
#[derive(Clone, Debug)]
struct RateClass {
    season: Season,
    dispersion: f64,
    /// Scatter between entities in an ordinary window, and windows it was learnt from.
    scatter: [f64; 2],
    /// ln of the median ratio of an ordinary window: what of it is due to skewness.
    ln_usual_ratio: f64,
    usual_weight: f64,
}

/// What holds for a class in one window.
#[derive(Clone, Copy, Debug)]
struct Context {
    level: f64,
    extra_dispersion: f64,
    class_dispersion: f64,
    prior: Option<Prior>,
}

/// All entities of one series.
#[derive(Debug)]
pub(in crate::score) struct RateSeries {
    direction: Direction,
    window: Span,
    learning: Learning,
    baselines: Vec<RateBaseline>,
    classes: Vec<RateClass>,
}

impl RateSeries {
    pub(in crate::score) fn new(
        direction: Direction,
        window: Span,
        learning: Learning,
    ) -> RateSeries {
        RateSeries {
            direction,
            window,
            learning,
            baselines: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Judges the window that started at `start`, whose values are `observed`, one per entity;
    /// tells `each` of every entity that could be judged what was expected and how far out its
    /// value is; learns.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        observed: &[u64],
        start: EventTime,
        mut each: impl FnMut(usize, &NegativeBinomial, Tail),
    ) {
        self.grow(entities.len(), classes);
        let contexts = self.contexts(entities, observed, start);
        let full = self.learning.windows_per_week;
        for (row, (baseline, entity)) in self.baselines.iter_mut().zip(entities).enumerate() {
            let context = &contexts[usize::from(entity.class)];
            let x = observed[row];
            let (amount, exposure) = baseline.rate.effective(full);
            let Some(prior) = context.prior.or_else(|| own_prior(amount, exposure)) else {
                // The very first windows of a class too small to say anything: nobody knows.
                baseline.rate.learn(&self.learning, x as f64, context.level);
                continue;
            };
            let shape = prior.shape + amount;
            let mean = shape / (prior.shape / prior.mean + exposure) * context.level;
            let own = baseline.dispersion(context.class_dispersion);
            let dispersion =
                own * (1.0 + 1.0 / (1.0 + exposure)) + 1.0 / shape + context.extra_dispersion;
            let predictive = NegativeBinomial::new(mean, dispersion);
            let tail = tail_of(&predictive, x as f64, self.direction);
            each(row, &predictive, tail);
            let settled = baseline.rate.settled_share(full) >= SETTLED_MIN;
            learn(
                baseline,
                &self.learning,
                &predictive,
                x as f64,
                context.level,
                own,
                tail.p(),
                settled,
            );
        }
    }

    /// What holds in this window, class by class; the classes learn from it.
    fn contexts(
        &mut self,
        entities: &[Entity],
        observed: &[u64],
        start: EventTime,
    ) -> Vec<Context> {
        let full = self.learning.windows_per_week;
        let seasonal: Vec<f64> = self
            .classes
            .iter()
            .map(|class| class.season.ln_level(start))
            .collect();
        let mut sketches = vec![CommonModeSketch::new(); self.classes.len()];
        let mut deviations = vec![[FixedSum::default(); 2]; self.classes.len()];
        let mut moments = vec![PriorMoments::default(); self.classes.len()];
        for (row, (baseline, entity)) in self.baselines.iter().zip(entities).enumerate() {
            if baseline.rate.is_empty() {
                continue;
            }
            let class = usize::from(entity.class);
            let (amount, exposure) = baseline.rate.effective(full);
            let rate = amount / exposure.max(1e-6);
            let own = baseline.dispersion(self.classes[class].dispersion);
            sketches[class].add(
                observed[row],
                rate * seasonal[class].exp(),
                own,
                entity.pool,
            );
            moments[class].add(rate, exposure);
            deviations[class][0].add(f64::from(baseline.dispersion[0]));
            deviations[class][1].add(f64::from(baseline.dispersion[1]));
        }
        let modes: Vec<_> = sketches.into_iter().map(CommonModeSketch::read).collect();
        let mut levels = Vec::with_capacity(modes.len());
        let mut extras = Vec::with_capacity(modes.len());
        for (number, (class, mode)) in self.classes.iter_mut().zip(&modes).enumerate() {
            levels.push(class.level(mode.ratio, mode.informed, seasonal[number], start));
            extras.push(class.extra_dispersion(mode.scatter, self.learning.keep));
            class.learn_dispersion(deviations[number]);
        }
        // The newborn say how large newborns are, where nobody older does.
        for (row, (baseline, entity)) in self.baselines.iter().zip(entities).enumerate() {
            if baseline.rate.is_empty() && observed[row] > 0 {
                let class = usize::from(entity.class);
                moments[class].add(observed[row] as f64 / levels[class], 1.0);
            }
        }
        let mut everybody = PriorMoments::default();
        moments.iter().for_each(|class| everybody.merge(class));
        self.classes
            .iter()
            .enumerate()
            .map(|(number, class)| Context {
                level: levels[number],
                extra_dispersion: extras[number],
                class_dispersion: class.dispersion,
                prior: moments[number].prior().or_else(|| everybody.prior()),
            })
            .collect()
    }

    fn grow(&mut self, entities: usize, classes: usize) {
        self.baselines.resize_with(entities, RateBaseline::default);
        let window = self.window;
        self.classes.resize_with(classes, || RateClass {
            season: Season::new(window),
            dispersion: DISPERSION_INITIAL,
            scatter: [0.0; 2],
            ln_usual_ratio: 0.0,
            usual_weight: 0.0,
        });
    }

    pub(in crate::score) fn next_day(&mut self) {
        self.baselines
            .iter_mut()
            .for_each(|baseline| baseline.rate.next_day());
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        self.baselines
            .resize_with(marks.len(), RateBaseline::default);
        let mut row = 0;
        self.baselines.retain(|_| {
            row += 1;
            marks[row - 1]
        });
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.baselines.capacity() * size_of::<RateBaseline>()
    }
}

/// Where no class can lend a prior, an entity that has a history has a vague one of its own.
fn own_prior(amount: f64, exposure: f64) -> Option<Prior> {
    (exposure >= 3.0).then(|| Prior {
        mean: ((amount + 0.5) / exposure).max(1e-6),
        shape: 0.5,
    })
}

fn tail_of(predictive: &NegativeBinomial, x: f64, direction: Direction) -> Tail {
    match direction {
        Direction::Up => predictive.upper(x),
        Direction::Down => predictive.lower(x),
        Direction::Both if x > predictive.mean() => predictive.upper(x).two_sided(),
        Direction::Both => predictive.lower(x).two_sided(),
    }
}

#[allow(clippy::too_many_arguments)] // One step of arithmetic; a struct would name each once more.
fn learn(
    baseline: &mut RateBaseline,
    learning: &Learning,
    predictive: &NegativeBinomial,
    x: f64,
    level: f64,
    own_dispersion: f64,
    p: PValue,
    settled: bool,
) {
    let mean = predictive.mean();
    let variance = predictive.variance();
    let reach = WINSOR_SD * variance.sqrt();
    let (mut value, mut weight) = (x, 1.0);
    if settled {
        value = x.clamp(mean - reach, mean + reach);
        let p = p.get();
        if p < SURPRISE_P {
            weight = (p / SURPRISE_P).powf(0.25).max(SURPRISE_WEIGHT_MIN);
        }
    }
    baseline
        .rate
        .learn(learning, weight * value, weight * level);
    let square = (x - mean).powi(2).min(reach * reach);
    let deviation = (square - mean) / (mean * mean);
    let precision = weight * (mean / (1.0 + own_dispersion * mean)).powi(2);
    let [sum, weights] = baseline.dispersion.map(|sum| sum * learning.keep);
    baseline.dispersion = [
        sum + (precision * deviation) as f32,
        weights + precision as f32,
    ];
}

impl RateClass {
    /// The level of the class in this window, season and common mode together; the season and
    /// the usual ratio learn.
    fn level(&mut self, ratio: f64, informed: bool, ln_season: f64, start: EventTime) -> f64 {
        // A ratio near 0 is an outage of the whole class.
        let ln_ratio = ratio.max(1e-3).ln() - self.ln_usual_ratio;
        let ln_level = ln_season + ln_ratio;
        if informed {
            if self.season.visits(start) >= USUAL_VISITS_MIN && ln_ratio.abs() < 0.7 {
                self.usual_weight = (self.usual_weight + 1.0).min(500.0);
                self.ln_usual_ratio += ln_ratio / (self.usual_weight + 72.0);
            }
            self.season.learn(start, ln_level);
        }
        ln_level.exp()
    }

    /// How much more than usual the class scatters in this window; what is usual learns.
    fn extra_dispersion(&mut self, scatter: Option<f64>, keep: f32) -> f64 {
        let Some(scatter) = scatter else { return 0.0 };
        let [sum, windows] = self.scatter;
        let usual = if windows > 0.0 {
            sum / windows
        } else {
            self.dispersion
        };
        let extra = (scatter - SCATTER_MARGIN * usual.max(self.dispersion)).max(0.0);
        let learnt = if windows < USUAL_SCATTER_WINDOWS {
            scatter
        } else {
            scatter.min(3.0 * usual)
        };
        let keep = f64::from(keep);
        self.scatter = [keep * sum + learnt, keep * windows + 1.0];
        extra
    }

    fn learn_dispersion(&mut self, [deviation, weight]: [FixedSum; 2]) {
        let prior = DISPERSION_PRIOR_WINDOWS / (DISPERSION_INITIAL * DISPERSION_INITIAL);
        let dispersion = (deviation.get() + prior * DISPERSION_INITIAL) / (weight.get() + prior);
        self.dispersion = dispersion.clamp(DISPERSION_MIN, DISPERSION_MAX);
    }
}
