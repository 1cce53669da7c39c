//! The groups in which a requester counts.

use std::collections::BTreeSet;

use crate::approval::{Email, GroupName, Requester, RequesterGroups};
use crate::hub::HubError;
use crate::identity::{Principal, Scope};
use crate::store::Lookup;
use crate::time::Timestamp;

/// The groups of the requester: those that the hub knows, and those that a system's token claims.
///
/// With `acting_for` or a beneficiary, the known groups are those that all of these people share: an exemption of one
/// person must not apply to another. Old memberships do not count.
pub(super) async fn belonging(
    lookup: &Lookup<'_>,
    caller: &Principal,
    requester: &Requester,
    beneficiary: Option<&Email>,
    now: Timestamp,
) -> Result<RequesterGroups, HubError> {
    let groups_of = async |person: &Email| -> Result<BTreeSet<GroupName>, HubError> {
        let known = lookup.groups_of(person, now).await?;
        let counting = known.iter().filter(|(_, membership)| membership.is_fresh(now));
        Ok(counting.map(|(group, _)| group.clone()).collect())
    };
    let mut known = match &requester.email {
        Some(email) => groups_of(email).await?,
        None => BTreeSet::new(),
    };
    if let Some(human) = &requester.acting_for {
        let theirs = groups_of(human).await?;
        known.retain(|group| theirs.contains(group));
    }
    let trusted = caller.person().is_none() || caller.has(Scope::Admin);
    let mut claimed: BTreeSet<GroupName> =
        if trusted { requester.groups.iter().cloned().collect() } else { BTreeSet::new() };
    if let Some(other) = beneficiary {
        // For visibility of the resource, the requester's own groups are enough.
        claimed.extend(known.iter().cloned());
        let theirs = groups_of(other).await?;
        known.retain(|group| theirs.contains(group));
    }
    Ok(RequesterGroups { known, claimed })
}

/// Who of the requesting side is in one of these groups by an old membership only.
pub(super) async fn with_old_membership(
    lookup: &Lookup<'_>,
    requester: &Requester,
    groups: &BTreeSet<GroupName>,
    now: Timestamp,
) -> Result<Option<Email>, HubError> {
    for person in requester.email.iter().chain(&requester.acting_for) {
        let known = lookup.groups_of(person, now).await?;
        let mut memberships = groups.iter().filter_map(|group| known.get(group)).peekable();
        if memberships.peek().is_some() && memberships.all(|membership| !membership.is_fresh(now)) {
            return Ok(Some(person.clone()));
        }
    }
    Ok(None)
}
