//! Stage 3: findings become alerts that somebody has time for.
//!
//! A pure step. One budget, in false alarms a day, decides every threshold (`budget`); what
//! passes opens one episode per detection and entity, which lives, grows and ends (`episode`);
//! what does not is counted by reason. Nothing here touches a baseline: budgets, effects and
//! severities are policy.

mod budget;
mod episode;
mod explain;

pub use budget::{Budget, TokenBucket};

use crate::detection::{Detection, Direction, Plan, Test};
use crate::domain::{
    Alert, AlertStatus, AlertWindow, EntityKey, EventTime, Evidence, Maturity, Severity, Span,
    entity_members,
};
use crate::score::{Finding, Judgement};
use episode::{Decision, Episode, Episodes, Sighting};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Thresholds that hold for all detections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlertSettings {
    /// The budget: false alarms a day on quiet traffic, over all detections.
    pub false_alarms_per_day: f64,
    /// Firing alerts a day at the most, whatever happens; twice as many may come at once.
    pub alerts_per_day_max: f64,
    /// An episode ends when nothing was seen for this long, or for its window's length.
    pub resolve_after: Span,
    /// After its end the same detection is silent about the same entity for this long, unless
    /// it gets worse.
    pub cooldown: Span,
    /// An alert that would come this seldom by chance, in times a day, is critical.
    pub critical_below: f64,
}

/// Why something that was unlikely enough did not become an alert; a label on a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Muted {
    /// The effect is too small to matter.
    SmallEffect,
    /// The entity's last episode ended a short while ago.
    Cooldown,
    /// There were too many alerts already.
    RateLimit,
}

impl Muted {
    /// Every reason.
    pub const ALL: [Muted; 3] = [Muted::SmallEffect, Muted::Cooldown, Muted::RateLimit];

    /// As metrics write it.
    pub fn name(self) -> &'static str {
        match self {
            Muted::SmallEffect => "small_effect",
            Muted::Cooldown => "cooldown",
            Muted::RateLimit => "rate_limit",
        }
    }
}

/// Chance is this many times kinder to an episode that is open than to one that would open.
const HYSTERESIS: f64 = 10.0;

/// Stage 3.
pub struct Alerting {
    plan: Arc<Plan>,
    settings: AlertSettings,
    budget: Budget,
    bucket: TokenBucket,
    episodes: Episodes,
    muted: BTreeMap<Muted, u64>,
}

impl Alerting {
    /// A stage without open episodes.
    pub fn new(plan: Arc<Plan>, settings: AlertSettings) -> Alerting {
        Alerting {
            budget: Budget::new(&plan, settings.false_alarms_per_day),
            bucket: TokenBucket::new(settings.alerts_per_day_max),
            episodes: Episodes::new(settings.resolve_after, settings.cooldown),
            muted: BTreeMap::new(),
            plan,
            settings,
        }
    }

    /// Takes judged windows in the order of their ends; gives the records to write, ordered by
    /// (decided, detection, entity, status).
    pub fn step(&mut self, judgements: &[Judgement]) -> Vec<Alert> {
        let mut records = Vec::new();
        for tick in judgements.chunk_by(|one, other| one.decided == other.decided) {
            let decided = tick[0].decided;
            let mut of_tick = self.tick(decided, tick);
            of_tick.extend(self.episodes.end(decided));
            of_tick.sort_by(|one, other| {
                (&one.detection, &one.entity, one.status).cmp(&(
                    &other.detection,
                    &other.entity,
                    other.status,
                ))
            });
            records.extend(of_tick);
        }
        records
    }

    fn tick(&mut self, decided: EventTime, judgements: &[Judgement]) -> Vec<Alert> {
        let mut candidates = self.candidates(judgements);
        candidates.sort_by(|one, other| {
            one.strength
                .total_cmp(&other.strength)
                .then_with(|| (one.detection, &one.key).cmp(&(other.detection, &other.key)))
        });
        let mut records = Vec::new();
        for candidate in candidates {
            let sighting = Sighting {
                decided,
                span: candidate.window.end - candidate.window.start,
                strength: candidate.strength,
                severity: self.severity(&candidate),
                fires: candidate.fires,
            };
            let detection = candidate.detection;
            let alert = |stage: &Alerting| stage.alert(&candidate, &sighting);
            match self.episodes.decide(detection, &candidate.key, &sighting) {
                Decision::Ignore | Decision::Sustain { stronger: false } => {}
                Decision::Sustain { stronger: true } => {
                    let alert = alert(self);
                    self.episodes.strengthen(detection, candidate.key, alert);
                }
                Decision::Escalate => {
                    let alert = alert(self);
                    records.extend(
                        self.episodes
                            .strengthen(detection, candidate.key, alert)
                            .cloned(),
                    );
                }
                Decision::Cool => self.mute(Muted::Cooldown),
                Decision::Open if !self.bucket.take(decided) => self.mute(Muted::RateLimit),
                Decision::Open => {
                    let alert = alert(self);
                    records.push(alert.clone());
                    self.episodes
                        .open(detection, candidate.key, Episode::new(alert, &sighting));
                }
            }
        }
        records
    }

    /// What is unlikely enough to open an episode, or to keep one open: the strongest window per
    /// detection and entity, with the others as evidence.
    fn candidates(&mut self, judgements: &[Judgement]) -> Vec<Candidate> {
        let mut candidates: BTreeMap<(usize, EntityKey), Candidate> = BTreeMap::new();
        for judgement in judgements {
            let series = &self.plan.series[judgement.series];
            let detection = &self.plan.detections[series.detection];
            let is_rule = matches!(detection.test, Test::Rule { .. });
            for finding in &judgement.findings {
                let strength = self.budget.false_alarms_per_day(judgement, finding.p);
                let fires = is_rule || strength <= self.settings.false_alarms_per_day;
                if !fires && strength > HYSTERESIS * self.settings.false_alarms_per_day {
                    continue;
                }
                if !is_rule && !matters(detection, finding) {
                    if fires {
                        *self.muted.entry(Muted::SmallEffect).or_default() += 1;
                    }
                    continue;
                }
                let candidate = Candidate {
                    detection: series.detection,
                    key: finding.key.clone(),
                    window: judgement.window,
                    finding: finding.clone(),
                    strength,
                    fires,
                    evidence: Vec::new(),
                };
                candidates
                    .entry((series.detection, finding.key.clone()))
                    .and_modify(|known| known.join(&candidate))
                    .or_insert(candidate);
            }
        }
        candidates.into_values().collect()
    }

    fn mute(&mut self, reason: Muted) {
        *self.muted.entry(reason).or_default() += 1;
    }

    fn severity(&self, candidate: &Candidate) -> Severity {
        let detection = &self.plan.detections[candidate.detection];
        let base = detection.policy.severity;
        if matches!(detection.test, Test::Rule { .. }) {
            return base;
        }
        if candidate.finding.maturity != Maturity::Mature {
            // A young baseline may be wrong; it asks for a look, not for an alarm.
            return base.min(Severity::Warning);
        }
        if candidate.strength <= self.settings.critical_below {
            Severity::Critical
        } else {
            base
        }
    }

    fn alert(&self, candidate: &Candidate, sighting: &Sighting) -> Alert {
        let detection = &self.plan.detections[candidate.detection];
        let entity = entity_members(&detection.entity, &candidate.key);
        let finding = &candidate.finding;
        let measure = detection.measure.to_string();
        let evidence = std::iter::once(&(candidate.window, finding.clone()))
            .chain(&candidate.evidence)
            .map(|(window, finding)| Evidence {
                measure: measure.clone(),
                observed: finding.observed,
                expected: finding.expected,
                p_value: finding.p.get(),
                window: *window,
            })
            .collect();
        Alert {
            id: episode::id_of(&detection.name, &candidate.key, sighting.decided),
            status: AlertStatus::Firing,
            detection: detection.name.clone(),
            class: detection.policy.class,
            severity: sighting.severity,
            explanation: explain::explain(detection, &entity, candidate.window, finding),
            entity,
            window: candidate.window,
            decided: sighting.decided,
            measure,
            observed: finding.observed,
            expected: finding.expected,
            p_value: finding.p.get(),
            false_alarms_per_day: candidate.strength,
            evidence,
            records: finding.records,
            maturity: finding.maturity,
            benign_causes: detection.policy.benign_causes.clone(),
            references: detection.policy.references.clone(),
        }
    }

    /// The open episodes' alerts.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.episodes.active()
    }

    /// What was muted so far, by reason.
    pub fn muted(&self) -> &BTreeMap<Muted, u64> {
        &self.muted
    }
}

/// A finding that may open or sustain an episode.
struct Candidate {
    detection: usize,
    key: EntityKey,
    window: AlertWindow,
    finding: Finding,
    /// False alarms a day at least this strong.
    strength: f64,
    fires: bool,
    /// Other windows of the same detection that spoke.
    evidence: Vec<(AlertWindow, Finding)>,
}

impl Candidate {
    /// Joins another window's finding; the stronger speaks for both.
    fn join(&mut self, other: &Candidate) {
        let mut evidence = std::mem::take(&mut self.evidence);
        if other.strength < self.strength {
            evidence.insert(0, (self.window, self.finding.clone()));
            (self.window, self.finding, self.strength) =
                (other.window, other.finding.clone(), other.strength);
        } else {
            evidence.push((other.window, other.finding.clone()));
        }
        self.fires |= other.fires;
        self.evidence = evidence;
    }
}

/// Whether the effect is large enough to matter, whatever its p-value.
fn matters(detection: &Detection, finding: &Finding) -> bool {
    let (observed, expected) = (finding.observed, finding.expected);
    let policy = &detection.policy;
    if (observed - expected).abs() < policy.min_difference {
        return false;
    }
    let up = observed >= policy.min_effect * expected;
    let down = observed * policy.min_effect <= expected;
    match detection.test {
        Test::Rate(Direction::Both) => up || down,
        Test::Rate(Direction::Down) => down,
        Test::Rate(Direction::Up)
        | Test::Sum
        | Test::Ratio { .. }
        | Test::FirstSeen
        | Test::Rare
        | Test::Rule { .. } => up,
    }
}

#[cfg(test)]
mod tests;
