//! Writes an endpoint, and checks it against the other endpoints.

use std::collections::HashSet;

use serde_json::json;

use super::view::EndpointView;
use crate::approval::Digest;
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::HubError;
use crate::hub::slack::MAX_SECRETS;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::{Session, Tx, endpoints, health, heartbeats};
use crate::time::Timestamp;

/// Rejects a name that another endpoint has.
pub(super) async fn check_name(session: &mut Session, endpoint: &Endpoint) -> Result<(), HubError> {
    match endpoints::by_name(session, &endpoint.name).await? {
        Some(other) if other.id != endpoint.id => {
            let detail = format!("another endpoint is named {}", endpoint.name);
            Err(HubError::Conflict { code: Code::NameTaken, detail })
        }
        _ => Ok(()),
    }
}

/// Rejects a Slack app beyond [`MAX_SECRETS`] signing secrets: calls from Slack are not verified with more, so its
/// calls would be rejected.
pub(in crate::hub) async fn check_app_count(session: &mut Session, endpoint: &Endpoint) -> Result<(), HubError> {
    let secret = |endpoint: &Endpoint| {
        endpoint.transport.slack.as_ref().map(|app| Digest::of(app.signing_secret.expose().as_bytes()))
    };
    let Some(own) = secret(endpoint) else { return Ok(()) };
    let others = endpoints::all(session).await?;
    let others: HashSet<Digest> = others.iter().filter(|other| other.id != endpoint.id).filter_map(secret).collect();
    if others.len() >= MAX_SECRETS && !others.contains(&own) {
        let detail =
            format!("the limit is {MAX_SECRETS} Slack apps: delete the endpoints of one, or use an existing app");
        return Err(HubError::invalid(Code::TooMany, "/slack/signing_secret", detail));
    }
    Ok(())
}

/// Writes an endpoint without its expired signing secrets, with an audit entry. Returns the written endpoint.
pub(in crate::hub) async fn save(
    tx: &mut Tx,
    mut endpoint: Endpoint,
    action: &str,
    now: Timestamp,
    actor: crate::audit::Actor,
) -> Result<Endpoint, HubError> {
    endpoint.retiring.retain(|old| old.until > now);
    endpoints::put(tx.session(), &endpoint, now).await?;
    heartbeats::update(tx.session(), &endpoint, now).await?;
    let details = json!(EndpointView::new(&endpoint));
    tx.record(&Entry { details, ..Entry::new(now, action, actor) })?;
    Ok(endpoint)
}

/// Clears the health record of an endpoint that was just enabled.
pub(in crate::hub) async fn clear_health_if_enabled(
    session: &mut Session,
    was: EndpointState,
    now: &Endpoint,
) -> Result<(), HubError> {
    if was == EndpointState::Disabled && now.state == EndpointState::Active {
        health::clear(session, now.id).await?;
    }
    Ok(())
}
