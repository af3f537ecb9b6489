//! Fixed rules: what must never happen, with how rarely it does.
//!
//! A rule fires whenever it is met, whatever the budget. Its p-value is the chance that any
//! entity at all meets it in a window, from how often that has happened.

mod describe;

use crate::statistics::{PValue, Tail};
use serde::{Deserialize, Serialize};

/// Windows without a touch that stand for knowing nothing, and touches beside them.
const PRIOR_WINDOWS: f64 = 240.0;
const PRIOR_TOUCHES: f64 = 0.5;

/// One rule.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::score) struct RuleSeries {
    touches: f64,
    windows: f64,
}

impl RuleSeries {
    /// The tail for a window in which so many met the rule, the same for all of them; learns how
    /// many did.
    pub(in crate::score) fn judge(&mut self, met: usize) -> Tail {
        let shape = PRIOR_TOUCHES + self.touches;
        let exposure = PRIOR_WINDOWS + self.windows;
        // P(at least one) of a Gamma-Poisson count: 1 - (b / (b + 1))^a.
        let ln_none = -shape * (1.0 / exposure).ln_1p();
        self.touches += met as f64;
        self.windows += 1.0;
        if met == 0 {
            return Tail::new(PValue::ONE, ln_none.exp());
        }
        Tail::new(PValue::new(-ln_none.exp_m1()), -ln_none.exp_m1())
    }
}
