//! Recall: against what it costs, and by scenario.

use super::draw::{Anchor, Axis, Canvas, escape, legend};
use crate::evaluate::report::{CurvePoint, Evaluation, ScenarioRow};
use crate::evaluate::words::{count, number, percent};
use std::collections::BTreeMap;
use std::fmt::Write;

const INTENSITIES: [&str; 3] = ["low", "middle", "high"];

/// The figure of recall against false alarms a day.
pub(super) fn curve(evaluation: &Evaluation) -> String {
    let points = &evaluation.curve;
    let costs = || points.iter().map(|point| point.false_alarms_per_day);
    let most = costs().fold(1.0, f64::max).max(60.0);
    let across = Axis::logarithmic((0.01, most), (56.0, 880.0));
    let up = Axis::linear((0.0, 1.0), (300.0, 16.0));
    let mut canvas = Canvas::new(
        960.0,
        350.0,
        "Recall against false alarms a day, on a logarithmic scale",
    );
    for share in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let y = up.at(share);
        canvas.line("rule", (across.places.0, y), (across.places.1, y));
        let name = format!("{:.0} %", 100.0 * share);
        canvas.text("soft", Anchor::End, (across.places.0 - 8.0, y + 4.0), &name);
    }
    for cost in across.decades() {
        let x = across.at(cost);
        canvas.line("rule", (x, 16.0), (x, 304.0));
        canvas.text("soft", Anchor::Middle, (x, 320.0), &number(cost));
    }
    canvas.text(
        "soft",
        Anchor::Middle,
        (468.0, 342.0),
        "false alarms a day that are allowed",
    );
    let mut last = f64::NEG_INFINITY;
    for row in &evaluation.recall {
        let Some(budget) = row.budget else { continue };
        let x = across.at(budget);
        canvas.line("dash", (x, 16.0), (x, 300.0));
        if x - last > 26.0 {
            canvas.text("soft", Anchor::Middle, (x, 11.0), &number(budget));
            last = x;
        }
    }
    band(&mut canvas, points, &across, &up);
    for (position, intensity) in INTENSITIES.iter().enumerate() {
        let shares = points.iter().map(|point| point.by_intensity[position]);
        let there = points
            .first()
            .is_some_and(|point| point.by_intensity[position].of > 0);
        if there {
            let line = stairs(points, shares.map(|share| share.share), &across, &up);
            canvas.path(&format!("curve {intensity}"), &line, intensity);
        }
    }
    let line = stairs(
        points,
        points.iter().map(|point| point.recall.share),
        &across,
        &up,
    );
    canvas.path("curve all", &line, "all attacks");
    if let Some(shipped) = evaluation.recall.last() {
        let at = (
            across.at(shipped.false_alarms_per_day),
            up.at(shipped.recall.share),
        );
        let title = format!(
            "as shipped: {} found at {} false alarms a day",
            percent(shipped.recall.share),
            number(shipped.false_alarms_per_day)
        );
        canvas.circle("all", at, 5.0, &title);
    }
    let mut out = String::from("<figure>");
    out.push_str(&canvas.finish());
    out.push_str(&legend(&[
        ("all", "all attacks, with 95 % band; the dot is as shipped"),
        ("low", "low intensity"),
        ("middle", "middle"),
        ("high", "high"),
    ]));
    out.push_str("</figure>");
    out
}

/// Between two points recall is that of the stricter one.
fn stairs(
    points: &[CurvePoint],
    shares: impl Iterator<Item = f64>,
    across: &Axis,
    up: &Axis,
) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for (point, share) in points.iter().zip(shares) {
        let (x, y) = (across.at(point.false_alarms_per_day), up.at(share));
        let before = line.last().map(|(_, before)| *before);
        line.extend(before.map(|before| (x, before)));
        line.push((x, y));
    }
    line
}

fn band(canvas: &mut Canvas, points: &[CurvePoint], across: &Axis, up: &Axis) {
    let mut edge = stairs(
        points,
        points.iter().map(|point| point.recall.low),
        across,
        up,
    );
    let mut top = stairs(
        points,
        points.iter().map(|point| point.recall.high),
        across,
        up,
    );
    top.reverse();
    edge.extend(top);
    if !edge.is_empty() {
        canvas.area("band", &edge);
    }
}

/// Scenario by intensity, coloured by recall.
pub(super) fn heat(evaluation: &Evaluation) -> String {
    let column = evaluation.headline();
    let mut rows: BTreeMap<&str, Vec<&ScenarioRow>> = BTreeMap::new();
    for row in &evaluation.scenarios {
        rows.entry(&row.scenario).or_default().push(row);
    }
    let has_unknown = evaluation
        .scenarios
        .iter()
        .any(|row| row.intensity.is_empty());
    let mut out =
        String::from("<div class=\"wide\"><table class=\"heat\"><thead><tr><th>scenario</th>");
    let columns = INTENSITIES.iter().copied().chain(has_unknown.then_some(""));
    for intensity in columns.clone() {
        let name = if intensity.is_empty() {
            "not said"
        } else {
            intensity
        };
        let _ = write!(out, "<th>{name}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for (scenario, of) in rows {
        let _ = write!(out, "<tr><th>{}</th>", escape(scenario));
        for intensity in columns.clone() {
            let cell = of.iter().find(|row| row.intensity == intensity);
            out.push_str(&heat_cell(cell.copied(), column));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

fn heat_cell(row: Option<&ScenarioRow>, column: Option<usize>) -> String {
    let Some(row) = row else {
        return String::from("<td class=\"cell none\">-</td>");
    };
    let share = column
        .and_then(|column| row.recall.get(column))
        .unwrap_or(&row.shipped);
    format!(
        "<td class=\"cell{}\" style=\"background:rgba(var(--heat),{:.2})\" title=\"{}\">{:.0} %<i>{:.0}-{:.0} % of {}</i></td>",
        if share.share > 0.6 { " dark" } else { "" },
        0.06 + 0.89 * share.share,
        escape(&format!(
            "{} of {} found",
            number(share.hits as f64),
            count(row.episodes, "attack", "attacks")
        )),
        100.0 * share.share,
        100.0 * share.low,
        100.0 * share.high,
        row.episodes
    )
}
