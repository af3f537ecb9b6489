//! The topics of a cluster: made where they are missing and may be made, checked where they are there.

use crate::config::{ClusterConfig, Config};
use crate::engine::spread::Place;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;
use thiserror::Error;

const ASK_WITHIN: Duration = Duration::from_secs(10);

/// The names and sizes of the topics.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    /// What stage 1 seals, and which panes are complete: a partition per shard, and one of the
    /// meeting.
    pub(super) partials: String,
    /// What shards have judged: one partition.
    pub(super) findings: String,
    /// The states of all nodes, compacted: a partition each.
    pub(super) changelog: String,
    shards: i32,
}

impl Topics {
    pub(super) fn of(cluster: &ClusterConfig) -> Topics {
        let name = |what| format!("{}-{what}", cluster.topic_prefix);
        Topics {
            partials: name("partials"),
            findings: name("findings"),
            changelog: name("changelog"),
            shards: cluster.shards,
        }
    }

    pub(super) fn shards(&self) -> usize {
        self.shards as usize
    }

    /// The node that reads a partition.
    pub(super) fn place(&self, topic: &str, partition: i32) -> Place {
        match partition {
            _ if topic == self.findings => Place::Alerts,
            meet if meet == self.shards => Place::Meet,
            shard => Place::Shard(shard as usize),
        }
    }

    /// The log that a node reads.
    pub(super) fn log_of(&self, place: Place) -> (&str, i32) {
        match place {
            Place::Meet => (&self.partials, self.shards),
            Place::Shard(shard) => (&self.partials, shard as i32),
            Place::Alerts => (&self.findings, 0),
        }
    }

    /// The partition of the changelog that the states of a node stand in.
    pub(super) fn changelog_of(&self, place: Place) -> i32 {
        match place {
            Place::Meet => self.shards,
            Place::Shard(shard) => shard as i32,
            Place::Alerts => self.shards + 1,
        }
    }

    fn all(&self) -> [(&str, i32, &'static str); 3] {
        [
            (&self.partials, self.shards + 1, "delete"),
            (&self.findings, 1, "delete"),
            (&self.changelog, self.shards + 2, "compact"),
        ]
    }
}

/// The topics of the cluster cannot be used.
#[derive(Debug, Error)]
pub enum TopicsError {
    /// Kafka cannot be asked.
    #[error("the cluster's topics cannot be looked at")]
    Kafka(#[from] KafkaError),
    /// A topic cannot be made.
    #[error(
        "topic `{topic}` cannot be made ({code}); make it with {partitions} partitions and \
         cleanup.policy={policy}, and set cluster.create_topics to false"
    )]
    Create {
        /// The topic.
        topic: String,
        /// Why.
        code: RDKafkaErrorCode,
        /// How many partitions it needs.
        partitions: i32,
        /// How it is cleaned up.
        policy: &'static str,
    },
    /// A topic is not there.
    #[error(
        "topic `{topic}` is missing; make it with {partitions} partitions and \
         cleanup.policy={policy}, or set cluster.create_topics"
    )]
    Missing {
        /// The topic.
        topic: String,
        /// How many partitions it needs.
        partitions: i32,
        /// How it is cleaned up.
        policy: &'static str,
    },
    /// A topic is made in another way.
    #[error(
        "topic `{topic}` has {setting} {found}, {wanted} is needed; alter the topic, or choose another \
         cluster.topic_prefix to begin anew (the number of shards cannot change)"
    )]
    Unfit {
        /// The topic.
        topic: String,
        /// What of it.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: String,
    },
}

/// Makes the topics that are missing, where that is allowed, and checks all.
///
/// # Errors
/// Where one is missing or made in another way, with what to do.
pub async fn prepare(config: &Config) -> Result<(), TopicsError> {
    let mut client = ClientConfig::new();
    for (name, value) in crate::sink::connection_options(&config.kafka.options) {
        client.set(name, value);
    }
    client.set("bootstrap.servers", &config.kafka.brokers);
    let admin: AdminClient<DefaultClientContext> = client.create()?;
    let topics = Topics::of(&config.cluster);
    if config.cluster.create_topics {
        create(&admin, &config.cluster, &topics).await?;
    }
    for (topic, partitions, policy) in topics.all() {
        check(&admin, &config.cluster, topic, partitions, policy).await?;
    }
    Ok(())
}

async fn create(
    admin: &AdminClient<DefaultClientContext>,
    cluster: &ClusterConfig,
    topics: &Topics,
) -> Result<(), TopicsError> {
    let retention = cluster.retention.0.to_string();
    let all = topics.all();
    let new: Vec<NewTopic<'_>> = all
        .iter()
        .map(|(topic, partitions, policy)| {
            let replication = TopicReplication::Fixed(cluster.replication_factor);
            let new = NewTopic::new(topic, *partitions, replication).set("cleanup.policy", policy);
            match *policy {
                "compact" => new,
                _ => new.set("retention.ms", &retention),
            }
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(ASK_WITHIN));
    let made = admin.create_topics(&new, &options).await?;
    for (made, (topic, partitions, policy)) in made.into_iter().zip(topics.all()) {
        match made {
            Ok(_) => tracing::info!(topic, partitions, "topic made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => {
                return Err(TopicsError::Create {
                    topic: topic.to_owned(),
                    code,
                    partitions,
                    policy,
                });
            }
        }
    }
    Ok(())
}

async fn check(
    admin: &AdminClient<DefaultClientContext>,
    cluster: &ClusterConfig,
    topic: &str,
    partitions: i32,
    policy: &'static str,
) -> Result<(), TopicsError> {
    // A topic that was just made may not be known yet.
    let mut found = 0;
    for _ in 0..20 {
        let metadata = admin.inner().fetch_metadata(Some(topic), ASK_WITHIN)?;
        found = metadata
            .topics()
            .first()
            .map_or(0, |topic| topic.partitions().len());
        if found > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    if found == 0 {
        return Err(TopicsError::Missing {
            topic: topic.to_owned(),
            partitions,
            policy,
        });
    }
    let unfit = |setting, found, wanted: &dyn ToString| TopicsError::Unfit {
        topic: topic.to_owned(),
        setting,
        found,
        wanted: wanted.to_string(),
    };
    if found != partitions as usize {
        return Err(unfit("partitions", found.to_string(), &partitions));
    }
    let options = AdminOptions::new().request_timeout(Some(ASK_WITHIN));
    let described = admin
        .describe_configs([&ResourceSpecifier::Topic(topic)], &options)
        .await?;
    // Who may not look cannot check.
    let Some(Ok(described)) = described.into_iter().next() else {
        return Ok(());
    };
    let value_of = |setting| described.get(setting).and_then(|entry| entry.value.clone());
    if let Some(found) = value_of("cleanup.policy")
        && found != policy
    {
        return Err(unfit("cleanup.policy", found, &policy));
    }
    let wanted = cluster.retention.0;
    match value_of("retention.ms") {
        // What is compacted is not deleted for its age, and -1 is for ever.
        Some(found) if policy == "delete" && (0..wanted).contains(&found.parse().unwrap_or(-1)) => {
            Err(unfit("retention.ms", found, &wanted))
        }
        _ => Ok(()),
    }
}
