//! The writer: group commit for all write operations of this process.
//!
//! A commit costs a flush to disk. Callers that wait at the same time share one, so throughput grows with the load.
//! There is only one write transaction at a time, on PostgreSQL across all replicas ([`Dialect::begin`]). So no row
//! changes while an operation runs, batches cannot deadlock, and the audit chain has no forks.
//!
//! A [`Writer`] is the callers' end of a bounded queue of [`Job`]s; a job is an operation with its [`Caller`]. One
//! task, [`run`], takes jobs from the queue, runs their operations on its [`Session`], and answers. An operation sees a
//! [`Tx`].
//!
//! The flow of a batch:
//!
//! 1. [`run`] receives the jobs that wait, up to [`Dialect::batch`]. [`begin`] opens a transaction. If the connection
//!    was cut since the last batch, it is replaced: nothing has happened on it yet.
//! 2. Operations run one after the other. Rows that an operation only adds are gathered in memory (see
//!    [`bulk`](super::bulk)). Until its first statement an operation is `Fresh`: there is nothing to roll back. The
//!    first statement writes the rows that earlier operations have gathered, and sets a savepoint: the operation is
//!    `Saved`. If those rows cannot be written, it is `Broken`: rows of operations that have ended already are missing,
//!    so the whole transaction is given up.
//! 3. The operation ends. If it failed or panicked, it is rolled back to its savepoint, and its gathered rows are
//!    dropped. If it succeeded and is `Saved`, its gathered rows are written and the savepoint is released. If it
//!    succeeded and is `Fresh`, its rows stay gathered: such an operation costs no statement of its own.
//! 4. Once all operations have ended, the gathered rows are written, many in one statement. When the database refuses a
//!    row, each operation's rows are written again in a savepoint of their own. So only the operation with the refused
//!    row fails.
//! 5. The effects of the successful operations follow: audit entries are chained, with one read of the chain's head for
//!    the batch; the version of the [`configuration`] is raised; other replicas are notified. Then
//!    `COMMIT`.
//! 6. After the commit, the after-commit functions run, signals are raised, and every caller is answered.
//!
//! What may be lost: a caller that got a success can rely on it, since the answer follows the commit. If the
//! transaction fails (a full disk, a cut connection, a failed commit), every caller gets that error, except those whose
//! operation had failed before. The connection is closed, which rolls back. Nothing is retried here: a commit may have
//! reached the disk although its result was lost, so only the caller can decide, by its idempotency key. A caller that
//! stops waiting does not cancel its operation.
//!
//! Back-pressure: when the queue stays full for [`PATIENCE`], the caller gets [`StoreError::Busy`].

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::configuration::{self, Configuration};
use super::connection::Session;
use super::dialect::Dialect;
use super::lock::Files;
use super::tx::{Effects, Tx};
use super::{Operation, Signal, Signals, StoreError, audit, notify};
use crate::trace::TraceContext;

/// Capacity of the queue; when it is full, callers wait up to [`PATIENCE`].
const QUEUE: usize = 1_024;
/// How long a caller waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// The callers' end of the queue.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

/// An operation with its caller, with erased types.
trait Job: Send {
    /// Runs the operation; returns whether it succeeded.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Operation<'t, bool>;
    /// Notes that the database refused a gathered row, so that the operation was rolled back.
    fn refuse(&mut self, error: StoreError);
    /// Sends the caller its result.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Caller<F, T, E> {
    trace: Option<TraceContext>,
    operation: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Caller<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> Operation<'t, Result<T, E>> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Operation<'t, bool> {
        Box::pin(async move {
            let Some(operation) = self.operation.take() else { return false };
            tx.trace = self.trace.take();
            let result = operation(tx).await;
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn refuse(&mut self, error: StoreError) {
        self.result = Some(Err(error.into()));
    }

    fn answer(mut self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result.take()) {
            (Ok(()), Some(result)) => result,
            // The operation failed by itself, before the transaction did.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Panicked.into()),
        };
        // The caller may have stopped waiting; its operation is done all the same.
        let _gone = self.reply.send(result);
    }
}

impl Writer {
    /// Creates the queue and the writer's task. The task ends when every handle is dropped and the queue is drained.
    pub(super) fn start<A, S>(
        dialect: Dialect,
        signals: Arc<Signals>,
        configuration: Arc<Configuration>,
        files: Option<Arc<Files>>,
        connect: A,
    ) -> (Self, impl Future<Output = ()>)
    where
        A: Fn() -> S + Send + 'static,
        S: Future<Output = Result<Session, StoreError>> + Send,
    {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, run(dialect, signals, configuration, files, connect, waiting))
    }

    /// Runs an operation in the next transaction and waits for the commit. The operation is boxed before the first
    /// await, so that the future stays small.
    pub(super) fn write<F, T, E>(self, operation: F) -> impl Future<Output = Result<T, E>> + Send + use<F, T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Operation<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let caller = Caller { trace: TraceContext::current(), operation: Some(operation), result: None, reply };
        let queued = self.enqueue(Box::new(caller));
        async move {
            queued.await?;
            result.await.unwrap_or_else(|_| Err(StoreError::Busy.into()))
        }
    }

    async fn enqueue(self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.queue.send_timeout(job, PATIENCE).await.map_err(|_| StoreError::Busy)
    }
}

async fn run<A, S>(
    dialect: Dialect,
    signals: Arc<Signals>,
    configuration: Arc<Configuration>,
    files: Option<Arc<Files>>,
    connect: A,
    mut waiting: mpsc::Receiver<Box<dyn Job>>,
) where
    A: Fn() -> S,
    S: Future<Output = Result<Session, StoreError>>,
{
    let mut idle: Option<Session> = None;
    let mut batch = Vec::with_capacity(dialect.batch());
    while waiting.recv_many(&mut batch, dialect.batch()).await > 0 {
        let committed = match begin(files.as_deref(), &mut idle, &connect).await {
            Ok(session) => {
                let mut tx = Tx {
                    session,
                    trace: None,
                    version: configuration.version(),
                    configuration: Arc::clone(&configuration),
                    audit: Vec::new(),
                    signals: Vec::new(),
                    after_commit: Vec::new(),
                };
                let committed = transact(dialect, signals.name(), &mut tx, &mut batch).await;
                if committed.is_ok() {
                    if let Some(files) = &files {
                        files.count_commit();
                    }
                    if configuration.observe(tx.version) {
                        tx.signals.push(Signal::Configuration);
                    }
                    tx.after_commit.drain(..).for_each(|function| function());
                    tx.signals.drain(..).for_each(|signal| signals.raise(signal));
                    idle = Some(tx.session);
                } else {
                    // Closing the connection rolls back.
                    tx.session.discard();
                }
                committed
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &committed {
            tracing::error!(operations = batch.len(), error = error as &dyn std::error::Error, "transaction failed");
        }
        batch.drain(..).for_each(|job| job.answer(committed.clone()));
    }
}

/// Begins a transaction. The kept connection may have been cut meanwhile, by a failover or a firewall's idle timeout.
/// Nothing has happened on it yet, so it is replaced.
async fn begin<A, S>(files: Option<&Files>, kept: &mut Option<Session>, connect: &A) -> Result<Session, StoreError>
where
    A: Fn() -> S,
    S: Future<Output = Result<Session, StoreError>>,
{
    files.map_or(Ok(()), Files::check)?;
    if let Some(mut session) = kept.take() {
        match session.begin().await {
            Ok(()) => return Ok(session),
            Err(error) => {
                session.discard();
                if !error.is_disconnect() {
                    return Err(error);
                }
            }
        }
    }
    let mut session = connect().await?;
    if let Some(files) = files {
        files.reconnected();
    }
    match session.begin().await {
        Ok(()) => Ok(session),
        Err(error) => {
            session.discard();
            Err(error)
        }
    }
}

async fn transact(dialect: Dialect, own: &str, tx: &mut Tx, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    // On SQLite only this process changes it.
    if dialect == Dialect::Postgres || tx.version == 0 {
        tx.version = configuration::read_version(&mut tx.session).await?;
    }
    let mut kept: Vec<Option<Effects>> = Vec::with_capacity(batch.len());
    for (number, job) in batch.iter_mut().enumerate() {
        tx.session.begin_operation(number);
        // A panic fails one operation only. It must not end the writer: nothing could be written any more.
        let keep = AssertUnwindSafe(job.run(tx)).catch_unwind().await.unwrap_or(false);
        let refused = tx.session.end_operation(keep).await?;
        let effects = tx.take_effects();
        kept.push((keep && refused.is_none()).then_some(effects));
        if let Some(error) = refused {
            job.refuse(error);
        }
    }
    for (number, error) in tx.session.end_operations().await? {
        if let (Some(job), Some(effects)) = (batch.get_mut(number), kept.get_mut(number)) {
            job.refuse(error);
            *effects = None;
        }
    }
    kept.into_iter().flatten().for_each(|effects| tx.add_effects(effects));
    let entries = std::mem::take(&mut tx.audit);
    audit::seal(&mut tx.session, entries).await?;
    tx.session.write_gathered().await?;
    if tx.session.take_touched_configuration() {
        tx.version = configuration::raise_version(&mut tx.session).await?;
        tx.signals.push(Signal::Configuration);
    }
    if dialect == Dialect::Postgres {
        notify::send(&mut tx.session, own, &tx.signals).await?;
    }
    tx.session.command("COMMIT").await
}
