//! People: display names, absences and stand-ins.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args};
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{Absence, Email};
use crate::identity::Scope;
use crate::time::Timestamp;

/// A person as stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Person {
    pub email: Email,
    /// The display name.
    pub name: String,
    /// When the person is away, and the stand-in.
    pub absence: Option<Absence>,
    /// What they may do besides asking and voting, once they have signed in.
    pub roles: BTreeSet<Scope>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    email: String,
    name: String,
    away: i64,
    away_from: Option<i64>,
    away_until: Option<i64>,
    delegate: Option<String>,
    roles: String,
}

/// Adds or changes a person.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, person: &Person, now: Timestamp) -> Result<(), StoreError> {
    session.touch_configuration();
    let sql = "INSERT INTO people (email, name, updated_at, away, away_from, away_until, delegate, roles)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (email) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at, away = excluded.away,
            away_from = excluded.away_from, away_until = excluded.away_until, delegate = excluded.delegate,
            roles = excluded.roles";
    let absence = person.absence.as_ref();
    let roles = serde_json::to_string(&person.roles)
        .map_err(|cause| StoreError::inconsistent("people", "roles", &person.email, cause))?;
    let values = args![
        &person.email,
        &person.name,
        now,
        i64::from(absence.is_some()),
        absence.and_then(|absence| absence.from),
        absence.and_then(|absence| absence.until),
        absence.and_then(|absence| absence.delegate.as_ref()),
        roles,
    ];
    session.execute(sql, values).await.map(drop)
}

/// One person.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, email: &Email) -> Result<Option<Person>, StoreError> {
    let sql = "SELECT email, name, away, away_from, away_until, delegate, roles FROM people WHERE email = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![email]).await?;
    row.map(Row::into_person).transpose()
}

/// People after `after` in the order of addresses, up to `limit`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: &str, limit: u32) -> Result<Vec<Person>, StoreError> {
    let sql = "SELECT email, name, away, away_from, away_until, delegate, roles FROM people WHERE email > $1 ORDER BY email LIMIT $2";
    let values = |after: &String, left| args![after, left];
    let listing = Listing { values, position: |row: &Row| row.email.clone(), read: Row::into_person };
    readable::page(session, sql, listing, after.to_owned(), limit).await
}

/// Deletes a person; returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, email: &Email) -> Result<bool, StoreError> {
    session.touch_configuration();
    Ok(session.execute("DELETE FROM people WHERE email = $1", args![email]).await? == 1)
}

/// The absent people for whom `delegate` is the stand-in at `now`, in order.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn delegators(session: &mut Session, delegate: &Email, now: Timestamp) -> Result<Vec<Email>, StoreError> {
    let sql = "SELECT email, name, away, away_from, away_until, delegate, roles FROM people WHERE delegate = $1 ORDER BY email";
    let rows: Vec<Row> = session.fetch_all(sql, args![delegate]).await?;
    let people = session.unreadable().convert_some(rows, Row::into_person);
    let is_away = |person: &Person| person.absence.as_ref().is_some_and(|absence| absence.covers(now));
    Ok(people.into_iter().filter(is_away).map(|person| person.email).collect())
}

/// Ends what a person does as a stand-in; returns for whom.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn end_delegations(session: &mut Session, delegate: &Email) -> Result<Vec<Email>, StoreError> {
    let sql = "SELECT email, name, away, away_from, away_until, delegate, roles FROM people WHERE delegate = $1 ORDER BY email";
    let rows: Vec<Row> = session.fetch_all(sql, args![delegate]).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    session.touch_configuration();
    session.execute("UPDATE people SET delegate = NULL WHERE delegate = $1", args![delegate]).await?;
    let people = session.unreadable().convert_some(rows, Row::into_person);
    Ok(people.into_iter().map(|person| person.email).collect())
}

/// Takes all roles from a person.
///
/// # Errors
/// When the database fails.
pub async fn clear_roles(session: &mut Session, email: &Email) -> Result<(), StoreError> {
    session.touch_configuration();
    session.execute("UPDATE people SET roles = '[]' WHERE email = $1", args![email]).await.map(drop)
}

/// The given people, as far as they are stored.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn known(session: &mut Session, people: &BTreeSet<&Email>) -> Result<Vec<Person>, StoreError> {
    let mut found = Vec::new();
    let people: Vec<&Email> = people.iter().copied().collect();
    for chunk in people.chunks(500) {
        let places: Vec<String> = (1..=chunk.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT email, name, away, away_from, away_until, delegate, roles FROM people WHERE email IN ({})",
            places.join(", ")
        );
        let values = chunk.iter().map(|email| Arg::from(*email)).collect();
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        found.extend(session.unreadable().convert_some(rows, Row::into_person));
    }
    Ok(found)
}

impl Row {
    fn into_person(self) -> Result<Person, StoreError> {
        let email = |column, text: &str| {
            let parsed: Result<Email, _> = text.parse();
            parsed.map_err(|cause| StoreError::inconsistent("people", column, &self.email, cause))
        };
        let absence = (self.away != 0).then_some(Absence {
            from: self.away_from.map(Timestamp::from_micros),
            until: self.away_until.map(Timestamp::from_micros),
            delegate: self.delegate.as_deref().map(|text| email("delegate", text)).transpose()?,
        });
        let roles = serde_json::from_str(&self.roles)
            .map_err(|cause| StoreError::inconsistent("people", "roles", &self.email, cause))?;
        Ok(Person { email: email("email", &self.email)?, name: self.name, absence, roles })
    }
}
