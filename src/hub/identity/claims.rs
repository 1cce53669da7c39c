//! Members by group claims: what a sign-in through the identity provider says about a person's groups.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::approval::{Email, limits};
use crate::audit::{Actor, Entry};
use crate::hub::{Hub, HubError};
use crate::store::scim::users;
use crate::store::{Signal, Tx, claims, membership_checks};
use crate::time::Timestamp;

/// Most values of one person that are kept.
const MAX_VALUES: usize = 2_000;
/// How long a sign-in is remembered. Old memberships count for whether enough people could approve, and who never signs in
/// again must not count forever.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);
/// Most values that one sign-in forgets.
const FORGOTTEN: u32 = 100;

/// Records the values of the groups claim with which a person signed in at `now`, in the place of those of earlier
/// sign-ins. Requests that wait for a group that the person came to or left are checked again.
///
/// Only values that a group names are kept: a provider may send thousands, which are nobody's business here. So a group that
/// names another value later has its members after their next sign-ins. Sign-ins of long ago are forgotten by the way.
///
/// # Errors
/// When the store fails.
pub(in crate::hub) async fn record(
    tx: &mut Tx,
    person: &Email,
    values: &BTreeSet<String>,
    now: Timestamp,
) -> Result<(), HubError> {
    // Whom the directory has deactivated is in no group.
    let is_active = users::deactivated(tx.session(), std::slice::from_ref(person)).await?.is_none();
    // No group can name others. The store would replace NUL, and so find a value that the person does not have.
    let possible = values.iter().filter(|value| is_active && value.len() <= limits::SHORT && !value.contains('\0'));
    let mut named = claims::named(tx.session(), &possible.cloned().collect()).await?;
    if named.len() > MAX_VALUES {
        tracing::warn!(%person, kept = MAX_VALUES, "the groups claim has too many values: the last ones are ignored");
        named = named.into_iter().take(MAX_VALUES).collect();
    }
    keep(tx, person, &named, now).await?;
    for gone in claims::signed_in_before(tx.session(), now - REMEMBERED, FORGOTTEN).await? {
        keep(tx, &gone, &BTreeSet::new(), now).await?;
    }
    Ok(())
}

/// Makes these the values of the person.
async fn keep(tx: &mut Tx, person: &Email, values: &BTreeSet<String>, now: Timestamp) -> Result<(), HubError> {
    let moved = claims::replace(tx.session(), person, values, now).await?;
    if !moved.refused.is_empty() {
        let values = moved.refused.len();
        tracing::warn!(%person, values, most = claims::MAX_PEOPLE, "a group has too many members by claims: this one is in none of them by these values");
    }
    if moved.is_nowhere() {
        return Ok(());
    }
    for group in moved.came.union(&moved.went) {
        membership_checks::ask(tx.session(), group, now).await?;
    }
    tx.signal(Signal::Deadline);
    tx.record(&Entry {
        person: Some(person.clone()),
        details: json!({"came": moved.came, "went": moved.went}),
        ..Entry::new(now, "person.groups", Actor::Hub)
    })?;
    Ok(())
}

impl Hub {
    /// Records the groups claim of a sign-in that happens now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record_claims(&self, person: Email, values: BTreeSet<String>) -> Result<(), HubError> {
        let clock = self.clock.clone();
        self.store.write(move |tx| Box::pin(async move { record(tx, &person, &values, clock.now()).await })).await
    }
}
