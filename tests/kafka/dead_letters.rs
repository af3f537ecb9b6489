//! Rejected messages in a topic of their own.

use crate::support::daemon::{Daemon, SOON, Scrape, Setting, with_dead_letters};
use crate::support::events::Story;
use crate::support::kafka::client::Record;
use crate::support::kafka::{Client, fresh_name, shared};
use crate::support::{becomes, eventually};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use std::collections::BTreeSet;
use std::time::Duration;

/// What must never be seen in a log.
const SECRET: &str = "jan@example.org";

/// A setting whose dead letters have a topic, which is not made.
fn scene(kafka: &Client) -> (Setting, String, String) {
    let setting = Setting::made(kafka, 1);
    let topic = fresh_name("rejected");
    let yaml = with_dead_letters(&setting.yaml(), &topic);
    (setting, topic, yaml)
}

fn refused(kind: &str) -> Vec<u8> {
    format!(r#"{{"time": 1, "kind": "{kind}", "actor": "{SECRET}"}}"#).into_bytes()
}

fn counts(scrape: &Scrape) -> [f64; 4] {
    [
        scrape.sum("vigie_events_rejected_total", &[]),
        scrape.sum("vigie_dead_letters_total", &[]),
        scrape.sum("vigie_dead_letters_lost_total", &[]),
        scrape.sum("vigie_dead_letters_waiting", &[]),
    ]
}

type Headers = Vec<(String, Option<Vec<u8>>)>;

/// What stands on a dead letter beside what its message had.
fn context(setting: &Setting, message: &Record, reason: &str) -> Headers {
    [
        ("topic", setting.topic.as_str()),
        ("partition", &message.partition.to_string()),
        ("offset", &message.offset.to_string()),
        ("connector.name", &setting.group),
        ("stage", "VALUE_CONVERTER"),
        ("exception.message", reason),
    ]
    .map(|(name, value)| {
        let name = format!("__connect.errors.{name}");
        (name, Some(value.as_bytes().to_vec()))
    })
    .to_vec()
}

#[test]
fn what_is_rejected_is_there_as_it_came_with_where_from_and_why() {
    let kafka = shared();
    let (setting, topic, yaml) = scene(&kafka);
    kafka.create_topic_with(&topic, 3, &[]);
    let story = Story::began(Duration::from_secs(3 * 3_600));
    kafka.produce(&setting.topic, story.traffic(0, 0..600, 60));
    let payloads = [
        (refused("submarine"), "unknown_value"),
        (b"{\"kind\": \"\xff\x00\"}".to_vec(), "not_utf8"),
        (refused("movement"), "missing_member"),
        (vec![b'x'; 20_000], "not_json"),
    ];
    let headers = || {
        let bytes = Header {
            key: "trace",
            value: Some(b"\xff\x00".as_slice()),
        };
        let none = Header {
            key: "none",
            value: None::<&[u8]>,
        };
        OwnedHeaders::new().insert(bytes).insert(none)
    };
    // Each with a key that is no text, and with headers; each without either.
    let key: &[u8] = b"\xff\x00key";
    kafka.write(payloads.iter().flat_map(|(payload, _)| {
        let bare = BaseRecord::to(&setting.topic).partition(0).payload(payload);
        let whole = BaseRecord::to(&setting.topic).partition(0).payload(payload);
        [whole.key(key).headers(headers()), bare]
    }));

    let daemon = Daemon::start_with(&yaml);
    daemon.has_read(10 + 2 * payloads.len());
    let all = 2.0 * payloads.len() as f64;
    becomes(
        "what became of the rejected",
        SOON,
        [all, all, 0.0, 0.0],
        || counts(&daemon.scrape()),
    );
    let source = kafka.consume(&setting.topic);
    let letters = kafka.consume(&topic);
    assert_eq!(letters.len(), 2 * payloads.len());
    let mut keyed = BTreeSet::new();
    let rejected = source.iter().filter(|message| message.offset >= 10);
    for (number, message) in rejected.enumerate() {
        let reason = payloads[number / 2].1;
        let context = context(&setting, message, reason);
        let letter = letters
            .iter()
            .find(|letter| letter.headers.ends_with(&context))
            .unwrap_or_else(|| panic!("{reason}: {letters:?}"));
        assert_eq!(letter.payload, message.payload, "{reason}");
        assert_eq!(letter.key, message.key, "{reason}");
        assert_eq!(letter.timestamp, message.timestamp, "{reason}");
        let own = letter.headers.len() - context.len();
        assert_eq!(letter.headers[..own], message.headers, "{reason}");
        if message.key == key {
            keyed.insert(letter.partition);
        }
    }
    assert_eq!(keyed.len(), 1, "one key stands in one partition");
    assert!(!daemon.log().contains(SECRET), "{}", daemon.log());
}

#[test]
fn what_is_larger_than_the_topic_takes_is_counted_and_holds_nothing_up() {
    let kafka = shared();
    let (setting, topic, yaml) = scene(&kafka);
    kafka.create_topic_with(&topic, 1, &[("max.message.bytes", "20000")]);
    let payloads = [refused("a"), vec![b'x'; 30_000], refused("b")];
    let write = || {
        kafka.write(
            payloads
                .iter()
                .map(|payload| BaseRecord::to(&setting.topic).partition(0).payload(payload)),
        );
    };
    let daemon = Daemon::start_with(&yaml);
    write();
    becomes(
        "what became of the rejected",
        SOON,
        [3.0, 2.0, 1.0, 0.0],
        || counts(&daemon.scrape()),
    );
    write();
    becomes(
        "what became of the rejected",
        SOON,
        [6.0, 4.0, 2.0, 0.0],
        || counts(&daemon.scrape()),
    );
    let lost = [("reason", "too_large")];
    let scrape = daemon.scrape();
    assert_eq!(scrape.sum("vigie_dead_letters_lost_total", &lost), 2.0);
    let letters = kafka.consume(&topic);
    assert!(letters.iter().all(|letter| letter.payload.len() < 20_000));
    assert_eq!(letters.len(), 4);
}

#[test]
fn a_topic_that_is_not_there_is_told_of_and_nobody_waits_for_it() {
    let kafka = shared();
    let (setting, topic, yaml) = scene(&kafka);
    let payload = refused("submarine");
    let write = || {
        let record = BaseRecord::to(&setting.topic).partition(0);
        kafka.write([record.payload(&payload)]);
    };
    let daemon = Daemon::start_with(&yaml);
    (0..5).for_each(|_| write());
    let story = Story::began(Duration::from_secs(3 * 3_600));
    kafka.produce(&setting.topic, story.traffic(0, 0..600, 60));
    daemon.has_read(15);
    becomes(
        "what became of the rejected",
        SOON,
        [5.0, 0.0, 5.0, 0.0],
        || counts(&daemon.scrape()),
    );
    let refused = [("reason", "refused")];
    let scrape = daemon.scrape();
    assert_eq!(scrape.sum("vigie_dead_letters_lost_total", &refused), 5.0);
    let log = daemon.log();
    assert!(log.contains("not in the dead-letter topic"), "{log}");
    assert!(!log.contains(SECRET), "{log}");

    // Once it is made, it is found.
    kafka.create_topic_with(&topic, 1, &[]);
    let mut written = 5.0;
    eventually("a letter to be written", SOON, || {
        write();
        written += 1.0;
        std::thread::sleep(Duration::from_millis(500));
        let [_, letters, ..] = counts(&daemon.scrape());
        (letters > 0.0).then_some(())
    });
    let settled = eventually("all letters to be written or lost", SOON, || {
        let counts = counts(&daemon.scrape());
        (counts[0] == written && counts[3] == 0.0).then_some(counts)
    });
    assert_eq!(settled[1] + settled[2], written);
    assert_eq!(kafka.consume(&topic).len() as f64, settled[1]);
}
