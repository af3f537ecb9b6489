//! How fast simulated traffic is made, lines of JSON included, on one thread.
//!
//! ```text
//! cargo bench --bench simulate
//! ```
//!
//! CPU time of the thread is measured, so that a busy machine does not disturb it. To build the
//! hub, with a journey's length of parcels under way, is not counted; it is printed beside.

use std::process::ExitCode;
use std::time::Duration;
use vigie::simulate::{Hub, HubSize, Plan, to_json_line};

fn main() -> ExitCode {
    measure("small hub, 4 attacks a day", HubSize::Small, 14 * 1_440);
    measure("reference hub, 4 attacks a day", HubSize::Reference, 6 * 60);
    ExitCode::SUCCESS
}

fn measure(name: &str, size: HubSize, minutes: usize) {
    eprintln!("building a {name} ...");
    let settings = Plan {
        size,
        quiet_days: 0,
        ..Plan::new(1)
    };
    let before = thread_clock();
    let mut hub = Hub::new(settings.settings());
    let built = thread_clock() - before;
    let (mut events, mut bytes) = (0_u64, 0);
    let mut lines = Vec::new();
    let before = thread_clock();
    for _ in 0..minutes {
        lines.clear();
        hub.visit_minute(|event| {
            to_json_line(event, &mut lines);
            events += 1;
        });
        bytes += lines.len();
    }
    let time = (thread_clock() - before).as_secs_f64();
    println!(
        "{name}: {events} events of {} bytes in the mean, {:.0} ns each, {:.0} events/s; built in {:.1} s",
        bytes as u64 / events.max(1),
        time * 1e9 / events as f64,
        events as f64 / time,
        built.as_secs_f64()
    );
}

/// CPU time that this thread has had.
#[allow(unsafe_code)]
fn thread_clock() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one `timespec`, to which it is given the only reference.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "the kernel keeps a clock for each thread");
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}
