//! Who speaks for which source partition.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By source partition, the last writer who claimed it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Speakers(BTreeMap<i32, u64>);

impl Speakers {
    /// From now on this writer speaks for the partition.
    pub(super) fn claim(&mut self, partition: i32, writer: u64) {
        self.0.insert(partition, writer);
    }

    /// Whether this writer speaks for the partition.
    pub(super) fn may_speak(&self, partition: i32, writer: u64) -> bool {
        self.0.get(&partition) == Some(&writer)
    }
}
