//! API tokens: made, listed, rotated, revoked.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::{Email, ResourceName, limits};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::input::given;
use crate::hub::keyed_calls::{earlier_subject, remember};
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, KeyedCall, Page, input, require};
use crate::identity::{Principal, Right, Scope, Token, digest_of_secret, new_token_secret};
use crate::ids::TokenId;
use crate::store::Session;
use crate::store::tokens::{self, TokenRecord};
use crate::time::Timestamp;

const CREATE: &str = "token";
const ROTATE: &str = "rotate-token";
/// How long a token is valid, unless said otherwise: 90 days.
const LIFETIME: Duration = Duration::from_secs(90 * 86_400);
/// How long an earlier secret stays valid beside the new one, unless said otherwise: a day.
const OVERLAP: u32 = 86_400;
/// Longest overlap: 30 days.
const MAX_OVERLAP: u32 = 30 * 86_400;
/// Most earlier secrets that are valid at once.
const MAX_RETIRED: u64 = 4;

/// A token as asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// What people call it.
    pub name: String,
    pub scope: Scope,
    /// Whose it is.
    #[serde(default)]
    pub person: Option<Email>,
    /// The resources that it is limited to; none for no limit.
    #[serde(default)]
    pub resources: BTreeSet<ResourceName>,
    /// Whether it belongs to a program that acts for people.
    #[serde(default)]
    pub agent: bool,
    /// When it expires: `null` for never, 90 days from now when absent.
    #[serde(default, deserialize_with = "given")]
    pub expires_at: Option<Option<Timestamp>>,
}

/// Another secret for a token.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotateTokenInput {
    /// How long the earlier secret stays valid; 0 ends all earlier ones at once.
    pub overlap_seconds: Option<u32>,
    /// As in [`TokenInput`]; when absent, a token that expires is valid for 90 more days.
    #[serde(deserialize_with = "given")]
    pub expires_at: Option<Option<Timestamp>>,
}

/// A token as shown.
#[derive(Debug, Clone, Serialize)]
pub struct TokenView {
    #[serde(flatten)]
    pub token: Token,
    /// To the hour; `null` when it was never used.
    pub last_used_at: Option<Timestamp>,
}

/// A token with its new secret.
#[derive(Debug, Serialize)]
pub struct NewToken {
    #[serde(flatten)]
    pub token: TokenView,
    /// What to send as the bearer. Shown this once: a repeated call with the same `Idempotency-Key` answers `null`.
    pub secret: Option<String>,
}

impl From<TokenRecord> for TokenView {
    fn from(TokenRecord { token, last_used_at }: TokenRecord) -> Self {
        Self { token, last_used_at }
    }
}

impl Hub {
    /// Makes a token; the answer alone shows its secret.
    ///
    /// # Errors
    /// When the caller may not, or the input is invalid.
    pub async fn create_token(
        &self,
        caller: &Principal,
        input: TokenInput,
        key: Option<KeyedCall>,
    ) -> Result<NewToken, HubError> {
        require(caller, Right::ManageTokens)?;
        let key = key.map(|call| call.of(caller, CREATE, ""));
        let now = self.clock.now();
        let token = checked(input, now)?;
        let secret = new_token_secret();
        let (digest, actor) = (digest_of_secret(&secret), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(id) = earlier_subject(tx.session(), key.as_ref()).await? {
                        return shown_before(tx.session(), &id).await;
                    }
                    tokens::insert(tx.session(), &token, &digest).await?;
                    remember(tx.session(), key, token.id.to_string(), now);
                    tx.record(&Entry {
                        person: token.person.clone(),
                        details: json!(token),
                        ..Entry::new(now, "token.created", actor)
                    })?;
                    Ok(NewToken { token: TokenView { token, last_used_at: None }, secret: Some(secret) })
                })
            })
            .await
    }

    /// Tokens, oldest first, without their secrets.
    ///
    /// # Errors
    /// When the caller may not see them, or the cursor is invalid.
    pub async fn tokens(
        &self,
        caller: &Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<TokenView>, HubError> {
        require(caller, Right::ManageTokens)?;
        let after = cursor.map(parse_cursor).transpose()?;
        let found = tokens::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |record| record.token.id.to_string()).map(TokenView::from))
    }

    /// Gives a token another secret; the earlier one stays valid for a while, so that its holders can change over.
    ///
    /// # Errors
    /// When the caller may not, there is no such token, it has expired, or too many of its secrets are valid.
    pub async fn rotate_token(
        &self,
        caller: &Principal,
        id: TokenId,
        input: RotateTokenInput,
        key: Option<KeyedCall>,
    ) -> Result<NewToken, HubError> {
        require(caller, Right::ManageTokens)?;
        let key = key.map(|call| call.of(caller, ROTATE, &id.to_string()));
        let overlap = input.overlap_seconds.unwrap_or(OVERLAP);
        if overlap > MAX_OVERLAP {
            let detail = format!("an overlap is 0 to {MAX_OVERLAP} seconds");
            return Err(HubError::invalid(Code::InvalidTimeout, "/overlap_seconds", detail));
        }
        let now = self.clock.now();
        if let Some(expires_at) = input.expires_at {
            check_end(expires_at, now)?;
        }
        let secret = new_token_secret();
        let (digest, actor) = (digest_of_secret(&secret), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if earlier_subject(tx.session(), key.as_ref()).await?.is_some() {
                        return shown_before(tx.session(), &id.to_string()).await;
                    }
                    let TokenRecord { token, last_used_at } = known(tx.session(), id).await?;
                    if token.is_expired(now) {
                        let detail = "this token has expired: create another one";
                        return Err(HubError::conflict(Code::TokenExpired, detail));
                    }
                    let renewed = token.expires_at.map(|_| now + LIFETIME);
                    let retires_at = (overlap > 0).then(|| now + Duration::from_secs(overlap.into()));
                    // An overlap does not outlive the token's own end.
                    let retires_at = retires_at.map(|at| token.expires_at.map_or(at, |end| at.min(end)));
                    let token = Token { expires_at: input.expires_at.unwrap_or(renewed), ..token };
                    if tokens::rotate(tx.session(), &token, &digest, retires_at, now).await? > MAX_RETIRED {
                        let detail = format!(
                            "{MAX_RETIRED} earlier secrets are still valid: wait until one expires, or end all of them \
                             with overlap_seconds 0"
                        );
                        return Err(HubError::conflict(Code::TooManySecrets, detail));
                    }
                    remember(tx.session(), key, id.to_string(), now);
                    let details = json!({"token": id, "retires_at": retires_at, "expires_at": token.expires_at});
                    tx.record(&Entry { details, ..Entry::new(now, "token.rotated", actor) })?;
                    Ok(NewToken { token: TokenView { token, last_used_at }, secret: Some(secret) })
                })
            })
            .await
    }

    /// Deletes a token. All its secrets are void at once.
    ///
    /// # Errors
    /// When the caller may not, or there is no such token.
    pub async fn revoke_token(&self, caller: &Principal, id: TokenId) -> Result<(), HubError> {
        require(caller, Right::ManageTokens)?;
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

/// The token that the input describes.
fn checked(input: TokenInput, now: Timestamp) -> Result<Token, HubError> {
    let TokenInput { name, scope, person, resources, agent, expires_at } = input;
    input::text("/name", &name, limits::SHORT)?;
    input::count("/resources", resources.len(), limits::ITEMS)?;
    if scope == Scope::Approver && person.is_none() {
        let detail = "an approver token belongs to a person: set person";
        return Err(HubError::invalid(Code::PersonRequired, "/person", detail));
    }
    if scope == Scope::Scim && person.is_some() {
        let detail = "a scim token belongs to a directory, and to no person: omit person";
        return Err(HubError::invalid(Code::InvalidToken, "/person", detail));
    }
    if agent && scope != Scope::Requester {
        let detail = "agent is allowed only with the scope requester";
        return Err(HubError::invalid(Code::InvalidToken, "/agent", detail));
    }
    if !resources.is_empty() && !matches!(scope, Scope::Requester | Scope::Decider) {
        let detail = "resources are allowed only with the scopes requester and decider";
        return Err(HubError::invalid(Code::InvalidToken, "/resources", detail));
    }
    let expires_at = expires_at.unwrap_or(Some(now + LIFETIME));
    check_end(expires_at, now)?;
    Ok(Token { id: TokenId::mint(now), name, scope, person, resources, agent, created_at: now, expires_at })
}

fn check_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), HubError> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(HubError::invalid(Code::InvalidExpiry, "/expires_at", "expires_at is in the past"));
    }
    Ok(())
}

async fn known(session: &mut Session, id: TokenId) -> Result<TokenRecord, HubError> {
    tokens::get(session, id).await?.ok_or(HubError::NotFound("token"))
}

/// What an earlier call with the same key made. Its secret was shown then; the hub no longer has it.
async fn shown_before(session: &mut Session, id: &str) -> Result<NewToken, HubError> {
    let id = id.parse().map_err(|_| HubError::Missing("the id of a token that a key stands for"))?;
    Ok(NewToken { token: known(session, id).await?.into(), secret: None })
}
