//! Requests as lines of a list: what one line shows, and no more.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::list::{Conditions, Filter, ROUND, ROUNDS, Source, page, parse};
use crate::approval::{
    Decision, Email, ExecutionStatus, GrantStatus, GroupName, Kind, Request, ResourceName, Status, Terms,
};
use crate::ids::RequestId;
use crate::store::arg::{Arg, args};
use crate::store::codec::unwire;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// The columns of a line. A command may have 64 KiB; its beginning is enough here.
const COLUMNS: &str = "id, kind, resource, substr(command, 1, 300) AS command,
    CAST(length(command) - length(replace(command, $1, '')) AS BIGINT) AS line_ends,
    CAST(length(command) AS BIGINT) AS characters, duration_seconds,
    requester_email, requester_name, acting_for, beneficiary, status, created_at, expires_at, decided_at, decision,
    (SELECT x.status FROM executions x WHERE x.request_id = requests.id) AS execution,
    (SELECT g.status FROM grants g WHERE g.request_id = requests.id) AS access";
/// Characters of a command that a line has.
const CLIPPED: usize = 300;

/// A request as a line of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub id: RequestId,
    pub kind: Kind,
    pub resource: ResourceName,
    /// The first 300 characters at most.
    pub command: String,
    /// Whether the command is longer than that.
    pub is_clipped: bool,
    /// How many lines the command has.
    pub lines: u64,
    pub duration_seconds: Option<u32>,
    pub requester: Option<Email>,
    /// As the asking system calls the requester.
    pub requester_name: Option<String>,
    pub acting_for: Option<Email>,
    pub beneficiary: Option<Email>,
    pub status: Status,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub decision: Option<Decision>,
    pub execution: Option<ExecutionStatus>,
    pub access: Option<GrantStatus>,
}

/// Where a page of lines lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Newest,
    OlderThan(RequestId),
    NewerThan(RequestId),
}

/// A page of lines, newest first.
#[derive(Debug)]
pub struct Lines {
    pub lines: Vec<Line>,
    /// Where the older ones begin, when there may be some.
    pub older: Option<RequestId>,
    /// Where the newer ones begin, when there may be some.
    pub newer: Option<RequestId>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    kind: String,
    resource: String,
    command: String,
    line_ends: i64,
    characters: i64,
    duration_seconds: Option<i64>,
    requester_email: Option<String>,
    requester_name: Option<String>,
    acting_for: Option<String>,
    beneficiary: Option<String>,
    status: String,
    created_at: i64,
    expires_at: i64,
    decided_at: Option<i64>,
    decision: Option<String>,
    execution: Option<String>,
    access: Option<String>,
    terms: Option<String>,
}

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    id: String,
}

/// Up to `limit` lines of requests that match: the same ones as [`page`], which reads them whole. It reads at most 5,000
/// index entries, so a page may be short although more pages follow.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn lines(session: &mut Session, filter: &Filter, place: Place, limit: u32) -> Result<Lines, StoreError> {
    if let Some(Source::WaitingFor { .. }) = &filter.source {
        // Whether a request waits for somebody follows from its votes and terms.
        let before = match place {
            Place::OlderThan(id) => Some(id),
            Place::Newest | Place::NewerThan(_) => None,
        };
        let found = page(session, filter, before, limit).await?;
        let lines: Vec<Line> = found.requests.into_iter().map(Line::from).collect();
        let newer = before.and_then(|_| lines.first().map(|first| first.id));
        return Ok(Lines { newer, lines, older: found.next });
    }
    let mut reading = Reading { place, found: Vec::new(), is_over: false };
    for _ in 0..ROUNDS {
        reading.round(session, filter, limit).await?;
        if reading.is_over || reading.found.len() > limit as usize {
            break;
        }
    }
    Ok(reading.lines(place, limit))
}

/// The state of a list that is read in rounds.
struct Reading {
    /// Where the next round begins.
    place: Place,
    found: Vec<Line>,
    /// Whether the end of the list was reached.
    is_over: bool,
}

impl Reading {
    async fn round(&mut self, session: &mut Session, filter: &Filter, limit: u32) -> Result<(), StoreError> {
        let source = filter.source.as_ref();
        let mut conditions = Conditions { texts: Vec::new(), values: args!["\n"] };
        filter.add_to(&mut conditions, session.dialect());
        let (most, last) = match source {
            Some(source) => {
                let ids = candidates(session, source, self.place).await?;
                let Some(last) = ids.last().copied() else {
                    self.is_over = true;
                    return Ok(());
                };
                self.is_over = ids.len() < ROUND as usize;
                conditions.add_list("id IN", ids.iter().map(Arg::from));
                (ROUND, Some(last))
            }
            None => {
                match self.place {
                    Place::Newest => {}
                    Place::OlderThan(id) => conditions.add("id <", Some(&id)),
                    Place::NewerThan(id) => conditions.add("id >", Some(&id)),
                }
                (limit + 1, None)
            }
        };
        let (lines, rows, last_read) = select(session, conditions, source, self.place, most).await?;
        self.found.extend(lines);
        self.is_over |= source.is_none() && rows < most as usize;
        let last = match last {
            Some(last) => Some(last),
            None => last_read.map(|id| parse(&id)).transpose()?,
        };
        if let Some(last) = last {
            self.place = match self.place {
                Place::NewerThan(_) => Place::NewerThan(last),
                Place::Newest | Place::OlderThan(_) => Place::OlderThan(last),
            };
        }
        Ok(())
    }

    /// The page, newest first, with where its neighbours begin. `began` is where it was to begin.
    fn lines(mut self, began: Place, limit: u32) -> Lines {
        let more = self.found.len() > limit as usize;
        self.found.truncate(limit as usize);
        let reached = match self.place {
            Place::Newest => None,
            Place::OlderThan(id) | Place::NewerThan(id) => Some(id),
        };
        let onwards = match (more, self.is_over) {
            (true, _) => self.found.last().map(|line| line.id),
            (false, true) => None,
            (false, false) => reached,
        };
        let backwards = |id| self.found.first().map_or(Some(id), |line| Some(line.id));
        match began {
            Place::Newest => Lines { newer: None, older: onwards, lines: self.found },
            Place::OlderThan(id) => Lines { newer: backwards(id), older: onwards, lines: self.found },
            Place::NewerThan(id) => {
                let older = backwards(id);
                self.found.reverse();
                Lines { newer: onwards, older, lines: self.found }
            }
        }
    }
}

/// The next ids in an index from that place on.
async fn candidates(session: &mut Session, source: &Source, place: Place) -> Result<Vec<RequestId>, StoreError> {
    let (select, key): (&str, Arg) = match source {
        Source::Group(group) => ("SELECT request_id AS id FROM request_groups WHERE group_name", group.into()),
        Source::Voter { person, .. } => ("SELECT DISTINCT request_id AS id FROM votes WHERE person", person.into()),
        Source::WaitingFor { .. } => return Ok(Vec::new()),
    };
    let (sign, order, id) = match place {
        // Above every id: `g` comes after the hex digits.
        Place::Newest => ("<", "DESC", "req_g".to_owned()),
        Place::OlderThan(id) => ("<", "DESC", id.to_string()),
        Place::NewerThan(id) => (">", "ASC", id.to_string()),
    };
    let sql = format!("{select} = $1 AND request_id {sign} $2 ORDER BY request_id {order} LIMIT $3");
    let rows: Vec<IdRow> = session.fetch_all(AssertSqlSafe(sql), vec![key, id.into(), ROUND.into()]).await?;
    rows.into_iter().map(|row| parse(&row.id)).collect()
}

/// The lines of some rows, how many rows there were, and the last one's id.
async fn select(
    session: &mut Session,
    conditions: Conditions,
    source: Option<&Source>,
    place: Place,
    limit: u32,
) -> Result<(Vec<Line>, usize, Option<String>), StoreError> {
    let visible = match source {
        Some(Source::Voter { person, visible: Some(groups) }) => Some((person, groups)),
        _ => None,
    };
    let terms = if visible.is_some() { "terms" } else { "NULL AS terms" };
    let order = if matches!(place, Place::NewerThan(_)) { "ASC" } else { "DESC" };
    let (condition, mut values) = conditions.finish();
    values.push(Arg::from(limit));
    let sql =
        format!("SELECT {COLUMNS}, {terms} FROM requests {condition} ORDER BY id {order} LIMIT ${}", values.len());
    let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let (count, last) = (rows.len(), rows.last().map(|row| row.id.clone()));
    let read = |row: Row| row.into_line(visible);
    let lines = session.unreadable().convert_some(rows, read).into_iter().flatten().collect();
    Ok((lines, count, last))
}

impl Row {
    /// The line, unless the person may not see it.
    fn into_line(self, visible: Option<(&Email, &BTreeSet<GroupName>)>) -> Result<Option<Line>, StoreError> {
        let key = self.id.clone();
        let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("requests", column, &key, cause);
        let id: RequestId = parse(&self.id)?;
        let email = |column, text: Option<String>| super::parse_optional(id, column, text);
        let line = Line {
            id,
            kind: unwire(self.kind).map_err(bad.clone()("kind"))?,
            resource: self
                .resource
                .parse()
                .map_err(|cause| StoreError::inconsistent("requests", "resource", id, cause))?,
            is_clipped: usize::try_from(self.characters).is_ok_and(|characters| characters > CLIPPED),
            command: self.command,
            lines: u64::try_from(self.line_ends).unwrap_or(0) + 1,
            duration_seconds: self.duration_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
            requester: email("requester_email", self.requester_email)?,
            requester_name: self.requester_name,
            acting_for: email("acting_for", self.acting_for)?,
            beneficiary: email("beneficiary", self.beneficiary)?,
            status: unwire(self.status).map_err(bad.clone()("status"))?,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            decided_at: self.decided_at.map(Timestamp::from_micros),
            decision: self
                .decision
                .as_deref()
                .map(serde_json::from_str)
                .transpose()
                .map_err(bad.clone()("decision"))?,
            execution: self.execution.map(unwire).transpose().map_err(bad.clone()("execution"))?,
            access: self.access.map(unwire).transpose().map_err(bad.clone()("grant"))?,
        };
        let Some((person, groups)) = visible else { return Ok(Some(line)) };
        let terms: Terms = serde_json::from_str(&self.terms.unwrap_or_default()).map_err(bad("terms"))?;
        let is_theirs =
            [&line.requester, &line.acting_for, &line.beneficiary].into_iter().flatten().any(|own| own == person);
        Ok((is_theirs || terms.groups().into_iter().any(|group| groups.contains(group))).then_some(line))
    }
}

impl From<Request> for Line {
    fn from(request: Request) -> Self {
        let command = request.payload.command;
        Self {
            id: request.id,
            kind: request.kind,
            resource: request.resource,
            is_clipped: command.chars().nth(CLIPPED).is_some(),
            lines: command.matches('\n').count() as u64 + 1,
            command: command.chars().take(CLIPPED).collect(),
            duration_seconds: request.payload.duration_seconds,
            requester: request.requester.email,
            requester_name: request.requester.name,
            acting_for: request.requester.acting_for,
            beneficiary: request.beneficiary,
            status: request.status,
            created_at: request.created_at,
            expires_at: request.expires_at,
            decided_at: request.decided_at,
            decision: request.decision,
            execution: request.execution.map(|execution| execution.status),
            access: request.grant.map(|grant| grant.status),
        }
    }
}
