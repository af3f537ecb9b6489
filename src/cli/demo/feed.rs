//! Simulated traffic into the broker of this process, on a thread of its own.

use crate::cli::producer::EventProducer;
use crate::domain::{EventTime, Span};
use crate::simulate::Hub;
use crate::sink::SharedStatus;
use rdkafka::error::KafkaError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The broker inside the process throws away what does not fit: no more messages than this are
/// on their way at once.
const OUTSTANDING_MAX: u64 = 4_000;
const PAUSE: Duration = Duration::from_millis(2);
const FLUSH: Duration = Duration::from_secs(2);

/// What the thread and its owner share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    now: AtomicI64,
    sent: AtomicU64,
}

/// The running feed.
pub(super) struct Feed {
    shared: Arc<Shared>,
    live: SharedStatus,
    thread: JoinHandle<Result<u64, KafkaError>>,
}

impl Feed {
    /// Starts sending what happens at `hub`, so fast that `speed` of event time passes in a
    /// second, and no faster than the daemon behind `live` reads.
    pub(super) fn start(
        hub: Hub,
        brokers: &str,
        topic: &'static str,
        speed: Span,
        live: SharedStatus,
    ) -> Result<Feed, Box<dyn std::error::Error + Send + Sync>> {
        let producer = EventProducer::new(brokers, topic)?;
        let shared = Arc::new(Shared::default());
        shared.now.store(hub.now().0, Ordering::Relaxed);
        let sender = Sender {
            hub,
            producer,
            shared: Arc::clone(&shared),
            live: live.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(String::from("vigie-feed"))
            .spawn(move || sender.run(speed))?;
        Ok(Feed {
            shared,
            live,
            thread,
        })
    }

    /// How far event time has come.
    pub(super) fn now(&self) -> EventTime {
        EventTime(self.shared.now.load(Ordering::Relaxed))
    }

    /// Messages that the daemon has not read yet.
    pub(super) fn outstanding(&self) -> u64 {
        outstanding(&self.shared, &self.live)
    }

    /// No more messages.
    pub(super) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the thread; gives the number of messages that the broker did not take.
    pub(super) fn join(self) -> Result<u64, KafkaError> {
        self.stop();
        self.thread.join().unwrap_or(Err(KafkaError::Canceled))
    }
}

fn outstanding(shared: &Shared, live: &SharedStatus) -> u64 {
    let read = live.lock().counts.read();
    shared.sent.load(Ordering::Relaxed).saturating_sub(read)
}

struct Sender {
    hub: Hub,
    producer: EventProducer,
    shared: Arc<Shared>,
    live: SharedStatus,
}

impl Sender {
    /// Gives the number of messages that the broker did not take.
    fn run(mut self, speed: Span) -> Result<u64, KafkaError> {
        let (started, began) = (Instant::now(), self.hub.now());
        while !self.stopped() {
            let (producer, shared) = (&mut self.producer, &self.shared);
            let mut fault = None;
            self.hub.visit_minute(|event| match producer.send(event) {
                Ok(_) => {
                    shared.sent.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => fault = Some(error),
            });
            if let Some(fault) = fault {
                return Err(fault);
            }
            let now = self.hub.now();
            self.shared.now.store(now.0, Ordering::Relaxed);
            let due = Duration::from_secs_f64((now - began).0 as f64 / speed.0.max(1) as f64);
            while !self.stopped()
                && (started.elapsed() < due
                    || outstanding(&self.shared, &self.live) > OUTSTANDING_MAX)
            {
                std::thread::sleep(PAUSE);
            }
        }
        self.producer.flush(FLUSH)?;
        Ok(self.producer.failures())
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }
}
