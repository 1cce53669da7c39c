//! What still depends on a group or resource that is to be deleted. Without this check, a new group or resource with
//! the same name would decide or allow it.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::{GroupName, ResourceName};

/// Most ids that are returned, as examples.
const NAMED: u32 = 5;

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
}

async fn ids(
    session: &mut Session,
    sql: &'static str,
    values: Vec<super::arg::Arg>,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<Row> = session.fetch_all(sql, values).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Some of the requests that wait for the group.
///
/// # Errors
/// When the database fails.
pub async fn waiting_for(session: &mut Session, group: &GroupName) -> Result<Vec<String>, StoreError> {
    let sql =
        "SELECT request_id AS id FROM request_groups WHERE group_name = $1 AND open = 1 ORDER BY request_id LIMIT $2";
    ids(session, sql, args![group, NAMED]).await
}

/// Some of the pending requests whose terms name the group: an escalation or a rule may ask it later, or it may break
/// the glass. Scans all pending requests, so call it on a reader.
///
/// # Errors
/// When the database fails.
pub async fn named_in_terms(session: &mut Session, group: &GroupName) -> Result<Vec<String>, StoreError> {
    // The JSON as serde writes it. Of a name's characters, only `_` is special in LIKE.
    let name = group.as_str().replace('_', "\\_");
    let sql = "SELECT id FROM requests WHERE status = 'pending'
            AND (terms LIKE $1 ESCAPE '\\' OR terms LIKE $2 ESCAPE '\\' OR terms LIKE $3 ESCAPE '\\') LIMIT $4";
    let slot = format!("%\"group\":\"{name}\"%");
    let step = format!("%\"add\":\"{name}\"%");
    let glass = format!("%\"break_glass\":{{\"groups\":[%\"{name}\"%]%");
    ids(session, sql, args![slot, step, glass, NAMED]).await
}

/// Some of the resource's requests that are pending, or approved and still usable.
///
/// # Errors
/// When the database fails.
pub async fn of_resource(session: &mut Session, resource: &ResourceName) -> Result<Vec<String>, StoreError> {
    let (by_status, by_end) =
        (session.dialect().common("resource", "+resource"), session.dialect().common("r.resource", "+r.resource"));
    let waiting = format!("SELECT id FROM requests WHERE status = 'pending' AND {by_status} = $1 LIMIT $2");
    let ready = format!(
        "SELECT e.request_id AS id FROM executions e JOIN requests r ON r.id = e.request_id
         WHERE e.due_at IS NOT NULL AND {by_end} = $1 LIMIT $2"
    );
    let access = "SELECT request_id AS id FROM grants WHERE resource = $1 AND due_at IS NOT NULL LIMIT $2".to_owned();
    let mut found = Vec::new();
    for sql in [waiting, ready, access] {
        let rows: Vec<Row> = session.fetch_all(sqlx::AssertSqlSafe(sql), args![resource, NAMED]).await?;
        found.extend(rows.into_iter().map(|row| row.id));
    }
    found.truncate(NAMED as usize);
    Ok(found)
}
