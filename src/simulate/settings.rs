//! What a simulated hub is like: its size, its noise, its regimes and what is put in on top.

use super::episode::{Injection, Scenario};
use super::regime::Regime;
use crate::domain::{EventTime, Intensity, Span};

/// Which half of every range of parameters, and of the entities that can be targets, is used.
///
/// What is tuned on the one half is reported on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// For tuning.
    #[default]
    Tune,
    /// For figures that are reported.
    Report,
}

impl Split {
    /// Its number.
    pub(super) fn index(self) -> usize {
        match self {
            Split::Tune => 0,
            Split::Report => 1,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Split::Tune => "tune",
            Split::Report => "report",
        }
    }
}

/// Everything that decides the traffic. The same settings give the same events, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Seed of every random choice.
    pub seed: u64,
    /// Where the run begins; taken back to the start of its day in UTC.
    pub start: EventTime,
    /// How many days are planned: comings and goings and scrapers end with them. The
    /// hub goes on for as long as it is asked to.
    pub days: i64,
    /// Number of sellers.
    pub sellers: usize,
    /// Number of routes.
    pub routes: usize,
    /// Number of actors over all roles but buyers; a few feeds, which only share, come on top.
    pub actors: usize,
    /// Parcels inducted a day, in the mean over a week.
    pub parcels_per_day: f64,
    /// Accesses a day other than shares and those of buyers, in the mean over a week.
    pub reads_per_day: f64,
    /// Look-ups of buyers per parcel. Nobody looks up a parcel in twenty where this is 4.
    pub looks_per_parcel: f64,
    /// Shares an hour on each usual edge from an organisation to a recipient.
    pub shares_per_edge_hour: f64,
    /// Registered keys that poll what they know every six hours.
    pub pollers: usize,
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
    /// Correlation of each of these factors from one hour to the next.
    pub hour_correlation: f64,
    /// Mean number of accesses in a sitting of a person; machines have no sittings.
    pub session_reads: f64,
    /// Share of the sellers that come, and about that leave, in a day.
    pub seller_churn: f64,
    /// Share of the accounts and keys that are new in a week.
    pub key_churn: f64,
    /// Stretches in which something is unusual for everybody.
    pub regimes: Vec<Regime>,
    /// Commodity scrapers a day.
    pub scrapers_per_day: f64,
    /// Share of events that are delivered twice.
    pub duplicate_share: f64,
    /// Share of events that arrive late.
    pub disorder_share: f64,
    /// How late they arrive at most; no more than [`Settings::DISORDER_LIMIT`].
    pub disorder_max: Span,
    /// Share of events that arrive 6 to 24 hours late.
    pub very_late_share: f64,
    /// Share of scanners whose clock is 1, 2 or 8 hours off for a day.
    pub skewed_share: f64,
    /// Share of scans that are never recorded.
    pub lost_scan_share: f64,
    /// Share of accesses whose relation to the shipment is not known.
    pub unknown_relation_share: f64,
    /// What is put in on top of the usual traffic.
    pub injections: Vec<Injection>,
    /// Which half of parameters and targets the injections draw from.
    pub split: Split,
}

impl Settings {
    /// No event arrives later than this.
    pub const DISORDER_LIMIT: Span = Span::hours(24);
    /// 2026-01-05, a Monday.
    pub const MONDAY: EventTime = EventTime(1_767_571_200_000);

    /// A small hub without attacks: 400 sellers, 60 routes, 350 actors, 4 000 parcels and about
    /// 75 000 events a day.
    pub fn small_hub(seed: u64) -> Settings {
        Settings {
            seed,
            start: Settings::MONDAY,
            days: 60,
            sellers: 400,
            routes: 60,
            actors: 350,
            parcels_per_day: 4_000.0,
            reads_per_day: 36_000.0,
            looks_per_parcel: 4.0,
            shares_per_edge_hour: 4.0,
            pollers: 3,
            decoys: 200,
            seller_sigma: 1.84,
            route_exponent: 1.1,
            people_cv: 0.5,
            machine_cv: 0.2,
            common_cv: 0.1,
            hour_correlation: 0.7,
            session_reads: 3.0,
            seller_churn: 0.0025,
            key_churn: 0.004,
            regimes: Vec::new(),
            scrapers_per_day: 0.5,
            duplicate_share: 0.001,
            disorder_share: 0.01,
            disorder_max: Span::minutes(3),
            very_late_share: 0.0005,
            skewed_share: 0.002,
            lost_scan_share: 0.005,
            unknown_relation_share: 0.1,
            injections: Vec::new(),
            split: Split::Tune,
        }
    }

    /// The reference hub: 893 000 parcels and some 10 million events a day, 200 000 sellers,
    /// 2 000 routes, 40 000 accounts and keys.
    pub fn reference_hub(seed: u64) -> Settings {
        Settings {
            sellers: 200_000,
            routes: 2_000,
            actors: 40_000,
            parcels_per_day: 893_000.0,
            reads_per_day: 2_000_000.0,
            pollers: 300,
            decoys: 20_000,
            scrapers_per_day: 20.0,
            ..Settings::small_hub(seed)
        }
    }

    /// Four times the reference hub, as declarations were in 2025.
    pub fn large_hub(seed: u64) -> Settings {
        let reference = Settings::reference_hub(seed);
        Settings {
            sellers: 500_000,
            actors: 80_000,
            parcels_per_day: 4.0 * reference.parcels_per_day,
            reads_per_day: 4.0 * reference.reads_per_day,
            ..reference
        }
    }

    /// The small hub with attacks of several kinds from day 4 on, hours apart, and a peak day
    /// on day 8.
    pub fn demo(seed: u64) -> Settings {
        let attack = |name: &str, day, hour| {
            let after = Span(Span::DAY.0 * day + Span::HOUR.0 * hour);
            Scenario::named(name).map(|scenario| Injection::new(scenario, after, Intensity::High))
        };
        let attacks = [
            attack("actor_volume_surge", 4, 8),
            attack("bulk_export", 4, 12),
            attack("actor_fanout_spread", 4, 16),
            attack("third_party_egress", 5, 4),
            attack("route_silence", 5, 19),
            attack("route_surge", 6, 3),
            attack("seller_surge", 6, 19),
            attack("one_touch_sweep", 7, 6),
            attack("decoy_record_touched", 7, 16),
        ];
        Settings {
            regimes: vec![Regime::peak(8, 1, 1.6, 0.3)],
            injections: attacks.into_iter().flatten().collect(),
            ..Settings::small_hub(seed)
        }
    }

    /// The same without what disturbs: no duplicates, disorder, wrong clocks, lost scans,
    /// scrapers, comings and goings, and every hour's factors drawn afresh. Every rate
    /// is stationary apart from season and regimes.
    pub fn quiet(self) -> Settings {
        Settings {
            pollers: 0,
            hour_correlation: 0.0,
            seller_churn: 0.0,
            key_churn: 0.0,
            scrapers_per_day: 0.0,
            duplicate_share: 0.0,
            disorder_share: 0.0,
            very_late_share: 0.0,
            skewed_share: 0.0,
            lost_scan_share: 0.0,
            unknown_relation_share: 0.0,
            ..self
        }
    }

    /// The same without injections.
    pub fn honest(self) -> Settings {
        Settings {
            injections: Vec::new(),
            ..self
        }
    }
}
