//! vigie on the stream, whole or with a part left out.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use vigie::config::Config;
use vigie::detection::Plan;
use vigie::domain::{Alert, Event, Member, Span};
use vigie::engine::Engine;
use vigie::score::Ablation;
use vigie::simulate::{Hub, to_json_line};

/// Looser than every budget that is compared, so that thresholds can be swept.
const BUDGET: &str = "{false_alarms_per_day: 300, per_day_max: 20000}";

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Whole,
    NoCommonMode,
    NoClassDispersion,
    NoGuardBand,
    NoGroupKeys,
    NoRecalibration,
}

impl Variant {
    pub(crate) const ALL: [Variant; 6] = [
        Variant::Whole,
        Variant::NoCommonMode,
        Variant::NoClassDispersion,
        Variant::NoGuardBand,
        Variant::NoGroupKeys,
        Variant::NoRecalibration,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Variant::Whole => "vigie",
            Variant::NoCommonMode => "minus common mode",
            Variant::NoClassDispersion => "minus class dispersion",
            Variant::NoGuardBand => "minus guard band",
            Variant::NoGroupKeys => "minus group keys",
            Variant::NoRecalibration => "minus recalibration",
        }
    }

    fn ablation(self) -> Ablation {
        Ablation {
            common_mode: self == Variant::NoCommonMode,
            class_dispersion: self == Variant::NoClassDispersion,
            guard_band: self == Variant::NoGuardBand,
            recalibration: self == Variant::NoRecalibration,
        }
    }
}

/// Members that stand for a group of actors.
const GROUPS: [Member; 3] = [Member::Org, Member::Network, Member::Client];

/// An engine with the shipped catalogue.
pub(crate) struct Lookout {
    engine: Engine,
    alerts: Vec<Alert>,
    line: Vec<u8>,
    offset: i64,
}

impl Lookout {
    /// Before the first event of a hub.
    pub(crate) fn new(hub: &Hub, variant: Variant) -> Lookout {
        let mut text = format!("time: {{bound: none}}\nalerts: {BUDGET}\nlists:\n  decoys:\n");
        for decoy in hub.decoys() {
            let _ = writeln!(text, "    - \"{decoy}\"");
        }
        let config = Config::parse("peers.yaml", &text, Path::new("."));
        let config = config.expect("the shipped settings and a list");
        let mut settings = config.engine();
        settings.score.ablation = variant.ablation();
        if variant == Variant::NoGroupKeys {
            let detections = config.plan.detections.iter();
            // An edge from a group to somebody is no group key: it is whom the group deals with.
            let of_groups = |members: &[Member]| members.iter().all(|one| GROUPS.contains(one));
            let others = detections.filter(|one| !of_groups(&one.entity)).cloned();
            settings.plan = Arc::new(Plan::new(others.collect(), Span::MINUTE));
        }
        Lookout {
            engine: Engine::new(&settings, [0]),
            alerts: Vec::new(),
            line: Vec::new(),
            offset: 0,
        }
    }

    pub(crate) fn take(&mut self, event: &Event<'_>) {
        self.line.clear();
        to_json_line(event, &mut self.line);
        let line = self.line.trim_ascii_end();
        let (_, alerts) = self.engine.feed(0, self.offset, None, line);
        self.offset += 1;
        self.alerts.extend(alerts);
    }

    /// The input has ended.
    pub(crate) fn finish(mut self) -> Vec<Alert> {
        self.alerts.extend(self.engine.finish());
        self.alerts
    }
}
