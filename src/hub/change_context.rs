//! The context of a change: everything that a transition needs besides the request.

use std::sync::Arc;

use super::Hub;
use crate::audit::Actor;
use crate::delivery::Launcher;
use crate::time::SharedClock;

/// Clock, URLs, outbox access and actor of one change. It is owned, so that it can move into a write transaction.
#[derive(Clone)]
pub(super) struct ChangeContext {
    pub(super) clock: SharedClock,
    pub(super) public_url: String,
    /// Starts the deliveries of the announced events.
    pub(super) launcher: Arc<Launcher>,
    /// Who acts, for the audit trail.
    pub(super) actor: Actor,
}

impl Hub {
    /// A context with the hub's own parts.
    pub(super) fn change_context(&self, actor: Actor) -> ChangeContext {
        ChangeContext {
            clock: self.clock.clone(),
            public_url: self.settings.public_url.clone(),
            launcher: Arc::clone(&self.launcher),
            actor,
        }
    }
}
