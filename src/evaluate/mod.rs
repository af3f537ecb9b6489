//! How good the alerts are: the protocol that an analyst would trust.
//!
//! # What it promises
//!
//! * The unit is the episode; the budget comes first: recall at so many false alarms a day.
//! * Nothing is forgiven: an alert on another entity during an attack is false, a detection after
//!   the grace is none, days with attacks count as days.
//! * Every share has an interval by the bootstrap over episodes, and two evaluations of the same
//!   files are the same bytes.
//! * Results on simulated traffic say so.
//!
//! # How it works
//!
//! ```text
//! labels ─▶ Truth ──┐
//! alerts ─▶ AlertBook ─▶ matching ─▶ outcome ─▶ evaluate ─▶ Evaluation ─▶ text, html, JSON
//! scores ─▶ Calibration ───────────────────────┘
//! ```
//!
//! A pure module: it reads lines and gives text, and knows the domain, not the detector.

mod bootstrap;
mod calibration;
mod curve;
mod days;
mod html;
mod lenient;
mod matching;
mod outcome;
mod record;
mod report;
mod scores;
mod summary;
mod sweep;
#[cfg(test)]
mod tests;
mod text;
mod truth;
mod words;

pub use bootstrap::{Estimate, Share};
pub use calibration::{BINS, Calibrated, Calibration, LEVELS, TestRow};
pub use days::Days;
pub use html::render as to_html;
pub use matching::Grace;
pub use record::{AlertBook, AlertRecord, RaisedAlert};
pub use report::{AlertRow, BudgetRow, Evaluation, ScenarioRow};
pub use scores::{ScoreReader, Surroundings, is_open};
pub use summary::{Bound, Settings, Traffic, evaluate};
pub use text::render as to_text;
pub use truth::Truth;
