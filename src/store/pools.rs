//! The connections of either database, those for reading apart from the writer's: however many read, the writer finds its own.

use std::time::Duration;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use super::nesting::Readers;
use super::session::{Connection, Session};
use super::{StoreError, checkpoint};

/// Connections for reading: reads are short, and two cores serve no more at once.
pub(super) const READERS: u32 = 4;
/// How long a reader waits for a connection.
pub(super) const ACQUIRE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres { read: PgPool, write: PgPool },
}

impl Pools {
    pub(super) async fn reader(&self, readers: &Readers) -> Result<Session, StoreError> {
        readers.assert_none_held("another");
        let (connection, pool) = match self {
            Self::Sqlite { read, .. } => (Connection::Sqlite(read.acquire().await?), None),
            Self::Postgres { read, .. } => (Connection::Postgres(read.acquire().await?), Some(read.clone())),
        };
        Ok(Session::for_reading(connection, pool, readers.hold()))
    }

    pub(super) async fn writer(self) -> Result<Session, StoreError> {
        let connection = match self {
            Self::Sqlite { write, .. } => Connection::Sqlite(write.acquire().await?),
            Self::Postgres { write, .. } => Connection::Postgres(write.acquire().await?),
        };
        Ok(Session::new(connection))
    }

    /// Copies SQLite's log into the database file; PostgreSQL does so itself.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => checkpoint::checkpoint(write).await,
            Self::Postgres { .. } => Ok(()),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres { read, write } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}
