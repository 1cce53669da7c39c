//! Opening a database on a PostgreSQL server.

use std::str::FromStr;

use backon::{ExponentialBuilder, Retryable};
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};

use super::error::newest;
use super::{Found, OpenError, address};
use crate::store::dialect::{Dialect, POSTGRES_MIGRATIONS};
use crate::store::fault::Fault;
use crate::store::pools::{ACQUIRE, Connections, READERS};

/// A replica that hangs in the middle of a transaction must not hold up the others for long. Set on each connection once it
/// stands: as parameters of the connection's start, `PgBouncer` would refuse them.
const BOUNDS: &str =
    "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '5s'; SET statement_timeout = '30s'";
/// A migration takes as long as it takes, and waits as long as it must for another replica's.
const UNBOUND: &str = "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0;
    SET LOCAL statement_timeout = 0";
/// How often two connections are compared: a pooler may lend them different servers now and then.
const COMPARISONS: usize = 4;

/// Connects and brings the schema up to date.
pub(super) async fn open(url: &str) -> Result<Connections, OpenError> {
    let options = options(url)?;
    // Tried without the pool first, which would only say that it waited in vain.
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

/// Whether the database that `url` names holds no table yet, of the hub or of anybody else.
pub(super) async fn is_unused(url: &str) -> Result<bool, OpenError> {
    let sql = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = current_schema())";
    sqlx::query_scalar(sql).fetch_one(&mut reach(&options(url)?).await?).await.map_err(OpenError::Connect)
}

/// What there is of a hub's.
pub(super) async fn found(url: &str) -> Result<Found, OpenError> {
    let mut connection = reach(&options(url)?).await?;
    let sql = "SELECT to_regclass('audit_entries') IS NOT NULL";
    let is_there: bool = sqlx::query_scalar(sql).fetch_one(&mut connection).await.map_err(OpenError::Connect)?;
    if !is_there {
        return Ok(Found::Nothing);
    }
    let sql = "SELECT EXISTS (SELECT FROM audit_entries)";
    let has_entries = sqlx::query_scalar(sql).fetch_one(&mut connection).await.map_err(OpenError::Connect)?;
    Ok(Found::of_trail(is_there, has_entries))
}

fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    address::check_postgres(url)?;
    let options = PgConnectOptions::from_str(url).map_err(OpenError::Connect)?;
    // No fractions are stored, so the parameter for them, which `PgBouncer` refuses, is not sent.
    Ok(options.application_name("countersign").extra_float_digits(None))
}

/// Connects. A database that starts beside the hub may need a moment.
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

/// A request may hold any character, and one that the encoding lacks would fail whole batches of them.
async fn check_encoding(connection: &mut PgConnection) -> Result<(), OpenError> {
    let found: String = sqlx::query_scalar("SHOW server_encoding")
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(OpenError::Connect)?;
    if found == "UTF8" { Ok(()) } else { Err(OpenError::Encoding { found }) }
}

/// Tells a pooler that lends a server's connection for one transaction by the processes that serve two connections: each has
/// one of its own for as long as it stands, unless somebody in between hands them out.
async fn refuse_pooler(one: &mut PgConnection, options: &PgConnectOptions) -> Result<(), OpenError> {
    let mut other = reach(options).await?;
    let (first, second) = (served_by(one).await?, served_by(&mut other).await?);
    let mut are_apart = first != second;
    for _ in 1..COMPARISONS {
        are_apart &= served_by(one).await? == first && served_by(&mut other).await? == second;
    }
    if are_apart { Ok(()) } else { Err(OpenError::Pooler) }
}

/// The server's process behind a connection, asked without a prepared statement, which a pooler may lose.
async fn served_by(connection: &mut PgConnection) -> Result<i32, OpenError> {
    use sqlx::Row as _;

    let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await.map_err(OpenError::Connect)?;
    row.try_get(0).map_err(OpenError::Connect)
}

/// Brings the schema up to date, in one transaction that no writer of any replica runs beside.
async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let mut all = Migrator::with_migrations(POSTGRES_MIGRATIONS.iter().cloned().collect());
    // sqlx's own lock is the session's and stays with a connection that breaks; this one ends with the transaction.
    all.set_locking(false);
    let mut tx = connection.begin().await?;
    sqlx::raw_sql(UNBOUND).execute(&mut *tx).await?;
    if !has_all(&mut tx).await? {
        let sql = AssertSqlSafe(format!("SELECT pg_try_advisory_xact_lock({})", Dialect::WRITERS));
        let is_free: bool = sqlx::query_scalar(sql).fetch_one(&mut *tx).await?;
        if !is_free {
            tracing::info!("waiting for another replica, which writes to the database or brings its schema up to date");
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
