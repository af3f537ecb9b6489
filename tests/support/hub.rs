//! Simulated traffic through the engine, without a broker and without a clock.

use std::path::Path;
use vigie::config::Config;
use vigie::domain::{Alert, AlertStatus, EpisodeLabel, EventTime, Span};
use vigie::engine::{BackStatus, Counts, Engine, EngineSettings};
use vigie::simulate::{Hub, Settings, to_json_line};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A hub of 20 routes, 120 sellers and 150 actors without attacks, disorder or duplicates: some
/// 20,000 events a day.
pub(crate) fn tiny_hub(seed: u64) -> Settings {
    Settings {
        sellers: 120,
        routes: 20,
        actors: 150,
        parcels_per_day: 1_500.0,
        reads_per_day: 12_000.0,
        ..Settings::small_hub(seed).quiet()
    }
}

/// A hub and the shipped configuration, with the hub's decoys.
#[derive(Clone)]
pub(crate) struct Scene {
    hub: Hub,
    config: Config,
}

/// What came of it.
pub(crate) struct Run {
    pub(crate) began: EventTime,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) episodes: Vec<EpisodeLabel>,
    pub(crate) counts: Counts,
    pub(crate) status: BackStatus,
}

impl Scene {
    pub(crate) fn of(settings: Settings) -> Scene {
        Scene::with(settings, "")
    }

    /// The same with these lines of configuration besides.
    pub(crate) fn with(settings: Settings, lines: &str) -> Scene {
        let hub = Hub::new(settings);
        let decoys = hub.decoys().join("\", \"");
        let text = format!("time: {{ bound: none }}\nlists: {{ decoys: [\"{decoys}\"] }}\n{lines}");
        let config = Config::parse("scene", &text, Path::new(".")).expect("a configuration");
        Scene { hub, config }
    }

    /// So many days' events, each with its time, as lines of JSON in order of arrival.
    pub(crate) fn lines(mut self, days: i64) -> Vec<(EventTime, Vec<u8>)> {
        let end = self.hub.now() + Span::days(days);
        let mut lines = Vec::new();
        while self.hub.now() < end {
            for event in &self.hub.next_minute().events {
                let mut line = Vec::new();
                to_json_line(event, &mut line);
                lines.push((event.time, line));
            }
        }
        lines
    }

    /// What the stages need to know.
    pub(crate) fn settings(&self) -> EngineSettings {
        self.config.engine()
    }

    /// What these events raise, dealt out to so many partitions.
    pub(crate) fn judge(&self, lines: &[(EventTime, Vec<u8>)], partitions: i32) -> Run {
        self.judge_by(&self.settings(), lines, partitions)
    }

    /// The same with other settings.
    pub(crate) fn judge_by(
        &self,
        settings: &EngineSettings,
        lines: &[(EventTime, Vec<u8>)],
        partitions: i32,
    ) -> Run {
        let mut engine = Engine::new(settings, 0..partitions);
        let mut alerts = Vec::new();
        for (number, (_, line)) in lines.iter().enumerate() {
            let partition = (number % partitions as usize) as i32;
            let (_, raised) = engine.feed(partition, number as i64, None, line);
            alerts.extend(raised);
        }
        alerts.extend(engine.finish());
        Run {
            began: self.hub.now(),
            alerts,
            episodes: self.hub.episodes(),
            counts: engine.counts().clone(),
            status: engine.back().status(),
        }
    }

    /// So many days, straight through.
    pub(crate) fn run(self, days: i64) -> Run {
        let lines = lines_of(&self, days);
        self.judge(&lines, 1)
    }
}

/// Whether the alert is on the episode.
pub(crate) fn is_on(alert: &Alert, episode: &EpisodeLabel) -> bool {
    let entity = alert.entity.iter();
    episode.is_named_by(entity.map(|(name, value)| (*name, value.as_str())))
}

/// As [`Scene::lines`], of a scene that is still needed.
pub(crate) fn lines_of(scene: &Scene, days: i64) -> Vec<(EventTime, Vec<u8>)> {
    scene.clone().lines(days)
}

impl Run {
    pub(crate) fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(|alert| alert.status == AlertStatus::Firing)
    }

    /// Every record, as it is written.
    pub(crate) fn records(&self) -> Vec<String> {
        self.alerts
            .iter()
            .map(|alert| serde_json::to_string(alert).expect("an alert"))
            .collect()
    }

    /// Firing alerts in words, for a test that fails.
    pub(crate) fn told(&self) -> Vec<String> {
        self.firing()
            .map(|alert| format!("{} {}", alert.decided, alert.explanation))
            .collect()
    }
}
