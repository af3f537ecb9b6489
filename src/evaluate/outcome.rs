//! What became of one episode: when it was found, by whom, and what was gone by then.

use super::curve::TakenCurve;
use super::matching::{Hit, Matched, is_burst};
use super::record::RaisedAlert;
use super::sweep::Threshold;
use crate::domain::{EpisodeKind, EpisodeLabel, EventTime, Span};

/// Within how long records taken unseen are counted.
pub(super) const UNSEEN_WITHIN: Span = Span::days(30);

/// One attack, as shipped.
#[derive(Clone, Debug)]
pub(super) struct Outcome<'a> {
    pub(super) run: usize,
    pub(super) label: &'a EpisodeLabel,
    /// The first alert that was in time.
    pub(super) first: Option<Hit>,
    pub(super) first_by: Option<&'a str>,
    pub(super) found_within_window: bool,
    /// Records taken, and those before the first alert.
    pub(super) records: Option<(f64, f64)>,
    /// The most records taken within thirty days before the first alert.
    pub(super) unseen: f64,
    pub(super) exact_key: bool,
    /// Whether an alert named a key in time, of whatever class.
    pub(super) named: bool,
    pub(super) expected_detection: bool,
    /// How much of it was under alert, early parts weighing more; long episodes only.
    pub(super) range_recall: Option<f64>,
}

impl Outcome<'_> {
    pub(super) fn is_found(&self) -> bool {
        self.first.is_some()
    }

    /// From the beginning to the first alert.
    pub(super) fn to_detect(&self) -> Option<Span> {
        self.first.map(|hit| hit.decided - self.label.start)
    }

    /// Bursts: how much of that is not the length of the alert's own window.
    pub(super) fn beyond_window(&self) -> Option<Span> {
        let hit = self.first.filter(|_| is_burst(self.label))?;
        let window = hit.window.end - hit.window.start;
        Some(Span((hit.decided - self.label.start).0 - window.0).max(Span::ZERO))
    }
}

/// What became of the attacks of a run, in the order of their labels.
pub(super) fn outcomes<'a>(
    run: usize,
    episodes: &'a [EpisodeLabel],
    alerts: &'a [RaisedAlert],
    matched: &Matched,
    run_end: EventTime,
) -> Vec<Outcome<'a>> {
    let attacks = episodes
        .iter()
        .enumerate()
        .filter(|(_, episode)| episode.kind == EpisodeKind::Attack);
    attacks
        .map(|(position, label)| {
            let kept: Vec<&Hit> = matched.hits[position]
                .iter()
                .filter(|hit| Threshold::All.keeps_hit(hit))
                .collect();
            let in_time: Vec<&Hit> = kept.iter().copied().filter(|hit| hit.in_time).collect();
            let first = in_time
                .iter()
                .min_by_key(|hit| (hit.decided, hit.alert))
                .map(|hit| **hit);
            let curve = TakenCurve::of(label);
            let seen_from = first.map_or(EventTime::MAX, |hit| hit.decided);
            let detections = || {
                in_time
                    .iter()
                    .map(|hit| alerts[hit.alert].detection.as_str())
            };
            Outcome {
                run,
                label,
                first,
                first_by: first.map(|hit| alerts[hit.alert].detection.as_str()),
                found_within_window: !kept.is_empty(),
                records: curve
                    .as_ref()
                    .map(|curve| (curve.total(), curve.at(seen_from))),
                unseen: curve.map_or(0.0, |curve| curve.most_within(UNSEEN_WITHIN, seen_from)),
                exact_key: in_time.iter().any(|hit| {
                    alerts[hit.alert]
                        .names()
                        .any(|entity| label.entities.contains(entity))
                }),
                named: first.is_some() || matched.named_otherwise[position],
                expected_detection: detections()
                    .any(|name| label.detections.iter().any(|expected| expected == name)),
                range_recall: (!is_burst(label)).then(|| {
                    let stretches = in_time.iter().map(|hit| {
                        let ended = alerts[hit.alert].resolved.unwrap_or(run_end);
                        (hit.decided, ended)
                    });
                    under_alert(label, stretches.collect())
                }),
            }
        })
        .collect()
}

/// Range-based recall of one episode with a front-end positional bias (Tatbul et al., NeurIPS
/// 2018): existence apart (that is recall itself), no penalty for several alerts on one episode,
/// and a weight that falls in a straight line from the beginning to nothing at the end. An
/// episode that is under alert from a share x of its length to its end scores (1 - x)².
fn under_alert(episode: &EpisodeLabel, mut stretches: Vec<(EventTime, EventTime)>) -> f64 {
    let length = (episode.end - episode.start).0.max(1) as f64;
    let place = |time: EventTime| ((time - episode.start).0 as f64 / length).clamp(0.0, 1.0);
    let weight_up_to = |x: f64| 2.0 * x - x * x;
    stretches.sort();
    let (mut covered_to, mut weight) = (0.0_f64, 0.0);
    for (from, to) in stretches {
        let (from, to) = (place(from).max(covered_to), place(to));
        if to > from {
            weight += weight_up_to(to) - weight_up_to(from);
            covered_to = to;
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntityMembers;

    fn day(day: i64) -> EventTime {
        EventTime(0) + Span::days(day)
    }

    fn episode() -> EpisodeLabel {
        EpisodeLabel {
            id: String::from("e"),
            kind: EpisodeKind::Attack,
            scenario: String::from("drip"),
            intensity: None,
            class: None,
            detections: Vec::new(),
            entities: vec![EntityMembers::new()],
            start: day(10),
            end: day(20),
            events: 0,
            taken: Vec::new(),
            story: String::new(),
        }
    }

    #[test]
    fn early_parts_under_alert_weigh_more_and_overlaps_count_once() {
        let of = |stretches: &[(i64, i64)]| {
            let stretches = stretches.iter().map(|(from, to)| (day(*from), day(*to)));
            under_alert(&episode(), stretches.collect())
        };
        assert_eq!(of(&[]), 0.0);
        assert!((of(&[(0, 99)]) - 1.0).abs() < 1e-12);
        // From the middle to the end: a quarter.
        assert!((of(&[(15, 99)]) - 0.25).abs() < 1e-12);
        assert!((of(&[(10, 15)]) - 0.75).abs() < 1e-12);
        assert!((of(&[(15, 18), (15, 20), (16, 17)]) - 0.25).abs() < 1e-12);
        assert!((of(&[(18, 20), (10, 15)]) - (0.75 + 0.04)).abs() < 1e-12);
    }
}
