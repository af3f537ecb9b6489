//! Stage 3: findings become alerts that somebody has time for.
//!
//! A pure step. One budget, in false alarms a day, decides every threshold (`budget`); what
//! passes opens one episode per detection and entity, which lives, grows and ends (`episode`);
//! what does not is counted by reason. Nothing here touches a baseline: budgets, effects,
//! severities, mutes and calendars are policy (`policy`), and [`Alerting::swap`] changes them
//! while episodes are open.

mod budget;
mod episode;
mod explain;
mod policy;
mod saved;

pub use budget::{Budget, TokenBucket};
pub use episode::OpenEpisode;
pub use policy::{
    AlertPolicy, Calendar, Effect, Matcher, MonthDay, Mute, Pattern, Quality, Subject, When,
};

use crate::detection::{Detection, Direction, Plan, SeriesId, Test};
use crate::domain::{
    Alert, AlertStatus, AlertWindow, EntityKey, EventTime, Evidence, Maturity, Severity, Span,
    entity_members,
};
use crate::limits::ALERTS_TOGETHER_MAX;
use crate::score::{Finding, Judgement};
use crate::statistics::PValue;
use episode::{Decision, Episode, Episodes, Sighting};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Muted {
    /// The effect is too small to matter.
    SmallEffect,
    /// The entity's last episode ended a short while ago.
    Cooldown,
    /// An open alert of the same class tells of the same entity at the same time, and took it in.
    Companion,
    /// Many entities of the detection are unusual at once: the strongest were told of.
    CommonCause,
    /// There were too many alerts already.
    RateLimit,
    /// A mute, or a calendar that mutes.
    Mute,
    /// The detection's `unless`: it is as agreed.
    Allowed,
    /// Not strong enough for the budget of its calendar.
    Calendar,
}

impl Muted {
    /// Every reason.
    pub const ALL: [Muted; 8] = [
        Muted::SmallEffect,
        Muted::Cooldown,
        Muted::Companion,
        Muted::CommonCause,
        Muted::RateLimit,
        Muted::Mute,
        Muted::Allowed,
        Muted::Calendar,
    ];

    /// As metrics write it.
    pub fn name(self) -> &'static str {
        match self {
            Muted::SmallEffect => "small_effect",
            Muted::Cooldown => "cooldown",
            Muted::Companion => "companion",
            Muted::CommonCause => "common_cause",
            Muted::RateLimit => "rate_limit",
            Muted::Mute => "mute",
            Muted::Allowed => "allowed",
            Muted::Calendar => "calendar",
        }
    }
}

/// Chance is this many times kinder to an episode that is open than to one that would open.
const HYSTERESIS: f64 = 10.0;

/// What is so many times less likely says more.
const WORSE: f64 = 100.0;

/// What stage 3 remembers: a function of the judgements that it took, and all that a restart needs.
#[derive(Serialize, Deserialize)]
pub struct AlertState {
    bucket: TokenBucket,
    episodes: Episodes,
    muted: BTreeMap<Muted, u64>,
    /// Per detection, of which more were unusual together than are told of.
    crowds: BTreeMap<usize, Crowd>,
}

impl AlertState {
    /// From now on its times and its rate are these.
    fn obey(&mut self, settings: &AlertSettings) {
        self.bucket.set_rate(settings.alerts_per_day_max);
        self.episodes
            .set_times(settings.resolve_after, settings.cooldown);
    }
}

/// Stage 3.
pub struct Alerting {
    plan: Arc<Plan>,
    settings: AlertSettings,
    policy: Arc<AlertPolicy>,
    budget: Budget,
    state: AlertState,
}

impl Alerting {
    /// A stage without open episodes.
    pub fn new(plan: Arc<Plan>, settings: AlertSettings) -> Alerting {
        let state = AlertState {
            bucket: TokenBucket::new(settings.alerts_per_day_max),
            episodes: Episodes::new(settings.resolve_after, settings.cooldown),
            muted: BTreeMap::new(),
            crowds: BTreeMap::new(),
        };
        Alerting {
            budget: Budget::new(&plan, settings.false_alarms_per_day),
            policy: Arc::default(),
            plan,
            settings,
            state,
        }
    }

    /// Goes on with the episodes of another stage, whose plan had the same shape; policy may differ.
    pub fn restore(&mut self, state: AlertState) {
        self.state = state;
        self.state.obey(&self.settings);
    }

    /// What it remembers.
    pub fn state(&self) -> &AlertState {
        &self.state
    }

    /// Goes on with other policy: the plan may differ from the one before in its policies and in
    /// the content of its lists only. Open episodes stay open.
    pub fn swap(&mut self, plan: Arc<Plan>, settings: AlertSettings, policy: Arc<AlertPolicy>) {
        self.budget = Budget::new(&plan, settings.false_alarms_per_day);
        self.state.obey(&settings);
        self.plan = plan;
        self.settings = settings;
        self.policy = policy;
    }

    /// Takes judged windows in the order of their ends; gives the records to write, ordered by
    /// (decided, detection, entity, status).
    pub fn step(&mut self, judgements: &[Judgement]) -> Vec<Alert> {
        let mut records = Vec::new();
        for tick in judgements.chunk_by(|one, other| one.decided == other.decided) {
            let decided = tick[0].decided;
            let mut of_tick = self.tick(decided, tick);
            of_tick.extend(self.state.episodes.end(decided));
            let (plan, policy) = (&self.plan, &self.policy);
            self.state.episodes.hide(|detection, alert| {
                is_quiet(policy, &plan.detections[detection], alert, decided)
            });
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
        let mut told: BTreeSet<(usize, EntityKey)> = BTreeSet::new();
        let mut together: BTreeMap<usize, Together> = BTreeMap::new();
        for candidate in candidates {
            let sighting = Sighting {
                decided,
                window: candidate.window,
                strength: candidate.strength,
                severity: candidate.severity,
                fires: candidate.fires,
            };
            let key = (candidate.detection, candidate.key.clone());
            match self.state.episodes.decide(key.0, &key.1, &sighting) {
                Decision::Ignore | Decision::Sustain { stronger: false } => {}
                Decision::Sustain { stronger: true } => {
                    let alert = self.alert(&candidate, &sighting);
                    self.state.episodes.strengthen(&key, alert);
                }
                Decision::Escalate => {
                    let alert = self.alert(&candidate, &sighting);
                    self.state.episodes.strengthen(&key, alert);
                    told.insert(key);
                }
                Decision::Cool => self.mute(Muted::Cooldown),
                Decision::Open => {
                    let alert = self.alert(&candidate, &sighting);
                    let is_rule = self.is_rule(key.0);
                    let host = self.state.episodes.host_of(&alert, decided);
                    let together = together.entry(key.0).or_default();
                    if let Some(host) = host.filter(|_| !is_rule) {
                        if self.state.episodes.join(&host, &alert, &sighting) {
                            told.insert(host);
                        }
                        self.mute(Muted::Companion);
                    } else if !is_rule && self.is_of_a_crowd(&candidate, decided, together) {
                        together.untold += 1;
                        self.mute(Muted::CommonCause);
                    } else if !self.state.bucket.take(decided) {
                        self.mute(Muted::RateLimit);
                    } else {
                        together.told += 1;
                        together.weakest = candidate.strength;
                        let episode = Episode::new(alert, &sighting);
                        self.state.episodes.open(key.clone(), episode);
                        told.insert(key);
                    }
                }
            }
        }
        self.remember(decided, &together);
        told.iter()
            .filter_map(|key| self.state.episodes.record(key))
            .collect()
    }

    /// Whether it is one of many that are unusual now, or were lately, and no more unusual than
    /// those that were told of.
    fn is_of_a_crowd(&self, candidate: &Candidate, now: EventTime, together: &Together) -> bool {
        let crowd = self.state.crowds.get(&candidate.detection);
        let lately = crowd.filter(|crowd| now <= crowd.until);
        together.told == ALERTS_TOGETHER_MAX
            || lately.is_some_and(|crowd| candidate.strength > crowd.weakest / WORSE)
    }

    /// What is common to many lasts: whoever it reaches a little later, or whom only a longer
    /// window shows, is no news.
    fn remember(&mut self, now: EventTime, together: &BTreeMap<usize, Together>) {
        let until = now + self.settings.cooldown;
        self.state.crowds.retain(|_, crowd| now <= crowd.until);
        for (detection, together) in together {
            if together.told + together.untold > ALERTS_TOGETHER_MAX {
                let weakest = together.weakest;
                let crowd = Crowd { until, weakest };
                self.state.crowds.entry(*detection).or_insert(crowd).until = until;
            }
        }
    }

    fn is_rule(&self, detection: usize) -> bool {
        self.plan.detections[detection].test.is_rule()
    }

    /// What is unlikely enough to open an episode, or to keep one open: the strongest window per
    /// detection and entity, with the others as evidence.
    fn candidates(&mut self, judgements: &[Judgement]) -> Vec<Candidate> {
        let mut candidates: BTreeMap<(usize, EntityKey), Candidate> = BTreeMap::new();
        for judgement in judgements {
            let series = &self.plan.series[judgement.series];
            let detection = &self.plan.detections[series.detection];
            if !detection.policy.enabled {
                continue;
            }
            let is_rule = self.is_rule(series.detection);
            let whole = self.settings.false_alarms_per_day;
            let findings = &judgement.findings;
            let strengths: Vec<f64> = findings
                .iter()
                .map(|finding| {
                    self.budget
                        .false_alarms_per_day(judgement, finding.class, finding.p)
                })
                .collect();
            let together = match is_rule {
                true => 1.0,
                false => self.fire_together(detection, findings, &strengths),
            };
            for (finding, strength) in findings.iter().zip(&strengths) {
                let plain = together * strength;
                if !is_rule && plain > HYSTERESIS * whole {
                    continue;
                }
                if !is_rule && !matters(detection, finding) {
                    if plain <= whole {
                        *self.state.muted.entry(Muted::SmallEffect).or_default() += 1;
                    }
                    continue;
                }
                let ruling = self.rule(detection, finding, judgement.window, plain);
                let strength = if is_rule {
                    plain
                } else {
                    plain / ruling.budget
                };
                let fires = is_rule || strength <= whole;
                if !fires && plain <= whole {
                    *self.state.muted.entry(Muted::Calendar).or_default() += 1;
                }
                if !fires && strength > HYSTERESIS * whole {
                    continue;
                }
                if let Some(reason) = ruling.muted {
                    // It is seen and not told of: what is open goes on, and nothing opens.
                    let span = judgement.window.end - judgement.window.start;
                    self.state.episodes.see(
                        series.detection,
                        &finding.key,
                        judgement.decided + span,
                    );
                    if fires {
                        *self.state.muted.entry(reason).or_default() += 1;
                    }
                    continue;
                }
                let candidate = Candidate {
                    detection: series.detection,
                    key: finding.key.clone(),
                    window: judgement.window,
                    finding: finding.clone(),
                    severity: self.severity(detection, finding, strength),
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

    /// How many entities of a window would fire, where they are more than are told of. Such have a
    /// common cause, and each alone says less.
    fn fire_together(&self, detection: &Detection, findings: &[Finding], strengths: &[f64]) -> f64 {
        let whole = self.settings.false_alarms_per_day;
        let many = findings
            .iter()
            .zip(strengths)
            .filter(|(finding, strength)| **strength <= whole && matters(detection, finding))
            .count();
        if many > ALERTS_TOGETHER_MAX {
            many as f64
        } else {
            1.0
        }
    }

    fn mute(&mut self, reason: Muted) {
        *self.state.muted.entry(reason).or_default() += 1;
    }

    /// What policy says of a finding: why it is muted, if it is, and the part of the budget it is
    /// judged by.
    fn rule(
        &self,
        detection: &Detection,
        finding: &Finding,
        window: AlertWindow,
        strength: f64,
    ) -> Ruled {
        let unless = &detection.policy.unless;
        if unless.is_empty() && self.policy.is_empty() {
            return Ruled {
                muted: None,
                budget: 1.0,
            };
        }
        let entity = entity_members(&detection.entity, &finding.key);
        let subject = Subject {
            detection: &detection.name,
            class: detection.policy.class,
            severity: self.severity(detection, finding, strength),
            entity: &entity,
        };
        let ruling = self.policy.rule(&subject, window);
        Ruled {
            muted: if is_allowed(detection, &entity) {
                Some(Muted::Allowed)
            } else {
                ruling.muted.then_some(Muted::Mute)
            },
            budget: ruling.budget,
        }
    }

    fn severity(&self, detection: &Detection, finding: &Finding, strength: f64) -> Severity {
        let base = detection.policy.severity;
        if detection.test.is_rule() {
            return base;
        }
        if finding.maturity != Maturity::Mature {
            // A young baseline may be wrong; it asks for a look, not for an alarm.
            return base.min(Severity::Warning);
        }
        if strength <= self.settings.critical_below {
            Severity::Critical
        } else {
            base
        }
    }

    fn alert(&self, candidate: &Candidate, sighting: &Sighting) -> Alert {
        let detection = &self.plan.detections[candidate.detection];
        let entity = entity_members(&detection.entity, &candidate.key);
        let finding = &candidate.finding;
        let subject = Subject {
            detection: &detection.name,
            class: detection.policy.class,
            severity: sighting.severity,
            entity: &entity,
        };
        let benign_causes = self
            .policy
            .notes(&subject, candidate.window)
            .chain(detection.policy.benign_causes.iter().cloned())
            .collect();
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
            members: detection.members.map_or_else(Vec::new, |member| {
                let named = |value: &EntityKey| entity_members(&[member], value);
                finding.members.iter().map(named).collect()
            }),
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
            benign_causes,
            references: detection.policy.references.clone(),
        }
    }

    /// The p-value below which an entity of a class fires where a series makes so many tests a
    /// window, per class.
    pub fn threshold(&self, series: SeriesId, class: u8, tests: &[u64]) -> PValue {
        self.budget.threshold(series, class, tests)
    }

    /// The open episodes' alerts, but for those that are muted by now.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.state.episodes.active()
    }

    /// The open episodes, those that are muted by now included.
    pub fn open_episodes(&self) -> impl Iterator<Item = OpenEpisode<'_>> {
        self.state.episodes.all_open()
    }

    /// What was muted so far, by reason.
    pub fn muted(&self) -> &BTreeMap<Muted, u64> {
        &self.state.muted
    }
}

/// What would have opened an episode of one detection at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Together {
    told: usize,
    untold: usize,
    /// The strength of the weakest that was told of.
    weakest: f64,
}

/// Many entities that were unusual for one detection at once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Crowd {
    /// So long it is remembered.
    until: EventTime,
    /// The strength of the weakest that was told of.
    weakest: f64,
}

/// A finding that may open or sustain an episode.
struct Candidate {
    detection: usize,
    key: EntityKey,
    window: AlertWindow,
    finding: Finding,
    /// False alarms a day at least this strong.
    strength: f64,
    severity: Severity,
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
            (self.window, self.finding) = (other.window, other.finding.clone());
            (self.strength, self.severity) = (other.strength, other.severity);
        } else {
            evidence.push((other.window, other.finding.clone()));
        }
        self.fires |= other.fires;
        self.evidence = evidence;
    }
}

/// What policy says of a finding.
struct Ruled {
    muted: Option<Muted>,
    budget: f64,
}

/// Whether the detection's own `unless` covers the entity.
fn is_allowed(detection: &Detection, entity: &BTreeMap<&'static str, String>) -> bool {
    let unless = &detection.policy.unless;
    !unless.is_empty() && unless.iter().all(|condition| condition.holds_for(entity))
}

/// Whether an open episode is not to be shown at this moment.
fn is_quiet(policy: &AlertPolicy, detection: &Detection, alert: &Alert, now: EventTime) -> bool {
    let subject = Subject {
        detection: &alert.detection,
        class: alert.class,
        severity: alert.severity,
        entity: &alert.entity,
    };
    let moment = AlertWindow {
        start: now,
        end: now + Span(1),
    };
    !detection.policy.enabled
        || is_allowed(detection, &alert.entity)
        || policy.rule(&subject, moment).muted
}

/// Whether the effect is large enough to matter, whatever its p-value.
fn matters(detection: &Detection, finding: &Finding) -> bool {
    let (observed, expected) = (finding.observed, finding.expected);
    let policy = &detection.policy;
    if (observed - expected).abs() < policy.min_difference {
        return false;
    }
    if detection.members.is_some() && finding.members_effective < policy.min_members {
        // What one member does alone is that member's, and not the group's.
        return false;
    }
    let up = observed >= policy.min_effect * expected;
    let down = observed * policy.min_effect <= expected;
    match detection.test {
        Test::Rate(direction) | Test::Cumulative(direction) | Test::Location { direction, .. } => {
            match direction {
                Direction::Up => up,
                Direction::Down => down,
                Direction::Both => up || down,
            }
        }
        Test::Sum
        | Test::Ratio { .. }
        | Test::Mix { .. }
        | Test::Regular
        | Test::FirstSeen
        | Test::Rare
        | Test::Rule { .. } => up,
    }
}

#[cfg(test)]
mod tests;
