//! Lists that are found by conditions.

use super::super::arg::{Arg, args};
use super::super::row::Row;
use super::super::{Session, StoreError};
use sqlx::AssertSqlSafe;

/// A condition of a list: a column, or for members the group's, has this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Id(String),
    /// In lower case.
    UserKey(String),
    /// In lower case.
    DisplayKey(String),
    ExternalId(String),
    Active(bool),
    /// Groups that have this member.
    Member(String),
    /// Holds for nothing.
    Never,
}

impl Condition {
    /// As SQL with its value.
    fn sql(&self, place: usize) -> (String, Option<Arg>) {
        let column = |name: &str, value: &String| (format!("{name} = ${place}"), Some(Arg::from(value)));
        match self {
            Self::Id(value) => column("id", value),
            Self::UserKey(value) => column("user_key", value),
            Self::DisplayKey(value) => column("display_key", value),
            Self::ExternalId(value) => column("external_id", value),
            Self::Active(value) => (format!("active = ${place}"), Some(Arg::from(i64::from(*value)))),
            Self::Member(value) => {
                (format!("id IN (SELECT group_id FROM scim_members WHERE user_id = ${place})"), Some(Arg::from(value)))
            }
            Self::Never => ("1 = 0".to_owned(), None),
        }
    }
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    count: i64,
}

/// How many rows of `table` meet all conditions, and those of them from number `skip` on, in the order of ids.
pub(super) async fn search<R: Row>(
    session: &mut Session,
    (table, columns): (&'static str, &'static str),
    conditions: &[Condition],
    (skip, limit): (u32, u32),
) -> Result<(u64, Vec<R>), StoreError> {
    let mut values = Vec::new();
    let mut parts = vec!["1 = 1".to_owned()];
    for condition in conditions {
        let (sql, value) = condition.sql(values.len() + 1);
        parts.push(sql);
        values.extend(value);
    }
    let wanted = parts.join(" AND ");
    let count = format!("SELECT count(*) AS count FROM {table} WHERE {wanted}");
    let count: CountRow = session.fetch_one(AssertSqlSafe(count), values.clone()).await?;
    let (first, second) = (values.len() + 1, values.len() + 2);
    values.extend(args![limit, skip]);
    let page = format!("SELECT {columns} FROM {table} WHERE {wanted} ORDER BY id LIMIT ${first} OFFSET ${second}");
    Ok((count.count.unsigned_abs(), session.fetch_all(AssertSqlSafe(page), values).await?))
}
