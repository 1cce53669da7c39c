//! What can go wrong between the hub and its database.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use super::fault::Fault;

/// A failed read or write. Nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot serve now: full, locked, gone, or too busy.
    #[error("the database cannot serve this now")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The writer's queue stayed full, or the hub is shutting down.
    #[error("the writer takes no more work now")]
    Busy,
    /// A file of the SQLite database is not what it was when the hub began to use it.
    #[error(
        "{} was taken away or replaced while the hub uses it: nothing is written any more. Put it back as it was, or stop \
         the hub, put the files of one database in place, and start it again", .0.display()
    )]
    Displaced(PathBuf),
    /// The operation itself broke off. Nothing of it is kept; standard error has the panic.
    #[error("an operation broke off")]
    Panicked,
    /// A statement failed for a reason that waiting does not mend.
    #[error("the database refused a statement")]
    Statement(#[source] Arc<sqlx::Error>),
    /// A row holds what the hub never writes.
    #[error("{table}.{column} of {row} cannot be read")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// Which part.
        column: &'static str,
        /// Which row.
        row: String,
        /// Why.
        #[source]
        cause: Arc<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    pub(super) fn inconsistent(
        table: &'static str,
        column: &'static str,
        row: impl ToString,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Inconsistent { table, column, row: row.to_string(), cause: Arc::from(cause.into()) }
    }

    /// A statement that failed since the database had ended the transaction by itself, as SQLite does on a full or broken disk:
    /// nothing is wrong with the statement.
    pub(super) fn of_ended_transaction(self) -> Self {
        match self {
            Self::Statement(cause) => Self::Unavailable(cause),
            other => other,
        }
    }

    /// Whether the connection was cut: another one may serve. What was under way on it may have been done or not.
    pub(super) fn is_disconnect(&self) -> bool {
        let Self::Unavailable(cause) = self else { return false };
        match &**cause {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
            // Ended by an administrator, or as the server went down; PostgreSQL's class of lost connections, and poolers'.
            sqlx::Error::Database(database) => {
                database.code().is_some_and(|code| code == "57P01" || code == "57P02" || code.starts_with("08"))
            }
            _ => false,
        }
    }

    /// Whether no connection became free in time, for whatever reason.
    pub(super) fn is_of_the_pool(&self) -> bool {
        matches!(self, Self::Unavailable(cause) if matches!(&**cause, sqlx::Error::PoolTimedOut))
    }

    /// Whether waiting may mend it.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy | Self::Displaced(_))
    }

    /// What keeps the database from serving, when that is why.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Unavailable(cause) => Fault::of(cause),
            Self::Busy => Some(Fault::Busy),
            Self::Displaced(_) => Some(Fault::Disk),
            Self::Panicked | Self::Statement(_) | Self::Inconsistent { .. } => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let is_of_the_machine = Fault::of(&error).is_some();
        if is_of_the_machine { Self::Unavailable(Arc::new(error)) } else { Self::Statement(Arc::new(error)) }
    }
}
