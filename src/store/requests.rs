//! Requests.

use sqlx::AssertSqlSafe;

use super::session::{Arg, args};
use super::{Session, StoreError, votes};
use crate::approval::{Decision, Kind, Payload, Request, Requester, ResourceName, Status};
use crate::ids::RequestId;
use crate::time::Timestamp;

const COLUMNS: &str = "id, revision, kind, resource, command, language, context, duration_seconds, digest, \
    requester_email, requester_name, requester_groups, reason, labels, status, created_at, expires_at, decided_at, \
    decision, terms, asked_by";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    revision: i64,
    kind: String,
    resource: String,
    command: String,
    language: Option<String>,
    context: Option<String>,
    duration_seconds: Option<i64>,
    digest: String,
    requester_email: Option<String>,
    requester_name: Option<String>,
    requester_groups: String,
    reason: Option<String>,
    labels: String,
    status: String,
    created_at: i64,
    expires_at: i64,
    decided_at: Option<i64>,
    decision: Option<String>,
    terms: String,
    asked_by: String,
}

#[derive(sqlx::FromRow)]
struct IdRow {
    id: String,
}

#[derive(sqlx::FromRow)]
struct MomentRow {
    moment: Option<i64>,
}

/// Which requests a list wants; absent fields want all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Where they stand.
    pub status: Option<Status>,
    /// What they are about.
    pub resource: Option<ResourceName>,
    /// Who asked.
    pub requester: Option<crate::approval::Email>,
    /// By which token it was asked.
    pub asked_by: Option<String>,
    /// Asked at or after.
    pub from: Option<Timestamp>,
    /// Asked before.
    pub to: Option<Timestamp>,
}

/// Adds a request.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, request: &Request) -> Result<(), StoreError> {
    let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("requests", column, request.id, cause);
    let sql =
        "INSERT INTO requests (id, revision, kind, resource, command, language, context, duration_seconds, digest,
            requester_email, requester_name, requester_groups, reason, labels, status, created_at, expires_at, terms,
            asked_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
    let values = args![
        &request.id,
        request.revision,
        wire(&request.kind).map_err(bad("kind"))?,
        &request.resource,
        &request.payload.command,
        request.payload.language.clone(),
        request.payload.context.as_ref().map(serde_json::Value::to_string),
        request.payload.duration_seconds.map(i64::from),
        &request.digest,
        request.requester.email.as_ref(),
        request.requester.name.clone(),
        serde_json::to_string(&request.requester.groups).map_err(bad("requester_groups"))?,
        request.reason.clone(),
        serde_json::to_string(&request.labels).map_err(bad("labels"))?,
        request.status.as_str(),
        request.created_at,
        request.expires_at,
        serde_json::to_string(&request.terms).map_err(bad("terms"))?,
        &request.asked_by,
    ];
    session.execute(sql, values).await.map(drop)
}

/// Ends a pending request; answers whether it was pending.
///
/// # Errors
/// When the database fails.
pub async fn end(session: &mut Session, id: RequestId, decision: &Decision, at: Timestamp) -> Result<bool, StoreError> {
    let text =
        serde_json::to_string(decision).map_err(|cause| StoreError::inconsistent("requests", "decision", id, cause))?;
    let sql = "UPDATE requests SET status = $1, decided_at = $2, decision = $3 WHERE id = $4 AND status = 'pending'";
    Ok(session.execute(sql, args![decision.outcome.as_str(), at, text, &id]).await? == 1)
}

/// One request with its votes.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, id: RequestId) -> Result<Option<Request>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE id = $1");
    let Some(row) = session.fetch_optional::<Row>(AssertSqlSafe(sql), args![&id]).await? else { return Ok(None) };
    let mut request = row.into_request()?;
    request.votes = votes::of_requests(session, std::slice::from_ref(&id)).await?.remove(&id).unwrap_or_default();
    Ok(Some(request))
}

/// Up to `limit` requests that match, newest first, older than `before`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(
    session: &mut Session,
    filter: &Filter,
    before: Option<RequestId>,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.add("status =", filter.status.map(Status::as_str));
    conditions.add("resource =", filter.resource.as_ref());
    conditions.add("requester_email =", filter.requester.as_ref());
    conditions.add("asked_by =", filter.asked_by.as_ref());
    conditions.add("created_at >=", filter.from);
    conditions.add("created_at <", filter.to);
    conditions.add("id <", before.as_ref());
    select(session, conditions, "id DESC", limit).await
}

/// Up to `limit` requests that ended in `[from, to)`, in the order of their ends, behind `after`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn ended(
    session: &mut Session,
    resource: Option<&ResourceName>,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    after: Option<(Timestamp, RequestId)>,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.add("resource =", resource);
    conditions.add("decided_at >=", Some(from.unwrap_or_default()));
    conditions.add("decided_at <", to);
    if let Some((at, id)) = after {
        conditions.add_pair("(decided_at, id) >", at, &id);
    }
    select(session, conditions, "decided_at, id", limit).await
}

/// Up to `limit` requests that waited at `as_of`, asked in `[from, to)`, in the order of their deadlines, behind `after`. Shown as
/// they stand now: with [`ended`] up to `as_of`, each request is in exactly one of the two, whatever happens meanwhile.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn waiting(
    session: &mut Session,
    resource: Option<&ResourceName>,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    as_of: Timestamp,
    after: Option<(Timestamp, RequestId)>,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.add("created_at <=", Some(as_of));
    // The same value again, so that the planner may use the index of either side.
    conditions.require("(status = 'pending' OR decided_at >= $1)");
    conditions.add("resource =", resource);
    conditions.add("created_at >=", from);
    conditions.add("created_at <", to);
    if let Some((at, id)) = after {
        conditions.add_pair("(expires_at, id) >", at, &id);
    }
    select(session, conditions, "expires_at, id", limit).await
}

/// The nearest deadline of all that wait.
///
/// # Errors
/// When the database fails.
pub async fn next_deadline(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MIN(expires_at) AS moment FROM requests WHERE status = 'pending'";
    let row: MomentRow = session.fetch_one(sql, args![]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// Up to `limit` requests that wait although their time is over, longest overdue first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn overdue(session: &mut Session, now: Timestamp, limit: u32) -> Result<Vec<RequestId>, StoreError> {
    let sql = "SELECT id FROM requests WHERE status = 'pending' AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![now, limit]).await?;
    rows.iter()
        .map(|row| row.id.parse().map_err(|cause| StoreError::inconsistent("requests", "id", &row.id, cause)))
        .collect()
}

/// How many requests wait, and since when the oldest does.
///
/// # Errors
/// When the database fails.
pub async fn backlog(
    session: &mut Session,
    resource: Option<&ResourceName>,
) -> Result<(u64, Option<Timestamp>), StoreError> {
    #[derive(sqlx::FromRow)]
    struct Backlog {
        count: i64,
        oldest: Option<i64>,
    }
    let mut conditions = Conditions::default();
    conditions.require("status = 'pending'");
    conditions.add("resource =", resource);
    let (condition, values) = conditions.finish();
    let sql = format!("SELECT COUNT(*) AS count, MIN(created_at) AS oldest FROM requests {condition}");
    let row: Backlog = session.fetch_one(AssertSqlSafe(sql), values).await?;
    Ok((u64::try_from(row.count).unwrap_or(0), row.oldest.map(Timestamp::from_micros)))
}

async fn select(
    session: &mut Session,
    conditions: Conditions,
    order: &str,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let (condition, mut values) = conditions.finish();
    values.push(Arg::from(limit));
    let sql = format!("SELECT {COLUMNS} FROM requests {condition} ORDER BY {order} LIMIT ${}", values.len());
    let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let mut requests = rows.into_iter().map(Row::into_request).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let mut votes = votes::of_requests(session, &ids).await?;
    for request in &mut requests {
        request.votes = votes.remove(&request.id).unwrap_or_default();
    }
    Ok(requests)
}

/// A WHERE clause put together from fixed texts; values only ever go in as `$n`.
#[derive(Default)]
struct Conditions {
    texts: Vec<String>,
    values: Vec<Arg>,
}

impl Conditions {
    fn require(&mut self, text: &'static str) {
        self.texts.push(text.to_owned());
    }

    fn add<T: Into<Arg>>(&mut self, left: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(value.into());
            self.texts.push(format!("{left} ${}", self.values.len()));
        }
    }

    fn add_pair(&mut self, left: &'static str, first: impl Into<Arg>, second: impl Into<Arg>) {
        self.values.extend([first.into(), second.into()]);
        self.texts.push(format!("{left} (${}, ${})", self.values.len() - 1, self.values.len()));
    }

    fn finish(self) -> (String, Vec<Arg>) {
        let text = if self.texts.is_empty() { String::new() } else { format!("WHERE {}", self.texts.join(" AND ")) };
        (text, self.values)
    }
}

impl Row {
    fn into_request(self) -> Result<Request, StoreError> {
        let id: RequestId =
            self.id.parse().map_err(|cause| StoreError::inconsistent("requests", "id", &self.id, cause))?;
        let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("requests", column, id, cause);
        let number = |column, value: i64| {
            u32::try_from(value).map_err(|cause| StoreError::inconsistent("requests", column, id, cause))
        };
        Ok(Request {
            id,
            revision: number("revision", self.revision)?,
            kind: unwire::<Kind>(self.kind).map_err(bad("kind"))?,
            resource: self
                .resource
                .parse()
                .map_err(|cause| StoreError::inconsistent("requests", "resource", id, cause))?,
            payload: Payload {
                command: self.command,
                language: self.language,
                context: self.context.as_deref().map(serde_json::from_str).transpose().map_err(bad("context"))?,
                duration_seconds: self.duration_seconds.map(|value| number("duration_seconds", value)).transpose()?,
            },
            digest: self.digest.parse().map_err(|cause| StoreError::inconsistent("requests", "digest", id, cause))?,
            requester: Requester {
                email: self
                    .requester_email
                    .map(|email| email.parse())
                    .transpose()
                    .map_err(|cause| StoreError::inconsistent("requests", "requester_email", id, cause))?,
                name: self.requester_name,
                groups: serde_json::from_str(&self.requester_groups).map_err(bad("requester_groups"))?,
            },
            asked_by: self.asked_by,
            reason: self.reason,
            labels: serde_json::from_str(&self.labels).map_err(bad("labels"))?,
            status: unwire(self.status).map_err(bad("status"))?,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            decided_at: self.decided_at.map(Timestamp::from_micros),
            decision: self.decision.as_deref().map(serde_json::from_str).transpose().map_err(bad("decision"))?,
            terms: serde_json::from_str(&self.terms).map_err(bad("terms"))?,
            votes: Vec::new(),
        })
    }
}

/// An enum's name as on the wire, which is also how it is stored.
pub(super) fn wire(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_value(value).and_then(serde_json::from_value)
}

/// Back from [`wire`].
pub(super) fn unwire<T: serde::de::DeserializeOwned>(text: String) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text))
}
