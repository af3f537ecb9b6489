//! A plan for tuning and for evaluation: episodes of every scenario at every intensity, laid out
//! evenly over the days of a run.

use super::episode::{Injection, Scenario};
use super::random::{Purpose, between, shuffle, stream};
use super::settings::{Settings, Split};
use crate::domain::{EventTime, Intensity, Span};

/// How large the hub is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HubSize {
    /// [`Settings::small_hub`]
    #[default]
    Small,
    /// [`Settings::reference_hub`]
    Reference,
    /// [`Settings::large_hub`]
    Large,
}

/// What is put into a run, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Seed of the hub and of the plan.
    pub seed: u64,
    /// How large the hub is.
    pub size: HubSize,
    /// Where the run begins.
    pub start: EventTime,
    /// How long it is.
    pub days: i64,
    /// Days at its beginning in which nothing is put in.
    pub quiet_days: i64,
    /// Which half of parameters and targets is used.
    pub split: Split,
    /// Attacks that begin in a day, in the mean.
    pub attacks_per_day: f64,
    /// Attacks to put in.
    pub attacks: Vec<&'static Scenario>,
    /// How strong they are.
    pub intensities: Vec<Intensity>,
}

impl Plan {
    /// A small hub, 28 days of which the first seven are quiet, then four attacks a day of all
    /// scenarios at all intensities.
    pub fn new(seed: u64) -> Plan {
        Plan {
            seed,
            size: HubSize::Small,
            start: Settings::MONDAY,
            days: 28,
            quiet_days: 7,
            split: Split::Tune,
            attacks_per_day: 4.0,
            attacks: Scenario::attacks().collect(),
            intensities: Intensity::ALL.to_vec(),
        }
    }

    /// The settings of the hub that the plan describes.
    pub fn settings(&self) -> Settings {
        let hub = match self.size {
            HubSize::Small => Settings::small_hub(self.seed),
            HubSize::Reference => Settings::reference_hub(self.seed),
            HubSize::Large => Settings::large_hub(self.seed),
        };
        Settings {
            start: self.start,
            days: self.days,
            split: self.split,
            injections: self.attacks(),
            ..hub
        }
    }

    /// Every scenario at every intensity in turn, in an order that changes from turn to turn.
    /// What does not fit between the quiet days and the end is left out.
    fn attacks(&self) -> Vec<Injection> {
        let mut random = stream(self.seed, Purpose::Plan, self.split.index() as u64);
        let days = (self.days - self.quiet_days).max(0) as f64;
        let mut kinds: Vec<(&'static Scenario, Intensity)> = Vec::new();
        for scenario in &self.attacks {
            for intensity in &self.intensities {
                if scenario.days_at_most(*intensity) <= days {
                    kinds.push((scenario, *intensity));
                }
            }
        }
        let count = (self.attacks_per_day * days) as usize;
        let mut turn = Vec::new();
        let mut injections = Vec::new();
        for n in 0..if kinds.is_empty() { 0 } else { count } {
            if turn.is_empty() {
                turn.clone_from(&kinds);
                shuffle(&mut random, &mut turn);
            }
            let Some((scenario, intensity)) = turn.pop() else {
                break;
            };
            // What begins late on a day goes on into the next.
            let slack = (days - 1.0 - scenario.days_at_most(intensity)).max(0.0);
            let day = (slack * (n as f64 + 0.5) / count as f64).floor();
            let (first, last) = scenario.hours();
            let hour = between(&mut random, first as f64, last as f64);
            let after = (self.quiet_days as f64 + day) * 24.0 + hour;
            let after = Span((after * Span::HOUR.0 as f64) as i64);
            injections.push(Injection::new(scenario, after, intensity));
        }
        injections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_scenario_comes_about_equally_often_and_within_the_run() {
        let plan = Plan {
            attacks_per_day: 12.0,
            ..Plan::new(3)
        };
        let attacks = plan.attacks();
        let mut counts: BTreeMap<(&str, Intensity), usize> = BTreeMap::new();
        for attack in &attacks {
            let length = attack.scenario.days_at_most(attack.intensity);
            let (first, last) = (Span::days(plan.quiet_days), Span::days(plan.days + 1));
            assert!(attack.after >= first);
            assert!(attack.after.0 + (length * Span::DAY.0 as f64) as i64 <= last.0);
            *counts
                .entry((attack.scenario.name(), attack.intensity))
                .or_default() += 1;
        }
        assert_eq!(counts.len(), Scenario::attacks().count() * 3);
        let (least, most) = (counts.values().min(), counts.values().max());
        assert!(most.unwrap() - least.unwrap() <= 1, "{counts:?}");
        assert_eq!(attacks.len(), 12 * 21);
    }

    #[test]
    fn quiet_days_stay_quiet_and_attacks_spread_over_all_others() {
        let plan = Plan::new(4);
        let mut days: Vec<i64> = plan
            .attacks()
            .iter()
            .map(|a| a.after.0 / Span::DAY.0)
            .collect();
        days.sort_unstable();
        assert!(days[0] >= plan.quiet_days);
        days.dedup();
        assert!(days.len() > 15, "{days:?}");
    }
}
