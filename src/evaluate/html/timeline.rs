//! One run from beginning to end: what was put in, what was raised, and the false alarms.

use super::draw::{Anchor, Axis, Canvas, cut, legend, round_step};
use crate::domain::{EventTime, Span};
use crate::evaluate::report::{AlertRow, EpisodeRow, Evaluation, RunRow};
use crate::evaluate::words::{number, seconds};
use std::collections::BTreeMap;

const LEFT: f64 = 232.0;
const RIGHT: f64 = 950.0;
const TOP: f64 = 30.0;
const BAR: f64 = 9.0;
const ROW: f64 = 12.0;
/// Episodes of a lane that run at the same time stand below each other, up to so many.
const ROWS_MAX: usize = 8;
/// False alarms that are drawn.
const FALSE_MAX: usize = 4_000;

fn days_from(run: &RunRow, time: EventTime) -> f64 {
    (time - run.start).in_days()
}

fn time_axis(run: &RunRow) -> Axis {
    Axis::linear((0.0, days_from(run, run.end).max(1.0)), (LEFT, RIGHT))
}

/// Day marks, with a name where there is room.
fn day_marks(canvas: &mut Canvas, run: &RunRow, axis: &Axis, top: f64, bottom: f64) {
    let step = round_step(axis.values.1, 10.0).max(1.0);
    let mut day = 0.0;
    while day <= axis.values.1 {
        let x = axis.at(day);
        canvas.line("rule", (x, top), (x, bottom));
        let date = (run.start + Span((day * Span::DAY.0 as f64) as i64)).to_string();
        // Month and day of an RFC 3339 time.
        let name = date.get(5..10).unwrap_or_default();
        canvas.text("tiny", Anchor::Middle, (x, bottom + 14.0), name);
        day += step;
    }
}

struct Lane<'a> {
    name: &'a str,
    /// Episodes, each with its row.
    bars: Vec<(&'a EpisodeRow, usize)>,
    rows: usize,
}

fn lanes<'a>(episodes: impl Iterator<Item = &'a EpisodeRow>) -> Vec<Lane<'a>> {
    let mut by_name: BTreeMap<&str, Vec<&EpisodeRow>> = BTreeMap::new();
    for episode in episodes {
        by_name.entry(&episode.scenario).or_default().push(episode);
    }
    by_name
        .into_iter()
        .map(|(name, mut episodes)| {
            episodes.sort_by_key(|episode| (episode.start, episode.end));
            let mut free_from: Vec<EventTime> = Vec::new();
            let mut bars = Vec::new();
            for episode in episodes {
                let free = free_from.iter().position(|free| *free <= episode.start);
                let row = match free {
                    Some(row) => row,
                    None if free_from.len() < ROWS_MAX => {
                        free_from.push(episode.end);
                        free_from.len() - 1
                    }
                    None => ROWS_MAX - 1,
                };
                free_from[row] = free_from[row].max(episode.end + Span::HOUR);
                bars.push((episode, row));
            }
            Lane {
                name,
                bars,
                rows: free_from.len(),
            }
        })
        .collect()
}

/// The figure of a run.
pub(super) fn timeline(evaluation: &Evaluation, number_of: usize) -> String {
    let Some(run) = evaluation.runs.get(number_of) else {
        return String::new();
    };
    let of_kind = |kind: &'static str| {
        let all = evaluation.episodes.iter();
        all.filter(move |episode| episode.run == number_of && episode.kind == kind)
    };
    let attacks = lanes(of_kind("attack"));
    let others = lanes(of_kind("hard_negative").chain(of_kind("nuisance_bot")));
    let alerts: Vec<&AlertRow> = evaluation
        .alerts
        .iter()
        .filter(|alert| alert.run == number_of)
        .collect();
    let height_of = |lane: &Lane<'_>| lane.rows as f64 * ROW + 12.0;
    let lanes_height: f64 = attacks.iter().chain(&others).map(height_of).sum();
    let false_top = TOP + lanes_height + 14.0;
    let bottom = false_top + 74.0;
    let mut canvas = Canvas::new(
        960.0,
        bottom + 26.0,
        "Timeline of attacks, honest oddities and alerts of one run",
    );
    let axis = time_axis(run);
    regimes(&mut canvas, evaluation, number_of, &axis, bottom);
    day_marks(&mut canvas, run, &axis, TOP, bottom);
    let mut top = TOP;
    for (lane, is_attack) in attacks
        .iter()
        .map(|lane| (lane, true))
        .chain(others.iter().map(|lane| (lane, false)))
    {
        let height = height_of(lane);
        let middle = top + height / 2.0;
        canvas.line("rule", (8.0, top + height), (RIGHT, top + height));
        let class = if is_attack { "" } else { "soft" };
        canvas.text(
            class,
            Anchor::End,
            (LEFT - 10.0, middle + 4.0),
            &cut(lane.name, 32),
        );
        for (episode, row) in &lane.bars {
            let y = top + 6.0 + *row as f64 * ROW;
            bar(&mut canvas, run, episode, &axis, y);
        }
        top += height;
    }
    marks(&mut canvas, run, &alerts, &attacks, &axis);
    false_alarms(&mut canvas, run, &alerts, &axis, false_top, bottom);
    let mut out = String::from("<figure>");
    out.push_str(&canvas.finish());
    out.push_str(&legend(&[
        ("found", "attack, before its first alert"),
        ("hit", "attack, from its first alert on"),
        ("miss", "attack that was missed"),
        ("calm", "no attack: hard negative or nuisance"),
        ("late", "alert that came after the grace"),
        ("false", "false alarm, stronger ones higher"),
        ("regime", "unusual day"),
    ]));
    out.push_str("</figure>");
    out
}

fn regimes(canvas: &mut Canvas, evaluation: &Evaluation, run: usize, axis: &Axis, bottom: f64) {
    let days: Vec<_> = evaluation
        .alarms
        .days
        .iter()
        .filter(|day| day.run == run)
        .collect();
    let width = axis.at(1.0) - axis.at(0.0);
    let mut free_from = 0.0;
    for (position, day) in days.iter().enumerate() {
        if day.regime == crate::evaluate::days::ORDINARY {
            continue;
        }
        let x = axis.at(position as f64);
        canvas.rect("regime", (x, TOP), (width, bottom - TOP), &day.regime);
        let begins = position == 0 || days[position - 1].regime != day.regime;
        if begins && x > free_from {
            let name = cut(&day.regime, 16);
            canvas.text("tiny", Anchor::Start, (x + 1.0, TOP - 8.0), &name);
            free_from = x + 7.0 * name.chars().count() as f64;
        }
    }
}

fn bar(canvas: &mut Canvas, run: &RunRow, episode: &EpisodeRow, axis: &Axis, y: f64) {
    let (from, to) = (
        axis.at(days_from(run, episode.start)),
        axis.at(days_from(run, episode.end)),
    );
    let width = (to - from).max(4.0);
    let said = match (&episode.found_by, episode.seconds_to_detect) {
        (Some(by), Some(after)) => format!("found by {by} after {}", seconds(after)),
        _ if episode.kind == "attack" => String::from("missed"),
        _ => episode.kind.replace('_', " "),
    };
    let title = format!(
        "{} {} {}: {said}",
        episode.id, episode.scenario, episode.intensity
    );
    if episode.kind != "attack" {
        canvas.rect("calm", (from, y), (width, BAR), &title);
    } else if let Some(after) = episode.seconds_to_detect {
        let at = axis.at(days_from(run, episode.start) + after / 86_400.0);
        let at = at.clamp(from, from + width - 2.0);
        canvas.rect("found", (from, y), (at - from, BAR), &title);
        canvas.rect("hit", (at, y), (from + width - at, BAR), &title);
        canvas.line("mark", (at, y - 2.0), (at, y + BAR + 2.0));
    } else {
        canvas.rect(
            "miss",
            (from + 1.0, y + 1.0),
            (width - 2.0, BAR - 2.0),
            &title,
        );
    }
}

/// Alerts that were late, in the lane of their attack.
fn marks(canvas: &mut Canvas, run: &RunRow, alerts: &[&AlertRow], lanes: &[Lane<'_>], axis: &Axis) {
    let mut top = TOP;
    for lane in lanes {
        let late = alerts.iter().filter(|alert| {
            alert.verdict == "late" && alert.scenario.as_deref() == Some(lane.name)
        });
        for alert in late {
            let at = (
                axis.at(days_from(run, alert.decided)),
                top + 6.0 + BAR / 2.0,
            );
            let title = format!("late: {}", alert.explanation);
            canvas.circle("late", at, 4.0, &title);
        }
        top += lane.rows as f64 * ROW + 12.0;
    }
}

fn false_alarms(
    canvas: &mut Canvas,
    run: &RunRow,
    alerts: &[&AlertRow],
    axis: &Axis,
    top: f64,
    bottom: f64,
) {
    canvas.text("", Anchor::End, (LEFT - 10.0, top + 14.0), "false alarms");
    canvas.text("tiny", Anchor::End, (LEFT - 10.0, top + 32.0), "strong ↑");
    canvas.text("tiny", Anchor::End, (LEFT - 10.0, bottom - 8.0), "weak ↓");
    canvas.line("axis", (LEFT, bottom), (RIGHT, bottom));
    // The stronger an alert, the smaller the number: strong ones stand high.
    let up = Axis::logarithmic((1e-3, 100.0), (top + 4.0, bottom - 6.0));
    let mut drawn: Vec<&&AlertRow> = alerts
        .iter()
        .filter(|alert| matches!(alert.verdict, "false" | "nuisance"))
        .collect();
    drawn.sort_by(|one, other| {
        one.false_alarms_per_day
            .total_cmp(&other.false_alarms_per_day)
    });
    for alert in drawn.into_iter().take(FALSE_MAX) {
        let at = (
            axis.at(days_from(run, alert.decided)),
            up.at(alert.false_alarms_per_day),
        );
        let title = format!(
            "{} ({} a day this strong): {}",
            alert.detection,
            number(alert.false_alarms_per_day),
            alert.explanation
        );
        let class = if alert.verdict == "false" {
            "false"
        } else {
            "nuisance"
        };
        canvas.circle(class, at, 2.6, &cut(&title, 300));
    }
}

/// False alarms on each day of a run, with the budget that was asked for.
pub(super) fn days(evaluation: &Evaluation, number_of: usize, budget: Option<f64>) -> String {
    let Some(run) = evaluation.runs.get(number_of) else {
        return String::new();
    };
    let days: Vec<_> = evaluation
        .alarms
        .days
        .iter()
        .filter(|day| day.run == number_of)
        .collect();
    let most = days.iter().map(|day| day.false_alarms).max().unwrap_or(0) as f64;
    let most = most.max(budget.unwrap_or(0.0)).max(1.0) * 1.1;
    let axis = time_axis(run);
    let (top, bottom) = (14.0, 170.0);
    let up = Axis::linear((0.0, most), (bottom, top));
    let mut canvas = Canvas::new(960.0, 200.0, "False alarms on each day of one run");
    let step = round_step(most, 4.0).max(1.0);
    let mut mark = 0.0;
    while mark <= most {
        let y = up.at(mark);
        canvas.line("rule", (LEFT, y), (RIGHT, y));
        canvas.text("soft", Anchor::End, (LEFT - 8.0, y + 4.0), &number(mark));
        mark += step;
    }
    day_marks(&mut canvas, run, &axis, bottom, bottom + 4.0);
    let width = axis.at(1.0) - axis.at(0.0);
    for (position, day) in days.iter().enumerate() {
        let x = axis.at(position as f64);
        let ordinary = day.regime == crate::evaluate::days::ORDINARY;
        let class = if ordinary { "calm" } else { "low" };
        let y = up.at(day.false_alarms as f64);
        let title = format!(
            "{}: {} false alarms, {} on nuisances, {} hits ({})",
            day.day, day.false_alarms, day.nuisance, day.hits, day.regime
        );
        let gap = (width * 0.15).min(3.0);
        canvas.rect(class, (x + gap, y), (width - 2.0 * gap, bottom - y), &title);
    }
    canvas.text(
        "soft",
        Anchor::End,
        (LEFT - 44.0, 30.0),
        "false alarms a day",
    );
    if let Some(budget) = budget {
        let y = up.at(budget);
        canvas.line("dash", (LEFT, y), (RIGHT, y));
        canvas.text("tiny", Anchor::End, (LEFT - 44.0, y + 4.0), "budget");
    }
    let mut out = String::from("<figure>");
    out.push_str(&canvas.finish());
    out.push_str(&legend(&[
        ("calm", "ordinary day"),
        ("low", "day of a regime"),
    ]));
    out.push_str("</figure>");
    out
}
