//! Deliveries as a queue: what is due is leased, sent, and settled.
//!
//! A lease comes with a fencing number, which guards every later write: an owner whose lease ran out and was given to another can
//! change nothing any more.

use std::time::Duration;

use super::deliveries::{Attempt, DeliveryState};
use super::requests::{unwire, wire};
use super::session::args;
use super::{Session, StoreError};
use crate::ids::{DeliveryId, EndpointId, EventId};
use crate::time::Timestamp;

/// A delivery that this process may send, until its lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its name.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// Guards every later write.
    pub fence: i64,
    /// Attempts made before this one.
    pub attempts: u32,
    /// How many of them were never recorded by who made them: whether they were made at all nobody knows.
    pub lost: u32,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// What is told.
    pub event_id: EventId,
    /// Kind of event.
    pub event_type: String,
    /// When the event happened.
    pub event_at: Timestamp,
    /// The request as it stood, as JSON text.
    pub subject: String,
    /// The request's status now.
    pub request_status: crate::approval::Status,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Tried again at that moment.
    Retry(Timestamp),
    /// It ends there.
    End {
        /// How.
        state: DeliveryState,
        /// Why, when that is not plain.
        reason: Option<String>,
    },
}

/// Leases up to `limit` due deliveries of one endpoint until `now + lease`, first tries before retries.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn claim(
    session: &mut Session,
    endpoint: EndpointId,
    now: Timestamp,
    lease: Duration,
    limit: u32,
) -> Result<Vec<Claimed>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Leased {
        id: String,
    }
    let sql = "UPDATE deliveries SET state = 'leased', fence = fence + 1, lease_until = $1, leased_at = $3,
            next_attempt_at = NULL
        WHERE id IN (
            SELECT id FROM deliveries WHERE endpoint_id = $2 AND state = 'pending' AND next_attempt_at <= $3
            ORDER BY (CASE WHEN attempts = 0 THEN 0 ELSE 1 END), next_attempt_at LIMIT $4
        ) RETURNING id";
    let leased: Vec<Leased> = session.fetch_all(sql, args![now + lease, &endpoint, now, limit]).await?;
    let mut claimed = Vec::with_capacity(leased.len());
    for row in leased {
        claimed.push(load_claimed(session, &row.id).await?);
    }
    Ok(claimed)
}

async fn load_claimed(session: &mut Session, id: &str) -> Result<Claimed, StoreError> {
    #[derive(sqlx::FromRow)]
    struct ClaimedRow {
        endpoint_id: String,
        fence: i64,
        attempts: i64,
        lost: i64,
        created_at: i64,
        event_id: String,
        event_type: String,
        event_at: i64,
        subject: String,
        request_status: String,
    }
    let sql = "SELECT d.endpoint_id, d.fence, d.attempts, d.lost, d.created_at, d.event_id, e.type AS event_type,
            e.at AS event_at, e.subject, r.status AS request_status
        FROM deliveries d JOIN events e ON e.id = d.event_id JOIN requests r ON r.id = d.request_id
        WHERE d.id = $1";
    let row: ClaimedRow = session.fetch_one(sql, args![id]).await?;
    let bad = |column| move |cause| StoreError::inconsistent("deliveries", column, id, cause);
    Ok(Claimed {
        id: id.parse().map_err(bad("id"))?,
        endpoint_id: row.endpoint_id.parse().map_err(bad("endpoint_id"))?,
        fence: row.fence,
        attempts: u32::try_from(row.attempts)
            .map_err(|cause| StoreError::inconsistent("deliveries", "attempts", id, cause))?,
        lost: u32::try_from(row.lost).map_err(|cause| StoreError::inconsistent("deliveries", "lost", id, cause))?,
        created_at: Timestamp::from_micros(row.created_at),
        event_id: row.event_id.parse().map_err(bad("event_id"))?,
        event_type: row.event_type,
        event_at: Timestamp::from_micros(row.event_at),
        subject: row.subject,
        request_status: unwire(row.request_status)
            .map_err(|cause| StoreError::inconsistent("requests", "status", id, cause))?,
    })
}

/// Gives deliveries whose owner let the lease run out back to the queue, and writes their attempts down as lost; answers how many.
///
/// # Errors
/// When the database fails.
pub async fn release_overrun(session: &mut Session, now: Timestamp) -> Result<u64, StoreError> {
    release(session, now, now).await
}

/// The same with all leased deliveries: for a process that has just found itself the only one on the database, so that whoever held
/// them is gone.
///
/// # Errors
/// When the database fails.
pub async fn release_all(session: &mut Session, now: Timestamp) -> Result<u64, StoreError> {
    release(session, Timestamp::from_micros(i64::MAX), now).await
}

async fn release(session: &mut Session, until: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "INSERT INTO attempts (delivery_id, endpoint_id, number, started_at, duration_us, class, error)
        SELECT id, endpoint_id, attempts + 1, leased_at, CASE WHEN leased_at < $2 THEN $2 - leased_at ELSE 0 END, 'lost',
            'the hub ended before it could record how this went'
        FROM deliveries WHERE state = 'leased' AND lease_until <= $1";
    if session.execute(sql, args![until, now]).await? == 0 {
        return Ok(0);
    }
    let sql = "UPDATE deliveries SET state = 'pending', next_attempt_at = $2, attempts = attempts + 1, lost = lost + 1,
            lease_until = NULL, leased_at = NULL
        WHERE state = 'leased' AND lease_until <= $1";
    session.execute(sql, args![until, now]).await
}

/// Writes down an attempt (when one was made) and what comes next, in one go; answers whether the lease still held. When it did
/// not, nothing is written.
///
/// # Errors
/// When the database fails.
pub async fn settle(
    session: &mut Session,
    claimed: &Claimed,
    attempt: Option<&Attempt>,
    next: &Next,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (state, due, ended, reason) = match next {
        Next::Retry(at) => (DeliveryState::Pending, Some(*at), None, None),
        Next::End { state, reason } => (*state, None, Some(now), reason.clone()),
    };
    let state = wire(&state).map_err(|cause| StoreError::inconsistent("deliveries", "state", claimed.id, cause))?;
    let tries = claimed.attempts + u32::from(attempt.is_some());
    let sql = "UPDATE deliveries SET state = $1, attempts = $2, next_attempt_at = $3, ended_at = $4, end_reason = $5,
            lease_until = NULL, leased_at = NULL
        WHERE id = $6 AND fence = $7 AND state = 'leased'";
    let values = args![state, tries, due, ended, reason, &claimed.id, claimed.fence];
    if session.execute(sql, values).await? != 1 {
        return Ok(false);
    }
    if let Some(attempt) = attempt {
        let sql = "INSERT INTO attempts (delivery_id, endpoint_id, number, started_at, duration_us, class, status, error, answer)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = args![
            &claimed.id,
            &claimed.endpoint_id,
            attempt.number,
            attempt.started_at,
            attempt.duration_us,
            &attempt.class,
            attempt.status.map(i64::from),
            attempt.error.clone(),
            attempt.answer.clone(),
        ];
        session.execute(sql, values).await?;
    }
    Ok(true)
}

/// Endpoints that have something due at `now`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due_endpoints(session: &mut Session, now: Timestamp) -> Result<Vec<EndpointId>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct IdRow {
        id: String,
    }
    // A look into the index per endpoint, however long the queues are.
    let sql = "SELECT e.id FROM endpoints e WHERE EXISTS (
            SELECT 1 FROM deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.next_attempt_at <= $1
        ) ORDER BY e.id";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![now]).await?;
    rows.iter()
        .map(|row| row.id.parse().map_err(|cause| StoreError::inconsistent("endpoints", "id", &row.id, cause)))
        .collect()
}

/// The next moment at which something is due or a lease runs out.
///
/// # Errors
/// When the database fails.
pub async fn next_moment(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Moments {
        due: Option<i64>,
        lease: Option<i64>,
    }
    let sql = "SELECT (SELECT MIN(next_attempt_at) FROM deliveries WHERE state = 'pending') AS due,
            (SELECT MIN(lease_until) FROM deliveries WHERE state = 'leased') AS lease";
    let row: Moments = session.fetch_one(sql, args![]).await?;
    Ok([row.due, row.lease].into_iter().flatten().min().map(Timestamp::from_micros))
}
