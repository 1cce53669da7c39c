//! Errors of the store.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use super::fault::Fault;
use crate::sealing::SealError;

/// A failed read or write. Nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database is full, locked, unreachable, or too busy.
    #[error("the database cannot serve this now")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The writer's queue stayed full, or the hub is shutting down.
    #[error("the writer accepts no more work now")]
    Busy,
    /// A file of the SQLite database is not what it was when the hub began to use it.
    #[error(
        "{} was removed or replaced while the hub uses it, so the hub writes nothing more. Put the file back as it was; or stop \
         the hub, restore all files of one database, and start it again", .0.display()
    )]
    Displaced(PathBuf),
    /// The operation panicked. Nothing of it is kept; the panic is on standard error.
    #[error("an operation panicked")]
    Panicked,
    /// A secret cannot be sealed, and is not written in clear instead.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A statement failed for a reason that a retry does not fix.
    #[error("the database refused a statement")]
    Statement(#[source] Arc<sqlx::Error>),
    /// A row holds a value that this version cannot read.
    #[error("{table}.{column} of {row} cannot be read")]
    Inconsistent {
        table: &'static str,
        column: &'static str,
        /// The row's key.
        row: String,
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

    /// For a statement that failed because the database had ended the transaction, as SQLite does on a full or broken
    /// disk: nothing is wrong with the statement.
    pub(super) fn of_ended_transaction(self) -> Self {
        match self {
            Self::Statement(cause) => Self::Unavailable(cause),
            other => other,
        }
    }

    /// Whether the connection was cut, so that another one may work. A statement under way may or may not have been
    /// executed.
    pub(super) fn is_disconnect(&self) -> bool {
        let Self::Unavailable(cause) = self else { return false };
        match &**cause {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
            // Ended by an administrator, or by the server's shutdown; PostgreSQL's and poolers' class of lost
            // connections.
            sqlx::Error::Database(database) => {
                database.code().is_some_and(|code| code == "57P01" || code == "57P02" || code.starts_with("08"))
            }
            _ => false,
        }
    }

    /// Whether no connection became free in time.
    pub(super) fn is_of_the_pool(&self) -> bool {
        matches!(self, Self::Unavailable(cause) if matches!(&**cause, sqlx::Error::PoolTimedOut))
    }

    /// Whether a retry may succeed.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy | Self::Displaced(_))
    }

    /// The fault of the database or its machine, if that is the cause.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Unavailable(cause) => Fault::of(cause),
            Self::Busy => Some(Fault::Busy),
            Self::Displaced(_) => Some(Fault::Disk),
            Self::Panicked | Self::Statement(_) | Self::Seal(_) | Self::Inconsistent { .. } => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let is_of_the_machine = Fault::of(&error).is_some();
        if is_of_the_machine { Self::Unavailable(Arc::new(error)) } else { Self::Statement(Arc::new(error)) }
    }
}
