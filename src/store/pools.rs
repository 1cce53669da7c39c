//! The connections of either database, those for reading apart from the writer's: however many read, the writer finds its own.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::native::Connection;
use super::nesting::Readers;
use super::unreadable::Unreadable;
use super::{Session, StoreError};

/// Connections for reading: reads are short, and two cores serve no more at once.
pub(super) const READERS: u32 = 4;
/// How long a reader waits for a connection.
pub(super) const ACQUIRE: Duration = Duration::from_secs(5);

/// How long one more connection is tried for, to learn why there is none.
const ONE_MORE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Pools {
    connections: Connections,
    readers: Readers,
    unreadable: Arc<Unreadable>,
}

#[derive(Clone)]
pub(super) enum Connections {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres { read: PgPool, write: PgPool },
}

impl Pools {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, readers: Readers::default(), unreadable: Arc::default() }
    }

    pub(super) async fn reader(&self) -> Result<Session, StoreError> {
        self.readers.assert_none_held("another");
        let (connection, pool) = match &self.connections {
            Connections::Sqlite { read, .. } => (Connection::Sqlite(read.acquire().await?), None),
            Connections::Postgres { read, .. } => (Connection::Postgres(read.acquire().await?), Some(read.clone())),
        };
        Ok(Session::for_reading(connection, Arc::clone(&self.unreadable), pool, self.readers.hold()))
    }

    pub(super) async fn writer(self) -> Result<Session, StoreError> {
        let connection = match &self.connections {
            Connections::Sqlite { write, .. } => Connection::Sqlite(write.acquire().await?),
            Connections::Postgres { write, .. } => Connection::Postgres(write.acquire().await?),
        };
        Ok(Session::new(connection, self.unreadable))
    }

    /// Why PostgreSQL has no connection free, in its own words where it lets nobody in: the pool only says that it waited in vain.
    pub(super) async fn why_none_is_free(&self) -> Option<StoreError> {
        let Connections::Postgres { read, .. } = &self.connections else { return None };
        let options = read.connect_options();
        match tokio::time::timeout(ONE_MORE, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                drop(connection);
                None
            }
            Ok(Err(error)) => Some(error.into()),
            Err(late) => Some(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, late)).into()),
        }
    }

    /// Where to hear other replicas: on PostgreSQL.
    pub(super) const fn to_listen(&self) -> Option<&PgPool> {
        match &self.connections {
            Connections::Sqlite { .. } => None,
            Connections::Postgres { write, .. } => Some(write),
        }
    }

    pub(super) const fn readers(&self) -> &Readers {
        &self.readers
    }

    pub(super) const fn unreadable(&self) -> &Arc<Unreadable> {
        &self.unreadable
    }

    /// Copies SQLite's log into the database file; PostgreSQL does so itself.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        match &self.connections {
            Connections::Sqlite { write, .. } => checkpoint(write).await,
            Connections::Postgres { .. } => Ok(()),
        }
    }

    pub(super) async fn close(&self) {
        match &self.connections {
            Connections::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Connections::Postgres { read, write } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// Copies the log as far as nobody reads in it, and empties its file if nobody does. It waits for nobody, and nobody for it but for the
/// moment that it takes: hence a connection of its own, that gives up at once.
async fn checkpoint(pool: &SqlitePool) -> Result<(), StoreError> {
    let options = pool.connect_options().as_ref().clone().busy_timeout(Duration::ZERO);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
