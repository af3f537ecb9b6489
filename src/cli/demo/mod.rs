//! `vigie demo`

mod feed;
mod scoreboard;
mod stage;

use super::{Failure, logging};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::domain::{Alert, Span};
use crate::simulate::{Hub, Injection, Settings};
use console::style;
use feed::Feed;
use rdkafka::mocking::MockCluster;
use stage::{Stage, TICK};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const TOPIC: &str = "shipments";
const ALERT_TOPIC: &str = "vigie-alerts";
const PARTITIONS: i32 = 4;
/// The attacks come again every week, as often as this.
const WEEKS: i64 = 8;
/// How long what was sent may take to be read at the end.
const DRAIN: Duration = Duration::from_secs(3);

/// See it work: a broker, traffic with attacks, and the daemon, all in this process.
///
/// A broker inside the process carries the simulated traffic of a small hub, event time running
/// thousands of times faster than the clock. From the fourth day on attacks are injected; what
/// was injected is told beside what was found. Metrics are at http://127.0.0.1:9477/metrics.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vigie demo                    until Ctrl-C
  vigie demo --for 60s          ten days of event time, then what was found
  vigie demo --seed 7 --speed 1h")]
pub(super) struct Demo {
    /// Leave after this time; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = Span::parse)]
    time: Option<Span>,
    /// Event time that passes in a second.
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = Span::parse)]
    speed: Span,
    /// Another seed is another hub with other attacked entities.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where metrics and the page are served.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9477")]
    listen: SocketAddr,
}

impl Demo {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Failure::running)?;
        let outcome = runtime.block_on(self.run());
        runtime.shutdown_background();
        outcome
    }

    async fn run(&self) -> Result<(), Failure> {
        let broker = MockCluster::new(1).map_err(Failure::running)?;
        for (topic, partitions) in [(TOPIC, PARTITIONS), (ALERT_TOPIC, 1)] {
            broker
                .create_topic(topic, partitions, 1)
                .map_err(Failure::running)?;
        }
        let hub = Hub::new(settings(self.seed));
        let config = self.config(&broker.bootstrap_servers(), &hub.decoys())?;
        logging::start(&config.log);
        let (tell, told) = channel();
        let listener = move |alert: &Alert| {
            // Nobody listens any more while the demo leaves.
            let _ = tell.send(alert.clone());
        };
        let mut daemon = Daemon::start(&config, None, Some(Box::new(listener)))
            .await
            .map_err(Failure::running)?;
        let began = hub.now();
        let mut stage = Stage::new(&hub, began);
        let address = daemon.address();
        stage.say(&format!(
            "{}  seed {}, {} of event time a second, starting {began}
   metrics http://{address}/metrics, page http://{address}/\n",
            style("vigie demo").bold(),
            self.seed,
            self.speed,
        ));
        let feed = Feed::start(
            hub,
            &broker.bootstrap_servers(),
            TOPIC,
            self.speed,
            daemon.live(),
        )?;

        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::running)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::running)?;
        let deadline = self
            .time
            .map(|time| Instant::now() + Duration::from_millis(time.0.unsigned_abs()));
        let mut ticks = tokio::time::interval(TICK);
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            tokio::select! {
                _ = ticks.tick() => stage.bring_up_to_date(&feed, &daemon, &told),
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                fault = daemon.ended() => return Err(Failure::running(fault)),
            }
        }

        feed.stop();
        let patience = Instant::now() + DRAIN;
        while feed.outstanding() > 0 && Instant::now() < patience {
            ticks.tick().await;
            stage.bring_up_to_date(&feed, &daemon, &told);
        }
        let counts = daemon.status().counts;
        let in_time = daemon.stop().await.map_err(Failure::running)?;
        stage.tell(&told);
        let failures = feed.join().map_err(Failure::running)?;
        stage.finish(counts.read());
        if failures > 0 || !in_time {
            let message = format!(
                "the broker in this process did not keep up: {failures} messages were not delivered"
            );
            return Err(Failure::Running(message.into()));
        }
        Ok(())
    }

    /// The shipped catalogue over the broker in this process.
    fn config(&self, brokers: &str, decoys: &[String]) -> Result<Config, Failure> {
        let decoys = decoys.join("\", \"");
        let text = format!(
            r#"
kafka: {{ brokers: "{brokers}", topics: [{TOPIC}], group: vigie-demo, start: earliest }}
time: {{ bound: neighbours, idle_after: 5s }}
alerts: {{ topic: {ALERT_TOPIC} }}
http: {{ listen: "{}" }}
log: {{ level: error }}
lists: {{ decoys: ["{decoys}"] }}
"#,
            self.listen
        );
        Ok(Config::parse("the demo's settings", &text, Path::new("."))?)
    }
}

/// The demo's hub, its attacks repeated week by week.
fn settings(seed: u64) -> Settings {
    let mut settings = Settings::demo(seed);
    settings.days = 7 * WEEKS;
    let week: Vec<Injection> = settings.injections.clone();
    for number in 1..WEEKS {
        let again = week.iter().map(|injection| Injection {
            after: Span(injection.after.0 + number * Span::days(7).0),
            ..injection.clone()
        });
        settings.injections.extend(again);
    }
    settings
}
