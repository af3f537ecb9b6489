//! What is known of an entity's timetable.

use super::RegularSeries;
use crate::score::baseline::RegularKnowledge;
use crate::score::entities::Entity;

impl RegularSeries {
    /// `None` where it was never judged.
    pub(in crate::score) fn describe(
        &self,
        entities: &[Entity],
        row: usize,
    ) -> Option<RegularKnowledge> {
        let class = self.classes.get(usize::from(entities[row].class))?;
        Some(RegularKnowledge {
            was_regular: *self.was_regular.get(row)?,
            class_windows: class.windows,
            class_turns: class.turns,
        })
    }
}
