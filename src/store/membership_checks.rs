//! Groups whose members have changed: the requests that wait for them are checked again, some at a time.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::GroupName;
use crate::ids::RequestId;
use crate::time::Timestamp;

/// A group whose waiting requests are to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub group: GroupName,
    /// The last request that has been checked.
    pub after: String,
    /// The last request to check.
    pub until: String,
}

/// Schedules a check of all requests that wait for the group now, from the beginning. Later requests need no check:
/// their transaction sees the new version of the configuration. So a check ends, however many requests are created
/// meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn ask(session: &mut Session, group: &GroupName, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO membership_checks (group_name, after, until, asked_at)
        SELECT $1, '', max(request_id), $2 FROM request_groups WHERE group_name = $1 AND open = 1 HAVING max(request_id) IS NOT NULL
        ON CONFLICT (group_name) DO UPDATE SET after = '', until = excluded.until, asked_at = excluded.asked_at";
    session.execute(sql, args![group, now]).await.map(drop)
}

/// The oldest scheduled check.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn next(session: &mut Session) -> Result<Option<Check>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        group_name: String,
        after: String,
        until: String,
    }
    let sql = "SELECT group_name, after, until FROM membership_checks ORDER BY asked_at, group_name LIMIT 1";
    let row: Option<Row> = session.fetch_optional(sql, args![]).await?;
    row.map(|row| {
        let group = row
            .group_name
            .parse()
            .map_err(|cause| StoreError::inconsistent("membership_checks", "group_name", &row.group_name, cause))?;
        Ok(Check { group, after: row.after, until: row.until })
    })
    .transpose()
}

/// The next requests of a check.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn part(session: &mut Session, check: &Check, limit: u32) -> Result<Vec<RequestId>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct IdRow {
        id: String,
    }
    let sql = "SELECT request_id AS id FROM request_groups WHERE group_name = $1 AND open = 1 AND request_id > $2
        AND request_id <= $3 ORDER BY request_id LIMIT $4";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![&check.group, &check.after, &check.until, limit]).await?;
    rows.iter()
        .map(|row| {
            row.id.parse().map_err(|cause| StoreError::inconsistent("request_groups", "request_id", &row.id, cause))
        })
        .collect()
}

/// Records the last request that was checked; none ends the check.
///
/// # Errors
/// When the database fails.
pub async fn advance(session: &mut Session, check: &Check, last: Option<RequestId>) -> Result<(), StoreError> {
    match last {
        Some(last) => {
            let sql = "UPDATE membership_checks SET after = $1 WHERE group_name = $2";
            session.execute(sql, args![&last, &check.group]).await.map(drop)
        }
        None => {
            session.execute("DELETE FROM membership_checks WHERE group_name = $1", args![&check.group]).await.map(drop)
        }
    }
}
