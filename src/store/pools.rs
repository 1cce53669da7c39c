//! The connection pools of either database. The writer has a pool of its own, so that readers cannot delay it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::max_age::MaxAge;
use super::native::Connection;
use super::nesting::Readers;
use super::unreadable::Unreadable;
use super::{Session, StoreError};
use crate::sealing::SealingKeys;

/// Connections for reading. Reads are short, so a few connections suffice.
pub(super) const READERS: u32 = 4;
/// How long a reader waits for a connection.
pub(super) const ACQUIRE: Duration = Duration::from_secs(5);

/// How long to try one more connection, to find out why none is free.
const ONE_MORE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Pools {
    connections: Connections,
    readers: Readers,
    unreadable: Arc<Unreadable>,
    secrets: Arc<SealingKeys>,
    max_age: Arc<MaxAge>,
}

#[derive(Clone)]
pub(super) enum Connections {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres { read: PgPool, write: PgPool },
}

impl Pools {
    pub(super) fn new(connections: Connections) -> Self {
        Self {
            connections,
            readers: Readers::default(),
            unreadable: Arc::default(),
            secrets: Arc::default(),
            max_age: Arc::default(),
        }
    }

    pub(super) async fn reader(&self) -> Result<Session, StoreError> {
        self.readers.assert_none_held("another");
        let (connection, pool) = match &self.connections {
            Connections::Sqlite { read, .. } => (Connection::Sqlite(read.acquire().await?), None),
            Connections::Postgres { read, .. } => (Connection::Postgres(read.acquire().await?), Some(read.clone())),
        };
        let session = Session::for_reading(connection, Arc::clone(&self.unreadable), pool, self.readers.hold());
        Ok(session.with_secrets(Arc::clone(&self.secrets)).with_max_age(Arc::clone(&self.max_age)))
    }

    pub(super) async fn writer(self) -> Result<Session, StoreError> {
        let connection = match &self.connections {
            Connections::Sqlite { write, .. } => Connection::Sqlite(write.acquire().await?),
            Connections::Postgres { write, .. } => Connection::Postgres(write.acquire().await?),
        };
        Ok(Session::new(connection, self.unreadable).with_secrets(self.secrets).with_max_age(self.max_age))
    }

    /// Why PostgreSQL gives no connection: its own error, where it refuses one. The pool itself reports a time-out
    /// only.
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

    /// The pool for the listener to other replicas: PostgreSQL only.
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

    pub(super) fn max_age(&self) -> &MaxAge {
        &self.max_age
    }

    pub(super) const fn secrets(&self) -> &Arc<SealingKeys> {
        &self.secrets
    }

    /// Copies SQLite's write-ahead log into the database file. PostgreSQL does checkpoints itself.
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

/// Copies the log up to what readers still use, and truncates its file if there are no readers. It must wait for no
/// lock, so it has a connection without a busy timeout.
async fn checkpoint(pool: &SqlitePool) -> Result<(), StoreError> {
    let options = pool.connect_options().as_ref().clone().busy_timeout(Duration::ZERO);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
