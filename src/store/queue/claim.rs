//! Claims: leases due deliveries, and releases leases that ran out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{ClaimQuota, ClaimedDelivery, RequestNow, Tier, bad};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::arg::{args, chunks};
use crate::store::codec::unwire;
use crate::store::events::Event;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Endpoints in one statement.
const TOGETHER: usize = 64;

/// Leases due deliveries until `now + lease`: of each endpoint tier by tier, as far as its quota allows. Returns them
/// in the order of sending. One statement per tier serves `TOGETHER` endpoints, so that many endpoints cost little more
/// than one.
///
/// # Errors
/// When the database fails or the id of a row cannot be read.
pub async fn claim(
    session: &mut Session,
    quotas: &[ClaimQuota],
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let mut ids: Vec<DeliveryId> = Vec::new();
    let mut claimed: HashMap<EndpointId, u32> = HashMap::new();
    for (tier, index) in Tier::ALL.into_iter().zip(0..) {
        let limit = |quota: &ClaimQuota| {
            let most = if tier == Tier::Fresh { quota.room.fresh } else { quota.room.later };
            let left = most.saturating_sub(claimed.get(&quota.endpoint).copied().unwrap_or(0));
            (left > 0 && quota.due.get(index) == Some(&true)).then_some((quota.endpoint, left))
        };
        let limits: Vec<(EndpointId, u32)> = quotas.iter().filter_map(limit).collect();
        for part in limits.chunks(TOGETHER) {
            for (id, endpoint) in claim_tier(session, part, tier, now, lease).await? {
                ids.push(id);
                *claimed.entry(endpoint).or_default() += 1;
            }
        }
    }
    load(session, &ids, now).await
}

/// Leases the first deliveries of one tier, up to a limit for each endpoint.
async fn claim_tier(
    session: &mut Session,
    limits: &[(EndpointId, u32)],
    tier: Tier,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<(DeliveryId, EndpointId)>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Leased {
        id: String,
        endpoint_id: String,
    }
    // The number of endpoints is padded to a power of two with limits of 0: few texts, so that the databases keep them
    // prepared.
    let places = limits.len().next_power_of_two();
    let mut values = args![now + lease, now, tier.number()];
    let padding = limits.first().map(|(endpoint, _)| (*endpoint, 0));
    for (endpoint, limit) in limits.iter().copied().chain(padding.into_iter().cycle()).take(places) {
        values.extend(args![&endpoint, limit]);
    }
    let first = |place: usize| {
        format!(
            "SELECT id FROM (SELECT id FROM deliveries WHERE endpoint_id = ${} AND state = 'pending' AND tier = $3
                AND next_attempt_at <= $2 ORDER BY next_attempt_at LIMIT ${}) due{place}",
            2 * place + 4,
            2 * place + 5
        )
    };
    let due: Vec<String> = (0..places).map(first).collect();
    let sql = format!(
        "UPDATE deliveries SET state = 'leased', fence = fence + 1, lease_until = $1, leased_at = $2, next_attempt_at = NULL
        WHERE id IN ({}) RETURNING id, endpoint_id",
        due.join(" UNION ALL ")
    );
    let leased: Vec<Leased> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let read = |row: &Leased| {
        let id = row.id.as_str();
        Ok((id.parse().map_err(bad(id, "id"))?, row.endpoint_id.parse().map_err(bad(id, "endpoint_id"))?))
    };
    leased.iter().map(read).collect()
}

#[derive(sqlx_macros::FromRow)]
struct ClaimedRow {
    id: String,
    endpoint_id: String,
    fence: i64,
    lease_until: i64,
    tier: i64,
    attempts: i64,
    attempts_before: i64,
    uncharged: i64,
    lost: i64,
    created_at: i64,
    address: String,
    event_id: String,
    event_type: String,
    event_at: i64,
    request_id: Option<String>,
    subject: String,
    detail: String,
    trace: Option<String>,
    request_status: Option<String>,
    request_revision: Option<i64>,
    request_expires_at: Option<i64>,
}

async fn load(session: &mut Session, ids: &[DeliveryId], now: Timestamp) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let mut claimed = Vec::with_capacity(ids.len());
    for (places, values) in chunks(ids) {
        let sql = format!(
            "SELECT d.id, d.endpoint_id, d.fence, d.lease_until, d.tier, d.attempts, d.attempts_before, d.uncharged, d.lost,
                d.created_at, d.address, d.event_id, e.type AS event_type, e.at AS event_at, e.request_id, e.subject, e.detail, e.trace,
                r.status AS request_status, r.revision AS request_revision, r.expires_at AS request_expires_at
            FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN requests r ON r.id = e.request_id
            WHERE d.id IN ({places})"
        );
        let rows: Vec<ClaimedRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        // The lease of an unreadable delivery runs out, and a version that can read it sends it.
        claimed.extend(session.unreadable().convert_some(rows, |row: ClaimedRow| row.into_claimed(now)));
    }
    claimed.sort_by_key(|claimed| (claimed.tier, claimed.id));
    Ok(claimed)
}

impl ClaimedRow {
    fn into_claimed(self, seen_at: Timestamp) -> Result<ClaimedDelivery, StoreError> {
        let id = self.id.as_str();
        let number = |column, value: i64| u32::try_from(value).map_err(bad(id, column));
        let now = match (self.request_status, self.request_revision, self.request_expires_at) {
            (Some(status), Some(revision), Some(expires_at)) => Some(RequestNow {
                status: unwire(status).map_err(bad(id, "request_status"))?,
                revision: number("request_revision", revision)?,
                expires_at: Timestamp::from_micros(expires_at),
            }),
            _ => None,
        };
        let event = Event {
            id: self.event_id.parse().map_err(bad(id, "event_id"))?,
            kind: self.event_type,
            request_id: self.request_id.map(|request| request.parse()).transpose().map_err(bad(id, "request_id"))?,
            at: Timestamp::from_micros(self.event_at),
            subject: self.subject,
            detail: unwire(self.detail).map_err(bad(id, "detail"))?,
            fanout: 0,
            // An unreadable trace is dropped; the delivery is sent without it.
            trace: self.trace.and_then(|trace| trace.parse().ok()),
        };
        Ok(ClaimedDelivery {
            id: id.parse().map_err(bad(id, "id"))?,
            endpoint_id: self.endpoint_id.parse().map_err(bad(id, "endpoint_id"))?,
            fence: self.fence,
            lease_until: Timestamp::from_micros(self.lease_until),
            tier: Tier::ALL.into_iter().find(|tier| tier.number() == self.tier).unwrap_or(Tier::Retry),
            attempts: number("attempts", self.attempts)?,
            attempts_before: number("attempts_before", self.attempts_before)?,
            uncharged: number("uncharged", self.uncharged)?,
            lost: number("lost", self.lost)?,
            created_at: Timestamp::from_micros(self.created_at),
            address: self.address,
            event: Arc::new(event),
            now,
            seen_at,
        })
    }
}

/// Makes up to `limit` deliveries due now whose due time is after `beyond`: it was set before the clock was
/// set back. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn bring_forward(
    session: &mut Session,
    beyond: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET next_attempt_at = $2 WHERE id IN (
            SELECT id FROM deliveries WHERE state = 'pending' AND next_attempt_at > $1
            ORDER BY next_attempt_at DESC LIMIT $3
        )";
    session.execute(sql, args![beyond, now, limit]).await
}

/// Makes deliveries whose lease ran out pending again, and records their attempts as lost; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn release_overrun(session: &mut Session, now: Timestamp) -> Result<u64, StoreError> {
    release(session, (FIRST, now), now).await
}

/// Like [`release_overrun`], for deliveries whose lease ends after `beyond`: it was set before the clock was set
/// back.
///
/// # Errors
/// When the database fails.
pub async fn release_beyond(session: &mut Session, beyond: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    release(session, (beyond, LAST), now).await
}

/// Like [`release_overrun`], for all leased deliveries: for a starting process that has locked the database, so that no
/// owner of a lease is alive.
///
/// # Errors
/// When the database fails.
pub async fn release_all(session: &mut Session, now: Timestamp) -> Result<u64, StoreError> {
    release(session, (FIRST, LAST), now).await
}

const FIRST: Timestamp = Timestamp::from_micros(i64::MIN);
const LAST: Timestamp = Timestamp::from_micros(i64::MAX);

/// Releases the deliveries whose lease ends in `(after, by]`: one range of the index.
async fn release(
    session: &mut Session,
    (after, by): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "INSERT INTO attempts (delivery_id, endpoint_id, number, started_at, duration_us, class, error)
        SELECT id, endpoint_id, attempts + 1, leased_at, CASE WHEN leased_at < $2 THEN $2 - leased_at ELSE 0 END, 'lost',
            'the hub ended before it could record how this went'
        FROM deliveries WHERE state = 'leased' AND lease_until > $1 AND lease_until <= $3";
    if session.execute(sql, args![after, now, by]).await? == 0 {
        return Ok(0);
    }
    let sql = "UPDATE deliveries SET state = 'pending', next_attempt_at = $2, attempts = attempts + 1, lost = lost + 1,
            tier = CASE WHEN tier = 0 THEN 1 ELSE tier END, lease_until = NULL, leased_at = NULL
        WHERE state = 'leased' AND lease_until > $1 AND lease_until <= $3";
    session.execute(sql, args![after, now, by]).await
}
