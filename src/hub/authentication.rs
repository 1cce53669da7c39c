//! Authentication of calls by their token.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Hub, HubError};
use crate::identity::{Principal, SecretForm, Token, digest_of_secret, form_of_secret};
use crate::store::StoreError;
use crate::store::tokens::{self, Credential};
use crate::time::Timestamp;

/// Period before expiry in which the use of a token logs a warning.
const WARN_BEFORE: Duration = Duration::from_secs(7 * 86_400);
/// How often uses are written.
const PERIOD: Duration = Duration::from_secs(30);

/// What a secret turned out to be.
#[derive(Debug)]
pub enum Authentication {
    Known {
        principal: Principal,
        /// Until when this secret is valid, when it ends at all.
        valid_until: Option<Timestamp>,
    },
    /// It expired then.
    Expired(Timestamp),
    /// The checksum does not match.
    Mistyped,
    Unknown,
}

impl Hub {
    /// Who the bearer of `secret` is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn authenticate(&self, secret: &str) -> Result<Authentication, StoreError> {
        let digest = digest_of_secret(secret);
        if self.bootstrap.matches(&digest) {
            return Ok(Authentication::Known { principal: Principal::Operator, valid_until: None });
        }
        if form_of_secret(secret) == SecretForm::Mistyped {
            return Ok(Authentication::Mistyped);
        }
        let Some(Credential { token, retires_at }) = self.store.lookup().credential(&digest).await? else {
            return Ok(Authentication::Unknown);
        };
        let now = self.clock.now();
        let valid_until = token.expires_at.into_iter().chain(retires_at).min();
        if let Some(end) = valid_until.filter(|end| now >= *end) {
            return Ok(Authentication::Expired(end));
        }
        if self.token_uses.note(token.id, now) {
            warn_of_end(&token, valid_until, now);
        }
        Ok(Authentication::Known { principal: Principal::Token(token), valid_until })
    }

    /// Writes the uses that were noted; what cannot be written is kept for the next time.
    async fn write_token_uses(&self) -> Result<(), HubError> {
        let noted = self.token_uses.take(self.clock.now());
        if noted.is_empty() {
            return Ok(());
        }
        let uses = noted.clone();
        let written = self
            .store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    for (id, hour) in uses {
                        tokens::record_use(tx.session(), id, hour).await?;
                    }
                    Ok(())
                })
            })
            .await;
        if written.is_err() {
            self.token_uses.put_back(&noted);
        }
        written
    }
}

/// Once an hour for each token that is in use and about to end.
fn warn_of_end(token: &Token, valid_until: Option<Timestamp>, now: Timestamp) {
    if let Some(end) = valid_until.filter(|end| *end <= now + WARN_BEFORE) {
        let (token, name) = (token.id.to_string(), token.name.as_str());
        tracing::warn!(token, name, expires_at = %end, "a token that is in use expires soon: rotate it");
    }
}

/// Writes when tokens were used until told to stop, and then the rest.
pub async fn run_token_uses(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let is_over = tokio::select! {
            () = stop.cancelled() => true,
            () = hub.clock.sleep_until(hub.clock.now() + PERIOD, PERIOD) => false,
        };
        if let Err(error) = hub.write_token_uses().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot record when tokens were used");
        }
        if is_over {
            return;
        }
    }
}
