use super::candidates::*;
use vigie::domain::{EventTime, Span};

fn hour(hour: i64) -> EventTime {
    EventTime(0) + Span::hours(hour)
}

#[test]
fn an_entity_is_told_of_once_in_the_cool_down_whatever_the_threshold() {
    let mut candidates = Candidates::default();
    for (at, score) in [(1, 2.0), (5, 9.0), (20, 3.0), (30, 4.0), (40, 0.0)] {
        candidates.add(&[("actor", "one")], hour(at), Span::HOUR, score);
    }
    candidates.add(&[("actor", "other")], hour(2), Span::HOUR, 5.0);
    let candidates = candidates.finish();
    let at = |threshold: f64| -> Vec<i64> {
        let alerts = candidates.alerts(threshold);
        alerts
            .iter()
            .map(|(_, one)| one.end.0 / Span::HOUR.0)
            .collect()
    };
    assert_eq!(at(1.0), [1, 2, 30]);
    // The first that is strong enough, then the next after a day: 29 hours on.
    assert_eq!(at(3.5), [2, 5, 30]);
    assert_eq!(at(6.0), [5]);
    assert_eq!(at(10.0), [0_i64; 0]);
    let strongest = candidates.strongest(2);
    let scores: Vec<f64> = strongest.iter().map(|(_, one)| one.score).collect();
    assert_eq!(scores, [5.0, 9.0]);
}
