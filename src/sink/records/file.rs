//! Alert records in a file, a line each.

use super::told::Told;
use super::{AlertSink, OutputPosition, SinkError};
use crate::domain::{Alert, EventTime};
use crate::limits::ALERT_BYTES_WAITING_MAX;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Writes a line a record to a file or to standard output.
pub struct FileSink {
    path: PathBuf,
    writer: Box<dyn Write + Send>,
    /// What the file had no room for: it goes before what comes.
    waiting: Vec<u8>,
    /// The file, where it can be read back.
    file: Option<File>,
    told: Told,
}

impl FileSink {
    /// Appends to a file; `-` is standard output.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn append(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::open(path, |path| {
            File::options().create(true).append(true).open(path)
        })
    }

    /// Begins a file anew; `-` is standard output.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn create(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::open(path, |path| File::create(path))
    }

    /// Appends to a file whose records from this length on are not to be written again; without one, to
    /// whatever it holds. A last line that was torn is cut off. A file that is shorter was begun anew,
    /// and all of it is read.
    ///
    /// # Errors
    /// Where the file cannot be opened or read.
    pub fn resume(path: &Path, from: Option<u64>) -> Result<FileSink, SinkError> {
        let mut sink = FileSink::append(path)?;
        let mut read_back = || -> io::Result<()> {
            // A pipe or a terminal keeps nothing.
            if path == Path::new("-") || !path.metadata()?.is_file() {
                return Ok(());
            }
            let file = File::options().read(true).write(true).open(path)?;
            if let Some(from) = from {
                sink.told = read_back(&file, from)?;
                tracing::info!(
                    file = %path.display(),
                    records = sink.told.len(),
                    "read back what was written since the snapshot"
                );
            }
            sink.file = Some(file);
            Ok(())
        };
        read_back().map_err(|source| sink_error(path, source))?;
        Ok(sink)
    }

    fn open(
        path: &Path,
        open: impl FnOnce(&Path) -> io::Result<File>,
    ) -> Result<FileSink, SinkError> {
        let writer: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(open(path).map_err(|source| sink_error(path, source))?)
        };
        Ok(FileSink {
            path: path.to_owned(),
            writer,
            waiting: Vec::new(),
            file: None,
            told: Told::default(),
        })
    }

    /// Writes what waits, as far as there is room: a line is never left half written for good.
    fn flush(&mut self) -> Result<(), SinkError> {
        let mut written = 0;
        let outcome = loop {
            if written == self.waiting.len() {
                // Alerts are few and somebody may be watching: each is flushed.
                break self.writer.flush();
            }
            match self.writer.write(&self.waiting[written..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..written);
        outcome.map_err(|source| sink_error(&self.path, source))
    }
}

fn sink_error(path: &Path, source: io::Error) -> SinkError {
    SinkError::File {
        path: path.to_owned(),
        source,
    }
}

/// The records from this length on; what follows the last whole line is cut off.
fn read_back(file: &File, from: u64) -> io::Result<Told> {
    let length = file.metadata()?.len();
    let mut whole = if from <= length { from } else { 0 };
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(whole))?;
    let mut told = Told::default();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let Some(record) = line.strip_suffix(b"\n") else {
            tracing::warn!(bytes = line.len(), "a torn last record is cut off");
            file.set_len(whole)?;
            break;
        };
        told.note(record, 0, whole.cast_signed());
        whole += line.len() as u64;
        line.clear();
    }
    Ok(told)
}

impl AlertSink for FileSink {
    fn write(&mut self, _: &Alert, json: &str) -> Result<(), SinkError> {
        if self.told.take(json.as_bytes()) {
            return Ok(());
        }
        if self.waiting.len() + json.len() > ALERT_BYTES_WAITING_MAX {
            return Err(sink_error(&self.path, ErrorKind::StorageFull.into()));
        }
        self.waiting.extend_from_slice(json.as_bytes());
        self.waiting.push(b'\n');
        self.flush()
    }

    fn is_settled(&mut self) -> bool {
        self.waiting.is_empty() || self.flush().is_ok()
    }

    fn position(
        &mut self,
        told_to: Option<EventTime>,
    ) -> Result<Option<OutputPosition>, SinkError> {
        let left = self.told.left(told_to);
        let left = left.get(&0).map(|offset| offset.cast_unsigned());
        let length = |file: &File| {
            file.sync_data()?;
            let length = file.metadata()?.len();
            Ok(OutputPosition::File(left.unwrap_or(length)))
        };
        let position = self.file.as_ref().map(length).transpose();
        position.map_err(|source| sink_error(&self.path, source))
    }

    fn settle(&mut self, _: Duration) {
        if !self.is_settled() {
            let bytes = self.waiting.len();
            tracing::error!(bytes, "alert records still waited for room in their file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Severity;
    use crate::sink::metrics::tests::alert;

    fn record(actor: &str) -> (Alert, String) {
        let alert = alert("actor_volume_surge", actor, Severity::Warning);
        let json = serde_json::to_string(&alert).unwrap();
        (alert, json)
    }

    fn write(sink: &mut FileSink, ids: &[&str]) {
        for id in ids {
            let (alert, json) = record(id);
            sink.write(&alert, &json).unwrap();
        }
    }

    fn text(ids: &[&str]) -> String {
        ids.iter().map(|id| record(id).1 + "\n").collect()
    }

    fn position(sink: &mut FileSink) -> u64 {
        match sink.position(None).unwrap() {
            Some(OutputPosition::File(length)) => length,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_written_since_the_position_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        std::fs::write(&path, "somebody else's\n").unwrap();
        let mut sink = FileSink::resume(&path, None).unwrap();
        write(&mut sink, &["a"]);
        let snapshot = position(&mut sink);
        write(&mut sink, &["b", "c"]);
        drop(sink);

        // It is killed, goes on from the snapshot, and raises b, c and then d.
        let mut sink = FileSink::resume(&path, Some(snapshot)).unwrap();
        write(&mut sink, &["b", "c", "d"]);
        let expected = String::from("somebody else's\n") + &text(&["a", "b", "c", "d"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        // What lay before the position was told of before the snapshot, and is not looked at.
        write(&mut sink, &["a"]);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            expected + &text(&["a"])
        );
    }

    #[test]
    fn killed_while_it_raises_them_again_it_still_knows_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        std::fs::write(&path, text(&["a", "b", "c"])).unwrap();
        let mut snapshot = 0;
        for raised in [&["a"][..], &["b"], &[]] {
            let mut sink = FileSink::resume(&path, Some(snapshot)).unwrap();
            write(&mut sink, raised);
            snapshot = position(&mut sink);
        }
        assert_eq!(snapshot, text(&["a", "b"]).len() as u64);
        let mut sink = FileSink::resume(&path, Some(snapshot)).unwrap();
        write(&mut sink, &["c", "d"]);
        let now = std::fs::read_to_string(&path).unwrap();
        assert_eq!(now, text(&["a", "b", "c", "d"]));
    }

    #[test]
    fn a_line_torn_anywhere_is_cut_off_and_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let (told, whole) = (text(&["a"]), text(&["a", "b", "c"]));
        for length in told.len()..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut sink = FileSink::resume(&path, Some(told.len() as u64)).unwrap();
            write(&mut sink, &["b", "c"]);
            let now = std::fs::read_to_string(&path).unwrap();
            assert_eq!(now, whole, "torn at {length}");
        }
    }

    #[test]
    fn a_file_that_was_begun_anew_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        for (holds, then) in [(vec![], vec!["b", "c"]), (vec!["b"], vec!["b", "c"])] {
            std::fs::write(&path, text(&holds)).unwrap();
            let mut sink = FileSink::resume(&path, Some(1 << 20)).unwrap();
            write(&mut sink, &["b", "c"]);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text(&then));
        }
    }

    #[test]
    fn what_keeps_nothing_has_no_position() {
        for path in ["-", "/dev/null"] {
            let mut sink = FileSink::resume(Path::new(path), Some(7)).unwrap();
            assert_eq!(sink.position(None).unwrap(), None, "{path}");
        }
    }

    /// Has room for so many bytes.
    struct Narrow(std::sync::Arc<std::sync::Mutex<(usize, Vec<u8>)>>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut held = self.0.lock().unwrap();
            let (room, content) = &mut *held;
            let taken = bytes.len().min(*room);
            if taken == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            *room -= taken;
            content.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_there_was_no_room_for_is_written_once_there_is() {
        let whole = text(&["a", "b"]);
        let held = std::sync::Arc::new(std::sync::Mutex::new((whole.len() / 4, Vec::new())));
        let mut sink = FileSink::append(Path::new("/dev/null")).unwrap();
        sink.writer = Box::new(Narrow(std::sync::Arc::clone(&held)));
        for id in ["a", "b"] {
            let (alert, json) = record(id);
            let error = sink.write(&alert, &json).unwrap_err().to_string();
            assert!(error.contains("/dev/null"), "{error}");
        }
        assert!(!sink.is_settled());
        held.lock().unwrap().0 = whole.len();
        assert!(sink.is_settled());
        assert_eq!(held.lock().unwrap().1, whole.as_bytes());
    }
}
