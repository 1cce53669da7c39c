//! Turns a change into an event and the event into deliveries, in the transaction of the change.

use std::collections::BTreeSet;

use super::extra_recipients::further;
use super::transition::Scene;
use crate::approval::{Email, Request, Roster, Status};
use crate::delivery::{News, publish};
use crate::hub::{Hub, HubError, RequestView};
use crate::store::endpoints::Endpoint;
use crate::store::{Signal, Tx, groups};
use crate::time::Timestamp;

/// Writes down that `kind` happened to the request, for every endpoint that wants to hear of it, and wakes who waits for the
/// request.
pub(super) async fn announce(
    tx: &mut Tx,
    scene: &Scene,
    kind: &str,
    request: &Request,
    roster: &Roster,
    now: Timestamp,
) -> Result<(), HubError> {
    let shown = shown(scene, request, roster)?;
    announce_shown(tx, scene, kind, request, shown, now).await
}

/// A request as an event keeps it.
pub(in crate::hub) fn shown(scene: &Scene, request: &Request, roster: &Roster) -> Result<String, HubError> {
    RequestView::new(request, &scene.public_url, Some(roster)).to_json()
}

/// The same with the request already [`shown`].
pub(in crate::hub) async fn announce_shown(
    tx: &mut Tx,
    scene: &Scene,
    kind: &str,
    request: &Request,
    shown: String,
    now: Timestamp,
) -> Result<(), HubError> {
    let detail = request.terms.procedure.detail;
    let news = News { kind, request_id: Some(request.id), subject: shown, detail, at: now };
    let further = further(tx, kind, request).await?;
    publish(tx, &scene.dispatcher, news, &further, |endpoint| wants(endpoint, kind, request)).await?;
    tx.signal(Signal::Request(request.id));
    Ok(())
}

/// All filters of an endpoint must match: its events, its resources, and a slot of one of its groups.
pub(in crate::hub) fn wants(endpoint: &Endpoint, kind: &str, request: &Request) -> bool {
    hears_of(endpoint, kind, request)
        && (endpoint.groups.is_empty() || request.terms.groups().iter().any(|group| endpoint.groups.contains(*group)))
}

/// The filters that do not look at groups.
pub(in crate::hub) fn hears_of(endpoint: &Endpoint, kind: &str, request: &Request) -> bool {
    (endpoint.events.is_empty() || endpoint.events.contains(kind))
        && (endpoint.resources.is_empty() || endpoint.resources.contains(&request.resource))
}

impl Hub {
    pub(in crate::hub) fn view(&self, request: Request) -> RequestView {
        RequestView::new(&request, &self.settings.public_url, None)
    }

    /// Shows a request by who is in its groups now: an approval of somebody who left no longer counts.
    pub(in crate::hub) async fn view_now(&self, request: Request) -> Result<RequestView, HubError> {
        let voters: BTreeSet<&Email> = request.live_votes().map(|vote| vote.seat()).collect();
        if request.status != Status::Pending || voters.is_empty() {
            return Ok(self.view(request));
        }
        let roster = groups::roster_of(&mut self.store.read().await?, request.terms.groups(), &voters).await?;
        Ok(RequestView::new(&request, &self.settings.public_url, Some(&roster)))
    }
}
