//! Where else a request's news go: to channels that subscribed, and to whoever asked.

use std::collections::BTreeSet;

use super::audience::{hears_of, wants};
use crate::approval::Request;
use crate::hub::HubError;
use crate::ids::EndpointId;
use crate::store::endpoints::Endpoint;
use crate::store::{Tx, chat_identities};

/// What the requester is told of.
const OUTCOMES: [&str; 5] =
    ["request.approved", "request.rejected", "request.expired", "request.cancelled", "request.superseded"];

/// Addresses within Slack apps, besides the channel that each has of its own.
pub(super) async fn further(tx: &mut Tx, kind: &str, request: &Request) -> Result<Vec<(EndpointId, String)>, HubError> {
    let endpoints = tx.endpoints().await?;
    let apps: Vec<&Endpoint> = endpoints
        .iter()
        .map(|endpoint| &**endpoint)
        .filter(|endpoint| endpoint.transport.slack.is_some() && hears_of(endpoint, kind, request))
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
            // One message, whichever endpoints hear of it.
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
