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
    let values: Vec<&String> = values.iter().collect();
    let mut named = BTreeSet::new();
    for chunk in values.chunks(500) {
        let places: Vec<String> = (1..=chunk.len()).map(|place| format!("${place}")).collect();
        let sql = format!("SELECT DISTINCT value FROM group_claims WHERE value IN ({})", places.join(", "));
        let values = chunk.iter().map(|value| Arg::from(*value)).collect();
        let rows: Vec<ValueRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        named.extend(rows.into_iter().map(|row| row.value));
    }
    Ok(named)
}

/// Replaces the values of a person by those of a sign-in at `now`. Only other groups change the configuration: who signs
/// in again leaves it as it is, so that others need not read it again.
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
    if !known.is_disjoint(values) {
        session.execute("UPDATE claim_values SET signed_in_at = $1 WHERE person = $2", args![now, person]).await?;
    }
    if known == *values {
        return Ok(Moved::default());
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
    };
    if moved != Moved::default() {
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
