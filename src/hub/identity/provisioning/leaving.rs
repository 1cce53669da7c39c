//! What ends when a person leaves: memberships, roles, tokens, sessions, and what they do as a stand-in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::approval::{Email, GroupName};
use crate::hub::HubError;
use crate::store::people::Person;
use crate::store::{Signal, StoreError, Tx, groups, membership_checks, people, sessions, tokens};
use crate::time::Timestamp;

/// Ends everything by which the person decides, and has the requests checked again that wait for their groups. Returns what
/// ended, for the audit trail.
pub(super) async fn leave(tx: &mut Tx, person: &Email, now: Timestamp) -> Result<Value, HubError> {
    let left = groups::of_person(tx.session(), person).await?;
    groups::remove_person(tx.session(), person).await?;
    let revoked = tokens::delete_of(tx.session(), person).await?;
    let signed_out = sessions::delete_of_person(tx.session(), person, None).await?;
    let roles = stored(tx, person).await?.map(|known| known.roles).unwrap_or_default();
    people::clear_roles(tx.session(), person).await?;
    let stood_in_for = people::end_delegations(tx.session(), person).await?;
    let mut changed: BTreeSet<GroupName> = left.clone();
    for absent in &stood_in_for {
        changed.extend(groups::of_person(tx.session(), absent).await?);
    }
    for group in &changed {
        membership_checks::ask(tx.session(), group, now).await?;
    }
    tx.signal(Signal::Deadline);
    Ok(json!({
        "groups": left, "roles": roles, "tokens": revoked, "sessions": signed_out, "stood_in_for": stood_in_for,
    }))
}

/// As [`leave`], and the hub forgets the person.
pub(super) async fn remove(tx: &mut Tx, person: &Email, now: Timestamp) -> Result<Value, HubError> {
    let absence = stored(tx, person).await?.and_then(|known| known.absence);
    let mut ended = leave(tx, person, now).await?;
    if let (Some(ended), Some(absence)) = (ended.as_object_mut(), absence) {
        ended.insert("absence".to_owned(), json!(absence));
    }
    people::delete(tx.session(), person).await?;
    Ok(ended)
}

/// What is stored of the person, if it can be read: a row that cannot must keep nobody from leaving.
async fn stored(tx: &mut Tx, person: &Email) -> Result<Option<Person>, StoreError> {
    Ok(people::known(tx.session(), &BTreeSet::from([person])).await?.pop())
}
