//! What a person typed into the page of a link before they had to sign in: kept for a short time, for the same browser and
//! the same link.

use std::time::Duration;

use super::link::LinkDecision;
use crate::approval::{Digest, limits};
use crate::hub::{Hub, HubError, input};
use crate::identity::digest_of_secret;
use crate::ids::RequestId;
use crate::random;
use crate::store::drafts;

/// How long a draft is kept.
const LIFE: Duration = Duration::from_secs(900);

impl Hub {
    /// Keeps what was typed into a link's page. Returns the secret with which the same browser finds it again.
    ///
    /// # Errors
    /// When the link is not genuine, or a text is too long.
    pub async fn keep_draft(&self, token: &str, decision: &LinkDecision) -> Result<String, HubError> {
        self.check_link(token)?;
        self.keep_typed(token, decision).await
    }

    /// Keeps what a person typed into the page of a request, as [`Self::keep_draft`] does.
    ///
    /// # Errors
    /// When a text is too long.
    pub async fn keep_request_draft(&self, id: RequestId, decision: &LinkDecision) -> Result<String, HubError> {
        self.keep_typed(&page_of_request(id), decision).await
    }

    /// What the browser that has this secret typed into the page of that request.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn request_draft(&self, id: RequestId, secret: &str) -> Result<Option<LinkDecision>, HubError> {
        self.draft_of(&page_of_request(id), secret).await
    }

    async fn keep_typed(&self, page: &str, decision: &LinkDecision) -> Result<String, HubError> {
        input::optional("/reason", decision.reason.as_ref(), limits::REASON)?;
        input::optional("/command", decision.command.as_ref(), limits::COMMAND)?;
        let body = serde_json::to_string(decision).map_err(|_| HubError::Missing("the text of a draft"))?;
        let (secret, link, now) = (random::secret_text(), Digest::of(page.as_bytes()), self.clock.now());
        let digest = digest_of_secret(&secret);
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move { Ok(drafts::put(tx.session(), &digest, &link, &body, (now, now + LIFE)).await?) })
            })
            .await?;
        Ok(secret)
    }

    /// What the browser that has this secret typed into that link's page. A draft of an earlier version of the hub that
    /// cannot be read counts as none.
    pub(super) async fn draft_of(&self, token: &str, secret: &str) -> Result<Option<LinkDecision>, HubError> {
        let (digest, link) = (digest_of_secret(secret), Digest::of(token.as_bytes()));
        let body = drafts::get(&mut self.store.read().await?, &digest, &link, self.clock.now()).await?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }
}

/// What a draft of a request's page is kept for. No link's token contains a space.
fn page_of_request(id: RequestId) -> String {
    format!("request {id}")
}
