//! Members by group claims: the values that people had at their last sign-in, and the groups that name these values.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args, chunks};
use super::bulk::Bulk;
use super::{Session, StoreError};
use crate::approval::{Email, GroupName};
use crate::time::Timestamp;

/// The groups that a person came to and left by a sign-in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    pub came: BTreeSet<GroupName>,
    pub went: BTreeSet<GroupName>,
    /// Values that were left out, because a group that names them is full.
    pub refused: BTreeSet<String>,
}

impl Moved {
    /// Whether the person is in the same groups as before.
    pub fn is_nowhere(&self) -> bool {
        self.came.is_empty() && self.went.is_empty()
    }
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    people: i64,
}

#[derive(sqlx_macros::FromRow)]
struct ValueRow {
    value: String,
}

static VALUES: Bulk = Bulk::new(1, "INSERT INTO claim_values (person, value, signed_in_at)", 3, "");

/// Those of the values that some group names.
///
/// # Errors
/// When the database fails.
pub async fn named(session: &mut Session, values: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
    let mut named = BTreeSet::new();
    for chunk in values.iter().collect::<Vec<_>>().chunks(500) {
        let (places, values) = among(chunk.iter().copied(), 1);
        let sql = format!("SELECT DISTINCT value FROM group_claims WHERE value IN ({places})");
        let rows: Vec<ValueRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        named.extend(rows.into_iter().map(|row| row.value));
    }
    Ok(named)
}

/// Most people who are in one group by claims.
pub const MAX_PEOPLE: u32 = 10_000;

/// How many people have one of these values.
///
/// # Errors
/// When the database fails.
pub async fn people(session: &mut Session, values: &BTreeSet<String>) -> Result<u32, StoreError> {
    if values.is_empty() {
        return Ok(0);
    }
    let (places, values) = among(values, 1);
    let sql = format!("SELECT COUNT(DISTINCT person) AS people FROM claim_values WHERE value IN ({places})");
    let row: Option<CountRow> = session.fetch_optional(AssertSqlSafe(sql), values).await?;
    Ok(row.map_or(0, |row| u32::try_from(row.people).unwrap_or(u32::MAX)))
}

/// Those of the values that a full group names.
async fn full(session: &mut Session, values: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
    let mut full = BTreeSet::new();
    for chunk in values.iter().collect::<Vec<_>>().chunks(500) {
        let (places, mut arguments) = among(chunk.iter().copied(), 2);
        arguments.insert(0, MAX_PEOPLE.into());
        let sql = format!(
            "SELECT DISTINCT c.value FROM group_claims c WHERE c.value IN ({places}) AND $1 <= (
                SELECT COUNT(DISTINCT v.person) FROM group_claims d JOIN claim_values v ON v.value = d.value
                WHERE d.group_name = c.group_name)"
        );
        let rows: Vec<ValueRow> = session.fetch_all(AssertSqlSafe(sql), arguments).await?;
        full.extend(rows.into_iter().map(|row| row.value));
    }
    Ok(full)
}

/// Placeholders from `$from` on, and their values.
fn among<'v>(values: impl IntoIterator<Item = &'v String>, from: usize) -> (String, Vec<Arg>) {
    let values: Vec<Arg> = values.into_iter().map(Arg::from).collect();
    let places: Vec<String> = (from..from + values.len()).map(|place| format!("${place}")).collect();
    (places.join(", "), values)
}

/// Replaces the values of a person by those of a sign-in at `now`. Only other groups change the configuration: who signs
/// in again leaves it as it is, so that others need not read it again. New values that a full group names are left out.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn replace(
    session: &mut Session,
    person: &Email,
    values: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Moved, StoreError> {
    let sql = "SELECT value FROM claim_values WHERE person = $1";
    let rows: Vec<ValueRow> = session.fetch_all(sql, args![person]).await?;
    let known: BTreeSet<String> = rows.into_iter().map(|row| row.value).collect();
    let refused = full(session, &values.difference(&known).cloned().collect()).await?;
    let values = &values.difference(&refused).cloned().collect();
    if !known.is_disjoint(values) {
        session.execute("UPDATE claim_values SET signed_in_at = $1 WHERE person = $2", args![now, person]).await?;
    }
    if known == *values {
        return Ok(Moved { refused, ..Moved::default() });
    }
    let before = groups_of(session, person).await?;
    let gone: Vec<String> = known.difference(values).cloned().collect();
    for (places, mut arguments) in chunks(&gone) {
        arguments.push(Arg::from(person));
        let sql = format!("DELETE FROM claim_values WHERE value IN ({places}) AND person = ${}", arguments.len());
        session.execute(AssertSqlSafe(sql), arguments).await?;
    }
    for value in values.difference(&known) {
        session.add(&VALUES, args![person, value, now]);
    }
    let after = groups_of(session, person).await?;
    let moved = Moved {
        came: after.difference(&before).cloned().collect(),
        went: before.difference(&after).cloned().collect(),
        refused,
    };
    if !moved.is_nowhere() {
        session.touch_configuration();
    }
    Ok(moved)
}

/// The people who are in the group by claims, in order, each with the time until which that is fresh.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn members(
    session: &mut Session,
    group: &GroupName,
    limit: u32,
) -> Result<Vec<(Email, Timestamp)>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct MemberRow {
        person: String,
        signed_in_at: i64,
    }
    let sql = "SELECT v.person, MAX(v.signed_in_at) AS signed_in_at FROM group_claims c
        JOIN claim_values v ON v.value = c.value WHERE c.group_name = $1 GROUP BY v.person ORDER BY v.person LIMIT $2";
    let rows: Vec<MemberRow> = session.fetch_all(sql, args![group, limit]).await?;
    let read = |row: MemberRow| Ok((parse_person(&row.person)?, session.max_age().end(row.signed_in_at)));
    Ok(session.unreadable().convert_some(rows, read))
}

/// Some of the people whose last sign-in was before this time.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn signed_in_before(session: &mut Session, before: Timestamp, limit: u32) -> Result<Vec<Email>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct PersonRow {
        person: String,
    }
    let sql = "SELECT person FROM claim_values WHERE signed_in_at < $1 ORDER BY signed_in_at, person LIMIT $2";
    let rows: Vec<PersonRow> = session.fetch_all(sql, args![before, limit]).await?;
    let people: Vec<Email> = session.unreadable().convert_some(rows, |row| parse_person(&row.person));
    Ok(BTreeSet::from_iter(people).into_iter().collect())
}

fn parse_person(person: &str) -> Result<Email, StoreError> {
    person.parse().map_err(|cause| StoreError::inconsistent("claim_values", "person", person, cause))
}

/// The groups that the person is in by claims.
async fn groups_of(session: &mut Session, person: &Email) -> Result<BTreeSet<GroupName>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct GroupRow {
        group_name: String,
    }
    let sql = "SELECT DISTINCT c.group_name FROM claim_values v JOIN group_claims c ON c.value = v.value
        WHERE v.person = $1";
    let rows: Vec<GroupRow> = session.fetch_all(sql, args![person]).await?;
    let read = |row: GroupRow| {
        let name = &row.group_name;
        name.parse().map_err(|cause| StoreError::inconsistent("group_claims", "group_name", name, cause))
    };
    Ok(session.unreadable().convert_some(rows, read).into_iter().collect())
}
