//! Leaving a consumer group.
//!
//! The group waits for a member that is gone without a word for as long as its session lasts. The client
//! leaves with one by itself only where something is assigned to it, and where it is not just about to
//! join again: so it is told to unsubscribe, and is listened to until it is out.

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::statistics::Statistics;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// The state of joining of a client that is no member and does not want to be one.
const OUT: &str = "init";
/// The state of a client that the group's coordinator can be reached from.
const REACHED: &str = "up";

/// Whether a client is a member of its group, as its statistics tell.
#[derive(Debug, Default)]
pub struct Membership {
    is_leaving: AtomicBool,
    is_out: AtomicBool,
}

impl Membership {
    /// Takes note of what the client tells.
    pub fn note(&self, statistics: &Statistics) {
        let group = statistics.cgrp.as_ref();
        // To a coordinator that is away nobody can tell anything.
        let is_out = group.is_none_or(|group| group.join_state == OUT || group.state != REACHED);
        self.is_out.store(is_out, Ordering::Relaxed);
    }

    /// Whether it was told to leave: then nothing that is given to it is taken.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }
}

/// Leaves the group and closes the client; waits until that has happened. Where the group waits for a member
/// that died, nobody can leave before it is given up: longer than this is not waited for.
pub fn leave<C>(
    consumer: Arc<BaseConsumer<C>>,
    membership: impl Fn(&C) -> &Membership,
    within: Duration,
) where
    C: ConsumerContext + 'static,
{
    let known = membership(consumer.context());
    known.is_leaving.store(true, Ordering::Relaxed);
    consumer.unsubscribe();
    known.is_out.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    while !known.is_out.load(Ordering::Relaxed) && begun.elapsed() < within {
        consumer.poll(POLL);
    }
    // Closing can block for as long as a broker is dead.
    let (close, closed) = channel::<Infallible>();
    std::thread::spawn(move || {
        drop(consumer);
        drop(close);
    });
    let _ = closed.recv_timeout(CLOSE_WITHIN);
}
