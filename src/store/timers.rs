//! What it is time for. Each sort of deadline has an index of its own that holds nothing but what is still to come, so that
//! looking costs the same however much there is.

use super::session::args;
use super::{Session, StoreError};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// Whose time can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// A request that waits expires.
    Deadline,
    /// Those asked are reminded, or others are asked too.
    Notice,
    /// What was approved may no longer be used, or a claim's lease is over.
    Execution,
    /// Access begins or ends.
    Grant,
    /// Somebody should have looked at an emergency by now.
    Review,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 5] = [Self::Deadline, Self::Notice, Self::Execution, Self::Grant, Self::Review];

    const fn due(self) -> &'static str {
        match self {
            Self::Deadline => {
                "SELECT id FROM requests WHERE status = 'pending' AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
            }
            Self::Notice => {
                "SELECT id FROM requests WHERE notice_at IS NOT NULL AND notice_at <= $1 ORDER BY notice_at LIMIT $2"
            }
            Self::Execution => {
                "SELECT request_id AS id FROM executions WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2"
            }
            Self::Grant => {
                "SELECT request_id AS id FROM grants WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2"
            }
            Self::Review => {
                "SELECT request_id AS id FROM reviews WHERE reviewed_at IS NULL AND told = 0 AND due_at <= $1
                 ORDER BY due_at LIMIT $2"
            }
        }
    }

    const fn next(self) -> &'static str {
        match self {
            Self::Deadline => "SELECT MIN(expires_at) AS moment FROM requests WHERE status = 'pending'",
            Self::Notice => "SELECT MIN(notice_at) AS moment FROM requests WHERE notice_at IS NOT NULL",
            Self::Execution => "SELECT MIN(due_at) AS moment FROM executions WHERE due_at IS NOT NULL",
            Self::Grant => "SELECT MIN(due_at) AS moment FROM grants WHERE due_at IS NOT NULL",
            Self::Review => "SELECT MIN(due_at) AS moment FROM reviews WHERE reviewed_at IS NULL AND told = 0",
        }
    }
}

/// Up to `limit` requests whose timer is due, longest overdue first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due(
    session: &mut Session,
    timer: Timer,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<RequestId>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct IdRow {
        id: String,
    }
    let rows: Vec<IdRow> = session.fetch_all(timer.due(), args![now, limit]).await?;
    rows.iter()
        .map(|row| row.id.parse().map_err(|cause| StoreError::inconsistent("timers", "id", &row.id, cause)))
        .collect()
}

/// The nearest moment at which any timer is due.
///
/// # Errors
/// When the database fails.
pub async fn next(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct MomentRow {
        moment: Option<i64>,
    }
    let mut nearest: Option<i64> = None;
    for timer in Timer::ALL {
        let row: MomentRow = session.fetch_one(timer.next(), args![]).await?;
        nearest = nearest.into_iter().chain(row.moment).min();
    }
    Ok(nearest.map(Timestamp::from_micros))
}
