//! Groups and their members.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args, chunks};
use super::bulk::Bulk;
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{Email, GroupName, Roster};
use crate::time::Timestamp;

/// A group as stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    pub name: GroupName,
    pub members: BTreeSet<Email>,
    /// Who else decides about the members; nobody when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<Manager>,
}

/// Who decides about the members of a group in the place of the hub's operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// A directory, by SCIM.
    Scim,
}

/// A member of a group, with a display name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedMember {
    pub email: Email,
    /// The address when no name is known.
    pub name: String,
}

#[derive(sqlx_macros::FromRow)]
struct MemberRow {
    group_name: String,
    email: String,
}

#[derive(sqlx_macros::FromRow)]
struct NameRow {
    name: String,
    managed: Option<String>,
}

impl NameRow {
    fn manager(&self) -> Option<Manager> {
        self.managed.as_ref().map(|_| Manager::Scim)
    }
}

static MEMBERS: Bulk = Bulk::new(1, "INSERT INTO group_members (group_name, email)", 2, "");

/// Creates the group or replaces its members. Only the difference is written, with few statements.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn put(session: &mut Session, group: &Group, now: Timestamp) -> Result<(), StoreError> {
    session.touch_configuration();
    let sql = "INSERT INTO groups (name, updated_at) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at";
    session.execute(sql, args![&group.name, now]).await?;
    let known = roster(session, [&group.name]).await?;
    let known: BTreeSet<&Email> = known.members(&group.name).collect();
    let gone: Vec<Email> = known.iter().copied().filter(|member| !group.members.contains(*member)).cloned().collect();
    for (places, mut values) in chunks(&gone) {
        values.push(Arg::from(&group.name));
        let sql = format!("DELETE FROM group_members WHERE email IN ({places}) AND group_name = ${}", values.len());
        session.execute(AssertSqlSafe(sql), values).await?;
    }
    for member in group.members.iter().filter(|member| !known.contains(member)) {
        session.add(&MEMBERS, args![&group.name, member]);
    }
    Ok(())
}

/// One group with its members.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, name: &GroupName) -> Result<Option<Group>, StoreError> {
    let sql =
        "SELECT g.name, s.id AS managed FROM groups g LEFT JOIN scim_groups s ON s.name = g.name WHERE g.name = $1";
    let known: Option<NameRow> = session.fetch_optional(sql, args![name]).await?;
    let Some(known) = known else { return Ok(None) };
    let roster = roster(session, [name]).await?;
    let members = roster.members(name).cloned().collect();
    Ok(Some(Group { name: name.clone(), members, managed_by: known.manager() }))
}

/// Groups after `after` in the order of names, up to `limit`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: &str, limit: u32) -> Result<Vec<Group>, StoreError> {
    let sql = "SELECT g.name, s.id AS managed FROM groups g LEFT JOIN scim_groups s ON s.name = g.name
        WHERE g.name > $1 ORDER BY g.name LIMIT $2";
    let values = |after: &String, left| args![after, left];
    let read = |row: NameRow| Ok((parse_group(&row.name)?, row.manager()));
    let listing = Listing { values, position: |row: &NameRow| row.name.clone(), read };
    let names = readable::page(session, sql, listing, after.to_owned(), limit).await?;
    let roster = roster(session, names.iter().map(|(name, _)| name)).await?;
    let with_members =
        |(name, managed_by)| Group { members: roster.members(&name).cloned().collect(), name, managed_by };
    Ok(names.into_iter().map(with_members).collect())
}

/// Deletes a group; returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, name: &GroupName) -> Result<bool, StoreError> {
    session.touch_configuration();
    Ok(session.execute("DELETE FROM groups WHERE name = $1", args![name]).await? == 1)
}

/// Removes a person from all groups.
///
/// # Errors
/// When the database fails.
pub async fn remove_person(session: &mut Session, person: &Email) -> Result<(), StoreError> {
    session.touch_configuration();
    session.execute("DELETE FROM group_members WHERE email = $1", args![person]).await.map(drop)
}

/// The groups' members with their names, each once, in the order of names.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn named_members(
    session: &mut Session,
    groups: impl IntoIterator<Item = &GroupName>,
) -> Result<Vec<NamedMember>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct NamedRow {
        email: String,
        name: String,
    }
    let values: Vec<_> = groups.into_iter().map(Into::into).collect();
    let sql = format!(
        "SELECT DISTINCT m.email, COALESCE(p.name, m.email) AS name FROM group_members m
         LEFT JOIN people p ON p.email = m.email WHERE m.group_name IN ({}) ORDER BY 2, 1",
        places(1, values.len())
    );
    let rows: Vec<NamedRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let read = |row: NamedRow| Ok(NamedMember { email: parse_email(&row.email)?, name: row.name });
    Ok(session.unreadable().convert_some(rows, read))
}

/// The members of the given groups.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn roster(session: &mut Session, groups: impl IntoIterator<Item = &GroupName>) -> Result<Roster, StoreError> {
    memberships(session, groups, None).await
}

/// Which of the given people are in which of the given groups. Costs little even when the groups are large.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn roster_of(
    session: &mut Session,
    groups: impl IntoIterator<Item = &GroupName>,
    people: &BTreeSet<&Email>,
) -> Result<Roster, StoreError> {
    memberships(session, groups, Some(people)).await
}

/// The groups that the person is in.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_person(session: &mut Session, person: &Email) -> Result<BTreeSet<GroupName>, StoreError> {
    let sql = "SELECT group_name, email FROM group_members WHERE email = $1";
    let rows: Vec<MemberRow> = session.fetch_all(sql, args![person]).await?;
    Ok(session.unreadable().convert_some(rows, |row| parse_group(&row.group_name)).into_iter().collect())
}

async fn memberships(
    session: &mut Session,
    groups: impl IntoIterator<Item = &GroupName>,
    people: Option<&BTreeSet<&Email>>,
) -> Result<Roster, StoreError> {
    let mut values: Vec<_> = groups.into_iter().map(Into::into).collect();
    let group_count = values.len();
    if group_count == 0 {
        return Ok(Roster::default());
    }
    let mut sql =
        format!("SELECT group_name, email FROM group_members WHERE group_name IN ({})", places(1, group_count));
    if let Some(people) = people {
        sql.push_str(&format!(" AND email IN ({})", places(group_count + 1, people.len())));
        values.extend(people.iter().map(|person| (*person).into()));
    }
    let rows: Vec<MemberRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    // A member who cannot be read cannot vote either.
    let read = |row: MemberRow| Ok((parse_group(&row.group_name)?, parse_email(&row.email)?));
    Ok(session.unreadable().convert_some(rows, read).into_iter().collect())
}

/// `count` placeholders, from `$from` on.
fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

fn parse_group(name: &str) -> Result<GroupName, StoreError> {
    name.parse().map_err(|cause| StoreError::inconsistent("groups", "name", name, cause))
}

fn parse_email(email: &str) -> Result<Email, StoreError> {
    email.parse().map_err(|cause| StoreError::inconsistent("group_members", "email", email, cause))
}
