//! Groups of a directory, and the groups of the hub that they manage.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::list::{MAX_GROUPS, Part};
use super::members::{addresses, derive};
use crate::approval::GroupName;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::config::store_group;
use crate::hub::{Hub, HubError, require};
use crate::identity::scim::{GroupChange, GroupInput, ListShape, MemberChange, group_name};
use crate::identity::{Principal, Right};
use crate::ids::{ScimGroupId, ScimUserId};
use crate::store::groups::{self, Group};
use crate::store::scim::groups::ScimGroup;
use crate::store::scim::{groups as scim_groups, members};
use crate::store::{Tx, in_use, resources};
use crate::time::Timestamp;

/// Most members of one group.
const MAX_MEMBERS: usize = 2_000;

impl Hub {
    /// Adds a group of the directory. From now on it manages the hub's group of that name, which is created if need be.
    ///
    /// # Errors
    /// When the caller may not, the group is malformed, or the name is taken.
    pub async fn create_scim_group(&self, caller: &Principal, body: &Value) -> Result<ScimGroup, HubError> {
        require(caller, Right::Provision)?;
        let GroupInput { display_name, external_id, members: ids } = GroupInput::read(body)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        let (id, name) = (ScimGroupId::mint(now), group_name(&display_name)?);
        let group = ScimGroup { id, name, display_name, external_id, created_at: now, updated_at: now };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let ids = ids.unwrap_or_default();
                    let people = addresses(tx.session(), &ids).await?;
                    let former = take_over(tx, &group, now).await?;
                    members::put(tx.session(), group.id, &BTreeSet::new(), &ids).await?;
                    derive(tx, &group, now).await?;
                    let details = json!({
                        "group": group.name, "scim_group": id, "display_name": group.display_name, "members": people,
                        "former_members": former,
                    });
                    tx.record(&Entry { details, ..Entry::new(now, "scim.group.created", actor) })?;
                    Ok(group)
                })
            })
            .await
    }

    /// One group of the directory, with its members if they are wanted.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn scim_group(
        &self,
        caller: &Principal,
        id: ScimGroupId,
        with_members: bool,
    ) -> Result<(ScimGroup, Option<Vec<ScimUserId>>), HubError> {
        require(caller, Right::Provision)?;
        let session = &mut self.store.read().await?;
        let group = scim_groups::get(session, id).await?.ok_or(HubError::NotFound("group"))?;
        let members = if with_members { Some(members::of_group(session, id).await?) } else { None };
        Ok((group, members))
    }

    /// Groups of the directory, with their members if they are wanted.
    ///
    /// # Errors
    /// When the caller may not, or the filter is not one for groups.
    pub async fn scim_groups(
        &self,
        caller: &Principal,
        part: &Part,
        with_members: bool,
    ) -> Result<(ListShape, Vec<(ScimGroup, Option<Vec<ScimUserId>>)>), HubError> {
        require(caller, Right::Provision)?;
        let conditions = part.of_groups()?;
        let session = &mut self.store.read().await?;
        let (total, found) = scim_groups::list(session, &conditions, part.range(MAX_GROUPS)).await?;
        let mut groups = Vec::new();
        for group in found {
            let members = if with_members { Some(members::of_group(session, group.id).await?) } else { None };
            groups.push((group, members));
        }
        Ok((part.shape(total), groups))
    }

    /// Replaces a group; without `members`, they stay.
    ///
    /// # Errors
    /// See [`Hub::change_scim_group`].
    pub async fn replace_scim_group(&self, caller: &Principal, id: ScimGroupId, body: &Value) -> Result<(), HubError> {
        let GroupInput { display_name, external_id, members } = GroupInput::read(body)?;
        let change = GroupChange {
            display_name: Some(display_name),
            external_id: Some(external_id),
            members: members.into_iter().map(MemberChange::Replace).collect(),
        };
        self.change_scim_group(caller, id, change).await
    }

    /// Changes a group. A new name is refused while a policy or a pending request names the hub's group: it would wait for
    /// nobody.
    ///
    /// # Errors
    /// When the caller may not, there is none, a member is unknown, or the name is taken or in use.
    pub async fn change_scim_group(
        &self,
        caller: &Principal,
        id: ScimGroupId,
        change: GroupChange,
    ) -> Result<(), HubError> {
        require(caller, Right::Provision)?;
        loop {
            let version = self.store.lookup().version();
            let (known, _) = self.scim_group(caller, id, false).await?;
            let is_renamed = new_name(&change)?.is_some_and(|new| new != known.name);
            let is_named = if is_renamed { Some(self.is_named_in_terms(&known.name).await?) } else { None };
            let (now, actor, change) = (self.clock.now(), caller.actor(), change.clone());
            let is_done = self
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        // What was read for a new name must still hold.
                        let is_named = is_named.filter(|_| tx.configuration_version() == Some(version));
                        change_group(tx, id, &change, is_named, (now, actor)).await
                    })
                })
                .await?;
            if is_done {
                return Ok(());
            }
        }
    }

    /// Deletes a group. Its members lose the hub's group, which is deleted too unless something names it.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn delete_scim_group(&self, caller: &Principal, id: ScimGroupId) -> Result<(), HubError> {
        require(caller, Right::Provision)?;
        loop {
            let version = self.store.lookup().version();
            let (known, _) = self.scim_group(caller, id, false).await?;
            let is_named = self.is_named_in_terms(&known.name).await?;
            let (now, actor) = (self.clock.now(), caller.actor());
            let is_done = self
                .store
                .write::<_, _, HubError>(move |tx| {
                    Box::pin(async move {
                        if tx.configuration_version() != Some(version) {
                            return Ok(false);
                        }
                        let left = release(tx, &known, is_named, now).await?;
                        let details = json!({"group": known.name, "scim_group": id, "former_members": left});
                        tx.record(&Entry { details, ..Entry::new(now, "scim.group.deleted", actor) })?;
                        Ok(true)
                    })
                })
                .await?;
            if is_done {
                return Ok(());
            }
        }
    }

    async fn is_named_in_terms(&self, name: &GroupName) -> Result<bool, HubError> {
        Ok(!in_use::named_in_terms(&mut self.store.read().await?, name).await?.is_empty())
    }
}

/// Makes the directory's group the manager of the hub's group, without members of its own yet. Returns who was in that group.
async fn take_over(tx: &mut Tx, group: &ScimGroup, now: Timestamp) -> Result<Value, HubError> {
    let taken = |other: &str| {
        let detail = format!(
            "displayName {:?} stands for the group {}, and {other}: give one of them another name",
            group.display_name, group.name
        );
        HubError::conflict(Code::NameTaken, detail)
    };
    if let Some(other) = scim_groups::alike(tx.session(), group.id, &group.name).await? {
        return Err(taken(&format!("so does that of the group {} ({:?})", other.id, other.display_name)));
    }
    if let Some(other) = scim_groups::in_other_case(tx.session(), &group.name).await? {
        return Err(taken(&format!("the hub has the group {other}, which differs in case only")));
    }
    let former = groups::get(tx.session(), &group.name).await?;
    if former.as_ref().is_some_and(|former| !former.from_claim.is_empty()) {
        let detail = format!(
            "the group {} of the hub has members by a claim, so no directory can manage it: remove its from_claim, or give \
             displayName {:?} another name",
            group.name, group.display_name
        );
        return Err(HubError::conflict(Code::NameTaken, detail));
    }
    if former.is_none() {
        store_group(tx, &empty(&group.name), now).await?;
    }
    scim_groups::put(tx.session(), group).await?;
    Ok(former.map_or(Value::Null, |former| json!(former.members)))
}

/// Ends the management of a hub's group and empties it; deletes it unless something names it. Returns who was in it.
async fn release(tx: &mut Tx, known: &ScimGroup, is_named: bool, now: Timestamp) -> Result<Value, HubError> {
    let former = groups::get(tx.session(), &known.name).await?.map(|group| group.members).unwrap_or_default();
    scim_groups::delete(tx.session(), known.id).await?;
    store_group(tx, &empty(&known.name), now).await?;
    if !is_named && !is_in_use(tx, &known.name).await? {
        groups::delete(tx.session(), &known.name).await?;
    }
    Ok(json!(former))
}

fn empty(name: &GroupName) -> Group {
    Group { name: name.clone(), members: BTreeSet::new(), from_claim: BTreeSet::new(), managed_by: None }
}

/// Whether a policy, or a request that waits for it, names the group.
async fn is_in_use(tx: &mut Tx, name: &GroupName) -> Result<bool, HubError> {
    let is_in_policy = resources::naming(tx.session(), name).await?.is_some();
    Ok(is_in_policy || !in_use::waiting_for(tx.session(), name).await?.is_empty())
}

/// The name in the hub that a change asks for.
fn new_name(change: &GroupChange) -> Result<Option<GroupName>, HubError> {
    Ok(change.display_name.as_deref().map(group_name).transpose()?)
}

/// Changes a group. Returns `false` if it gets a new name and it is not known whether terms name the old one.
async fn change_group(
    tx: &mut Tx,
    id: ScimGroupId,
    change: &GroupChange,
    is_named: Option<bool>,
    (now, actor): (Timestamp, Actor),
) -> Result<bool, HubError> {
    let known = scim_groups::get(tx.session(), id).await?.ok_or(HubError::NotFound("group"))?;
    let name = new_name(change)?.unwrap_or_else(|| known.name.clone());
    let display_name = change.display_name.clone().unwrap_or_else(|| known.display_name.clone());
    let external_id = change.external_id.clone().unwrap_or_else(|| known.external_id.clone());
    let group = ScimGroup { name, display_name, external_id, updated_at: now, ..known.clone() };
    let (before, after) = changed_members(tx, id, change).await?;
    let is_same = ScimGroup { updated_at: known.updated_at, ..group.clone() } == known;
    if is_same && before == after {
        return Ok(true);
    }
    match is_named {
        _ if group.name == known.name => scim_groups::put(tx.session(), &group).await?,
        None => return Ok(false),
        Some(is_named) => rename(tx, &known, &group, is_named, now).await?,
    }
    members::put(tx.session(), id, &before, &after).await?;
    let moved = derive(tx, &group, now).await?;
    let details = json!({
        "group": group.name, "scim_group": id, "display_name": group.display_name, "came": moved.came,
        "went": moved.went, "former_name": (group.name != known.name).then_some(&known.name),
    });
    tx.record(&Entry { details, ..Entry::new(now, "scim.group.changed", actor) })?;
    Ok(true)
}

/// The members before and after a change. New ones must be users.
async fn changed_members(
    tx: &mut Tx,
    id: ScimGroupId,
    change: &GroupChange,
) -> Result<(BTreeSet<ScimUserId>, BTreeSet<ScimUserId>), HubError> {
    let before: BTreeSet<ScimUserId> = members::of_group(tx.session(), id).await?.into_iter().collect();
    let mut after = before.clone();
    change.members.iter().for_each(|change| change.apply(&mut after));
    if after.len() > MAX_MEMBERS {
        let detail = format!("{} members are too many: the limit is {MAX_MEMBERS}", after.len());
        return Err(HubError::invalid(Code::InvalidValue, "", detail));
    }
    addresses(tx.session(), &after.difference(&before).copied().collect()).await?;
    Ok((before, after))
}

/// Manages another group of the hub from now on, in the place of one that nothing names.
async fn rename(
    tx: &mut Tx,
    known: &ScimGroup,
    group: &ScimGroup,
    is_named: bool,
    now: Timestamp,
) -> Result<(), HubError> {
    if is_named || is_in_use(tx, &known.name).await? {
        let detail = format!(
            "a policy or a pending request names the group {}: change the policy to {} first, and decide the requests",
            known.name, group.name
        );
        return Err(HubError::conflict(Code::InUse, detail));
    }
    take_over(tx, group, now).await?;
    groups::delete(tx.session(), &known.name).await?;
    Ok(())
}
