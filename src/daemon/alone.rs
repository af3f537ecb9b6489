//! One process that does everything.

use super::keeper::Keeper;
use super::recover::{Place, Recovered};
use super::{DaemonError, LEAVE_WITHIN, Run, raise};
use crate::domain::EventTime;
use crate::engine::{Back, Pipeline, StepDone};
use crate::observe::TimeBound;
use crate::sink::{AlertSinks, SharedStatus};
use crate::source::{KafkaSource, OffsetStore, Subscription};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the judging thread publishes what it can tell of itself.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// How long alert records may take to reach their place when the daemon leaves.
const SETTLE: Duration = Duration::from_secs(2);

/// Starts both threads.
///
/// # Errors
/// Where the state, a sink or the Kafka client cannot be had.
pub(super) fn start(run: Run) -> Result<(), DaemonError> {
    let Run {
        config,
        listener,
        status,
        stop,
        swaps,
        ended,
        leaving,
    } = run;
    let place = Place::take(&config)?;
    // The server answers while a large state is read.
    let settings = config.engine();
    let recovered = Recovered::read(&config, &settings, place.as_ref())?;
    let mut sinks = recovered.sinks(&config)?;
    if let Some(listener) = listener {
        sinks.push(listener);
    }
    let wants_append_time = config.time.bound == TimeBound::Append;
    let kafka = recovered.source(&config.kafka);
    let mut subscription = Subscription::new(&kafka, wants_append_time, recovered.began)?;
    let offsets = subscription.offset_store();
    let keeper = place.map(|place| {
        let (offsets, status) = (offsets.clone(), status.clone());
        Arc::new(Keeper::new(&config, place, &recovered, offsets, status))
    });
    let lacks_position = recovered.lacks_position(&config.output);
    let Recovered {
        back, partitions, ..
    } = recovered;
    subscription.resume(partitions, back.resume());
    if let Some(keeper) = keeper.as_ref().filter(|_| lacks_position) {
        keeper.keep_first(&back, &mut sinks)?;
    }
    let mut writer = Writer {
        sinks,
        offsets,
        done: BTreeMap::new(),
        status: status.clone(),
        published: None,
        keeper: keeper.clone(),
        keep_every: Duration::from_millis(config.state.interval.0.unsigned_abs()),
        kept: Instant::now(),
        told_to: back.closed_to(),
    };
    writer.publish(&back);
    let pipeline = Pipeline::start(back, settings.queue(), move |back, done| {
        writer.take(back, done)
    })?;
    let idle_after = Duration::from_millis(config.time.idle_after.0.unsigned_abs());
    let source = KafkaSource::new(
        &subscription,
        &settings,
        pipeline,
        status.clone(),
        idle_after,
        swaps,
        Instant::now(),
    );
    std::thread::Builder::new()
        .name(String::from("vigie-read"))
        .spawn(move || {
            let read = source.run(&subscription, &stop);
            let outcome = read.map(|back| {
                if let Some(keeper) = &keeper {
                    keeper.keep_last(&back);
                }
            });
            // It lets go of the directory.
            drop(keeper);
            // Said before the consumer is dropped: that can block while a broker is dead.
            let _ = ended.send(outcome.map_err(DaemonError::from));
            subscription.leave(LEAVE_WITHIN);
            drop(leaving);
        })?;
    Ok(())
}

/// What happens on the judging thread after each step.
struct Writer {
    sinks: AlertSinks,
    offsets: OffsetStore,
    /// Offsets whose work is done, to be stored once no alert record is on its way any more.
    done: BTreeMap<i32, i64>,
    status: SharedStatus,
    published: Option<Instant>,
    /// Where there is one, it stores offsets.
    keeper: Option<Arc<Keeper>>,
    keep_every: Duration,
    kept: Instant,
    /// Windows up to then are judged.
    told_to: Option<EventTime>,
}

impl Writer {
    fn take(&mut self, back: &Back, done: StepDone) {
        for alert in &done.alerts {
            raise(&mut self.sinks, &self.status, alert);
        }
        self.done.extend(done.resume);
        self.told_to = back.closed_to();
        if self.sinks.is_settled() {
            self.settled(back);
        }
        let due = self
            .published
            .is_none_or(|published| published.elapsed() >= STATUS_EVERY);
        if due || !done.alerts.is_empty() {
            self.publish(back);
        }
    }

    /// No alert record is on its way: the work up to here is done.
    fn settled(&mut self, back: &Back) {
        let Some(keeper) = &self.keeper else {
            self.store_offsets();
            return;
        };
        if self.kept.elapsed() >= self.keep_every {
            keeper.keep(back, &mut self.sinks);
            self.kept = Instant::now();
        }
    }

    fn store_offsets(&mut self) {
        for (partition, offset) in std::mem::take(&mut self.done) {
            self.offsets.store(partition, offset);
        }
    }

    fn publish(&mut self, back: &Back) {
        let state = back.status();
        let mut status = self.status.lock();
        status.back = state;
        status.delivery_failures = self.sinks.failures();
        drop(status);
        self.published = Some(Instant::now());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sinks.settle(SETTLE);
        match &self.keeper {
            Some(keeper) => keeper.leave(&mut self.sinks, self.told_to),
            None if self.sinks.is_settled() => self.store_offsets(),
            None => {}
        }
    }
}
