//! Token exchange (RFC 8693): a workload presents a token of its platform, and gets a short-lived one of the hub.
//!
//! A platform's token works once: a copy that leaks later (from a log, or from a variable of the pipeline) gets nothing.
//! Each workload, which is a subject of a trusted issuer, has one token with a secret for each exchange. So what it asked
//! for stays its own when it exchanges again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::trusted::NotAccepted;
use crate::approval::{Digest, ResourceName, limits};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Hub, HubError};
use crate::identity::workload::TrustedIssuer;
use crate::identity::{Scope, Token, digest_of_secret, new_workload_secret};
use crate::ids::TokenId;
use crate::random;
use crate::store::workloads;
use crate::store::{StoreError, Tx, tokens};
use crate::time::Timestamp;

/// Most workloads that have a token.
pub const MAX_WORKLOADS: u64 = 10_000;
/// Most secrets of one workload that are valid at the same time.
pub const MAX_WORKLOAD_SECRETS: u64 = 1_000;
/// How long the token of a workload is kept after its last secret.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long it is remembered that a platform's token was exchanged, after its end: clocks differ.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Rows that are deleted at each exchange.
const PRUNED: u32 = 100;

/// A token of the hub for a workload.
#[derive(Debug)]
pub struct Exchanged {
    /// What to send as the bearer. Shown this once.
    pub secret: String,
    pub token: Token,
    /// Until when the secret is valid.
    pub expires_at: Timestamp,
}

/// Why a workload gets no token.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeRefusal {
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    #[error(
        "this token was exchanged before, and each works once: exchange it once with `countersign token exchange`, or ask the \
         platform for another one"
    )]
    Used,
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<StoreError> for ExchangeRefusal {
    fn from(error: StoreError) -> Self {
        Self::Hub(error.into())
    }
}

impl Hub {
    /// Exchanges a platform's token for a token of the hub.
    ///
    /// # Errors
    /// When the token is not accepted, or was exchanged before.
    pub async fn exchange_token(&self, jwt: &str) -> Result<Exchanged, ExchangeRefusal> {
        let now = self.clock.now();
        let (issuer, claims) = self.workloads.accept(jwt, now).await?;
        let workload = Workload::of(issuer, &claims)?;
        let end = claims.get("exp").and_then(Value::as_f64).map_or(now, |seconds| {
            // A number that is no time becomes the latest one.
            Timestamp::from_micros((seconds * 1e6) as i64).max(now)
        });
        // What is signed: unlike the signature, it cannot be written in another way.
        let signed = jwt.rsplit_once('.').map_or(jwt, |(signed, _)| signed);
        let used = Digest::of(signed.as_bytes());
        let secret = new_workload_secret();
        let (digest, expires_at) = (digest_of_secret(&secret), now + issuer.lifetime());
        let details = json!({
            "trusted_issuer": issuer.name(), "issuer": issuer.issuer(), "subject": workload.subject,
            "matched": issuer.matched(&claims).unwrap_or_default(), "expires_at": expires_at,
        });
        let token = self
            .store
            .write::<_, Token, ExchangeRefusal>(move |tx| {
                Box::pin(async move {
                    if !workloads::use_up(tx.session(), &used, end + REMEMBERED).await? {
                        return Err(ExchangeRefusal::Used);
                    }
                    workloads::prune(tx.session(), now, now - KEPT, PRUNED).await?;
                    let token = workload.token(tx, expires_at, now).await?;
                    let valid = workloads::add_secret(tx.session(), token.id, &digest, expires_at, now).await?;
                    if valid > MAX_WORKLOAD_SECRETS {
                        let detail = "too many tokens of this workload are valid: try again in a few minutes";
                        return Err(HubError::conflict(Code::Busy, detail).into());
                    }
                    let actor = Actor::Token { id: Some(token.id), name: token.name.clone() };
                    tx.record(&Entry { details, ..Entry::new(now, "token.exchanged", actor) })?;
                    Ok(token)
                })
            })
            .await?;
        Ok(Exchanged { secret, token, expires_at })
    }
}

/// A subject of a trusted issuer.
#[derive(Debug)]
struct Workload {
    digest: Digest,
    subject: String,
    name: String,
    resources: BTreeSet<ResourceName>,
}

impl Workload {
    fn of(issuer: &TrustedIssuer, claims: &Map<String, Value>) -> Result<Self, ExchangeRefusal> {
        let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| NotAccepted::Conditions("it has no subject (sub)".to_owned()))?;
        let identity = json!([issuer.name(), issuer.issuer(), subject]).to_string();
        let mut name = format!("{} {}", issuer.name(), crate::channels::text::one_line(subject));
        while name.len() > limits::SHORT {
            name.pop();
        }
        Ok(Self {
            digest: Digest::of(identity.as_bytes()),
            subject: subject.to_owned(),
            name,
            resources: issuer.resources().clone(),
        })
    }

    /// The workload's token, which is made at the first exchange, and follows the settings at each.
    async fn token(&self, tx: &mut Tx, expires_at: Timestamp, now: Timestamp) -> Result<Token, ExchangeRefusal> {
        let session = tx.session();
        if let Some(id) = workloads::token_of(session, &self.digest).await? {
            let known = tokens::get(session, id).await?.ok_or(HubError::Missing("the token of a workload"))?.token;
            let token = Token { name: self.name.clone(), resources: self.resources.clone(), ..known.clone() };
            if token != known {
                workloads::change_token(session, &token).await?;
            }
            return Ok(token);
        }
        if workloads::count(session).await? >= MAX_WORKLOADS {
            let detail = format!("{MAX_WORKLOADS} workloads have a token: revoke some that are no longer used");
            return Err(HubError::conflict(Code::Busy, detail).into());
        }
        let token = Token {
            id: TokenId::mint(now),
            name: self.name.clone(),
            scope: Scope::Requester,
            person: None,
            resources: self.resources.clone(),
            agent: false,
            created_at: now,
            expires_at: Some(expires_at),
        };
        let unused = Digest::of(&random::bytes::<32>());
        workloads::insert(session, &self.digest, &token, &unused).await?;
        Ok(token)
    }
}
