//! What the integration tests stand on.

pub(crate) mod contract;
pub(crate) mod daemon;
pub(crate) mod directory;
pub(crate) mod events;
pub(crate) mod http;
pub(crate) mod hub;
pub(crate) mod kafka;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod prometheus;
mod spawner;

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` gives something, which is the answer.
///
/// # Panics
/// When nothing has come within `limit`; `what` says what was waited for.
pub(crate) fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < limit,
            "waited {limit:?} in vain: {what}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `look` gives `wanted`, and tells what it gave last if it never does.
pub(crate) fn becomes<T: PartialEq + std::fmt::Debug>(
    what: &str,
    limit: Duration,
    wanted: T,
    mut look: impl FnMut() -> T,
) {
    let started = Instant::now();
    loop {
        let found = look();
        if found == wanted {
            return;
        }
        assert!(
            started.elapsed() < limit,
            "waited {limit:?} for {what} to become {wanted:?}; it is {found:?}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}
