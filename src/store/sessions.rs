//! Sessions of people who signed in. Only a digest of each secret is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arg::args;
use super::codec::{unwire, wire};
use super::{Session, StoreError};
use crate::approval::{Digest, Email, ResourceName};
use crate::identity::{self, ClientInfo, ProviderSession, Scope, SessionKind, SignInMethod, rights_of_person};
use crate::ids::{SessionId, TokenId};
use crate::time::Timestamp;

/// What is stored as the time of a sign-in that is not known: the earliest one, which is recent nowhere.
const UNKNOWN: i64 = 0;

/// A session to be stored. Its rights are read with it, as they are then.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub person: Email,
    pub kind: SessionKind,
    pub method: SignInMethod,
    /// The token with which the person signed in.
    pub token: Option<TokenId>,
    /// None if it is not known.
    pub signed_in_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub client: ClientInfo,
    pub provider: Option<ProviderSession>,
}

/// A session with what is on record about it.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    pub session: Arc<identity::Session>,
    /// To five minutes.
    pub last_used_at: Timestamp,
    pub client: ClientInfo,
    pub provider: Option<ProviderSession>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    person: String,
    kind: String,
    method: String,
    token_id: Option<String>,
    signed_in_at: i64,
    created_at: i64,
    expires_at: i64,
    last_used_at: i64,
    address: Option<String>,
    device: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    sid: Option<String>,
    roles: Option<String>,
    token_scope: Option<String>,
    token_resources: Option<String>,
    memberships: i64,
}

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    id: String,
}

/// Reads a session together with what its rights depend on.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.person, s.kind, s.method, s.token_id, s.signed_in_at, s.created_at, s.expires_at, s.last_used_at,
                s.address, s.device, s.issuer, s.subject, s.sid, people.roles, tokens.scope AS token_scope,
                tokens.resources AS token_resources,
                (SELECT count(*) FROM (SELECT 1 FROM group_members WHERE email = s.person
                    UNION ALL SELECT 1 FROM claim_values WHERE person = s.person LIMIT 1) AS one) AS memberships
            FROM sessions AS s
            LEFT JOIN people ON people.email = s.person
            LEFT JOIN tokens ON tokens.id = s.token_id ",
            $rest
        )
    };
}

/// Adds a session.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, new: &NewSession, secret: &Digest) -> Result<(), StoreError> {
    let failed = |column, cause| StoreError::inconsistent("sessions", column, new.id, cause);
    let kind = wire(&new.kind).map_err(|cause| failed("kind", cause))?;
    let method = wire(&new.method).map_err(|cause| failed("method", cause))?;
    let provider = new.provider.as_ref();
    let sql =
        "INSERT INTO sessions (id, secret_digest, person, kind, method, token_id, signed_in_at, created_at, expires_at,
            last_used_at, address, device, issuer, subject, sid)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let values = args![
        &new.id,
        secret,
        &new.person,
        kind,
        method,
        new.token.map(|id| id.to_string()),
        new.signed_in_at.unwrap_or(Timestamp::from_micros(UNKNOWN)),
        new.created_at,
        new.expires_at,
        new.created_at,
        new.client.address.clone(),
        new.client.device.clone(),
        provider.map(|provider| provider.issuer.clone()),
        provider.map(|provider| provider.subject.clone()),
        provider.and_then(|provider| provider.sid.clone()),
    ];
    session.execute(sql, values).await.map(drop)
}

/// The session of that secret, whether it is over or not, with the rights that it gives now: one statement.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn by_secret(session: &mut Session, secret: &Digest) -> Result<Option<SessionRecord>, StoreError> {
    let row: Option<Row> = session.fetch_optional(select!("WHERE s.secret_digest = $1"), args![secret]).await?;
    row.map(Row::into_record).transpose()
}

/// One session.
///
/// # Errors
/// When the database fails or its row cannot be read.
pub async fn get(session: &mut Session, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
    let row: Option<Row> = session.fetch_optional(select!("WHERE s.id = $1"), args![&id]).await?;
    row.map(Row::into_record).transpose()
}

/// Up to `limit` sessions of a person, the newest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_person(session: &mut Session, person: &Email, limit: u32) -> Result<Vec<SessionRecord>, StoreError> {
    let sql = select!("WHERE s.person = $1 ORDER BY s.id DESC LIMIT $2");
    let rows: Vec<Row> = session.fetch_all(sql, args![person, i64::from(limit)]).await?;
    Ok(session.unreadable().convert_some(rows, Row::into_record))
}

/// Records that a session was used.
///
/// # Errors
/// When the database fails.
pub async fn record_use(session: &mut Session, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2";
    session.execute(sql, args![&id, at]).await.map(drop)
}

/// Ends a session. Returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, id: SessionId) -> Result<bool, StoreError> {
    session.touch_configuration();
    Ok(session.execute("DELETE FROM sessions WHERE id = $1", args![&id]).await? == 1)
}

/// Ends all sessions of a person but `kept`; returns their ids.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn delete_of_person(
    session: &mut Session,
    person: &Email,
    kept: Option<SessionId>,
) -> Result<Vec<SessionId>, StoreError> {
    let kept = kept.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<IdRow> = session
        .fetch_all("SELECT id FROM sessions WHERE person = $1 AND id <> $2 ORDER BY id", args![person, &kept])
        .await?;
    if !rows.is_empty() {
        session.touch_configuration();
        session.execute("DELETE FROM sessions WHERE person = $1 AND id <> $2", args![person, &kept]).await?;
    }
    rows.iter().map(IdRow::id).collect()
}

/// The sessions that a provider's logout ends: those of one session there if it names one, else all of the subject.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_provider(
    session: &mut Session,
    issuer: &str,
    subject: Option<&str>,
    sid: Option<&str>,
) -> Result<Vec<SessionRecord>, StoreError> {
    let (sql, values) = match (subject, sid) {
        (Some(subject), Some(sid)) => {
            (select!("WHERE s.issuer = $1 AND s.sid = $2 AND s.subject = $3"), args![issuer, sid, subject])
        }
        (None, Some(sid)) => (select!("WHERE s.issuer = $1 AND s.sid = $2"), args![issuer, sid]),
        (Some(subject), None) => (select!("WHERE s.issuer = $1 AND s.subject = $2"), args![issuer, subject]),
        (None, None) => return Ok(Vec::new()),
    };
    let rows: Vec<Row> = session.fetch_all(sql, values).await?;
    Ok(session.unreadable().convert_some(rows, Row::into_record))
}

/// Deletes up to `limit` sessions that ended, and those of a person beyond the newest `kept`.
///
/// # Errors
/// When the database fails.
pub async fn prune(
    session: &mut Session,
    person: &Email,
    kept: u32,
    limit: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let over = "DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    session.execute(over, args![now, i64::from(limit)]).await?;
    let surplus = "DELETE FROM sessions WHERE person = $1 AND id NOT IN
        (SELECT id FROM sessions WHERE person = $1 ORDER BY id DESC LIMIT $2)";
    if session.execute(surplus, args![person, i64::from(kept)]).await? > 0 {
        session.touch_configuration();
    }
    Ok(())
}

impl IdRow {
    fn id(&self) -> Result<SessionId, StoreError> {
        self.id.parse().map_err(|cause| StoreError::inconsistent("sessions", "id", &self.id, cause))
    }
}

impl Row {
    fn into_record(self) -> Result<SessionRecord, StoreError> {
        let key = self.id.clone();
        let failed = |column, cause| StoreError::inconsistent("sessions", column, &key, cause);
        let token_scope: Option<Scope> =
            self.token_scope.map(unwire).transpose().map_err(|cause| failed("token scope", cause))?;
        let resources: BTreeSet<ResourceName> = match &self.token_resources {
            Some(text) => serde_json::from_str(text).map_err(|cause| failed("token resources", cause))?,
            None => BTreeSet::new(),
        };
        let roles: BTreeSet<Scope> = match &self.roles {
            Some(text) => serde_json::from_str(text).map_err(|cause| failed("roles", cause))?,
            None => BTreeSet::new(),
        };
        let is_known = self.roles.is_some() || self.memberships > 0;
        let scopes = token_scope.map_or_else(|| rights_of_person(is_known, &roles), |scope| BTreeSet::from([scope]));
        let session = identity::Session {
            id: key.parse().map_err(|cause| StoreError::inconsistent("sessions", "id", &key, cause))?,
            person: self.person.parse().map_err(|cause| StoreError::inconsistent("sessions", "person", &key, cause))?,
            kind: unwire(self.kind).map_err(|cause| failed("kind", cause))?,
            method: unwire(self.method).map_err(|cause| failed("method", cause))?,
            scopes,
            resources,
            token: self
                .token_id
                .map(|id| id.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("sessions", "token_id", &key, cause))?,
            signed_in_at: Some(self.signed_in_at).filter(|at| *at != UNKNOWN).map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
        };
        let provider =
            self.issuer.zip(self.subject).map(|(issuer, subject)| ProviderSession { issuer, subject, sid: self.sid });
        Ok(SessionRecord {
            session: Arc::new(session),
            last_used_at: Timestamp::from_micros(self.last_used_at),
            client: ClientInfo { address: self.address, device: self.device },
            provider,
        })
    }
}
