//! Starts sends, and passes their results to the recorder.
//!
//! Code that makes, sends or records deliveries depends on the launcher, not on the dispatcher's loop. The outbox, for
//! example, reserves a place through the launcher's scheduler, and has the launcher start the send after the commit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::SendContext;
use super::metrics::{Backlog, Metrics};
use super::record::Record;
use super::scheduler::endpoint_queue::{EndpointSignal, Held};
use super::scheduler::{Scheduler, Work, bytes_of};
use super::send::{self, Sent};
use crate::channels::Channels;
use crate::ids::EndpointId;
use crate::store::endpoints::Endpoint;
use crate::store::queue::{self, ClaimedDelivery, Next, Settlement};
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

/// How long a count of the backlog is reused.
const COUNTED: Duration = Duration::from_secs(5);
/// Limit up to which the backlog is counted.
const MOST_COUNTED: u32 = 100_000;

/// Starts sends, and wakes the dispatcher's loop.
pub struct Launcher {
    pub(super) context: SendContext,
    pub(super) scheduler: Scheduler,
    pub(super) metrics: Metrics,
    /// The last count, with its time. A std mutex: locked for a copy, never across an await.
    backlog: Mutex<Option<(Timestamp, Backlog)>>,
    /// To the recorder; `None` ends it. Bounded by the scheduler: each delivery in memory has one record at most.
    records: mpsc::UnboundedSender<Option<Record>>,
    /// When the sleeping loop wakes up, in microseconds.
    next_wake: AtomicI64,
    /// Wakes the loop earlier, for a timer. Polls of the database are requested by [`Signals`](crate::store::Signals).
    wake: Notify,
    /// The earliest due time written since the last poll began, in microseconds. That poll may have missed it.
    earliest_due: AtomicI64,
    sends: TaskTracker,
    stop: CancellationToken,
}

impl Launcher {
    /// Returns a launcher that starts sends until `stop`, and the channel that the recorder reads.
    pub(super) fn new(
        context: SendContext,
        stop: CancellationToken,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Option<Record>>) {
        let (records, written) = mpsc::unbounded_channel();
        let scheduler = Scheduler::new(Arc::clone(&context.clock), context.needed(), context.sends);
        let launcher = Arc::new(Self {
            context,
            scheduler,
            metrics: Metrics::default(),
            backlog: Mutex::default(),
            records,
            next_wake: AtomicI64::new(i64::MIN),
            wake: Notify::new(),
            earliest_due: AtomicI64::new(i64::MAX),
            sends: TaskTracker::new(),
            stop,
        });
        (launcher, written)
    }

    /// The dependencies of all sends.
    pub const fn context(&self) -> &SendContext {
        &self.context
    }

    /// The channels that render messages.
    pub const fn channels(&self) -> &Arc<Channels> {
        &self.context.channels
    }

    /// Returns which of these endpoints are sent nothing at present, and why, as far as this process knows.
    pub fn held(&self, endpoints: &[EndpointId]) -> HashMap<EndpointId, Held> {
        self.scheduler.held(endpoints)
    }

    /// Returns the engine's metrics as text. The database is counted once every few seconds at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        let now = self.context.clock.now();
        let known = *self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        let backlog = match known {
            Some((counted, backlog)) if counted <= now && now.since(counted) < COUNTED => backlog,
            _ => {
                let (due, oldest) = queue::overdue(&mut self.context.store.read().await?, now, MOST_COUNTED).await?;
                let oldest = oldest.map(|due| now.since(due)).unwrap_or_default();
                let backlog = Backlog { due, oldest };
                *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, backlog));
                backlog
            }
        };
        self.metrics.set_apart(&self.context.store.unreadable());
        Ok(self.metrics.text(self.scheduler.load(), backlog))
    }

    /// Whether graceful shutdown has begun, so that no new send may start.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until graceful shutdown begins.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> crate::store::Operation<'t, Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
    {
        self.context.store.write(operation).await
    }

    /// Starts the sends, and returns the leases, that the scheduler has decided on.
    pub(super) fn carry_out(self: &Arc<Self>, work: Work) {
        for (endpoint, claimed) in work.sends {
            let launcher = Arc::clone(self);
            // Boxed: the runtime moves a task's future several times, and this one has 16 KiB.
            self.sends.spawn(Box::pin(async move { launcher.send(&endpoint, claimed).await }));
        }
        let now = self.context.clock.now();
        for claimed in work.give_back {
            let settlement = Settlement::untried(&claimed, Next::GiveBack(now));
            self.record(Record { settlement, bytes: bytes_of(&claimed), is_gone: None, unlock: None, template: None });
        }
        if let Some(timer) = self.scheduler.next_timer() {
            self.wake_by(timer);
        }
    }

    async fn send(self: &Arc<Self>, endpoint: &Endpoint, claimed: ClaimedDelivery) {
        let bytes = bytes_of(&claimed);
        let mut place = UnderWay { launcher: Arc::clone(self), endpoint: endpoint.id, bytes, signal: None };
        let sent = send::send(&self.context, &self.metrics, endpoint, &claimed).await;
        place.signal = Some(sent.signal);
        drop(place);
        let Sent { signal: _, settlement, is_gone, unlock, template } = sent;
        self.record(Record { settlement, bytes, is_gone, unlock, template });
    }

    fn record(&self, record: Record) {
        let (endpoint, bytes) = (record.settlement.endpoint_id, record.bytes);
        if self.records.send(Some(record)).is_err() {
            tracing::warn!("cannot record a result: the delivery is claimed again when its lease runs out");
            self.release(endpoint, bytes);
        }
    }

    /// Releases a delivery's place in the scheduler.
    pub(super) fn release(&self, endpoint: EndpointId, bytes: usize) {
        if self.scheduler.release(endpoint, bytes) {
            self.context.store.signals().wake_deliveries();
        }
    }

    /// Drains: returns the leases of waiting deliveries, then waits for the sends under way, each bounded by its
    /// deadline.
    pub(super) async fn wind_down(self: &Arc<Self>) {
        self.carry_out(self.scheduler.close());
        self.sends.close();
        self.sends.wait().await;
        let _ended = self.records.send(None);
    }

    /// Notes that a delivery was written with this due time, and wakes the loop in time for it.
    pub(super) fn note_due(&self, due: Timestamp) {
        self.earliest_due.fetch_min(due.as_micros(), Ordering::SeqCst);
        self.wake_by(due);
    }

    /// The earliest due time written since [`Self::begin_poll`].
    pub(super) fn earliest_due(&self) -> Timestamp {
        Timestamp::from_micros(self.earliest_due.load(Ordering::SeqCst))
    }

    /// Notes that a poll begins: it may miss any due time that is written from now on.
    pub(super) fn begin_poll(&self) {
        self.earliest_due.store(i64::MAX, Ordering::SeqCst);
    }

    /// Makes the loop wake up at that time at the latest.
    pub(super) fn wake_by(&self, at: Timestamp) {
        if at.as_micros() < self.next_wake.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    /// Notes that the loop is running, and needs no wake-up.
    pub(super) fn set_awake(&self) {
        self.next_wake.store(i64::MIN, Ordering::SeqCst);
    }

    /// Notes that the loop goes to sleep. Returns its wake-up: the earliest of the next poll, the scheduler's timers
    /// and the due times written since the last poll.
    pub(super) fn set_asleep(&self, next_poll: Timestamp) -> Timestamp {
        let wake = self.scheduler.next_timer().map_or(next_poll, |timer| timer.min(next_poll));
        self.next_wake.store(wake.as_micros(), Ordering::SeqCst);
        // Read again: a timer set before the store above found the loop awake, and did not wake it.
        let wake = self.scheduler.next_timer().map_or(wake, |timer| timer.min(wake));
        wake.min(self.earliest_due())
    }

    /// Waits until [`Self::wake_by`] wakes the loop.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// One send's share of the limit of concurrent sends. Dropping it reports the end of the send, also after a panic.
struct UnderWay {
    launcher: Arc<Launcher>,
    endpoint: EndpointId,
    bytes: usize,
    /// None when the send did not complete.
    signal: Option<EndpointSignal>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let launcher = &self.launcher;
        launcher.carry_out(launcher.scheduler.ended(self.endpoint, self.signal.unwrap_or(EndpointSignal::Unknown)));
        if self.signal.is_none() {
            // No result will be recorded: the delivery is claimed again when its lease runs out.
            launcher.release(self.endpoint, self.bytes);
        }
    }
}
