//! Grants: access that was approved for a limited time.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args, chunks};
use super::codec::unwire;
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{Email, Grant, GrantStatus, ResourceName};
use crate::ids::{GrantId, RequestId};
use crate::time::Timestamp;

const COLUMNS: &str = "id, request_id, resource, requester, status, starts_at, ends_at, ended_at, ended_by, reason";

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    request_id: String,
    resource: String,
    requester: String,
    status: String,
    starts_at: i64,
    ends_at: i64,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    reason: Option<String>,
}

/// Which grants to list; absent fields match all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub resource: Option<ResourceName>,
    pub requester: Option<Email>,
    pub status: Option<GrantStatus>,
    /// Whether it is scheduled or active.
    pub open: Option<bool>,
    /// Not those of this person.
    pub without: Option<Email>,
}

/// Adds a grant, or updates it.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, grant: &Grant) -> Result<(), StoreError> {
    let sql = "INSERT INTO grants (id, request_id, resource, requester, status, starts_at, ends_at, ended_at, ended_by, reason, due_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, ended_at = excluded.ended_at,
            ended_by = excluded.ended_by, reason = excluded.reason, due_at = excluded.due_at";
    let values = args![
        &grant.id,
        &grant.request,
        &grant.resource,
        &grant.requester,
        grant.status.as_str(),
        grant.starts_at,
        grant.ends_at,
        grant.ended_at,
        grant.ended_by.as_ref(),
        grant.reason.clone(),
        grant.due(),
    ];
    session.execute(sql, values).await.map(drop)
}

/// One grant.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, id: GrantId) -> Result<Option<Grant>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM grants WHERE id = $1");
    let row: Option<Row> = session.fetch_optional(AssertSqlSafe(sql), args![&id]).await?;
    row.map(Row::into_grant).transpose()
}

/// The grants of the given requests.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_requests(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<HashMap<RequestId, Grant>, StoreError> {
    let mut found = HashMap::new();
    for (places, values) in chunks(requests) {
        let sql = format!("SELECT {COLUMNS} FROM grants WHERE request_id IN ({places})");
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        for row in rows {
            let grant = row.into_grant()?;
            found.insert(grant.request, grant);
        }
    }
    Ok(found)
}

/// The grant that decides whether a person has access to a resource at `now`: an active one before one that has not
/// started yet, and of those the one that ends last. One look-up in an index of grants that have not ended.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn current(
    session: &mut Session,
    resource: &ResourceName,
    requester: &Email,
    now: Timestamp,
) -> Result<Option<Grant>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM grants WHERE resource = $1 AND requester = $2 AND ends_at > $3 AND due_at IS NOT NULL
         ORDER BY CASE WHEN starts_at <= $3 THEN 0 ELSE 1 END, ends_at DESC LIMIT 1"
    );
    let row: Option<Row> = session.fetch_optional(AssertSqlSafe(sql), args![resource, requester, now]).await?;
    row.map(Row::into_grant).transpose()
}

/// Up to `limit` grants that match, newest first, older than `before`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(
    session: &mut Session,
    filter: &Filter,
    before: Option<GrantId>,
    limit: u32,
) -> Result<Vec<Grant>, StoreError> {
    // Above every id: `g` comes after the hex digits.
    let before = before.map_or_else(|| "grt_g".to_owned(), |id| id.to_string());
    let mut wanted: Vec<Arg> = Vec::new();
    let mut conditions = String::from("id < $1");
    let fields = [
        ("resource", filter.resource.as_ref().map(Arg::from)),
        ("requester", filter.requester.as_ref().map(Arg::from)),
        ("status", filter.status.map(|status| Arg::from(status.as_str()))),
    ];
    for (column, value) in fields {
        let Some(value) = value else { continue };
        wanted.push(value);
        conditions.push_str(&format!(" AND {column} = ${}", wanted.len() + 2));
    }
    if let Some(person) = &filter.without {
        wanted.push(Arg::from(person));
        conditions.push_str(&format!(" AND requester <> ${}", wanted.len() + 2));
    }
    // An open one has a next step that is due.
    conditions.push_str(match filter.open {
        Some(true) => " AND due_at IS NOT NULL",
        Some(false) => " AND due_at IS NULL",
        None => "",
    });
    let sql = format!("SELECT {COLUMNS} FROM grants WHERE {conditions} ORDER BY id DESC LIMIT $2");
    let values = |before: &String, left| [args![before, left], wanted.clone()].concat();
    let listing = Listing { values, position: |row: &Row| row.id.clone(), read: Row::into_grant };
    readable::page(session, AssertSqlSafe(sql), listing, before, limit).await
}

impl Row {
    fn into_grant(self) -> Result<Grant, StoreError> {
        let id = self.id.as_str();
        let email = |column, text: &str| {
            text.parse()
                .map_err(|cause: crate::approval::InvalidEmail| StoreError::inconsistent("grants", column, id, cause))
        };
        Ok(Grant {
            id: id.parse().map_err(|cause| StoreError::inconsistent("grants", "id", id, cause))?,
            request: self
                .request_id
                .parse()
                .map_err(|cause| StoreError::inconsistent("grants", "request_id", id, cause))?,
            resource: self
                .resource
                .parse()
                .map_err(|cause| StoreError::inconsistent("grants", "resource", id, cause))?,
            requester: email("requester", &self.requester)?,
            status: unwire(self.status).map_err(|cause| StoreError::inconsistent("grants", "status", id, cause))?,
            starts_at: Timestamp::from_micros(self.starts_at),
            ends_at: Timestamp::from_micros(self.ends_at),
            ended_at: self.ended_at.map(Timestamp::from_micros),
            ended_by: self.ended_by.as_deref().map(|text| email("ended_by", text)).transpose()?,
            reason: self.reason,
        })
    }
}
