//! `vigie demo`

mod feed;
mod scoreboard;

use super::words::{per_second, thousands};
use super::{Failure, logging};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::domain::{Alert, AlertStatus, EventTime, Severity, Span};
use crate::simulate::{Attack, Hub, Settings};
use console::{Style, style};
use feed::Feed;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rdkafka::mocking::MockCluster;
use scoreboard::Scoreboard;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const TOPIC: &str = "shipments";
const ALERT_TOPIC: &str = "vigie-alerts";
const PARTITIONS: i32 = 4;
/// The attacks come again every week, as often as this.
const WEEKS: i64 = 8;
/// How often the terminal is brought up to date.
const TICK: Duration = Duration::from_millis(100);
/// Where there is no terminal to draw on, how often a line says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);
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
        let mut daemon = Daemon::start(&config, Some(Box::new(listener)))
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
    let week: Vec<Attack> = settings.attacks.clone();
    for number in 1..WEEKS {
        settings.attacks.extend(week.iter().map(|attack| Attack {
            after: Span(attack.after.0 + number * Span::days(7).0),
            ..*attack
        }));
    }
    settings
}

/// What a person sees.
struct Stage {
    line: ProgressBar,
    scoreboard: Scoreboard,
    began: EventTime,
    started: Instant,
    said: Instant,
    /// How far event time has come.
    now: EventTime,
}

impl Stage {
    fn new(hub: &Hub, began: EventTime) -> Stage {
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        line.set_style(
            ProgressStyle::with_template("{spinner:.cyan} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        line.enable_steady_tick(TICK);
        Stage {
            line,
            scoreboard: Scoreboard::new(hub.episodes()),
            began,
            started: Instant::now(),
            said: Instant::now(),
            now: began,
        }
    }

    fn say(&self, text: &str) {
        self.line.suspend(|| eprintln!("{text}"));
    }

    /// "day 4 08:05"
    fn day_and_time(&self, time: EventTime) -> String {
        let since = time - self.began;
        let minutes = since.0.rem_euclid(Span::DAY.0) / Span::MINUTE.0;
        let day = since.0.div_euclid(Span::DAY.0);
        format!("day {day} {:02}:{:02}", minutes / 60, minutes % 60)
    }

    fn bring_up_to_date(&mut self, feed: &Feed, daemon: &Daemon, told: &Receiver<Alert>) {
        self.now = feed.now();
        for story in self.scoreboard.begun_by(self.now) {
            let when = self.day_and_time(self.now);
            let mark = style("injected").magenta().bold();
            self.say(&format!("{when}  {mark}  {story}"));
        }
        self.tell(told);
        let status = daemon.status();
        let read = status.counts.read();
        let text = format!(
            "{}  {} events, {}/s  {} active alerts  {}",
            self.day_and_time(self.now),
            thousands(read),
            per_second(read, self.started.elapsed()),
            status.back.active.len(),
            self.scoreboard.summary(),
        );
        if self.line.is_hidden() && self.said.elapsed() >= SAY_EVERY {
            self.said = Instant::now();
            eprintln!("{text}");
        }
        self.line.set_message(text);
    }

    /// Tells of the alerts that have come.
    fn tell(&mut self, told: &Receiver<Alert>) {
        while let Ok(alert) = told.try_recv() {
            if alert.status != AlertStatus::Firing {
                continue;
            }
            let colour = match alert.severity {
                Severity::Critical => Style::new().red().bold(),
                Severity::Warning => Style::new().yellow().bold(),
                Severity::Info => Style::new().cyan(),
            };
            let when = self.day_and_time(alert.decided);
            let what = colour.apply_to(format!("{:<8}", alert.severity.name()));
            let name = style(&alert.detection).bold();
            let behind = match self.scoreboard.note(&alert) {
                Some(story) => format!("{} {story}", style("injected:").magenta()),
                None => style("nothing was injected there").dim().to_string(),
            };
            self.say(&format!(
                "{when}  {what}  {name}: {}\n             {behind}",
                alert.explanation
            ));
        }
    }

    fn finish(&self, read: u64) {
        self.line.finish_and_clear();
        let days = (self.now - self.began).0 as f64 / Span::DAY.0 as f64;
        eprintln!(
            "\n{} events of {days:.1} days in {:.0} s\n",
            thousands(read),
            self.started.elapsed().as_secs_f64()
        );
        eprint!("{}", self.scoreboard.table(self.now, self.began));
    }
}
