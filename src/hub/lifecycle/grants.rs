//! Access checks for enforcement points (may this person use this resource now?), and the grants that answer them.

use serde::{Deserialize, Serialize};

use crate::approval::{Email, GrantStatus, ResourceName};
use crate::hub::access::{require_filter, require_resource};
use crate::hub::page::parse_cursor;
use crate::hub::view::GrantView;
use crate::hub::{Hub, HubError, Page, require};
use crate::identity::{Principal, Right, Scope};
use crate::ids::GrantId;
use crate::store::grants;

/// The answer to an access check.
#[derive(Debug, Serialize)]
pub struct Access {
    /// Whether the person has access now.
    pub allowed: bool,
    pub reason: String,
    /// The active grant, or one that has not started yet.
    pub grant: Option<GrantView>,
}

/// Filter of a list of grants; `None` matches all.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GrantFilter {
    pub resource: Option<ResourceName>,
    pub requester: Option<Email>,
    pub status: Option<GrantStatus>,
}

impl Hub {
    /// Checks whether the person may use the resource now. The clock decides, even if the timer has not updated the
    /// grant yet.
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
        require_resource(caller, &resource)?;
        let now = self.clock.now();
        let grant = grants::current(&mut self.store.read().await?, &resource, &requester, now).await?;
        let allowed = grant.as_ref().is_some_and(|grant| grant.allows(now));
        let reason = match &grant {
            Some(grant) if allowed => format!("granted until {}", grant.ends_at),
            Some(grant) => format!("granted from {}, which is in the future", grant.starts_at),
            None => format!("{requester} has no grant for {resource} now: request one with kind jit"),
        };
        Ok(Access { allowed, reason, grant: grant.map(GrantView::from) })
    }

    /// Lists grants, newest first.
    ///
    /// # Errors
    /// When the caller may not see them, or the cursor is invalid.
    pub async fn grants(
        &self,
        caller: &Principal,
        filter: GrantFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<GrantView>, HubError> {
        check_person(caller, filter.requester.as_ref())?;
        require_filter(caller, filter.resource.as_ref())?;
        let before = cursor.map(parse_cursor).transpose()?;
        let GrantFilter { resource, requester, status } = filter;
        let filter = grants::Filter { resource, requester, status };
        let found = grants::page(&mut self.store.read().await?, &filter, before, limit + 1).await?;
        Ok(Page::cut(found, limit, |grant| grant.id.to_string()).map(GrantView::from))
    }

    /// Returns one grant.
    ///
    /// # Errors
    /// When there is no such grant that the caller may see.
    pub async fn grant(&self, caller: &Principal, id: GrantId) -> Result<GrantView, HubError> {
        let grant = grants::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("grant"))?;
        self.show(caller, grant.request).await?;
        Ok(GrantView::from(grant))
    }

    /// Revokes access before it ends.
    ///
    /// # Errors
    /// When the caller may not, or the access has ended.
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

/// Systems may ask about any person, a person's token only about that person.
fn check_person(caller: &Principal, person: Option<&Email>) -> Result<(), HubError> {
    if let Some(own) = caller.person()
        && !caller.has(Scope::Auditor)
        && person != Some(own)
    {
        return Err(HubError::Forbidden(format!("this token can only read the access of {own}")));
    }
    if caller.person().is_none() {
        require(caller, Right::ReadAccess)?;
    }
    Ok(())
}
