//! What can be done to a hub, and the label that says what was done, to whom and when.

use crate::domain::{AlertClass, EventTime, Span};
use std::collections::BTreeMap;

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// A seller's or carrier's account reads many times what it usually reads. Intensity: how
    /// many times its usual rate of a working hour.
    ActorVolumeSurge,
    /// A seller's or carrier's account exports far more than ever. Intensity: records in all.
    BulkExport,
    /// A carrier's account touches many sellers, once or twice each. Intensity: sellers.
    ActorFanoutSpread,
    /// A seller's or help desk's account reads many parcels, each exactly once, calmly.
    /// Intensity: parcels.
    OneTouchSweep,
    /// A busy route goes quiet. Intensity: share of its movements that stay away, 0 to 1.
    RouteSilence,
    /// A busy route carries many times its usual parcels. Intensity: how many times.
    RouteSurge,
    /// A seller of middle size ships many times its usual parcels. Intensity: how many times.
    SellerSurge,
    /// An organisation hands records to a recipient never seen, in a country never seen.
    /// Intensity: records in all.
    ThirdPartyEgress,
    /// An account touches decoys. Intensity: how many touches.
    DecoyTouch,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Scenario; 9] = [
        Scenario::ActorVolumeSurge,
        Scenario::BulkExport,
        Scenario::ActorFanoutSpread,
        Scenario::OneTouchSweep,
        Scenario::RouteSilence,
        Scenario::RouteSurge,
        Scenario::SellerSurge,
        Scenario::ThirdPartyEgress,
        Scenario::DecoyTouch,
    ];

    /// The name of the scenario.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::ActorVolumeSurge => "actor_volume_surge",
            Scenario::BulkExport => "bulk_export",
            Scenario::ActorFanoutSpread => "actor_fanout_spread",
            Scenario::OneTouchSweep => "one_touch_sweep",
            Scenario::RouteSilence => "route_silence",
            Scenario::RouteSurge => "route_surge",
            Scenario::SellerSurge => "seller_surge",
            Scenario::ThirdPartyEgress => "third_party_egress",
            Scenario::DecoyTouch => "decoy_touch",
        }
    }

    /// The scenario of that name.
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
    }

    /// The detection that is there to find it.
    pub fn detection(self) -> &'static str {
        match self {
            Scenario::ActorVolumeSurge => "actor_volume_surge",
            Scenario::BulkExport => "actor_bulk_export",
            Scenario::ActorFanoutSpread => "actor_fanout_spread",
            Scenario::OneTouchSweep => "one_touch_sweep",
            Scenario::RouteSilence | Scenario::RouteSurge => "route_volume_shift",
            Scenario::SellerSurge => "seller_volume_surge",
            Scenario::ThirdPartyEgress => "third_party_egress",
            Scenario::DecoyTouch => "decoy_record_touched",
        }
    }

    /// The class of that detection.
    pub fn class(self) -> AlertClass {
        match self {
            Scenario::RouteSilence | Scenario::RouteSurge | Scenario::SellerSurge => {
                AlertClass::Integrity
            }
            _ => AlertClass::Harvesting,
        }
    }
}

/// An attack to inject. Its target is chosen from the seed among suitable entities; attacks of
/// one run have different targets as long as there are enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack {
    /// What is done.
    pub scenario: Scenario,
    /// When it begins, from the start of the run.
    pub after: Span,
    /// How long it goes on.
    pub length: Span,
    /// How strong it is; what that means depends on the scenario.
    pub intensity: f64,
}

/// The label of an injected attack. It never appears in the events.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Unique within a run.
    pub id: String,
    /// Name of the scenario.
    pub scenario: &'static str,
    /// The detection that is there to find it.
    pub detection: &'static str,
    /// The class of that detection.
    pub class: AlertClass,
    /// Members and values that the injected events carry, and that an alert on it names.
    pub entity: BTreeMap<&'static str, String>,
    /// When it begins.
    pub start: EventTime,
    /// When it is over.
    pub end: EventTime,
    /// What was injected, in one sentence.
    pub story: String,
}

impl Episode {
    /// Whether an alert's `entity` is this episode's: it names something, and every member that
    /// it names has the episode's value.
    pub fn is_named_by(&self, entity: &BTreeMap<&'static str, String>) -> bool {
        let mut members = entity.iter();
        !entity.is_empty() && members.all(|(name, value)| self.entity.get(name) == Some(value))
    }
}
