//! Hand-made alerts and labels, with figures that can be worked out by hand.

use super::*;

/// Ten days from a Monday.
const RUN: &str = r#"{"label":"run","seed":1,"start":"2026-01-05T00:00:00Z","end":"2026-01-15T00:00:00Z","story":"a hub"}"#;

fn truth(labels: &[String]) -> Truth {
    let mut truth = Truth::default();
    truth.read(RUN.as_bytes()).unwrap();
    for label in labels {
        truth
            .read(label.as_bytes())
            .unwrap_or_else(|said| panic!("{said}: {label}"));
    }
    truth
}

fn attack(id: &str, actor: &str, day: u32, more: &str) -> String {
    format!(
        r#"{{"label":"episode","id":"{id}","kind":"attack","scenario":"surge","class":"harvesting",
        "entities":[{{"actor":"{actor}"}}],"start":"2026-01-{day:02}T10:00:00Z",
        "end":"2026-01-{day:02}T12:00:00Z","events":9{more}}}"#
    )
}

struct Raised<'a> {
    id: &'a str,
    entity: &'a str,
    /// Day and hour of the window, which is an hour long.
    at: (u32, u32),
    strength: f64,
    more: &'a str,
}

const RAISED: Raised<'static> = Raised {
    id: "a",
    entity: r#"{"actor":"key-1"}"#,
    at: (5, 10),
    strength: 0.1,
    more: "",
};

/// Decided five minutes after the window's end. What `more` repeats stands last and holds.
fn record(raised: &Raised<'_>) -> AlertRecord {
    let (day, hour) = raised.at;
    let next = hour + 1;
    let mut record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&format!(
        r#"{{"id":"{}","status":"firing","detection":"actor_volume_surge","class":"harvesting",
        "severity":"warning","entity":{},"window":{{"start":"2026-01-{day:02}T{hour:02}:00:00Z",
        "end":"2026-01-{day:02}T{next:02}:00:00Z"}},"decided":"2026-01-{day:02}T{next:02}:05:00Z",
        "false_alarms_per_day":{}}}"#,
        raised.id, raised.entity, raised.strength
    ))
    .unwrap();
    let more: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{}}}", raised.more)).unwrap();
    record.extend(more);
    AlertRecord::read(&serde_json::to_vec(&record).unwrap()).unwrap()
}

fn traffic(labels: &[String], alerts: &[Raised<'_>]) -> Traffic {
    let mut book = AlertBook::default();
    for alert in alerts {
        book.add(record(alert));
    }
    Traffic {
        name: String::from("hand-made"),
        truth: truth(labels),
        alerts: book.finish(),
        sweep: None,
        bounds: Vec::new(),
    }
}

fn evaluated(labels: &[String], alerts: &[Raised<'_>]) -> Evaluation {
    evaluate(&[traffic(labels, alerts)], &Settings::default(), None)
}

/// Verdicts of alerts, in order.
fn verdicts(labels: &[String], alerts: &[Raised<'_>]) -> Vec<&'static str> {
    let evaluation = evaluated(labels, alerts);
    evaluation.alerts.iter().map(|row| row.verdict).collect()
}

#[test]
fn an_alert_is_on_an_attack_when_key_class_window_and_time_are_right() {
    let labels = [attack("e", "key-1", 5, "")];
    let late = r#""window":{"start":"2026-01-05T11:30:00Z","end":"2026-01-05T12:30:00Z"},"decided":"2026-01-05T12:35:00Z""#;
    let integrity = r#""class":"integrity""#;
    for (raised, verdict) in [
        (RAISED, "hit"),
        (
            Raised {
                at: (5, 11),
                ..RAISED
            },
            "hit",
        ),
        // The window of 12 o'clock does not hold the attack, which is over.
        (
            Raised {
                at: (5, 12),
                ..RAISED
            },
            "false",
        ),
        (
            Raised {
                at: (5, 9),
                ..RAISED
            },
            "false",
        ),
        (
            Raised {
                entity: r#"{"actor":"key-2"}"#,
                ..RAISED
            },
            "false",
        ),
        (
            Raised {
                more: integrity,
                ..RAISED
            },
            "false",
        ),
        (
            Raised {
                more: r#""decided":"2026-01-05T12:15:00Z""#,
                ..RAISED
            },
            "hit",
        ),
        // The grace of the episode has passed, that of the window has not.
        (
            Raised {
                more: late,
                ..RAISED
            },
            "late",
        ),
        // Both have.
        (
            Raised {
                more: r#""decided":"2026-01-05T12:15:00.001Z""#,
                ..RAISED
            },
            "false",
        ),
    ] {
        let found = verdicts(&labels, &[raised]);
        assert_eq!(found, [verdict]);
    }
    let found = evaluated(
        &labels,
        &[Raised {
            more: integrity,
            ..RAISED
        }],
    );
    assert_eq!(
        (found.alarms.false_alarms, found.alarms.other_class),
        (1, 1)
    );
    let class = found.scenarios[0].right_class;
    assert_eq!((class.hits, class.of), (0, 1));
}

#[test]
fn a_key_is_named_when_one_holds_all_of_the_other() {
    let keys = r#"{"label":"episode","id":"e","kind":"attack","scenario":"s","entities":
        [{"actor":"a","org":"o"},{"seller":"s"}],"start":"2026-01-05T10:00:00Z","end":"2026-01-05T12:00:00Z"}"#;
    for (entity, verdict) in [
        (r#"{"actor":"a"}"#, "hit"),
        (r#"{"org":"o"}"#, "hit"),
        (r#"{"actor":"a","org":"o","route":"r"}"#, "hit"),
        (r#"{"seller":"s","route":"r"}"#, "hit"),
        (r#"{"actor":"a","org":"other"}"#, "false"),
        (r#"{"actor":"a","route":"r"}"#, "false"),
        (r#"{"route":"r"}"#, "false"),
        // Nothing names everything.
        ("{}", "false"),
    ] {
        assert_eq!(
            verdicts(&[keys.to_owned()], &[Raised { entity, ..RAISED }]),
            [verdict],
            "{entity}"
        );
    }
    let campaign = Raised {
        entity: r#"{"network":"n"}"#,
        more: r#""members":[{"actor":"x"},{"actor":"a","org":"o"}]"#,
        ..RAISED
    };
    let found = evaluated(&[keys.to_owned()], &[campaign]);
    assert_eq!(found.alerts[0].verdict, "hit");
    assert_eq!(found.scenarios[0].exact_key.hits, 1);
}

#[test]
fn a_long_window_is_late_for_a_burst_and_counts_in_a_column_of_its_own() {
    let labels = [attack("e", "key-1", 5, "")];
    let daily = Raised {
        more: r#""window":{"start":"2026-01-05T00:00:00Z","end":"2026-01-06T00:00:00Z"},"decided":"2026-01-06T00:05:00Z""#,
        ..RAISED
    };
    let found = evaluated(&labels, &[daily]);
    let shipped = found.recall.last().unwrap();
    assert_eq!(
        (shipped.recall.hits, shipped.recall_within_window.hits),
        (0, 1)
    );
    assert_eq!((found.alarms.late, found.alarms.false_alarms), (1, 0));
    let slow = attack("e", "key-1", 5, r#","end":"2026-01-07T12:00:00Z""#);
    let slow = slow.replacen(r#""end":"2026-01-05T12:00:00Z","#, "", 1);
    let next_day = Raised {
        more: r#""decided":"2026-01-08T12:00:00Z""#,
        ..RAISED
    };
    assert_eq!(
        verdicts(&[slow], &[next_day]),
        ["hit"],
        "a slow attack has a day of grace"
    );
}

#[test]
fn nuisances_are_counted_apart_and_hard_negatives_are_false() {
    let other = |id: &str, kind: &str, scenario: &str, actor: &str| {
        format!(
            r#"{{"label":"episode","id":"{id}","kind":"{kind}","scenario":"{scenario}","entities":[{{"actor":"{actor}"}}],
            "start":"2026-01-05T00:00:00Z","end":"2026-01-07T00:00:00Z"}}"#
        )
    };
    let labels = [
        other("n", "nuisance_bot", "scraper", "bot"),
        other("h1", "hard-negative", "audit_export", "auditor"),
        other("h2", "hard_negative", "audit_export", "auditor-2"),
    ];
    let on = |id, entity| Raised {
        id,
        entity,
        ..RAISED
    };
    let found = evaluated(
        &labels,
        &[
            on("1", r#"{"actor":"bot"}"#),
            on("2", r#"{"actor":"auditor"}"#),
            on("3", r#"{"actor":"auditor"}"#),
            on("4", r#"{"actor":"nobody"}"#),
        ],
    );
    let alarms = &found.alarms;
    assert_eq!(
        (
            alarms.nuisance,
            alarms.false_alarms,
            alarms.hard_negative,
            alarms.hits
        ),
        (1, 3, 2, 0)
    );
    assert_eq!(alarms.per_day, 0.3);
    let row = &alarms.by_hard_negative[0];
    assert_eq!(
        (
            row.kind.as_str(),
            row.episodes,
            row.episodes_alarmed,
            row.alarms
        ),
        ("audit_export", 2, 1, 2)
    );
    assert_eq!(alarms.by_nuisance[0].alarms, 1);
    let of: Vec<Option<&str>> = found
        .alerts
        .iter()
        .map(|row| row.scenario.as_deref())
        .collect();
    assert_eq!(
        of,
        [
            Some("scraper"),
            Some("audit_export"),
            Some("audit_export"),
            None
        ]
    );
}

#[test]
fn recall_at_a_budget_keeps_what_is_stronger_than_the_first_false_alarm_beyond_it() {
    let labels: Vec<String> = ["key-1", "key-2", "key-3", "key-4"]
        .iter()
        .enumerate()
        .map(|(number, actor)| attack(actor, actor, 5 + number as u32, ""))
        .collect();
    let ids: Vec<String> = (0..62).map(|number| format!("false-{number}")).collect();
    // In ten days, 62 false alarms of strength 1, 2, 3, ...
    let mut alerts: Vec<Raised<'_>> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| Raised {
            id,
            entity: r#"{"actor":"nobody"}"#,
            strength: 1.0 + number as f64,
            ..RAISED
        })
        .collect();
    let hit = |id, entity, day, strength| Raised {
        id,
        entity,
        at: (day, 10),
        strength,
        more: "",
    };
    alerts.push(hit("1", r#"{"actor":"key-1"}"#, 5, 0.5));
    alerts.push(hit("2", r#"{"actor":"key-2"}"#, 6, 50.5));
    alerts.push(hit("3", r#"{"actor":"key-3"}"#, 7, 62.5));
    let found = evaluated(&labels, &alerts);
    let rows = found.recall.iter().map(|row| {
        let cost = row.false_alarms_per_day;
        (
            (row.budget, row.threshold),
            row.reached,
            cost,
            row.recall.hits,
        )
    });
    assert!(
        rows.clone().eq([
            // Fifty in ten days: the 51st has strength 51.
            ((Some(5.0), Some(51.0)), true, 5.0, 2),
            ((Some(10.0), None), false, 6.2, 3),
            ((Some(20.0), None), false, 6.2, 3),
            ((Some(50.0), None), false, 6.2, 3),
            ((None, None), true, 6.2, 3),
        ]),
        "{:?}",
        rows.collect::<Vec<_>>()
    );
    assert_eq!(found.recall[0].recall.of, 4);
    assert!(
        found
            .warnings
            .iter()
            .any(|said| said.contains("10, 20, 50")),
        "{:?}",
        found.warnings
    );
    let curve: Vec<(f64, u64)> = found
        .curve
        .iter()
        .map(|point| (point.false_alarms_per_day, point.recall.hits))
        .collect();
    assert!(
        curve
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
        "{curve:?}"
    );
    assert_eq!((curve[0].1, curve.last()), (1, Some(&(6.2, 3))));
    // With one attack a week and 43.4 false alarms in it.
    let precision = found.recall.last().unwrap().precision_at_one_attack_a_week;
    assert!((precision - 0.75 / 44.15).abs() < 1e-12);
    assert!((found.alarms.precision.share - 3.0 / 65.0).abs() < 1e-12);
}

#[test]
fn a_stricter_threshold_sees_the_alert_when_it_had_grown_strong_enough() {
    let labels = [attack("e", "key-1", 5, "")];
    // Opened in the attack with strength 8; strongest, 0.5, in an hour that is not the attack's:
    // only the resolved record tells.
    let resolved = Raised {
        at: (5, 14),
        strength: 0.5,
        more: r#""status":"resolved","decided":"2026-01-06T00:00:00Z""#,
        ..RAISED
    };
    let opened = Raised {
        strength: 8.0,
        ..RAISED
    };
    let others = ["x", "y"].map(|id| Raised {
        id,
        entity: r#"{"actor":"nobody"}"#,
        strength: 3.0,
        ..RAISED
    });
    let mut alerts = vec![opened, resolved];
    alerts.extend(others);
    let settings = Settings {
        budgets: vec![0.1, 0.2],
        ..Settings::default()
    };
    let found = evaluate(&[traffic(&labels, &alerts)], &settings, None);
    let hits: Vec<u64> = found.recall.iter().map(|row| row.recall.hits).collect();
    // Below 3 it would have opened at 14 o'clock; with everything kept it opened in time.
    assert_eq!(hits, [0, 1, 1]);
    assert_eq!(found.alerts[0].false_alarms_per_day, 0.5);
}

#[test]
fn rises_of_one_alert_are_one_alert_found_at_its_first_record() {
    let labels = [attack("e", "key-1", 5, "")];
    let first = Raised {
        strength: 5.0,
        ..RAISED
    };
    let risen = Raised {
        at: (5, 11),
        strength: 0.001,
        ..RAISED
    };
    // The order in the file does not matter.
    for alerts in [[&first, &risen], [&risen, &first]] {
        let mut book = AlertBook::default();
        for raised in alerts {
            book.add(record(raised));
        }
        let traffic = Traffic {
            alerts: book.finish(),
            ..traffic(&labels, &[])
        };
        let found = evaluate(&[traffic], &Settings::default(), None);
        assert_eq!((found.alarms.alerts, found.alarms.hits), (1, 1));
        let episode = &found.episodes[0];
        assert_eq!(episode.seconds_to_detect, Some(65.0 * 60.0));
        assert_eq!(episode.false_alarms_per_day, Some(0.001));
    }
}

#[test]
fn time_to_detect_and_records_lost_are_those_of_the_first_alert() {
    let curve = r#","taken":[["2026-01-05T11:00:00Z",600],["2026-01-05T12:00:00Z",1000]],"detections":["actor_volume_surge"]"#;
    let labels = [
        attack("found", "key-1", 5, curve),
        attack("missed", "key-2", 5, r#","taken":[[1767614400000,100]]"#),
    ];
    let found = evaluated(
        &labels,
        &[
            RAISED,
            Raised {
                at: (5, 11),
                id: "later",
                ..RAISED
            },
        ],
    );
    let row = &found.scenarios[0];
    // 65 minutes after it began, 5 beyond the window; by then 600 and a twelfth of 400.
    assert_eq!(row.seconds_to_detect_median.unwrap().value, 3_900.0);
    assert_eq!(row.seconds_beyond_window_median.unwrap().value, 300.0);
    let lost = 600.0 + 400.0 / 12.0;
    let episode = &found.episodes[0];
    assert!((episode.records_lost.unwrap() - lost).abs() < 1e-9);
    assert_eq!(found.episodes[1].records_lost, Some(100.0));
    assert_eq!(row.records_lost_median, Some(100.0), "of two the lower");
    assert!((row.share_lost.unwrap() - (lost + 100.0) / 1_100.0).abs() < 1e-12);
    assert_eq!((row.shipped.hits, row.shipped.of), (1, 2));
    assert_eq!(
        (row.expected_detection.hits, row.expected_detection.of),
        (1, 1)
    );
    assert_eq!((row.exact_key.hits, row.right_class.of), (1, 1));
    assert!(row.range_recall.is_none(), "bursts have none");
    // The most taken unseen: of the found one, before it was found.
    let unseen: Vec<(&str, f64)> = found
        .unseen
        .iter()
        .map(|row| (row.class.as_str(), row.records.round()))
        .collect();
    assert_eq!(unseen, [("all", 633.0), ("harvesting", 633.0)]);
    assert!(found.unseen[0].found_later);
    // Of both, whose intensity nobody said.
    let [all] = found.bursts.as_slice() else {
        panic!("{:?}", found.bursts);
    };
    assert_eq!(
        (all.intensity.as_str(), all.episodes, all.found),
        ("all", 2, 1)
    );
    assert_eq!(all.seconds_beyond_window_median.unwrap().value, 300.0);
    assert_eq!(all.seconds_beyond_window_p90, Some(300.0));
}

#[test]
fn bursts_are_told_by_intensity_and_longer_attacks_are_none() {
    let of = |intensity: &str| format!(r#","intensity":"{intensity}""#);
    let longer = attack("4", "key-4", 6, "").replace("2026-01-06T12", "2026-01-08T12");
    let labels = [
        attack("1", "key-1", 5, &of("low")),
        attack("2", "key-2", 5, &of("high")),
        attack("3", "key-3", 5, &of("high")),
        longer,
    ];
    let at = |id, entity, hour| Raised {
        id,
        entity,
        at: (5, hour),
        ..RAISED
    };
    let found = evaluated(
        &labels,
        &[
            at("1", r#"{"actor":"key-1"}"#, 11),
            at("2", r#"{"actor":"key-2"}"#, 10),
            at("3", r#"{"actor":"key-3"}"#, 10),
            Raised {
                at: (6, 10),
                ..at("4", r#"{"actor":"key-4"}"#, 10)
            },
        ],
    );
    let rows: Vec<(&str, usize, usize, f64)> = found
        .bursts
        .iter()
        .map(|row| {
            let median = row.seconds_beyond_window_median.unwrap().value;
            (row.intensity.as_str(), row.episodes, row.found, median)
        })
        .collect();
    let low = ("low", 1, 1, 3_900.0);
    assert_eq!(rows, [low, ("high", 2, 2, 300.0), ("all", 3, 3, 300.0)]);
}

#[test]
fn false_alarms_are_told_by_day_regime_and_detection() {
    let labels = [String::from(
        r#"{"label":"regime","regime":"peak","start":"2026-01-06T00:00:00Z","end":"2026-01-08T00:00:00Z"}"#,
    )];
    let nobody = |id, at| Raised {
        id,
        entity: r#"{"actor":"nobody"}"#,
        at,
        ..RAISED
    };
    let daily = Raised {
        id: "daily",
        entity: r#"{"route":"r"}"#,
        more: r#""detection":"route_volume_shift","class":"integrity","window":{"start":"2026-01-07T00:00:00Z","end":"2026-01-08T00:00:00Z"},"decided":"2026-01-08T00:05:00Z""#,
        ..RAISED
    };
    let found = evaluated(
        &labels,
        &[
            nobody("1", (5, 1)),
            nobody("2", (6, 1)),
            nobody("3", (6, 2)),
            nobody("4", (7, 3)),
            daily,
        ],
    );
    let rows: Vec<(&str, f64, usize, f64, usize)> = found
        .alarms
        .by_regime
        .iter()
        .map(|row| {
            (
                row.regime.as_str(),
                row.days,
                row.false_alarms,
                row.per_day,
                row.worst_day,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [("ordinary", 8.0, 1, 0.125, 1), ("peak", 2.0, 4, 2.0, 2)]
    );
    assert_eq!((found.days, found.alarms.worst_day), (10.0, 2));
    let detections: Vec<(&str, usize, usize)> = found
        .detections
        .iter()
        .map(|row| (row.detection.as_str(), row.false_alarms, row.worst_day))
        .collect();
    assert_eq!(
        detections,
        [("actor_volume_surge", 4, 2), ("route_volume_shift", 1, 1)]
    );
}

#[test]
fn where_there_are_runs_without_attacks_false_alarms_are_theirs() {
    let beside = Raised {
        id: "beside",
        entity: r#"{"actor":"key-9"}"#,
        strength: 0.001,
        ..RAISED
    };
    let honest = Raised {
        id: "honest",
        strength: 5.0,
        ..RAISED
    };
    let attacked = traffic(&[attack("e", "key-1", 5, "")], &[RAISED, beside]);
    let quiet = traffic(&[], &[honest]);
    let alone = evaluate(std::slice::from_ref(&attacked), &Settings::default(), None);
    assert_eq!(alone.alarms.false_alarms, 1);
    assert!(alone.beside_attacks.is_none());
    let evaluation = evaluate(&[attacked, quiet], &Settings::default(), None);
    let beside = evaluation.beside_attacks.as_ref().unwrap();
    assert_eq!((beside.false_alarms, beside.hits), (1, 1));
    assert_eq!(
        (evaluation.alarms.false_alarms, evaluation.alarms.hits),
        (1, 0)
    );
    assert_eq!(evaluation.runs.len(), 2);
    // The sweep looks at the honest run's alarm, which is weaker than the hit.
    let strict = evaluation.recall.first().unwrap();
    assert_eq!(strict.recall.hits, 1);
}

#[test]
fn runs_are_pooled_and_never_matched_with_one_another() {
    let one = traffic(&[attack("e", "key-1", 5, "")], &[]);
    let other = traffic(&[], &[RAISED]);
    let found = evaluate(&[one.clone(), other], &Settings::default(), None);
    assert_eq!((found.days, found.alarms.false_alarms), (20.0, 1));
    assert_eq!(found.recall[0].recall.hits, 0);
    let hit = traffic(&[attack("e", "key-1", 5, "")], &[RAISED]);
    let found = evaluate(&[one, hit], &Settings::default(), None);
    assert_eq!(
        (found.recall[0].recall.hits, found.recall[0].recall.of),
        (1, 2)
    );
}

#[test]
fn alerts_of_a_looser_budget_are_swept_and_do_not_count_as_shipped() {
    let labels = [attack("1", "key-1", 5, ""), attack("2", "key-2", 6, "")];
    let second = Raised {
        id: "b",
        entity: r#"{"actor":"key-2"}"#,
        at: (6, 10),
        strength: 40.0,
        ..RAISED
    };
    let looser = traffic(&labels, &[RAISED, second]).alerts;
    let run = Traffic {
        sweep: Some(looser),
        bounds: Vec::new(),
        ..traffic(&labels, &[RAISED])
    };
    let found = evaluate(&[run], &Settings::default(), None);
    let hits: Vec<u64> = found.recall.iter().map(|row| row.recall.hits).collect();
    assert_eq!(hits, [2, 2, 2, 2, 1]);
    assert_eq!(found.scenarios[0].recall[1].hits, 2);
    assert_eq!(
        (found.scenarios[0].shipped.hits, found.alarms.alerts),
        (1, 1)
    );
}

#[test]
fn recall_over_scenarios_weighs_each_the_same() {
    let of = |id: &str, scenario: &str, actor: &str, intensity: &str| {
        attack(id, actor, 5, &format!(r#","intensity":"{intensity}""#)).replace("surge", scenario)
    };
    let labels = [
        of("1", "walk", "key-1", "High"),
        of("2", "drip", "x", "high"),
        of("3", "drip", "y", "low"),
        of("4", "drip", "z", "low"),
    ];
    let found = evaluated(&labels, &[RAISED]);
    let row = &found.recall[0];
    assert_eq!(row.recall.share, 0.25);
    assert_eq!(row.mean_over_scenarios.unwrap().value, 0.5);
    let high = &row.by_intensity[2];
    assert_eq!((high.intensity.as_str(), high.recall.share), ("high", 0.5));
    assert_eq!(row.by_intensity[1].recall.of, 0);
    assert!(row.by_intensity[1].mean_over_scenarios.is_none());
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_reason() {
    for (line, word) in [
        ("{", "EOF"),
        (r#"{"label":"episode","id":"e"}"#, "missing field `kind`"),
        (
            r#"{"label":"run","start":"soon","end":"2026-01-05T00:00:00Z"}"#,
            "not a time",
        ),
        (
            &attack("e", "a", 5, r#","taken":[[0,5],[1,3]]"#),
            "taken falls",
        ),
        (
            &attack("e", "a", 5, r#","intensity":"extreme""#),
            "not an intensity",
        ),
        (
            &attack("e", "a", 5, "").replace("harvesting", "theft"),
            "not a class",
        ),
        (
            &attack("e", "a", 5, "").replace("T12:00", "T09:00"),
            "before it starts",
        ),
        (
            &attack("e", "a", 5, "").replace(r#"{"actor":"a"}"#, ""),
            "names no entity",
        ),
        (
            &attack("e", "a", 5, "").replace("attack", "prank"),
            "not a kind",
        ),
        (RUN, "a second run"),
    ] {
        let said = truth(&[]).read(line.as_bytes()).unwrap_err();
        assert!(said.contains(word), "{said}: {line}");
    }
    let twice = [attack("e", "a", 5, ""), attack("e", "b", 6, "")];
    let mut one = truth(&twice[..1]);
    assert!(
        one.read(twice[1].as_bytes())
            .unwrap_err()
            .contains("second episode")
    );
    for (line, word) in [
        (r#"{"id":"a"}"#, "missing field"),
        (
            r#"{"id":"a","status":"open","detection":"d","class":"probing","entity":{},"window":{"start":0,"end":1},"decided":1,"false_alarms_per_day":1}"#,
            "not a status",
        ),
        (
            r#"{"id":"a","status":"firing","detection":"d","class":"probing","entity":{},"window":{"start":2,"end":1},"decided":1,"false_alarms_per_day":1}"#,
            "ends before",
        ),
        (
            r#"{"id":"a","status":"firing","detection":"d","class":"probing","entity":{},"window":{"start":0,"end":1},"decided":1,"false_alarms_per_day":-1}"#,
            "no number",
        ),
        (
            r#"{"id":"a","status":"firing","detection":"d","class":"probing","entity":{"x":[]},"window":{"start":0,"end":1},"decided":1,"false_alarms_per_day":1}"#,
            "not text",
        ),
    ] {
        let said = AlertRecord::read(line.as_bytes()).unwrap_err();
        assert!(said.contains(word), "{said}: {line}");
    }
}

#[test]
fn labels_that_others_wrote_are_read_where_their_meaning_is_plain() {
    let mut truth = truth(&[]);
    for line in [
        r#"{"label":"event","id":"e-1","episode":"x"}"#,
        r#"{"label":"weather","rain":true}"#,
        r#"{"label":"episode","id":7,"kind":"Attack","scenario":"s","intensity":"medium","class":"Probing",
            "entities":[{"actor":12,"org":null}],"start":1767571200000,"end":"2026-01-05T02:00:00+01:00","extra":[1]}"#,
    ] {
        truth.read(line.as_bytes()).unwrap();
    }
    assert_eq!(
        (truth.events, truth.unknown, truth.episodes.len()),
        (1, 1, 1)
    );
    let episode = &truth.episodes[0];
    assert_eq!(episode.id, "7");
    assert_eq!(episode.entities[0]["actor"], "12");
    assert!(!episode.entities[0].contains_key("org"));
    assert_eq!(episode.end - episode.start, crate::domain::Span::HOUR);
}

#[test]
fn without_a_run_label_the_time_is_that_of_what_is_labelled() {
    let mut truth = Truth::default();
    truth.read(attack("e", "key-1", 5, "").as_bytes()).unwrap();
    truth.read(attack("f", "key-1", 7, "").as_bytes()).unwrap();
    let run = Traffic {
        truth,
        ..traffic(&[], &[RAISED])
    };
    let found = evaluate(&[run], &Settings::default(), None);
    assert_eq!(found.days, 3.0);
    assert!(
        found.warnings[0].contains("no label says"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn an_evaluation_of_nothing_is_whole_and_two_evaluations_are_the_same_bytes() {
    let nothing = evaluate(&[], &Settings::default(), None);
    assert!(to_text(&nothing).contains("0 runs"));
    let labels = [attack("1", "key-1", 5, ""), attack("2", "key-2", 6, "")];
    let [one, other] = [0, 1].map(|_| {
        let found = evaluated(&labels, &[RAISED]);
        (serde_json::to_string(&found).unwrap(), to_text(&found))
    });
    assert_eq!(one, other);
    assert!(one.1.contains("50 [0-100]"), "{}", one.1);
}
