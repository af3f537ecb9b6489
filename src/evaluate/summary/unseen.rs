//! What was taken unseen, and what could be.

use super::{Bound, Scored, Traffic};
use crate::evaluate::bootstrap::quantile;
use crate::evaluate::report::{BoundRow, UnseenRow};
use std::collections::BTreeMap;

pub(super) fn unseen(scored: &[Scored<'_>]) -> Vec<UnseenRow> {
    let mut rows: BTreeMap<&str, UnseenRow> = BTreeMap::new();
    for outcome in scored.iter().flat_map(|run| &run.outcomes) {
        let class = outcome.label.class.map_or("", |class| class.name());
        for class in [class, "all"] {
            let known = rows.get(class).map_or(-1.0, |row| row.records);
            if outcome.records.is_none() || class.is_empty() || outcome.unseen <= known {
                continue;
            }
            rows.insert(
                class,
                UnseenRow {
                    class: class.to_owned(),
                    records: outcome.unseen,
                    run: outcome.run,
                    episode: outcome.label.id.clone(),
                    scenario: outcome.label.scenario.clone(),
                    found_later: outcome.is_found(),
                },
            );
        }
    }
    rows.into_values().collect()
}

pub(super) fn bounds(runs: &[Traffic]) -> Vec<BoundRow> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Bound>> = BTreeMap::new();
    for bound in runs.iter().flat_map(|run| &run.bounds) {
        let key = (bound.detection.as_str(), bound.class.as_str());
        groups.entry(key).or_default().push(bound);
    }
    let row = |((detection, class), bounds): ((&str, &str), Vec<&Bound>)| {
        let sorted = |of: fn(&Bound) -> f64| {
            let mut values: Vec<f64> = bounds.iter().map(|bound| of(bound)).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (expected, excess) = (sorted(|one| one.expected), sorted(|one| one.excess));
        BoundRow {
            detection: detection.to_owned(),
            class: class.to_owned(),
            entities: bounds.len(),
            expected_median: quantile(&expected, 0.5).unwrap_or(0.0),
            excess_median: quantile(&excess, 0.5).unwrap_or(0.0),
            excess_most: excess.last().copied().unwrap_or(0.0),
        }
    };
    groups.into_iter().map(row).collect()
}
