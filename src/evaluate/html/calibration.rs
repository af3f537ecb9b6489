//! Whether p-values are what they say, as pictures: one card for each detection.

use super::draw::{Anchor, Axis, Canvas, escape, table};
use crate::evaluate::calibration::{BINS, Calibrated, HistogramRow, LEVELS, SeriesRow, VerdictRow};
use crate::evaluate::words::{number, ratio};
use std::fmt::Write;

/// Windows that have a colour of their own.
const COLOURS: usize = 6;

/// Cards of all detections.
pub(super) fn cards(calibrated: &Calibrated) -> String {
    let mut out = String::from("<div class=\"grid\">");
    for histogram in &calibrated.histograms {
        let series: Vec<&SeriesRow> = {
            let all = calibrated.series.iter();
            all.filter(|row| row.detection == histogram.detection)
                .collect()
        };
        let _ = write!(
            out,
            "<div class=\"card\"><h3>{}</h3>{}{}</div>",
            escape(&histogram.detection),
            reliability(&series),
            even(histogram)
        );
    }
    out.push_str("</div>");
    out
}

/// Observed against nominal, both logarithmic, as the ratio of the two: 1 is right.
fn reliability(series: &[&SeriesRow]) -> String {
    let across = Axis::logarithmic((LEVELS[0] * 2.0, LEVELS[5] / 2.0), (40.0, 262.0));
    let up = Axis::logarithmic((0.05, 20.0), (150.0, 10.0));
    let mut canvas = Canvas::new(270.0, 186.0, "Observed / nominal by level");
    let height = up.at(0.5) - up.at(2.0);
    let width = across.places.1 - across.places.0;
    canvas.rect(
        "band",
        (across.places.0, up.at(2.0)),
        (width, height),
        "within a factor of two",
    );
    for value in [0.1, 1.0, 10.0] {
        let y = up.at(value);
        canvas.line("rule", (across.places.0, y), (across.places.1, y));
        canvas.text(
            "tiny",
            Anchor::End,
            (across.places.0 - 5.0, y + 4.0),
            &format!("×{value}"),
        );
    }
    for level in LEVELS {
        let name = format!("{level:e}");
        canvas.text("tiny", Anchor::Middle, (across.at(level), 165.0), &name);
    }
    for (position, row) in series.iter().take(COLOURS).enumerate() {
        let told: Vec<_> = row
            .levels
            .iter()
            .filter(|figure| figure.due >= 1.0 || figure.observed >= 5.0)
            .collect();
        let at = |figure: &crate::evaluate::calibration::LevelFigure| {
            (across.at(figure.level), up.at(figure.ratio))
        };
        let points: Vec<(f64, f64)> = told.iter().map(|figure| at(figure)).collect();
        canvas.path(&format!("curve w{position}"), &points, &row.window);
        for figure in &told {
            let title = format!(
                "{}: {} below {:e}, {} due: ×{}{}",
                row.window,
                number(figure.observed),
                figure.level,
                number(figure.due),
                ratio(figure.ratio),
                if figure.judged {
                    ""
                } else {
                    " (too few to judge)"
                }
            );
            let radius = if figure.judged { 3.4 } else { 1.8 };
            canvas.circle(&format!("w{position}"), at(figure), radius, &title);
        }
        let x = 44.0 + 38.0 * position as f64;
        canvas.text(
            &format!("w{position}"),
            Anchor::Start,
            (x, 182.0),
            &row.window,
        );
    }
    canvas.finish()
}

/// The histogram of randomised p-values; 1 is even.
fn even(histogram: &HistogramRow) -> String {
    let most = histogram.bins.iter().copied().fold(2.0, f64::max);
    let across = Axis::linear((0.0, BINS as f64), (40.0, 262.0));
    let up = Axis::linear((0.0, most), (76.0, 6.0));
    let mut canvas = Canvas::new(270.0, 96.0, "Histogram of randomised p-values");
    for (bin, density) in histogram.bins.iter().enumerate() {
        let (x, y) = (across.at(bin as f64), up.at(*density));
        let width = across.at(1.0) - across.at(0.0) - 1.5;
        let from = bin as f64 / BINS as f64;
        let title = format!("p from {from:.2}: {density:.2} of what is due");
        canvas.rect("calm", (x, y), (width, 76.0 - y), &title);
    }
    canvas.line("dash", (40.0, up.at(1.0)), (262.0, up.at(1.0)));
    canvas.line("axis", (40.0, 76.0), (262.0, 76.0));
    canvas.text("tiny", Anchor::End, (35.0, up.at(1.0) + 4.0), "×1");
    for (share, anchor) in [
        (0.0, Anchor::Start),
        (0.5, Anchor::Middle),
        (1.0, Anchor::End),
    ] {
        let x = across.at(share * BINS as f64);
        canvas.text("tiny", anchor, (x, 90.0), &format!("p = {share}"));
    }
    canvas.finish()
}

/// Strata within bounds, by level.
pub(super) fn verdicts(verdicts: &[VerdictRow]) -> String {
    let rows: Vec<Vec<String>> = verdicts
        .iter()
        .filter(|row| row.judged > 0)
        .map(|row| {
            let worst = row.worst.as_deref().zip(row.worst_ratio);
            vec![
                String::from(if row.ordinary {
                    "ordinary"
                } else {
                    "of a regime"
                }),
                format!("{:e}", row.level),
                worst.map_or_else(String::new, |(name, of)| format!("×{} {name}", ratio(of))),
                format!("{} to {}", row.low, row.high),
                number(row.judged as f64),
                number(row.outside as f64),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::from("<p class=\"soft\">No stratum holds enough tests to be judged.</p>");
    }
    let headings = [
        "days",
        "level",
        "farthest off",
        "bounds",
        "strata judged",
        "outside",
    ];
    table(&headings, 3, &rows)
}
