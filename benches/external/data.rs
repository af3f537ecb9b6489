//! Compressed tables, read row by row.

use csv::{DeserializeRecordsIntoIter, ReaderBuilder};
use indicatif::{ProgressBar, ProgressStyle};
use liblzma::read::XzDecoder;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

/// The rows of a table in `.csv.xz`, by the names of its columns.
///
/// # Panics
/// Where the file is not there, and the row where it turns out to be damaged.
pub(crate) fn rows<R: DeserializeOwned>(
    path: &Path,
) -> DeserializeRecordsIntoIter<XzDecoder<BufReader<File>>, R> {
    let file = File::open(path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; is VIGIE_DATA or --data the right directory?",
            path.display()
        )
    });
    let unpacked = XzDecoder::new_multi_decoder(BufReader::new(file));
    ReaderBuilder::new()
        .from_reader(unpacked)
        .into_deserialize()
}

/// A bar for so many things, or a counter where nobody knows how many there will be.
pub(crate) fn progress(what: &'static str, length: Option<u64>) -> ProgressBar {
    let template = match length {
        Some(_) => "{msg:30} {bar:30} {percent:>3} % {human_pos}, {eta} to go",
        None => "{msg:30} {spinner} {human_pos}",
    };
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.set_style(ProgressStyle::with_template(template).expect("a template"));
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A share of a whole in percent.
pub(crate) fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
