//! Policy: what people have decided about alerts, apart from any baseline.
//!
//! A *mute* keeps alerts quiet until a time that somebody wrote down. A *calendar* entry knows
//! that a stretch of time is unusual for everybody, or for some: it says so in the alerts of that
//! time, may ask for stronger ones, or mute them. Both hold for the windows that overlap them.
//! Time is event time, so a replay is muted as the daemon was.

use crate::domain::{AlertClass, AlertWindow, EventTime, Member, Severity, Span};
use std::collections::BTreeMap;
use std::fmt;

/// A value, with a star at its beginning or end for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what a pattern looks like.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let inside = text.strip_prefix('*').unwrap_or(text);
        let inside = inside.strip_suffix('*').unwrap_or(inside);
        if text.is_empty() || inside.contains('*') {
            return Err(format!(
                "`{text}` is no pattern; write a value, or one that begins or ends with a star: desk-*"
            ));
        }
        Ok(Pattern(text.to_owned()))
    }

    /// The only value that matches, where there is but one.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.starts_with('*') && !self.0.ends_with('*')).then_some(&self.0)
    }

    /// Whether the value is one of those it stands for.
    pub fn matches(&self, value: &str) -> bool {
        let (head, tail) = (self.0.strip_prefix('*'), self.0.strip_suffix('*'));
        match (head, tail) {
            (Some(head), Some(_)) => value.contains(head.strip_suffix('*').unwrap_or(head)),
            (Some(end), None) => value.ends_with(end),
            (None, Some(begin)) => value.starts_with(begin),
            (None, None) => value == self.0,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an alert can be chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// Name of its detection.
    Detection,
    /// Its class.
    Class,
    /// Its severity.
    Severity,
    /// The value of a member of its entity.
    Member(Member),
}

impl Quality {
    /// The quality of that name.
    pub fn named(name: &str) -> Option<Quality> {
        match name {
            "detection" => Some(Quality::Detection),
            "class" => Some(Quality::Class),
            "severity" => Some(Quality::Severity),
            _ => Member::named(name).map(Quality::Member),
        }
    }

    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Quality::Detection => "detection",
            Quality::Class => "class",
            Quality::Severity => "severity",
            Quality::Member(member) => member.name(),
        }
    }
}

/// One quality, and the values it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The quality.
    pub quality: Quality,
    /// One of these must match.
    pub patterns: Vec<Pattern>,
}

/// What a policy is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the detection.
    pub detection: &'a str,
    /// Its class.
    pub class: AlertClass,
    /// How severe the alert is.
    pub severity: Severity,
    /// Members and values of the entity.
    pub entity: &'a BTreeMap<&'static str, String>,
}

impl Matcher {
    /// Whether an alert has this quality. An entity without the member has not.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        let value = match self.quality {
            Quality::Detection => Some(subject.detection),
            Quality::Class => Some(subject.class.name()),
            Quality::Severity => Some(subject.severity.name()),
            Quality::Member(member) => subject.entity.get(member.name()).map(String::as_str),
        };
        value.is_some_and(|value| self.patterns.iter().any(|pattern| pattern.matches(value)))
    }
}

fn all_hold(matchers: &[Matcher], subject: &Subject<'_>) -> bool {
    matchers.iter().all(|matcher| matcher.holds(subject))
}

/// Keeps some alerts quiet for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Mute {
    /// Which: every matcher must hold.
    pub matchers: Vec<Matcher>,
    /// From when on; `None` is from ever.
    pub from: Option<EventTime>,
    /// Until when. There is no mute without an end.
    pub until: EventTime,
    /// Why.
    pub reason: String,
    /// Who decided so.
    pub by: Option<String>,
}

impl Mute {
    fn holds(&self, subject: &Subject<'_>, window: AlertWindow) -> bool {
        window.start < self.until
            && self.from.is_none_or(|from| from < window.end)
            && all_hold(&self.matchers, subject)
    }
}

/// A day of any year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    /// From 1.
    pub month: i8,
    /// From 1.
    pub day: i8,
}

impl MonthDay {
    /// Reads `11-11`.
    ///
    /// # Errors
    /// Says what such a day looks like.
    pub fn parse(text: &str) -> Result<MonthDay, String> {
        let read = || {
            let (month, day) = text.split_once('-')?;
            let (month, day) = (month.parse().ok()?, day.parse().ok()?);
            // A leap year knows every day there is.
            jiff::civil::Date::new(2024, month, day).ok()?;
            Some(MonthDay { month, day })
        };
        read().ok_or_else(|| format!("`{text}` is no day of a year; write 11-11"))
    }

    /// Midnight of that day, in UTC. In a year without it, of the day before.
    fn in_year(self, year: i16) -> Option<EventTime> {
        let date = (0..3).find_map(|back| {
            jiff::civil::Date::new(year, self.month, self.day.checked_sub(back)?).ok()
        })?;
        let midnight = jiff::tz::TimeZone::UTC
            .to_timestamp(date.at(0, 0, 0, 0))
            .ok()?;
        Some(EventTime(midnight.as_millisecond()))
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

/// The time that a calendar entry speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once.
    Once {
        /// First instant.
        from: EventTime,
        /// First instant after it.
        until: EventTime,
    },
    /// Every year, whole days in UTC; the last may lie in the year after the first.
    Yearly {
        /// First day.
        first: MonthDay,
        /// Last day.
        last: MonthDay,
    },
}

impl When {
    /// Whether any of it lies in the window.
    pub fn overlaps(&self, window: AlertWindow) -> bool {
        match *self {
            When::Once { from, until } => window.start < until && from < window.end,
            When::Yearly { first, last } => {
                let Ok(start) = jiff::Timestamp::from_millisecond(window.start.0) else {
                    return false;
                };
                let year = jiff::tz::TimeZone::UTC.to_datetime(start).year();
                let wraps = i16::from(last < first);
                // A stretch of the year before may reach into this one, and the window into the
                // next.
                (year - 1..=year + 1).any(|year| {
                    let from = first.in_year(year);
                    let until = last.in_year(year + wraps).map(|last| last + Span::DAY);
                    from.zip(until)
                        .is_some_and(|(from, until)| When::Once { from, until }.overlaps(window))
                })
            }
        }
    }
}

/// What a calendar entry does to the alerts of its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// It is named in them, before other benign causes.
    Annotate,
    /// They are named so and judged by this part of the budget: 0.1 asks for alerts that chance
    /// brings ten times less often.
    Budget(f64),
    /// They are muted.
    Mute,
}

/// A stretch of time in which something is unusual.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// Its name.
    pub name: String,
    /// `peak`, `strike`, `planned_export`, `pen_test`, ...
    pub kind: String,
    /// When it is.
    pub when: When,
    /// For whom: every matcher must hold.
    pub matchers: Vec<Matcher>,
    /// What it does.
    pub effect: Effect,
}

/// Everything people have decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertPolicy {
    /// Mutes.
    pub mutes: Vec<Mute>,
    /// Calendars.
    pub calendars: Vec<Calendar>,
}

/// What the policy says of one alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ruling {
    /// A mute, or a calendar that mutes, holds.
    pub(super) muted: bool,
    /// The part of the budget it is judged by.
    pub(super) budget: f64,
}

impl AlertPolicy {
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.mutes.is_empty() && self.calendars.is_empty()
    }

    fn calendars_of<'p>(
        &'p self,
        subject: &'p Subject<'p>,
        window: AlertWindow,
    ) -> impl Iterator<Item = &'p Calendar> {
        self.calendars.iter().filter(move |calendar| {
            calendar.when.overlaps(window) && all_hold(&calendar.matchers, subject)
        })
    }

    /// What it says of an alert on this window. Of several budgets the smallest holds.
    pub(super) fn rule(&self, subject: &Subject<'_>, window: AlertWindow) -> Ruling {
        let mut ruling = Ruling {
            muted: self.mutes.iter().any(|mute| mute.holds(subject, window)),
            budget: 1.0,
        };
        for calendar in self.calendars_of(subject, window) {
            match calendar.effect {
                Effect::Annotate => {}
                Effect::Budget(part) => ruling.budget = ruling.budget.min(part),
                Effect::Mute => ruling.muted = true,
            }
        }
        ruling
    }

    /// What an alert on this window says of the calendar.
    pub(super) fn notes<'p>(
        &'p self,
        subject: &'p Subject<'p>,
        window: AlertWindow,
    ) -> impl Iterator<Item = String> {
        self.calendars_of(subject, window)
            .map(|calendar| format!("calendar: {} ({})", calendar.name, calendar.kind))
    }

    /// Mutes that are over by then, each in words.
    pub fn expired(&self, now: EventTime) -> impl Iterator<Item = String> {
        let over = self.mutes.iter().enumerate();
        over.filter(move |(_, mute)| mute.until <= now)
            .map(|(number, mute)| {
                format!(
                    "policy.mutes[{number}] ended on {} and mutes nothing any more: {}",
                    mute.until, mute.reason
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EventTime {
        let time: jiff::Timestamp = text.parse().unwrap();
        EventTime(time.as_millisecond())
    }

    fn hour_from(text: &str) -> AlertWindow {
        AlertWindow {
            start: at(text),
            end: at(text) + Span::HOUR,
        }
    }

    #[test]
    fn a_star_stands_for_anything_at_either_end() {
        for (pattern, value, matches) in [
            ("eve", "eve", true),
            ("eve", "eve2", false),
            ("desk-*", "desk-7", true),
            ("desk-*", "a desk-7", false),
            ("*-7", "desk-7", true),
            ("*-7", "desk-77", false),
            ("*esk*", "desk-7", true),
            ("*", "anything", true),
            ("**", "anything", true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(value),
                matches,
                "{pattern} {value}"
            );
        }
        assert!(Pattern::parse("a*b").is_err() && Pattern::parse("").is_err());
    }

    #[test]
    fn a_yearly_day_comes_every_year_and_a_stretch_may_cross_new_year() {
        let yearly = |first, last| When::Yearly {
            first: MonthDay::parse(first).unwrap(),
            last: MonthDay::parse(last).unwrap(),
        };
        let singles = yearly("11-11", "11-11");
        assert!(singles.overlaps(hour_from("2026-11-11T00:00:00Z")));
        assert!(singles.overlaps(hour_from("2031-11-11T23:00:00Z")));
        assert!(!singles.overlaps(hour_from("2026-11-12T00:00:00Z")));
        assert!(!singles.overlaps(hour_from("2026-11-10T23:00:00Z")));
        let holidays = yearly("12-24", "01-02");
        for inside in ["2026-12-24T00:00:00Z", "2027-01-02T23:00:00Z"] {
            assert!(holidays.overlaps(hour_from(inside)), "{inside}");
        }
        assert!(!holidays.overlaps(hour_from("2027-01-03T00:00:00Z")));
        // The window that crosses new year is in the stretch that begins there.
        assert!(yearly("01-01", "01-01").overlaps(AlertWindow {
            start: at("2026-12-31T12:00:00Z"),
            end: at("2027-01-01T12:00:00Z"),
        }));
        let leap = yearly("02-29", "02-29");
        assert!(leap.overlaps(hour_from("2028-02-29T12:00:00Z")));
        assert!(leap.overlaps(hour_from("2027-02-28T12:00:00Z")));
        assert!(MonthDay::parse("02-30").is_err() && MonthDay::parse("11").is_err());
    }

    #[test]
    fn every_matcher_must_hold_and_a_member_that_is_not_there_does_not() {
        let entity = BTreeMap::from([("actor", String::from("desk-7"))]);
        let subject = Subject {
            detection: "actor_volume_surge",
            class: AlertClass::Harvesting,
            severity: Severity::Warning,
            entity: &entity,
        };
        let mute = |pairs: &[(&str, &str)]| Mute {
            matchers: pairs
                .iter()
                .map(|(quality, pattern)| Matcher {
                    quality: Quality::named(quality).unwrap(),
                    patterns: vec![Pattern::parse(pattern).unwrap()],
                })
                .collect(),
            from: None,
            until: at("2026-01-06T00:00:00Z"),
            reason: String::from("known"),
            by: None,
        };
        let window = hour_from("2026-01-05T23:00:00Z");
        let holds = |pairs: &[(&str, &str)]| mute(pairs).holds(&subject, window);
        assert!(holds(&[("detection", "actor_*"), ("actor", "desk-*")]));
        assert!(holds(&[("class", "harvesting"), ("severity", "warning")]));
        assert!(!holds(&[("detection", "actor_*"), ("actor", "desk-8")]));
        assert!(!holds(&[("org", "*")]));
        let later = hour_from("2026-01-06T00:00:00Z");
        assert!(!mute(&[("actor", "desk-7")]).holds(&subject, later));
    }

    #[test]
    fn of_several_calendars_the_smallest_budget_holds_and_all_are_named() {
        let calendar = |name: &str, effect| Calendar {
            name: name.to_owned(),
            kind: String::from("peak"),
            when: When::Once {
                from: at("2026-11-11T00:00:00Z"),
                until: at("2026-11-12T00:00:00Z"),
            },
            matchers: Vec::new(),
            effect,
        };
        let policy = AlertPolicy {
            mutes: Vec::new(),
            calendars: vec![
                calendar("a", Effect::Budget(0.5)),
                calendar("b", Effect::Budget(0.1)),
                calendar("c", Effect::Annotate),
            ],
        };
        let entity = BTreeMap::new();
        let subject = Subject {
            detection: "x",
            class: AlertClass::Integrity,
            severity: Severity::Info,
            entity: &entity,
        };
        let during = hour_from("2026-11-11T12:00:00Z");
        let ruling = policy.rule(&subject, during);
        assert_eq!((ruling.muted, ruling.budget), (false, 0.1));
        assert_eq!(
            policy.notes(&subject, during).collect::<Vec<_>>(),
            [
                "calendar: a (peak)",
                "calendar: b (peak)",
                "calendar: c (peak)"
            ]
        );
        let after = policy.rule(&subject, hour_from("2026-11-12T00:00:00Z"));
        assert_eq!(after.budget, 1.0);
    }
}
