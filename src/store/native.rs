//! The native connections of the two databases, and how a statement's values are bound.

use sqlx::pool::PoolConnection;
use sqlx::postgres::Postgres;
use sqlx::sqlite::Sqlite;

use super::dialect::Dialect;

pub(super) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    pub(super) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Closes it instead of returning it to its pool.
    pub(super) fn discard(self) {
        match self {
            Self::Sqlite(pooled) => drop(pooled.detach()),
            Self::Postgres(pooled) => drop(pooled.detach()),
        }
    }
}

/// The values as native arguments.
macro_rules! bound {
    ($arguments:ty, $values:expr) => {{
        let mut arguments = <$arguments>::default();
        for value in $values {
            match value {
                $crate::store::arg::Arg::Text(text) => {
                    sqlx::Arguments::add(&mut arguments, text.map($crate::store::arg::without_nul))
                }
                $crate::store::arg::Arg::Integer(integer) => sqlx::Arguments::add(&mut arguments, integer),
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
            $crate::store::native::Connection::Sqlite(pooled) => {
                let ($c, $args) =
                    (&mut **pooled, $crate::store::native::bound!(sqlx::sqlite::SqliteArguments, $values));
                $body
            }
            $crate::store::native::Connection::Postgres(pooled) => {
                let ($c, $args) = (&mut **pooled, $crate::store::native::bound!(sqlx::postgres::PgArguments, $values));
                $body
            }
        }
    };
}

pub(super) use {bound, on_either};
