//! The engine: what is committed is sent at once, what the database holds is found by looking, what came of it is written down.
//!
//! The database is the queue and the truth. A delivery that is made while there is a place for it is born leased, and set off as
//! soon as its transaction has committed. The rest (retries, what found no place, what another process left) is claimed in
//! batches by a look each second, or as soon as there is room for more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::board::{Board, Work, bytes_of};
use super::egress::Egress;
use super::lane::{Held, Verdict};
use super::metrics::{Backlog, Metrics};
use super::recorder::{Record, Recorder};
use super::retry::RetrySchedule;
use super::sender::{self, Sent};
use crate::channels::Channels;
use crate::ids::EndpointId;
use crate::links::KeyRing;
use crate::store::endpoints::Endpoint;
use crate::store::queue::{self, Claimed, Next, Settlement};
use crate::store::{Store, StoreError};
use crate::time::{SharedClock, Timestamp};

/// How often the dispatcher looks for itself.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// What of a lease must be left when a send sets out, beyond its deadline: the time to record it.
pub(super) const RECORDING: Duration = Duration::from_secs(5);
/// A lease begins with this much more than a send needs: the time to wait for one's turn.
pub(super) const WAITING: Duration = Duration::from_secs(10);
/// How long a count of the backlog serves.
const COUNTED: Duration = Duration::from_secs(5);
/// As far as the backlog is counted.
const MOST_COUNTED: u32 = 100_000;

/// What a dispatcher is made of.
pub struct DispatcherParts {
    /// The queue.
    pub store: Arc<Store>,
    /// The time.
    pub clock: SharedClock,
    /// Renders.
    pub channels: Arc<Channels>,
    /// Signs links.
    pub keys: Arc<KeyRing>,
    /// Posts.
    pub egress: Egress,
    /// When to try again.
    pub schedule: RetrySchedule,
    /// What links begin with.
    pub public_url: String,
    /// Sends under way at once, over all endpoints.
    pub sends: usize,
}

/// The dispatcher.
pub struct Dispatcher {
    pub(super) parts: DispatcherParts,
    pub(super) board: Board,
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
    /// Since when there are leases that end later than a lease can, in microseconds.
    pub(super) strange_leases: AtomicI64,
    sends: TaskTracker,
    stop: CancellationToken,
}

impl Dispatcher {
    /// A dispatcher, and what it runs on: nothing happens before that is polled, and it ends some time after `stop`.
    pub fn new(parts: DispatcherParts, stop: CancellationToken) -> (Arc<Self>, impl Future<Output = ()>) {
        let needed = parts.egress.deadline() + RECORDING;
        let (records, written) = mpsc::unbounded_channel();
        let board = Board::new(Arc::clone(&parts.clock), needed, parts.sends);
        let dispatcher = Arc::new(Self {
            parts,
            board,
            metrics: Metrics::default(),
            backlog: Mutex::default(),
            records,
            next_wake: AtomicI64::new(i64::MIN),
            rouse: Notify::new(),
            told: AtomicI64::new(i64::MAX),
            strange_leases: AtomicI64::new(i64::MAX),
            sends: TaskTracker::new(),
            stop,
        });
        let recorder = Recorder::new(Arc::clone(&dispatcher), written);
        let running = Arc::clone(&dispatcher).run(recorder);
        (dispatcher, running)
    }

    /// Sends until told to stop. Then gives back what waits, lets the sends under way end, each within its deadline, and has all
    /// of it written down.
    async fn run(self: Arc<Self>, recorder: Recorder) {
        let recording = AbortOnDropHandle::new(tokio::spawn(recorder.run()));
        let (mut look, mut is_asked) = (Timestamp::from_micros(0), true);
        while !self.stop.is_cancelled() {
            // While it is at work, nobody has to wake it: it reads below what was set meanwhile.
            self.next_wake.store(i64::MIN, Ordering::SeqCst);
            look = look.min(Timestamp::from_micros(self.told.load(Ordering::SeqCst)));
            let now = self.parts.clock.now();
            // A look that lies further ahead was planned before the clock was put back.
            if is_asked || look <= now || look > now + LOOK {
                self.told.store(i64::MAX, Ordering::SeqCst);
                look = self.round().await.unwrap_or_else(|error| {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for deliveries");
                    // Or moments that have passed would have it look again and again.
                    self.parts.clock.now() + LOOK
                });
            }
            let (work, wants_more) = self.board.due();
            self.carry_out(work);
            is_asked = wants_more;
            if is_asked {
                continue;
            }
            let wake = self.board.next_timer().map_or(look, |timer| timer.min(look));
            self.next_wake.store(wake.as_micros(), Ordering::SeqCst);
            // Who set a moment before that saw no reason to wake it.
            let wake = self.board.next_timer().map_or(wake, |timer| timer.min(wake));
            let wake = wake.min(Timestamp::from_micros(self.told.load(Ordering::SeqCst)));
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.parts.clock.sleep_until(wake, LOOK) => {}
                () = self.rouse.notified() => {}
                () = self.parts.store.signals().deliveries() => is_asked = true,
            }
        }
        // Nothing takes a place any more, but somebody may have one whose transaction is under way: the writer works in turn, so
        // once it has done this, they have been sent or given up.
        if let Err(error) = self.write(|_| Box::pin(async { Ok(()) })).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what is being written may wait for its leases");
        }
        // What was not sent goes back to the database, so that whoever comes next need not wait for the leases.
        self.carry_out(self.board.close());
        self.sends.close();
        self.sends.wait().await;
        let _ended = self.records.send(None);
        if recording.await.is_err() {
            tracing::error!("the recorder did not end by itself");
        }
    }

    /// Takes over at once what a predecessor was sending when it died, where there can be no other owner; elsewhere the leases
    /// run out. To be called before anything makes a delivery: one that is born leased would be taken for a predecessor's, and sent
    /// twice.
    pub async fn take_over(&self) {
        if !self.parts.store.is_exclusive() {
            return;
        }
        let now = self.parts.clock.now();
        let released = self
            .parts
            .store
            .write::<_, _, StoreError>(move |tx| Box::pin(async move { queue::release_all(tx.session(), now).await }))
            .await;
        match released {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "taking over deliveries that were being sent when the hub ended"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "their leases must run out"),
        }
    }

    /// The engine's figures as text. What is counted in the database is counted every few seconds, however often one asks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        let now = self.parts.clock.now();
        let known = *self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        let backlog = match known {
            Some((counted, backlog)) if counted <= now && now.since(counted) < COUNTED => backlog,
            _ => {
                let (due, oldest) = queue::overdue(&mut self.parts.store.read().await?, now, MOST_COUNTED).await?;
                let oldest = oldest.map(|moment| now.since(moment)).unwrap_or_default();
                let backlog = Backlog { due, oldest };
                *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, backlog));
                backlog
            }
        };
        self.metrics.set_apart(&self.parts.store.unreadable());
        Ok(self.metrics.text(self.board.load(), backlog))
    }

    /// What messages are made with.
    pub const fn channels(&self) -> &Arc<Channels> {
        &self.parts.channels
    }

    /// What keeps everything from these endpoints now, as far as this process has learnt.
    pub fn held(&self, endpoints: &[EndpointId]) -> HashMap<EndpointId, Held> {
        self.board.held(endpoints)
    }

    /// Whether nothing new is to be begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The lease of whatever begins to be held now.
    pub(super) fn lease(&self) -> Duration {
        self.parts.egress.deadline() + RECORDING + WAITING
    }

    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut crate::store::Tx) -> crate::store::Operation<'t, Result<T, StoreError>>
            + Send
            + 'static,
        T: Send + 'static,
    {
        self.parts.store.write(operation).await
    }

    /// Sets off and gives back what the board says.
    pub(super) fn carry_out(self: &Arc<Self>, work: Work) {
        for (endpoint, claimed) in work.sends {
            let dispatcher = Arc::clone(self);
            // Boxed, since a runtime moves a task's future several times, and this one has 16 KiB.
            self.sends.spawn(Box::pin(async move { dispatcher.send(&endpoint, claimed).await }));
        }
        let now = self.parts.clock.now();
        for claimed in work.give_back {
            let settlement = Settlement::untried(&claimed, Next::GiveBack(now));
            self.record(Record { settlement, bytes: bytes_of(&claimed), is_gone: None, turn: None, template: None });
        }
        if let Some(timer) = self.board.next_timer() {
            self.look_at(timer);
        }
    }

    async fn send(self: &Arc<Self>, endpoint: &Endpoint, claimed: Claimed) {
        let bytes = bytes_of(&claimed);
        let mut place = UnderWay { dispatcher: Arc::clone(self), endpoint: endpoint.id, bytes, verdict: None };
        let sent = sender::send(&self.parts, &self.metrics, endpoint, &claimed).await;
        place.verdict = Some(sent.verdict);
        drop(place);
        let Sent { verdict: _, settlement, is_gone, turn, template } = sent;
        self.record(Record { settlement, bytes, is_gone, turn, template });
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
        if self.board.release(endpoint, bytes) {
            self.parts.store.signals().wake_deliveries();
        }
    }

    /// Something was written down that is due at that moment.
    pub(super) fn told(&self, moment: Timestamp) {
        self.told.fetch_min(moment.as_micros(), Ordering::SeqCst);
        self.look_at(moment);
    }

    /// Sees to it that the loop wakes no later than that.
    pub(super) fn look_at(&self, moment: Timestamp) {
        if moment.as_micros() < self.next_wake.load(Ordering::SeqCst) {
            self.rouse.notify_one();
        }
    }
}

/// One send's place among those under way, given back however the send ends.
struct UnderWay {
    dispatcher: Arc<Dispatcher>,
    endpoint: EndpointId,
    bytes: usize,
    /// None when the send broke off.
    verdict: Option<Verdict>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let dispatcher = &self.dispatcher;
        dispatcher.carry_out(dispatcher.board.ended(self.endpoint, self.verdict.unwrap_or(Verdict::Unknown)));
        if self.verdict.is_none() {
            // Nobody will write down what came of it: its lease runs out.
            dispatcher.release(self.endpoint, self.bytes);
        }
    }
}
