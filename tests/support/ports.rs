//! Free ports on loopback.
//!
//! They lie below the range from which the kernel takes the ports of clients: a client that keeps
//! calling a port in that range while nobody listens can be given that very port, and be
//! connected with itself.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u16 = 20_000;
const COUNT: u32 = 10_000;

/// A port that nobody listens on, and that no other call in this process returns.
pub(crate) fn free() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + (step % COUNT) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} on is free");
}
