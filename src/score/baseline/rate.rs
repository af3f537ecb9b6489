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

use super::evidence::{Evidence, Learning};
use super::keep_rows;
use super::ones::{OneInflation, Ones, chance_of_one};
use super::overdispersion::{
    ClassOverdispersion, Deviations, Overdispersion, OwnOverdispersion, Variance,
};
use super::predictive::Predictive;
use super::strangers::{Counts, STRANGER_EVENTS, Strangers};
use crate::detection::Direction;
use crate::domain::{EventTime, Span};
use crate::score::class::{
    CommonMode, CommonModeSketch, Prior, PriorMoments, Scatter, Season, common_modes,
};
use crate::score::entities::Entity;
use crate::statistics::{NegativeBinomial, PValue, Tail};

/// Days on which a count must have been reached to be known.
const PEAK_DAYS: usize = 3;
/// What counts as one while an entity is young.
const YOUNG_DAY: Span = Span::hours(6);
/// What is this much above a known count is as good as known: as it is, and over the level of its
/// window, which is itself estimated.
const PEAK_MARGINS: [f64; 2] = [1.25, 2.0];
/// Counts less unlikely than this need no explanation.
const PEAK_P: f64 = 1e-2;
/// What a day leaves of a peak.
const PEAK_KEEP: f32 = 0.97;
/// Less than this is never expected.
const MEAN_MIN: f64 = 1e-6;
/// Windows less likely than this weigh less.
const SURPRISE_P: f64 = 1e-3;
const SURPRISE_WEIGHT_MIN: f64 = 0.1;
/// Share of a week that must be settled before surprise lowers a window's weight: a young
/// baseline is surprised because it knows nothing.
const SETTLED_MIN: f64 = 0.4;
/// The class must scatter this much more than it usually does before that counts.
const SCATTER_MARGIN: f64 = 1.3;
/// What moves a class does not move its entities evenly: they are taken to scatter by this much of
/// the logarithm of the shift. A peak of ×1.87 with a spread of 0.35 is about so.
const SHIFT_SPREAD: f64 = 0.6;
/// Entities that this stands for beside those whose scatter is measured.
const SHIFT_ENTITIES: f64 = 16.0;
/// Windows after which the usual scatter is known well enough to bound what is learnt.
const USUAL_SCATTER_WINDOWS: f64 = 12.0;
/// Visits of an hour before the usual ratio of its class is learnt from it.
const USUAL_VISITS_MIN: f64 = 2.0;
/// From then on a visit moves the season by a factor of two at the most.
const SEASON_STEP_MAX: f64 = 0.7;

#[derive(Clone, Copy, Debug, Default)]
struct RateBaseline {
    /// Events; windows, each as much as its level; windows.
    rate: Evidence<3>,
    overdispersion: OwnOverdispersion,
    peaks: Peaks,
}

/// The largest counts of an entity's days, as they are and over the level of their window.
///
/// Who fetches everything every six hours is quiet in most windows and loud in some: no count
/// distribution around a mean has such a tail. What was reached on three days, and at such an
/// hour, is no news on a fourth, so p is at least how often such came since. While an entity is young
/// its days are quarters of a day: of what it usually does nobody knows more.
#[derive(Clone, Copy, Debug, Default)]
struct Peaks {
    /// Of the days before, largest first.
    days: [[f32; PEAK_DAYS]; 2],
    today: [f32; 2],
    /// Windows in which it appeared, lately, and those of them that were known peaks.
    visits: f32,
    times: f32,
}

impl Peaks {
    /// The tail of a count, where so many windows like it are known.
    fn known(&mut self, x: f64, level: f64, tail: Tail, windows: f64) -> Tail {
        let is_news = |kind: usize, value: f64| {
            value > PEAK_MARGINS[kind] * f64::from(self.days[kind][PEAK_DAYS - 1])
        };
        if tail.p().get() >= PEAK_P || is_news(0, x) || is_news(1, x / level) {
            return tail;
        }
        let times = PEAK_DAYS as f64 + f64::from(self.times);
        self.times += 1.0;
        tail.at_least(PValue::new(times / windows.max(times)))
    }

    fn learn(&mut self, x: f64, level: f64) {
        self.visits += 1.0;
        for (today, value) in self.today.iter_mut().zip([x, x / level]) {
            *today = today.max(value as f32);
        }
    }

    /// A day has passed, or what counts as one.
    fn next_day(&mut self) {
        self.visits *= PEAK_KEEP;
        self.times *= PEAK_KEEP;
        for (days, today) in self.days.iter_mut().zip(&mut self.today) {
            let mut peak = std::mem::take(today);
            for day in days {
                *day *= PEAK_KEEP;
                if peak > *day {
                    std::mem::swap(day, &mut peak);
                }
            }
        }
    }
}

/// What a class has learnt.
#[derive(Clone, Debug)]
struct RateClass {
    season: Season,
    overdispersion: ClassOverdispersion,
    ones: OneInflation,
    strangers: Strangers,
    /// Scatter between entities in an ordinary window, and windows it was learnt from.
    scatter: [f64; 2],
    /// ln of the median ratio of an ordinary window: what of it is due to skewness.
    ln_usual_ratio: f64,
    usual_weight: f64,
    /// How its entities differed in size in the last window.
    sizes: Option<Prior>,
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
                baseline.rate.learn(&self.learning, [x, context.level, 1.0]);
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
                    let windows = match direction {
                        Direction::Up => f64::from(baseline.peaks.visits),
                        Direction::Down | Direction::Both => windows,
                    };
                    let peaks = &mut baseline.peaks;
                    tail = tail.map(|tail| peaks.known(x, level, tail, windows));
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
            baseline.rate.learn(&self.learning, amounts);
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
            .map(|class| class.season.ln_level(start))
            .collect();
        let unseen_hour: Vec<bool> = self
            .classes
            .iter()
            .map(|class| self.window < Span::DAY && class.season.visits(start) == 0.0)
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
            let rate = amount / exposure.max(1e-6);
            let usual = &self.classes[class].overdispersion.fit;
            let quadratic = baseline.overdispersion.shrunk_to(usual).quadratic;
            // Who has just come has the rate of its first visit, and will not keep it up.
            let clump = 1.0 + usual.linear;
            let sizes = self.classes[class].sizes;
            let shrunk = sizes.map_or(rate, |sizes| {
                sizes.posterior(amount / clump, exposure / clump).mean
            });
            let expected = shrunk * seasonal[class].exp();
            sketches[class].add(observed[row], expected, quadratic, entity.pool);
            if !unseen_hour[class] {
                moments[class].add(rate, exposure / (1.0 + usual.linear));
            }
        }
        let ln_usual: Vec<f64> = self.classes.iter().map(|one| one.ln_usual_ratio).collect();
        let modes = common_modes(sketches, &ln_usual);
        let mut levels = Vec::with_capacity(modes.len());
        let mut extras = Vec::with_capacity(modes.len());
        let ablation = self.learning.ablation;
        for (number, (class, mode)) in self.classes.iter_mut().zip(&modes).enumerate() {
            let mode = match ablation.common_mode {
                true => &CommonMode {
                    ratio: 1.0,
                    ..*mode
                },
                false => mode,
            };
            levels.push(class.level(mode, seasonal[number], start));
            let extra = class.extra_dispersion(mode, self.learning.keep);
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
        for (class, moments) in self.classes.iter_mut().zip(&moments) {
            class.sizes = moments.prior();
        }
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
            season: Season::new(window),
            overdispersion: ClassOverdispersion::default(),
            ones: OneInflation::default(),
            strangers: Strangers::default(),
            scatter: [0.0; 2],
            ln_usual_ratio: 0.0,
            usual_weight: 0.0,
            sizes: None,
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

impl RateClass {
    /// ln of how far the class is from what is usual. A ratio near 0 is an outage of all of it.
    fn ln_ratio(&self, ratio: f64) -> f64 {
        ratio.max(1e-3).ln() - self.ln_usual_ratio
    }

    /// The level of the class in this window, season and common mode together; the season and
    /// the usual ratio learn.
    fn level(&mut self, mode: &CommonMode, ln_season: f64, start: EventTime) -> f64 {
        let ln_ratio = self.ln_ratio(mode.ratio);
        if let Some(ratio) = mode.seen {
            let visits = self.season.visits(start);
            let mut ln_seen = self.ln_ratio(ratio);
            if visits >= USUAL_VISITS_MIN {
                ln_seen = ln_seen.clamp(-SEASON_STEP_MAX, SEASON_STEP_MAX);
                let step = ln_ratio.clamp(-SEASON_STEP_MAX, SEASON_STEP_MAX);
                self.usual_weight = (self.usual_weight + 1.0).min(500.0);
                self.ln_usual_ratio += step / (self.usual_weight + 72.0);
            }
            self.season.learn(start, ln_season + ln_seen);
        }
        (ln_season + ln_ratio).exp()
    }

    /// How much more than usual the class scatters in this window: what is measured, and what its
    /// shift makes likely; what is usual learns.
    fn extra_dispersion(&mut self, mode: &CommonMode, keep: f32) -> f64 {
        let of_shift = (SHIFT_SPREAD * self.ln_ratio(mode.ratio)).powi(2);
        let Some(scatter) = mode.scatter else {
            return of_shift;
        };
        let Scatter {
            variance, entities, ..
        } = scatter;
        let [sum, windows] = self.scatter;
        let fit = self.overdispersion.fit.quadratic;
        let usual = if windows > 0.0 { sum / windows } else { fit };
        let beyond = (variance - SCATTER_MARGIN * usual.max(fit)).max(0.0);
        // As far as it is more than the error of measuring it.
        let [square, error] = [beyond, scatter.error].map(|value| value * value);
        let measured = beyond * square / (square + error).max(f64::MIN_POSITIVE);
        let learnt = if windows < USUAL_SCATTER_WINDOWS {
            variance
        } else {
            variance.min(3.0 * usual)
        };
        let keep = f64::from(keep);
        self.scatter = [keep * sum + learnt, keep * windows + 1.0];
        (entities * measured + SHIFT_ENTITIES * of_shift) / (entities + SHIFT_ENTITIES)
    }
}
