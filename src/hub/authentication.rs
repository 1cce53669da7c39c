//! Authentication of calls by the secret of a token or a session.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Hub, HubError};
use crate::approval::Digest;
use crate::identity::{
    Principal, SecretForm, SessionKind, Token, digest_of_secret, form_of_secret, is_session_secret, is_workload_secret,
};
use crate::ids::SessionId;
use crate::store::StoreError;
use crate::store::sessions::{self, SessionRecord};
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
        if is_session_secret(secret) {
            return self.authenticate_session(&digest, SessionKind::Device).await;
        }
        let Some(Credential { token, retires_at }) = self.store.lookup().credential(&digest).await? else {
            return Ok(Authentication::Unknown);
        };
        let now = self.clock.now();
        let valid_until = token.expires_at.into_iter().chain(retires_at).min();
        if let Some(end) = valid_until.filter(|end| now >= *end) {
            return Ok(Authentication::Expired(end));
        }
        if self.token_uses.note(token.id, now) && !is_workload_secret(secret) {
            warn_of_end(&token, valid_until, now);
        }
        Ok(Authentication::Known { principal: Principal::Token(token), valid_until })
    }

    /// Who uses the browser's session with that secret.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn authenticate_browser(&self, secret: &str) -> Result<Authentication, StoreError> {
        if form_of_secret(secret) != SecretForm::Checked || !is_session_secret(secret) {
            return Ok(Authentication::Mistyped);
        }
        self.authenticate_session(&digest_of_secret(secret), SessionKind::Browser).await
    }

    async fn authenticate_session(&self, digest: &Digest, kind: SessionKind) -> Result<Authentication, StoreError> {
        let (lookup, now) = (self.store.lookup(), self.clock.now());
        let mut read = lookup.session(digest).await?;
        if read.as_ref().is_some_and(|record| now >= self.end_of(record)) {
            // Another replica may have seen it used, or this one, and the cache does not know.
            read = lookup.session_again(digest).await?;
        }
        let Some(record) = read.filter(|read| read.session.kind == kind) else { return Ok(Authentication::Unknown) };
        let end = self.end_of(&record);
        if now >= end {
            return Ok(Authentication::Expired(end));
        }
        self.session_uses.note(record.session.id, now);
        let valid_until = Some(record.session.expires_at);
        Ok(Authentication::Known { principal: Principal::Session(Arc::clone(&record.session)), valid_until })
    }

    /// Whether a session still gives its rights. That is no use of it.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn is_live(&self, id: SessionId) -> Result<bool, StoreError> {
        let record = sessions::get(&mut self.store.read().await?, id).await?;
        Ok(record.is_some_and(|record| self.clock.now() < self.end_of(&record)))
    }

    /// When a session ends if it is not used.
    fn end_of(&self, record: &SessionRecord) -> Timestamp {
        let noted = self.session_uses.last(record.session.id).unwrap_or(record.last_used_at);
        record.session.expires_at.min(record.last_used_at.max(noted) + self.settings.sessions.idle)
    }

    /// Writes the uses that were noted; what cannot be written is kept for the next time.
    async fn write_uses(&self) -> Result<(), HubError> {
        let now = self.clock.now();
        let (noted, noted_sessions) = (self.token_uses.take(now), self.session_uses.take(now));
        if noted.is_empty() && noted_sessions.is_empty() {
            return Ok(());
        }
        let (uses, session_uses) = (noted.clone(), noted_sessions.clone());
        let written = self
            .store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    for (id, at) in uses {
                        tokens::record_use(tx.session(), id, at).await?;
                    }
                    for (id, at) in session_uses {
                        sessions::record_use(tx.session(), id, at).await?;
                    }
                    Ok(())
                })
            })
            .await;
        if written.is_err() {
            self.token_uses.put_back(&noted);
            self.session_uses.put_back(&noted_sessions);
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

/// Writes when tokens and sessions were used until told to stop, and then the rest.
pub async fn run_uses(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let is_over = tokio::select! {
            () = stop.cancelled() => true,
            () = hub.clock.sleep_until(hub.clock.now() + PERIOD, PERIOD) => false,
        };
        if let Err(error) = hub.write_uses().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot record when tokens and sessions were used"
            );
        }
        if is_over {
            return;
        }
    }
}
