//! Events from a file or standard input, a line each; plain, gzip or Zstandard, told apart by
//! their first bytes.

use crate::limits::LINE_BYTES_MAX;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const BUFFER_BYTES: usize = 1 << 17;

/// The input could not be read.
#[derive(Debug, Error)]
#[error("{path} cannot be read")]
pub struct SourceError {
    path: PathBuf,
    source: io::Error,
}

/// An opened input.
pub struct FileSource {
    /// Its lines.
    pub lines: LineReader,
    /// Its size as it lies there, where that is known.
    pub bytes: Option<u64>,
    /// How much of that was read.
    pub bytes_read: Arc<AtomicU64>,
}

impl FileSource {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// Where it cannot be opened, or what it is compressed with is damaged at the very start.
    pub fn open(path: &Path) -> Result<FileSource, SourceError> {
        let failed = |source| SourceError {
            path: path.to_owned(),
            source,
        };
        let (raw, bytes): (Box<dyn Read + Send>, Option<u64>) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        let bytes_read = Arc::new(AtomicU64::new(0));
        let raw = Counted {
            inner: raw,
            bytes: Arc::clone(&bytes_read),
        };
        let input = unpacked(BufReader::with_capacity(BUFFER_BYTES, raw)).map_err(failed)?;
        Ok(FileSource {
            lines: LineReader::new(path.to_owned(), input),
            bytes,
            bytes_read,
        })
    }
}

fn unpacked(mut raw: BufReader<Counted>) -> io::Result<Box<dyn BufRead + Send>> {
    let start = raw.fill_buf()?;
    if start.starts_with(&GZIP) {
        let unpacked = flate2::bufread::MultiGzDecoder::new(raw);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked)));
    }
    if start.starts_with(&ZSTANDARD) {
        let unpacked = zstd::Decoder::with_buffer(raw)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked)));
    }
    Ok(Box::new(raw))
}

struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Lines of bounded length.
pub struct LineReader {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    number: i64,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 0.
    pub number: i64,
}

impl LineReader {
    /// Over any input; `path` is what errors call it.
    pub fn new(path: PathBuf, input: Box<dyn BufRead + Send>) -> LineReader {
        LineReader {
            path,
            input,
            number: -1,
        }
    }

    /// Reads the next line into `line`, without its end. Of a line that is too long only so much
    /// is kept as shows that it is.
    ///
    /// # Errors
    /// Where the input cannot be read, or what it is compressed with is damaged.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Result<Option<Line>, SourceError> {
        match self.read(line) {
            Ok(more) => Ok(more.then_some(Line {
                number: self.number,
            })),
            Err(source) => Err(SourceError {
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn read(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        if self
            .input
            .by_ref()
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', line)?
            == 0
        {
            return Ok(false);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() == LINE_BYTES_MAX {
            self.skip_line()?;
        }
        if self.number == 0 && line.starts_with(&BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(true)
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffered = self.input.fill_buf()?;
            if buffered.is_empty() {
                return Ok(());
            }
            if let Some(end) = buffered.iter().position(|byte| *byte == b'\n') {
                self.input.consume(end + 1);
                return Ok(());
            }
            let length = buffered.len();
            self.input.consume(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::EVENT_BYTES_MAX;
    use std::io::Write;

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        std::fs::write(&path, bytes).unwrap();
        let mut source = FileSource::open(&path).unwrap();
        let mut all = Vec::new();
        let mut line = Vec::new();
        while source.lines.next(&mut line).unwrap().is_some() {
            all.push(line.clone());
        }
        assert_eq!(
            source.bytes_read.load(Ordering::Relaxed),
            bytes.len() as u64
        );
        all
    }

    #[test]
    fn plain_gzip_and_zstandard_give_the_same_lines() {
        let text = b"\xef\xbb\xbfone\n\ntwo\r\nthree";
        let expected: Vec<Vec<u8>> = vec![
            b"one".to_vec(),
            Vec::new(),
            b"two\r".to_vec(),
            b"three".to_vec(),
        ];
        assert_eq!(lines(text), expected);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text[..5]).unwrap();
        let mut packed = gzip.finish().unwrap();
        let mut second = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        second.write_all(&text[5..]).unwrap();
        packed.extend(second.finish().unwrap());
        assert_eq!(lines(&packed), expected);
        assert_eq!(lines(&zstd::encode_all(&text[..], 1).unwrap()), expected);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 3 * EVENT_BYTES_MAX];
        text.extend(b"\nnext\n");
        let lines = lines(&text);
        assert!(lines[0].len() > EVENT_BYTES_MAX && lines[0].len() <= LINE_BYTES_MAX);
        assert_eq!(lines[1], b"next");
    }

    #[test]
    fn a_damaged_archive_is_an_error_and_not_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.gz");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&b"a line of text\n".repeat(10_000)).unwrap();
        let packed = gzip.finish().unwrap();
        std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        let mut source = FileSource::open(&path).unwrap();
        let mut line = Vec::new();
        let end = loop {
            match source.lines.next(&mut line) {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(end.is_err());
    }
}
