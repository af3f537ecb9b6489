//! Where simulated events and labels go.

use super::super::producer::EventProducer;
use crate::domain::Event;
use crate::simulate::to_json_line;
use rdkafka::error::KafkaError;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

const BUFFER_BYTES: usize = 1 << 18;
const ZSTANDARD_LEVEL: i32 = 3;
/// How long a broker may take to answer, and to take what is left at the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something could not be written.
#[derive(Debug, Error)]
pub(super) enum OutputError {
    /// A file.
    #[error("{path} cannot be written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A topic.
    #[error("events cannot be produced to topic `{topic}` of {brokers}")]
    Kafka {
        /// Which.
        topic: String,
        /// Where.
        brokers: String,
        /// Why.
        source: Box<KafkaError>,
    },
    /// Some of it.
    #[error("{0} events were not delivered")]
    Undelivered(u64),
}

type Raw = BufWriter<Box<dyn Write>>;

/// A file that is being written, packed as its name ends.
enum Packing {
    Plain(Raw),
    Gzip(flate2::write::GzEncoder<Raw>),
    Zstandard(zstd::Encoder<'static, Raw>),
}

/// A file, or standard output.
pub(super) struct FileOutput {
    path: PathBuf,
    packing: Packing,
}

impl FileOutput {
    /// Creates it; `-` is standard output.
    pub(super) fn create(path: &Path) -> Result<FileOutput, OutputError> {
        let packing = Packing::create(path).map_err(|source| OutputError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(FileOutput {
            path: path.to_owned(),
            packing,
        })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.packing
            .write(bytes)
            .map_err(|source| OutputError::File {
                path: self.path.clone(),
                source,
            })
    }

    /// Writes what is left, and the end.
    pub(super) fn finish(self) -> Result<(), OutputError> {
        let path = self.path;
        self.packing
            .finish()
            .map_err(|source| OutputError::File { path, source })
    }
}

impl Packing {
    fn create(path: &Path) -> io::Result<Packing> {
        let raw: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path)?)
        };
        let buffered = BufWriter::with_capacity(BUFFER_BYTES, raw);
        let end = path.extension().and_then(|end| end.to_str());
        Ok(match end {
            Some("gz") => {
                let level = flate2::Compression::default();
                Packing::Gzip(flate2::write::GzEncoder::new(buffered, level))
            }
            Some("zst") => Packing::Zstandard(zstd::Encoder::new(buffered, ZSTANDARD_LEVEL)?),
            _ => Packing::Plain(buffered),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Packing::Plain(writer) => writer.write_all(bytes),
            Packing::Gzip(writer) => writer.write_all(bytes),
            Packing::Zstandard(writer) => writer.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Packing::Plain(mut writer) => writer.flush(),
            Packing::Gzip(writer) => writer.finish()?.flush(),
            Packing::Zstandard(writer) => writer.finish()?.flush(),
        }
    }
}

/// Where events go.
pub(super) enum EventOutput {
    /// A file.
    File {
        /// It.
        file: FileOutput,
        /// Lines that are not written yet.
        lines: Vec<u8>,
    },
    /// A topic.
    Kafka {
        /// Who sends.
        producer: EventProducer,
        /// Where.
        brokers: String,
        /// Where.
        topic: String,
    },
}

impl EventOutput {
    /// Into a file.
    pub(super) fn file(path: &Path) -> Result<EventOutput, OutputError> {
        Ok(EventOutput::File {
            file: FileOutput::create(path)?,
            lines: Vec::new(),
        })
    }

    /// To a topic; fails where nobody answers.
    pub(super) fn kafka(brokers: &str, topic: &str) -> Result<EventOutput, OutputError> {
        let failed = |source| OutputError::Kafka {
            topic: topic.to_owned(),
            brokers: brokers.to_owned(),
            source: Box::new(source),
        };
        let producer = EventProducer::new(brokers, topic).map_err(failed)?;
        producer.reach(PATIENCE).map_err(failed)?;
        Ok(EventOutput::Kafka {
            producer,
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
        })
    }

    /// Takes an event; gives the bytes of its line.
    pub(super) fn put(&mut self, event: &Event<'_>) -> Result<usize, OutputError> {
        match self {
            EventOutput::File { lines, .. } => {
                let before = lines.len();
                to_json_line(event, lines);
                Ok(lines.len() - before)
            }
            EventOutput::Kafka {
                producer,
                brokers,
                topic,
            } => producer.send(event).map_err(|source| OutputError::Kafka {
                topic: topic.clone(),
                brokers: brokers.clone(),
                source: Box::new(source),
            }),
        }
    }

    /// Writes what was taken in a minute.
    pub(super) fn end_minute(&mut self) -> Result<(), OutputError> {
        if let EventOutput::File { file, lines } = self {
            file.write(lines)?;
            lines.clear();
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<(), OutputError> {
        match self {
            EventOutput::File { file, .. } => file.finish(),
            EventOutput::Kafka {
                producer,
                brokers,
                topic,
            } => {
                let flushed = producer.flush(PATIENCE);
                flushed.map_err(|source| OutputError::Kafka {
                    topic,
                    brokers,
                    source: Box::new(source),
                })?;
                match producer.failures() {
                    0 => Ok(()),
                    failures => Err(OutputError::Undelivered(failures)),
                }
            }
        }
    }
}

/// Keeps to a rate.
pub(super) struct Pace {
    started: Instant,
    per_second: Option<f64>,
}

impl Pace {
    /// So many a second, or as fast as it goes.
    pub(super) fn new(per_second: Option<f64>) -> Pace {
        Pace {
            started: Instant::now(),
            per_second,
        }
    }

    /// Waits until so many are due.
    pub(super) fn keep(&self, events: u64) {
        if let Some(per_second) = self.per_second {
            let due = Duration::from_secs_f64(events as f64 / per_second);
            std::thread::sleep(due.saturating_sub(self.started.elapsed()));
        }
    }
}
