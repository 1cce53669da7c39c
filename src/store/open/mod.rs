//! Opens either database.

mod address;
mod error;
mod postgres;
mod sqlite;
mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgPool;
use tokio::task::{AbortHandle, JoinHandle};

pub use error::OpenError;
pub use state::DatabaseState;

use super::configuration::{self, Configuration};
use super::connection::Session;
use super::dialect::Dialect;
use super::lock::{FileLock, Files};
use super::pools::Pools;
use super::writer::Writer;
use super::{Operation, Signals, StoreError, Tx, notify};
use crate::sealing::SealingKeys;

/// How long the result of a probe is reused: anyone may call it, and each probe is a commit.
const PROBED: Duration = Duration::from_secs(1);

/// The hub's database.
pub struct Store {
    pools: Pools,
    /// Dropped at [`Store::close`], which ends the writer once it has drained its queue.
    writer: Mutex<Option<Writer>>,
    writer_task: Mutex<Option<JoinHandle<()>>>,
    /// The listener to other replicas; PostgreSQL only.
    listener: Option<AbortHandle>,
    signals: Arc<Signals>,
    configuration: Arc<Configuration>,
    /// To detect that a file was removed or replaced; SQLite only.
    files: Option<Arc<Files>>,
    last_probe: tokio::sync::Mutex<Option<(Instant, Result<(), StoreError>)>>,
    /// Released at [`Store::close`]; SQLite only.
    lock: Mutex<Option<FileLock>>,
}

impl Store {
    /// Opens the database that `url` names: creates a SQLite file that does not exist, and migrates the schema.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let store = match dialect(url)? {
            Dialect::Sqlite => {
                let (connections, lock, files) = sqlite::open(url).await?;
                Self::start(Dialect::Sqlite, Pools::new(connections), Some((lock, files)))
            }
            Dialect::Postgres => Self::start(Dialect::Postgres, Pools::new(postgres::open(url).await?), None),
        };
        store.refresh_configuration().await.map_err(OpenError::Read)?;
        Ok(store)
    }

    /// What exists of the database before it is opened. Changes nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn inspect(url: &str) -> Result<DatabaseState, OpenError> {
        match dialect(url)? {
            Dialect::Sqlite => sqlite::inspect(url).await,
            Dialect::Postgres => postgres::inspect(url).await,
        }
    }

    /// Whether the PostgreSQL database that `url` names has no tables at all. Changes nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_unused(url: &str) -> Result<bool, OpenError> {
        postgres::is_unused(url).await
    }

    fn start(dialect: Dialect, pools: Pools, locked: Option<(FileLock, Files)>) -> Self {
        let (lock, files) = locked.unzip();
        let files = files.map(Arc::new);
        let signals = Arc::new(Signals::default());
        let for_writer = pools.clone();
        let connect = move || for_writer.clone().writer();
        let configuration = Arc::new(Configuration::default());
        let (writer, task) =
            Writer::start(dialect, Arc::clone(&signals), Arc::clone(&configuration), files.clone(), connect);
        let writer_task = Mutex::new(Some(tokio::spawn(task)));
        let listen = |pool: &PgPool| tokio::spawn(notify::listen(pool.clone(), Arc::clone(&signals))).abort_handle();
        let listener = pools.to_listen().map(listen);
        Self {
            pools,
            writer: Mutex::new(Some(writer)),
            writer_task,
            listener,
            signals,
            configuration,
            files,
            last_probe: tokio::sync::Mutex::default(),
            lock: Mutex::new(lock),
        }
    }

    /// A connection for reading. A task must drop it before it asks for another one, or for a write; otherwise a debug
    /// build panics.
    ///
    /// # Errors
    /// When no connection is free in time, or the database cannot be reached.
    pub async fn read(&self) -> Result<Session, StoreError> {
        self.pools.reader().await
    }

    /// Runs an operation in a write transaction and returns once it is committed.
    ///
    /// # Errors
    /// The operation's own error, or the error of the transaction: then nothing of the operation is kept.
    pub fn write<F, T, E>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send + use<F, T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Operation<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let written = self.writer().map(|writer| writer.write(operation));
        async move { written?.await }
    }

    fn writer(&self) -> Result<Writer, StoreError> {
        self.pools.readers().assert_none_held("the writer");
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Busy)
    }

    /// Checks that the database's files are still those that were opened.
    ///
    /// # Errors
    /// [`StoreError::Displaced`].
    pub fn check_files(&self) -> Result<(), StoreError> {
        self.files.as_ref().map_or(Ok(()), |files| files.check())
    }

    /// How many transactions this process has written into a SQLite file.
    pub(super) fn committed(&self) -> u64 {
        self.files.as_ref().map_or(0, |files| files.committed())
    }

    /// Copies SQLite's log into the database file.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        self.check_files()?;
        self.pools.checkpoint().await
    }

    /// The errors of rows that this process cannot read, by table.
    pub fn unreadable(&self) -> BTreeMap<&'static str, Vec<String>> {
        self.pools.unreadable().current()
    }

    /// Whether this process has locked the database file, so that no other process can use the database.
    pub fn is_exclusive(&self) -> bool {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sets how long after a sign-in a membership by a claim is fresh.
    pub fn set_groups_max_age(&self, age: Duration) {
        self.pools.max_age().set(age);
    }

    /// The keys of stored secrets. Until there are some, secrets are stored in clear.
    pub const fn secrets(&self) -> &Arc<SealingKeys> {
        self.pools.secrets()
    }

    pub(super) const fn configuration(&self) -> &Arc<Configuration> {
        &self.configuration
    }

    /// Reads whether other replicas have changed the configuration.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_configuration(&self) -> Result<(), StoreError> {
        if !self.is_exclusive() || self.configuration.version() == 0 {
            let version = configuration::read_version(&mut self.read().await?).await?;
            self.configuration.observe(version);
        }
        Ok(())
    }

    /// Checks that the database can be read and written. A full disk or a standby server can only be read. Within a
    /// second, the last result is returned again.
    ///
    /// # Errors
    /// When the check fails; [`StoreError::fault`] is the reason.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let mut last = self.last_probe.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < PROBED
        {
            return found.clone();
        }
        let found = match self.read().await {
            Ok(mut session) => session.ping().await,
            Err(error) => Err(error),
        };
        let found = match found {
            Ok(()) => self.write(|tx| Box::pin(configuration::probe_write(tx.session()))).await,
            unread => unread,
        };
        let found = match found {
            Err(error) if error.is_of_the_pool() => Err(self.pools.why_none_is_free().await.unwrap_or(error)),
            found => found,
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }

    /// The wake-ups after commits.
    pub fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Ends the writer once its queue is drained and committed, and closes all connections.
    pub async fn close(&self) {
        drop(self.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.writer_task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer has panicked");
        }
        if let Some(listener) = &self.listener {
            listener.abort();
        }
        self.pools.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The database system of a URL.
fn dialect(url: &str) -> Result<Dialect, OpenError> {
    if url.starts_with("sqlite:") {
        Ok(Dialect::Sqlite)
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Ok(Dialect::Postgres)
    } else {
        Err(OpenError::Scheme)
    }
}
