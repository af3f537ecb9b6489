//! The states of a cluster's nodes, for somebody who looks on.

use super::changelog::{PackedState, ReadError, Reader};
use super::topics::Topics;
use crate::config::Config;
use crate::engine::spread::Place;

/// The states of a node that stand on the changelog, the one that has come furthest first. Nothing is
/// written, and no group is joined.
///
/// # Errors
/// Where the changelog is not there, or cannot be read to its end.
pub fn survey(config: &Config, place: Place) -> Result<Vec<PackedState>, ReadError> {
    let topics = Topics::of(&config.cluster);
    let failed = |source| ReadError::Kafka(topics.changelog.clone(), source);
    let reader = Reader::new(config, &topics.changelog).map_err(failed)?;
    let partition = topics.changelog_of(place);
    // Reading waits for a topic that may be made yet.
    reader.ends(partition)?;
    reader.all(partition)
}
