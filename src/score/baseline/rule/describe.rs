//! What is known of how often a rule was met.

use super::RuleSeries;
use crate::score::baseline::RuleKnowledge;

impl RuleSeries {
    /// What is known of it, where it is met by so much.
    pub(in crate::score) fn describe(&self, at_least: u64) -> RuleKnowledge {
        RuleKnowledge {
            at_least,
            times_met: self.touches,
            windows: self.windows,
        }
    }
}
