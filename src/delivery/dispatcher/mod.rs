//! The dispatcher: one task per process, which claims due deliveries from the database, and keeps the leases of those
//! in memory.
//!
//! The database is the queue, and the only truth. A new delivery normally bypasses the loop: it is born leased, and the
//! [`Launcher`] sends it after its commit. The loop finds the rest, and has four parts:
//!
//! - **Poll** (`round.rs`), once a second, when there is room for more, or when something is due. A round refreshes the
//!   configuration, prolongs leases, sends probes and heartbeats, and returns leases that have run out to the queue.
//! - **Claim.** One statement per tier and group of endpoints leases as many due deliveries as the scheduler has room
//!   for. Each claim increments the delivery's fencing token.
//! - **Prolong.** A delivery that waits in memory for long (for its rate limit, for example) has its lease prolonged in
//!   time. If the lease is lost all the same, another process has the delivery, and this one drops it.
//! - **Return.** What cannot be sent for a while (circuit breaker, pause, endpoint busy) is returned to the database as
//!   `pending`, without using up an attempt.
//!
//! Between rounds the loop sleeps until the earliest of: the next poll, the scheduler's next timer, a due time that was
//! written meanwhile ([`Launcher::note_due`]), a signal of the store. Writers wake the loop only for a time before its
//! wake-up.
//!
//! **Start.** On SQLite no other process can own a lease, so [`Dispatcher::start`] takes over all leases at once,
//! before anything can make a delivery. On PostgreSQL another replica may own them, so each has to run out.
//!
//! **Graceful shutdown** has stages:
//!
//! 1. `stop` is cancelled. No reservation is made any more, so new deliveries are inserted as `pending`.
//! 2. One empty write passes through the writer. Its queue is in order, so every transaction that had a reservation has
//!    committed or failed by then.
//! 3. The leases of waiting deliveries are returned, so that the next process need not wait for them to run out.
//! 4. The sends under way end, each within its deadline.
//! 5. The recorder writes the last results, and ends.
//!
//! A killed process skips all stages. Its leases run out, and its deliveries are sent again.

mod round;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::context::SendContext;
use super::launcher::Launcher;
use super::results::Recorder;
use crate::store::queue;
use crate::time::Timestamp;

/// Longest time between two polls of the database.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The loop.
pub struct Dispatcher {
    launcher: Arc<Launcher>,
    /// Since when there are leases longer than any that this clock can have set.
    overlong_leases_since: Option<Timestamp>,
}

impl Dispatcher {
    /// Returns a launcher, and the future that claims and records. The future ends after `stop` and a drain.
    ///
    /// Call this before anything can make a delivery. It takes over all existing leases; a delivery born leased before
    /// would be taken over too, and sent twice.
    pub async fn start(context: SendContext, stop: CancellationToken) -> (Arc<Launcher>, impl Future<Output = ()>) {
        let (launcher, written) = Launcher::new(context, stop);
        let recorder = Recorder::new(Arc::clone(&launcher), written);
        let dispatcher = Self { launcher: Arc::clone(&launcher), overlong_leases_since: None };
        dispatcher.take_over().await;
        (launcher, dispatcher.run(recorder))
    }

    /// Claims until graceful shutdown begins, then drains.
    async fn run(mut self, recorder: Recorder) {
        let launcher = Arc::clone(&self.launcher);
        let clock = &launcher.context.clock;
        let recording = AbortOnDropHandle::new(tokio::spawn(recorder.run()));
        let (mut next_poll, mut polls_now) = (Timestamp::from_micros(0), true);
        while !launcher.is_stopping() {
            // While awake the loop needs no wake-up: it reads timers and due times again before it sleeps.
            launcher.set_awake();
            next_poll = next_poll.min(launcher.earliest_due());
            let now = clock.now();
            // A poll further ahead than the interval was planned before the clock was set back.
            if polls_now || next_poll <= now || next_poll > now + POLL_INTERVAL {
                launcher.begin_poll();
                next_poll = self.round().await.unwrap_or_else(|error| {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot poll for deliveries");
                    // Not a due time: one in the past would make the loop spin.
                    clock.now() + POLL_INTERVAL
                });
            }
            let (work, wants_more) = launcher.scheduler.due();
            launcher.carry_out(work);
            polls_now = wants_more;
            if polls_now {
                continue;
            }
            let wake = launcher.set_asleep(next_poll);
            tokio::select! {
                () = launcher.stopped() => {}
                () = clock.sleep_until(wake, POLL_INTERVAL) => {}
                () = launcher.woken() => {}
                () = launcher.context.store.signals().deliveries() => polls_now = true,
            }
        }
        // Stage 2: no new reservations. The writer works in order, so after this write every earlier one has sent or
        // failed.
        if let Err(error) = launcher.write(|_| Box::pin(async { Ok(()) })).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "deliveries that are being written may have to wait until their leases run out"
            );
        }
        launcher.wind_down().await;
        if recording.await.is_err() {
            tracing::error!("the recorder panicked or was aborted");
        }
    }

    /// Takes over the leases of a process that died, where no other owner can be alive. Elsewhere the leases run out.
    async fn take_over(&self) {
        let store = &self.launcher.context.store;
        if !store.is_exclusive() {
            return;
        }
        let now = self.launcher.context.clock.now();
        let released =
            self.launcher.write(move |tx| Box::pin(async move { queue::release_all(tx.session(), now).await })).await;
        match released {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "taking over deliveries that were being sent when the hub ended"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot take over deliveries of the previous process: they are sent when their leases run out"
            ),
        }
    }
}
