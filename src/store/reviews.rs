//! Reviews, which have to follow a break-glass.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::arg::{args, chunks};
use super::{Session, StoreError};
use crate::approval::{Email, Review};
use crate::ids::RequestId;
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct Row {
    request_id: String,
    person: String,
    due_at: i64,
    reviewed_at: Option<i64>,
    reviewed_by: Option<String>,
    justified: Option<i64>,
    note: Option<String>,
}

/// Opens a review.
///
/// # Errors
/// When the database fails.
pub async fn open(
    session: &mut Session,
    request: RequestId,
    review: &Review,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO reviews (request_id, person, at, due_at, told) VALUES ($1, $2, $3, $4, 0)";
    session.execute(sql, args![&request, &review.by, now, review.due_at]).await.map(drop)
}

/// Closes a review; returns whether it was open.
///
/// # Errors
/// When the database fails.
pub async fn close(session: &mut Session, request: RequestId, review: &Review) -> Result<bool, StoreError> {
    let sql = "UPDATE reviews SET reviewed_at = $1, reviewed_by = $2, justified = $3, note = $4
        WHERE request_id = $5 AND reviewed_at IS NULL";
    let justified = review.justified.map(i64::from);
    let values = args![review.reviewed_at, review.reviewed_by.as_ref(), justified, review.note.clone(), &request];
    Ok(session.execute(sql, values).await? == 1)
}

/// Records that the overdue review was announced; returns whether it was not announced before.
///
/// # Errors
/// When the database fails.
pub async fn set_announced(session: &mut Session, request: RequestId) -> Result<bool, StoreError> {
    let sql = "UPDATE reviews SET told = 1 WHERE request_id = $1 AND told = 0 AND reviewed_at IS NULL";
    Ok(session.execute(sql, args![&request]).await? == 1)
}

/// How often the person has used break-glass since `since`.
///
/// # Errors
/// When the database fails.
pub async fn recent(session: &mut Session, person: &Email, since: Timestamp) -> Result<u32, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct CountRow {
        count: i64,
    }
    let sql = "SELECT COUNT(*) AS count FROM reviews WHERE person = $1 AND at > $2";
    let row: CountRow = session.fetch_one(sql, args![person, since]).await?;
    Ok(u32::try_from(row.count).unwrap_or(u32::MAX))
}

/// The reviews of the given requests.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_requests(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<HashMap<RequestId, Review>, StoreError> {
    let mut found = HashMap::new();
    for (places, values) in chunks(requests) {
        let sql = format!(
            "SELECT request_id, person, due_at, reviewed_at, reviewed_by, justified, note FROM reviews
             WHERE request_id IN ({places})"
        );
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        for row in rows {
            let (id, review) = row.into_review()?;
            found.insert(id, review);
        }
    }
    Ok(found)
}

impl Row {
    fn into_review(self) -> Result<(RequestId, Review), StoreError> {
        let id = self.request_id.as_str();
        let email = |column, text: &str| {
            text.parse()
                .map_err(|cause: crate::approval::InvalidEmail| StoreError::inconsistent("reviews", column, id, cause))
        };
        let review = Review {
            by: email("person", &self.person)?,
            due_at: Timestamp::from_micros(self.due_at),
            reviewed_at: self.reviewed_at.map(Timestamp::from_micros),
            reviewed_by: self.reviewed_by.as_deref().map(|text| email("reviewed_by", text)).transpose()?,
            justified: self.justified.map(|value| value != 0),
            note: self.note,
        };
        let request = id.parse().map_err(|cause| StoreError::inconsistent("reviews", "request_id", id, cause))?;
        Ok((request, review))
    }
}
