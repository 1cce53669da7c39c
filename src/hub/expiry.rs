//! Requests end by themselves when their time is over.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::transition::carry_out;
use super::{Hub, HubError};
use crate::approval::Command;
use crate::audit::Actor;
use crate::store::requests;

/// Requests ended in one transaction.
const BATCH: u32 = 64;
/// How often the timer looks for itself: another replica may have made a request with a near deadline.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Ends what is overdue; answers how many requests that were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire_due(&self) -> Result<usize, HubError> {
        let scene = self.scene(Actor::Hub);
        let mut ended = 0;
        loop {
            let due = requests::overdue(&mut self.store.read().await?, self.clock.now(), BATCH).await?;
            if due.is_empty() {
                return Ok(ended);
            }
            ended += due.len();
            let scene = scene.clone();
            self.store
                .write::<_, (), HubError>(move |tx| {
                    Box::pin(async move {
                        for id in due {
                            let (_request, _answer) = carry_out(tx, id, Command::Expire, &scene).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
        }
    }

    /// When the timer has to look next.
    async fn next_look(&self) -> Result<crate::time::Timestamp, HubError> {
        let look = self.clock.now() + LOOK;
        let deadline = requests::next_deadline(&mut self.store.read().await?).await?;
        Ok(deadline.map_or(look, |deadline| deadline.min(look)))
    }
}

/// Ends requests at their deadlines until told to stop.
pub async fn run_timer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let expired = hub.expire_due().await;
        let wake = match expired {
            Ok(_) => hub.next_look().await,
            Err(error) => Err(error),
        };
        let wake = wake.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for overdue requests");
            hub.clock.now() + RETRY
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake) => {}
            () = hub.store.signals().deadline() => {}
        }
    }
}
