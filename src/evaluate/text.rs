//! The evaluation as tables for a terminal.

use super::calibration::{Calibrated, LevelFigure, StratumRow, VerdictRow};
use super::report::{Alarms, BudgetRow, Evaluation, ScenarioRow};
use super::words::{count, mean, number, or_dash, percent, ratio, seconds, share, verdicts};
use std::fmt::Write;

/// Worst strata that are told.
const STRATA_TOLD: usize = 12;

/// Cells under headings: text to the left, figures to the right.
struct Table {
    rows: Vec<Vec<String>>,
    left: usize,
}

impl Table {
    /// The first `left` columns are text.
    fn new(left: usize, headings: &[&str]) -> Table {
        Table {
            rows: vec![
                headings
                    .iter()
                    .map(|heading| (*heading).to_owned())
                    .collect(),
            ],
            left,
        }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn write(&self, title: &str, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(out, "\n{title}");
        for row in &self.rows {
            let mut line = String::from(" ");
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let _ = if column < self.left {
                    write!(line, " {cell:<width$} ")
                } else {
                    write!(line, " {cell:>width$} ")
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// Writes all tables.
pub fn render(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let attacks: usize = evaluation.runs.iter().map(|run| run.attacks).sum();
    let _ = writeln!(
        out,
        "{}, {} days, {}, {}",
        count(evaluation.runs.len(), "run", "runs"),
        number(evaluation.days),
        count(attacks, "attack", "attacks"),
        count(evaluation.alerts.len(), "alert", "alerts"),
    );
    recall(evaluation, &mut out);
    scenarios(evaluation, &mut out);
    bursts(evaluation, &mut out);
    lost(evaluation, &mut out);
    alarms(&evaluation.alarms, &mut out);
    if let Some(beside) = &evaluation.beside_attacks {
        let _ = writeln!(
            out,
            "\nIn the {} days with attacks: {}.\nPrecision {} %.",
            number(beside.length),
            verdicts(beside),
            share(&beside.precision)
        );
    }
    detections(evaluation, &mut out);
    unseen(evaluation, &mut out);
    bounds(evaluation, &mut out);
    if let Some(calibrated) = &evaluation.calibration {
        calibration(calibrated, &mut out);
    }
    let _ = writeln!(out, "\n{}", evaluation.about);
    out
}

fn recall(evaluation: &Evaluation, out: &mut String) {
    let mut table = Table::new(
        1,
        &[
            "false alarms/day",
            "there are",
            "found",
            "recall %",
            "+ own window",
            "scenarios' mean",
            "low",
            "middle",
            "high",
        ],
    );
    for row in &evaluation.recall {
        let mut cells = vec![
            budget_name(row),
            number(row.false_alarms_per_day),
            format!("{}/{}", row.recall.hits, row.recall.of),
            share(&row.recall),
            share(&row.recall_within_window),
            mean(row.mean_over_scenarios.as_ref()),
        ];
        let by_intensity = row.by_intensity.iter();
        cells.extend(by_intensity.map(|of| mean(of.mean_over_scenarios.as_ref())));
        table.row(cells);
    }
    table.write(
        "Recall by what it costs (95 % intervals over episodes; by intensity: mean over scenarios)",
        out,
    );
}

/// `10`, `as shipped`; `≤ 50` where there are not so many.
pub(super) fn budget_name(row: &BudgetRow) -> String {
    match row.budget {
        None => String::from("as shipped"),
        Some(budget) if row.reached => number(budget),
        Some(budget) => format!("≤ {}", number(budget)),
    }
}

fn scenarios(evaluation: &Evaluation, out: &mut String) {
    let budgets = evaluation.recall.iter().filter_map(|row| row.budget);
    let budgets: Vec<String> = budgets
        .map(|budget| format!("@{}", number(budget)))
        .collect();
    let mut headings = vec!["scenario", "", "n"];
    headings.extend(budgets.iter().map(String::as_str));
    headings.extend([
        "shipped",
        "+ window",
        "to detect",
        "p90",
        "beyond window",
        "range",
    ]);
    let mut table = Table::new(2, &headings);
    let mut last = "";
    for row in &evaluation.scenarios {
        let mut cells = vec![
            if row.scenario == last {
                String::new()
            } else {
                row.scenario.clone()
            },
            row.intensity.clone(),
            row.episodes.to_string(),
        ];
        last = &row.scenario;
        cells.extend(row.recall.iter().map(share));
        cells.extend([
            share(&row.shipped),
            share(&row.shipped_within_window),
            or_dash(row.seconds_to_detect_median.as_ref(), |found| {
                seconds(found.value)
            }),
            or_dash(row.seconds_to_detect_p90, seconds),
            or_dash(row.seconds_beyond_window_median.as_ref(), |found| {
                seconds(found.value)
            }),
            or_dash(row.range_recall, percent),
        ]);
        table.row(cells);
    }
    table.write(
        "Recall in % and median time to detect, by scenario and intensity",
        out,
    );
}

fn bursts(evaluation: &Evaluation, out: &mut String) {
    let headings = ["bursts", "n", "found", "beyond window", "p90"];
    let mut table = Table::new(1, &headings);
    for row in &evaluation.bursts {
        table.row(vec![
            row.intensity.clone(),
            row.episodes.to_string(),
            row.found.to_string(),
            or_dash(row.seconds_beyond_window_median.as_ref(), |median| {
                format!(
                    "{} [{}-{}]",
                    seconds(median.value),
                    seconds(median.low),
                    seconds(median.high)
                )
            }),
            or_dash(row.seconds_beyond_window_p90, seconds),
        ]);
    }
    table.write(
        "Attacks of a day at the most: from their beginning to the first alert, beyond its own window",
        out,
    );
}

fn lost(evaluation: &Evaluation, out: &mut String) {
    let mut table = Table::new(
        2,
        &[
            "scenario",
            "",
            "records lost",
            "of episode",
            "of all",
            "exact key %",
            "right class %",
            "expected detection %",
        ],
    );
    let mut last = "";
    for row in &evaluation.scenarios {
        table.row(lost_cells(row, row.scenario == last));
        last = &row.scenario;
    }
    table.write(
        "Records taken before the first alert (medians, and share of all), attribution",
        out,
    );
}

fn lost_cells(row: &ScenarioRow, again: bool) -> Vec<String> {
    vec![
        if again {
            String::new()
        } else {
            row.scenario.clone()
        },
        row.intensity.clone(),
        or_dash(row.records_lost_median, number),
        or_dash(row.share_lost_median, percent),
        or_dash(row.share_lost, percent),
        share(&row.exact_key),
        share(&row.right_class),
        share(&row.expected_detection),
    ]
}

fn alarms(alarms: &Alarms, out: &mut String) {
    let mut table = Table::new(1, &["regime", "days", "false alarms", "a day", "worst day"]);
    for row in &alarms.by_regime {
        table.row(vec![
            row.regime.clone(),
            number(row.days),
            number(row.false_alarms as f64),
            number(row.per_day),
            number(row.worst_day as f64),
        ]);
    }
    table.row(vec![
        String::from("all"),
        number(alarms.by_regime.iter().map(|row| row.days).sum()),
        number(alarms.false_alarms as f64),
        number(alarms.per_day),
        number(alarms.worst_day as f64),
    ]);
    table.write("False alarms, as shipped, by regime of the day", out);
    let _ = writeln!(
        out,
        "\n{}.\nPrecision {} %.",
        verdicts(alarms),
        share(&alarms.precision)
    );
    for (title, rows) in [
        ("Hard negatives", &alarms.by_hard_negative),
        ("Nuisances", &alarms.by_nuisance),
    ] {
        if rows.is_empty() {
            continue;
        }
        let mut table = Table::new(1, &["kind", "episodes", "with alarms", "alarms"]);
        for row in rows {
            table.row(vec![
                row.kind.clone(),
                number(row.episodes as f64),
                number(row.episodes_alarmed as f64),
                number(row.alarms as f64),
            ]);
        }
        table.write(title, out);
    }
}

fn detections(evaluation: &Evaluation, out: &mut String) {
    let mut table = Table::new(
        1,
        &[
            "detection",
            "alerts",
            "hits",
            "late",
            "nuisance",
            "false",
            "a day",
            "worst day",
            "of those meant for it %",
        ],
    );
    for row in &evaluation.detections {
        table.row(vec![
            row.detection.clone(),
            number(row.alerts as f64),
            number(row.hits as f64),
            number(row.late as f64),
            number(row.nuisance as f64),
            number(row.false_alarms as f64),
            number(row.per_day),
            number(row.worst_day as f64),
            share(&row.found),
        ]);
    }
    table.write("By detection, as shipped", out);
    if let Some(shipped) = evaluation.recall.last() {
        let _ = writeln!(
            out,
            "\nWith one attack a week, as shipped, {} of alerts would be true.",
            percent(shipped.precision_at_one_attack_a_week)
        );
    }
}

fn unseen(evaluation: &Evaluation, out: &mut String) {
    let mut table = Table::new(1, &["class", "records", "  scenario", "run", "episode"]);
    for row in &evaluation.unseen {
        table.row(vec![
            row.class.clone(),
            number(row.records),
            format!("  {}", row.scenario),
            evaluation.runs[row.run].name.clone(),
            format!(
                "{} ({})",
                row.episode,
                if row.found_later {
                    "found later"
                } else {
                    "never found"
                }
            ),
        ]);
    }
    if !evaluation.unseen.is_empty() {
        table.write("Most records taken unseen in 30 days", out);
    }
}

fn bounds(evaluation: &Evaluation, out: &mut String) {
    let columns = [
        "detection",
        "class",
        "entities",
        "usual",
        "unseen beyond it",
        "most",
    ];
    let mut table = Table::new(2, &columns);
    for row in &evaluation.bounds {
        table.row(vec![
            row.detection.clone(),
            row.class.clone(),
            number(row.entities as f64),
            number(row.expected_median.round()),
            number(row.excess_median.round()),
            number(row.excess_most.round()),
        ]);
    }
    if !evaluation.bounds.is_empty() {
        table.write(
            "What could be done in 30 days, spread evenly, before an alert in the mean (medians)",
            out,
        );
    }
}

fn level_cell(figure: &LevelFigure) -> String {
    // A fraction of a test where less than one was due says nothing.
    if figure.due < 1.0 && figure.observed < 5.0 {
        return String::from("-");
    }
    let mark = match (figure.judged, figure.within) {
        (true, true) => " ",
        (true, false) => "!",
        (false, _) => "?",
    };
    format!("{}{mark}", ratio(figure.ratio))
}

fn calibration(calibrated: &Calibrated, out: &mut String) {
    const LEVELS: [&str; 6] = ["1e-2", "1e-3", "1e-4", "1e-5", "1e-6", "1e-7"];
    let mut headings = vec!["detection", "window", "tests"];
    headings.extend(LEVELS);
    let mut table = Table::new(2, &headings);
    for row in &calibrated.series {
        let mut cells = vec![
            row.detection.clone(),
            row.window.clone(),
            number(row.tests as f64),
        ];
        cells.extend(row.levels.iter().map(level_cell));
        table.row(cells);
    }
    table.write(
        "Calibration: p-values below a level / due (! outside bounds, ? fewer than 100 due)",
        out,
    );
    strata(
        "Strata of class, maturity, size and regime",
        &calibrated.verdicts,
        &calibrated.strata,
        out,
    );
    strata(
        "The same by detection and window",
        &calibrated.verdicts_by_detection,
        &calibrated.strata_by_detection,
        out,
    );
    let _ = writeln!(
        out,
        "\n{} tests counted, {} left out because something was done to their entity.",
        number(calibrated.tests as f64),
        number(calibrated.excluded as f64)
    );
}

/// Strata within bounds, by level, and those that are farthest outside.
fn strata(title: &str, verdicts: &[VerdictRow], strata: &[StratumRow], out: &mut String) {
    let headings = [
        "days",
        "level",
        "bounds",
        "strata judged",
        "outside",
        "  farthest off",
    ];
    let mut table = Table::new(1, &headings);
    for row in verdicts.iter().filter(|row| row.judged > 0) {
        let worst = row.worst.as_deref().zip(row.worst_ratio);
        let days = match row.ordinary {
            true => "ordinary",
            false => "of a regime",
        };
        table.row(vec![
            days.to_owned(),
            format!("{:e}", row.level),
            format!("{}-{}", row.low, row.high),
            number(row.judged as f64),
            number(row.outside as f64),
            or_dash(worst, |(name, ratio_of)| {
                format!("  {} {name}", ratio(ratio_of))
            }),
        ]);
    }
    table.write(title, out);
    strata_outside(strata, out);
}

/// The strata that are farthest outside their bounds.
fn strata_outside(strata: &[StratumRow], out: &mut String) {
    let mut outside = Vec::new();
    for stratum in strata {
        let worst = stratum
            .levels
            .iter()
            .filter(|figure| figure.judged && !figure.within)
            .map(|figure| (figure.ratio.max(1e-9).ln().abs(), figure))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        outside.extend(worst.map(|(distance, figure)| (distance, figure, stratum)));
    }
    outside.sort_by(|one, other| other.0.total_cmp(&one.0));
    if outside.is_empty() {
        return;
    }
    let mut table = Table::new(
        6,
        &[
            "detection",
            "window",
            "class",
            "maturity",
            "expected",
            "regime",
            "level",
            "ratio",
            "due",
        ],
    );
    for (_, figure, stratum) in outside.iter().take(STRATA_TOLD) {
        table.row(vec![
            or_dash(stratum.detection.as_ref(), String::clone),
            or_dash(stratum.window.as_ref(), String::clone),
            stratum.class.clone(),
            stratum.maturity.clone(),
            stratum.size.clone(),
            stratum.regime.clone(),
            format!("{:e}", figure.level),
            ratio(figure.ratio),
            number(figure.due),
        ]);
    }
    table.write(
        &format!(
            "Strata outside their bounds: {} of {} (the farthest off)",
            outside.len(),
            strata.len()
        ),
        out,
    );
}
