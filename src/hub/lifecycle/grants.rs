//! Access checks for enforcement points (may this person use this resource now?), and the grants that answer them.

use serde::{Deserialize, Serialize};

use crate::approval::{Email, Grant, GrantStatus, ResourceName};
use crate::hub::access::{require_filter, require_resource};
use crate::hub::page::parse_cursor;
use crate::hub::view::GrantView;
use crate::hub::{Hub, HubError, Page, require};
use crate::identity::{Principal, Right, Scope};
use crate::ids::{GrantId, RequestId};
use crate::store::{grants, requests};

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
    /// Whether it is scheduled or active.
    pub open: Option<bool>,
}

/// Access as a page shows it: the grant, with what its request says.
#[derive(Debug)]
pub struct AccessLine {
    pub grant: GrantView,
    pub command: String,
    pub reason: Option<String>,
    /// Who approved it.
    pub approved_by: Vec<Email>,
}

/// The access that a person has, and may see.
#[derive(Debug)]
pub struct AccessOverview {
    /// The person's own, the first to end first.
    pub own: Vec<AccessLine>,
    /// That of others, likewise; none for people who may not read it.
    pub others: Option<Vec<AccessLine>>,
    /// Whether there is more than is listed.
    pub more: bool,
    /// What has ended, newest first.
    pub ended: Page<AccessLine>,
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
        let GrantFilter { resource, requester, status, open } = filter;
        let filter = grants::Filter { resource, requester, status, open, without: None };
        let found = grants::page(&mut self.store.read().await?, &filter, before, limit + 1).await?;
        Ok(Page::cut(found, limit, |grant| grant.id.to_string()).map(GrantView::from))
    }

    /// The access of the caller's person, and that of others if the caller may read it: four statements.
    ///
    /// # Errors
    /// When the caller is no person, or the cursor is invalid.
    pub async fn access_overview(
        &self,
        caller: &Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<AccessOverview, HubError> {
        let nobody = || HubError::Forbidden("this needs a person's token or session".to_owned());
        let person = caller.person().ok_or_else(nobody)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let reads_all = caller.has(Scope::Auditor) && !caller.is_limited();
        let session = &mut self.store.read().await?;
        let of =
            |requester, open, without| grants::Filter { requester, open: Some(open), without, ..Default::default() };
        let own = grants::page(session, &of(Some(person.clone()), true, None), None, limit + 1).await?;
        let others = if reads_all {
            grants::page(session, &of(None, true, Some(person.clone())), None, limit + 1).await?
        } else {
            Vec::new()
        };
        let whose = (!reads_all).then(|| person.clone());
        let ended = grants::page(session, &of(whose, false, None), before, limit + 1).await?;
        let ended = Page::cut(ended, limit, |grant| grant.id.to_string());
        let asked: Vec<RequestId> = own.iter().chain(&others).chain(&ended.items).map(|grant| grant.request).collect();
        let said = requests::said(session, &asked).await?;
        let more = own.len().max(others.len()) > limit as usize;
        let line = |grant: Grant| {
            let said = said.get(&grant.request).cloned().unwrap_or_default();
            let approved_by = said.decision.map(|decision| decision.by).unwrap_or_default();
            AccessLine { grant: GrantView::from(grant), command: said.command, reason: said.reason, approved_by }
        };
        let open = |found: Vec<Grant>| {
            let mut lines: Vec<AccessLine> = found.into_iter().take(limit as usize).map(&line).collect();
            lines.sort_by_key(|line| line.grant.ends_at);
            lines
        };
        let (own, others) = (open(own), open(others));
        Ok(AccessOverview { own, others: reads_all.then_some(others), more, ended: ended.map(line) })
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
