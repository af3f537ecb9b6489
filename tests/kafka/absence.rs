//! The broker goes away and comes back.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::events::{Story, message};
use crate::support::kafka::Node;
use crate::support::{becomes, eventually};
use std::time::Duration;

const PARTITIONS: i32 = 2;

#[test]
fn a_broker_that_comes_back_finds_the_daemon_as_it_was_and_nothing_is_lost() {
    let mut node = Node::start();
    let kafka = node.client();
    let setting = Setting::made(&kafka, PARTITIONS);
    let story = Story::began(Duration::from_secs(4 * 3_600));
    let plays = |seconds: std::ops::Range<u64>| {
        for partition in 0..PARTITIONS {
            kafka.produce(
                &setting.topic,
                story.traffic(partition, seconds.clone(), 60),
            );
        }
    };
    let daemon = Daemon::start(&setting);
    plays(0..3_600);
    // This one stands in a pane that is open when the broker dies.
    kafka.produce(&setting.topic, [message(0, &story.touch(3_590, "before"))]);
    let read = 2 * 60 + 1;
    daemon.has_read(read);
    // What is read is judged a little later.
    let mut before = 0.0;
    let entities = eventually("all that was read to be judged", SOON, || {
        let now = daemon.scrape().sum("vigie_entities", &[]);
        let settled = now > 0.0 && now == before;
        before = now;
        settled.then_some(now)
    });

    node.kill();
    eventually("the daemon to notice", SOON, || {
        let errors = daemon.scrape().sum("vigie_kafka_errors_total", &[]);
        (errors > 0.0).then_some(())
    });
    assert_eq!(daemon.get("/-/ready").status, 200);
    let scrape = daemon.scrape();
    assert_eq!(scrape.sum("vigie_entities", &[]), entities);
    assert_eq!(scrape.sum("vigie_events_read_total", &[]), read as f64);

    node.restart();
    kafka.produce(&setting.topic, [message(1, &story.touch(3_610, "after"))]);
    plays(3_600..2 * 3_600);
    daemon.has_read(read + 2 * 60 + 1);
    for fate in ["rejected", "late", "duplicate"] {
        let metric = format!("vigie_events_{fate}_total");
        assert_eq!(daemon.scrape().sum(&metric, &[]), 0.0, "{fate}");
    }
    becomes("alerts of decoys", SOON, 2.0, || {
        let decoys = [("detection", "decoy_record_touched")];
        daemon.scrape().sum("vigie_alerts_total", &decoys)
    });
    assert_eq!(daemon.get("/-/ready").status, 200);
}
