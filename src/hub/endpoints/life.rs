//! Operations on an existing endpoint: pause, resume, revoke its links, rotate its signing secret.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::input::{checked_secret, new_signing_secret, no_secret};
use super::save::save;
use super::view::{EndpointView, WithSecret};
use crate::codes::Code;
use crate::hub::keyed_calls::{earlier_subject, remember};
use crate::hub::{Hub, HubError, KeyedCall, require};
use crate::identity::{Principal, Right};
use crate::ids::EndpointId;
use crate::store::endpoints::{self, Endpoint, RetiringSecret};
use crate::store::{Session, Signal};
use crate::time::Timestamp;

const OPERATION: &str = "rotate-secret";
/// Default time, in seconds, that a replaced secret still signs: a day.
const OVERLAP: u32 = 86_400;
/// Longest overlap: 30 days.
const MAX_OVERLAP: u32 = 30 * 86_400;
/// Most secrets that sign at the same time: each adds a signature to the header of every message.
const MAX_LIVE: usize = 5;

/// The body of a secret rotation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotateInput {
    /// `whsec_…`; generated when absent.
    pub secret: Option<SecretString>,
    /// How long the old secret signs too; 0 retires all earlier secrets at once.
    pub overlap_seconds: Option<u32>,
}

impl Hub {
    /// Pauses an endpoint: deliveries are still created, but wait.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn pause_endpoint(&self, caller: &Principal, id: EndpointId) -> Result<EndpointView, HubError> {
        self.set_paused(caller, id, true).await
    }

    /// Resumes an endpoint: the waiting deliveries are sent.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn resume_endpoint(&self, caller: &Principal, id: EndpointId) -> Result<EndpointView, HubError> {
        self.set_paused(caller, id, false).await
    }

    async fn set_paused(&self, caller: &Principal, id: EndpointId, paused: bool) -> Result<EndpointView, HubError> {
        require(caller, Right::Configure)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = known(tx.session(), id).await?;
                    if known.paused_at.is_some() == paused {
                        return Ok(EndpointView::new(&known));
                    }
                    let changed = Endpoint { paused_at: paused.then_some(now), ..known };
                    let action = if paused { "endpoint.paused" } else { "endpoint.resumed" };
                    let changed = save(tx, changed, action, now, actor).await?;
                    tx.signal(Signal::Deliveries);
                    Ok(EndpointView::new(&changed))
                })
            })
            .await
    }

    /// Revokes every link that an endpoint has received. Links in later messages are valid, and other endpoints' links
    /// are not affected.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn rotate_links(
        &self,
        caller: &Principal,
        id: EndpointId,
        RotateLinksInput {}: RotateLinksInput,
        key: Option<KeyedCall>,
    ) -> Result<EndpointView, HubError> {
        require(caller, Right::Configure)?;
        let key = key.map(|call| call.of(caller, "rotate-links", &id.to_string()));
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = known(tx.session(), id).await?;
                    if earlier_subject(tx.session(), key.as_ref()).await?.is_some() {
                        return Ok(EndpointView::new(&known));
                    }
                    let changed = Endpoint { link_generation: known.link_generation.saturating_add(1), ..known };
                    let changed = save(tx, changed, "endpoint.links_rotated", now, actor).await?;
                    remember(tx.session(), key, id.to_string(), now);
                    Ok(EndpointView::new(&changed))
                })
            })
            .await
    }

    /// Rotates the signing secret of an endpoint; only this answer contains it. The old secret signs too for a while,
    /// so that the receiver can switch at any time.
    ///
    /// # Errors
    /// When the caller may not, there is none, its channel has no signatures, or too many secrets sign already.
    pub async fn rotate_secret(
        &self,
        caller: &Principal,
        id: EndpointId,
        input: RotateInput,
        key: Option<KeyedCall>,
    ) -> Result<WithSecret, HubError> {
        require(caller, Right::Configure)?;
        let key = key.map(|call| call.of(caller, OPERATION, &id.to_string()));
        let RotateInput { secret, overlap_seconds } = input;
        let overlap = overlap_seconds.unwrap_or(OVERLAP);
        if overlap > MAX_OVERLAP {
            let detail = format!("an overlap is 0 to {MAX_OVERLAP} seconds");
            return Err(HubError::invalid(Code::InvalidTimeout, "/overlap_seconds", detail));
        }
        let secret = secret.map_or_else(|| Ok(new_signing_secret()), checked_secret)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = known(tx.session(), id).await?;
                    if earlier_subject(tx.session(), key.as_ref()).await?.is_some() {
                        return Ok(WithSecret::new(&known));
                    }
                    let changed = rotated(known, secret, overlap, now)?;
                    let changed = save(tx, changed, "endpoint.secret_rotated", now, actor).await?;
                    remember(tx.session(), key, id.to_string(), now);
                    Ok(WithSecret::new(&changed))
                })
            })
            .await
    }
}

/// The body of a link revocation, which is an empty object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateLinksInput {}

async fn known(session: &mut Session, id: EndpointId) -> Result<Endpoint, HubError> {
    endpoints::get(session, id).await?.ok_or(HubError::NotFound("endpoint"))
}

/// Returns the endpoint with its new secret, and the old one among the retiring secrets.
fn rotated(known: Endpoint, secret: SecretString, overlap: u32, now: Timestamp) -> Result<Endpoint, HubError> {
    let old = known.secret.as_ref().ok_or_else(|| no_secret(known.channel))?.expose_secret().to_owned();
    if old == secret.expose_secret() {
        return Err(HubError::invalid(Code::InvalidSecret, "/secret", "this is already the endpoint's secret"));
    }
    let mut retiring = known.retiring.clone();
    // A retiring secret that becomes current again is no longer retiring.
    retiring.retain(|old| old.until > now && old.secret.expose() != secret.expose_secret());
    if overlap == 0 {
        retiring.clear();
    } else {
        let until = now + Duration::from_secs(overlap.into());
        retiring.insert(0, RetiringSecret { secret: old.into(), until });
    }
    if retiring.len() >= MAX_LIVE {
        let detail = format!(
            "{MAX_LIVE} secrets already sign messages, which is the limit: wait until one has retired, or retire all \
             earlier ones with overlap_seconds 0"
        );
        return Err(HubError::conflict(Code::TooManySecrets, detail));
    }
    Ok(Endpoint { secret: Some(secret), retiring, ..known })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::endpoints::Channel;

    #[test]
    fn secrets_retire_in_their_time_and_no_more_than_five_sign() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let url = "https://hooks.example.com".to_owned().into();
        let mut endpoint = Endpoint {
            secret: Some("0".to_owned().into()),
            ..Endpoint::new("ops".parse().unwrap(), Channel::Custom, url, at(0))
        };
        let rotate = |known: &Endpoint, secret: &str, overlap, second| {
            rotated(known.clone(), secret.to_owned().into(), overlap, at(second))
        };
        for number in 1..MAX_LIVE {
            endpoint = rotate(&endpoint, &number.to_string(), 100, 1).unwrap();
        }
        let old = |endpoint: &Endpoint| {
            endpoint.retiring.iter().map(|old| old.secret.expose().to_owned()).collect::<Vec<_>>().concat()
        };
        assert_eq!(old(&endpoint), "3210");
        assert!(rotate(&endpoint, "5", 100, 100).is_err());
        assert_eq!(old(&rotate(&endpoint, "5", 100, 101).unwrap()), "4");
        assert_eq!(old(&rotate(&endpoint, "5", 0, 1).unwrap()), "");
        assert_eq!(old(&rotate(&endpoint, "0", 100, 1).unwrap()), "4321");
        assert!(rotate(&endpoint, "4", 100, 1).is_err(), "it has that one");
    }
}
