//! Groups and their members.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args, chunks};
use super::bulk::Bulk;
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{Email, GroupName, Membership, Roster};
use crate::time::Timestamp;

/// A group as stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    pub name: GroupName,
    /// The people that are listed.
    pub members: BTreeSet<Email>,
    /// Values of the identity provider's groups claim: who signs in with one of them is a member too.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub from_claim: BTreeSet<String>,
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
    pub membership: Membership,
}

#[derive(sqlx_macros::FromRow)]
struct MemberRow {
    group_name: String,
    email: String,
    /// When a member by a claim has signed in; none for who is listed.
    signed_in_at: Option<i64>,
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
static CLAIMS: Bulk = Bulk::new(1, "INSERT INTO group_claims (group_name, value)", 2, "");

/// The columns of a [`MemberRow`], for listed members and for members by claims.
const LISTED: &str = "SELECT m.group_name, m.email, CAST(NULL AS BIGINT) AS signed_in_at FROM group_members m";
const BY_CLAIM: &str = "SELECT c.group_name, v.person, v.signed_in_at FROM group_claims c
    JOIN claim_values v ON v.value = c.value";

/// Creates the group or replaces its members and values. Only the difference is written, with few statements.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn put(session: &mut Session, group: &Group, now: Timestamp) -> Result<(), StoreError> {
    session.touch_configuration();
    let sql = "INSERT INTO groups (name, updated_at) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at";
    session.execute(sql, args![&group.name, now]).await?;
    let (known, named) = members_and_values(session, &group.name).await?;
    let gone: Vec<Email> = known.difference(&group.members).cloned().collect();
    for (places, mut values) in chunks(&gone) {
        values.push(Arg::from(&group.name));
        let sql = format!("DELETE FROM group_members WHERE email IN ({places}) AND group_name = ${}", values.len());
        session.execute(AssertSqlSafe(sql), values).await?;
    }
    for member in group.members.difference(&known) {
        session.add(&MEMBERS, args![&group.name, member]);
    }
    let unnamed: Vec<String> = named.difference(&group.from_claim).cloned().collect();
    for (places, mut values) in chunks(&unnamed) {
        values.push(Arg::from(&group.name));
        let sql = format!("DELETE FROM group_claims WHERE value IN ({places}) AND group_name = ${}", values.len());
        session.execute(AssertSqlSafe(sql), values).await?;
    }
    for value in group.from_claim.difference(&named) {
        session.add(&CLAIMS, args![&group.name, value]);
    }
    Ok(())
}

/// The listed members of a group, and the values that it names.
async fn members_and_values(
    session: &mut Session,
    name: &GroupName,
) -> Result<(BTreeSet<Email>, BTreeSet<String>), StoreError> {
    let (mut members, mut values) = listed(session, &[name]).await?;
    Ok((members.remove(name).unwrap_or_default(), values.remove(name).unwrap_or_default()))
}

type ByGroup<T> = BTreeMap<GroupName, BTreeSet<T>>;

/// The listed members of the groups, and the values that they name.
async fn listed(session: &mut Session, names: &[&GroupName]) -> Result<(ByGroup<Email>, ByGroup<String>), StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct ClaimRow {
        group_name: String,
        value: String,
    }
    let (mut members, mut values) = (ByGroup::new(), ByGroup::new());
    if names.is_empty() {
        return Ok((members, values));
    }
    let wanted = || names.iter().map(|name| Arg::from(*name)).collect();
    let places = places(1, names.len());
    let rows: Vec<MemberRow> =
        session.fetch_all(AssertSqlSafe(format!("{LISTED} WHERE m.group_name IN ({places})")), wanted()).await?;
    let read = |row: MemberRow| Ok((parse_group(&row.group_name)?, parse_email(&row.email)?));
    for (group, member) in session.unreadable().convert_some(rows, read) {
        members.entry(group).or_default().insert(member);
    }
    let sql = format!("SELECT group_name, value FROM group_claims WHERE group_name IN ({places})");
    let rows: Vec<ClaimRow> = session.fetch_all(AssertSqlSafe(sql), wanted()).await?;
    let read = |row: ClaimRow| Ok((parse_group(&row.group_name)?, row.value));
    for (group, value) in session.unreadable().convert_some(rows, read) {
        values.entry(group).or_default().insert(value);
    }
    Ok((members, values))
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
    let (members, from_claim) = members_and_values(session, name).await?;
    Ok(Some(Group { name: name.clone(), members, from_claim, managed_by: known.manager() }))
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
    let (mut members, mut values) = listed(session, &names.iter().map(|(name, _)| name).collect::<Vec<_>>()).await?;
    let with_members = |(name, managed_by)| Group {
        members: members.remove(&name).unwrap_or_default(),
        from_claim: values.remove(&name).unwrap_or_default(),
        name,
        managed_by,
    };
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

/// Removes a person from all groups. Their values are forgotten until the next sign-in.
///
/// # Errors
/// When the database fails.
pub async fn remove_person(session: &mut Session, person: &Email) -> Result<(), StoreError> {
    session.touch_configuration();
    session.execute("DELETE FROM group_members WHERE email = $1", args![person]).await?;
    session.execute("DELETE FROM claim_values WHERE person = $1", args![person]).await.map(drop)
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
        signed_in_at: Option<i64>,
    }
    let values: Vec<_> = groups.into_iter().map(Into::into).collect();
    let places = places(1, values.len());
    let sql = format!(
        "SELECT a.email, COALESCE(p.name, a.email) AS name, a.signed_in_at
         FROM ({LISTED} WHERE m.group_name IN ({places}) UNION ALL {BY_CLAIM} WHERE c.group_name IN ({places})) a
         LEFT JOIN people p ON p.email = a.email ORDER BY 2, 1"
    );
    let rows: Vec<NamedRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let read = |row: NamedRow| {
        let membership = session.max_age().membership(row.signed_in_at);
        Ok(NamedMember { email: parse_email(&row.email)?, name: row.name, membership })
    };
    let mut members: Vec<NamedMember> = session.unreadable().convert_some(rows, read);
    members.dedup_by(|next, kept| {
        let is_same = next.email == kept.email;
        if is_same {
            kept.membership = kept.membership.max(next.membership);
        }
        is_same
    });
    Ok(members)
}

/// The members of the given groups, also those by old claims.
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

/// [`roster_of`], with the display names of these people, as far as they are known.
///
/// # Errors
/// When the database fails.
pub async fn named_roster_of(
    session: &mut Session,
    groups: &BTreeSet<&GroupName>,
    people: &BTreeSet<&Email>,
) -> Result<(Roster, BTreeMap<Email, String>), StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Named {
        /// None for a name.
        group_name: Option<String>,
        email: String,
        signed_in_at: Option<i64>,
        name: Option<String>,
    }
    if groups.is_empty() || people.is_empty() {
        return Ok(Default::default());
    }
    let (of_groups, of_people) = (places(1, groups.len()), places(groups.len() + 1, people.len()));
    let values = groups.iter().map(|group| (*group).into()).chain(people.iter().map(|person| (*person).into()));
    let sql = format!(
        "SELECT a.group_name, a.email, a.signed_in_at, CAST(NULL AS TEXT) AS name
         FROM ({LISTED} WHERE m.group_name IN ({of_groups}) AND m.email IN ({of_people})
            UNION ALL {BY_CLAIM} WHERE c.group_name IN ({of_groups}) AND v.person IN ({of_people})) a
         UNION ALL SELECT CAST(NULL AS TEXT), p.email, CAST(NULL AS BIGINT), p.name FROM people p WHERE p.email IN ({of_people})"
    );
    let rows: Vec<Named> = session.fetch_all(AssertSqlSafe(sql), values.collect()).await?;
    let read = |row: Named| {
        let membership = session.max_age().membership(row.signed_in_at);
        Ok((row.group_name.as_deref().map(parse_group).transpose()?, parse_email(&row.email)?, membership, row.name))
    };
    let (mut roster, mut names) = (Roster::default(), BTreeMap::new());
    for (group, person, membership, name) in session.unreadable().convert_some(rows, read) {
        names.extend(name.map(|name| (person.clone(), name)));
        if let Some(group) = group {
            roster.add(group, person, membership);
        }
    }
    Ok((roster, names))
}

/// The groups that the person is in, also by old claims.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_person(session: &mut Session, person: &Email) -> Result<BTreeSet<GroupName>, StoreError> {
    Ok(memberships_of(session, person).await?.into_keys().collect())
}

/// The groups that the person is in, with the strongest membership in each.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn memberships_of(
    session: &mut Session,
    person: &Email,
) -> Result<BTreeMap<GroupName, Membership>, StoreError> {
    let sql = format!("{LISTED} WHERE m.email = $1 UNION ALL {BY_CLAIM} WHERE v.person = $1");
    let rows: Vec<MemberRow> = session.fetch_all(AssertSqlSafe(sql), args![person]).await?;
    let read = |row: MemberRow| {
        let membership = session.max_age().membership(row.signed_in_at);
        Ok((parse_group(&row.group_name)?, membership))
    };
    let mut strongest = BTreeMap::new();
    for (group, membership) in session.unreadable().convert_some(rows, read) {
        let known = strongest.entry(group).or_insert(membership);
        *known = membership.max(*known);
    }
    Ok(strongest)
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
    let of_groups = places(1, group_count);
    let (mut is_listed, mut is_named) =
        (format!("m.group_name IN ({of_groups})"), format!("c.group_name IN ({of_groups})"));
    if let Some(people) = people {
        let of_people = places(group_count + 1, people.len());
        is_listed.push_str(&format!(" AND m.email IN ({of_people})"));
        is_named.push_str(&format!(" AND v.person IN ({of_people})"));
        values.extend(people.iter().map(|person| (*person).into()));
    }
    let sql = format!("{LISTED} WHERE {is_listed} UNION ALL {BY_CLAIM} WHERE {is_named}");
    let rows: Vec<MemberRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    // A member who cannot be read cannot vote either.
    let read = |row: MemberRow| {
        let membership = session.max_age().membership(row.signed_in_at);
        Ok((parse_group(&row.group_name)?, parse_email(&row.email)?, membership))
    };
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
