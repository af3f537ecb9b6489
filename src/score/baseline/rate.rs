//! Counts: a Gamma-Poisson baseline per entity, with what its class shares.
//!
//! The expected count of entity i in window t is rate_i × season(t) × common mode(t); its
//! predictive distribution is negative binomial. The rate has a Gamma posterior whose prior is
//! the class's, so that an entity is judged from its first window on. The dispersion adds up
//! the entity's own scatter (shrunk to its class's), the uncertainty of its rate, and how much
//! more than usual the class scatters in this very window.
//!
//! Learning is robust: values beyond five standard deviations are drawn in to them, unlikely
//! windows weigh less, and the newest two days wait in a guard band.

mod describe;

use super::evidence::{Evidence, Learning};
use super::keep_rows;
use super::ones::{OneInflation, Ones, chance_of_one};
use super::overdispersion::{
    ClassOverdispersion, Deviations, Overdispersion, OwnOverdispersion, Variance,
};
use super::peaks::{Peaks, YOUNG_DAY};
use super::predictive::Predictive;
use super::strangers::{Counts, STRANGER_EVENTS, Strangers};
use crate::detection::Direction;
use crate::domain::{EventTime, Span};
use crate::score::class::{
    ClassLevel, CommonMode, CommonModeSketch, Prior, PriorMoments, common_modes,
};
use crate::score::entities::Entity;
use crate::statistics::{NegativeBinomial, PValue, Tail};
use serde::{Deserialize, Serialize};

/// Less than this is never expected.
const MEAN_MIN: f64 = 1e-6;
/// From less exposure no rate is told.
const EXPOSURE_MIN: f64 = 1e-3;
/// Windows less likely than this weigh less.
const SURPRISE_P: f64 = 1e-3;
const SURPRISE_WEIGHT_MIN: f64 = 0.1;
/// Share of a week that must be settled before surprise lowers a window's weight: a young
/// baseline is surprised because it knows nothing.
const SETTLED_MIN: f64 = 0.4;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct RateBaseline {
    /// Events; windows, each as much as its level; windows.
    rate: Evidence<3>,
    overdispersion: OwnOverdispersion,
    peaks: Peaks,
    /// What of the events and of the exposure the window adds in which it was first seen.
    birth: [f32; 2],
}

impl RateBaseline {
    /// Learns from a window: of amounts as [`RateBaseline::rate`] has them.
    fn learn(&mut self, learning: &Learning, amounts: [f64; 3]) {
        self.birth = match self.rate.is_empty() {
            true => [amounts[0] as f32, amounts[1] as f32],
            false => self.birth.map(|amount| amount * learning.keep),
        };
        self.rate.learn(learning, amounts);
    }

    /// The rate since the window in which it was first seen, and 0 before there is one. It is here
    /// because of what it did in that one: nobody was drawn by chance to be seen then, and counted
    /// in, the many who come once would be expected again and again.
    fn rate_since_birth(&self, full: f64) -> f64 {
        let [amount, exposure, _] = self.rate.effective(full);
        let [amount_then, exposure_then] = self.birth.map(f64::from);
        let exposure = exposure - exposure_then;
        match exposure > EXPOSURE_MIN {
            true => (amount - amount_then).max(0.0) / exposure,
            false => 0.0,
        }
    }
}

/// What a class has learnt.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RateClass {
    level: ClassLevel,
    overdispersion: ClassOverdispersion,
    ones: OneInflation,
    strangers: Strangers,
}

/// What holds for a class in one window.
#[derive(Clone, Copy, Debug)]
struct Context {
    level: f64,
    /// Dispersion beyond the usual.
    extra: f64,
    usual: Overdispersion,
    ones: OneInflation,
    strangers: Strangers,
    prior: Option<Prior>,
    /// Nobody was ever seen at this hour: what an entity did at others says nothing of it, and its
    /// class does at this one.
    unseen_hour: bool,
}

/// What is expected of an entity's window.
#[derive(Clone, Copy, Debug)]
pub(in crate::score) struct Forecast {
    pub(in crate::score) law: NegativeBinomial,
    /// What season and common mode make of the entity's own rate.
    pub(super) level: f64,
    /// How much of what a mature baseline needs it has, 0 to 1.
    pub(in crate::score) settled: f64,
}

/// All entities of one series.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::score) struct RateSeries {
    direction: Direction,
    window: Span,
    learning: Learning,
    baselines: Vec<RateBaseline>,
    classes: Vec<RateClass>,
}

impl RateSeries {
    /// Bytes of one entity.
    pub(in crate::score) const ROW_BYTES: usize = size_of::<RateBaseline>();

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
    /// tells `each` of every entity that could be judged what was expected and, where its value can
    /// be news, how far out it is; learns, from each window as much as `each` says, from 0 to 1.
    pub(in crate::score) fn judge(
        &mut self,
        entities: &[Entity],
        classes: usize,
        observed: &[u64],
        start: EventTime,
        mut each: impl FnMut(usize, &Forecast, Option<Tail>) -> f64,
    ) {
        self.grow(entities.len(), classes);
        let contexts = self.contexts(entities, observed, start);
        let mut deviations = vec![Deviations::default(); classes];
        let mut ones = vec![Ones::default(); classes];
        let mut strangers = vec![Counts::default(); classes];
        let full = self.learning.windows_per_week;
        for (row, (baseline, entity)) in self.baselines.iter_mut().zip(entities).enumerate() {
            let class = usize::from(entity.class);
            let context = &contexts[class];
            let x = observed[row] as f64;
            let [amount, exposure, windows] = match context.unseen_hour {
                true => [0.0; 3],
                false => baseline.rate.effective(full),
            };
            let Some(prior) = context.prior.or_else(|| own_prior(amount, exposure)) else {
                // The very first windows of a class too small to say anything: nobody knows.
                baseline.learn(&self.learning, [x, context.level, 1.0]);
                continue;
            };
            // Events that come in clumps say less about their rate.
            let clump = 1.0 + context.usual.linear;
            let known = prior.posterior(amount / clump, exposure / clump);
            let mean = (known.mean * context.level).max(MEAN_MIN);
            let usual = baseline.overdispersion.shrunk_to(&context.usual);
            let variance = variance_of(mean, known.shape * clump, exposure, context.extra);
            let predictive = Predictive::new(mean, variance.dispersion(&usual), context.extra);
            let newborn = baseline.rate.is_empty();
            let settled = baseline.rate.settled_share(full);
            let is_stranger =
                !context.unseen_hour && amount < STRANGER_EVENTS && settled < SETTLED_MIN;
            let one = match x > 0.0 {
                true => chance_of_one(&predictive.law),
                false => 1.0,
            };
            let among_those_who_came = || {
                let as_stranger = is_stranger.then(|| context.strangers.upper(x)).flatten();
                as_stranger.unwrap_or_else(|| {
                    let upper = (x > 1.0).then(|| predictive.upper(x));
                    context.ones.upper(&predictive.law, one, upper)
                })
            };
            let direction = self.direction;
            let mut tail = tail_of(&predictive, x, direction, newborn, among_those_who_came);
            if x > 0.0 {
                ones[class].add(x, one);
                if is_stranger {
                    context.strangers.note(&mut strangers[class], x);
                }
                let level = context.level.max(MEAN_MIN);
                if x > mean {
                    // Among those who came: only they are tested.
                    let tested = match direction {
                        Direction::Up => f64::from(baseline.peaks.visits),
                        Direction::Down | Direction::Both => windows,
                    };
                    let peaks = &mut baseline.peaks;
                    tail = tail.map(|tail| peaks.known(x, level, tail, windows, tested));
                }
                baseline.peaks.learn(x, level);
            }
            let forecast = Forecast {
                law: predictive.law,
                level: context.level.max(MEAN_MIN),
                settled,
            };
            let trusted = each(row, &forecast, tail);

            let (mut value, mut weight) = (x, trusted);
            if settled >= SETTLED_MIN {
                let reach = variance.reach(&usual);
                value = x.clamp(mean - reach, mean + reach);
                weight *= tail.map_or(1.0, |tail| trust(tail.p()));
            }
            let keep = self.learning.keep;
            let amounts = [value, context.level, 1.0].map(|amount| weight * amount);
            baseline.learn(&self.learning, amounts);
            baseline
                .overdispersion
                .learn(x, &variance, &usual, weight, keep);
            deviations[class].add(x, &variance, &usual);
        }
        if (start + self.window).floor(YOUNG_DAY) == start + self.window {
            for baseline in &mut self.baselines {
                if baseline.rate.settled_share(full) < SETTLED_MIN {
                    baseline.peaks.next_day();
                }
            }
        }
        let keep = f64::from(self.learning.keep);
        for (number, class) in self.classes.iter_mut().enumerate() {
            class.overdispersion.learn(&deviations[number], keep);
            class.ones.learn(&ones[number], keep);
            class.strangers.learn(&strangers[number], keep);
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
            .map(|class| class.level.ln_season(start))
            .collect();
        let unseen_hour: Vec<bool> = self
            .classes
            .iter()
            .map(|class| self.window < Span::DAY && class.level.visits(start) == 0.0)
            .collect();
        let mut sketches: Vec<_> = self
            .classes
            .iter()
            .map(|class| CommonModeSketch::new(class.overdispersion.fit.linear))
            .collect();
        let mut moments = vec![PriorMoments::default(); self.classes.len()];
        for (row, (baseline, entity)) in self.baselines.iter().zip(entities).enumerate() {
            if baseline.rate.is_empty() {
                continue;
            }
            let class = usize::from(entity.class);
            let [amount, exposure, _] = baseline.rate.effective(full);
            let usual = &self.classes[class].overdispersion.fit;
            let quadratic = baseline.overdispersion.shrunk_to(usual).quadratic;
            let expected = baseline.rate_since_birth(full) * seasonal[class].exp();
            sketches[class].add(observed[row], expected, quadratic, entity.pool);
            if !unseen_hour[class] {
                let rate = amount / exposure.max(1e-6);
                moments[class].add(rate, exposure / (1.0 + usual.linear));
            }
        }
        let usual = |class: &RateClass| class.level.ln_usual_ratio();
        let ln_usual: Vec<f64> = self.classes.iter().map(usual).collect();
        let modes = common_modes(sketches, &ln_usual);
        let mut levels = Vec::with_capacity(modes.len());
        let mut extras = Vec::with_capacity(modes.len());
        let ablation = self.learning.ablation;
        for (class, mode) in self.classes.iter_mut().zip(&modes) {
            let mode = match ablation.common_mode {
                true => &CommonMode {
                    ratio: 1.0,
                    ..*mode
                },
                false => mode,
            };
            levels.push(class.level.step(mode, start));
            let fit = class.overdispersion.fit.quadratic;
            let extra = class.level.extra_dispersion(mode, fit, self.learning.keep);
            extras.push(match ablation.class_dispersion {
                true => 0.0,
                false => extra,
            });
        }
        // The newborn say how large newborns are, where nobody older does; at an hour that was never
        // seen all are newborn.
        let known: Vec<bool> = moments.iter().map(|one| one.prior().is_some()).collect();
        for (row, (baseline, entity)) in self.baselines.iter().zip(entities).enumerate() {
            let class = usize::from(entity.class);
            let newborn = baseline.rate.is_empty() || unseen_hour[class];
            if newborn && observed[row] > 0 && !known[class] {
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
                extra: extras[number],
                usual: class.overdispersion.fit,
                ones: class.ones,
                strangers: class.strangers,
                prior: moments[number].prior().or_else(|| everybody.prior()),
                unseen_hour: unseen_hour[number],
            })
            .collect()
    }

    fn grow(&mut self, entities: usize, classes: usize) {
        self.baselines.resize_with(entities, RateBaseline::default);
        let window = self.window;
        self.classes.resize_with(classes, || RateClass {
            level: ClassLevel::new(window),
            overdispersion: ClassOverdispersion::default(),
            ones: OneInflation::default(),
            strangers: Strangers::default(),
        });
    }

    pub(in crate::score) fn next_day(&mut self) {
        self.baselines.iter_mut().for_each(|baseline| {
            baseline.rate.next_day();
            baseline.peaks.next_day();
        });
    }

    pub(in crate::score) fn keep(&mut self, marks: &[bool]) {
        keep_rows(&mut self.baselines, marks);
    }

    pub(in crate::score) fn bytes(&self) -> usize {
        self.baselines.capacity() * size_of::<RateBaseline>()
    }
}

/// The variance of a count whose rate is known from `amount` events in `exposure` windows, the
/// class's share of both included, in a window with `extra` dispersion.
fn variance_of(mean: f64, amount: f64, exposure: f64, extra: f64) -> Variance {
    let square = mean * mean;
    let of_linear = mean + square / amount;
    Variance {
        mean,
        known: of_linear + extra * square,
        of_linear,
        of_quadratic: square * (1.0 + 1.0 / (1.0 + exposure)),
    }
}

/// Where no class can lend a prior, an entity that has a history has a vague one of its own.
fn own_prior(amount: f64, exposure: f64) -> Option<Prior> {
    (exposure >= 3.0).then(|| Prior {
        mean: ((amount + 0.5) / exposure).max(1e-6),
        shape: 0.5,
    })
}

/// How far out `x` is; `None` where it cannot be news.
///
/// Who did not appear did not do too much. So what is asked of a count that may be too large is how
/// likely it was among those of at least one, and only those who appeared are tested. A buyer
/// comes for a few days in a life; how likely it was to come at all on this one is a question for
/// which no baseline of its own is old enough. The same holds for whatever an entity was born by.
fn tail_of(
    predictive: &Predictive,
    x: f64,
    direction: Direction,
    newborn: bool,
    among_those_who_came: impl Fn() -> Tail,
) -> Option<Tail> {
    match direction {
        Direction::Up => (x > 0.0).then(among_those_who_came),
        Direction::Down if newborn => None,
        Direction::Down => Some(predictive.law.lower(x)),
        Direction::Both if newborn => Some(among_those_who_came().two_sided()),
        Direction::Both if x > predictive.law.mean() => Some(predictive.upper(x).two_sided()),
        Direction::Both => Some(predictive.law.lower(x).two_sided()),
    }
}

/// How much of a window is learnt from that was this unlikely.
pub(super) fn trust(p: PValue) -> f64 {
    let p = p.get();
    if p >= SURPRISE_P {
        // Nearly every window: no need for a power.
        return 1.0;
    }
    (p / SURPRISE_P).powf(0.25).max(SURPRISE_WEIGHT_MIN)
}
