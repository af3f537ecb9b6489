//! How long attacks went on unseen, and what was gone by then.

use super::draw::{Anchor, Axis, Canvas, cut, legend};
use crate::evaluate::bootstrap::quantile;
use crate::evaluate::report::{EpisodeRow, Evaluation};
use crate::evaluate::words::{number, percent, seconds};
use std::collections::BTreeMap;

const LEFT: f64 = 232.0;
const RIGHT: f64 = 940.0;
const LANE: f64 = 34.0;
const TICKS: [f64; 9] = [
    60.0,
    300.0,
    900.0,
    3_600.0,
    14_400.0,
    86_400.0,
    3.0 * 86_400.0,
    10.0 * 86_400.0,
    30.0 * 86_400.0,
];

type ByScenario<'a> = BTreeMap<&'a str, [Vec<f64>; 3]>;

/// A figure of each attack, sorted, by scenario and intensity; where none is said it is middle.
fn by_scenario(
    evaluation: &Evaluation,
    figure: impl Fn(&EpisodeRow) -> Option<f64>,
) -> ByScenario<'_> {
    let mut found: ByScenario<'_> = BTreeMap::new();
    for episode in evaluation
        .episodes
        .iter()
        .filter(|episode| episode.kind == "attack")
    {
        let intensity = match episode.intensity.as_str() {
            "low" => 0,
            "high" => 2,
            _ => 1,
        };
        let lane = found.entry(&episode.scenario).or_default();
        lane[intensity].extend(figure(episode));
    }
    for values in found.values_mut().flatten() {
        values.sort_by(f64::total_cmp);
    }
    found
}

const CLASSES: [&str; 3] = ["low", "middle", "high"];

/// From p10 to p90 as a line, the middle half as a box, the median as a mark.
fn boxes(canvas: &mut Canvas, lanes: &ByScenario<'_>, axis: &Axis, write: impl Fn(f64) -> String) {
    for (lane, (scenario, of)) in lanes.iter().enumerate() {
        let top = 8.0 + lane as f64 * LANE;
        canvas.line("rule", (8.0, top + LANE - 2.0), (RIGHT, top + LANE - 2.0));
        canvas.text(
            "",
            Anchor::End,
            (LEFT - 10.0, top + 20.0),
            &cut(scenario, 32),
        );
        for (position, values) in of.iter().enumerate() {
            let at = |share| quantile(values, share).map(|value| axis.at(value));
            let [Some(p10), Some(p25), Some(p50), Some(p75), Some(p90)] =
                [0.1, 0.25, 0.5, 0.75, 0.9].map(at)
            else {
                continue;
            };
            let y = top + 3.0 + position as f64 * 9.0;
            let middle = y + 3.5;
            let figures = [0.1, 0.5, 0.9].map(|share| quantile(values, share).unwrap_or(0.0));
            let title = format!(
                "{scenario}, {}: of {} half within {}, nine in ten within {}",
                CLASSES[position],
                values.len(),
                write(figures[1]),
                write(figures[2])
            );
            canvas.line("axis", (p10, middle), (p90, middle));
            let width = (p75 - p25).max(3.0);
            canvas.rect(CLASSES[position], (p25, y), (width, 7.0), &title);
            canvas.line("mark", (p50, y - 1.0), (p50, y + 8.0));
        }
    }
}

fn figure(canvas: Canvas) -> String {
    let mut out = String::from("<figure>");
    out.push_str(&canvas.finish());
    out.push_str(&legend(&[
        ("low", "low intensity"),
        ("middle", "middle"),
        ("high", "high"),
    ]));
    out.push_str("</figure>");
    out
}

/// Time from the beginning of an attack to its first alert.
pub(super) fn time_to_detect(evaluation: &Evaluation) -> String {
    let lanes = by_scenario(evaluation, |episode| episode.seconds_to_detect);
    let all = lanes.values().flatten().flatten();
    let most = all.copied().fold(3_600.0, f64::max);
    let bottom = 8.0 + lanes.len() as f64 * LANE;
    let axis = Axis::logarithmic((30.0, most * 1.2), (LEFT, RIGHT));
    let mut canvas = Canvas::new(
        960.0,
        bottom + 24.0,
        "Time from the beginning of an attack to its first alert, by scenario",
    );
    for tick in TICKS.into_iter().filter(|tick| *tick <= most * 1.2) {
        let x = axis.at(tick);
        canvas.line("rule", (x, 4.0), (x, bottom));
        canvas.text("soft", Anchor::Middle, (x, bottom + 16.0), &seconds(tick));
    }
    boxes(&mut canvas, &lanes, &axis, seconds);
    figure(canvas)
}

/// Share of an episode's records that were taken before the first alert.
pub(super) fn records_lost(evaluation: &Evaluation) -> String {
    let mut lanes = by_scenario(evaluation, |episode| {
        let all = episode.records.filter(|all| *all > 0.0)?;
        Some(episode.records_lost? / all)
    });
    lanes.retain(|_, of| of.iter().any(|values| !values.is_empty()));
    if lanes.is_empty() {
        return String::from("<p class=\"soft\">No label says how many records were taken.</p>");
    }
    let bottom = 8.0 + lanes.len() as f64 * LANE;
    let axis = Axis::linear((0.0, 1.0), (LEFT, RIGHT));
    let mut canvas = Canvas::new(
        960.0,
        bottom + 24.0,
        "Share of an attack's records taken before the first alert, by scenario",
    );
    for tenth in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let x = axis.at(tenth);
        canvas.line("rule", (x, 4.0), (x, bottom));
        let name = format!("{:.0} %", 100.0 * tenth);
        canvas.text("soft", Anchor::Middle, (x, bottom + 16.0), &name);
    }
    boxes(&mut canvas, &lanes, &axis, percent);
    figure(canvas)
}

/// The bound, in words.
pub(super) fn unseen(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let row = |row: &crate::evaluate::report::UnseenRow| {
        vec![
            row.class.clone(),
            row.scenario.clone(),
            format!("{} of {}", row.episode, evaluation.runs[row.run].name),
            String::from(if row.found_later {
                "found later"
            } else {
                "never found"
            }),
            number(row.records),
        ]
    };
    evaluation.unseen.iter().map(row).collect()
}
