//! Collector: what one series says of one window.

use super::baseline::Judged;
use super::entities::{Entities, maturity};
use super::recalibration::{Recalibration, Stratum};
use super::windows::Window;
use super::{CALIBRATION_LEVELS, Finding, Judgement, ScoreObserver, TestedEntity};
use crate::detection::{Series, Slot};
use crate::domain::EntityKey;
use crate::limits::ALERT_MEMBERS_MAX;
use crate::measure::Tally;
use crate::statistics::PValue;

/// Collects what one series says of one window.
pub(super) struct Collector<'a, 'o> {
    pub(super) judgement: Judgement,
    pub(super) recalibration: Option<&'a mut Recalibration>,
    pub(super) entities: &'a Entities,
    pub(super) window: &'a Window,
    pub(super) spec: &'a Series,
    /// What is less likely than this is a finding.
    pub(super) p_max: PValue,
    pub(super) observer: &'a mut Option<ScoreObserver<'o>>,
}

impl Collector<'_, '_> {
    /// One entity was tested.
    pub(super) fn add(&mut self, row: usize, observed: f64, judged: Judged) {
        self.add_of(row, observed, judged, "");
    }

    /// One entity was tested, and this part of it decided.
    pub(super) fn add_of(&mut self, row: usize, observed: f64, judged: Judged, part: &str) {
        let Judged {
            expected,
            tail,
            since,
        } = judged;
        let entity = &self.entities.all()[row];
        let end = self.judgement.window.end;
        let maturity = maturity(since.unwrap_or(entity.first_seen), end);
        let tail = match &mut self.recalibration {
            Some(recalibration) => {
                let stratum = Stratum::new(entity.class, maturity, expected);
                recalibration.step(row, stratum, tail)
            }
            None => tail,
        };
        // Who is nobody yet takes no part of the budget from others.
        self.judgement.tests[usize::from(entity.class)] += u64::from(!entity.is_pooled);
        if tail.may_be_below(CALIBRATION_LEVELS[0]) {
            let sums = self.judgement.below.iter_mut().zip(CALIBRATION_LEVELS);
            for (below, level) in sums.skip_while(|(_, level)| tail.had_reached(*level)) {
                *below += tail.chance_below(level);
            }
        }
        if let Some(observer) = self.observer {
            observer(TestedEntity {
                series: self.judgement.series,
                end,
                key: &entity.key,
                class: self.entities.class_name(entity.class),
                observed,
                expected,
                tail,
                maturity,
            });
        }
        // That those who are nobody yet are fewer is no news of anybody.
        let is_less_of_many = entity.is_pooled && observed < expected;
        if tail.p() <= self.p_max && !is_less_of_many {
            let (members, members_effective) = self.members(row);
            self.judgement.findings.push(Finding {
                key: entity.key.clone(),
                class: entity.class,
                observed,
                expected,
                p: tail.p(),
                records: self.window.value(row, Slot::Sum(0)),
                maturity,
                part: EntityKey::new(part),
                trials: self.spec.per.map(|per| self.window.trials(row, per)),
                members,
                members_effective,
            });
        }
    }

    /// Those that the entity is made of, the largest first, and how many of equal size they would
    /// be.
    fn members(&self, row: usize) -> (Vec<EntityKey>, f64) {
        let tally = self
            .spec
            .members
            .and_then(|slot| self.window.tally(row, slot));
        let mut members: Vec<(&str, u64)> = tally.into_iter().flat_map(Tally::values).collect();
        members.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        let (mut sum, mut squares) = (0.0, 0.0);
        for (_, count) in &members {
            sum += *count as f64;
            squares += (*count as f64).powi(2);
        }
        let effective = if squares > 0.0 {
            sum * sum / squares
        } else {
            0.0
        };
        let keys = members
            .into_iter()
            .take(ALERT_MEMBERS_MAX)
            .map(|(member, _)| EntityKey::new(member))
            .collect();
        (keys, effective)
    }

    pub(super) fn finish(mut self) -> Judgement {
        self.judgement
            .findings
            .sort_by(|one, other| one.key.cmp(&other.key));
        self.judgement
    }
}
