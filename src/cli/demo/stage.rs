//! What a person sees of the demo: alerts as they fire, a line that says how far it is, the score.

use super::feed::Feed;
use super::scoreboard::Scoreboard;
use crate::cli::words::{per_second, thousands};
use crate::daemon::Daemon;
use crate::domain::{Alert, AlertStatus, EventTime, Severity, Span};
use crate::simulate::Hub;
use console::{Style, style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How often the terminal is brought up to date.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// Where there is no terminal to draw on, how often a line says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// The terminal, and the score.
pub(super) struct Stage {
    line: ProgressBar,
    scoreboard: Scoreboard,
    began: EventTime,
    started: Instant,
    said: Instant,
    /// How far event time has come.
    now: EventTime,
}

impl Stage {
    pub(super) fn new(hub: &Hub, began: EventTime) -> Stage {
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

    pub(super) fn say(&self, text: &str) {
        self.line.suspend(|| eprintln!("{text}"));
    }

    /// "day 4 08:05"
    fn day_and_time(&self, time: EventTime) -> String {
        let since = time - self.began;
        let minutes = since.0.rem_euclid(Span::DAY.0) / Span::MINUTE.0;
        let day = since.0.div_euclid(Span::DAY.0);
        format!("day {day} {:02}:{:02}", minutes / 60, minutes % 60)
    }

    pub(super) fn bring_up_to_date(
        &mut self,
        feed: &Feed,
        daemon: &Daemon,
        told: &Receiver<Alert>,
    ) {
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
    pub(super) fn tell(&mut self, told: &Receiver<Alert>) {
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

    pub(super) fn finish(&self, read: u64) {
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
