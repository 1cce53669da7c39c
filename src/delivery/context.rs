//! The dependencies and settings of all sends.

use std::sync::Arc;
use std::time::Duration;

use super::egress::Egress;
use super::send::retry::RetrySchedule;
use crate::channels::Channels;
use crate::links::KeyRing;
use crate::store::Store;
use crate::time::SharedClock;

/// The part of a lease that must remain after a send's deadline, so that its result can be recorded.
pub(super) const RECORDING: Duration = Duration::from_secs(5);
/// The part of a new lease that a delivery may spend in its endpoint's queue before its send starts.
pub(super) const WAITING: Duration = Duration::from_secs(10);

/// The dependencies and settings of all sends.
pub struct SendContext {
    pub store: Arc<Store>,
    pub clock: SharedClock,
    pub channels: Arc<Channels>,
    /// Signs links.
    pub keys: Arc<KeyRing>,
    pub egress: Egress,
    pub schedule: RetrySchedule,
    /// Prefix of every link.
    pub public_url: String,
    /// Maximum number of concurrent sends, over all endpoints.
    pub sends: usize,
}

impl SendContext {
    /// Minimum remaining lease when a send starts: the send's deadline, and the time to record its result.
    pub(super) fn needed(&self) -> Duration {
        self.egress.deadline() + RECORDING
    }

    /// Duration of a new lease.
    pub(super) fn lease(&self) -> Duration {
        self.needed() + WAITING
    }
}
