//! Randomness that is a function of the seed: one substream per purpose, so that what one part
//! of the model draws never shifts what another part draws.

use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Beta, Binomial, Distribution, Gamma, Poisson, StandardNormal};

/// The generator of every substream.
pub(super) type Random = rand_pcg::Pcg64Mcg;

/// What a substream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Population = 1,
    SellerHour,
    RouteHour,
    ActorHour,
    EdgeHour,
    ClassHour,
    Peak,
    Serials,
    Movement,
    Access,
    Share,
    Target,
    Attack,
    Buyer,
    Poll,
    Churn,
    Scraper,
    Plan,
}

/// The substream of one purpose; `index` tells several of the same purpose apart.
pub(super) fn stream(seed: u64, purpose: Purpose, index: u64) -> Random {
    Random::seed_from_u64(mix(mix(seed ^ ((purpose as u64) << 56)) ^ index))
}

/// The finaliser of SplitMix64: a bijection that leaves no trace of its input's order.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Random bits as a number in [0, 1).
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Random bits as an index below `len`; always one draw, whatever `len` is.
pub(super) fn index_below(bits: u64, len: usize) -> usize {
    ((u128::from(bits) * len as u128) >> 64) as usize
}

/// A number in [`low`, `high`).
pub(super) fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * random.random::<f64>()
}

/// A Poisson count; none where the mean is not positive.
pub(super) fn poisson(random: &mut Random, mean: f64) -> u64 {
    match Poisson::new(mean) {
        Ok(law) => law.sample(random) as u64,
        Err(_) => 0,
    }
}

/// A Gamma-distributed factor with mean 1 and the given coefficient of variation.
pub(super) fn gamma_factor(random: &mut Random, cv: f64) -> f64 {
    let shape = 1.0 / (cv * cv);
    match Gamma::new(shape, 1.0 / shape) {
        Ok(law) => law.sample(random),
        Err(_) => 1.0,
    }
}

/// What follows `previous` in a stationary series of Gamma factors with mean 1, the given
/// coefficient of variation and correlation from one to the next.
///
/// The beta-gamma autoregression of Lewis, McKenzie and Hugus (1989): a beta-distributed share of
/// the previous value plus a fresh Gamma part is Gamma-distributed again.
pub(super) fn gamma_step(random: &mut Random, previous: f64, cv: f64, correlation: f64) -> f64 {
    let shape = 1.0 / (cv * cv);
    let (kept, fresh) = (shape * correlation, shape * (1.0 - correlation));
    match (Beta::new(kept, fresh), Gamma::new(fresh, 1.0 / shape)) {
        (Ok(beta), Ok(gamma)) if correlation > 0.0 && previous > 0.0 => {
            beta.sample(random) * previous + gamma.sample(random)
        }
        _ => gamma_factor(random, cv),
    }
}

/// How many of `count` trials succeed.
pub(super) fn binomial(random: &mut Random, count: u64, chance: f64) -> u64 {
    match Binomial::new(count, chance.clamp(0.0, 1.0)) {
        Ok(law) => law.sample(random),
        Err(_) => 0,
    }
}

/// A lognormal number with the given median.
pub(super) fn lognormal(random: &mut Random, median: f64, sigma: f64) -> f64 {
    let normal: f64 = StandardNormal.sample(random);
    median * (sigma * normal).exp()
}

/// A lognormal factor with mean 1.
pub(super) fn lognormal_factor(random: &mut Random, sigma: f64) -> f64 {
    lognormal(random, (-0.5 * sigma * sigma).exp(), sigma)
}

/// A geometric count of at least 1 with the given mean.
pub(super) fn geometric(random: &mut Random, mean: f64) -> u64 {
    if mean <= 1.0 {
        return 1;
    }
    let uniform = 1.0 - random.random::<f64>();
    1 + (uniform.ln() / (1.0 - 1.0 / mean).ln()) as u64
}

/// `items` in a random order.
pub(super) fn shuffle<T>(random: &mut Random, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, index_below(random.next_u64(), last + 1));
    }
}

/// Indices drawn in proportion to weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Urn {
    cumulative: Vec<f64>,
}

impl Urn {
    /// Replaces the weights.
    pub(super) fn fill(&mut self, weights: impl Iterator<Item = f64>) {
        self.cumulative.clear();
        let mut sum = 0.0;
        self.cumulative.extend(weights.map(|weight| {
            sum += weight;
            sum
        }));
    }

    /// The sum of the weights.
    pub(super) fn total(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// An index in proportion to its weight; 0 where the urn is empty.
    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let at = random.random::<f64>() * self.total();
        let index = self.cumulative.partition_point(|&sum| sum <= at);
        index.min(self.cumulative.len().saturating_sub(1))
    }
}

impl FromIterator<f64> for Urn {
    fn from_iter<I: IntoIterator<Item = f64>>(weights: I) -> Urn {
        let mut urn = Urn::default();
        urn.fill(weights.into_iter());
        urn
    }
}
