//! What enforcers ask: may this person in now? And the grants behind the answers.

use serde::{Deserialize, Serialize};

use crate::approval::{Email, GrantStatus, ResourceName};
use crate::hub::page::parse_cursor;
use crate::hub::view::GrantView;
use crate::hub::{Hub, HubError, Page, require};
use crate::identity::{Principal, Scope};
use crate::ids::GrantId;
use crate::store::grants;

/// Whether somebody may in.
#[derive(Debug, Serialize)]
pub struct Access {
    /// Whether they may, now.
    pub allowed: bool,
    /// Why, or why not.
    pub reason: String,
    /// The grant that says so, or the one that will.
    pub grant: Option<GrantView>,
}

/// Which grants to list; absent fields want all.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GrantFilter {
    /// To what.
    pub resource: Option<ResourceName>,
    /// Whose.
    pub requester: Option<Email>,
    /// Where they stand.
    pub status: Option<GrantStatus>,
}

impl Hub {
    /// Whether the person may use the resource now: by the time, whatever the timer has written down yet.
    ///
    /// # Errors
    /// When the caller may not ask about that person.
    pub async fn access(
        &self,
        caller: &Principal,
        resource: ResourceName,
        requester: Email,
    ) -> Result<Access, HubError> {
        check_person(caller, Some(&requester))?;
        let now = self.clock.now();
        let grant = grants::standing(&mut self.store.read().await?, &resource, &requester, now).await?;
        let allowed = grant.as_ref().is_some_and(|grant| grant.allows(now));
        let reason = match &grant {
            Some(grant) if allowed => format!("granted until {}", grant.ends_at),
            Some(grant) => format!("granted from {} on, not yet", grant.starts_at),
            None => format!("{requester} has no grant on {resource} now: ask for one with kind jit"),
        };
        Ok(Access { allowed, reason, grant: grant.map(GrantView::from) })
    }

    /// Grants, newest first.
    ///
    /// # Errors
    /// When the caller may not see them, or the cursor is none of ours.
    pub async fn grants(
        &self,
        caller: &Principal,
        filter: GrantFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<GrantView>, HubError> {
        check_person(caller, filter.requester.as_ref())?;
        let before = cursor.map(parse_cursor).transpose()?;
        let GrantFilter { resource, requester, status } = filter;
        let filter = grants::Filter { resource, requester, status };
        let found = grants::page(&mut self.store.read().await?, &filter, before, limit + 1).await?;
        Ok(Page::cut(found, limit, |grant| grant.id.to_string()).map(GrantView::from))
    }

    /// One grant.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn grant(&self, caller: &Principal, id: GrantId) -> Result<GrantView, HubError> {
        let grant = grants::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("grant"))?;
        self.show(caller, grant.request).await?;
        Ok(GrantView::from(grant))
    }

    /// Ends access early.
    ///
    /// # Errors
    /// When the caller may not, or it is over.
    pub async fn revoke_grant(
        &self,
        caller: &Principal,
        id: GrantId,
        reason: Option<String>,
    ) -> Result<GrantView, HubError> {
        let grant = grants::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("grant"))?;
        let request = self.revoke(caller, grant.request, reason).await?;
        request.grant.ok_or(HubError::Missing("the grant that was just revoked"))
    }
}

/// Systems ask about anybody; a person's token about that person.
fn check_person(caller: &Principal, person: Option<&Email>) -> Result<(), HubError> {
    if let Some(own) = caller.person()
        && !caller.has(Scope::Auditor)
        && person != Some(own)
    {
        return Err(HubError::Forbidden(format!("this token asks about {own} only")));
    }
    if caller.person().is_none() {
        require(caller, &[Scope::Requester, Scope::Decider, Scope::Auditor])?;
    }
    Ok(())
}
