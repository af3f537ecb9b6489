use super::*;
use crate::detection::Test;
use crate::domain::Span;

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse("test.yaml", text, Path::new("."))
}

fn mistakes(text: &str) -> Vec<String> {
    parse(text)
        .unwrap_err()
        .0
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_shipped_file_says_what_the_defaults_are() {
    let mut shipped = Config::load(None).unwrap();
    assert_eq!(shipped.output.topic.as_deref(), Some("vigie-alerts"));
    shipped.output.topic = None;
    assert_eq!(shipped, parse("{}").unwrap());
    assert_eq!(shipped, parse("").unwrap());
}

#[test]
fn the_shipped_catalogue_has_the_promised_detections() {
    let config = parse("").unwrap();
    let names: Vec<&str> = config
        .plan
        .detections
        .iter()
        .map(|detection| detection.name.as_str())
        .collect();
    // Every detection of the domain's catalogue; further entries watch the same from other sides.
    let promised = [
        "actor_volume_surge",
        "actor_fanout_spread",
        "one_touch_sweep",
        "id_space_walk",
        "out_of_relation_reads",
        "sensitive_field_drift",
        "third_party_egress",
        "scheduled_poll_beacon",
        "bulk_enumeration_paging",
        "low_slow_accumulation",
        "coordinated_partition_harvest",
        "lookup_miss_walk",
        "endpoint_footprinting",
        "lane_recon_sweep",
        "object_interest_spike",
        "test_parcel_dry_run",
        "route_volume_shift",
        "seller_volume_surge",
        "seller_route_edge_burst",
        "declaration_mix_shift",
        "query_before_diversion",
        "impossible_transit",
        "phantom_parcel_ratio",
        "peer_group_outlier",
        "decoy_record_touched",
        "recipient_outside_contract",
    ];
    for name in promised {
        assert!(names.contains(&name), "{name}");
    }
    for detection in &config.plan.detections {
        let policy = &detection.policy;
        assert!(!policy.cannot_see.is_empty(), "{}", detection.name);
        assert!(!policy.benign_causes.is_empty(), "{}", detection.name);
        assert!(!policy.references.is_empty(), "{}", detection.name);
    }
    // Detections that look at the same entity and the same events share a measuring place.
    assert!(config.plan.groups.len() < config.plan.detections.len() / 2);
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line() {
    let text = "\
kafka:
  topic: x
  start: soon
  options:
    plugin.library.paths: evil.so
    group.id: other
time:
  pane: 7m
alerts:
  false_alarms_per_day: many
http:
  listen: everywhere
detections:
  - name: actor_volume_surge
    min_effect: 0
  - name: Mine
  - name: mine
    where: { kind: acess, colour: red, shipment: { in: nowhere } }
  - measure: mean(x)
";
    let mistakes = mistakes(text);
    let expect = [
        ("test.yaml:2: kafka.topic", "did you mean `topics`?"),
        ("test.yaml:3: kafka.start", "earliest"),
        (
            "test.yaml:5: kafka.options.plugin.library.paths",
            "runs code",
        ),
        ("test.yaml:6: kafka.options.group.id", "kafka.group"),
        ("test.yaml:8: time.pane", "divide an hour"),
        ("test.yaml:10: alerts.false_alarms_per_day", "number"),
        ("test.yaml:12: http.listen", "no address"),
        ("test.yaml:15: detections[0].min_effect", "number from 1"),
        ("test.yaml:16: detections[1].name", "small letters"),
        ("test.yaml:17: detections[2]", "`mine` needs class"),
        (
            "test.yaml:18: detections[2].where.kind",
            "it can be movement, access",
        ),
        ("test.yaml:18: detections[2].where.colour", "no member"),
        (
            "test.yaml:18: detections[2].where.shipment",
            "no list `nowhere`",
        ),
        ("test.yaml:19: detections[3]", "needs a name"),
    ];
    for (place, word) in expect {
        let found = mistakes
            .iter()
            .any(|mistake| mistake.starts_with(place) && mistake.contains(word));
        assert!(
            found,
            "{place} … {word} is not among\n{}",
            mistakes.join("\n")
        );
    }
}

#[test]
fn mistakes_in_policy_say_what_is_missing() {
    let text = "\
detections:
  - { name: third_party_egress, unless: { actor: a } }
policy:
  mutes:
    - { match: { actor: a }, reason: r }
    - { match: { detection: actor_volum* , colour: red }, until: 2026-11-11, reason: r }
    - { until: 2026-11-11 08:00, reason: r }
    - { match: { actor: a*b }, from: 2026-11-12, until: 2026-11-11 }
  calendars:
    - { name: x, kind: peak }
    - { name: x, kind: Peak day, yearly: 11-31, effect: { budget: 2 } }
    - { name: x, kind: peak, yearly: 11-11, from: 2026-11-11, effect: louder }
";
    let mistakes = mistakes(text);
    for (place, word) in [
        ("test.yaml:2: detections[0]", "unless speaks of actor"),
        ("test.yaml:5: policy.mutes[0]", "needs `until`"),
        ("test.yaml:6: policy.mutes[1].match.colour", "chosen by"),
        ("test.yaml:7: policy.mutes[2]", "needs `match`"),
        ("test.yaml:7: policy.mutes[2].until", "the whole day in UTC"),
        ("test.yaml:8: policy.mutes[3].match.actor", "no pattern"),
        ("test.yaml:8: policy.mutes[3]", "ends before it begins"),
        ("test.yaml:8: policy.mutes[3]", "needs a `reason`"),
        (
            "test.yaml:10: policy.calendars[0]",
            "needs `from` and `until`",
        ),
        ("test.yaml:11: policy.calendars[1].kind", "no kind"),
        (
            "test.yaml:11: policy.calendars[1].yearly",
            "no day of a year",
        ),
        (
            "test.yaml:11: policy.calendars[1].effect.budget",
            "number from",
        ),
        (
            "test.yaml:12: policy.calendars[2]",
            "needs `from` and `until`",
        ),
        ("test.yaml:12: policy.calendars[2].effect", "annotate, mute"),
    ] {
        let found = mistakes
            .iter()
            .any(|mistake| mistake.starts_with(place) && mistake.contains(word));
        assert!(
            found,
            "{place} … {word} is not among\n{}",
            mistakes.join("\n")
        );
    }
    let misspelt =
        "policy: {mutes: [{match: {detection: actor_volume}, until: 2026-11-11, reason: r}]}";
    let said = parse(misspelt).unwrap_err().to_string();
    assert!(said.contains("matches no detection"), "{said}");
}

#[test]
fn a_date_is_the_whole_day_and_what_is_over_is_told() {
    let text =
        "policy: {mutes: [{match: {actor: a}, from: 2026-11-11, until: 2026-11-11, reason: why}]}";
    let policy = parse(text).unwrap().policy;
    let mute = &policy.mutes[0];
    assert_eq!(mute.from.map(|from| mute.until - from), Some(Span::DAY));
    assert_eq!(policy.expired(mute.until - Span(1)).count(), 0);
    let told: Vec<String> = policy.expired(mute.until).collect();
    assert!(told[0].contains("why") && told[0].contains("2026-11-12"));
}

#[test]
fn what_is_not_yaml_says_where() {
    let mistakes = mistakes("kafka:\n  brokers: [a\nx: }");
    assert!(
        mistakes[0].starts_with("test.yaml:") && mistakes[0].contains("not YAML"),
        "{mistakes:?}"
    );
    assert!(
        parse("- a")
            .unwrap_err()
            .to_string()
            .contains("must be a mapping")
    );
    assert!(
        parse("a: 1\n---\nb: 2")
            .unwrap_err()
            .to_string()
            .contains("more than one document")
    );
}

#[test]
fn an_entry_changes_the_shipped_one_of_its_name_and_no_other() {
    let config = parse("detections: [{name: one_touch_sweep, min_trials: 80, window: 24h}, {name: route_volume_shift, enabled: false}]").unwrap();
    let sweep = config
        .plan
        .detections
        .iter()
        .find(|detection| detection.name == "one_touch_sweep")
        .unwrap();
    assert_eq!(
        (sweep.test, sweep.windows.as_slice()),
        (Test::Ratio { trials_min: 80 }, &[Span::DAY][..])
    );
    assert!(sweep.policy.min_effect == 1.2 && sweep.pool.is_some());
    assert!(
        config
            .plan
            .detections
            .iter()
            .all(|detection| detection.name != "route_volume_shift")
    );
    let shipped = parse("").unwrap().plan.detections.len();
    assert_eq!(config.plan.detections.len(), shipped - 1);
    assert_eq!(config.off[0].name, "route_volume_shift");
}

#[test]
fn tests_and_measures_that_do_not_fit_are_refused() {
    let entry = |change: &str| {
        format!(
            "detections:\n  - {{name: mine, class: probing, entity: [actor], measure: count, window: 1h, test: rate, explain: x, {change}}}"
        )
    };
    assert!(parse(&entry("severity: info")).is_ok());
    for (change, word) in [
        ("measure: count / count", "judge a measure that is a ratio"),
        ("measure: mix(fields)", "needs a number"),
        ("test: mix", "a measure that is a mix"),
        ("test: location", "a measure that is a histogram"),
        ("measure: histogram(value_eur)", "needs a number"),
        ("test: regular", "the measure arrivals"),
        ("test: ratio", "needs a measure that is a ratio"),
        ("test: first_seen", "two members"),
        (
            "test: rule, direction: up",
            "only the tests rate, cumulative and location",
        ),
        ("test: cumulative, direction: both", "up or down"),
        ("window: 90s", "no multiple of time.pane"),
        ("window: [5m, 7m]", "multiples of each other"),
        ("entity: [actor, actor]", "different members"),
        ("entity: [page]", "no member of an event"),
        ("explain: \"{who}\"", "{entity}"),
        ("weight: 3", "not known"),
    ] {
        let base = entry(change);
        // The last of two equal keys would win in some readers; here it is a mistake of its own.
        let text = if change.starts_with("severity") {
            base
        } else {
            dedup_keys(&base)
        };
        let said = parse(&text).unwrap_err().to_string();
        assert!(said.contains(word), "{change}: {said}");
    }
}

/// Drops the earlier of two equal keys in a flow mapping.
fn dedup_keys(text: &str) -> String {
    let (head, body) = text.split_once('{').unwrap();
    let body = body.strip_suffix('}').unwrap();
    let mut depth = 0;
    let mut pairs = vec![String::new()];
    for c in body.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            pairs.push(String::new())
        } else {
            pairs.last_mut().unwrap().push(c)
        }
    }
    let key = |pair: &str| pair.split(':').next().unwrap().trim().to_owned();
    let kept: Vec<String> = pairs
        .iter()
        .enumerate()
        .filter(|(i, pair)| !pairs[i + 1..].iter().any(|later| key(later) == key(pair)))
        .map(|(_, pair)| pair.clone())
        .collect();
    format!("{head}{{{}}}", kept.join(","))
}

#[test]
fn the_effective_configuration_reads_back_to_itself_and_hides_secrets() {
    let text = "
kafka: {start: 2026-11-01T00:00:00Z, dead_letter_topic: d, options: {sasl.password: hush, sasl.username: u}}
baseline: {hash_key: 0123456789abcdef0123456789abcdef}
alerts: {topic: t, file: '-', critical_below: 0.5}
lists: {decoys: [b, a], others: []}
detections:
  - {name: decoy_record_touched, at_least: 2}
  - {name: one_touch_sweep, enabled: false}
  - {name: third_party_egress, unless: {recipient: {not_in: others}, org: [a, b]}}
policy:
  mutes:
    - {match: {actor: bi-*, severity: [info, warning]}, from: 2026-11-01, until: 2026-11-30, reason: r, by: me}
    - {match: {detection: one_touch_sweep}, until: 2026-11-30T08:00:00Z, reason: r}
  calendars:
    - {name: singles' day, kind: peak, yearly: 11-11..11-13, effect: {budget: 0.1}}
    - {name: strike, kind: strike, from: 2026-11-17, until: 2026-11-18, match: {class: integrity}}
    - {name: export, kind: planned_export, yearly: 01-31, effect: mute}";
    let config = parse(text).unwrap();
    let yaml = config.to_yaml();
    assert!(!yaml.contains("hush") && !yaml.contains("0123456789abcdef"));
    let shown = yaml.replace(
        "hash_key: (hidden)",
        "hash_key: 0123456789abcdef0123456789abcdef",
    );
    let mut again = parse(&shown).unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
    again
        .kafka
        .options
        .insert(String::from("sasl.password"), String::from("hush"));
    assert_eq!(again, config);
}

#[test]
fn replicas_read_topics_that_have_names() {
    let text = "kafka: {topics: [shipments, '^parcels-.*']}\ncluster: {enabled: true}\n";
    let refused = mistakes(text);
    assert!(
        refused.len() == 1
            && refused[0].starts_with("test.yaml:2: cluster")
            && refused[0].contains("`^parcels-.*`"),
        "{refused:?}"
    );
    assert!(parse(&text.replace("true", "false")).is_ok());
}

#[test]
fn what_is_rejected_is_not_written_where_it_is_read() {
    let mistake = "`a` is read as well";
    for (text, line) in [
        ("kafka:\n  topics: [a, b]\n  dead_letter_topic: a\n", 3),
        ("kafka:\n  dead_letter_topic: a\n  topics: a\n", 2),
    ] {
        let mistakes = mistakes(text);
        let place = format!("test.yaml:{line}: kafka.dead_letter_topic");
        assert!(
            mistakes.len() == 1 && mistakes[0].starts_with(&place) && mistakes[0].contains(mistake),
            "{mistakes:?}"
        );
    }
    // A change that lies over a file reads what the file writes to.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("own.yaml");
    std::fs::write(&file, "kafka: { topics: b, dead_letter_topic: a }\n").unwrap();
    let refused = Config::load_changed(Some(&file), "kafka: { topics: [a] }").unwrap_err();
    assert!(refused.to_string().contains(mistake), "{refused}");
    let config = Config::load(Some(&file)).unwrap();
    assert_eq!(config.kafka.dead_letter_topic.as_deref(), Some("a"));
    assert!(parse("kafka: {dead_letter_topic: ''}").is_err());
}

#[test]
fn a_list_can_lie_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("decoys.txt"),
        "# decoys\nP1\n\n P2 \n",
    )
    .unwrap();
    let text = "lists: {decoys: {file: decoys.txt}}";
    let config = Config::parse("test.yaml", text, directory.path()).unwrap();
    assert_eq!(config.lists["decoys"].len(), 2);
    assert!(config.lists["decoys"].contains("P2"));
    assert!(parse("lists: {decoys: {file: absent.txt}}").is_err());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let errors = Config::load(Some(Path::new("no/such/file.yaml"))).unwrap_err();
    assert!(errors.to_string().starts_with("no/such/file.yaml: "));
}

#[test]
fn a_change_lies_over_the_file_and_leaves_the_rest_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("own.yaml");
    std::fs::write(
        &file,
        "alerts: { false_alarms_per_day: 3 }\nlists: { decoys: [a], others: [x] }\n",
    )
    .unwrap();
    let change = "time: { bound: none }\nlists: { decoys: [b, c] }\n";
    let config = Config::load_changed(Some(&file), change).unwrap();
    assert_eq!(config.alerts.false_alarms_per_day, 3.0);
    assert_eq!(config.time.bound, crate::observe::TimeBound::None);
    let mut decoys: Vec<&str> = config.lists["decoys"].iter().map(String::as_str).collect();
    decoys.sort_unstable();
    assert_eq!((decoys, config.lists["others"].len()), (vec!["b", "c"], 1));
    let refused = Config::load_changed(None, "alerts: { budget: 3 }").unwrap_err();
    assert!(refused.to_string().contains("budget"), "{refused}");
}
