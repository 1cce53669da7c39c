//! The page that says that the request was changed while the reader looked at it, and what differs.

use askama::Template;

use super::people::Names;
use crate::channels::text::{Listing, Part};
use crate::codes::Code;
use crate::http::App;
use crate::http::pages::shell::{Place, Shell};
use crate::http::pages::shown::ChangeShown;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::Viewer;
use crate::hub::{Dossier, HubError, LinkDecision};

#[derive(Template)]
#[template(path = "pages/request_changed.html")]
pub(super) struct ChangedPage {
    shell: Shell,
    id: String,
    resource: String,
    by: String,
    at: Option<PageTime>,
    change: Option<ChangeShown>,
    seen: Option<u32>,
    /// How many changes are not shown: only the last one is.
    more: u32,
    revision: u32,
    reason: Option<Listing>,
    code: &'static str,
}

impl ChangedPage {
    pub(super) async fn new(
        app: &App,
        viewer: &Viewer,
        dossier: &Dossier,
        (typed, seen): (&LinkDecision, Option<u32>),
        code: Code,
    ) -> Result<Self, HubError> {
        let request = &dossier.request;
        let names = Names::new(dossier.names.clone(), &viewer.session.person);
        let change = request.change.as_ref();
        Ok(Self {
            shell: Shell::of(app, viewer, Place::Requests).await?,
            id: request.id.to_string(),
            resource: request.resource.to_string(),
            by: change.and_then(|change| change.by.as_ref()).map_or_else(|| "A system".to_owned(), |by| names.name(by)),
            at: change.map(|change| viewer.reader.time(change.at)),
            change: change.map(ChangeShown::new),
            seen,
            more: seen.map_or(0, |seen| request.revision.saturating_sub(seen).saturating_sub(1)),
            revision: request.revision,
            reason: typed.reason.as_deref().map(Listing::of),
            code: code.as_str(),
        })
    }
}
