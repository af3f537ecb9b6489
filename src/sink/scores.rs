//! Every test as a line of CSV: what calibration is looked at with.

use crate::detection::Plan;
use crate::domain::{EventTime, entity_members, label_of};
use crate::score::TestedEntity;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// The first line.
const HEADER: &str = "end,detection,window,entity,class,maturity,observed,expected,p,mass,before";
const BUFFER_BYTES: usize = 1 << 18;

/// Scores could not be written.
#[derive(Debug, Error)]
#[error("scores cannot be written to {path}")]
pub struct ScoreSinkError {
    path: PathBuf,
    source: io::Error,
}

/// Where lines go: packed as the file's ending says.
enum Packed {
    Plain(BufWriter<Box<dyn Write + Send>>),
    Gzip(flate2::write::GzEncoder<BufWriter<Box<dyn Write + Send>>>),
    Zstandard(zstd::Encoder<'static, BufWriter<Box<dyn Write + Send>>>),
}

impl Packed {
    fn create(path: &Path) -> io::Result<Packed> {
        let raw: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path)?)
        };
        let raw = BufWriter::with_capacity(BUFFER_BYTES, raw);
        let ending = path.extension().and_then(|ending| ending.to_str());
        Ok(match ending {
            Some("gz") => Packed::Gzip(flate2::write::GzEncoder::new(
                raw,
                flate2::Compression::fast(),
            )),
            Some("zst") => Packed::Zstandard(zstd::Encoder::new(raw, 1)?),
            _ => Packed::Plain(raw),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Packed::Plain(writer) => writer.write_all(bytes),
            Packed::Gzip(writer) => writer.write_all(bytes),
            Packed::Zstandard(writer) => writer.write_all(bytes),
        }
    }

    /// The archive is whole only then.
    fn finish(self) -> io::Result<()> {
        match self {
            Packed::Plain(mut writer) => writer.flush(),
            Packed::Gzip(writer) => writer.finish()?.flush(),
            Packed::Zstandard(writer) => writer.finish()?.flush(),
        }
    }
}

/// Writes tests to a file.
pub struct ScoreSink {
    path: PathBuf,
    plan: Arc<Plan>,
    packed: Packed,
    /// The end of the window that lines were last written of, as text.
    end: (EventTime, String),
    line: String,
    /// The first fault: nothing is written after it.
    failed: Option<io::Error>,
}

impl ScoreSink {
    /// Begins a file; `-` is standard output. What ends in `.gz` or `.zst` is packed so.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path, plan: Arc<Plan>) -> Result<ScoreSink, ScoreSinkError> {
        let begin = || {
            let mut packed = Packed::create(path)?;
            packed.write(format!("{HEADER}\n").as_bytes())?;
            Ok(packed)
        };
        let packed = begin().map_err(|source| ScoreSinkError {
            path: path.to_owned(),
            source,
        })?;
        Ok(ScoreSink {
            path: path.to_owned(),
            plan,
            packed,
            end: (EventTime::MIN, EventTime::MIN.to_string()),
            line: String::new(),
            failed: None,
        })
    }

    /// Writes one test. A fault is kept until [`ScoreSink::finish`].
    pub fn write(&mut self, test: &TestedEntity<'_>) {
        if self.failed.is_some() {
            return;
        }
        if self.end.0 != test.end {
            self.end = (test.end, test.end.to_string());
        }
        let series = &self.plan.series[test.series];
        let detection = &self.plan.detections[series.detection];
        let maturity = test.maturity.name();
        let line = &mut self.line;
        line.clear();
        // Writing into a string cannot fail.
        let _ = write!(line, "{},{},{},", self.end.1, detection.name, series.span);
        if let [member] = detection.entity.as_slice() {
            quote(line, &[member.name(), " ", test.key]);
        } else {
            quote(
                line,
                &[&label_of(&entity_members(&detection.entity, test.key))],
            );
        }
        line.push(',');
        quote(line, &[test.class]);
        let _ = writeln!(
            line,
            ",{maturity},{},{},{:e},{:e},{:e}",
            test.observed,
            test.expected,
            test.tail.p().get(),
            test.tail.p_mass(),
            test.tail.before()
        );
        self.failed = self.packed.write(line.as_bytes()).err();
    }

    /// All tests are written.
    ///
    /// # Errors
    /// Where one of them was not.
    pub fn finish(self) -> Result<(), ScoreSinkError> {
        let outcome = match self.failed {
            Some(error) => Err(error),
            None => self.packed.finish(),
        };
        outcome.map_err(|source| ScoreSinkError {
            path: self.path,
            source,
        })
    }
}

/// A field made of parts, in quotes where RFC 4180 wants them.
fn quote(line: &mut String, parts: &[&str]) {
    let special = |part: &&str| part.contains([',', '"', '\n', '\r']);
    if !parts.iter().any(special) {
        parts.iter().for_each(|part| line.push_str(part));
        return;
    }
    line.push('"');
    for part in parts {
        for c in part.chars() {
            if c == '"' {
                line.push('"');
            }
            line.push(c);
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_quotes_and_line_ends_read_back() {
        for text in ["plain", "a,b", "say \"hush\"", "two\nlines", ""] {
            let mut line = String::new();
            quote(&mut line, &["actor ", text]);
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(line.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(&record[0], format!("actor {text}"));
        }
    }
}
