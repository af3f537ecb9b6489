use super::*;
use crate::detection::{Condition, Detection, Direction, Policy, Requirement, Template, Test};
use crate::domain::{AlertClass, Member, Severity};
use crate::measure::{Expression, Sketch};

fn plan() -> Arc<Plan> {
    let detection = Detection {
        name: String::from("reads"),
        entity: vec![Member::Actor],
        pool: Some(Member::Role),
        conditions: vec![Condition {
            member: Member::Kind,
            requirement: Requirement::OneOf(vec![String::from("access")]),
        }],
        measure: Expression::parse("distinct(shipment) / count").unwrap(),
        members: None,
        windows: vec![Span::HOUR],
        test: Test::Rate(Direction::Up),
        policy: Policy {
            enabled: true,
            unless: Vec::new(),
            class: AlertClass::Harvesting,
            weight: 1.0,
            min_effect: 1.0,
            min_difference: 0.0,
            min_members: 1.0,
            severity: Severity::Warning,
            explain: Template::parse("{entity}").unwrap(),
            benign_causes: Vec::new(),
            cannot_see: String::new(),
            references: Vec::new(),
        },
    };
    Arc::new(Plan::new(vec![detection], Span::MINUTE))
}

fn observer() -> Observer {
    let settings = ObserveSettings {
        time_bound: TimeBound::Neighbours,
        allowed_lateness: Span::minutes(5),
        hash_key: (1, 2),
    };
    Observer::new(plan(), settings)
}

const START: i64 = 1_700_000_040_000;

fn access(id: &str, time: i64, actor: &str, shipment: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"{id}","time":{time},"kind":"access","actor":"{actor}","role":"r","action":"read","shipment":"{shipment}"}}"#
    )
    .into_bytes()
}

/// All panes as text, in an order of their own.
fn flatten(progress: impl IntoIterator<Item = Progress>) -> Vec<String> {
    let mut rows = Vec::new();
    for step in progress {
        for pane in step.panes {
            for row in pane.tables.iter().flat_map(PaneTable::rows) {
                let distinct: Vec<u64> = row.sketches.iter().map(Sketch::value).collect();
                rows.push(format!(
                    "{} {} {} {:?} {distinct:?}",
                    pane.pane, row.key, row.class, row.sums
                ));
            }
        }
    }
    rows.sort();
    rows
}

fn feed(messages: &[Vec<u8>]) -> (Vec<Verdict>, Vec<String>) {
    let mut observer = observer();
    let mut steps = Vec::new();
    let mut verdicts = Vec::new();
    for (offset, message) in messages.iter().enumerate() {
        verdicts.push(observer.observe(offset as i64, None, message, &mut Room::new(None)));
        steps.extend(observer.progress(&mut Room::new(None)));
    }
    steps.extend(observer.finish(&mut Room::new(None)));
    (verdicts, flatten(steps))
}

fn stream() -> Vec<Vec<u8>> {
    (0..2_000)
        .map(|n| {
            access(
                &format!("e{n}"),
                START + n * 1_000,
                &format!("a{}", n % 7),
                &format!("p{}", n % 50),
            )
        })
        .collect()
}

#[test]
fn duplicates_and_disorder_within_the_lateness_change_nothing() {
    let straight = stream();
    let (_, expected) = feed(&straight);
    assert!(!expected.is_empty());
    let mut disturbed = straight.clone();
    // Swap over a distance of up to 4 minutes, then repeat every third.
    for n in (0..disturbed.len() - 240).step_by(241) {
        disturbed.swap(n, n + 240);
    }
    let disturbed: Vec<Vec<u8>> = disturbed
        .into_iter()
        .enumerate()
        .flat_map(|(n, message)| std::iter::repeat_n(message, if n % 3 == 0 { 2 } else { 1 }))
        .collect();
    let (verdicts, rows) = feed(&disturbed);
    assert_eq!(rows, expected);
    assert_eq!(
        verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::Duplicate)
            .count(),
        disturbed.len() - straight.len()
    );
}

#[test]
fn late_is_decided_before_duplicate_and_moves_nothing() {
    let mut observer = observer();
    for (offset, message) in stream().iter().enumerate() {
        observer.observe(offset as i64, None, message, &mut Room::new(None));
        let _ = observer.progress(&mut Room::new(None));
    }
    let watermark = observer.watermark();
    assert_eq!(
        observer.observe(
            5_000,
            None,
            &access("e3", START, "a", "p"),
            &mut Room::new(None)
        ),
        Verdict::Late
    );
    assert_eq!(observer.watermark(), watermark);
}

#[test]
fn a_gap_seals_what_was_open_and_idle_partitions_follow_the_others() {
    let mut observer = observer();
    for n in 0..20 {
        observer.observe(
            n,
            None,
            &access(&format!("e{n}"), START + n, "a", "p"),
            &mut Room::new(None),
        );
    }
    assert!(
        observer
            .progress(&mut Room::new(None))
            .is_some_and(|step| step.panes.is_empty())
    );
    let pane = EventTime(START).index(Span::MINUTE);
    let step = observer
        .advance_idle(pane + 10, &mut Room::new(None))
        .unwrap();
    assert_eq!(
        (step.sealed_before, step.panes.len(), step.resume.offset),
        (pane + 10, 1, 20)
    );
    assert_eq!(
        observer.observe(
            20,
            None,
            &access("f", START + 60_000, "a", "p"),
            &mut Room::new(None)
        ),
        Verdict::Late
    );
    assert!(
        observer.advance_idle(pane, &mut Room::new(None)).is_none(),
        "never back"
    );
}

#[test]
fn the_resume_offset_is_where_the_oldest_open_pane_began() {
    let mut observer = observer();
    let mut last = None;
    for (offset, message) in stream().iter().enumerate() {
        observer.observe(offset as i64, None, message, &mut Room::new(None));
        last = observer.progress(&mut Room::new(None)).or(last);
    }
    let step = last.unwrap();
    let began = (step.sealed_before * 60_000 - START) / 1_000;
    assert_eq!(step.resume.offset, began);
}

#[test]
fn an_empty_input_seals_nothing() {
    assert!(observer().finish(&mut Room::new(None)).is_none());
    assert!(observer().progress(&mut Room::new(None)).is_none());
}
