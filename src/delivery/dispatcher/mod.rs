//! The engine's loop: what is committed is sent at once, what the database holds is found by looking, what came of it is written
//! down.
//!
//! The database is the queue and the truth. A delivery that is made while there is a place for it is born leased, and sent as
//! soon as its transaction has committed. The rest (retries, what found no place, what another process left) is claimed in
//! batches by a look each second, or as soon as there is room for more.

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

/// How often the dispatcher looks for itself.
const LOOK: Duration = Duration::from_secs(1);

/// The loop.
pub struct Dispatcher {
    launcher: Arc<Launcher>,
    /// Since when there are leases that end later than a lease can.
    strange_leases: Option<Timestamp>,
}

impl Dispatcher {
    /// A launcher, and what it runs on: nothing is sent before that is polled, and it ends some time after `stop`. To be called
    /// before anything makes a delivery: what a predecessor had leased is taken over, and what is born leased would be, too, and
    /// sent twice.
    pub async fn start(context: SendContext, stop: CancellationToken) -> (Arc<Launcher>, impl Future<Output = ()>) {
        let (launcher, written) = Launcher::new(context, stop);
        let recorder = Recorder::new(Arc::clone(&launcher), written);
        let dispatcher = Self { launcher: Arc::clone(&launcher), strange_leases: None };
        dispatcher.take_over().await;
        (launcher, dispatcher.run(recorder))
    }

    /// Sends until told to stop. Then gives back what waits, lets the sends under way end, each within its deadline, and has all
    /// of it written down.
    async fn run(mut self, recorder: Recorder) {
        let launcher = Arc::clone(&self.launcher);
        let clock = &launcher.context.clock;
        let recording = AbortOnDropHandle::new(tokio::spawn(recorder.run()));
        let (mut look, mut is_asked) = (Timestamp::from_micros(0), true);
        while !launcher.is_stopping() {
            // It reads below what is set meanwhile.
            launcher.set_awake();
            look = look.min(launcher.first_told());
            let now = clock.now();
            // A look that lies further ahead was planned before the clock was put back.
            if is_asked || look <= now || look > now + LOOK {
                launcher.begin_look();
                look = self.round().await.unwrap_or_else(|error| {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for deliveries");
                    // Or moments that have passed would have it look again and again.
                    clock.now() + LOOK
                });
            }
            let (work, wants_more) = launcher.scheduler.due();
            launcher.carry_out(work);
            is_asked = wants_more;
            if is_asked {
                continue;
            }
            let wake = launcher.set_asleep(look);
            tokio::select! {
                () = launcher.stopped() => {}
                () = clock.sleep_until(wake, LOOK) => {}
                () = launcher.roused() => {}
                () = launcher.context.store.signals().deliveries() => is_asked = true,
            }
        }
        // Nothing takes a place any more, but somebody may have one whose transaction is under way: the writer works in turn, so
        // once it has done this, they have been sent or given up.
        if let Err(error) = launcher.write(|_| Box::pin(async { Ok(()) })).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what is being written may wait for its leases");
        }
        // What was not sent goes back to the database, so that the next hub need not wait for the leases.
        launcher.wind_down().await;
        if recording.await.is_err() {
            tracing::error!("the recorder did not end by itself");
        }
    }

    /// Takes over at once what a predecessor was sending when it died, where there can be no other owner; elsewhere the leases
    /// run out.
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
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "their leases must run out"),
        }
    }
}
