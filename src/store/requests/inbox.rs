//! What waits for a person, by deadline. Read from the index of what asks each of their groups; what no index covers (votes,
//! conflicts of interest) is checked for a bounded number of candidates.

use sqlx::AssertSqlSafe;

use super::list::{Conditions, parse, select};
use crate::approval::{Email, Request, ResourceName};
use crate::ids::RequestId;
use crate::store::arg::{Arg, args};
use crate::store::dialect::Dialect;
use crate::store::seats::Seat;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Index entries that a call reads first, for each group; and then once more, if too few of them wait for the person.
const CANDIDATES: [u32; 2] = [200, 2_000];

/// For whom requests wait.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    pub person: &'a Email,
    /// Those that the person may vote with.
    pub seats: &'a [Seat],
    /// Only requests on these resources; all if there are none.
    pub resources: &'a [ResourceName],
    pub now: Timestamp,
}

/// A place in the order of deadlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// As the index has it.
    at: i64,
    id: RequestId,
}

/// Requests that wait, in the order of their deadlines.
#[derive(Debug, Default)]
pub struct Found {
    pub waiting: Vec<Position>,
    /// Where to go on, if more may follow.
    pub next: Option<Position>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    expires_at: i64,
    waits: i64,
}

impl Position {
    /// The request's id.
    pub const fn id(&self) -> RequestId {
        self.id
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at, self.id)
    }
}

impl std::str::FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        Ok(Self { at: at.parse().map_err(|_| ())?, id: id.parse().map_err(|_| ())? })
    }
}

/// Up to `limit` requests that wait for the person, behind `after`. One statement, or two if most of what asks the person's
/// groups does not wait for the person.
///
/// # Errors
/// When the database fails.
pub async fn waiting(
    session: &mut Session,
    waiting: Waiting<'_>,
    after: Option<Position>,
    limit: u32,
) -> Result<Found, StoreError> {
    let mut found = Found { waiting: Vec::new(), next: after };
    if waiting.seats.iter().all(|seat| seat.groups.is_empty()) {
        return Ok(Found::default());
    }
    for most in CANDIDATES {
        let left = limit.saturating_sub(u32::try_from(found.waiting.len()).unwrap_or(u32::MAX));
        // One more, to know whether there are more.
        let (sql, values) = statement(session.dialect(), &waiting, found.next.as_ref(), (most, left + 1));
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        let mut last = None;
        for row in rows {
            let position = Position { at: row.expires_at, id: parse(&row.id)? };
            if row.waits == 1 { found.waiting.push(position) } else { last = Some(position) }
        }
        if found.waiting.len() > limit as usize {
            found.waiting.truncate(limit as usize);
            found.next = found.waiting.last().cloned();
            return Ok(found);
        }
        found.next = last;
        if found.next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The requests, in this order, with their votes; without those that cannot be read.
///
/// # Errors
/// When the database fails.
pub async fn in_order(session: &mut Session, positions: &[Position]) -> Result<Vec<Request>, StoreError> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let mut conditions = Conditions::default();
    conditions.add_list("id IN", positions.iter().map(|position| Arg::from(&position.id)));
    let mut requests =
        select(session, conditions, "id", u32::try_from(positions.len()).unwrap_or(u32::MAX)).await?.requests;
    requests.sort_by_key(|request| positions.iter().position(|position| position.id == request.id));
    Ok(requests)
}

/// The statement that finds what waits. Its last row is the last candidate, if there may be more of them than were read.
fn statement(
    dialect: Dialect,
    waiting: &Waiting<'_>,
    after: Option<&Position>,
    (candidates, limit): (u32, u32),
) -> (String, Vec<Arg>) {
    let (at, id) = after.map_or((-1, String::new()), |after| (after.at, after.id.to_string()));
    let mut values = args![waiting.person, quoted(waiting.person), waiting.now, at, id, candidates, limit];
    let mut sources = Vec::new();
    for seat in waiting.seats.iter().filter(|seat| !seat.groups.is_empty()) {
        values.extend(args![&seat.member, quoted(&seat.member)]);
        let place = values.len();
        for group in seat.groups.keys() {
            values.push(group.into());
            sources.push(format!(
                "SELECT * FROM (SELECT CAST(${} AS TEXT) AS seat, CAST(${place} AS TEXT) AS quoted, request_id, expires_at
                    FROM request_groups WHERE group_name = ${} AND open = 1 AND (expires_at, request_id) > ($4, $5)
                    ORDER BY expires_at, request_id LIMIT $6) AS one",
                place - 1,
                values.len()
            ));
        }
    }
    let own = barred(dialect, "$1", "$2");
    let is_own = waiting.seats.iter().all(|seat| seat.member == *waiting.person || seat.groups.is_empty());
    let seats = if is_own { String::new() } else { format!("AND NOT {}", barred(dialect, "c.seat", "c.quoted")) };
    let resources = limited_to(waiting.resources, &mut values);
    let sql = format!(
        "WITH candidates AS MATERIALIZED (SELECT * FROM ({}) AS every ORDER BY expires_at, request_id LIMIT $6),
        found AS (SELECT DISTINCT c.request_id, c.expires_at FROM candidates c JOIN requests r ON r.id = c.request_id
            WHERE r.status = 'pending' AND r.expires_at > $3 {resources}
            AND NOT EXISTS (SELECT 1 FROM votes v WHERE v.request_id = r.id AND v.revision = r.revision AND v.voided = 0
                AND (v.person = $1 OR v.seat = c.seat))
            AND NOT {own} {seats}
            ORDER BY c.expires_at, c.request_id LIMIT $7)
        SELECT request_id AS id, expires_at, CAST(1 AS BIGINT) AS waits FROM found
        UNION ALL SELECT request_id, expires_at, CAST(0 AS BIGINT)
            FROM (SELECT request_id, expires_at FROM candidates ORDER BY expires_at DESC, request_id DESC LIMIT 1) AS last
            WHERE (SELECT count(*) FROM candidates) >= $6
        ORDER BY 3 DESC, 2, 1",
        sources.join(" UNION ALL ")
    );
    (sql, values)
}

fn limited_to(resources: &[ResourceName], values: &mut Vec<Arg>) -> String {
    if resources.is_empty() {
        return String::new();
    }
    let first = values.len() + 1;
    values.extend(resources.iter().map(Arg::from));
    let places: Vec<String> = (first..=values.len()).map(|place| format!("${place}")).collect();
    format!("AND r.resource IN ({})", places.join(", "))
}

/// The condition that a conflict of interest keeps a person from approving the request `r`, as `Request::is_in_conflict` decides.
/// `quoted` is the person as a JSON string: most terms do not contain it, and are not parsed.
fn barred(dialect: Dialect, person: &str, quoted: &str) -> String {
    let (mentions, conflicted, askers, self_approval) = match dialect {
        Dialect::Sqlite => (
            format!("instr(r.terms, {quoted}) > 0"),
            format!("EXISTS (SELECT 1 FROM json_each(r.terms, '$.conflicted') WHERE value = {person})"),
            format!("EXISTS (SELECT 1 FROM json_each(r.terms, '$.askers') WHERE value = {person})"),
            "COALESCE(json_extract(r.terms, '$.allow_self_approval'), 0) = 1".to_owned(),
        ),
        Dialect::Postgres => (
            format!("strpos(r.terms, {quoted}) > 0"),
            format!("COALESCE(r.terms::jsonb -> 'conflicted' ? {person}, false)"),
            format!("COALESCE(r.terms::jsonb -> 'askers' ? {person}, false)"),
            "COALESCE(r.terms::jsonb -> 'allow_self_approval' = 'true'::jsonb, false)".to_owned(),
        ),
    };
    let side = format!(
        "(COALESCE(r.requester_email = {person}, FALSE) OR COALESCE(r.acting_for = {person}, FALSE)
          OR COALESCE(r.beneficiary = {person}, FALSE))"
    );
    format!(
        "(CASE WHEN {side} OR {mentions} THEN {conflicted} OR (({side} OR {askers}) AND NOT {self_approval}) ELSE FALSE END)"
    )
}

/// An address as it is in stored JSON.
fn quoted(person: &Email) -> String {
    serde_json::Value::from(person.as_str()).to_string()
}
