//! Messages that are no events.

use crate::support::becomes;
use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::Story;
use crate::support::kafka::{Message, shared};
use std::time::Duration;

/// Payloads that are refused, each with the reason.
fn malformed() -> [(&'static str, &'static [u8]); 6] {
    [
        ("not_json", br#"{"time": "#),
        ("not_utf8", b"{\"kind\": \"\xff\"}"),
        ("missing_member", br#"{"kind": "movement"}"#),
        ("unknown_value", br#"{"time": 1, "kind": "submarine"}"#),
        (
            "time_past",
            br#"{"time": 1, "kind": "movement", "shipment": "s", "step": "arriving"}"#,
        ),
        (
            "time_future",
            br#"{"time": 9999999999999, "kind": "movement", "shipment": "s", "step": "arriving"}"#,
        ),
    ]
}

#[test]
fn malformed_messages_are_counted_by_reason_and_hold_nothing_up() {
    const AFTER: u64 = 60;
    let kafka = shared();
    let setting = Setting::made(&kafka, 1);
    let story = Story::began(Duration::from_secs(3 * 3_600));
    let mut messages: Vec<Message> = story.traffic(0, 0..600, 60).collect();
    let before = messages.len();
    messages.extend(malformed().map(|(_, payload)| Message {
        partition: 0,
        key: String::from("malformed"),
        payload: payload.to_vec(),
    }));
    messages.extend(story.traffic(0, 600..600 + AFTER * 60, 60));
    kafka.produce(&setting.topic, messages.clone());

    let daemon = Daemon::start(&setting);
    daemon.has_read(messages.len());
    let scrape = daemon.scrape();
    for (reason, _) in malformed() {
        let rejected = scrape.sum("vigie_events_rejected_total", &[("reason", reason)]);
        assert_eq!(rejected, 1.0, "{reason}");
    }
    assert_eq!(
        scrape.sum("vigie_events_rejected_total", &[]),
        malformed().len() as f64
    );
    assert_eq!(
        scrape.sum("vigie_events_total", &[]),
        (before as u64 + AFTER) as f64
    );
    // The watermark is the eighth largest time less a minute of lateness, so with an event a
    // minute the panes of the last nine are open, and the commit stands at the first of them.
    let resume = messages.len() as i64 - 9;
    becomes("the committed offset", SOON, Some(resume), || {
        kafka.committed(&setting.group, &setting.topic)[&0]
    });
}
