//! A plan for tuning and for evaluation: episodes of every scenario at every intensity, laid out
//! evenly over the days of a run.

use super::episode::{Injection, Scenario};
use super::random::{Purpose, between, shuffle, stream};
use super::regime::{Regime, RegimeKind};
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
    /// Hard negatives that begin in a day, in the mean.
    pub hard_negatives_per_day: f64,
    /// Hard negatives to put in.
    pub hard_negatives: Vec<&'static Scenario>,
    /// Whether there are regimes.
    pub regimes: bool,
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
            hard_negatives_per_day: 0.0,
            hard_negatives: Scenario::hard_negatives().collect(),
            regimes: false,
        }
    }

    /// The settings of the hub that the plan describes.
    pub fn settings(&self) -> Settings {
        let hub = match self.size {
            HubSize::Small => Settings::small_hub(self.seed),
            HubSize::Reference => Settings::reference_hub(self.seed),
            HubSize::Large => Settings::large_hub(self.seed),
        };
        let mut injections = self.lay_out(
            &self.attacks,
            &self.intensities,
            self.attacks_per_day,
            self.split.index() as u64,
        );
        injections.extend(self.lay_out(
            &self.hard_negatives,
            &[Intensity::Middle],
            self.hard_negatives_per_day,
            2 + self.split.index() as u64,
        ));
        Settings {
            start: self.start,
            days: self.days,
            split: self.split,
            injections,
            regimes: if self.regimes {
                self.regimes()
            } else {
                Vec::new()
            },
            ..hub
        }
    }

    /// Every scenario at every intensity in turn, in an order that changes from turn to turn.
    /// What does not fit between the quiet days and the end is left out.
    fn lay_out(
        &self,
        scenarios: &[&'static Scenario],
        intensities: &[Intensity],
        per_day: f64,
        index: u64,
    ) -> Vec<Injection> {
        let mut random = stream(self.seed, Purpose::Plan, index);
        let days = (self.days - self.quiet_days).max(0) as f64;
        let mut kinds: Vec<(&'static Scenario, Intensity)> = Vec::new();
        for scenario in scenarios {
            for intensity in intensities {
                if scenario.days_at_most(*intensity) <= days {
                    kinds.push((scenario, *intensity));
                }
            }
        }
        let count = (per_day * days) as usize;
        let mut turn = Vec::new();
        let mut injections = Vec::new();
        for n in 0..count {
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

    /// A peak, an outage, a strike, an onboarding wave, a holiday and a reform, one after the
    /// other with ordinary days between them; as many as fit.
    fn regimes(&self) -> Vec<Regime> {
        let mut random = stream(self.seed, Purpose::Plan, 4 + self.split.index() as u64);
        let mut draw = |low, high| between(&mut random, low, high);
        let kinds = [
            (
                1,
                RegimeKind::Peak {
                    factor: draw(1.6, 2.1),
                    heterogeneity: draw(0.25, 0.4),
                },
            ),
            (0, RegimeKind::Outage { misses: 0.6 }),
            (
                3,
                RegimeKind::Strike {
                    inductions: draw(0.3, 0.7),
                    dwell: draw(3.0, 5.0),
                    looks: draw(2.0, 3.5),
                },
            ),
            (
                2,
                RegimeKind::Onboarding {
                    share: draw(0.05, 0.1),
                },
            ),
            (
                5,
                RegimeKind::Holiday {
                    factor: draw(0.7, 0.8),
                    heterogeneity: draw(0.1, 0.25),
                },
            ),
            (
                4,
                RegimeKind::Reform {
                    commodities: draw(0.2, 0.4),
                    values: draw(0.85, 0.95),
                },
            ),
        ];
        let mut regimes = Vec::new();
        let mut day = self.quiet_days + 1;
        for (days, kind) in kinds {
            if day + days.max(1) > self.days {
                break;
            }
            let (after, length) = match days {
                0 => (
                    Span((day as f64 * 24.0 + draw(6.0, 20.0)) as i64 * Span::HOUR.0),
                    Span::minutes(draw(60.0, 120.0) as i64),
                ),
                _ => (Span::days(day), Span::days(days)),
            };
            regimes.push(Regime {
                kind,
                after,
                length,
            });
            day += days.max(1) + 2;
        }
        regimes
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
        let attacks = plan.settings().injections;
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
            .settings()
            .injections
            .iter()
            .map(|a| a.after.0 / Span::DAY.0)
            .collect();
        days.sort_unstable();
        assert!(days[0] >= plan.quiet_days);
        days.dedup();
        assert!(days.len() > 15, "{days:?}");
    }
}
