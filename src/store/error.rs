//! What can go wrong between the hub and its database.

use std::error::Error;
use std::sync::Arc;

/// A failed read or write. Nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot serve now: full, locked, gone, or too busy.
    #[error("the database cannot serve this now")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The writer's queue stayed full, or the hub is shutting down.
    #[error("the writer takes no more work now")]
    Busy,
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

    /// Whether waiting may mend it.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let waiting_mends = match &error {
            sqlx::Error::Database(database) => is_passing(database.code().as_deref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            _ => false,
        };
        if waiting_mends { Self::Unavailable(Arc::new(error)) } else { Self::Statement(Arc::new(error)) }
    }
}

/// SQLite's primary result codes (low byte; <https://sqlite.org/rescode.html>) and PostgreSQL's classes
/// (<https://www.postgresql.org/docs/15/errcodes-appendix.html>) of faults that lie in the machine, not in the statement.
fn is_passing(code: Option<&str>) -> bool {
    const SQLITE: [i64; 8] = [5, 6, 8, 10, 11, 13, 14, 15];
    const POSTGRES: [&str; 7] = ["08", "25", "40", "53", "55", "57", "58"];
    let Some(code) = code else { return false };
    match code.parse::<i64>() {
        Ok(number) if code.len() < 5 => SQLITE.contains(&(number & 0xff)),
        _ => POSTGRES.iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn faults_of_the_machine_pass_and_faults_of_the_statement_stay() {
        for code in ["5", "261", "13", "778", "53100", "57P01", "55P03", "40P01", "08006", "25006"] {
            assert!(is_passing(Some(code)), "{code}");
        }
        for code in ["1", "19", "2067", "23505", "42P01"] {
            assert!(!is_passing(Some(code)), "{code}");
        }
    }
}
