//! What a file manages says so, before somebody changes it by hand.

use crate::http::App;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::Viewer;
use crate::hub::HubError;

/// When a manifest with the object was last applied, and by whom.
pub(super) struct Managed {
    pub(super) at: PageTime,
    pub(super) by: String,
}

impl Managed {
    /// What is known of the object; nothing if no manifest names it.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn of(app: &App, viewer: &Viewer, kind: &str, name: &str) -> Result<Option<Self>, HubError> {
        let applied = app.hub.applied(&viewer.caller, kind, name).await?;
        Ok(applied.map(|applied| Self { at: viewer.reader.time(applied.at), by: applied.by }))
    }
}
