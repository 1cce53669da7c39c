//! Replays: deliveries of an endpoint that are sent again, some at a time, in the order of their creation.

use serde::{Deserialize, Serialize};

use super::arg::args;
use super::codec::{unwire, wire};
use super::delivery_log::Filter;
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::ids::{DeliveryId, EndpointId, ReplayId};
use crate::time::Timestamp;

/// The state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    Running,
    /// All matching deliveries were replayed.
    Finished,
    /// It was cancelled before its end.
    Cancelled,
}

/// A replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    pub id: ReplayId,
    pub endpoint_id: EndpointId,
    /// Which of the endpoint's deliveries.
    pub filter: Filter,
    /// Only deliveries before this one.
    #[serde(skip)]
    pub until: DeliveryId,
    pub state: ReplayState,
    pub rate_per_second: u32,
    /// The last delivery that was read.
    #[serde(skip)]
    pub after: String,
    /// How many deliveries matched when it was created.
    pub matched: u64,
    /// How many deliveries were replayed so far.
    pub replayed: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    /// When its next step is due; none once it has ended.
    #[serde(skip)]
    pub step_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// The JSON of the column `filter`.
#[derive(Serialize, Deserialize)]
struct StoredFilter {
    #[serde(flatten)]
    filter: Filter,
    until: DeliveryId,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    endpoint_id: String,
    filter: String,
    state: String,
    rate_per_second: i64,
    after: String,
    matched: i64,
    replayed: i64,
    created_at: i64,
    created_by: String,
    step_at: Option<i64>,
    ended_at: Option<i64>,
}

/// The columns of a [`Row`], once.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, endpoint_id, filter, state, rate_per_second, after, matched, replayed, created_at, created_by, ",
            "step_at, ended_at FROM replays ",
            $rest
        )
    };
}

/// Adds a replay.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, replay: &Replay) -> Result<(), StoreError> {
    let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("replays", column, replay.id, cause);
    let stored = StoredFilter { filter: replay.filter.clone(), until: replay.until };
    let sql =
        "INSERT INTO replays (id, endpoint_id, filter, state, rate_per_second, after, matched, replayed, created_at,
            created_by, step_at, ended_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = args![
        &replay.id,
        &replay.endpoint_id,
        serde_json::to_string(&stored).map_err(bad("filter"))?,
        wire(&replay.state).map_err(bad("state"))?,
        replay.rate_per_second,
        &replay.after,
        i64::try_from(replay.matched).unwrap_or(i64::MAX),
        i64::try_from(replay.replayed).unwrap_or(i64::MAX),
        replay.created_at,
        &replay.created_by,
        replay.step_at,
        replay.ended_at,
    ];
    session.execute(sql, values).await.map(drop)
}

/// One replay.
///
/// # Errors
/// When the database fails or the row cannot be read.
pub async fn get(session: &mut Session, id: ReplayId) -> Result<Option<Replay>, StoreError> {
    let row: Option<Row> = session.fetch_optional(select!("WHERE id = $1"), args![&id]).await?;
    row.map(Row::into_replay).transpose()
}

/// Up to `limit` replays of an endpoint, newest first, older than `before`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_endpoint(
    session: &mut Session,
    endpoint: EndpointId,
    before: Option<ReplayId>,
    limit: u32,
) -> Result<Vec<Replay>, StoreError> {
    // Above every id: `g` comes after the hex digits.
    let before = before.map_or_else(|| "rpl_g".to_owned(), |id| id.to_string());
    let sql = select!("WHERE endpoint_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    let values = |before: &String, left| args![&endpoint, before, left];
    let listing = Listing { values, position: |row: &Row| row.id.clone(), read: Row::into_replay };
    readable::page(session, sql, listing, before, limit).await
}

/// The endpoint's running replay.
///
/// # Errors
/// When the database fails or the row cannot be read.
pub async fn running(session: &mut Session, endpoint: EndpointId) -> Result<Option<Replay>, StoreError> {
    let sql = select!("WHERE endpoint_id = $1 AND step_at IS NOT NULL LIMIT 1");
    let row: Option<Row> = session.fetch_optional(sql, args![&endpoint]).await?;
    row.map(Row::into_replay).transpose()
}

/// Up to `limit` replays whose next step is due at `now`. Also those whose step is after `beyond`: it was set
/// before the clock was set back.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due(
    session: &mut Session,
    now: Timestamp,
    beyond: Timestamp,
    limit: u32,
) -> Result<Vec<ReplayId>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct IdRow {
        id: String,
    }
    // Two ranges of the index: with an OR, SQLite sorts all that it finds.
    let sql = "SELECT id FROM (
            SELECT id FROM (SELECT id FROM replays WHERE step_at <= $1 ORDER BY step_at LIMIT $2) AS due
            UNION ALL
            SELECT id FROM (SELECT id FROM replays WHERE step_at > $3 ORDER BY step_at LIMIT $2) AS beyond
        ) AS either LIMIT $2";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![now, limit, beyond]).await?;
    let parse = |id: &str| id.parse().map_err(|cause| StoreError::inconsistent("replays", "id", id, cause));
    rows.iter().map(|row| parse(&row.id)).collect()
}

/// When the next step of any replay is due.
///
/// # Errors
/// When the database fails.
pub async fn next(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Next {
        next: Option<i64>,
    }
    let sql = "SELECT MIN(step_at) AS next FROM replays WHERE step_at IS NOT NULL";
    let row: Next = session.fetch_one(sql, args![]).await?;
    Ok(row.next.map(Timestamp::from_micros))
}

/// Records a replay's progress, and its next step or its end; returns whether it was running.
///
/// # Errors
/// When the database fails.
pub async fn advance(session: &mut Session, replay: &Replay) -> Result<bool, StoreError> {
    let state = wire(&replay.state).map_err(|cause| StoreError::inconsistent("replays", "state", replay.id, cause))?;
    let sql = "UPDATE replays SET state = $1, after = $2, replayed = $3, step_at = $4, ended_at = $5
        WHERE id = $6 AND state = 'running'";
    let replayed = i64::try_from(replay.replayed).unwrap_or(i64::MAX);
    let values = args![state, &replay.after, replayed, replay.step_at, replay.ended_at, &replay.id];
    Ok(session.execute(sql, values).await? == 1)
}

/// Postpones a replay's next step to `at`, without reading the rest of its row.
///
/// # Errors
/// When the database fails.
pub async fn put_off(session: &mut Session, id: ReplayId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE replays SET step_at = $1 WHERE id = $2 AND step_at IS NOT NULL";
    session.execute(sql, args![at, &id]).await.map(drop)
}

impl Row {
    fn into_replay(self) -> Result<Replay, StoreError> {
        let id = self.id.as_str();
        let bad = |column| move |cause| StoreError::inconsistent("replays", column, id, cause);
        let unread = |column| move |cause: serde_json::Error| StoreError::inconsistent("replays", column, id, cause);
        let number =
            |column| move |cause: std::num::TryFromIntError| StoreError::inconsistent("replays", column, id, cause);
        let StoredFilter { filter, until } = serde_json::from_str(&self.filter).map_err(unread("filter"))?;
        Ok(Replay {
            id: id.parse().map_err(bad("id"))?,
            endpoint_id: self.endpoint_id.parse().map_err(bad("endpoint_id"))?,
            filter,
            until,
            state: unwire(self.state).map_err(unread("state"))?,
            rate_per_second: u32::try_from(self.rate_per_second).map_err(number("rate_per_second"))?,
            after: self.after,
            matched: u64::try_from(self.matched).map_err(number("matched"))?,
            replayed: u64::try_from(self.replayed).map_err(number("replayed"))?,
            created_at: Timestamp::from_micros(self.created_at),
            created_by: self.created_by,
            step_at: self.step_at.map(Timestamp::from_micros),
            ended_at: self.ended_at.map(Timestamp::from_micros),
        })
    }
}
