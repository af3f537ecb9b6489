//! What there is to say of a state.

use super::decoded::{Decoded, Fault};
use super::store::Kept;
use crate::config::Config;
use crate::detection::Plan;
use crate::domain::{EventTime, Severity};
use crate::score::{GroupKnowledge, Seen};
use crate::snapshot::{Damage, FORMAT_VERSION, Header, shape_differences, shape_hash};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A state, as `--json` tells of it. What cannot be known of one is left out.
#[derive(Debug, Serialize)]
pub(super) struct StateFacts {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    /// Of its file, and of the state in it.
    pub(super) bytes_packed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_unpacked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format_version: Option<u32>,
    pub(super) checksum_fits: bool,
    /// Why a start cannot go on from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) header: Option<HeaderFacts>,
    /// Of a cluster's node: the offset in its log from which it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parcels: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) open_episodes: Option<Vec<EpisodeFacts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entities: Option<Vec<GroupFacts>>,
}

#[derive(Debug, Serialize)]
pub(super) struct HeaderFacts {
    /// When the first start was; a cluster does not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<EventTime>,
    /// Windows that end up to then are judged.
    pub(super) closed_to: Option<EventTime>,
    pub(super) configuration: ConfigurationFacts,
    /// From where each source partition is read on.
    pub(super) partitions: Vec<PartitionFacts>,
    pub(super) output_topic: Option<TopicFacts>,
    pub(super) output_file: Option<FileFacts>,
}

/// The settings that shape baselines.
#[derive(Debug, Serialize)]
pub(super) struct ConfigurationFacts {
    pub(super) hash: String,
    pub(super) fits: bool,
    pub(super) differences: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct PartitionFacts {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// `None` where nothing of it was judged yet, or the state does not fit.
    pub(super) offset: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct TopicFacts {
    pub(super) topic: String,
    /// By partition.
    pub(super) offsets: BTreeMap<i32, i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct FileFacts {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct EpisodeFacts {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) since: EventTime,
    pub(super) detection: String,
    pub(super) entity: BTreeMap<&'static str, String>,
    pub(super) is_muted: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct GroupFacts {
    /// Members that make an entity.
    pub(super) members: Vec<&'static str>,
    pub(super) detections: Vec<String>,
    pub(super) entities: usize,
    pub(super) forgotten: u64,
    pub(super) oldest: Option<Seen>,
    pub(super) newest: Option<Seen>,
}

impl StateFacts {
    pub(super) fn of(kept: Kept, config: &Config) -> StateFacts {
        let decoded = Decoded::read(&kept, config);
        let fault = decoded.as_ref().err().map(Fault::to_string);
        let decoded = decoded.ok();
        let content = kept.found.content.as_ref();
        let damage = content.err();
        let knowledge = decoded.as_ref().and_then(Decoded::knowledge);
        let episodes = decoded.as_ref().and_then(Decoded::open_episodes);
        StateFacts {
            node: kept.place.map(|place| place.to_string()),
            bytes_packed: kept.bytes,
            bytes_unpacked: content.ok().map(|snapshot| snapshot.state.len() as u64),
            written: kept.written,
            format_version: match damage {
                None | Some(Damage::Content(_)) => Some(FORMAT_VERSION),
                Some(Damage::Version(version)) => Some(*version),
                Some(Damage::Sum | Damage::Foreign) => None,
            },
            checksum_fits: !damage.is_some_and(Damage::is_of_the_file),
            fault,
            header: content
                .ok()
                .map(|snapshot| HeaderFacts::of(&snapshot.header, decoded.as_ref(), config)),
            log_offset: kept.next,
            parcels: decoded.as_ref().and_then(Decoded::parcels),
            open_episodes: episodes.map(|episodes| {
                let facts = episodes.iter().map(|episode| EpisodeFacts {
                    id: episode.alert.id.clone(),
                    severity: episode.alert.severity,
                    since: episode.since,
                    detection: episode.alert.detection.clone(),
                    entity: episode.alert.entity.clone(),
                    is_muted: episode.is_muted,
                });
                let mut facts: Vec<EpisodeFacts> = facts.collect();
                // The worst first, and of those the longest.
                facts.sort_by_key(|episode| (std::cmp::Reverse(episode.severity), episode.since));
                facts
            }),
            entities: knowledge.map(|knowledge| {
                let groups = knowledge.groups();
                groups
                    .map(|group| GroupFacts::of(group, &config.plan))
                    .collect()
            }),
            name: kept.found.name,
        }
    }
}

impl HeaderFacts {
    fn of(header: &Header, decoded: Option<&Decoded>, config: &Config) -> HeaderFacts {
        let differences = shape_differences(&header.shape, &config.shape());
        let partitions = (0..).zip(&header.partitions);
        let outputs = &header.outputs;
        HeaderFacts {
            began: (header.began > EventTime::MIN).then_some(header.began),
            closed_to: header.closed_to,
            configuration: ConfigurationFacts {
                hash: shape_hash(&header.shape),
                fits: differences.is_empty(),
                differences,
            },
            partitions: partitions
                .map(|(number, (topic, partition))| PartitionFacts {
                    topic: topic.clone(),
                    partition: *partition,
                    offset: decoded.and_then(|decoded| decoded.offset(number)),
                })
                .collect(),
            output_topic: outputs
                .topic
                .clone()
                .map(|(topic, offsets)| TopicFacts { topic, offsets }),
            output_file: outputs
                .file
                .clone()
                .map(|(path, bytes)| FileFacts { path, bytes }),
        }
    }
}

impl GroupFacts {
    fn of(group: GroupKnowledge, plan: &Plan) -> GroupFacts {
        let members = plan.groups[group.group].entity.iter();
        let mut detections: Vec<String> = Vec::new();
        for series in plan
            .series
            .iter()
            .filter(|series| series.group == group.group)
        {
            let name = &plan.detections[series.detection].name;
            if !detections.contains(name) {
                detections.push(name.clone());
            }
        }
        GroupFacts {
            members: members.map(|member| member.name()).collect(),
            detections,
            entities: group.entities,
            forgotten: group.forgotten,
            oldest: group.oldest,
            newest: group.newest,
        }
    }
}
