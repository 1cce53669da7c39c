//! Additional Slack recipients of an event: the channels that subscribed, and the requester.

use std::collections::BTreeSet;

use super::audience::{matches_event_and_resource, wants};
use crate::approval::Request;
use crate::hub::HubError;
use crate::ids::EndpointId;
use crate::store::endpoints::Endpoint;
use crate::store::{Tx, chat_identities};

/// The events that the requester receives as a direct message.
const OUTCOMES: [&str; 5] =
    ["request.approved", "request.rejected", "request.expired", "request.cancelled", "request.superseded"];

/// Returns addresses within Slack apps, besides the channel that each app's endpoint names.
pub(super) async fn extra_addresses(
    tx: &mut Tx,
    kind: &str,
    request: &Request,
) -> Result<Vec<(EndpointId, String)>, HubError> {
    let endpoints = tx.endpoints().await?;
    let apps: Vec<&Endpoint> = endpoints
        .iter()
        .map(|endpoint| &**endpoint)
        .filter(|endpoint| endpoint.transport.slack.is_some() && matches_event_and_resource(endpoint, kind, request))
        .collect();
    if apps.is_empty() {
        return Ok(Vec::new());
    }
    let asked = request.terms.groups();
    let mut addresses = BTreeSet::new();
    for subscription in tx.subscriptions().await?.iter().filter(|known| asked.contains(&&known.group)) {
        let Some(app) = apps.iter().find(|app| app.id == subscription.endpoint) else { continue };
        let is_own = app.transport.slack.as_ref().is_some_and(|slack| slack.channel == subscription.channel);
        if !(is_own && wants(app, kind, request)) {
            addresses.insert((app.id, subscription.channel.clone()));
        }
    }
    if OUTCOMES.contains(&kind)
        && let Some(person) = &request.requester.email
    {
        for account in chat_identities::of_person(tx.session(), person).await? {
            // One message, even if several endpoints want the event.
            if let Some(app) = apps.iter().find(|app| wants(app, kind, request) && writes_to(app, &account.team)) {
                addresses.insert((app.id, account.user));
            }
        }
    }
    Ok(addresses.into_iter().collect())
}

fn writes_to(endpoint: &Endpoint, team: &str) -> bool {
    endpoint
        .transport
        .slack
        .as_ref()
        .is_some_and(|app| app.direct_messages && app.team.as_deref().is_none_or(|own| own == team))
}
