//! Writes the event of a change, with its deliveries, to the outbox in the transaction of the change.

use super::audience::wants;
use super::extra_recipients::extra_addresses;
use crate::approval::{Request, Roster};
use crate::delivery::{NewEvent, publish};
use crate::hub::change_context::ChangeContext;
use crate::hub::{HubError, RequestView};
use crate::store::{Signal, Tx};
use crate::time::Timestamp;

/// Publishes an event of `kind` about the request to every endpoint that wants it, and wakes the calls that wait for
/// the request.
pub(in crate::hub) async fn announce(
    tx: &mut Tx,
    context: &ChangeContext,
    kind: &str,
    request: &Request,
    roster: &Roster,
    now: Timestamp,
) -> Result<(), HubError> {
    let shown = shown(context, request, roster)?;
    announce_shown(tx, context, kind, request, shown, now).await
}

/// The JSON of a request that an event stores.
pub(in crate::hub) fn shown(context: &ChangeContext, request: &Request, roster: &Roster) -> Result<String, HubError> {
    Ok(RequestView::new(request, &context.public_url, Some(roster)).to_json()?)
}

/// [`announce`] with the request's JSON from [`shown`].
pub(in crate::hub) async fn announce_shown(
    tx: &mut Tx,
    context: &ChangeContext,
    kind: &str,
    request: &Request,
    shown: String,
    now: Timestamp,
) -> Result<(), HubError> {
    let detail = request.terms.procedure.detail;
    let news = NewEvent { kind, request_id: Some(request.id), subject: shown, detail, at: now };
    let extra = extra_addresses(tx, kind, request).await?;
    publish(tx, &context.launcher, news, &extra, |endpoint| wants(endpoint, kind, request)).await?;
    tx.signal(Signal::Request(request.id));
    Ok(())
}
