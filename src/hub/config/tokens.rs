//! API tokens: creates, lists and revokes them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::{Email, limits};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, Page, input, require};
use crate::identity::{Principal, Scope, Token, digest_of_secret, new_token_secret};
use crate::ids::TokenId;
use crate::store::tokens;
use crate::time::Timestamp;

/// The body that creates a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    pub name: String,
    pub scope: Scope,
    /// Its owner; `None` for a system.
    #[serde(default)]
    pub person: Option<Email>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A new token with its secret, which is shown only this once.
#[derive(Debug, Serialize)]
pub struct NewToken {
    #[serde(flatten)]
    pub token: Token,
    /// The bearer token.
    pub secret: String,
}

impl Hub {
    /// Creates a token; only this answer contains its secret.
    ///
    /// # Errors
    /// When the caller may not, or the input is invalid.
    pub async fn create_token(&self, caller: &Principal, input: TokenInput) -> Result<NewToken, HubError> {
        require(caller, &[Scope::Admin])?;
        input::text("/name", &input.name, limits::SHORT)?;
        let now = self.clock.now();
        if input.scope == Scope::Approver && input.person.is_none() {
            let detail = "an approver token belongs to a person: set person";
            return Err(HubError::invalid(Code::PersonRequired, "/person", detail));
        }
        if input.expires_at.is_some_and(|end| end <= now) {
            return Err(HubError::invalid(Code::InvalidExpiry, "/expires_at", "expires_at is in the past"));
        }
        let TokenInput { name, scope, person, expires_at } = input;
        let token = Token { id: TokenId::mint(now), name, scope, person, created_at: now, expires_at };
        let secret = new_token_secret();
        let (stored, digest, actor) = (token.clone(), digest_of_secret(&secret), caller.actor());
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    tokens::insert(tx.session(), &stored, &digest).await?;
                    tx.record(&Entry {
                        person: stored.person.clone(),
                        details: json!(stored),
                        ..Entry::new(now, "token.created", actor)
                    })?;
                    Ok(())
                })
            })
            .await?;
        Ok(NewToken { token, secret })
    }

    /// Lists tokens, oldest first, without their secrets.
    ///
    /// # Errors
    /// When the caller may not see them, or the cursor is invalid.
    pub async fn tokens(&self, caller: &Principal, limit: u32, cursor: Option<&str>) -> Result<Page<Token>, HubError> {
        require(caller, &[Scope::Admin])?;
        let after = cursor.map(parse_cursor).transpose()?;
        let found = tokens::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |token| token.id.to_string()))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn revoke_token(&self, caller: &Principal, id: TokenId) -> Result<(), HubError> {
        require(caller, &[Scope::Admin])?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !tokens::delete(tx.session(), id).await? {
                        return Err(HubError::NotFound("token"));
                    }
                    let details = json!({"token": id});
                    tx.record(&Entry { details, ..Entry::new(now, "token.revoked", actor) })?;
                    Ok(())
                })
            })
            .await
    }
}
