//! The evaluation as one page that needs nothing else: no script, no font, no picture from
//! elsewhere.

mod calibration;
mod delay;
mod draw;
mod recall;
mod style;
#[cfg(test)]
mod tests;
mod timeline;

use super::report::{Evaluation, KindRow};
use super::words::{count, number, or_dash, percent, seconds, share, verdicts};
use draw::{cut, escape, table};
use std::fmt::Write;

/// Missed attacks and false alarms that are told one by one.
const TOLD: usize = 60;

/// Writes the page.
pub fn render(evaluation: &Evaluation) -> String {
    let mut page = String::with_capacity(1 << 18);
    // Writing into a string cannot fail, here and below.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>vigie: evaluation</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/><style>{}</style></head><body><main>",
        style::STYLE
    );
    head(evaluation, &mut page);
    cards(evaluation, &mut page);
    section(
        &mut page,
        "Recall against what it costs",
        "How many attacks are found when so many false alarms a day are allowed. A false alarm is \
         an alert that names nobody who attacks at that time.",
        &recall::curve(evaluation),
    );
    let at = evaluation
        .headline()
        .and_then(|column| evaluation.recall[column].budget);
    let caption = match at {
        Some(budget) => format!(
            "Attacks found at {} false alarms a day, by scenario and intensity, with 95 % \
             intervals over episodes.",
            number(budget)
        ),
        None => String::from("Attacks found as shipped, by scenario and intensity."),
    };
    section(
        &mut page,
        "By scenario",
        &caption,
        &recall::heat(evaluation),
    );
    for (run, row) in evaluation.runs.iter().enumerate().take(1) {
        let which = if evaluation.runs.len() == 1 {
            String::from("The whole run")
        } else {
            format!("The first of {} runs, {}", evaluation.runs.len(), row.name)
        };
        let both = timeline::timeline(evaluation, run) + &timeline::days(evaluation, run, at);
        section(
            &mut page,
            "Episodes and alerts",
            &format!("{which}, as shipped. Point at a mark to read what it is."),
            &both,
        );
    }
    alarms(evaluation, &mut page);
    section(
        &mut page,
        "Time to detect",
        "From the beginning of an attack to its first alert, of those found: the middle half as a \
         box, the median as a mark, from the fastest to the slowest tenth as a line.",
        &delay::time_to_detect(evaluation),
    );
    section(
        &mut page,
        "Records lost before the first alert",
        "As a share of what the attack took; all of it where it was missed.",
        &(delay::records_lost(evaluation) + &unseen(evaluation) + &bounds(evaluation)),
    );
    calibrated(evaluation, &mut page);
    detections(evaluation, &mut page);
    one_by_one(evaluation, &mut page);
    page.push_str("</main></body></html>\n");
    page
}

fn section(page: &mut String, title: &str, caption: &str, body: &str) {
    let _ = write!(
        page,
        "<section><h2>{}</h2><p class=\"soft\">{}</p>{body}</section>",
        escape(title),
        escape(caption)
    );
}

fn head(evaluation: &Evaluation, page: &mut String) {
    let attacks: usize = evaluation.runs.iter().map(|run| run.attacks).sum();
    let _ = write!(
        page,
        "<h1>What vigie finds</h1><p class=\"soft\">{}, {} days, {}, {}{}</p><p><b>{}</b></p>",
        count(evaluation.runs.len(), "run", "runs"),
        number(evaluation.days),
        count(attacks, "attack", "attacks"),
        count(evaluation.alerts.len(), "alert", "alerts"),
        evaluation
            .runs
            .first()
            .filter(|run| !run.story.is_empty())
            .map_or_else(String::new, |run| format!(
                ": {}",
                escape(&cut(&run.story, 200))
            )),
        escape(&evaluation.about)
    );
    for warning in &evaluation.warnings {
        let _ = write!(page, "<p class=\"warning\">{}</p>", escape(warning));
    }
}

fn card(page: &mut String, name: &str, figure: &str, more: &[String]) {
    let _ = write!(
        page,
        "<div class=\"card\"><span class=\"name\">{}</span><b>{}</b>",
        escape(name),
        escape(figure)
    );
    for line in more {
        let _ = write!(page, "<span>{}</span>", escape(line));
    }
    page.push_str("</div>");
}

fn cards(evaluation: &Evaluation, page: &mut String) {
    page.push_str("<div class=\"cards\">");
    if let Some(row) = evaluation.headline().map(|at| &evaluation.recall[at]) {
        let by: Vec<String> = row
            .by_intensity
            .iter()
            .filter(|of| of.recall.of > 0)
            .map(|of| format!("{} {}", of.intensity, percent(of.recall.share)))
            .collect();
        card(
            page,
            &match row.budget {
                Some(budget) => format!("found at {} false alarms a day", number(budget)),
                None => String::from("found as shipped"),
            },
            &percent(row.recall.share),
            &[
                format!(
                    "95 %: {:.0}-{:.0} %, {} of {}",
                    100.0 * row.recall.low,
                    100.0 * row.recall.high,
                    number(row.recall.hits as f64),
                    number(row.recall.of as f64)
                ),
                by.join(", "),
            ],
        );
    }
    let alarms = &evaluation.alarms;
    let regime = |name: &str| alarms.by_regime.iter().find(|row| row.regime == name);
    let ordinary = regime(super::days::ORDINARY);
    card(
        page,
        "false alarms on an ordinary day",
        &or_dash(ordinary, |row| number(row.per_day)),
        &[
            format!(
                "worst ordinary day {}",
                or_dash(ordinary, |row| number(row.worst_day as f64))
            ),
            format!("worst day of all {}", number(alarms.worst_day as f64)),
        ],
    );
    let bursts = evaluation.bursts.last();
    let median = bursts.and_then(|row| row.seconds_beyond_window_median.as_ref());
    let nine_in_ten = bursts.and_then(|row| row.seconds_beyond_window_p90);
    card(
        page,
        "time to find a burst",
        &or_dash(median, |median| seconds(median.value)),
        &[
            String::from("median, beyond the alert's own window"),
            format!("nine in ten within {}", or_dash(nine_in_ten, seconds)),
        ],
    );
    let sum = |of: &dyn Fn(&super::report::EpisodeRow) -> Option<f64>| {
        evaluation.episodes.iter().filter_map(of).sum::<f64>()
    };
    let (taken, lost) = (sum(&|row| row.records), sum(&|row| row.records_lost));
    card(
        page,
        "records gone before the alert",
        &if taken > 0.0 {
            percent(lost / taken)
        } else {
            String::from("-")
        },
        &[format!("{} of {} taken", number(lost), number(taken))],
    );
    if let Some(calibrated) = &evaluation.calibration {
        let ordinary = || calibrated.verdicts.iter().filter(|row| row.ordinary);
        let judged: usize = ordinary().map(|row| row.judged).sum();
        let outside: usize = ordinary().map(|row| row.outside).sum();
        let within = (judged > 0).then(|| 1.0 - outside as f64 / judged as f64);
        card(
            page,
            "p-values that are what they say",
            &or_dash(within, percent),
            &[
                format!(
                    "{} of {} checks on ordinary days",
                    number((judged - outside) as f64),
                    number(judged as f64)
                ),
                format!("{} tests", number(calibrated.tests as f64)),
            ],
        );
    }
    page.push_str("</div>");
}

fn alarms(evaluation: &Evaluation, page: &mut String) {
    let alarms = &evaluation.alarms;
    let mut rows: Vec<Vec<String>> = alarms
        .by_regime
        .iter()
        .map(|row| {
            vec![
                row.regime.clone(),
                number(row.days),
                number(row.false_alarms as f64),
                number(row.per_day),
                number(row.worst_day as f64),
            ]
        })
        .collect();
    rows.push(vec![
        String::from("all"),
        number(alarms.length),
        number(alarms.false_alarms as f64),
        number(alarms.per_day),
        number(alarms.worst_day as f64),
    ]);
    let mut body = table(
        &["day", "days", "false alarms", "a day", "worst day"],
        1,
        &rows,
    );
    for (title, kinds) in [
        ("Hard negatives: honest, and odd", &alarms.by_hard_negative),
        ("Nuisances: counted apart", &alarms.by_nuisance),
    ] {
        if !kinds.is_empty() {
            let _ = write!(body, "<h3>{title}</h3>{}", kinds_table(kinds));
        }
    }
    let mut caption = format!("{}.", verdicts(alarms));
    if let Some(beside) = &evaluation.beside_attacks {
        let _ = write!(
            caption,
            " In the {} days with attacks, which are not counted here: {}.",
            number(beside.length),
            verdicts(beside)
        );
    }
    if let Some(shipped) = evaluation.recall.last() {
        let _ = write!(
            caption,
            " Of hits and false alarms {} are hits; were there one attack a week, {} of alerts \
             would be.",
            percent(alarms.precision.share),
            percent(shipped.precision_at_one_attack_a_week)
        );
    }
    section(page, "False alarms, as shipped", &caption, &body);
}

fn kinds_table(kinds: &[KindRow]) -> String {
    let rows: Vec<Vec<String>> = kinds
        .iter()
        .map(|row| {
            vec![
                row.kind.clone(),
                number(row.episodes as f64),
                number(row.episodes_alarmed as f64),
                number(row.alarms as f64),
            ]
        })
        .collect();
    table(&["kind", "episodes", "with alarms", "alarms"], 1, &rows)
}

fn bounds(evaluation: &Evaluation) -> String {
    if evaluation.bounds.is_empty() {
        return String::new();
    }
    let whole = |value: f64| number(value.round());
    let rows: Vec<Vec<String>> = evaluation
        .bounds
        .iter()
        .map(|row| {
            vec![
                row.detection.clone(),
                row.class.clone(),
                number(row.entities as f64),
                whole(row.expected_median),
                whole(row.excess_median),
                whole(row.excess_most),
            ]
        })
        .collect();
    let columns = [
        "detection",
        "class",
        "entities",
        "usual (median)",
        "unseen beyond it (median)",
        "most",
    ];
    format!(
        "<h3>What could be done in 30 days, spread evenly, before an alert in the mean</h3>{}",
        table(&columns, 2, &rows)
    )
}

fn unseen(evaluation: &Evaluation) -> String {
    let rows = delay::unseen(evaluation);
    if rows.is_empty() {
        return String::new();
    }
    let headings = ["class", "scenario", "episode", "", "records"];
    format!(
        "<h3>Most records taken unseen within 30 days</h3>{}",
        table(&headings, 4, &rows)
    )
}

fn calibrated(evaluation: &Evaluation, page: &mut String) {
    let Some(found) = &evaluation.calibration else {
        return;
    };
    let body = [
        String::from("<h3>Strata of class, maturity, size and regime</h3>"),
        calibration::verdicts(&found.verdicts),
        String::from("<h3>The same by detection and window</h3>"),
        calibration::verdicts(&found.verdicts_by_detection),
        String::from("<h3>Detections</h3>"),
        calibration::cards(found),
    ]
    .concat();
    section(
        page,
        "Calibration of p-values",
        &format!(
            "Reliability: how often p-values are below a level, over how often they should be; the \
             band is a factor of two either way, small dots have fewer than 100 due. Below each, \
             the histogram of randomised p-values, even where a model fits. {} tests; {} of \
             entities to which something was done are left out.",
            number(found.tests as f64),
            number(found.excluded as f64)
        ),
        &body,
    );
}

fn detections(evaluation: &Evaluation, page: &mut String) {
    let rows: Vec<Vec<String>> = evaluation
        .detections
        .iter()
        .map(|row| {
            vec![
                row.detection.clone(),
                number(row.alerts as f64),
                number(row.hits as f64),
                number(row.late as f64),
                number(row.nuisance as f64),
                number(row.false_alarms as f64),
                number(row.per_day),
                number(row.worst_day as f64),
                share(&row.found),
            ]
        })
        .collect();
    let headings = [
        "detection",
        "alerts",
        "hits",
        "late",
        "nuisance",
        "false",
        "a day",
        "worst day",
        "of those meant for it, %",
    ];
    section(
        page,
        "By detection, as shipped",
        "The last column: of the attacks that a detection is there to find, those on which it \
         raised an alert in time.",
        &table(&headings, 1, &rows),
    );
}

/// Missed attacks and the strongest false alarms: what to look at next.
fn one_by_one(evaluation: &Evaluation, page: &mut String) {
    let run = |run: usize| {
        evaluation
            .runs
            .get(run)
            .map_or("", |run| run.name.as_str())
            .to_owned()
    };
    let missed: Vec<_> = evaluation
        .episodes
        .iter()
        .filter(|episode| episode.kind == "attack" && !episode.found)
        .collect();
    let rows: Vec<Vec<String>> = missed
        .iter()
        .take(TOLD)
        .map(|episode| {
            vec![
                run(episode.run),
                episode.scenario.clone(),
                episode.intensity.clone(),
                episode.start.to_string(),
                cut(&episode.story, 160),
                or_dash(episode.false_alarms_per_day, number),
                or_dash(episode.records, number),
            ]
        })
        .collect();
    let headings = [
        "run",
        "scenario",
        "",
        "start",
        "what",
        "found at, a day",
        "records",
    ];
    let mut false_alarms: Vec<_> = evaluation
        .alerts
        .iter()
        .filter(|alert| alert.verdict == "false")
        .collect();
    false_alarms.sort_by(|one, other| {
        one.false_alarms_per_day
            .total_cmp(&other.false_alarms_per_day)
    });
    let told: Vec<Vec<String>> = false_alarms
        .iter()
        .take(TOLD)
        .map(|alert| {
            vec![
                run(alert.run),
                alert.decided.to_string(),
                alert.detection.clone(),
                cut(&alert.explanation, 160),
                alert.scenario.clone().unwrap_or_default(),
                number(alert.false_alarms_per_day),
            ]
        })
        .collect();
    let of_alarms = [
        "run",
        "decided",
        "detection",
        "what",
        "hard negative",
        "a day",
    ];
    let _ = write!(
        page,
        "<section><h2>One by one</h2><details><summary>Missed attacks ({})</summary>{}</details>\
         <details><summary>Strongest false alarms ({})</summary>{}</details></section>",
        missed.len(),
        table(&headings, 5, &rows),
        false_alarms.len(),
        table(&of_alarms, 5, &told)
    );
}
