//! Requests: their rows, and what belongs to them.

mod alike;
pub mod audience;
mod change;
pub mod inbox;
mod lines;
mod list;
mod said;

pub use alike::{Earlier, EarlierText, alike, remind, reminded_at, texts};
pub use change::{end, notice, revise, set_successor, set_undecidable};
pub use lines::{Line, Lines, Place, lines};
pub use list::{Filter, Page, Source, backlog, ended, page, waiting};
pub use said::{Said, said};

use std::collections::HashMap;
use std::error::Error;
use std::str::FromStr;

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args};
use super::bulk::Bulk;
use super::codec::unwire;
use super::{Session, StoreError, executions, grants, reviews, votes};
use crate::approval::{Kind, Method, Payload, Progress, Request, Requester, Status, pattern_digest};
use crate::ids::RequestId;
use crate::time::Timestamp;

const COLUMNS: &str = "id, revision, kind, resource, command, language, context, duration_seconds, digest, \
    requester_email, requester_name, requester_groups, reason, labels, status, created_at, expires_at, decided_at, \
    decision, terms, asked_by, acting_for, beneficiary, change, supersedes, superseded_by, undecidable, reminders, escalations";

#[derive(sqlx_macros::FromRow)]
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
    acting_for: Option<String>,
    beneficiary: Option<String>,
    change: Option<String>,
    supersedes: Option<String>,
    superseded_by: Option<String>,
    undecidable: i64,
    reminders: i64,
    escalations: i64,
}

static REQUESTS: Bulk = Bulk::new(
    1,
    "INSERT INTO requests (id, revision, kind, resource, command, language, context, duration_seconds, digest,
        requester_email, requester_name, requester_groups, reason, labels, status, created_at, expires_at, terms,
        asked_by, acting_for, beneficiary, supersedes, decided_at, decision, notice_at, pattern_digest)",
    26,
    "",
);
static GROUPS: Bulk = Bulk::new(2, "INSERT INTO request_groups (group_name, request_id, open, expires_at)", 4, "");

/// A request, serialized for insertion. This is done outside of the writer, which all other calls wait for.
#[derive(Debug)]
pub struct NewRequest {
    row: Vec<Arg>,
    groups: Vec<Vec<Arg>>,
}

/// Adds a request in its current state: a request that is decided at once is never pending in the database.
pub fn add(session: &mut Session, new: NewRequest) {
    session.add(&REQUESTS, new.row);
    new.groups.into_iter().for_each(|group| session.add(&GROUPS, group));
}

impl NewRequest {
    /// Serializes a request.
    ///
    /// # Errors
    /// When a part of it cannot be written as JSON.
    pub fn of(request: &Request) -> Result<Self, StoreError> {
        let bad =
            |column| move |cause: serde_json::Error| StoreError::inconsistent("requests", column, request.id, cause);
        let is_pending = request.status == Status::Pending;
        let row = args![
            &request.id,
            request.revision,
            request.kind.as_str(),
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
            request.requester.acting_for.as_ref(),
            request.beneficiary.as_ref(),
            request.supersedes.as_ref(),
            request.decided_at,
            request.decision.as_ref().map(serde_json::to_string).transpose().map_err(bad("decision"))?,
            request.next_notice().filter(|_| is_pending),
            &pattern_digest(request.kind, &request.payload.command),
        ];
        let group = |group| args![group, &request.id, i64::from(is_pending), request.expires_at];
        Ok(Self { row, groups: request.terms.groups().into_iter().map(group).collect() })
    }
}

/// One request with its votes, execution, grant and review.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, id: RequestId) -> Result<Option<Request>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE id = $1");
    let Some(row) = session.fetch_optional::<Row>(AssertSqlSafe(sql), args![&id]).await? else { return Ok(None) };
    let mut requests = vec![row.into_request()?];
    complete(session, &mut requests).await?;
    Ok(requests.pop())
}

/// Adds votes, executions, grants and reviews to requests.
async fn complete(session: &mut Session, requests: &mut [Request]) -> Result<(), StoreError> {
    let ids = |wanted: &dyn Fn(&Request) -> bool| -> Vec<RequestId> {
        requests.iter().filter(|request| wanted(request)).map(|request| request.id).collect()
    };
    let is_approved = |request: &Request| request.status == Status::Approved;
    let all = ids(&|_| true);
    let actions = ids(&|request| is_approved(request) && request.kind == Kind::Action);
    let windows = ids(&|request| is_approved(request) && request.kind == Kind::Jit);
    let emergencies = ids(&|request| request.decision.as_ref().is_some_and(|made| made.method == Method::BreakGlass));
    let mut votes = votes::of_requests(session, &all).await?;
    let mut executions: HashMap<_, _> = executions::of_requests(session, &actions).await?;
    let mut grants = grants::of_requests(session, &windows).await?;
    let mut reviews = reviews::of_requests(session, &emergencies).await?;
    for request in requests {
        request.votes = votes.remove(&request.id).unwrap_or_default();
        request.execution = executions.remove(&request.id);
        request.grant = grants.remove(&request.id);
        request.review = reviews.remove(&request.id);
    }
    Ok(())
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
                email: parse_optional(id, "requester_email", self.requester_email)?,
                acting_for: parse_optional(id, "acting_for", self.acting_for)?,
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
            beneficiary: parse_optional(id, "beneficiary", self.beneficiary)?,
            change: self.change.as_deref().map(serde_json::from_str).transpose().map_err(bad("change"))?,
            supersedes: parse_optional(id, "supersedes", self.supersedes)?,
            superseded_by: parse_optional(id, "superseded_by", self.superseded_by)?,
            undecidable: self.undecidable != 0,
            progress: Progress {
                reminders: number("reminders", self.reminders)?,
                escalations: number("escalations", self.escalations)?,
            },
            execution: None,
            grant: None,
            review: None,
        })
    }
}

fn parse_optional<T>(id: RequestId, column: &'static str, text: Option<String>) -> Result<Option<T>, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let parsed = text.map(|text| text.parse()).transpose();
    parsed.map_err(|cause| StoreError::inconsistent("requests", column, id, cause))
}
