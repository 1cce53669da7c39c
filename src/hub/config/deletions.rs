//! Deletes groups and people.

use serde_json::json;

use crate::approval::{Email, GroupName};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Right};
use crate::store::{Signal, applied, groups, in_use, membership_checks, people, resources};

/// Rejects the deletion of a group that pending requests name.
fn refuse_waiting(group: &GroupName, requests: Vec<String>) -> Result<(), HubError> {
    if requests.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "pending requests name group {group}, for example {}: decide or cancel them, or change the members",
        requests.join(", ")
    );
    Err(HubError::Conflict { code: Code::InUse, detail })
}

impl Hub {
    /// Deletes a group that no resource and no pending request names. Otherwise a later group of that name could decide
    /// through old links.
    ///
    /// # Errors
    /// When the caller may not, there is none, or it is in use.
    pub async fn delete_group(&self, caller: &Principal, name: GroupName) -> Result<(), HubError> {
        require(caller, Right::Configure)?;
        loop {
            let version = self.store.lookup().version();
            refuse_waiting(&name, in_use::named_in_terms(&mut self.store.read().await?, &name).await?)?;
            if self.delete_unnamed(caller, name.clone(), version).await? {
                return Ok(());
            }
        }
    }

    /// Deletes a group. Returns `false` if the configuration's version is no longer `version`: then a request that was
    /// not checked may name the group.
    async fn delete_unnamed(&self, caller: &Principal, name: GroupName, version: i64) -> Result<bool, HubError> {
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.configuration_version() != Some(version) {
                        return Ok(false);
                    }
                    if let Some(resource) = resources::naming(tx.session(), &name).await? {
                        let detail =
                            format!("resource {resource} names group {name}: remove it from that policy first");
                        return Err(HubError::Conflict { code: Code::InUse, detail });
                    }
                    refuse_waiting(&name, in_use::waiting_for(tx.session(), &name).await?)?;
                    let known = groups::get(tx.session(), &name).await?.ok_or(HubError::NotFound("group"))?;
                    if known.managed_by.is_some() {
                        let detail = format!("a directory manages group {name}: delete it there");
                        return Err(HubError::conflict(Code::ManagedByScim, detail));
                    }
                    groups::delete(tx.session(), &name).await?;
                    applied::forget(tx.session(), "group", name.as_str()).await?;
                    membership_checks::ask(tx.session(), &name, now).await?;
                    tx.signal(Signal::Deadline);
                    let details = json!({"group": name});
                    tx.record(&Entry { details, ..Entry::new(now, "group.deleted", actor) })?;
                    Ok(true)
                })
            })
            .await
    }

    /// Deletes a person's name and absence; their memberships stay.
    ///
    /// # Errors
    /// When the caller may not, or there is no such person.
    pub async fn delete_person(&self, caller: &Principal, email: Email) -> Result<(), HubError> {
        require(caller, Right::Configure)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !people::delete(tx.session(), &email).await? {
                        return Err(HubError::NotFound("person"));
                    }
                    applied::forget(tx.session(), "person", email.as_str()).await?;
                    tx.record(&Entry { person: Some(email), ..Entry::new(now, "person.deleted", actor) })?;
                    Ok(())
                })
            })
            .await
    }
}
