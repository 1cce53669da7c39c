//! Back-channel logout: the provider says that somebody has signed out there, and their sessions here end.

use serde_json::json;

use crate::audit::Actor;
use crate::hub::identity::sessions::record_end;
use crate::hub::{Hub, HubError};
use crate::identity::digest_of_secret;
use crate::oidc::OidcError;
use crate::store::oidc_sign_ins::record_logout;
use crate::store::sessions;

/// Why a logout token ends nothing.
#[derive(Debug, thiserror::Error)]
pub enum LogoutFailure {
    #[error("no identity provider is configured")]
    NotConfigured,
    #[error("the logout token was already used")]
    Used,
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl Hub {
    /// Ends the sessions that a logout token of the provider names.
    ///
    /// # Errors
    /// When the token is refused.
    pub async fn backchannel_logout(&self, jwt: &str) -> Result<(), LogoutFailure> {
        let now = self.clock.now();
        let provider = self.settings.provider.clone().ok_or(LogoutFailure::NotConfigured)?;
        let token = provider.logout_token(jwt, now).await?;
        let issuer = provider.issuer().to_owned();
        let id = digest_of_secret(&json!([issuer, token.id]).to_string());
        let is_first = self
            .store
            .write::<_, bool, HubError>(move |tx| {
                Box::pin(async move {
                    if !record_logout(tx.session(), &id, token.usable_until, now).await? {
                        return Ok(false);
                    }
                    let (subject, sid) = (token.subject.as_deref(), token.sid.as_deref());
                    for found in sessions::of_provider(tx.session(), &issuer, subject, sid).await? {
                        sessions::delete(tx.session(), found.session.id).await?;
                        let (id, person) = (found.session.id, found.session.person.clone());
                        record_end(tx, &person, &[id], "signed out at the identity provider", (Actor::Hub, now))?;
                    }
                    Ok(true)
                })
            })
            .await?;
        if is_first { Ok(()) } else { Err(LogoutFailure::Used) }
    }
}
