//! Opens a database on a PostgreSQL server.

use std::str::FromStr;

use backon::{ExponentialBuilder, Retryable};
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};

use super::error::newest;
use super::{DatabaseState, OpenError, address};
use crate::store::dialect::{Dialect, POSTGRES_MIGRATIONS};
use crate::store::fault::Fault;
use crate::store::pools::{ACQUIRE, Connections, READERS};

/// Bounds how long a replica that hangs within a transaction blocks the others. Set on each connection after it is
/// made: `PgBouncer` would refuse them as start-up parameters.
const BOUNDS: &str =
    "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '5s'; SET statement_timeout = '30s'";
/// No bounds for a migration, which may run long, or wait for another replica's.
const UNBOUND: &str = "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0;
    SET LOCAL statement_timeout = 0";
/// How often two connections are compared: a pooler may give them different servers by chance.
const COMPARISONS: usize = 4;

/// Connects, and migrates the schema.
pub(super) async fn open(url: &str) -> Result<Connections, OpenError> {
    let options = options(url)?;
    // Without the pool first: the pool would report a time-out only.
    let mut connection = reach(&options).await?;
    check_encoding(&mut connection).await?;
    refuse_pooler(&mut connection, &options).await?;
    migrate(&mut connection).await.map_err(|error| OpenError::of_migration(error, newest(&POSTGRES_MIGRATIONS)))?;
    let pool = |most| {
        PgPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE).after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(BOUNDS).execute(connection).await.map(drop) })
        })
    };
    let read = pool(READERS).connect_with(options.clone()).await.map_err(OpenError::Connect)?;
    // The writer and the listener.
    let write = pool(2).connect_with(options).await.map_err(OpenError::Connect)?;
    Ok(Connections::Postgres { read, write })
}

/// Whether the database that `url` names has no tables at all.
pub(super) async fn is_unused(url: &str) -> Result<bool, OpenError> {
    let sql = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = current_schema())";
    sqlx::query_scalar(sql).fetch_one(&mut reach(&options(url)?).await?).await.map_err(OpenError::Connect)
}

/// What exists of the hub's database.
pub(super) async fn inspect(url: &str) -> Result<DatabaseState, OpenError> {
    let mut connection = reach(&options(url)?).await?;
    let sql = "SELECT to_regclass('audit_entries') IS NOT NULL";
    let is_there: bool = sqlx::query_scalar(sql).fetch_one(&mut connection).await.map_err(OpenError::Connect)?;
    if !is_there {
        return Ok(DatabaseState::Missing);
    }
    let sql = "SELECT EXISTS (SELECT FROM audit_entries)";
    let has_entries = sqlx::query_scalar(sql).fetch_one(&mut connection).await.map_err(OpenError::Connect)?;
    Ok(DatabaseState::of_trail(is_there, has_entries))
}

fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    address::check_postgres(url)?;
    let options = PgConnectOptions::from_str(url).map_err(OpenError::Connect)?;
    // `PgBouncer` refuses this parameter, and no floating-point numbers are stored.
    Ok(options.application_name("countersign").extra_float_digits(None))
}

/// Connects, with a few retries: a database that starts at the same time as the hub may not be ready yet.
async fn reach(options: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    let connect = || PgConnection::connect_with(options);
    connect
        .retry(ExponentialBuilder::default().with_max_times(3))
        .when(|error| matches!(error, sqlx::Error::Io(_)) || is_starting_up(error))
        .notify(|error, wait| {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, ?wait, "PostgreSQL does not answer yet: trying again");
        })
        .await
        .map_err(|cause| {
            let next_step = Fault::of(&cause).unwrap_or(Fault::Unreachable).next_step();
            let (host, port) = (options.get_host().to_owned(), options.get_port());
            OpenError::Unreachable { host, port, next_step, cause }
        })
}

/// PostgreSQL's `cannot_connect_now`.
fn is_starting_up(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(database) if database.code().as_deref() == Some("57P03"))
}

/// Refuses a database that is not UTF-8. A request may contain any character, and one that the encoding lacks would
/// fail a whole batch.
async fn check_encoding(connection: &mut PgConnection) -> Result<(), OpenError> {
    let found: String = sqlx::query_scalar("SHOW server_encoding")
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(OpenError::Connect)?;
    if found == "UTF8" { Ok(()) } else { Err(OpenError::Encoding { found }) }
}

/// Refuses a pooler that changes the server connection after each transaction. Without one, two connections have two
/// server processes, which never change.
async fn refuse_pooler(one: &mut PgConnection, options: &PgConnectOptions) -> Result<(), OpenError> {
    let mut other = reach(options).await?;
    let (first, second) = (served_by(one).await?, served_by(&mut other).await?);
    let mut are_apart = first != second;
    for _ in 1..COMPARISONS {
        are_apart &= served_by(one).await? == first && served_by(&mut other).await? == second;
    }
    if are_apart { Ok(()) } else { Err(OpenError::Pooler) }
}

/// The server process of a connection. Reads it without a prepared statement, which a pooler may lose.
async fn served_by(connection: &mut PgConnection) -> Result<i32, OpenError> {
    use sqlx::Row as _;

    let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await.map_err(OpenError::Connect)?;
    row.try_get(0).map_err(OpenError::Connect)
}

/// Migrates the schema in one transaction, which excludes the writers of all replicas.
async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let mut all = Migrator::with_migrations(POSTGRES_MIGRATIONS.iter().cloned().collect());
    // sqlx's own lock belongs to the session, and remains when the connection breaks; this one ends with the
    // transaction.
    all.set_locking(false);
    let mut tx = connection.begin().await?;
    sqlx::raw_sql(UNBOUND).execute(&mut *tx).await?;
    if !has_all(&mut tx).await? {
        let sql = AssertSqlSafe(format!("SELECT pg_try_advisory_xact_lock({})", Dialect::WRITERS));
        let is_free: bool = sqlx::query_scalar(sql).fetch_one(&mut *tx).await?;
        if !is_free {
            tracing::info!("waiting for another replica, which is writing to the database or migrating its schema");
            let sql = AssertSqlSafe(format!("SELECT pg_advisory_xact_lock({})", Dialect::WRITERS));
            sqlx::raw_sql(sql).execute(&mut *tx).await?;
        }
    }
    all.run_direct(None, &mut *tx, false).await?;
    Ok(tx.commit().await?)
}

/// Whether every migration of this version has been applied.
async fn has_all(connection: &mut PgConnection) -> Result<bool, MigrateError> {
    let table = &*POSTGRES_MIGRATIONS.table_name;
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(false);
    }
    let applied = connection.list_applied_migrations(table).await?;
    Ok(POSTGRES_MIGRATIONS.iter().all(|known| applied.iter().any(|applied| applied.version == known.version)))
}
