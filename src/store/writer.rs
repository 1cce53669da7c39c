//! The group-committing writer.
//!
//! Callers hand in operations; one task runs as many as wait (up to [`Dialect::batch`]) inside one transaction, each in its savepoint,
//! and answers them after the commit. A failed operation is rolled back alone. When the transaction itself fails, everybody in
//! it is told so and nothing of it is kept.

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
use super::{Operation, Signal, Signals, StoreError, audit, bell};
use crate::trace::TraceContext;

/// Most operations waiting; beyond it callers wait in line for [`PATIENCE`].
const QUEUE: usize = 1_024;
/// How long a caller waits for a place in the queue before it is told that the hub is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// The callers' end of the queue.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

/// One operation with its caller, its types erased.
trait Job: Send {
    /// Runs it; answers whether to keep its effects.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Operation<'t, bool>;
    /// What it gathered was refused, and nothing of it is kept.
    fn refuse(&mut self, error: StoreError);
    /// Tells the caller how it ended.
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
            // The operation's own refusal stands whatever became of the others.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Panicked.into()),
        };
        // A caller that went away is told nothing; what it asked for is done all the same.
        let _gone = self.reply.send(result);
    }
}

impl Writer {
    /// Starts the writer's task. It ends when every handle is dropped and the queue is drained.
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

    /// Runs an operation in the next transaction and waits for its commit.
    /// The operation is put on the heap before anything is awaited, so that the future, which callers move about, stays small.
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
                    followers: Vec::new(),
                };
                let committed = transact(dialect, &mut tx, &mut batch).await;
                if committed.is_ok() {
                    if let Some(files) = &files {
                        files.wrote();
                    }
                    if configuration.observe(tx.version) {
                        tx.signals.push(Signal::Configuration);
                    }
                    tx.followers.drain(..).for_each(|follower| follower());
                    tx.signals.drain(..).for_each(|signal| signals.raise(signal));
                    idle = Some(tx.session);
                } else {
                    // Closing rolls back whatever may be left open.
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

/// A session in which a transaction has begun. One that was kept may have been cut meanwhile (a failover, a firewall's idle
/// timeout): nothing has happened in it yet, so another takes its place.
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

async fn transact(dialect: Dialect, tx: &mut Tx, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    // On SQLite nobody else can have changed it.
    if dialect == Dialect::Postgres || tx.version == 0 {
        tx.version = configuration::read_version(&mut tx.session).await?;
    }
    let mut kept: Vec<Option<Effects>> = Vec::with_capacity(batch.len());
    for (number, job) in batch.iter_mut().enumerate() {
        tx.session.begin_operation(number);
        // A panic is one operation's fault: the writer has to outlive it, or nobody could write any more.
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
        bell::ring(&mut tx.session, &tx.signals).await?;
    }
    tx.session.command("COMMIT").await
}
