//! A connection to either database, and one way to run a statement on it. For the writer it also keeps gathered rows
//! and the savepoint of the operation under way: see [`writer`](super::writer).

use std::sync::Arc;

use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::StoreError;
use super::arg::Arg;
use super::bulk::{Bulk, Gathered, Owner, Rows};
use super::dialect::Dialect;
use super::max_age::MaxAge;
use super::native::{Connection, on_either};
use super::nesting::Held;
use super::row::{NativeRow, Row};
use super::unreadable::Unreadable;
use crate::sealing::SealingKeys;

/// A connection, borrowed from its pool.
pub struct Session {
    connection: Connection,
    /// Rows to be written before any other statement runs.
    gathered: Gathered,
    operation: Operation,
    /// Whether nothing was written since the savepoint `written`.
    is_at_savepoint: bool,
    /// Operations whose gathered rows the database refused, with the errors.
    refused: Vec<(Owner, StoreError)>,
    touched_configuration: bool,
    reading: Option<Reading>,
    unreadable: Arc<Unreadable>,
    secrets: Arc<SealingKeys>,
    max_age: Arc<MaxAge>,
}

/// The state of a session that only reads.
struct Reading {
    /// Gives another connection when this one was cut. Nothing is lost: each read is complete in itself.
    pool: Option<PgPool>,
    _held: Held,
}

/// The state of the writer's operation that uses the session.
#[derive(Debug)]
enum Operation {
    /// No operation is under way.
    None,
    /// It has run no statement yet, so there is nothing to roll back.
    Fresh,
    /// It has run a statement, behind a savepoint.
    Saved,
    /// The gathered rows of earlier operations could not be written: the whole transaction has to be rolled back.
    Broken(StoreError),
}

/// The owner of the rows that the writer itself adds once all operations have ended.
const WRITER: Owner = Owner::MAX;

/// Runs a query; once more on another connection if the first one was cut and the session only reads.
macro_rules! query {
    ($session:expr, $sql:expr, $values:expr, |$c:ident, $query:ident| $body:expr) => {{
        let sql = $sql;
        let retry = $session.can_reconnect().then(|| (sql.clone(), $values.clone()));
        let first = on_either!($session, $values, |$c, args| {
            let $query = sqlx::query_with(sql, args);
            $body
        });
        match (first.map_err(StoreError::from), retry) {
            (Err(error), Some((sql, values))) if error.is_disconnect() => {
                $session.reconnect().await?;
                Ok(on_either!($session, values, |$c, args| {
                    let $query = sqlx::query_with(sql, args);
                    $body
                })?)
            }
            (result, _) => result,
        }
    }};
}

impl Session {
    pub(super) fn new(connection: Connection, unreadable: Arc<Unreadable>) -> Self {
        Self {
            connection,
            gathered: Gathered::default(),
            operation: Operation::None,
            is_at_savepoint: false,
            refused: Vec::new(),
            touched_configuration: false,
            reading: None,
            unreadable,
            secrets: Arc::default(),
            max_age: Arc::default(),
        }
    }

    /// A session that only reads. `pool` gives another connection, once, when a statement finds that this one was cut.
    pub(super) fn for_reading(
        connection: Connection,
        unreadable: Arc<Unreadable>,
        pool: Option<PgPool>,
        held: Held,
    ) -> Self {
        Self { reading: Some(Reading { pool, _held: held }), ..Self::new(connection, unreadable) }
    }

    /// The same session, which seals and opens stored secrets with these keys. Without keys, it stores them in clear.
    pub(super) fn with_secrets(self, secrets: Arc<SealingKeys>) -> Self {
        Self { secrets, ..self }
    }

    /// The same session, with this age of memberships by claims.
    pub(super) fn with_max_age(self, max_age: Arc<MaxAge>) -> Self {
        Self { max_age, ..self }
    }

    /// How long memberships by claims are fresh.
    pub(super) fn max_age(&self) -> &MaxAge {
        &self.max_age
    }

    /// The keys of stored secrets.
    pub(super) const fn secrets(&self) -> &Arc<SealingKeys> {
        &self.secrets
    }

    /// The register of rows that cannot be read.
    pub(super) fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }

    /// Gathers a row, to be written together with others of its table: before the next statement, or at the
    /// transaction's end.
    pub(super) fn add(&mut self, bulk: &'static Bulk, values: Vec<Arg>) {
        self.gathered.add(bulk, values);
    }

    /// Marks that the transaction changes configuration, so that its commit invalidates the caches.
    pub(super) const fn touch_configuration(&mut self) {
        self.touched_configuration = true;
    }

    pub(super) const fn has_touched_configuration(&self) -> bool {
        self.touched_configuration
    }

    /// Returns whether the transaction has changed configuration, and clears the mark.
    pub(super) const fn take_touched_configuration(&mut self) -> bool {
        std::mem::replace(&mut self.touched_configuration, false)
    }

    /// Begins a write transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        self.command(self.dialect().begin()).await?;
        self.is_at_savepoint = true;
        Ok(())
    }

    /// Begins the `number`th operation, which can be rolled back alone.
    pub(super) fn begin_operation(&mut self, number: Owner) {
        self.gathered.begin(number);
        self.operation = Operation::Fresh;
    }

    /// Ends all operations: writes the rows that they gathered. Rows that are added from here on are the writer's own.
    /// Returns the operations whose rows the database refused, with the errors.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn end_operations(&mut self) -> Result<Vec<(Owner, StoreError)>, StoreError> {
        self.gathered.begin(WRITER);
        self.write_gathered().await?;
        Ok(std::mem::take(&mut self.refused))
    }

    /// The gathered rows of a table.
    pub(super) fn gathered(&self, bulk: &'static Bulk) -> impl Iterator<Item = &[Arg]> {
        self.gathered.rows(bulk)
    }

    /// Ends the operation: keeps or rolls back what it did. When the database refuses one of its gathered rows, the
    /// operation is rolled back, and the error returned.
    ///
    /// # Errors
    /// When the transaction cannot be committed: the database has ended it, or rows of earlier operations could not be
    /// written.
    pub(super) async fn end_operation(&mut self, keep: bool) -> Result<Option<StoreError>, StoreError> {
        if !keep {
            self.gathered.forget_own();
        }
        match std::mem::replace(&mut self.operation, Operation::None) {
            // Its gathered rows are written with those of others.
            Operation::None | Operation::Fresh => Ok(None),
            Operation::Broken(cause) => Err(cause),
            Operation::Saved => {
                // Its statements and its gathered rows are kept or rolled back together.
                let rows = self.gathered.take();
                let written = if keep { self.run_all(&rows).await } else { Ok(()) };
                match written {
                    Ok(()) if keep => {
                        self.command("RELEASE SAVEPOINT operation").await?;
                        Ok(None)
                    }
                    Err(error) if error.is_transient() => Err(error),
                    not_kept => {
                        self.roll_back("ROLLBACK TO SAVEPOINT operation; RELEASE SAVEPOINT operation").await?;
                        Ok(not_kept.err())
                    }
                }
            }
        }
    }

    /// Rolls back to a savepoint. Fails when the database has ended the transaction itself, as SQLite does on a full
    /// disk: then every operation in it is lost, and every caller must get an error.
    async fn roll_back(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.command(sql).await.map_err(StoreError::of_ended_transaction)
    }

    /// Writes the gathered rows.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn write_gathered(&mut self) -> Result<(), StoreError> {
        let rows = self.gathered.take();
        if matches!(self.operation, Operation::Saved) {
            self.run_all(&rows).await
        } else {
            self.write_apart(&rows).await
        }
    }

    /// Writes gathered rows of several operations. When the database refuses a row, each operation's rows are written
    /// again in a savepoint of their own, so that only the operation with the refused row fails.
    async fn write_apart(&mut self, rows: &Rows) -> Result<(), StoreError> {
        // The writer's own rows come last, and belong to the transaction as a whole.
        if rows.owners().first().is_none_or(|first| *first == WRITER) {
            return self.run_all(rows).await;
        }
        if !std::mem::replace(&mut self.is_at_savepoint, false) {
            self.command("SAVEPOINT written").await?;
        }
        match self.run_all(rows).await {
            Err(error) if !error.is_transient() => {}
            written => return written,
        }
        self.roll_back("ROLLBACK TO SAVEPOINT written").await?;
        for owner in rows.owners() {
            self.command("SAVEPOINT alone").await?;
            match self.run_all(&rows.of(owner)).await {
                Ok(()) => self.command("RELEASE SAVEPOINT alone").await?,
                Err(error) if owner == WRITER || error.is_transient() => return Err(error),
                Err(error) => {
                    self.roll_back("ROLLBACK TO SAVEPOINT alone; RELEASE SAVEPOINT alone").await?;
                    self.refused.push((owner, error));
                }
            }
        }
        Ok(())
    }

    /// Before a statement: writes all gathered rows, so that it sees them, and sets the operation's savepoint.
    async fn prepare(&mut self) -> Result<(), StoreError> {
        if matches!(self.operation, Operation::Fresh) {
            let earlier = self.gathered.take_earlier();
            let saved = match self.write_apart(&earlier).await {
                Ok(()) => self.command("SAVEPOINT operation").await,
                Err(error) => Err(error),
            };
            // What is written later comes after this operation's statements.
            self.is_at_savepoint = false;
            self.operation =
                saved.as_ref().map_or_else(|cause| Operation::Broken(cause.clone()), |()| Operation::Saved);
            saved?;
        }
        self.write_gathered().await
    }

    async fn run_all(&mut self, rows: &Rows) -> Result<(), StoreError> {
        for (sql, values) in rows.statements(self.dialect()) {
            self.run(AssertSqlSafe(sql), values).await?;
        }
        Ok(())
    }

    async fn run(&mut self, sql: impl SqlSafeStr, values: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(on_either!(self, values, |c, args| sqlx::query_with(sql, args).execute(c).await?.rows_affected()))
    }

    /// The first row, without writing gathered rows first: for a caller that knows that they do not matter.
    pub(super) async fn peek_optional<T: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Arg>,
    ) -> Result<Option<T>, StoreError> {
        self.first_row(sql.into_sql_str(), values).await?.map(|row| row.read()).transpose()
    }

    async fn first_row(&mut self, sql: SqlStr, values: Vec<Arg>) -> Result<Option<NativeRow>, StoreError> {
        query!(self, sql, values, |c, query| query.fetch_optional(c).await.map(|row| row.map(NativeRow::from)))
    }

    async fn all_rows(&mut self, sql: SqlStr, values: Vec<Arg>) -> Result<Vec<NativeRow>, StoreError> {
        query!(self, sql, values, |c, query| query.map(NativeRow::from).fetch_all(c).await)
    }

    /// The database that it is connected to.
    pub(super) const fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// Runs a statement; returns how many rows it touched.
    pub(super) async fn execute(&mut self, sql: impl SqlSafeStr, values: Vec<Arg>) -> Result<u64, StoreError> {
        self.prepare().await?;
        self.run(sql, values).await
    }

    /// All rows.
    pub(super) async fn fetch_all<T: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Arg>,
    ) -> Result<Vec<T>, StoreError> {
        self.prepare().await?;
        self.all_rows(sql.into_sql_str(), values).await?.iter().map(NativeRow::read).collect()
    }

    /// All rows that a bulk statement returns for the given rows.
    pub(super) async fn fetch_bulk<T: Row>(
        &mut self,
        bulk: &'static Bulk,
        values: Vec<Arg>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        for (sql, values) in bulk.statements(self.dialect(), values) {
            rows.extend(self.fetch_all(AssertSqlSafe(sql), values).await?);
        }
        Ok(rows)
    }

    /// The first row, if there is one.
    pub(super) async fn fetch_optional<T: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Arg>,
    ) -> Result<Option<T>, StoreError> {
        self.prepare().await?;
        self.peek_optional(sql, values).await
    }

    /// The row of a statement that always returns one.
    pub(super) async fn fetch_one<T: Row>(&mut self, sql: impl SqlSafeStr, values: Vec<Arg>) -> Result<T, StoreError> {
        self.prepare().await?;
        self.first_row(sql.into_sql_str(), values).await?.ok_or(sqlx::Error::RowNotFound)?.read()
    }

    /// Runs a statement without values, such as `COMMIT`, unprepared.
    pub(super) async fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match &mut self.connection {
            Connection::Sqlite(pooled) => sqlx::raw_sql(sql).execute(&mut **pooled).await.map(drop)?,
            Connection::Postgres(pooled) => sqlx::raw_sql(sql).execute(&mut **pooled).await.map(drop)?,
        }
        Ok(())
    }

    /// Whether a statement that fails because the connection was cut may be run again.
    fn can_reconnect(&self) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.pool.is_some())
    }

    /// Replaces a connection that was cut, once: the next cut is an error.
    async fn reconnect(&mut self) -> Result<(), StoreError> {
        let Some(pool) = self.reading.as_mut().and_then(|reading| reading.pool.take()) else { return Ok(()) };
        let fresh = Connection::Postgres(pool.acquire().await?);
        std::mem::replace(&mut self.connection, fresh).discard();
        Ok(())
    }

    /// Closes the connection instead of returning it to its pool, since a transaction may still be open on it.
    pub(super) fn discard(self) {
        self.connection.discard();
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        self.command("SELECT 1").await
    }
}
