//! Starts sends, and passes their results to the recorder.
//!
//! Code that makes, sends or records deliveries holds the launcher, and nothing of the dispatcher's loop. A new delivery, for
//! example, is reserved in the scheduler here, and the launcher starts its send once its transaction has committed.

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

/// How long a count of the backlog serves.
const COUNTED: Duration = Duration::from_secs(5);
/// As far as the backlog is counted.
const MOST_COUNTED: u32 = 100_000;

/// Starts sends.
pub struct Launcher {
    pub(super) context: SendContext,
    pub(super) scheduler: Scheduler,
    pub(super) metrics: Metrics,
    /// As it was counted last. A std mutex: held for a copy, never across an await.
    backlog: Mutex<Option<(Timestamp, Backlog)>>,
    /// To the recorder; none ends it. Bounded by what is held: each delivery has one record at most.
    records: mpsc::UnboundedSender<Option<Record>>,
    /// Until when the loop sleeps, in microseconds.
    next_wake: AtomicI64,
    /// Wakes it sooner, to look at its timers; what wakes it to look into the database is [`Signals`](crate::store::Signals).
    rouse: Notify,
    /// The first moment that was written down since the loop began to look, in microseconds: it may have looked before.
    told: AtomicI64,
    sends: TaskTracker,
    stop: CancellationToken,
}

impl Launcher {
    /// A launcher that starts sends until `stop`, and the channel that the recorder reads.
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
            rouse: Notify::new(),
            told: AtomicI64::new(i64::MAX),
            sends: TaskTracker::new(),
            stop,
        });
        (launcher, written)
    }

    /// What messages are sent with.
    pub const fn context(&self) -> &SendContext {
        &self.context
    }

    /// What messages are made with.
    pub const fn channels(&self) -> &Arc<Channels> {
        &self.context.channels
    }

    /// What keeps everything from these endpoints now, as far as this process has learnt.
    pub fn held(&self, endpoints: &[EndpointId]) -> HashMap<EndpointId, Held> {
        self.scheduler.held(endpoints)
    }

    /// The engine's figures as text. What is counted in the database is counted every few seconds, however often one asks.
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
                let oldest = oldest.map(|moment| now.since(moment)).unwrap_or_default();
                let backlog = Backlog { due, oldest };
                *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, backlog));
                backlog
            }
        };
        self.metrics.set_apart(&self.context.store.unreadable());
        Ok(self.metrics.text(self.scheduler.load(), backlog))
    }

    /// Whether nothing new is to be begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until nothing new is to be begun.
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

    /// Starts the sends, and gives back the leases, that the scheduler has decided on.
    pub(super) fn carry_out(self: &Arc<Self>, work: Work) {
        for (endpoint, claimed) in work.sends {
            let launcher = Arc::clone(self);
            // Boxed, since a runtime moves a task's future several times, and this one has 16 KiB.
            self.sends.spawn(Box::pin(async move { launcher.send(&endpoint, claimed).await }));
        }
        let now = self.context.clock.now();
        for claimed in work.give_back {
            let settlement = Settlement::untried(&claimed, Next::GiveBack(now));
            self.record(Record { settlement, bytes: bytes_of(&claimed), is_gone: None, unlock: None, template: None });
        }
        if let Some(timer) = self.scheduler.next_timer() {
            self.look_at(timer);
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
            tracing::warn!("a result cannot be written down: its lease must run out");
            self.release(endpoint, bytes);
        }
    }

    /// Frees a place among those held.
    pub(super) fn release(&self, endpoint: EndpointId, bytes: usize) {
        if self.scheduler.release(endpoint, bytes) {
            self.context.store.signals().wake_deliveries();
        }
    }

    /// Starts nothing more: gives back what waits, and lets the sends under way end, each within its deadline.
    pub(super) async fn wind_down(self: &Arc<Self>) {
        self.carry_out(self.scheduler.close());
        self.sends.close();
        self.sends.wait().await;
        let _ended = self.records.send(None);
    }

    /// Something was written down that is due at that moment.
    pub(super) fn told(&self, moment: Timestamp) {
        self.told.fetch_min(moment.as_micros(), Ordering::SeqCst);
        self.look_at(moment);
    }

    /// The first moment that was written down since [`Self::begin_look`].
    pub(super) fn first_told(&self) -> Timestamp {
        Timestamp::from_micros(self.told.load(Ordering::SeqCst))
    }

    /// The loop begins to look: what is written down from here on may come too late for it.
    pub(super) fn begin_look(&self) {
        self.told.store(i64::MAX, Ordering::SeqCst);
    }

    /// Sees to it that the loop wakes no later than that.
    pub(super) fn look_at(&self, moment: Timestamp) {
        if moment.as_micros() < self.next_wake.load(Ordering::SeqCst) {
            self.rouse.notify_one();
        }
    }

    /// The loop is at work: nobody has to wake it.
    pub(super) fn set_awake(&self) {
        self.next_wake.store(i64::MIN, Ordering::SeqCst);
    }

    /// The loop goes to sleep until `look`, a timer of the scheduler, or what is due before; answers when it has to wake.
    pub(super) fn set_asleep(&self, look: Timestamp) -> Timestamp {
        let wake = self.scheduler.next_timer().map_or(look, |timer| timer.min(look));
        self.next_wake.store(wake.as_micros(), Ordering::SeqCst);
        // Who set a moment before that saw no reason to wake it.
        let wake = self.scheduler.next_timer().map_or(wake, |timer| timer.min(wake));
        wake.min(self.first_told())
    }

    /// Waits until [`Self::look_at`] wakes the loop.
    pub(super) async fn roused(&self) {
        self.rouse.notified().await;
    }
}

/// One send's place among those under way, given back however the send ends.
struct UnderWay {
    launcher: Arc<Launcher>,
    endpoint: EndpointId,
    bytes: usize,
    /// None when the send broke off.
    signal: Option<EndpointSignal>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let launcher = &self.launcher;
        launcher.carry_out(launcher.scheduler.ended(self.endpoint, self.signal.unwrap_or(EndpointSignal::Unknown)));
        if self.signal.is_none() {
            // Nobody will write down what came of it: its lease runs out.
            launcher.release(self.endpoint, self.bytes);
        }
    }
}
