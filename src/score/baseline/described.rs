//! What a baseline knows of one entity, in the terms of its test and with units, for people and
//! programs that look at a state. It is told, and never read back.
//!
//! *Evidence* is discounted: what is older than the half-life counts half or less, and of a mature
//! baseline the newest two days do not count yet. *Trials* and *values* are those that are as good
//! as independent.

use crate::domain::EventTime;
use serde::Serialize;

/// What a baseline knows, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "baseline", rename_all = "snake_case")]
pub enum BaselineKnowledge {
    /// How many.
    Rate(RateKnowledge),
    /// How much in all.
    Sum(SumKnowledge),
    /// A share.
    Ratio(RatioKnowledge),
    /// Shares of categories.
    Mix(MixKnowledge),
    /// How large values are.
    Location(LocationKnowledge),
    /// How many, low and slow.
    Cumulative(CumulativeKnowledge),
    /// How regular.
    Regular(RegularKnowledge),
    /// A contact that was never seen.
    FirstSeen(FirstSeenKnowledge),
    /// How rarely seen.
    Rare(RareKnowledge),
    /// What must never happen.
    Rule(RuleKnowledge),
}

/// Of a count: negative binomial around a rate of the entity's own, shrunk to its class's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateKnowledge {
    /// The window that the expectation is for: the one that is open.
    pub window_start: EventTime,
    /// What is expected in it, in units of the measure, if it is an ordinary one for the class; `None` where
    /// nobody can say yet.
    pub expected_per_window: Option<f64>,
    /// How far a count scatters around that.
    pub standard_deviation: Option<f64>,
    /// By what factor the class has more or less at this time of the week.
    pub season_factor: f64,
    /// Variance beyond that of a Poisson count, as a multiple of the mean.
    pub overdispersion_linear: f64,
    /// The same, as a multiple of the square of the mean.
    pub overdispersion_quadratic: f64,
    /// What was counted in the windows that the rate is known from.
    pub evidence_total: f64,
    /// How many these are.
    pub evidence_windows: f64,
    /// Share of a mature baseline's evidence that is settled, 0 to 1.
    pub settled_share: f64,
}

/// Of a sum: a compound of the number of summands and their sizes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SumKnowledge {
    /// Mean size of the entity's summands, in units of the measure; `None` before the first.
    pub own_mean_size: Option<f64>,
    /// Mean size in its class.
    pub class_mean_size: f64,
    /// Mean size expected of it: its own, shrunk to its class's.
    pub expected_mean_size: f64,
    /// Summands that its own is known from.
    pub evidence_summands: f64,
    /// Summands that the sizes of its class are known from.
    pub class_summands: f64,
    /// Share of a mature baseline's evidence that is settled, 0 to 1.
    pub settled_share: f64,
}

/// Of a share: beta-binomial around what the class has of as many trials, and how the entity departs
/// from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatioKnowledge {
    /// The entity's share, over its trials; `None` before the first.
    pub own_share: Option<f64>,
    /// What its class has of as many.
    pub class_share: Option<f64>,
    /// What is expected of it: its own, shrunk to its class's.
    pub expected_share: Option<f64>,
    /// Trials that its own is known from.
    pub evidence_trials: f64,
    /// Trials that the share of the class stands for.
    pub lent_trials: f64,
    /// Correlation of the trials of one window.
    pub correlation_in_window: f64,
    /// Fewer trials in a window are not judged.
    pub least_trials: u64,
    /// Share of a mature baseline's evidence that is settled, 0 to 1.
    pub settled_share: f64,
}

/// One category of a mix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryKnowledge {
    /// The category.
    pub category: String,
    /// Its share in the entity's trials.
    pub own_share: f64,
    /// Its share in those of the class.
    pub class_share: f64,
    /// What is expected of the entity: its own, shrunk to its class's.
    pub expected_share: f64,
}

/// Of a mix of categories: each is beta-binomial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MixKnowledge {
    /// Those that the class knows, the one that is most expected first.
    pub categories: Vec<CategoryKnowledge>,
    /// Trials that the entity's mix is known from.
    pub evidence_trials: f64,
    /// Trials that the mix of the class stands for.
    pub lent_trials: f64,
    /// Fewer trials in a window are not judged.
    pub least_trials: u64,
    /// Share of a mature baseline's evidence that is settled, 0 to 1.
    pub settled_share: f64,
}

/// Of how large values are: by their ridits, the share of the class's values that are smaller.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LocationKnowledge {
    /// Mean ridit of the entity's values, 0 to 1; `None` before the first.
    pub own_ridit: Option<f64>,
    /// What is expected of it: its own, shrunk to one half.
    pub expected_ridit: f64,
    /// The value of that ridit, in units of the measure; `None` where the class is too small to say.
    pub expected_value: Option<f64>,
    /// How far ridits of single values scatter within the entity.
    pub standard_deviation_ridit: f64,
    /// Values that its own are known from.
    pub evidence_values: f64,
    /// Values that the mean of the class stands for.
    pub lent_values: f64,
    /// Fewer values in a window are not judged.
    pub least_values: u64,
    /// Share of a mature baseline's evidence that is settled, 0 to 1.
    pub settled_share: f64,
}

/// How strongly one shift of the rate is suspected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShiftKnowledge {
    /// Times what is expected.
    pub factor: f64,
    /// ln of Page's product of likelihood ratios for it against no shift.
    pub ln_likelihood_ratio: f64,
}

/// Of a count that is a little off for long: what is expected, and the evidence against it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CumulativeKnowledge {
    /// What is expected.
    #[serde(flatten)]
    pub rate: RateKnowledge,
    /// The most that is expected in that window, however the rate has grown: `None` before it is mature,
    /// and of who is watched for silence.
    pub anchor_per_window: Option<f64>,
    /// By shift that is looked for.
    pub shifts: Vec<ShiftKnowledge>,
    /// The mean of these products; its inverse bounds the p-value.
    pub evidence: f64,
}

/// Of a timetable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegularKnowledge {
    /// It came like clockwork once; who did is not judged again.
    pub was_regular: bool,
    /// Windows of its class that were judged.
    pub class_windows: f64,
    /// Those of them in which somebody turned regular.
    pub class_turns: f64,
}

/// Of an edge that may be new.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstSeenKnowledge {
    /// Windows of all edges from the same source so far; 0 where it is forgotten.
    pub source_contacts: f64,
    /// When the source was first seen.
    pub source_first_seen: Option<EventTime>,
    /// When it was last seen.
    pub source_last_seen: Option<EventTime>,
    /// How likely a new edge was at its source when this one was born; `None` before it was judged.
    pub chance_at_birth: Option<f64>,
}

/// Of somebody who may be rare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RareKnowledge {
    /// Windows in which it appeared, as far as they are settled.
    pub settled_contacts: f64,
    /// Those of the last two days.
    pub pending_contacts: f64,
    /// Settled contacts of everybody with the same source.
    pub source_contacts: f64,
    /// The concentration of the Dirichlet process: somebody new comes with chance α / (n + α).
    pub alpha: f64,
}

/// Of a rule, the same for everybody.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleKnowledge {
    /// It is met by this much.
    pub at_least: u64,
    /// How often anybody met it.
    pub times_met: f64,
    /// Windows so far.
    pub windows: f64,
}

/// So many entities of one class.
#[cfg(test)]
pub(super) fn entities_of_a_class(entities: usize) -> Vec<crate::score::entities::Entity> {
    (0..entities)
        .map(|number| crate::score::entities::Entity {
            key: crate::domain::EntityKey::new(format!("entity-{number}")),
            class: 0,
            classed: EventTime::MIN,
            pool: number as u8,
            first_seen: EventTime(0),
            last_seen: EventTime(0),
            unlikely: EventTime::MIN,
            is_pooled: false,
        })
        .collect()
}
