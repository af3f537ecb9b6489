//! What the daemon serves.

use crate::support::daemon::{Daemon, SOON, Setting};
use crate::support::eventually;
use crate::support::kafka::shared;

#[test]
fn it_is_ready_once_it_has_partitions_and_answers_each_path_in_its_form() {
    let setting = Setting::made(&shared(), 1);
    let daemon = Daemon::start(&setting);
    assert_eq!(daemon.get("/-/healthy").status, 200);
    eventually("the daemon to be ready", SOON, || {
        let status = daemon.get("/-/ready").status;
        assert!([200, 503].contains(&status), "{status}");
        (status == 200).then_some(())
    });
    let forms = [
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/-/healthy", 200, "text/plain; charset=utf-8"),
        ("/-/ready", 200, "text/plain; charset=utf-8"),
        ("/api/v1/alerts", 200, "application/json"),
        ("/", 200, "text/html; charset=utf-8"),
        ("/nowhere", 404, "text/plain; charset=utf-8"),
        ("/metrics/", 404, "text/plain; charset=utf-8"),
    ];
    for (path, status, form) in forms {
        let answer = daemon.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some(form), "{path}");
        assert!(!answer.body.is_empty(), "{path}");
    }
}
