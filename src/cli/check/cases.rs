//! Runs the tests of a configuration.

use crate::cli::Failure;
use crate::config::{Expectation, TestCase, TestEvents};
use crate::domain::{Alert, AlertStatus, EventTime, label_of};
use crate::engine::{Counts, Engine};
use crate::source::FileSource;
use std::fmt::Write;
use std::path::Path;

/// An episode that fired: when it was first told of, and its strongest record.
struct Fired {
    decided: EventTime,
    strongest: Alert,
}

/// Runs a test; gives what is wrong, each in some lines.
pub(super) fn run(test: &TestCase) -> Result<Vec<String>, Failure> {
    let mut engine = Engine::new(&test.config.engine(), [0]);
    let mut fired = Vec::new();
    match &test.events {
        TestEvents::Lines(lines) => {
            for (number, line) in lines.iter().enumerate() {
                note(&mut fired, engine.feed(0, number as i64, None, line).1);
            }
        }
        TestEvents::File(path) => {
            let mut source = FileSource::open(path).map_err(Failure::running)?;
            let mut line = Vec::new();
            while let Some(read) = source.lines.next(&mut line).map_err(Failure::running)? {
                if !crate::decode::is_blank(&line) {
                    note(&mut fired, engine.feed(0, read.number, None, &line).1);
                }
            }
        }
    }
    note(&mut fired, engine.finish());
    Ok(faults(test, &fired, engine.counts()))
}

fn note(fired: &mut Vec<Fired>, alerts: Vec<Alert>) {
    for alert in alerts {
        if alert.status != AlertStatus::Firing {
            continue;
        }
        // A second record of an episode is a stronger one.
        let mut known = fired.iter_mut();
        match known.find(|fired| fired.strongest.id == alert.id) {
            Some(known) => known.strongest = alert,
            None => fired.push(Fired {
                decided: alert.decided,
                strongest: alert,
            }),
        }
    }
}

fn faults(test: &TestCase, fired: &[Fired], counts: &Counts) -> Vec<String> {
    let matching = |expectation: &Expectation| -> Vec<&Fired> {
        let matches = |fired: &&Fired| expectation.matches(&fired.strongest, fired.decided);
        fired.iter().filter(matches).collect()
    };
    let mut faults = Vec::new();
    for expectation in &test.expect {
        let found = matching(expectation);
        let enough = match expectation.count {
            Some(count) => found.len() as u64 == count,
            None => !found.is_empty(),
        };
        if enough {
            continue;
        }
        let mut fault = format!(
            "line {}: expected {}\n",
            expectation.line,
            expectation.words()
        );
        let (what, told) = if found.is_empty() {
            ("got nothing of it; what fired:", fired.iter().collect())
        } else {
            ("got:", found)
        };
        let _ = writeln!(fault, "  {what}");
        list(&mut fault, &told);
        faults.push(fault);
    }
    for expectation in &test.expect_none {
        let found = matching(expectation);
        if !found.is_empty() {
            let mut fault = format!(
                "line {}: expected no {}\n  got:\n",
                expectation.line,
                expectation.words()
            );
            list(&mut fault, &found);
            faults.push(fault);
        }
    }
    // A test of what was written by hand is about all of it.
    let lost = counts.read() - counts.processed_in_all();
    if matches!(test.events, TestEvents::Lines(_)) && lost > 0 {
        let mut fault = format!("{lost} of its events did not count: ");
        for (reason, number) in counts.rejected().filter(|(_, number)| *number > 0) {
            let _ = write!(fault, "{number} rejected as {reason}, ");
        }
        let _ = writeln!(
            fault,
            "{} late, {} duplicate",
            counts.late, counts.duplicate
        );
        faults.push(fault);
    }
    faults
}

fn list(text: &mut String, fired: &[&Fired]) {
    if fired.is_empty() {
        text.push_str("    nothing\n");
    }
    for Fired { decided, strongest } in fired {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "    {decided} {:<8} {} on {}: {}",
            strongest.severity.name(),
            strongest.detection,
            label_of(&strongest.entity),
            strongest.explanation
        );
    }
}

/// A test's outcome, for a person.
pub(super) fn told(file: &Path, test: &TestCase, faults: &[String]) -> String {
    if faults.is_empty() {
        return format!("ok      {}\n", test.name);
    }
    let mut text = format!("FAILED  {} ({}:{})\n", test.name, file.display(), test.line);
    for line in faults.iter().flat_map(|fault| fault.lines()) {
        let _ = writeln!(text, "  {line}");
    }
    text
}
