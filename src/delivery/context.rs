//! What sends are made with.

use std::sync::Arc;
use std::time::Duration;

use super::egress::Egress;
use super::send::retry::RetrySchedule;
use crate::channels::Channels;
use crate::links::KeyRing;
use crate::store::Store;
use crate::time::SharedClock;

/// What of a lease must be left when a send sets out, beyond its deadline: the time to record it.
pub(super) const RECORDING: Duration = Duration::from_secs(5);
/// A lease begins with this much more than a send needs: the time to wait for one's turn.
pub(super) const WAITING: Duration = Duration::from_secs(10);

/// What sends are made with.
pub struct SendContext {
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

impl SendContext {
    /// What must be left of a lease when a send sets out.
    pub(super) fn needed(&self) -> Duration {
        self.egress.deadline() + RECORDING
    }

    /// The lease of whatever begins to be held now.
    pub(super) fn lease(&self) -> Duration {
        self.needed() + WAITING
    }
}
