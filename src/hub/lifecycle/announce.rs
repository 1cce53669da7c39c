//! Turns a change into an event and the event into deliveries, in the transaction of the change.

use super::audience::wants;
use super::extra_recipients::further;
use crate::approval::{Request, Roster};
use crate::delivery::{NewEvent, publish};
use crate::hub::scene::Scene;
use crate::hub::{HubError, RequestView};
use crate::store::{Signal, Tx};
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
    Ok(RequestView::new(request, &scene.public_url, Some(roster)).to_json()?)
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
    let news = NewEvent { kind, request_id: Some(request.id), subject: shown, detail, at: now };
    let further = further(tx, kind, request).await?;
    publish(tx, &scene.launcher, news, &further, |endpoint| wants(endpoint, kind, request)).await?;
    tx.signal(Signal::Request(request.id));
    Ok(())
}
