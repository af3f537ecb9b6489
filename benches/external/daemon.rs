//! `vigie run` over a historic topic, from its beginning to its end.

use super::data::progress;
use super::support::process::Process;
use super::support::{daemon::command, directory, eventually, http, ports};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Without anything new for so long the daemon is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// Longer than it takes to find a partition idle: with no test made for so long, all are made.
const SETTLED_AFTER: Duration = Duration::from_secs(12);

/// The shipped settings, for a topic whose events are years old: their times are bounded by
/// their neighbours, not by when the broker took them.
pub(crate) fn settings(brokers: &str, topic: &str, alerts: &str, listen: &str) -> String {
    format!(
        "kafka: {{brokers: '{brokers}', topics: [{topic}], group: {topic}-vigie, start: earliest}}
time: {{bound: neighbours, idle_after: 5s}}
alerts: {{topic: {alerts}}}
http: {{listen: '{listen}'}}
log: {{level: warn}}
"
    )
}

/// A running daemon.
pub(crate) struct Daemon {
    process: Process,
    address: String,
    _directory: TempDir,
}

impl Daemon {
    /// Starts it on these topics, and waits until it serves.
    pub(crate) fn start(brokers: &str, topic: &str, alerts: &str) -> Daemon {
        let directory = directory::fresh();
        let address = format!("127.0.0.1:{}", ports::free());
        let config = directory.path().join("vigie.yaml");
        let text = settings(brokers, topic, alerts, &address);
        std::fs::write(&config, text).expect("a file in a fresh directory");
        let mut vigie = command();
        vigie.arg("run").arg("--config").arg(config);
        let mut process = Process::start(vigie, "cargo builds it");
        eventually("vigie to serve", START_WITHIN, || {
            let ended = process.status();
            assert!(
                ended.is_none(),
                "vigie ended while starting: {ended:?}\n{}",
                process.stderr()
            );
            http::get(&address, "/-/healthy").ok()
        });
        Daemon {
            process,
            address,
            _directory: directory,
        }
    }

    /// Where it serves, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it exports now.
    pub(crate) fn scrape(&self) -> Scrape {
        let answer = http::get(&self.address, "/metrics").expect("vigie answers");
        Scrape(answer.body)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.process.stderr()
    }

    /// Waits until it has read so many messages: how long it took until the first was seen to
    /// be read, and from there to the last.
    pub(crate) fn reads(&self, messages: usize) -> [Duration; 2] {
        let started = Instant::now();
        let mut first = None;
        let bar = progress("vigie reads", Some(messages as u64));
        self.watch(STUCK_AFTER, |scrape| {
            let read = scrape.sum("vigie_events_read_total");
            bar.set_position(read as u64);
            if read > 0.0 {
                first.get_or_insert(started.elapsed());
            }
            (read, read >= messages as f64)
        });
        bar.finish_and_clear();
        let read = self.scrape().sum("vigie_events_read_total");
        assert_eq!(read, messages as f64, "{}", self.log());
        let (all, first) = (started.elapsed(), first.unwrap_or_default());
        [first, all - first]
    }

    /// Waits until it has judged what it has read.
    pub(crate) fn settles(&self) {
        let bar = progress("vigie judges the last windows", None);
        let (mut judged, mut since) = (f64::NAN, Instant::now());
        self.watch(STUCK_AFTER, |scrape| {
            let tests = scrape.sum("vigie_tests_total");
            if tests != judged {
                (judged, since) = (tests, Instant::now());
            }
            (tests, since.elapsed() >= SETTLED_AFTER)
        });
        bar.finish_and_clear();
    }

    /// Looks until `look` is done; what it gives beside that must change now and then.
    fn watch(&self, stuck_after: Duration, mut look: impl FnMut(&Scrape) -> (f64, bool)) {
        let (mut last, mut since) = (f64::NAN, Instant::now());
        loop {
            let (seen, done) = look(&self.scrape());
            if done {
                return;
            }
            if seen != last {
                (last, since) = (seen, Instant::now());
            }
            assert!(since.elapsed() < stuck_after, "stuck:\n{}", self.log());
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// What was exported at one moment.
pub(crate) struct Scrape(String);

impl Scrape {
    /// The series of a metric: labels as they stand there, and the value.
    pub(crate) fn series(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.0.lines().filter_map(move |line| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            let whole = labels.is_empty() || labels.starts_with('{');
            Some((labels, value.parse().ok()?)).filter(|_| whole)
        })
    }

    /// Their sum.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }
}

/// A file of rules for Prometheus without any rule.
pub(crate) fn no_rules(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("rules.yaml");
    std::fs::write(&path, "groups: []\n").expect("a file in a fresh directory");
    path
}
