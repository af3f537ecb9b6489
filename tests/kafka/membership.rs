//! A member of the group with a name of its own, as a pod or a unit has one: who dies and comes back
//! under it goes on at once, and nobody waits until the broker has missed it.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::eventually;
use crate::support::kafka::shared;
use std::time::{Duration, Instant};

/// As it is by default.
const SESSION: Duration = Duration::from_secs(45);

#[test]
fn killed_and_started_again_under_its_name_it_reads_before_its_session_ends() {
    let kafka = shared();
    let setting = Setting::made(&kafka, 2);
    let own = format!(
        "session.timeout.ms: {}\n    group.instance.id: vigie-0\n",
        SESSION.as_millis()
    );
    let yaml = setting.yaml().replace("session.timeout.ms: 6000\n", &own);
    assert!(yaml.contains(&own));
    let is_ready = |daemon: &Daemon| {
        eventually("partitions to be assigned", SESSION + SOON, || {
            (daemon.get("/-/ready").status == 200).then_some(())
        });
    };
    let first = Daemon::start_with(&yaml);
    is_ready(&first);
    // It is killed as its owner lets go of it.
    drop(first);
    let killed = Instant::now();
    let second = Daemon::start_with(&yaml);
    is_ready(&second);
    let took = killed.elapsed();
    assert!(took < SESSION / 2, "it took {took:?}");
}
