//! Waiting for a decision without polling.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::approval::Status;
use crate::hub::{Hub, HubError, RequestView};
use crate::identity::Principal;
use crate::ids::RequestId;

/// Longest wait of one call.
pub const MAX_WAIT: Duration = Duration::from_secs(300);
/// Longest pause between polls of a waiting call: another replica may have decided.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Hub {
    /// Returns the request when it is no longer pending, after `wait`, or when the hub stops, whichever comes first.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn wait(
        &self,
        caller: &Principal,
        id: RequestId,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Result<RequestView, HubError> {
        let asked = self.clock.now();
        let deadline = asked + wait.min(MAX_WAIT);
        let listeners = self.store.signals().request(id);
        loop {
            let mut changed = std::pin::pin!(listeners.notified());
            // Before the read: otherwise a decision between the two would be missed.
            changed.as_mut().enable();
            let request = self.show(caller, id).await?;
            let now = self.clock.now();
            // If `now` is before the start of the call, the clock was set back and the deadline is meaningless.
            let is_over = now >= deadline || now < asked;
            if request.status != Status::Pending || is_over || stop.is_cancelled() {
                return Ok(request);
            }
            let next_poll = deadline.min(now + POLL_INTERVAL).min(request.expires_at);
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep_until(next_poll, POLL_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
