//! Deliveries as a queue: what is due is leased, sent, and settled.
//!
//! A lease comes with a fencing number, which guards every later write: an owner whose lease ran out and was given to another can
//! change nothing any more. Never tried ones come first, then those tried before, then what is asked for again by hand.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::bulk::Bulk;
use super::deliveries::{Attempt, DeliveryState};
use super::events::Event;
use super::requests::unwire;
use super::session::{Arg, args, chunks};
use super::{Session, StoreError};
use crate::approval::Status;
use crate::ids::{DeliveryId, EndpointId};
use crate::time::Timestamp;

/// Which part of an endpoint's queue a delivery stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Never tried.
    Fresh,
    /// Tried before.
    Retry,
    /// Asked for again by hand.
    Replay,
}

impl Tier {
    /// In the order in which they are sent.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Retry, Self::Replay];

    const fn number(self) -> i64 {
        match self {
            Self::Fresh => 0,
            Self::Retry => 1,
            Self::Replay => 2,
        }
    }
}

/// A delivery that this process may send, until its lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its name.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// Guards every later write.
    pub fence: i64,
    /// Until when it is this process's.
    pub lease_until: Timestamp,
    /// Which part of the queue it stands in.
    pub tier: Tier,
    /// Attempts made before this one.
    pub attempts: u32,
    /// How many of them the schedule does not count.
    pub uncharged: u32,
    /// How many of them were never recorded by who made them: whether they were made at all nobody knows.
    pub lost: u32,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// What is told.
    pub event: Arc<Event>,
    /// The request that the event is about, as it stands now. None when nobody looked: what is sent at once is not held against
    /// what it says a moment ago.
    pub now: Option<RequestNow>,
}

/// How far a request is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestNow {
    /// Where it stands.
    pub status: Status,
    /// Which version of its payload is asked for.
    pub revision: u32,
}

/// What becomes of a delivery.
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
    /// Given back, as if it had never been taken: it is due at that moment.
    GiveBack(Timestamp),
}

/// What is to be written down about a leased delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// As it was claimed.
    pub fence: i64,
    /// Which part of the queue it stood in.
    pub tier: Tier,
    /// Attempts made before.
    pub attempts: u32,
    /// How many of them the schedule does not count.
    pub uncharged: u32,
    /// The attempt that was made, if one was.
    pub attempt: Option<Attempt>,
    /// Whether the schedule counts it.
    pub charged: bool,
    /// What becomes of it.
    pub next: Next,
}

impl Settlement {
    /// Of a claimed delivery that was not tried.
    pub const fn untried(claimed: &Claimed, next: Next) -> Self {
        Self {
            id: claimed.id,
            endpoint_id: claimed.endpoint_id,
            fence: claimed.fence,
            tier: claimed.tier,
            attempts: claimed.attempts,
            uncharged: claimed.uncharged,
            attempt: None,
            charged: false,
            next,
        }
    }
}

#[derive(sqlx::FromRow)]
struct IdRow {
    id: String,
}

/// How many deliveries may be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// All in all.
    pub fresh: u32,
    /// Of those that are not [`Tier::Fresh`].
    pub later: u32,
}

/// Leases due deliveries of one endpoint until `now + lease`, tier by tier, as far as there is room.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn claim(
    session: &mut Session,
    endpoint: EndpointId,
    now: Timestamp,
    lease: Duration,
    room: Room,
) -> Result<Vec<Claimed>, StoreError> {
    let mut ids: Vec<DeliveryId> = Vec::new();
    for tier in Tier::ALL {
        let most = if tier == Tier::Fresh { room.fresh } else { room.later };
        let left = most.saturating_sub(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        if left > 0 {
            ids.extend(claim_tier(session, endpoint, tier, now, lease, left).await?);
        }
    }
    load(session, &ids).await
}

async fn claim_tier(
    session: &mut Session,
    endpoint: EndpointId,
    tier: Tier,
    now: Timestamp,
    lease: Duration,
    limit: u32,
) -> Result<Vec<DeliveryId>, StoreError> {
    let sql = "UPDATE deliveries SET state = 'leased', fence = fence + 1, lease_until = $1, leased_at = $3,
            next_attempt_at = NULL
        WHERE id IN (
            SELECT id FROM deliveries WHERE endpoint_id = $2 AND state = 'pending' AND tier = $4 AND next_attempt_at <= $3
            ORDER BY next_attempt_at LIMIT $5
        ) RETURNING id";
    let leased: Vec<IdRow> = session.fetch_all(sql, args![now + lease, &endpoint, now, tier.number(), limit]).await?;
    leased.iter().map(|row| row.id.parse().map_err(bad(&row.id, "id"))).collect()
}

fn bad<E: std::error::Error + Send + Sync + 'static>(id: &str, column: &'static str) -> impl Fn(E) -> StoreError {
    move |cause| StoreError::inconsistent("deliveries", column, id, cause)
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    id: String,
    endpoint_id: String,
    fence: i64,
    lease_until: i64,
    tier: i64,
    attempts: i64,
    uncharged: i64,
    lost: i64,
    created_at: i64,
    event_id: String,
    event_type: String,
    event_at: i64,
    request_id: Option<String>,
    subject: String,
    trace: Option<String>,
    request_status: Option<String>,
    request_revision: Option<i64>,
}

async fn load(session: &mut Session, ids: &[DeliveryId]) -> Result<Vec<Claimed>, StoreError> {
    let mut claimed = Vec::with_capacity(ids.len());
    for (places, values) in chunks(ids) {
        let sql = format!(
            "SELECT d.id, d.endpoint_id, d.fence, d.lease_until, d.tier, d.attempts, d.uncharged, d.lost, d.created_at,
                d.event_id, e.type AS event_type, e.at AS event_at, e.request_id, e.subject, e.trace,
                r.status AS request_status, r.revision AS request_revision
            FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN requests r ON r.id = e.request_id
            WHERE d.id IN ({places})"
        );
        let rows: Vec<ClaimedRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        for row in rows {
            claimed.push(row.into_claimed()?);
        }
    }
    claimed.sort_by_key(|claimed| (claimed.tier, claimed.id));
    Ok(claimed)
}

impl ClaimedRow {
    fn into_claimed(self) -> Result<Claimed, StoreError> {
        let id = self.id.as_str();
        let number = |column, value: i64| u32::try_from(value).map_err(bad(id, column));
        let now = match (self.request_status, self.request_revision) {
            (Some(status), Some(revision)) => Some(RequestNow {
                status: unwire(status).map_err(bad(id, "request_status"))?,
                revision: number("request_revision", revision)?,
            }),
            _ => None,
        };
        let event = Event {
            id: self.event_id.parse().map_err(bad(id, "event_id"))?,
            kind: self.event_type,
            request_id: self.request_id.map(|request| request.parse()).transpose().map_err(bad(id, "request_id"))?,
            at: Timestamp::from_micros(self.event_at),
            subject: self.subject,
            fanout: 0,
            trace: self.trace,
        };
        Ok(Claimed {
            id: id.parse().map_err(bad(id, "id"))?,
            endpoint_id: self.endpoint_id.parse().map_err(bad(id, "endpoint_id"))?,
            fence: self.fence,
            lease_until: Timestamp::from_micros(self.lease_until),
            tier: Tier::ALL.into_iter().find(|tier| tier.number() == self.tier).unwrap_or(Tier::Retry),
            attempts: number("attempts", self.attempts)?,
            uncharged: number("uncharged", self.uncharged)?,
            lost: number("lost", self.lost)?,
            created_at: Timestamp::from_micros(self.created_at),
            event: Arc::new(event),
            now,
        })
    }
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
            tier = CASE WHEN tier = 0 THEN 1 ELSE tier END, lease_until = NULL, leased_at = NULL
        WHERE state = 'leased' AND lease_until <= $1";
    session.execute(sql, args![until, now]).await
}

/// A name for the given rows, so that a statement can go through them; both databases take it.
macro_rules! rows_named {
    ($names:literal) => {
        concat!("WITH told (", $names, ") AS (")
    };
}

static SETTLE: Bulk = Bulk::typed(
    rows_named!("delivery, fenced, now_state, tries, not_counted, now_tier, due, over, why"),
    &["TEXT", "BIGINT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT"],
    ") UPDATE deliveries SET state = told.now_state, attempts = told.tries, uncharged = told.not_counted,
        tier = told.now_tier, next_attempt_at = told.due, ended_at = told.over, end_reason = told.why,
        lease_until = NULL, leased_at = NULL
    FROM told WHERE deliveries.id = told.delivery AND deliveries.fence = told.fenced AND deliveries.state = 'leased'
    RETURNING id",
);

static ATTEMPTS: Bulk = Bulk::new(
    8,
    "INSERT INTO attempts (delivery_id, endpoint_id, number, started_at, duration_us, class, status, error, answer)",
    9,
    "",
);

/// Writes down attempts and what comes next, all in one go; answers of which deliveries the lease still held. Of the others
/// nothing is written.
///
/// # Errors
/// When the database fails.
pub async fn settle(
    session: &mut Session,
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<HashSet<DeliveryId>, StoreError> {
    let mut values = Vec::with_capacity(settlements.len() * 9);
    for settlement in settlements {
        values.extend(settlement.row(now));
    }
    let rows: Vec<IdRow> = session.fetch_bulk(&SETTLE, values).await?;
    let held: HashSet<DeliveryId> =
        rows.iter().map(|row| row.id.parse().map_err(bad(&row.id, "id"))).collect::<Result<_, _>>()?;
    for settlement in settlements.iter().filter(|settlement| held.contains(&settlement.id)) {
        let Some(attempt) = &settlement.attempt else { continue };
        let values = args![
            &settlement.id,
            &settlement.endpoint_id,
            attempt.number,
            attempt.started_at,
            attempt.duration_us,
            &attempt.class,
            attempt.status.map(i64::from),
            attempt.error.clone(),
            attempt.answer.clone(),
        ];
        session.add(&ATTEMPTS, values);
    }
    Ok(held)
}

impl Settlement {
    fn row(&self, now: Timestamp) -> Vec<Arg> {
        let (state, due, ended, reason) = match &self.next {
            Next::Retry(at) | Next::GiveBack(at) => (DeliveryState::Pending, Some(*at), None, None),
            Next::End { state, reason } => (*state, None, Some(now), reason.clone()),
        };
        let made = u32::from(self.attempt.is_some());
        let tier = match (&self.next, self.tier) {
            (Next::Retry(_), Tier::Fresh) => Tier::Retry,
            (_, tier) => tier,
        };
        args![
            &self.id,
            self.fence,
            state.as_str(),
            self.attempts + made,
            self.uncharged + if self.charged { 0 } else { made },
            tier.number(),
            due,
            ended,
            reason,
        ]
    }
}

static EXTEND: Bulk = Bulk::typed(
    rows_named!("delivery, fenced, until"),
    &["TEXT", "BIGINT", "BIGINT"],
    ") UPDATE deliveries SET lease_until = told.until
    FROM told WHERE deliveries.id = told.delivery AND deliveries.fence = told.fenced AND deliveries.state = 'leased'
    RETURNING id",
);

/// Prolongs leases (delivery and fence) to `until`; answers which of them still held.
///
/// # Errors
/// When the database fails.
pub async fn extend(
    session: &mut Session,
    leases: &[(DeliveryId, i64)],
    until: Timestamp,
) -> Result<HashSet<DeliveryId>, StoreError> {
    let values = leases.iter().flat_map(|(id, fence)| args![id, *fence, until]).collect();
    let rows: Vec<IdRow> = session.fetch_bulk(&EXTEND, values).await?;
    rows.iter().map(|row| row.id.parse().map_err(bad(&row.id, "id"))).collect()
}

/// When each endpoint's queue has something next, of those whose queue has. Three looks into an index for each endpoint, however
/// long the queues are.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn moments(session: &mut Session) -> Result<Vec<(EndpointId, Timestamp)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Moments {
        id: String,
        fresh: Option<i64>,
        retry: Option<i64>,
        replay: Option<i64>,
    }
    let sql = "SELECT e.id,
            (SELECT MIN(d.next_attempt_at) FROM deliveries d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.tier = 0) AS fresh,
            (SELECT MIN(d.next_attempt_at) FROM deliveries d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.tier = 1) AS retry,
            (SELECT MIN(d.next_attempt_at) FROM deliveries d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.tier = 2) AS replay
        FROM endpoints e";
    let rows: Vec<Moments> = session.fetch_all(sql, args![]).await?;
    let next = |row: &Moments| [row.fresh, row.retry, row.replay].into_iter().flatten().min();
    rows.iter()
        .filter_map(|row| next(row).map(|moment| (&row.id, Timestamp::from_micros(moment))))
        .map(|(id, moment)| {
            Ok((id.parse().map_err(|cause| StoreError::inconsistent("endpoints", "id", id, cause))?, moment))
        })
        .collect()
}

/// When the first lease runs out.
///
/// # Errors
/// When the database fails.
pub async fn next_overrun(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct MomentRow {
        moment: Option<i64>,
    }
    let sql = "SELECT MIN(lease_until) AS moment FROM deliveries WHERE state = 'leased'";
    let row: MomentRow = session.fetch_one(sql, args![]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// How many deliveries wait though they are due, counted up to `most`, and since when the first of them.
///
/// # Errors
/// When the database fails.
pub async fn overdue(session: &mut Session, now: Timestamp, most: u32) -> Result<(u64, Option<Timestamp>), StoreError> {
    #[derive(sqlx::FromRow)]
    struct Overdue {
        due: i64,
        oldest: Option<i64>,
    }
    let sql = "SELECT COUNT(*) AS due, MIN(next_attempt_at) AS oldest FROM (
            SELECT next_attempt_at FROM deliveries WHERE state = 'pending' AND next_attempt_at <= $1
            ORDER BY next_attempt_at LIMIT $2
        ) waiting";
    let row: Overdue = session.fetch_one(sql, args![now, most]).await?;
    Ok((u64::try_from(row.due).unwrap_or(0), row.oldest.map(Timestamp::from_micros)))
}
