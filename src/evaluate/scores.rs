//! Rows of a scores file: every test's p-value, as CSV.
//!
//! Columns are found by name, so they may come in any order and there may be more of them.

use super::calibration::TestRow;
use super::days::Days;
use super::lenient::Moment;
use super::truth::Truth;
use crate::domain::{EpisodeKind, EventTime, Span};
use crate::statistics::{PValue, Tail};
use std::borrow::Cow;
use std::collections::HashMap;

const COLUMNS: [&str; 9] = [
    "end",
    "detection",
    "window",
    "entity",
    "class",
    "maturity",
    "expected",
    "p",
    "mass",
];

/// Where the columns stand, and what the last row said: rows come in runs that say the same.
#[derive(Clone, Debug)]
pub struct ScoreReader {
    at: [usize; COLUMNS.len()],
    /// What evidence that is collected over windows had come to, where the file tells.
    before: Option<usize>,
    columns: usize,
    end: (String, EventTime),
    window: (String, Span),
}

impl ScoreReader {
    /// Reads the first line.
    ///
    /// # Errors
    /// A sentence on the columns that are missing.
    pub fn new(header: &[u8]) -> Result<ScoreReader, String> {
        let header = text_of(header)?;
        let names: Vec<Cow<'_, str>> = cells(header)?;
        let position_of = |column: &str| names.iter().position(|name| name.trim() == column);
        let mut at = [0; COLUMNS.len()];
        let mut missing = Vec::new();
        for (place, column) in at.iter_mut().zip(COLUMNS) {
            match position_of(column) {
                Some(position) => *place = position,
                None => missing.push(column),
            }
        }
        if !missing.is_empty() {
            return Err(format!(
                "the first line names no column {}; it should read `{}`",
                missing.join(", "),
                COLUMNS.join(",")
            ));
        }
        Ok(ScoreReader {
            at,
            before: position_of("before"),
            columns: names.len(),
            end: (String::new(), EventTime(0)),
            window: (String::new(), Span::ZERO),
        })
    }

    /// Reads a row and hands it on: to `note` where it is a test of a model, to `exclude` where
    /// something was done to its entity.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn read(
        &mut self,
        line: &[u8],
        around: &Surroundings,
        calibration: &mut super::Calibration,
    ) -> Result<(), String> {
        let cells = cells(text_of(line)?)?;
        if cells.len() != self.columns {
            return Err(format!(
                "{} cells where the first line has {}",
                cells.len(),
                self.columns
            ));
        }
        let [
            end,
            detection,
            window,
            entity,
            class,
            maturity,
            expected,
            p,
            mass,
        ] = self.at.map(|at| cells[at].as_ref());
        if self.end.0 != end {
            let time = Moment::try_from(serde_json::Value::from(end))?;
            self.end = (end.to_owned(), time.0);
        }
        if self.window.0 != window {
            self.window = (window.to_owned(), Span::parse(window)?);
        }
        let number = |name: &str, text: &str| -> Result<f64, String> {
            text.parse()
                .map_err(|_| format!("{name} is `{text}`, which is no number"))
        };
        let (p, mass) = (number("p", p)?, number("mass", mass)?);
        let before = match self.before {
            Some(at) => number("before", &cells[at])?,
            None => 1.0,
        };
        if [p, mass, before]
            .iter()
            .any(|one| !(0.0..=1.0).contains(one))
        {
            return Err(format!(
                "p is {p}, its mass {mass} and before it {before}, which are no probabilities"
            ));
        }
        let (end, span) = (self.end.1, self.window.1);
        if around.is_touched(entity.split(", "), end - span, end) {
            calibration.exclude();
            return Ok(());
        }
        calibration.note(&TestRow {
            detection,
            window: span,
            class,
            maturity,
            regime: around.regime(end),
            expected: number("expected", expected)?,
            tail: Tail::new(PValue::new(p), mass).after(PValue::new(before)),
        });
        Ok(())
    }
}

fn text_of(line: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(line).map_err(|_| String::from("it is not UTF-8"))?;
    Ok(text.strip_suffix('\r').unwrap_or(text))
}

/// Whether a line ends within quotes: the row goes on in the next one.
pub fn is_open(line: &[u8]) -> bool {
    line.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// The cells of a row (RFC 4180).
fn cells(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    if !line.contains('"') {
        return Ok(line.split(',').map(Cow::Borrowed).collect());
    }
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let after = if let Some(quoted) = rest.strip_prefix('"') {
            let (cell, after) = quoted_cell(quoted)?;
            cells.push(cell);
            after
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            cells.push(Cow::Borrowed(&rest[..end]));
            &rest[end..]
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(cells),
            None => return Err(String::from("a quoted cell goes on behind its quotes")),
        }
    }
}

/// The cell up to its closing quote, and what comes after it.
fn quoted_cell(quoted: &str) -> Result<(Cow<'_, str>, &str), String> {
    let mut from = 0;
    while let Some(at) = quoted[from..].find('"') {
        let at = from + at;
        if !quoted[at + 1..].starts_with('"') {
            let cell = &quoted[..at];
            let cell = if cell.contains('"') {
                Cow::Owned(cell.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(cell)
            };
            return Ok((cell, &quoted[at + 1..]));
        }
        from = at + 2;
    }
    Err(String::from("a quote is not closed"))
}

/// What a test must be seen in: the days, and the entities to which something was done.
#[derive(Clone, Debug)]
pub struct Surroundings {
    days: Days,
    /// By a pair of a true key, as labels of entities write it: `actor key-17`.
    touched: HashMap<String, Vec<(EventTime, EventTime)>, ahash::RandomState>,
}

impl Surroundings {
    /// Of a run.
    pub fn new(truth: &Truth) -> Surroundings {
        let mut touched: HashMap<String, Vec<(EventTime, EventTime)>, _> = HashMap::default();
        for episode in &truth.episodes {
            if episode.kind == EpisodeKind::HardNegative {
                continue;
            }
            for (name, value) in episode.entities.iter().flatten() {
                let times = touched.entry(format!("{name} {value}")).or_default();
                times.push((episode.start, episode.end));
            }
        }
        Surroundings {
            days: Days::of(truth),
            touched,
        }
    }

    /// Whether one of these pairs is of an entity to which something was done in that time:
    /// attacks and nuisances. Hard negatives are what honest traffic is like.
    pub fn is_touched<'p>(
        &self,
        pairs: impl Iterator<Item = &'p str>,
        start: EventTime,
        end: EventTime,
    ) -> bool {
        if self.touched.is_empty() {
            return false;
        }
        pairs
            .filter_map(|pair| self.touched.get(pair))
            .any(|times| times.iter().any(|(from, to)| *from < end && *to >= start))
    }

    /// The regime of the day in which a window ends.
    pub fn regime(&self, end: EventTime) -> &str {
        self.days.regime_at_end(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Calibration;

    const HEADER: &[u8] = b"end,detection,window,entity,class,maturity,observed,expected,p,mass";

    fn truth() -> Truth {
        let mut truth = Truth::default();
        for line in [
            r#"{"label":"run","start":"2026-01-05T00:00:00Z","end":"2026-01-07T00:00:00Z"}"#,
            r#"{"label":"regime","regime":"peak","start":"2026-01-06T00:00:00Z","end":"2026-01-07T00:00:00Z"}"#,
            r#"{"label":"episode","id":"a","kind":"attack","scenario":"s","entities":[{"actor":"key-17"}],
                "start":"2026-01-05T10:00:00Z","end":"2026-01-05T11:00:00Z"}"#,
        ] {
            truth.read(line.as_bytes()).unwrap();
        }
        truth
    }

    fn read(rows: &[&str]) -> Result<Calibration, String> {
        let mut reader = ScoreReader::new(HEADER)?;
        let around = Surroundings::new(&truth());
        let mut calibration = Calibration::default();
        for row in rows {
            reader.read(row.as_bytes(), &around, &mut calibration)?;
        }
        Ok(calibration)
    }

    #[test]
    fn rows_are_counted_by_what_they_say_and_those_of_attackers_left_out() {
        let rows = [
            "2026-01-05T09:00:00Z,surge,1h,actor key-17,broker,new,3,2.5,0.25,0.1",
            "2026-01-05T11:00:00Z,surge,1h,actor key-17,broker,new,900,2.5,1e-9,1e-9",
            "2026-01-05T11:00:00Z,surge,1h,\"actor key-17, recipient \"\"x\"\"\",broker,new,900,2.5,1e-9,0",
            "2026-01-06T11:00:00Z,surge,24h,actor key-9,broker,new,3,2.5,0.75,0.1\r",
        ];
        let found = read(&rows).unwrap().finish().unwrap();
        assert_eq!((found.tests, found.excluded), (2, 2));
        let windows: Vec<&str> = found.series.iter().map(|row| row.window.as_str()).collect();
        assert_eq!(windows, ["1h", "24h"]);
        let bins = found.histograms[0].bins;
        // Between 0.15 and 0.25: half of one of two tests is in each of two bins of width 1/20.
        assert!(
            (bins[3] - 5.0).abs() < 1e-9 && (bins[4] - 5.0).abs() < 1e-9,
            "{bins:?}"
        );
    }

    #[test]
    fn a_row_that_makes_no_sense_says_why() {
        let row = |row: &str| read(&[row]).map(|_| ()).unwrap_err();
        for (line, word) in [
            ("2026-01-05T09:00:00Z,surge,1h", "cells"),
            ("today,surge,1h,a b,c,new,3,2,0.5,0.1", "time"),
            (
                "2026-01-05T09:00:00Z,surge,soon,a b,c,new,3,2,0.5,0.1",
                "length of time",
            ),
            (
                "2026-01-05T09:00:00Z,surge,1h,a b,c,new,3,2,1.5,0.1",
                "probabilities",
            ),
            (
                "2026-01-05T09:00:00Z,surge,1h,a b,c,new,3,2,NaN,0.1",
                "probabilities",
            ),
            (
                "2026-01-05T09:00:00Z,surge,1h,a b,c,new,3,2,x,0.1",
                "no number",
            ),
            (
                "2026-01-05T09:00:00Z,surge,1h,\"a b,c,new,3,2,x,0.1",
                "not closed",
            ),
        ] {
            assert!(row(line).contains(word), "{}", row(line));
        }
        let header = ScoreReader::new(b"end,detection").unwrap_err();
        assert!(
            header.contains("window") && header.contains("mass"),
            "{header}"
        );
    }

    #[test]
    fn columns_are_found_by_name() {
        let mut reader =
            ScoreReader::new(b"p,mass,entity,more,class,maturity,expected,window,detection,end")
                .unwrap();
        let mut calibration = Calibration::default();
        let row = b"0.5,0.5,actor x,?,c,new,1,5m,surge,2026-01-05T09:00:00Z";
        reader
            .read(row, &Surroundings::new(&truth()), &mut calibration)
            .unwrap();
        assert_eq!(calibration.finish().unwrap().series[0].window, "5m");
    }

    #[test]
    fn evidence_that_was_reached_before_is_not_reached_again() {
        let mut reader = ScoreReader::new(&[HEADER, b",before"].concat()).unwrap();
        let mut calibration = Calibration::default();
        let row = |p: f64, before: f64| {
            format!("2026-01-05T09:00:00Z,silence,6h,seller s,c,mature,0,2,{p:e},0,{before:e}")
        };
        // It reaches 1e-2, then 1e-4, and falls.
        let mut rows = vec![row(0.005, 1.0), row(2e-5, 0.005), row(9e-4, 2e-5)];
        rows.extend((0..10_000).map(|_| row(1.0, 1.0)));
        for row in rows {
            reader
                .read(
                    row.as_bytes(),
                    &Surroundings::new(&truth()),
                    &mut calibration,
                )
                .unwrap();
        }
        let found = calibration.finish().unwrap();
        let observed: Vec<(f64, f64)> = (found.series[0].levels.iter())
            .map(|level| (level.level, level.observed))
            .collect();
        assert_eq!(
            observed[..4],
            [(1e-2, 1.0), (1e-3, 1.0), (1e-4, 1.0), (1e-5, 0.0)]
        );
        let error = reader
            .read(
                row(0.5, 2.0).as_bytes(),
                &Surroundings::new(&truth()),
                &mut Calibration::default(),
            )
            .unwrap_err();
        assert!(error.contains("before"), "{error}");
    }

    #[test]
    fn a_row_may_go_on_in_the_next_line() {
        assert!(is_open(b"a,\"b") && !is_open(b"a,\"b\"") && !is_open(b"a,\"b\"\"c\""));
        assert_eq!(cells("a,\"b\nc\",d").unwrap(), ["a", "b\nc", "d"]);
        assert!(cells("\"a\"b,c").is_err());
    }
}
