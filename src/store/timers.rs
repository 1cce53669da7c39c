//! Timers: requests with a deadline that is due. Each kind of deadline has a partial index of its own, with nothing but
//! open deadlines. So a poll costs the same however many requests there are.

use super::arg::args;
use super::{Session, StoreError};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// A kind of deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A pending request expires.
    Deadline,
    /// A reminder or an escalation of a pending request.
    Notice,
    /// The time to claim an approved action ends, or a claim's lease ends.
    Execution,
    /// A grant starts or ends.
    Grant,
    /// The review of a break-glass is overdue.
    Review,
}

impl Timer {
    /// All timers.
    pub const ALL: [Self; 5] = [Self::Deadline, Self::Notice, Self::Execution, Self::Grant, Self::Review];

    /// The query for rows that are due at `$1`, after the position of time `$2` and row key `$3`, in the order of the
    /// index. (`ORDER BY` resolves output names first, so a grant's key is `place` there.)
    const fn due(self) -> &'static str {
        match self {
            Self::Deadline => {
                "SELECT id, id AS place, expires_at AS moment FROM requests WHERE status = 'pending' AND expires_at <= $1
                    AND (expires_at, id) > ($2, $3) ORDER BY expires_at, id LIMIT $4"
            }
            Self::Notice => {
                "SELECT id, id AS place, notice_at AS moment FROM requests WHERE notice_at IS NOT NULL AND notice_at <= $1
                    AND (notice_at, id) > ($2, $3) ORDER BY notice_at, id LIMIT $4"
            }
            Self::Execution => {
                "SELECT request_id AS id, request_id AS place, due_at AS moment FROM executions WHERE due_at IS NOT NULL AND due_at <= $1
                    AND (due_at, request_id) > ($2, $3) ORDER BY due_at, request_id LIMIT $4"
            }
            Self::Grant => {
                "SELECT request_id AS id, id AS place, due_at AS moment FROM grants WHERE due_at IS NOT NULL AND due_at <= $1
                    AND (due_at, id) > ($2, $3) ORDER BY due_at, place LIMIT $4"
            }
            Self::Review => {
                "SELECT request_id AS id, request_id AS place, due_at AS moment FROM reviews WHERE reviewed_at IS NULL AND told = 0
                    AND due_at <= $1 AND (due_at, request_id) > ($2, $3) ORDER BY due_at, request_id LIMIT $4"
            }
        }
    }

    /// The query for the first deadline after `$1`.
    const fn next(self) -> &'static str {
        match self {
            Self::Deadline => {
                "SELECT MIN(expires_at) AS moment FROM requests WHERE status = 'pending' AND expires_at > $1"
            }
            Self::Notice => "SELECT MIN(notice_at) AS moment FROM requests WHERE notice_at > $1",
            Self::Execution => "SELECT MIN(due_at) AS moment FROM executions WHERE due_at > $1",
            Self::Grant => "SELECT MIN(due_at) AS moment FROM grants WHERE due_at > $1",
            Self::Review => {
                "SELECT MIN(due_at) AS moment FROM reviews WHERE reviewed_at IS NULL AND told = 0 AND due_at > $1"
            }
        }
    }
}

/// A request that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The deadline.
    pub since: Timestamp,
    /// The key of the row: the position among those with the same deadline.
    place: String,
    pub id: RequestId,
}

/// Up to `limit` requests whose timer is due, the earliest deadline first, after one that was returned before.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due(
    session: &mut Session,
    timer: Timer,
    now: Timestamp,
    behind: Option<&Due>,
    limit: u32,
) -> Result<Vec<Due>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct DueRow {
        id: String,
        place: String,
        moment: i64,
    }
    let (since, place) = behind.map_or((i64::MIN, ""), |due| (due.since.as_micros(), due.place.as_str()));
    let rows: Vec<DueRow> = session.fetch_all(timer.due(), args![now, since, place, limit]).await?;
    rows.into_iter()
        .map(|row| {
            let id = row.id.parse().map_err(|cause| StoreError::inconsistent("timers", "id", &row.id, cause))?;
            Ok(Due { since: Timestamp::from_micros(row.moment), place: row.place, id })
        })
        .collect()
}

/// The first deadline of any timer after `after`.
///
/// # Errors
/// When the database fails.
pub async fn next(session: &mut Session, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct MomentRow {
        moment: Option<i64>,
    }
    let mut nearest: Option<i64> = None;
    for timer in Timer::ALL {
        let row: MomentRow = session.fetch_one(timer.next(), args![after]).await?;
        nearest = nearest.into_iter().chain(row.moment).min();
    }
    Ok(nearest.map(Timestamp::from_micros))
}
