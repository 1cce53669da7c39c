//! The seats that a person may vote with: their own, and those of absent members for whom they stand in.

use std::collections::BTreeMap;

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::{Email, GroupName, Membership};
use crate::time::Timestamp;

/// A member whose vote a person may cast: themselves, or an absent member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub member: Email,
    /// The display name, if one is known.
    pub name: Option<String>,
    /// The end of the absence, if it has one.
    pub away_until: Option<Timestamp>,
    /// With the strongest membership in each.
    pub groups: BTreeMap<GroupName, Membership>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    email: String,
    name: Option<String>,
    away_until: Option<i64>,
    group_name: Option<String>,
    signed_in_at: Option<i64>,
}

/// A person's own seat, which comes first, and those of the absent members for whom they stand in at `now`.
///
/// # Errors
/// When the database fails.
pub async fn of_person(session: &mut Session, person: &Email, now: Timestamp) -> Result<Vec<Seat>, StoreError> {
    let sql = "WITH seats AS (SELECT CAST($1 AS TEXT) AS email UNION ALL SELECT email FROM people WHERE delegate = $1 AND away = 1
            AND email <> $1 AND (away_from IS NULL OR away_from <= $2) AND (away_until IS NULL OR away_until > $2))
        SELECT s.email, p.name, p.away_until, CAST(NULL AS TEXT) AS group_name, CAST(NULL AS BIGINT) AS signed_in_at
            FROM seats s LEFT JOIN people p ON p.email = s.email
        UNION ALL SELECT s.email, CAST(NULL AS TEXT), CAST(NULL AS BIGINT), m.group_name, CAST(NULL AS BIGINT)
            FROM seats s JOIN group_members m ON m.email = s.email
        UNION ALL SELECT s.email, CAST(NULL AS TEXT), CAST(NULL AS BIGINT), c.group_name, v.signed_in_at
            FROM seats s JOIN claim_values v ON v.person = s.email JOIN group_claims c ON c.value = v.value";
    let rows: Vec<Row> = session.fetch_all(sql, args![person, now]).await?;
    let mut seats: BTreeMap<Email, Seat> = BTreeMap::new();
    let parsed = session.unreadable().convert_some(rows, Row::parsed);
    for (member, row, group) in parsed {
        let new = || Seat { member: member.clone(), name: None, away_until: None, groups: BTreeMap::new() };
        let seat = seats.entry(member.clone()).or_insert_with(new);
        let Some(group) = group else {
            seat.name = row.name;
            seat.away_until = row.away_until.map(Timestamp::from_micros);
            continue;
        };
        let membership = session.max_age().membership(row.signed_in_at);
        let known = seat.groups.entry(group).or_insert(membership);
        *known = membership.max(*known);
    }
    let own = seats.remove(person);
    Ok(own.into_iter().chain(seats.into_values()).collect())
}

impl Row {
    fn parsed(self) -> Result<(Email, Self, Option<GroupName>), StoreError> {
        let email = self
            .email
            .parse()
            .map_err(|cause| StoreError::inconsistent("group_members", "email", &self.email, cause))?;
        let group = self
            .group_name
            .as_deref()
            .map(|name| name.parse().map_err(|cause| StoreError::inconsistent("groups", "name", name, cause)));
        let group = group.transpose()?;
        Ok((email, self, group))
    }
}
