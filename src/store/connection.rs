//! A connection to either database, and one way to run a statement on it.

use std::sync::Arc;

use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::StoreError;
use super::arg::Arg;
use super::bulk::{Bulk, Gathered, Owner, Rows};
use super::dialect::Dialect;
use super::native::{Connection, on_either};
use super::nesting::Held;
use super::row::{NativeRow, Row};
use super::unreadable::Unreadable;

/// A connection, borrowed from its pool.
pub struct Session {
    connection: Connection,
    /// Rows to be written before anything else is run.
    gathered: Gathered,
    operation: Operation,
    /// Whether the savepoint `written` stands right before what is written next.
    is_at_savepoint: bool,
    /// Operations whose rows the database refused when they were written, and why.
    refused: Vec<(Owner, StoreError)>,
    touched_configuration: bool,
    reading: Option<Reading>,
    unreadable: Arc<Unreadable>,
}

/// What a session has that only reads.
struct Reading {
    /// Where another connection comes from when this one was cut: nothing is lost with it, since each read stands alone.
    pool: Option<PgPool>,
    _held: Held,
}

/// How far the writer's operation is that uses the session.
#[derive(Debug)]
enum Operation {
    /// None is under way.
    None,
    /// It has run nothing yet, so that there is nothing to roll back.
    Fresh,
    /// It has a savepoint.
    Saved,
    /// What earlier operations gathered could not be written, for that reason: nothing of the transaction may be kept.
    Broken(StoreError),
}

/// Whose rows are gathered once all operations have ended: the writer's own.
const WRITER: Owner = Owner::MAX;

/// What a statement answers, on another connection if the first turns out to be cut and nothing can be lost with it.
macro_rules! answer_of {
    ($session:expr, $sql:expr, $values:expr, |$c:ident, $query:ident| $body:expr) => {{
        let sql = $sql;
        let again = $session.can_reconnect().then(|| (sql.clone(), $values.clone()));
        let first = on_either!($session, $values, |$c, args| {
            let $query = sqlx::query_with(sql, args);
            $body
        });
        match (first.map_err(StoreError::from), again) {
            (Err(error), Some((sql, values))) if error.is_disconnect() => {
                $session.reconnect().await?;
                Ok(on_either!($session, values, |$c, args| {
                    let $query = sqlx::query_with(sql, args);
                    $body
                })?)
            }
            (answer, _) => answer,
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
        }
    }

    /// For reading; from `pool` another connection comes, once, when a statement finds that this one was cut.
    pub(super) fn for_reading(
        connection: Connection,
        unreadable: Arc<Unreadable>,
        pool: Option<PgPool>,
        held: Held,
    ) -> Self {
        Self { reading: Some(Reading { pool, _held: held }), ..Self::new(connection, unreadable) }
    }

    /// Where rows are noted that cannot be read.
    pub(super) fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }

    /// Adds a row to be written together with others of its table: before the next statement, or with the transaction.
    pub(super) fn add(&mut self, bulk: &'static Bulk, values: Vec<Arg>) {
        self.gathered.add(bulk, values);
    }

    /// Says that the transaction changes what is configured, so that nobody goes by what they knew of it.
    pub(super) const fn touch_configuration(&mut self) {
        self.touched_configuration = true;
    }

    pub(super) const fn has_touched_configuration(&self) -> bool {
        self.touched_configuration
    }

    /// Whether the transaction that ends has changed what is configured.
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

    /// From here on, what happens belongs to one operation, the `number`th, which can be undone alone.
    pub(super) fn begin_operation(&mut self, number: Owner) {
        self.gathered.begin(number);
        self.operation = Operation::Fresh;
    }

    /// All operations have ended: what is added from here on is the writer's. Writes what they gathered; answers which of them the
    /// database refused, and why.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn end_operations(&mut self) -> Result<Vec<(Owner, StoreError)>, StoreError> {
        self.gathered.begin(WRITER);
        self.write_gathered().await?;
        Ok(std::mem::take(&mut self.refused))
    }

    /// The rows of a table that are not written yet.
    pub(super) fn gathered(&self, bulk: &'static Bulk) -> impl Iterator<Item = &[Arg]> {
        self.gathered.rows(bulk)
    }

    /// Ends the operation, keeping what it did or undoing it. Answers why it could not be kept, when a row that it had gathered is
    /// refused: then it is undone.
    ///
    /// # Errors
    /// When the transaction can no longer be kept: the database has ended it, or an earlier operation could not be written.
    pub(super) async fn end_operation(&mut self, keep: bool) -> Result<Option<StoreError>, StoreError> {
        if !keep {
            self.gathered.forget_own();
        }
        match std::mem::replace(&mut self.operation, Operation::None) {
            // Whatever it gathered is written with others' rows.
            Operation::None | Operation::Fresh => Ok(None),
            Operation::Broken(cause) => Err(cause),
            Operation::Saved => {
                // Its statements and its rows stand or fall together.
                let rows = self.gathered.take();
                let written = if keep { self.run_all(&rows).await } else { Ok(()) };
                match written {
                    Ok(()) if keep => {
                        self.command("RELEASE SAVEPOINT operation").await?;
                        Ok(None)
                    }
                    Err(error) if error.is_transient() => Err(error),
                    undone => {
                        self.undo("ROLLBACK TO SAVEPOINT operation; RELEASE SAVEPOINT operation").await?;
                        Ok(undone.err())
                    }
                }
            }
        }
    }

    /// Fails when the database has ended the transaction itself, as SQLite does on a full disk: then nobody's operation in it
    /// survived, and everybody must be told.
    async fn undo(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.command(sql).await.map_err(StoreError::of_ended_transaction)
    }

    /// Writes what was gathered.
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

    /// Writes rows of several operations. When the database refuses one of them, each operation's are written by themselves, so
    /// that the refusal costs that one operation only.
    async fn write_apart(&mut self, rows: &Rows) -> Result<(), StoreError> {
        // The writer's own come last, and stand or fall with the transaction.
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
        self.undo("ROLLBACK TO SAVEPOINT written").await?;
        for owner in rows.owners() {
            self.command("SAVEPOINT alone").await?;
            match self.run_all(&rows.of(owner)).await {
                Ok(()) => self.command("RELEASE SAVEPOINT alone").await?,
                Err(error) if owner == WRITER || error.is_transient() => return Err(error),
                Err(error) => {
                    self.undo("ROLLBACK TO SAVEPOINT alone; RELEASE SAVEPOINT alone").await?;
                    self.refused.push((owner, error));
                }
            }
        }
        Ok(())
    }

    /// Makes sure that a statement finds all that was gathered, and that it can be undone.
    async fn prepare(&mut self) -> Result<(), StoreError> {
        if matches!(self.operation, Operation::Fresh) {
            let earlier = self.gathered.take_earlier();
            let saved = match self.write_apart(&earlier).await {
                Ok(()) => self.command("SAVEPOINT operation").await,
                Err(error) => Err(error),
            };
            // What is written later comes behind what this operation does.
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

    /// The first row, not looking at what was only gathered so far: for whoever knows that it cannot matter.
    pub(super) async fn peek_optional<T: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Arg>,
    ) -> Result<Option<T>, StoreError> {
        self.first_row(sql.into_sql_str(), values).await?.map(|row| row.read()).transpose()
    }

    async fn first_row(&mut self, sql: SqlStr, values: Vec<Arg>) -> Result<Option<NativeRow>, StoreError> {
        answer_of!(self, sql, values, |c, query| query.fetch_optional(c).await.map(|row| row.map(NativeRow::from)))
    }

    async fn all_rows(&mut self, sql: SqlStr, values: Vec<Arg>) -> Result<Vec<NativeRow>, StoreError> {
        answer_of!(self, sql, values, |c, query| query.map(NativeRow::from).fetch_all(c).await)
    }

    /// Which database it is connected to.
    pub(super) const fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// Runs a statement; answers how many rows it touched.
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

    /// All rows that a statement makes of the given ones.
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

    /// The only row of a statement that always has one.
    pub(super) async fn fetch_one<T: Row>(&mut self, sql: impl SqlSafeStr, values: Vec<Arg>) -> Result<T, StoreError> {
        self.prepare().await?;
        self.first_row(sql.into_sql_str(), values).await?.ok_or(sqlx::Error::RowNotFound)?.read()
    }

    /// Runs a bare statement such as `COMMIT`, unprepared.
    pub(super) async fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match &mut self.connection {
            Connection::Sqlite(pooled) => sqlx::raw_sql(sql).execute(&mut **pooled).await.map(drop)?,
            Connection::Postgres(pooled) => sqlx::raw_sql(sql).execute(&mut **pooled).await.map(drop)?,
        }
        Ok(())
    }

    /// Whether a statement that fails for a cut connection may be run once more.
    fn can_reconnect(&self) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.pool.is_some())
    }

    /// Takes another connection in place of one that was cut, for good: the next cut is an error.
    async fn reconnect(&mut self) -> Result<(), StoreError> {
        let Some(pool) = self.reading.as_mut().and_then(|reading| reading.pool.take()) else { return Ok(()) };
        let fresh = Connection::Postgres(pool.acquire().await?);
        std::mem::replace(&mut self.connection, fresh).discard();
        Ok(())
    }

    /// Closes the connection instead of giving it back: for one that may be left inside a transaction.
    pub(super) fn discard(self) {
        self.connection.discard();
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        self.command("SELECT 1").await
    }
}
