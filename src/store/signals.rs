//! Who is woken when a write has committed. Hints only: every listener also looks by itself now and then, since another
//! replica may have written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use crate::ids::RequestId;
use crate::time::Timestamp;

/// Something a committed operation wants others to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// There may be deliveries to send.
    Deliveries,
    /// What is configured changed.
    Configuration,
    /// A deadline may lie nearer than the timer thinks.
    Deadline,
    /// There may be deliveries to make anew.
    Replays,
    /// Somebody did something in Slack.
    SlackJobs,
    /// There is a deadline at that moment.
    DeadlineAt(Timestamp),
    /// A request changed.
    Request(RequestId),
}

#[derive(Debug)]
struct NextPoll(AtomicI64);

impl Default for NextPoll {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

/// The listeners.
#[derive(Debug, Default)]
pub struct Signals {
    deliveries: Notify,
    /// Endpoints may have been switched off.
    discards: Notify,
    deadline: Notify,
    /// When the timer looks again by itself, in microseconds; later than everything while it is looking.
    next_poll: NextPoll,
    replays: Notify,
    slack_jobs: Notify,
    /// A std mutex: held for a map look-up, never across an await. Weak, so that an entry ends with its last listener.
    requests: Mutex<HashMap<RequestId, Weak<Notify>>>,
}

impl Signals {
    pub(super) fn raise(&self, signal: Signal) {
        match signal {
            Signal::Deliveries => self.deliveries.notify_one(),
            // Who sends has to know at once whom not to send to.
            Signal::Configuration => {
                self.deliveries.notify_one();
                self.discards.notify_one();
            }
            Signal::Deadline => self.deadline.notify_one(),
            Signal::DeadlineAt(moment) => {
                if moment.as_micros() < self.next_poll.0.load(Ordering::Acquire) {
                    self.deadline.notify_one();
                }
            }
            Signal::Replays => self.replays.notify_one(),
            Signal::SlackJobs => self.slack_jobs.notify_one(),
            Signal::Request(id) => {
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

    /// Resolves when an endpoint may have been switched off or taken away.
    pub async fn discards(&self) {
        self.discards.notified().await;
    }

    /// Wakes whoever sends, without a write: there is room again.
    pub fn wake_deliveries(&self) {
        self.deliveries.notify_one();
    }

    /// The timer looks for deadlines: whatever appears from now on may have escaped it.
    pub fn timer_polls(&self) {
        self.next_poll.0.store(i64::MAX, Ordering::Release);
    }

    /// The timer has looked, and looks again then.
    pub fn timer_sleeps_until(&self, moment: Timestamp) {
        self.next_poll.0.store(moment.as_micros(), Ordering::Release);
    }

    /// Resolves when a nearer deadline may have appeared.
    pub async fn deadline(&self) {
        self.deadline.notified().await;
    }

    /// Resolves when a replay may have a step to take.
    pub async fn replays(&self) {
        self.replays.notified().await;
    }

    /// Resolves when there may be something that was done in Slack.
    pub async fn slack_jobs(&self) {
        self.slack_jobs.notified().await;
    }

    /// Where changes of one request are announced. Register interest (`notified()` and `enable()`) *before* reading the
    /// request, or a change between the two is missed.
    pub fn request(&self, id: RequestId) -> Arc<Notify> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = requests.get(&id).and_then(Weak::upgrade) {
            return listeners;
        }
        // The map holds what is listened to plus what ended since it last doubled.
        if requests.len() == requests.capacity() {
            requests.retain(|_, listeners| listeners.strong_count() > 0);
        }
        let listeners = Arc::new(Notify::new());
        requests.insert(id, Arc::downgrade(&listeners));
        listeners
    }
}
