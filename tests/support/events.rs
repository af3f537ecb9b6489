//! Native events for tests, in event time that a test counts in seconds from a start of its own.

use super::kafka::Message;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shipment that exists to be left alone.
pub(crate) const DECOY: &str = "decoy-7";

/// A stretch of event time in the recent past, which the broker's append time allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story {
    start_milliseconds: u64,
}

impl Story {
    /// That began so long ago, at a full hour.
    pub(crate) fn began(ago: Duration) -> Story {
        const HOUR: u64 = 3_600;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let start = now.expect("a clock after 1970").saturating_sub(ago);
        Story {
            start_milliseconds: start.as_secs() / HOUR * HOUR * 1_000,
        }
    }

    /// A parcel passes.
    pub(crate) fn movement(&self, second: u64, id: &str) -> Value {
        self.movement_of(second, id, "seller-1")
    }

    /// A parcel of this seller passes.
    pub(crate) fn movement_of(&self, second: u64, id: &str, seller: &str) -> Value {
        json!({
            "id": id,
            "time": self.time(second),
            "kind": "movement",
            "shipment": id,
            "seller": seller,
            "origin": "CNHGH",
            "destination": "BELGG",
            "step": "arriving",
        })
    }

    /// Somebody looks at the decoy.
    pub(crate) fn touch(&self, second: u64, actor: &str) -> Value {
        self.access(second, actor, DECOY)
    }

    /// Somebody looks at a shipment.
    pub(crate) fn access(&self, second: u64, actor: &str, shipment: &str) -> Value {
        json!({
            "id": format!("{actor}@{second}"),
            "time": self.time(second),
            "kind": "access",
            "actor": actor,
            "role": "support",
            "action": "read",
            "shipment": shipment,
        })
    }

    /// A movement every so many seconds, from one second on and before another: what moves the
    /// watermark of a partition.
    pub(crate) fn traffic(
        &self,
        partition: i32,
        seconds: std::ops::Range<u64>,
        every: usize,
    ) -> impl Iterator<Item = Message> {
        let story = *self;
        seconds.step_by(every).map(move |second| {
            message(
                partition,
                &story.movement(second, &format!("parcel-{partition}-{second}")),
            )
        })
    }

    /// The time of a second.
    pub(crate) fn at(&self, second: u64) -> jiff::Timestamp {
        let milliseconds = i64::try_from(self.time(second));
        jiff::Timestamp::from_millisecond(milliseconds.expect("a time of these days"))
            .expect("a time of these days")
    }

    fn time(&self, second: u64) -> u64 {
        self.start_milliseconds + second * 1_000
    }
}

/// An event as a message for a partition.
pub(crate) fn message(partition: i32, event: &Value) -> Message {
    Message {
        partition,
        key: event["id"].as_str().unwrap_or_default().to_owned(),
        payload: event.to_string().into_bytes(),
    }
}
