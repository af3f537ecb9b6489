//! What a simulated hub is like: its size, its noise, its peak days and the attacks on it.

use super::attack::{Attack, Scenario};
use crate::domain::{EventTime, Span};

/// A day on which everything is more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeakDay {
    /// Which day; day 0 is the first of the run.
    pub day: i64,
    /// By how much the mean of every rate is multiplied.
    pub factor: f64,
    /// Spread of that factor between entities: the sigma of a lognormal factor with mean 1.
    pub heterogeneity: f64,
}

/// Everything that decides the traffic. The same settings give the same events, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Seed of every random choice.
    pub seed: u64,
    /// Where the run begins; taken back to the start of its day in UTC.
    pub start: EventTime,
    /// Number of sellers.
    pub sellers: usize,
    /// Number of routes.
    pub routes: usize,
    /// Number of actors over all roles; a few feeds, which only share, come on top.
    pub actors: usize,
    /// Parcels inducted a day, in the mean over a week.
    pub parcels_per_day: f64,
    /// Accesses a day other than shares, in the mean over a week.
    pub reads_per_day: f64,
    /// Shares an hour on each usual edge from an organisation to a recipient.
    pub shares_per_edge_hour: f64,
    /// Number of decoy shipments.
    pub decoys: usize,
    /// Sigma of the lognormal law of seller sizes.
    pub seller_sigma: f64,
    /// Exponent of the Zipf law of route sizes.
    pub route_exponent: f64,
    /// Coefficient of variation of the hourly rate of a person or a seller.
    pub people_cv: f64,
    /// Coefficient of variation of the hourly rate of a machine, a route or a sharing edge.
    pub machine_cv: f64,
    /// Coefficient of variation of what all entities of a class share in an hour.
    pub common_cv: f64,
    /// Mean number of accesses in a sitting of a person; machines have no sittings.
    pub session_reads: f64,
    /// Days on which everything is more.
    pub peak_days: Vec<PeakDay>,
    /// Share of events that are delivered twice.
    pub duplicate_share: f64,
    /// Share of events that arrive late.
    pub disorder_share: f64,
    /// How late they arrive at most; no more than [`Settings::DISORDER_LIMIT`].
    pub disorder_max: Span,
    /// What is done to the hub on top of its usual traffic.
    pub attacks: Vec<Attack>,
}

impl Settings {
    /// No event arrives later than this.
    pub const DISORDER_LIMIT: Span = Span::hours(24);
    /// 2026-01-05, a Monday.
    pub const MONDAY: EventTime = EventTime(1_767_571_200_000);

    /// A small hub without attacks: 400 sellers, 60 routes, 350 actors, 4 000 parcels and about
    /// 60 000 events a day.
    pub fn small_hub(seed: u64) -> Settings {
        Settings {
            seed,
            start: Settings::MONDAY,
            sellers: 400,
            routes: 60,
            actors: 350,
            parcels_per_day: 4_000.0,
            reads_per_day: 36_000.0,
            shares_per_edge_hour: 4.0,
            decoys: 200,
            seller_sigma: 1.84,
            route_exponent: 1.1,
            people_cv: 0.5,
            machine_cv: 0.2,
            common_cv: 0.1,
            session_reads: 3.0,
            peak_days: Vec::new(),
            duplicate_share: 0.001,
            disorder_share: 0.01,
            disorder_max: Span::minutes(3),
            attacks: Vec::new(),
        }
    }

    /// The small hub with one attack of each kind from day 4 on, hours apart, and a peak day
    /// on day 8.
    pub fn demo(seed: u64) -> Settings {
        let attack = |scenario, day, hour, hours, intensity| Attack {
            scenario,
            after: Span(Span::DAY.0 * day + Span::HOUR.0 * hour),
            length: Span::hours(hours),
            intensity,
        };
        Settings {
            peak_days: vec![PeakDay {
                day: 8,
                factor: 1.6,
                heterogeneity: 0.3,
            }],
            attacks: vec![
                attack(Scenario::ActorVolumeSurge, 4, 8, 2, 20.0),
                attack(Scenario::BulkExport, 4, 12, 1, 20_000.0),
                attack(Scenario::ActorFanoutSpread, 4, 16, 1, 250.0),
                attack(Scenario::ThirdPartyEgress, 5, 4, 3, 40_000.0),
                attack(Scenario::RouteSilence, 5, 19, 6, 1.0),
                attack(Scenario::RouteSurge, 6, 3, 5, 3.0),
                attack(Scenario::SellerSurge, 6, 19, 5, 10.0),
                attack(Scenario::OneTouchSweep, 7, 6, 8, 800.0),
                attack(Scenario::DecoyTouch, 7, 16, 1, 5.0),
            ],
            ..Settings::small_hub(seed)
        }
    }

    /// The same without duplicates and without disorder.
    pub fn quiet(self) -> Settings {
        Settings {
            duplicate_share: 0.0,
            disorder_share: 0.0,
            ..self
        }
    }

    /// The same without attacks.
    pub fn honest(self) -> Settings {
        Settings {
            attacks: Vec::new(),
            ..self
        }
    }

    /// The peak day that holds `time`, if it is one.
    pub(super) fn peak(&self, time: EventTime) -> Option<PeakDay> {
        let day = time.day() - self.start.day();
        self.peak_days.iter().copied().find(|peak| peak.day == day)
    }
}
