//! Lists of requests, read by keyset pages from indexes.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::{COLUMNS, Row, complete};
use crate::approval::{Email, GroupName, Kind, Request, ResourceName, Status};
use crate::ids::RequestId;
use crate::store::arg::{Arg, args};
use crate::store::dialect::Dialect;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Index entries read in one round of a list.
pub(super) const ROUND: u32 = 200;
/// Most rounds of one call.
pub(super) const ROUNDS: usize = 25;

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    id: String,
}

/// Which requests to list; absent fields match all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub status: Option<Status>,
    pub resource: Option<ResourceName>,
    pub requester: Option<crate::approval::Email>,
    /// The caller's token.
    pub asked_by: Option<String>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    pub kind: Option<Kind>,
    /// The index to find them by, when not by their own columns.
    pub source: Option<Source>,
}

/// The index by which requests are found.
#[derive(Debug, Clone)]
pub enum Source {
    /// Requests that ask or asked the group.
    Group(GroupName),
    /// Requests that the person has voted on.
    Voter {
        person: Email,
        /// When given: only those that the person may see, being in one of these groups, or because they are theirs.
        visible: Option<BTreeSet<GroupName>>,
    },
    /// Pending requests that the person may still vote on.
    WaitingFor {
        person: Email,
        /// The person's groups, and those of the members that the person is a stand-in for.
        groups: Vec<GroupName>,
    },
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    pub requests: Vec<Request>,
    /// The cursor of the next page, when there may be more.
    pub next: Option<RequestId>,
}

impl Filter {
    fn conditions(&self, dialect: Dialect) -> Conditions {
        let mut conditions = Conditions::default();
        self.add_to(&mut conditions, dialect);
        conditions
    }

    pub(super) fn add_to(&self, conditions: &mut Conditions, dialect: Dialect) {
        // A person has few requests, a resource more, and a status or kind most of all.
        let by_person = self.requester.is_some() || self.asked_by.is_some();
        let by_other = by_person || self.resource.is_some();
        let common =
            |is_common, column, expression| if is_common { dialect.common(column, expression) } else { column };
        conditions.add(common(by_other, "status =", "+status ="), self.status.map(Status::as_str));
        conditions.add(common(by_other, "kind =", "+kind ="), self.kind.map(Kind::as_str));
        conditions.add(common(by_person, "resource =", "+resource ="), self.resource.as_ref());
        conditions.add("requester_email =", self.requester.as_ref());
        conditions.add("asked_by =", self.asked_by.as_ref());
        conditions.add("created_at >=", self.from);
        conditions.add("created_at <", self.to);
    }
}

impl Source {
    /// Checks what no index covers: whether the person may see it, or may decide it and has not yet.
    fn matches(&self, request: &Request) -> bool {
        match self {
            Self::Group(_) | Self::Voter { visible: None, .. } => true,
            Self::Voter { person, visible: Some(groups) } => {
                let is_theirs = request.requester.is(person) || request.beneficiary.as_ref() == Some(person);
                is_theirs || request.terms.groups().into_iter().any(|group| groups.contains(group))
            }
            Self::WaitingFor { person, .. } => {
                !request.is_in_conflict(person) && !request.live_votes().any(|vote| vote.voter == *person)
            }
        }
    }
}

/// Up to `limit` requests that match, newest first, older than `before`.
///
/// A call reads at most 5,000 index entries, so a page may be short although more pages follow.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(
    session: &mut Session,
    filter: &Filter,
    before: Option<RequestId>,
    limit: u32,
) -> Result<Page, StoreError> {
    let Some(source) = &filter.source else {
        return newest(session, filter, before, limit).await;
    };
    let (mut found, mut next) = (Vec::new(), before);
    for _ in 0..ROUNDS {
        let ids = candidates(session, source, next.as_ref()).await?;
        let Some(last) = ids.last().copied() else { return Ok(Page { requests: found, next: None }) };
        next = Some(last);
        let mut conditions = filter.conditions(session.dialect());
        conditions.add_list("id IN", ids.iter().map(Arg::from));
        for request in select(session, conditions, "id DESC", ROUND).await?.requests {
            if !source.matches(&request) {
                continue;
            }
            if found.len() == limit as usize {
                let next = found.last().map(|last: &Request| last.id);
                return Ok(Page { requests: found, next });
            }
            found.push(request);
        }
        if ids.len() < ROUND as usize {
            return Ok(Page { requests: found, next: None });
        }
    }
    Ok(Page { requests: found, next })
}

/// A page of all requests that match.
async fn newest(
    session: &mut Session,
    filter: &Filter,
    mut before: Option<RequestId>,
    limit: u32,
) -> Result<Page, StoreError> {
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        let mut conditions = filter.conditions(session.dialect());
        conditions.add("id <", before.as_ref());
        let Selected { requests, rows, last } = select(session, conditions, "id DESC", limit + 1).await?;
        found.extend(requests);
        let (is_last, is_full) = (rows <= limit as usize, found.len() > limit as usize);
        if is_last && !is_full {
            return Ok(Page { requests: found, next: None });
        }
        if is_full {
            found.truncate(limit as usize);
            let next = found.last().map(|last| last.id);
            return Ok(Page { requests: found, next });
        }
        // Some rows were unreadable: the page is filled with the next ones.
        before = last.map(|last| parse(&last.id)).transpose()?;
    }
    Ok(Page { requests: found, next: before })
}

/// The next ids in an index, newest first: each look-up reads at most [`ROUND`] entries.
async fn candidates(
    session: &mut Session,
    source: &Source,
    before: Option<&RequestId>,
) -> Result<Vec<RequestId>, StoreError> {
    // Above every id: `g` comes after the hex digits.
    let before = before.map_or_else(|| "req_g".to_owned(), ToString::to_string);
    let (sql, keys): (&'static str, Vec<Arg>) = match source {
        Source::Group(group) => (
            "SELECT request_id AS id FROM request_groups WHERE group_name = $1 AND request_id < $2
             ORDER BY request_id DESC LIMIT $3",
            args![group],
        ),
        Source::Voter { person, .. } => (
            "SELECT DISTINCT request_id AS id FROM votes WHERE person = $1 AND request_id < $2
             ORDER BY request_id DESC LIMIT $3",
            args![person],
        ),
        Source::WaitingFor { groups, .. } => (
            "SELECT request_id AS id FROM request_groups WHERE group_name = $1 AND open = 1 AND request_id < $2
             ORDER BY request_id DESC LIMIT $3",
            groups.iter().map(Arg::from).collect(),
        ),
    };
    let mut ids = BTreeSet::new();
    for key in keys {
        let rows: Vec<IdRow> = session.fetch_all(sql, vec![key, before.as_str().into(), ROUND.into()]).await?;
        for row in rows {
            ids.insert(parse(&row.id)?);
        }
    }
    Ok(ids.into_iter().rev().take(ROUND as usize).collect())
}

/// Up to `limit` requests that ended in `[from, to)`, by end, after `after`.
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
    let mut after = after.map(|(at, id)| (at.as_micros(), id.to_string()));
    loop {
        let mut conditions = Conditions::default();
        conditions.add("resource =", resource);
        conditions.add("decided_at >=", Some(from.unwrap_or_default()));
        conditions.add("decided_at <", to);
        if let Some((at, id)) = after {
            conditions.add_pair("(decided_at, id) >", at, id);
        }
        let part = select(session, conditions, "decided_at, id", limit).await?;
        match part.last {
            // None of the rows can be read, but more rows may follow.
            Some(last) if part.requests.is_empty() => after = Some((last.decided_at.unwrap_or_default(), last.id)),
            _ => return Ok(part.requests),
        }
    }
}

/// Up to `limit` requests that were pending at `as_of` and created in `[from, to)`, by deadline, after `after`. They
/// are returned as they are now. Together with [`ended`] up to `as_of`, each request is in exactly one of the two
/// lists, even if it is decided meanwhile.
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
    let mut after = after.map(|(at, id)| (at.as_micros(), id.to_string()));
    loop {
        let mut conditions = Conditions::default();
        conditions.add("created_at <=", Some(as_of));
        // `$1` again: the planner can use an index for each side of the OR.
        conditions.require("(status = 'pending' OR decided_at >= $1)");
        conditions.add("resource =", resource);
        conditions.add("created_at >=", from);
        conditions.add("created_at <", to);
        if let Some((at, id)) = after {
            conditions.add_pair("(expires_at, id) >", at, id);
        }
        let part = select(session, conditions, "expires_at, id", limit).await?;
        match part.last {
            Some(last) if part.requests.is_empty() => after = Some((last.expires_at, last.id)),
            _ => return Ok(part.requests),
        }
    }
}

/// How many requests are pending, and when the oldest was created.
///
/// # Errors
/// When the database fails.
pub async fn backlog(
    session: &mut Session,
    resource: Option<&ResourceName>,
) -> Result<(u64, Option<Timestamp>), StoreError> {
    #[derive(sqlx_macros::FromRow)]
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

pub(super) async fn select(
    session: &mut Session,
    conditions: Conditions,
    order: &str,
    limit: u32,
) -> Result<Selected, StoreError> {
    let (condition, mut values) = conditions.finish();
    values.push(Arg::from(limit));
    let sql = format!("SELECT {COLUMNS} FROM requests {condition} ORDER BY {order} LIMIT ${}", values.len());
    let found: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let rows = found.len();
    let position =
        |row: &Row| KeysetPosition { id: row.id.clone(), expires_at: row.expires_at, decided_at: row.decided_at };
    let last = found.last().map(position);
    let mut requests = session.unreadable().convert_some(found, Row::into_request);
    match complete(session, &mut requests).await {
        Err(StoreError::Inconsistent { .. }) => {}
        completed => return completed.map(|()| Selected { requests, rows, last }),
    }
    // Something that belongs to a request, such as a vote, cannot be read. The request would be wrong without it, so it
    // is skipped.
    let mut whole = Vec::with_capacity(requests.len());
    for mut request in requests {
        match complete(session, std::slice::from_mut(&mut request)).await {
            Ok(()) => whole.push(request),
            Err(error @ StoreError::Inconsistent { .. }) => session.unreadable().add(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(Selected { requests: whole, rows, last })
}

/// The requests of some rows, without those that cannot be read.
pub(super) struct Selected {
    pub(super) requests: Vec<Request>,
    /// How many rows were read.
    rows: usize,
    /// The position of the last row, whether it could be read or not.
    last: Option<KeysetPosition>,
}

/// A row's keyset position, in each order of the lists. Times are microseconds.
struct KeysetPosition {
    id: String,
    expires_at: i64,
    decided_at: Option<i64>,
}

/// A WHERE clause, composed of fixed texts; values are bound as `$n` only.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) texts: Vec<String>,
    pub(super) values: Vec<Arg>,
}

impl Conditions {
    fn require(&mut self, text: &'static str) {
        self.texts.push(text.to_owned());
    }

    pub(super) fn add<T: Into<Arg>>(&mut self, left: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(value.into());
            self.texts.push(format!("{left} ${}", self.values.len()));
        }
    }

    pub(super) fn add_list(&mut self, left: &'static str, values: impl Iterator<Item = Arg>) {
        let first = self.values.len() + 1;
        self.values.extend(values);
        let places: Vec<String> = (first..=self.values.len()).map(|place| format!("${place}")).collect();
        self.texts.push(format!("{left} ({})", places.join(", ")));
    }

    fn add_pair(&mut self, left: &'static str, first: impl Into<Arg>, second: impl Into<Arg>) {
        self.values.extend([first.into(), second.into()]);
        self.texts.push(format!("{left} (${}, ${})", self.values.len() - 1, self.values.len()));
    }

    pub(super) fn finish(self) -> (String, Vec<Arg>) {
        let text = if self.texts.is_empty() { String::new() } else { format!("WHERE {}", self.texts.join(" AND ")) };
        (text, self.values)
    }
}

pub(super) fn parse(id: &str) -> Result<RequestId, StoreError> {
    id.parse().map_err(|cause| StoreError::inconsistent("requests", "id", id, cause))
}
