//! Files in, files out.

use crate::cli::Failure;
use crate::evaluate::{
    AlertBook, AlertRecord, Calibration, RaisedAlert, ScoreReader, Surroundings, Truth, is_open,
};
use crate::limits::LINE_BYTES_MAX;
use crate::source::FileSource;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Rows between two looks at the progress.
const ROWS_PER_LOOK: i64 = 100_000;

fn at(path: &Path, line: i64, said: &str) -> Failure {
    Failure::Running(format!("{}:{}: {said}", path.display(), line + 1).into())
}

/// Hands every line that is not blank to `take`.
fn each_line(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), Failure> {
    let mut source = FileSource::open(path).map_err(Failure::running)?;
    let mut line = Vec::new();
    while let Some(read) = source.lines.next(&mut line).map_err(Failure::running)? {
        if !crate::decode::is_blank(&line) {
            take(&line).map_err(|said| at(path, read.number, &said))?;
        }
    }
    Ok(())
}

pub(super) fn labels(path: &Path) -> Result<Truth, Failure> {
    let mut truth = Truth::default();
    each_line(path, |line| truth.read(line))?;
    Ok(truth)
}

pub(super) fn alerts(path: &Path) -> Result<Vec<RaisedAlert>, Failure> {
    let mut book = AlertBook::default();
    each_line(path, |line| {
        book.add(AlertRecord::read(line)?);
        Ok(())
    })?;
    if book.orphans() > 0 {
        eprintln!(
            "vigie: {}: {} resolved records of alerts that never fired in it are left out",
            path.display(),
            book.orphans()
        );
    }
    Ok(book.finish())
}

/// Counts a scores file, row by row: it may be far larger than memory.
pub(super) fn scores(
    path: &Path,
    truth: &Truth,
    calibration: &mut Calibration,
) -> Result<(), Failure> {
    let mut source = FileSource::open(path).map_err(Failure::running)?;
    let around = Surroundings::new(truth);
    let progress = progress_bar(source.bytes);
    let mut reader = None;
    let (mut line, mut row) = (Vec::new(), Vec::new());
    let mut last = 0;
    while let Some(read) = source.lines.next(&mut line).map_err(Failure::running)? {
        last = read.number;
        if read.number % ROWS_PER_LOOK == 0 {
            progress.set_position(source.bytes_read.load(Ordering::Relaxed));
        }
        let whole = if row.is_empty() && !is_open(&line) {
            &line
        } else {
            // A cell in quotes may hold the end of a line.
            row.extend_from_slice(&line);
            if is_open(&row) {
                row.push(b'\n');
                if row.len() > LINE_BYTES_MAX {
                    return Err(at(path, read.number, "a quote is not closed"));
                }
                continue;
            }
            &row
        };
        let done = match &mut reader {
            _ if crate::decode::is_blank(whole) => Ok(()),
            None => ScoreReader::new(whole).map(|new| reader = Some(new)),
            Some(reader) => reader.read(whole, &around, calibration),
        };
        done.map_err(|said| at(path, read.number, &said))?;
        row.clear();
    }
    if !row.is_empty() {
        return Err(at(path, last, "a quote is not closed"));
    }
    progress.finish_and_clear();
    Ok(())
}

fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:30} {percent:>3} % of scores, {eta} to go",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} scores"),
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Writes a file whole; `-` is standard output.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    } else {
        std::fs::write(path, text)
    };
    match written {
        // Who reads only the beginning has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Running(
            format!("{} cannot be written: {error}", path.display()).into(),
        )),
        Ok(()) => Ok(()),
    }
}
