//! What a change of a request is made with, besides the request.

use std::sync::Arc;

use super::Hub;
use crate::audit::Actor;
use crate::delivery::Launcher;
use crate::time::SharedClock;

/// What a transition needs besides the request.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) clock: SharedClock,
    pub(super) public_url: String,
    /// Sends what is told.
    pub(super) launcher: Arc<Launcher>,
    /// Who acts, for the trail.
    pub(super) actor: Actor,
}

impl Hub {
    /// With the hub's own parts.
    pub(super) fn scene(&self, actor: Actor) -> Scene {
        Scene {
            clock: self.clock.clone(),
            public_url: self.settings.public_url.clone(),
            launcher: Arc::clone(&self.launcher),
            actor,
        }
    }
}
