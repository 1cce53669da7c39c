//! Device authorizations: programs that wait for a person to confirm their code. Codes are stored as digests only.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::Digest;
use crate::identity::{Device, DeviceAuthorization, DeviceState};
use crate::ids::SessionId;
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct Row {
    client: String,
    name: String,
    address: String,
    state: String,
    session_id: Option<String>,
    created_at: i64,
    expires_at: i64,
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    count: i64,
}

/// Adds one, unless another has its user code. Returns whether it was added.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    session: &mut Session,
    authorization: &DeviceAuthorization,
    (device_code, user_code): (&Digest, &Digest),
    origin: &str,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO device_authorizations
        (device_digest, user_digest, client, name, address, origin, state, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8) ON CONFLICT (user_digest) DO NOTHING";
    let Device { client, name, address } = &authorization.device;
    let (created_at, expires_at) = (authorization.created_at, authorization.expires_at);
    let values = args![device_code, user_code, client, name, address, origin, created_at, expires_at];
    Ok(session.execute(sql, values).await? == 1)
}

/// Deletes those that expired before that time.
///
/// # Errors
/// When the database fails.
pub async fn prune(session: &mut Session, before: Timestamp) -> Result<(), StoreError> {
    session.execute("DELETE FROM device_authorizations WHERE expires_at < $1", args![before]).await.map(drop)
}

/// How many have not expired.
///
/// # Errors
/// When the database fails.
pub async fn count(session: &mut Session, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS count FROM device_authorizations WHERE expires_at > $1";
    let row: CountRow = session.fetch_one(sql, args![now]).await?;
    Ok(row.count.unsigned_abs())
}

/// How many from one origin have not expired.
///
/// # Errors
/// When the database fails.
pub async fn count_from(session: &mut Session, origin: &str, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS count FROM device_authorizations WHERE origin = $1 AND expires_at > $2";
    let row: CountRow = session.fetch_one(sql, args![origin, now]).await?;
    Ok(row.count.unsigned_abs())
}

/// The one with that device code.
///
/// # Errors
/// When the database fails or its row cannot be read.
pub async fn by_device_code(session: &mut Session, code: &Digest) -> Result<Option<DeviceAuthorization>, StoreError> {
    let sql = "SELECT client, name, address, state, session_id, created_at, expires_at
        FROM device_authorizations WHERE device_digest = $1";
    read(session, sql, code).await
}

/// The one with that user code.
///
/// # Errors
/// When the database fails or its row cannot be read.
pub async fn by_user_code(session: &mut Session, code: &Digest) -> Result<Option<DeviceAuthorization>, StoreError> {
    let sql = "SELECT client, name, address, state, session_id, created_at, expires_at
        FROM device_authorizations WHERE user_digest = $1";
    read(session, sql, code).await
}

/// Records what a person decided about a pending one. Returns whether it was pending.
///
/// # Errors
/// When the database fails.
pub async fn decide(session: &mut Session, user_code: &Digest, by: Option<SessionId>) -> Result<bool, StoreError> {
    let state = if by.is_some() { "approved" } else { "denied" };
    let sql =
        "UPDATE device_authorizations SET state = $2, session_id = $3 WHERE user_digest = $1 AND state = 'pending'";
    Ok(session.execute(sql, args![user_code, state, by.as_ref()]).await? == 1)
}

/// Marks an approved one as used. Returns whether it was approved.
///
/// # Errors
/// When the database fails.
pub async fn consume(session: &mut Session, device_code: &Digest) -> Result<bool, StoreError> {
    let sql = "UPDATE device_authorizations SET state = 'consumed' WHERE device_digest = $1 AND state = 'approved'";
    Ok(session.execute(sql, args![device_code]).await? == 1)
}

async fn read(
    session: &mut Session,
    sql: &'static str,
    code: &Digest,
) -> Result<Option<DeviceAuthorization>, StoreError> {
    let row: Option<Row> = session.fetch_optional(sql, args![code]).await?;
    row.map(|row| row.into_authorization(code)).transpose()
}

impl Row {
    fn into_authorization(self, code: &Digest) -> Result<DeviceAuthorization, StoreError> {
        let bad = |cause: crate::ids::InvalidId| {
            StoreError::inconsistent("device_authorizations", "session_id", code.to_string(), cause)
        };
        let by = self.session_id.map(|id| id.parse().map_err(bad)).transpose()?;
        let state = match (self.state.as_str(), by) {
            ("approved", Some(session)) => DeviceState::Approved(session),
            ("pending", _) => DeviceState::Pending,
            ("consumed", _) => DeviceState::Consumed,
            _ => DeviceState::Denied,
        };
        Ok(DeviceAuthorization {
            device: Device { client: self.client, name: self.name, address: self.address },
            state,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
        })
    }
}
