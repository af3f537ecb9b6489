//! Probability, without knowledge of events.
//!
//! Tails are computed and kept in log space down to the depth that alerts use. Numerical
//! building blocks come from `statrs`; what is here is what it lacks: log tails of discrete
//! predictive distributions.

mod beta_binomial;
mod compound;
mod fixed;
mod magnitude;
mod negative_binomial;
mod p_value;
mod special;
mod student;

pub use beta_binomial::BetaBinomial;
pub use compound::compound_upper;
pub use fixed::FixedSum;
pub use magnitude::{MAGNITUDES, magnitude};
pub use negative_binomial::NegativeBinomial;
pub use p_value::{PValue, Spread, Tail};
pub use special::{ln_beta, ln_beta_reg};
pub use student::ln_student_upper;
