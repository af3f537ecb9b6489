//! What a start goes on from: the state, and where source and outputs stood then.

use super::{DaemonError, epoch_time};
use crate::config::{AlertOutput, Config, KafkaConfig, Start};
use crate::domain::EventTime;
use crate::engine::{Back, EngineSettings};
use crate::sink::{AlertSinks, FileSink, KafkaSink, SinkError};
use crate::snapshot::{Directory, Files, Lock, Outputs, Recovery, Snapshot};

/// How one begins without history.
const ANEW: &str = "name another state.directory";

/// The directory of the state, held for as long as this lives.
pub(super) struct Place {
    pub(super) directory: Directory,
    _lock: Lock,
}

impl Place {
    /// `None` where the configuration names no directory.
    ///
    /// # Errors
    /// Where it cannot be made, or another process has it.
    pub(super) fn take(config: &Config) -> Result<Option<Place>, DaemonError> {
        let Some(path) = &config.state.directory else {
            return Ok(None);
        };
        Ok(Some(Place {
            directory: Directory::create(path.clone(), Files)?,
            _lock: Lock::take(path)?,
        }))
    }
}

/// What a start goes on from.
pub(super) struct Recovered {
    pub(super) back: Back,
    /// Topic and partition of each source partition that was known, by number.
    pub(super) partitions: Vec<(String, i32)>,
    /// When the first start was.
    pub(super) began: EventTime,
    /// How far the outputs had come; `None` at the first start.
    outputs: Option<Outputs>,
}

impl Recovered {
    fn fresh(settings: &EngineSettings) -> Recovered {
        Recovered {
            back: Back::new(settings),
            partitions: Vec::new(),
            began: epoch_time(),
            outputs: None,
        }
    }

    /// Reads what there is, and goes on from it as [`Recovery`] decides.
    ///
    /// # Errors
    /// Where the directory cannot be read, or somebody has to decide what is to become of what is there.
    pub(super) fn read(
        config: &Config,
        settings: &EngineSettings,
        place: Option<&Place>,
    ) -> Result<Recovered, DaemonError> {
        let Some(place) = place else {
            return Ok(Recovered::fresh(settings));
        };
        let mut found = place.directory.find()?;
        let at = match Recovery::decide(&found, &config.shape(), ANEW) {
            Recovery::Fresh => {
                tracing::info!("no snapshot yet; beginning without history");
                return Ok(Recovered::fresh(settings));
            }
            Recovery::Restore { newest } => newest,
            Recovery::RestoreOlder { older, why } => {
                tracing::warn!("going on from an older snapshot: {why}");
                older
            }
            Recovery::Refuse(why) => return Err(DaemonError::State(why)),
        };
        let file = found.swap_remove(at);
        let refused = |why: &dyn std::fmt::Display| {
            let name = &file.name;
            DaemonError::State(format!("{name}: {why}; {ANEW} to begin without history"))
        };
        let Snapshot { header, state } = file.content.map_err(|damage| refused(&damage))?;
        let back = Back::restore(settings, &state).map_err(|error| refused(&error))?;
        let closed_to = header.closed_to.map(|to| to.to_string());
        tracing::info!(
            snapshot = file.name,
            closed_to = closed_to.as_deref().unwrap_or("nothing yet"),
            "going on from a snapshot"
        );
        Ok(Recovered {
            back,
            partitions: header.partitions,
            began: header.began,
            outputs: Some(header.outputs),
        })
    }

    /// Whether there was nothing to go on from.
    fn is_first(&self) -> bool {
        self.outputs.is_none()
    }

    /// Whether an output has no position yet: it is the first start, or the first with this output.
    pub(super) fn lacks_position(&self, output: &AlertOutput) -> bool {
        let Some(known) = &self.outputs else {
            return true;
        };
        let topic = known.topic.as_ref().map(|(topic, _)| topic);
        let file = known.file.as_ref().map(|(file, _)| file);
        let is_new = output.file.is_some() && output.file.as_ref() != file;
        is_new || (output.topic.is_some() && output.topic.as_ref() != topic)
    }

    /// What is read, and from where on: what was to come at the first start, is to come still.
    pub(super) fn source(&self, kafka: &KafkaConfig) -> KafkaConfig {
        let mut kafka = kafka.clone();
        if kafka.start == Start::Latest && !self.is_first() {
            kafka.start = Start::At(self.began);
        }
        kafka
    }

    /// Where alert records go. Where state is kept, what stands there since the snapshot is not written again.
    ///
    /// # Errors
    /// Where one cannot be opened.
    pub(super) fn sinks(&self, config: &Config) -> Result<AlertSinks, SinkError> {
        let is_kept = config.state.directory.is_some();
        let known = self.outputs.as_ref();
        let mut sinks = AlertSinks::default();
        let kafka = &config.kafka;
        match &config.output.topic {
            Some(topic) if is_kept => {
                let known = known.and_then(|outputs| outputs.topic.as_ref());
                let from = known.filter(|(known, _)| known == topic);
                sinks.push(KafkaSink::resume(
                    &kafka.brokers,
                    topic,
                    &kafka.options,
                    &kafka.group,
                    from.map(|(_, ends)| ends.clone()),
                )?);
            }
            Some(topic) => sinks.push(KafkaSink::new(&kafka.brokers, topic, &kafka.options)?),
            None => {}
        }
        match &config.output.file {
            Some(file) if is_kept => {
                let known = known.and_then(|outputs| outputs.file.as_ref());
                let from = known.filter(|(known, _)| known == file);
                sinks.push(FileSink::resume(file, from.map(|(_, length)| *length))?);
            }
            Some(file) => sinks.push(FileSink::append(file)?),
            None => {}
        }
        Ok(sinks)
    }
}
