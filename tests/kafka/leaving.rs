//! SIGTERM: the daemon leaves in time and in peace, whatever the broker does.

use crate::support::daemon::{Daemon, SOON, Setting, as_replica};
use crate::support::events::Story;
use crate::support::kafka::{Node, shared};
use crate::support::ports;
use crate::support::{becomes, eventually};
use std::time::Duration;

/// What the daemon promises.
const PROMISED: Duration = Duration::from_secs(5);
/// How long it is waited for, to tell late from never.
const PATIENCE: Duration = Duration::from_secs(20);

fn leaves_as_promised(daemon: Daemon) {
    let ended = daemon.leave(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.took < PROMISED, "it took {:?}", ended.took);
}

#[test]
fn with_a_live_broker_it_leaves_in_time_and_commits_what_is_done() {
    let kafka = shared();
    let setting = Setting::made(&kafka, 2);
    let story = Story::began(Duration::from_secs(3 * 3_600));
    for partition in 0..2 {
        kafka.produce(&setting.topic, story.traffic(partition, 0..3_600, 60));
    }
    let daemon = Daemon::start(&setting);
    daemon.has_read(120);
    leaves_as_promised(daemon);
    // Of sixty events in each partition the panes of the last nine were open.
    let committed = kafka.committed(&setting.group, &setting.topic);
    assert_eq!(Vec::from_iter(committed.into_values()), [Some(51); 2]);
}

#[test]
fn nobody_waits_for_who_has_left() {
    let kafka = shared();
    let setting = Setting::made(&kafka, 1);
    let story = Story::began(Duration::from_secs(3 * 3_600));
    kafka.produce(&setting.topic, story.traffic(0, 0..3_600, 60));
    // Should it just go, the group would wait for so long.
    let yaml = setting
        .yaml()
        .replace("session.timeout.ms: 6000", "session.timeout.ms: 60000");
    for (yaml, partitions) in [(as_replica(&yaml, &setting.group, 8, "1s"), 11), (yaml, 1)] {
        for _ in 0..2 {
            let daemon = Daemon::start_with(&yaml);
            becomes("partitions", SOON, partitions, || {
                daemon.scrape().count("vigie_kafka_lag_messages")
            });
            // One that nothing is left for, and that has joined by then.
            let other = Daemon::start_with(&yaml);
            std::thread::sleep(Duration::from_secs(3));
            leaves_as_promised(other);
            leaves_as_promised(daemon);
        }
    }
}

#[test]
fn with_a_broker_that_died_it_leaves_in_time() {
    let mut node = Node::start();
    let kafka = node.client();
    let setting = Setting::made(&kafka, 1);
    let story = Story::began(Duration::from_secs(3 * 3_600));
    kafka.produce(&setting.topic, story.traffic(0, 0..3_600, 60));
    let apart = Setting::made(&kafka, 1);
    let both = [
        setting.yaml(),
        as_replica(&apart.yaml(), &apart.group, 8, "1s"),
    ];
    let daemons = both.map(|yaml| Daemon::start_with(&yaml));
    daemons[0].has_read(60);
    becomes("partitions of a replica", SOON, 11, || {
        daemons[1].scrape().count("vigie_kafka_lag_messages")
    });
    node.kill();
    for daemon in daemons {
        eventually("the daemon to notice", SOON, || {
            let errors = daemon.scrape().sum("vigie_kafka_errors_total", &[]);
            (errors > 0.0).then_some(())
        });
        leaves_as_promised(daemon);
    }
}

#[test]
fn with_a_broker_that_never_was_it_serves_and_leaves_in_time() {
    let setting = Setting::fresh(&format!("127.0.0.1:{}", ports::free()));
    let daemon = Daemon::start(&setting);
    eventually("the daemon to notice", SOON, || {
        let errors = daemon.scrape().sum("vigie_kafka_errors_total", &[]);
        (errors > 0.0).then_some(())
    });
    assert_eq!(daemon.get("/-/healthy").status, 200);
    assert_eq!(daemon.get("/-/ready").status, 503);
    leaves_as_promised(daemon);
}
