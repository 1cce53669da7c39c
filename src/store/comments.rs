//! Comments: what people say about a request without deciding it.

use serde::Serialize;

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::Email;
use crate::ids::{CommentId, RequestId};
use crate::time::Timestamp;

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    pub id: CommentId,
    /// The person; none for a system.
    pub person: Option<Email>,
    /// The name of the system's token.
    pub token: Option<String>,
    pub text: String,
    pub at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    person: Option<String>,
    token: Option<String>,
    text: String,
    at: i64,
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    count: i64,
}

/// Adds a comment.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, request: RequestId, comment: &Comment) -> Result<(), StoreError> {
    let sql = "INSERT INTO comments (id, request_id, person, token, text, at) VALUES ($1, $2, $3, $4, $5, $6)";
    let values =
        args![&comment.id, &request, comment.person.as_ref(), comment.token.clone(), &comment.text, comment.at];
    session.execute(sql, values).await.map(drop)
}

/// How many comments a request has.
///
/// # Errors
/// When the database fails.
pub async fn count(session: &mut Session, request: RequestId) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS count FROM comments WHERE request_id = $1";
    let row: Option<CountRow> = session.fetch_optional(sql, args![&request]).await?;
    Ok(row.map_or(0, |row| row.count))
}

/// The comments of a request, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_request(session: &mut Session, request: RequestId, limit: u32) -> Result<Vec<Comment>, StoreError> {
    let sql = "SELECT id, person, token, text, at FROM comments WHERE request_id = $1 ORDER BY id LIMIT $2";
    let rows: Vec<Row> = session.fetch_all(sql, args![&request, limit]).await?;
    Ok(session.unreadable().convert_some(rows, Row::into_comment))
}

impl Row {
    fn into_comment(self) -> Result<Comment, StoreError> {
        let id = self.id.as_str();
        let person = self.person.as_deref().map(str::parse).transpose();
        Ok(Comment {
            id: id.parse().map_err(|cause| StoreError::inconsistent("comments", "id", id, cause))?,
            person: person.map_err(|cause| StoreError::inconsistent("comments", "person", id, cause))?,
            token: self.token,
            text: self.text,
            at: Timestamp::from_micros(self.at),
        })
    }
}
