//! Users of a directory, and the people that they are.

use serde_json::{Value, json};

use super::leaving::{leave, remove};
use super::list::{MAX_USERS, Part};
use super::members::derive;
use crate::approval::Email;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Hub, HubError, require};
use crate::identity::scim::{ListShape, UserAttributes};
use crate::identity::{Principal, Right};
use crate::ids::ScimUserId;
use crate::store::people::{self, Person};
use crate::store::scim::members;
use crate::store::scim::users::{self, ScimUser};
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

impl Hub {
    /// Adds a user of the directory.
    ///
    /// # Errors
    /// When the caller may not, the user is malformed, or the name or address is taken.
    pub async fn create_scim_user(&self, caller: &Principal, body: &Value) -> Result<ScimUser, HubError> {
        require(caller, Right::Provision)?;
        let attributes = UserAttributes::read(body, true)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        let email = attributes.person()?;
        let user = ScimUser { id: ScimUserId::mint(now), email, attributes, created_at: now, updated_at: now };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    refuse_taken(tx, &user).await?;
                    users::put(tx.session(), &user).await?;
                    let mut details = json!({"user": user.id, "user_name": user.attributes.user_name});
                    if user.attributes.active {
                        name_person(tx, &user, now).await?;
                    } else {
                        insert(&mut details, "ended", leave(tx, &user.email, now).await?);
                    }
                    insert(&mut details, "active", user.attributes.active.into());
                    record(tx, "scim.user.created", &user.email, details, now, actor)?;
                    Ok(user)
                })
            })
            .await
    }

    /// One user of the directory.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn scim_user(&self, caller: &Principal, id: ScimUserId) -> Result<ScimUser, HubError> {
        require(caller, Right::Provision)?;
        users::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("user"))
    }

    /// Users of the directory.
    ///
    /// # Errors
    /// When the caller may not, or the filter is not one for users.
    pub async fn scim_users(&self, caller: &Principal, part: &Part) -> Result<(ListShape, Vec<ScimUser>), HubError> {
        require(caller, Right::Provision)?;
        let conditions = part.of_users()?;
        let (total, found) = users::list(&mut self.store.read().await?, &conditions, part.range(MAX_USERS)).await?;
        Ok((part.shape(total), found))
    }

    /// Replaces a user; without `active`, it stays as it is.
    ///
    /// # Errors
    /// When the caller may not, there is none, the user is malformed, or the name or address is taken.
    pub async fn replace_scim_user(
        &self,
        caller: &Principal,
        id: ScimUserId,
        body: Value,
    ) -> Result<ScimUser, HubError> {
        self.change_scim_user(caller, id, move |known| Ok(UserAttributes::read(&body, known.active)?)).await
    }

    /// Changes a user by the operations of a PATCH.
    ///
    /// # Errors
    /// When the caller may not, there is none, an operation is malformed, or the name or address is taken.
    pub async fn patch_scim_user(&self, caller: &Principal, id: ScimUserId, body: Value) -> Result<ScimUser, HubError> {
        self.change_scim_user(caller, id, move |known| Ok(known.patched(&body)?)).await
    }

    async fn change_scim_user(
        &self,
        caller: &Principal,
        id: ScimUserId,
        change: impl FnOnce(&UserAttributes) -> Result<UserAttributes, HubError> + Send + 'static,
    ) -> Result<ScimUser, HubError> {
        require(caller, Right::Provision)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = users::get(tx.session(), id).await?.ok_or(HubError::NotFound("user"))?;
                    let attributes = change(&known.attributes)?;
                    if attributes == known.attributes {
                        return Ok(known);
                    }
                    let email = attributes.person()?;
                    let user = ScimUser { email, attributes, updated_at: now, ..known.clone() };
                    store_change(tx, &known, &user, now, actor).await?;
                    Ok(user)
                })
            })
            .await
    }

    /// Deletes a user. The person loses memberships and tokens.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn delete_scim_user(&self, caller: &Principal, id: ScimUserId) -> Result<(), HubError> {
        require(caller, Right::Provision)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let user = users::get(tx.session(), id).await?.ok_or(HubError::NotFound("user"))?;
                    let ended = remove(tx, &user.email, now).await?;
                    users::delete(tx.session(), id).await?;
                    let details = json!({"user": id, "user_name": user.attributes.user_name, "ended": ended});
                    record(tx, "scim.user.deleted", &user.email, details, now, actor)
                })
            })
            .await
    }
}

/// Stores a changed user with the consequences.
async fn store_change(
    tx: &mut Tx,
    known: &ScimUser,
    user: &ScimUser,
    now: Timestamp,
    actor: Actor,
) -> Result<(), HubError> {
    refuse_taken(tx, user).await?;
    users::put(tx.session(), user).await?;
    let is_another = known.email != user.email;
    let is_off = known.attributes.active && !user.attributes.active;
    let mut details = json!({"user": user.id, "user_name": user.attributes.user_name});
    if is_another {
        // To the hub, another address is another person.
        insert(&mut details, "former_address", json!(known.email));
        insert(&mut details, "former_ended", remove(tx, &known.email, now).await?);
    }
    if is_off || (is_another && !user.attributes.active) {
        insert(&mut details, "ended", leave(tx, &user.email, now).await?);
    }
    if user.attributes.active {
        name_person(tx, user, now).await?;
    }
    let groups = members::groups_of(tx.session(), user.id).await?;
    if is_off {
        members::remove(tx.session(), user.id).await?;
    }
    for group in &groups {
        derive(tx, group, now).await?;
    }
    let action = match (known.attributes.active, user.attributes.active) {
        (true, false) => "scim.user.deactivated",
        (false, true) => "scim.user.reactivated",
        _ => "scim.user.changed",
    };
    record(tx, action, &user.email, details, now, actor)
}

/// Refuses a user whose name or address another user has.
async fn refuse_taken(tx: &mut Tx, user: &ScimUser) -> Result<(), HubError> {
    match users::alike(tx.session(), user).await? {
        None => Ok(()),
        Some(other) => {
            let detail = format!("user {} already has this userName or the address {}", other.id, user.email);
            Err(HubError::conflict(Code::NameTaken, detail))
        }
    }
}

/// Gives the person the name that the directory says. What else the hub knows of this address stays: an admin gave roles and
/// an absence to it, and not to the person of another address.
async fn name_person(tx: &mut Tx, user: &ScimUser, now: Timestamp) -> Result<(), StoreError> {
    let known = people::get(tx.session(), &user.email).await?;
    let (absence, roles) = known.clone().map(|known| (known.absence, known.roles)).unwrap_or_default();
    let person = Person { email: user.email.clone(), name: user.attributes.shown_name(), absence, roles };
    if known.as_ref() != Some(&person) {
        people::put(tx.session(), &person, now).await?;
    }
    Ok(())
}

fn record(
    tx: &mut Tx,
    action: &'static str,
    person: &Email,
    details: Value,
    now: Timestamp,
    actor: Actor,
) -> Result<(), HubError> {
    tx.record(&Entry { person: Some(person.clone()), details, ..Entry::new(now, action, actor) })?;
    Ok(())
}

fn insert(details: &mut Value, name: &str, value: Value) {
    if let Some(details) = details.as_object_mut() {
        details.insert(name.to_owned(), value);
    }
}
