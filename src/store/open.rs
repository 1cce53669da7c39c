//! Opening either database.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::task::{AbortHandle, JoinHandle};

use super::configuration::{self, Configuration};
use super::dialect::{Dialect, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
use super::lock::{FileLock, LockError};
use super::session::{Connection, Session};
use super::writer::Writer;
use super::{Operation, Signals, StoreError, Tx, bell};

/// How long SQLite waits for a lock that a foreign program holds before the caller hears 503.
const SQLITE_BUSY: Duration = Duration::from_secs(2);
/// Pages of SQLite's log before they are copied into the database file. Most are written again and again: the more wait, the fewer
/// are copied. Reading so many at a start takes a few milliseconds.
const SQLITE_CHECKPOINT: &str = "2000";
/// Bytes of a page of a new database file. A request or an event takes one or two thousand: on smaller pages each has a page more of
/// its own, which costs a sixth more time and half as much space again.
const SQLITE_PAGE: u32 = 8_192;
/// Pages that a connection keeps at most, as KiB when negative.
const SQLITE_CACHE: &str = "-8000";
/// A replica that hangs in the middle of a transaction must not hold up the others for long.
const POSTGRES_BOUNDS: [(&str, &str); 3] =
    [("idle_in_transaction_session_timeout", "10s"), ("lock_timeout", "5s"), ("statement_timeout", "30s")];
/// Connections for reading: reads are short, and two cores serve no more at once.
const READERS: u32 = 4;
/// How long a reader waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The hub's database.
pub struct Store {
    pools: Pools,
    /// Dropped at [`Store::close`], which ends the writer once it has drained its queue.
    writer: Mutex<Option<Writer>>,
    writer_task: Mutex<Option<JoinHandle<()>>>,
    /// Hears other replicas; PostgreSQL only.
    listener: Option<AbortHandle>,
    signals: Arc<Signals>,
    configuration: Arc<Configuration>,
    /// Let go of at [`Store::close`].
    lock: Mutex<Option<FileLock>>,
}

#[derive(Clone)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a database that the hub knows.
    #[error("a database URL begins with sqlite:// or postgres://, see COUNTERSIGN_DATABASE_URL")]
    Scheme,
    /// Another process uses this SQLite file.
    #[error("another countersign process is using {0}: stop it first, or give this one a data folder of its own")]
    InUse(PathBuf),
    /// The SQLite file cannot be opened for writing.
    #[error("cannot open the database file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The PostgreSQL server does not answer, or not to us.
    #[error("cannot connect to PostgreSQL at {host}, port {port}")]
    Unreachable {
        /// Where.
        host: String,
        /// Where.
        port: u16,
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open the database")]
    Connect(#[source] sqlx::Error),
    /// The database opens, but cannot be read.
    #[error("cannot read the database")]
    Read(#[source] StoreError),
    /// The schema cannot be brought up to date.
    #[error("cannot bring the database's schema up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

impl Store {
    /// Opens the database that `url` names, creating a SQLite file and bringing the schema up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let store = if url.starts_with("sqlite:") {
            Self::open_sqlite(url).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url).await?
        } else {
            return Err(OpenError::Scheme);
        };
        store.refresh_configuration().await.map_err(OpenError::Read)?;
        Ok(store)
    }

    /// Whether the PostgreSQL database that `url` names holds no table yet, of the hub or of anybody else. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn is_unused(url: &str) -> Result<bool, OpenError> {
        let options = PgConnectOptions::from_str(url).map_err(OpenError::Connect)?;
        let sql = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = current_schema())";
        sqlx::query_scalar(sql).fetch_one(&mut reach(&options).await?).await.map_err(OpenError::Connect)
    }

    async fn open_sqlite(url: &str) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(OpenError::Connect)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .page_size(SQLITE_PAGE)
            .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT)
            .pragma("cache_size", SQLITE_CACHE)
            .busy_timeout(SQLITE_BUSY);
        let path = options.get_filename().to_path_buf();
        let lock = FileLock::take(&path).map_err(|error| match error {
            LockError::Held => OpenError::InUse(path),
            LockError::Io(cause) => OpenError::File { path, cause },
        })?;
        // A file does not go away between two calls as a server may: no need to ask first.
        let write = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).test_before_acquire(false);
        let write = write.connect_with(options.clone()).await.map_err(OpenError::Connect)?;
        SQLITE_MIGRATIONS.run(&write).await.map_err(OpenError::Migrate)?;
        let read =
            SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE).test_before_acquire(false);
        let read = read.connect_with(options.read_only(true)).await.map_err(OpenError::Connect)?;
        Ok(Self::start(Dialect::Sqlite, Pools::Sqlite { read, write }, Some(lock)))
    }

    async fn open_postgres(url: &str) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(OpenError::Connect)?
            .application_name("countersign")
            .options(POSTGRES_BOUNDS);
        // Tried without the pool first, which would only say that it waited in vain.
        reach(&options).await?;
        // Readers, the writer, and the listener.
        let pool = PgPoolOptions::new().max_connections(READERS + 2).acquire_timeout(ACQUIRE);
        let pool = pool.connect_with(options).await.map_err(OpenError::Connect)?;
        POSTGRES_MIGRATIONS.run(&pool).await.map_err(OpenError::Migrate)?;
        Ok(Self::start(Dialect::Postgres, Pools::Postgres(pool), None))
    }

    fn start(dialect: Dialect, pools: Pools, lock: Option<FileLock>) -> Self {
        let signals = Arc::new(Signals::default());
        let for_writer = pools.clone();
        let connect = move || for_writer.clone().writer();
        let configuration = Arc::new(Configuration::default());
        let (writer, task) = Writer::start(dialect, Arc::clone(&signals), Arc::clone(&configuration), connect);
        let writer_task = Mutex::new(Some(tokio::spawn(task)));
        let listener = match &pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pool) => {
                Some(tokio::spawn(bell::listen(pool.clone(), Arc::clone(&signals))).abort_handle())
            }
        };
        Self {
            pools,
            writer: Mutex::new(Some(writer)),
            writer_task,
            listener,
            signals,
            configuration,
            lock: Mutex::new(lock),
        }
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// When none is free in time or the database is gone.
    pub async fn read(&self) -> Result<Session, StoreError> {
        self.pools.clone().reader().await
    }

    /// Runs an operation in a write transaction and returns once it is committed.
    ///
    /// # Errors
    /// The operation's own, or that the transaction failed: then nothing of the operation is kept.
    pub async fn write<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Operation<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match writer {
            Some(writer) => writer.write(operation).await,
            None => Err(StoreError::Busy.into()),
        }
    }

    /// Whether no other process can be using the database: the lock on its file says so.
    pub fn is_exclusive(&self) -> bool {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) const fn configuration(&self) -> &Arc<Configuration> {
        &self.configuration
    }

    /// Learns of changes of configuration that other replicas made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_configuration(&self) -> Result<(), StoreError> {
        if !self.is_exclusive() || self.configuration.version() == 0 {
            let version = configuration::read_version(&mut self.read().await?).await?;
            self.configuration.heard_of(version);
        }
        Ok(())
    }

    /// What wakes listeners after a commit.
    pub fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Ends the writer once everything handed to it is committed, and closes all connections.
    pub async fn close(&self) {
        drop(self.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.writer_task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer did not end by itself");
        }
        if let Some(listener) = &self.listener {
            listener.abort();
        }
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Pools {
    async fn reader(self) -> Result<Session, StoreError> {
        let connection = match self {
            Self::Sqlite { read, .. } => Connection::Sqlite(read.acquire().await?),
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Ok(Session::new(connection))
    }

    async fn writer(self) -> Result<Session, StoreError> {
        let connection = match self {
            Self::Sqlite { write, .. } => Connection::Sqlite(write.acquire().await?),
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Ok(Session::new(connection))
    }
}

/// Connects. A database that starts beside the hub may need a moment.
async fn reach(options: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    let connect = || PgConnection::connect_with(options);
    connect
        .retry(ExponentialBuilder::default().with_max_times(3))
        .when(|error| matches!(error, sqlx::Error::Io(_)) || is_starting_up(error))
        .await
        .map_err(|cause| {
            let (host, port) = (options.get_host().to_owned(), options.get_port());
            OpenError::Unreachable { host, port, cause }
        })
}

/// PostgreSQL's `cannot_connect_now`.
fn is_starting_up(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(database) if database.code().as_deref() == Some("57P03"))
}
