//! Waiting for a decision without polling.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::approval::Status;
use crate::hub::{Hub, HubError, RequestView};
use crate::identity::Principal;
use crate::ids::RequestId;

/// Longest wait of one call.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// How often a waiting call looks for itself: another replica may have decided.
const LOOK: Duration = Duration::from_secs(1);

impl Hub {
    /// The request as soon as it no longer waits, or as it stands after `wait`, or when `stop` says that the hub is going down.
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
            // Before the read, or a decision between the two would be missed.
            changed.as_mut().enable();
            let request = self.show(caller, id).await?;
            let now = self.clock.now();
            // Before it was asked: the clock was put back, and the deadline with it.
            let is_over = now >= deadline || now < asked;
            if request.status != Status::Pending || is_over || stop.is_cancelled() {
                return Ok(request);
            }
            let look = deadline.min(now + LOOK).min(request.expires_at);
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep_until(look, LOOK) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
