//! What the entities of a class (a role, say) share: their season, what moves them all at once,
//! how much they scatter, and how they differ in size.

mod common_mode;
mod level;
mod moments;
mod season;

pub(super) use common_mode::{CommonMode, CommonModeSketch, common_modes};
pub(super) use level::ClassLevel;
pub(super) use moments::{Prior, PriorMoments};
