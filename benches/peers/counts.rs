//! Counts per hour and per day of who does what, and what each detector of counts makes of them.
//!
//! Four natural keys: accesses of an actor, different sellers an actor touches, movements on a
//! route, movements of a seller. All of them together have one budget.

use super::candidates::Candidates;
use super::farrington::{self, Design};
use super::{hourly, zscore};
use std::collections::{HashMap, HashSet};
use vigie::domain::{Event, EventTime, Kind, Span};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Measure {
    ActorAccesses,
    ActorSellers,
    RouteMovements,
    SellerMovements,
}

impl Measure {
    fn member(self) -> &'static str {
        match self {
            Measure::ActorAccesses | Measure::ActorSellers => "actor",
            Measure::RouteMovements => "route",
            Measure::SellerMovements => "seller",
        }
    }
}

/// A detector of counts: scores of a series that begins at an hour of the day.
pub(crate) struct Detector {
    pub(crate) name: &'static str,
    /// The score from which it alerts as published.
    pub(crate) published: f64,
    window: Span,
    scores: fn(&[f64], usize) -> Vec<f64>,
}

/// Hours that mean and standard deviation look back on.
const WEEK_HOURS: usize = 168;
const HOURLY: Design = Design {
    period: WEEK_HOURS,
    periods: 4,
    half_window: 1,
    recent: 26,
};
const DAILY: Design = Design {
    period: 7,
    periods: 4,
    half_window: 1,
    recent: 2,
};

/// Those that are compared.
pub(crate) const DETECTORS: [Detector; 10] = [
    Detector {
        name: "mean + sd, hourly",
        published: 3.0,
        window: Span::HOUR,
        scores: |values, _| zscore::above_mean(values, WEEK_HOURS),
    },
    Detector {
        name: "EARS C1, hourly",
        published: 3.0,
        window: Span::HOUR,
        scores: |values, _| zscore::c1(values),
    },
    Detector {
        name: "EARS C2, hourly",
        published: 3.0,
        window: Span::HOUR,
        scores: |values, _| zscore::c2(values),
    },
    Detector {
        name: "EARS C3, hourly",
        published: 2.0,
        window: Span::HOUR,
        scores: |values, _| zscore::c3(values),
    },
    Detector {
        name: "EARS C1, daily",
        published: 3.0,
        window: Span::DAY,
        scores: |values, _| zscore::c1(values),
    },
    Detector {
        name: "EARS C2, daily",
        published: 3.0,
        window: Span::DAY,
        scores: |values, _| zscore::c2(values),
    },
    Detector {
        name: "EARS C3, daily",
        published: 2.0,
        window: Span::DAY,
        scores: |values, _| zscore::c3(values),
    },
    Detector {
        name: "Farrington-flexible, hourly",
        published: 1.0,
        window: Span::HOUR,
        scores: |values, _| farrington::scores(values, HOURLY),
    },
    Detector {
        name: "Farrington-flexible, daily",
        published: 1.0,
        window: Span::DAY,
        scores: |values, _| farrington::scores(values, DAILY),
    },
    Detector {
        name: "negative binomial, hour of day",
        // Nothing is published; -ln 1e-6.
        published: 13.8,
        window: Span::HOUR,
        scores: hourly::scores,
    },
];

/// All counts of a run.
pub(crate) struct Counts {
    start: EventTime,
    hours: HashMap<(Measure, String), Vec<(u32, f64)>>,
    /// Sellers touched in the newest hours, which late events still belong to.
    touched: HashMap<(u32, String), HashSet<String>>,
}

impl Counts {
    pub(crate) fn new(start: EventTime) -> Counts {
        Counts {
            start,
            hours: HashMap::new(),
            touched: HashMap::new(),
        }
    }

    pub(crate) fn take(&mut self, event: &Event<'_>) {
        if event.time < self.start {
            return;
        }
        let hour = ((event.time - self.start).0 / Span::HOUR.0) as u32;
        match event.kind {
            Kind::Access => {
                let Some(actor) = event.actor.as_deref() else {
                    return;
                };
                self.add(Measure::ActorAccesses, actor, hour);
                let Some(seller) = event.seller.as_deref() else {
                    return;
                };
                let sellers = self.touched.entry((hour, actor.to_owned())).or_default();
                if !sellers.contains(seller) {
                    sellers.insert(seller.to_owned());
                    self.add(Measure::ActorSellers, actor, hour);
                }
            }
            Kind::Movement => {
                if let Some(route) = event.route.as_deref() {
                    self.add(Measure::RouteMovements, route, hour);
                }
                if let Some(seller) = event.seller.as_deref() {
                    self.add(Measure::SellerMovements, seller, hour);
                }
            }
            // What is derived from events is not among them.
            Kind::Transit | Kind::Diversion | Kind::Label | Kind::Induction | Kind::Lifecycle => {}
        }
    }

    fn add(&mut self, measure: Measure, key: &str, hour: u32) {
        let counts = self.hours.entry((measure, key.to_owned())).or_default();
        // Events are late by little: the hour is among the last.
        let place = counts.iter().rposition(|(known, _)| *known <= hour);
        match place {
            Some(place) if counts[place].0 == hour => counts[place].1 += 1.0,
            Some(place) => counts.insert(place + 1, (hour, 1.0)),
            None => counts.insert(0, (hour, 1.0)),
        }
    }

    /// An hour is over: what was touched two days ago is forgotten.
    pub(crate) fn end_hour(&mut self, now: EventTime) {
        let hour = ((now - self.start).0 / Span::HOUR.0) as u32;
        self.touched.retain(|(then, _), _| then + 48 > hour);
    }

    /// What a detector makes of them, up to the end of the run.
    pub(crate) fn judge(&self, detector: &Detector, end: EventTime) -> Candidates {
        let mut keys: Vec<&(Measure, String)> = self.hours.keys().collect();
        keys.sort();
        let mut candidates = Candidates::default();
        let unit = (detector.window.0 / Span::HOUR.0) as usize;
        let length = ((end - self.start).0 / detector.window.0) as usize;
        for key in keys {
            let counts = &self.hours[key];
            let first = counts[0].0 as usize / unit;
            let mut values = vec![0.0; length.saturating_sub(first)];
            for (hour, count) in counts {
                if let Some(value) = values.get_mut(*hour as usize / unit - first) {
                    *value += count;
                }
            }
            let scores = (detector.scores)(&values, first);
            for (at, score) in scores.into_iter().enumerate() {
                let window_end = self.start + Span(detector.window.0 * (first + at + 1) as i64);
                let entity = [(key.0.member(), key.1.as_str())];
                candidates.add(&entity, window_end, detector.window, score);
            }
        }
        candidates.finish()
    }
}
