//! Signals: wake-ups after a commit. They are hints: every listener also polls, since another replica may have written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Notify, broadcast};

use crate::ids::RequestId;
use crate::time::Timestamp;

/// A change that a committed operation announces to listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// There may be deliveries to send.
    Deliveries,
    /// Configuration changed.
    Configuration,
    /// There may be a deadline before the timer's next poll.
    Deadline,
    /// There may be deliveries to replay.
    Replays,
    /// There may be Slack jobs.
    SlackJobs,
    /// There is a deadline at this time.
    DeadlineAt(Timestamp),
    Request(RequestId),
}

#[derive(Debug)]
struct NextPoll(AtomicI64);

impl Default for NextPoll {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

/// Changes of requests that a listener may be behind. A listener that is further behind learns that it missed some.
const CHANGES: usize = 4_096;

/// The listeners to changes of all requests.
#[derive(Debug)]
struct Changes(broadcast::Sender<RequestId>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANGES))
    }
}

/// The name of one process's signals, for the notifications that it sends to others and gets back itself.
#[derive(Debug)]
struct Name(String);

impl Default for Name {
    fn default() -> Self {
        Self(format!("from:{}", crate::random::number()))
    }
}

/// The listeners.
#[derive(Debug, Default)]
pub struct Signals {
    name: Name,
    deliveries: Notify,
    /// Endpoints may have been disabled or deleted.
    discards: Notify,
    deadline: Notify,
    /// The timer's next poll, in microseconds; the maximum while it polls, so that every deadline wakes it again.
    next_poll: NextPoll,
    replays: Notify,
    slack_jobs: Notify,
    changes: Changes,
    /// A std mutex: held for a map look-up, never across an await. Weak, so that an entry ends with its last listener.
    requests: Mutex<HashMap<RequestId, Weak<Notify>>>,
}

impl Signals {
    /// The name that notifications of this process carry.
    pub(super) fn name(&self) -> &str {
        &self.name.0
    }

    pub(super) fn raise(&self, signal: Signal) {
        match signal {
            Signal::Deliveries => self.deliveries.notify_one(),
            // The dispatcher must learn at once which endpoints were disabled.
            Signal::Configuration => {
                self.deliveries.notify_one();
                self.discards.notify_one();
            }
            Signal::Deadline => self.deadline.notify_one(),
            Signal::DeadlineAt(time) => {
                if time.as_micros() < self.next_poll.0.load(Ordering::Acquire) {
                    self.deadline.notify_one();
                }
            }
            Signal::Replays => self.replays.notify_one(),
            Signal::SlackJobs => self.slack_jobs.notify_one(),
            Signal::Request(id) => {
                // Without a listener, it is an error, and costs nothing.
                let _nobody = self.changes.0.send(id);
                let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(listeners) = requests.get(&id).and_then(Weak::upgrade) {
                    listeners.notify_waiters();
                } else {
                    requests.remove(&id);
                }
            }
        }
    }

    /// Resolves when deliveries may have become due.
    pub async fn deliveries(&self) {
        self.deliveries.notified().await;
    }

    /// Resolves when an endpoint may have been disabled or deleted.
    pub async fn discards(&self) {
        self.discards.notified().await;
    }

    /// Wakes the dispatcher without a write: the scheduler has room again.
    pub fn wake_deliveries(&self) {
        self.deliveries.notify_one();
    }

    /// The timer starts to poll: it may miss deadlines that are committed from now on, so they wake it.
    pub fn timer_polls(&self) {
        self.next_poll.0.store(i64::MAX, Ordering::Release);
    }

    /// The timer has polled, and polls again at `time`.
    pub fn timer_sleeps_until(&self, time: Timestamp) {
        self.next_poll.0.store(time.as_micros(), Ordering::Release);
    }

    /// Resolves when there may be an earlier deadline.
    pub async fn deadline(&self) {
        self.deadline.notified().await;
    }

    /// Resolves when a step of a replay may be due.
    pub async fn replays(&self) {
        self.replays.notified().await;
    }

    /// Resolves when there may be Slack jobs.
    pub async fn slack_jobs(&self) {
        self.slack_jobs.notified().await;
    }

    /// The requests that change from now on.
    pub fn changes(&self) -> broadcast::Receiver<RequestId> {
        self.changes.0.subscribe()
    }

    /// Notifies of changes of one request. Register (`notified()` and `enable()`) *before* reading the request;
    /// otherwise a change between the two is missed.
    pub fn request(&self, id: RequestId) -> Arc<Notify> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = requests.get(&id).and_then(Weak::upgrade) {
            return listeners;
        }
        // The map contains live entries, and those that ended since its capacity last doubled.
        if requests.len() == requests.capacity() {
            requests.retain(|_, listeners| listeners.strong_count() > 0);
        }
        let listeners = Arc::new(Notify::new());
        requests.insert(id, Arc::downgrade(&listeners));
        listeners
    }
}
