//! A connection to either database, and one way to run a statement on it.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, FromRow, SqlSafeStr};

use super::StoreError;
use super::bulk::{Bulk, Gathered, Statement};
use super::dialect::Dialect;
use super::nesting::Held;

/// A connection, borrowed from its pool.
pub struct Session {
    connection: Connection,
    /// Rows to be written before anything else is run.
    gathered: Gathered,
    operation: Operation,
    touched_configuration: bool,
    reading: Option<Reading>,
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

pub(super) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A value for `$n`. Two shapes are all the schema uses.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Text(Option<String>),
    Integer(Option<i64>),
}

impl Arg {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_deref(),
            Self::Integer(_) => None,
        }
    }
}

/// What a statement answers, on another connection if the first turns out to be cut and nothing can be lost with it.
macro_rules! answer_of {
    ($session:expr, $sql:expr, $values:expr, |$c:ident, $query:ident| $body:expr) => {{
        let sql = $sql.into_sql_str();
        let again = $session.can_reconnect().then(|| (sql.clone(), $values.clone()));
        let first = on_either!($session, $values, |$c, args| {
            let $query = sqlx::query_as_with(sql, args);
            $body
        });
        match (first.map_err(StoreError::from), again) {
            (Err(error), Some((sql, values))) if error.is_disconnect() => {
                $session.reconnect().await?;
                Ok(on_either!($session, values, |$c, args| {
                    let $query = sqlx::query_as_with(sql, args);
                    $body
                })?)
            }
            (answer, _) => answer,
        }
    }};
}

/// A row type that both databases can fill.
pub(super) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// The values as native arguments.
macro_rules! bound {
    ($arguments:ty, $values:expr) => {{
        let mut arguments = <$arguments>::default();
        for value in $values {
            match value {
                Arg::Text(text) => arguments.add(text),
                Arg::Integer(integer) => arguments.add(integer),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        arguments
    }};
}

/// Runs `$body` with `$c` bound to the native connection and `$args` to its arguments.
macro_rules! on_either {
    ($session:expr, $values:expr, |$c:ident, $args:ident| $body:expr) => {
        match &mut $session.connection {
            Connection::Sqlite(pooled) => {
                let ($c, $args) = (&mut **pooled, bound!(SqliteArguments, $values));
                $body
            }
            Connection::Postgres(pooled) => {
                let ($c, $args) = (&mut **pooled, bound!(PgArguments, $values));
                $body
            }
        }
    };
}

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            gathered: Gathered::default(),
            operation: Operation::None,
            touched_configuration: false,
            reading: None,
        }
    }

    /// For reading; from `pool` another connection comes, once, when a statement finds that this one was cut.
    pub(super) fn for_reading(connection: Connection, pool: Option<PgPool>, held: Held) -> Self {
        Self { reading: Some(Reading { pool, _held: held }), ..Self::new(connection) }
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

    /// From here on, what happens belongs to one operation, which can be undone alone.
    pub(super) fn begin_operation(&mut self) {
        self.gathered.mark();
        self.operation = Operation::Fresh;
    }

    /// The rows of a table that are not written yet.
    pub(super) fn gathered(&self, bulk: &'static Bulk) -> impl Iterator<Item = &[Arg]> {
        self.gathered.rows(bulk)
    }

    /// Ends the operation, keeping what it did or undoing it.
    ///
    /// # Errors
    /// When the transaction can no longer be kept: the database has ended it, or a row of an earlier operation failed.
    pub(super) async fn end_operation(&mut self, keep: bool) -> Result<(), StoreError> {
        if !keep {
            self.gathered.forget_unmarked();
        }
        match (std::mem::replace(&mut self.operation, Operation::None), keep) {
            (Operation::None | Operation::Fresh, _) => Ok(()),
            (Operation::Saved, true) => self.command("RELEASE SAVEPOINT operation").await,
            (Operation::Saved, false) => {
                // Fails when the database has ended the transaction itself, as SQLite does on a full disk: then nobody's
                // operation in it survived, and everybody must be told.
                let undone = self.command("ROLLBACK TO SAVEPOINT operation").await;
                undone.map_err(StoreError::of_ended_transaction)?;
                self.command("RELEASE SAVEPOINT operation").await
            }
            (Operation::Broken(cause), _) => Err(cause),
        }
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn write_gathered(&mut self) -> Result<(), StoreError> {
        let statements = self.gathered.take(self.dialect());
        self.run_all(statements).await
    }

    /// Makes sure that a statement finds all that was gathered, and that it can be undone.
    async fn prepare(&mut self) -> Result<(), StoreError> {
        if matches!(self.operation, Operation::Fresh) {
            let earlier = self.gathered.take_marked(self.dialect());
            let saved = match self.run_all(earlier).await {
                Ok(()) => self.command("SAVEPOINT operation").await,
                Err(error) => Err(error),
            };
            self.operation =
                saved.as_ref().map_or_else(|cause| Operation::Broken(cause.clone()), |()| Operation::Saved);
            saved?;
        }
        self.write_gathered().await
    }

    async fn run_all(&mut self, statements: Vec<Statement>) -> Result<(), StoreError> {
        for (sql, values) in statements {
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
        answer_of!(self, sql, values, |c, query| query.fetch_optional(c).await)
    }

    /// Which database it is connected to.
    pub(super) const fn dialect(&self) -> Dialect {
        match self.connection {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
        }
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
        answer_of!(self, sql, values, |c, query| query.fetch_all(c).await)
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
        answer_of!(self, sql, values, |c, query| query.fetch_one(c).await)
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
        match std::mem::replace(&mut self.connection, fresh) {
            Connection::Sqlite(cut) => drop(cut.detach()),
            Connection::Postgres(cut) => drop(cut.detach()),
        }
        Ok(())
    }

    /// Closes the connection instead of giving it back: for one that may be left inside a transaction.
    pub(super) fn discard(self) {
        match self.connection {
            Connection::Sqlite(pooled) => drop(pooled.detach()),
            Connection::Postgres(pooled) => drop(pooled.detach()),
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        self.command("SELECT 1").await
    }
}

/// Builds the values of a statement: `args![id, name, opt]`.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::session::Arg::from($value)),*]
    };
}
pub(super) use args;

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<u32> for Arg {
    fn from(integer: u32) -> Self {
        Self::Integer(Some(integer.into()))
    }
}

impl From<Option<i64>> for Arg {
    fn from(integer: Option<i64>) -> Self {
        Self::Integer(integer)
    }
}

impl From<crate::time::Timestamp> for Arg {
    fn from(moment: crate::time::Timestamp) -> Self {
        Self::Integer(Some(moment.as_micros()))
    }
}

impl From<Option<crate::time::Timestamp>> for Arg {
    fn from(moment: Option<crate::time::Timestamp>) -> Self {
        Self::Integer(moment.map(crate::time::Timestamp::as_micros))
    }
}

/// The places and values of `IN (…)` for many ids: so many at a time that either database takes them in one statement.
pub(super) fn chunks<'i, T>(ids: &'i [T]) -> impl Iterator<Item = (String, Vec<Arg>)> + 'i
where
    &'i T: Into<Arg>,
{
    ids.chunks(500).map(|chunk| {
        let places: Vec<String> = (1..=chunk.len()).map(|place| format!("${place}")).collect();
        (places.join(", "), chunk.iter().map(Into::into).collect())
    })
}

/// Ids, names and digests are stored as the text that they are shown as.
macro_rules! arg_as_text {
    ($($type:ty),* $(,)?) => {
        $(
            impl From<&$type> for Arg {
                fn from(value: &$type) -> Self {
                    Self::Text(Some(value.to_string()))
                }
            }

            impl From<Option<&$type>> for Arg {
                fn from(value: Option<&$type>) -> Self {
                    Self::Text(value.map(ToString::to_string))
                }
            }
        )*
    };
}

arg_as_text!(
    crate::approval::Digest,
    crate::approval::Email,
    crate::approval::EndpointName,
    crate::approval::GroupName,
    crate::approval::ResourceName,
    crate::approval::RuleName,
    crate::ids::DeliveryId,
    crate::ids::TemplateId,
    crate::ids::EndpointId,
    crate::ids::EventId,
    crate::ids::GrantId,
    crate::ids::ReplayId,
    crate::ids::RequestId,
    crate::ids::TokenId,
    crate::ids::VoteId,
);
