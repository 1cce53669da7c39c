//! People: what to call an identity.

use super::session::args;
use super::{Session, StoreError};
use crate::approval::Email;
use crate::time::Timestamp;

/// A person as kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Person {
    /// Identity.
    pub email: Email,
    /// What to call them.
    pub name: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    email: String,
    name: String,
}

/// Adds or renames a person.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, person: &Person, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO people (email, name, updated_at) VALUES ($1, $2, $3)
               ON CONFLICT (email) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at";
    session.execute(sql, args![&person.email, &person.name, now]).await.map(drop)
}

/// One person.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, email: &Email) -> Result<Option<Person>, StoreError> {
    let row: Option<Row> =
        session.fetch_optional("SELECT email, name FROM people WHERE email = $1", args![email]).await?;
    row.map(Row::into_person).transpose()
}

/// Everybody after `after` in the order of addresses, up to `limit`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: &str, limit: u32) -> Result<Vec<Person>, StoreError> {
    let sql = "SELECT email, name FROM people WHERE email > $1 ORDER BY email LIMIT $2";
    let rows: Vec<Row> = session.fetch_all(sql, args![after, limit]).await?;
    rows.into_iter().map(Row::into_person).collect()
}

/// Forgets what a person is called; answers whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, email: &Email) -> Result<bool, StoreError> {
    Ok(session.execute("DELETE FROM people WHERE email = $1", args![email]).await? == 1)
}

impl Row {
    fn into_person(self) -> Result<Person, StoreError> {
        let email =
            self.email.parse().map_err(|cause| StoreError::inconsistent("people", "email", &self.email, cause))?;
        Ok(Person { email, name: self.name })
    }
}
