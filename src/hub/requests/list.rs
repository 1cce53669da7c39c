//! Reading requests and the audit trail.

use std::collections::BTreeSet;

use crate::approval::{Email, GroupName, Kind, Request, ResourceName, Status};
use crate::audit::Sealed;
use crate::codes::Code;
use crate::hub::access::require_filter;
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, Page, RequestView, input, require};
use crate::identity::{Principal, Right, Scope};
use crate::ids::RequestId;
use crate::store::requests::{Lines, Place, Source};
use crate::store::{Session, audit, requests, seats};
use crate::time::Timestamp;

/// Filter of a list of requests; `None` matches all. At most one of `group`, `approver` and `waiting_for` may be set.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    pub status: Option<Status>,
    pub resource: Option<ResourceName>,
    pub requester: Option<Email>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    pub kind: Option<Kind>,
    /// A deciding group.
    pub group: Option<GroupName>,
    /// A person who has voted.
    pub approver: Option<Email>,
    /// A person who may still vote.
    pub waiting_for: Option<Email>,
}

impl Hub {
    /// Returns one request. If it is overdue, it is expired first, so that a pending request is never past its
    /// deadline.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn show(&self, caller: &Principal, id: RequestId) -> Result<RequestView, HubError> {
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        self.view_now(self.settled(request).await?).await
    }

    /// Lists requests, newest first. A requester lists what it asked for; a person also lists the requests that are
    /// theirs, that wait for them, or that they voted on.
    ///
    /// # Errors
    /// When the caller may not list, or the filter or the cursor is invalid.
    pub async fn list(
        &self,
        caller: &Principal,
        filter: ListFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<RequestView>, HubError> {
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        let filter = self.listable(session, caller, filter).await?;
        let found = requests::page(session, &filter, before, limit).await?;
        let items = found.requests.into_iter().map(|request| self.view(request)).collect();
        Ok(Page { items, next_cursor: found.next.map(|id| id.to_string()) })
    }

    /// The same list as lines, from a place on.
    ///
    /// # Errors
    /// When the caller may not list, or the filter is invalid.
    pub async fn lines(
        &self,
        caller: &Principal,
        filter: ListFilter,
        place: Place,
        limit: u32,
    ) -> Result<Lines, HubError> {
        let session = &mut self.store.read().await?;
        let filter = self.listable(session, caller, filter).await?;
        Ok(requests::lines(session, &filter, place, limit).await?)
    }

    /// What the caller may list of that.
    async fn listable(
        &self,
        session: &mut Session,
        caller: &Principal,
        filter: ListFilter,
    ) -> Result<requests::Filter, HubError> {
        let reach = Reach::of(caller, &filter)?;
        require_filter(caller, filter.resource.as_ref())?;
        input::period_of_list(filter.from, filter.to)?;
        let now = self.clock.now();
        let mut source = source(session, &filter, now).await?;
        let is_for_others = filter.requester.as_ref() != caller.person();
        if let (Reach::Own, true, Some(Source::Voter { person, visible })) = (reach, is_for_others, &mut source) {
            // A former member no longer sees what the group decides.
            *visible = Some(deciding_groups(session, person, now).await?);
        }
        Ok(requests::Filter {
            asked_by: (reach == Reach::Asked).then(|| caller.key()),
            source,
            // Only pending requests wait for a person.
            status: filter.status.or(filter.waiting_for.is_some().then_some(Status::Pending)),
            resource: filter.resource,
            requester: filter.requester,
            from: filter.from,
            to: filter.to,
            kind: filter.kind,
        })
    }

    /// Returns the first `limit` matching requests, and whether there may be more.
    pub(in crate::hub) async fn matching(
        &self,
        filter: &ListFilter,
        limit: u32,
    ) -> Result<(Vec<Request>, bool), HubError> {
        let session = &mut self.store.read().await?;
        let filter = requests::Filter {
            status: filter.status,
            resource: filter.resource.clone(),
            requester: filter.requester.clone(),
            asked_by: None,
            from: filter.from,
            to: filter.to,
            kind: filter.kind,
            source: source(session, filter, self.clock.now()).await?,
        };
        let found = requests::page(session, &filter, None, limit).await?;
        Ok((found.requests, found.next.is_some()))
    }

    /// Returns the audit entries of a request.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn trail(&self, caller: &Principal, id: RequestId) -> Result<Vec<Sealed>, HubError> {
        self.show(caller, id).await?;
        Ok(audit::of_request(&mut self.store.read().await?, id).await?)
    }

    /// Returns a page of the audit trail, oldest first.
    ///
    /// # Errors
    /// When the caller may not read it, or the cursor is invalid.
    pub async fn audit(&self, caller: &Principal, limit: u32, cursor: Option<&str>) -> Result<Page<Sealed>, HubError> {
        require(caller, Right::ReadAudit)?;
        let after = cursor.map(parse_cursor).transpose()?.unwrap_or(0);
        let found = audit::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |sealed| sealed.seq.to_string()))
    }
}

/// Whose requests a caller may list with a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everything,
    /// Those that the caller itself created.
    Asked,
    /// Those that the filter limits to the caller's person.
    Own,
}

impl Reach {
    fn of(caller: &Principal, filter: &ListFilter) -> Result<Self, HubError> {
        if [Scope::Decider, Scope::Analyst, Scope::Auditor].iter().any(|scope| caller.has(*scope)) {
            return Ok(Self::Everything);
        }
        let people = [&filter.requester, &filter.waiting_for, &filter.approver];
        let is_own = |person| people.iter().any(|named| named.as_ref() == Some(person));
        if caller.person().is_some_and(is_own) {
            return Ok(Self::Own);
        }
        require(caller, Right::ListRequests)?;
        Ok(Self::Asked)
    }
}

/// The groups that the person decides for: their own, and those of members whom they stand in for.
async fn deciding_groups(
    session: &mut Session,
    person: &Email,
    now: Timestamp,
) -> Result<BTreeSet<GroupName>, HubError> {
    let seats = seats::of_person(session, person, now).await?;
    Ok(seats.into_iter().flat_map(|seat| seat.groups.into_keys()).collect())
}

/// The source that a filter selects the requests from.
pub(super) async fn source(
    session: &mut Session,
    filter: &ListFilter,
    now: Timestamp,
) -> Result<Option<Source>, HubError> {
    match (&filter.group, &filter.approver, &filter.waiting_for) {
        (None, None, None) => Ok(None),
        (Some(group), None, None) => Ok(Some(Source::Group(group.clone()))),
        (None, Some(person), None) => Ok(Some(Source::Voter { person: person.clone(), visible: None })),
        (None, None, Some(person)) => {
            let groups = deciding_groups(session, person, now).await?;
            Ok(Some(Source::WaitingFor { person: person.clone(), groups: groups.into_iter().collect() }))
        }
        _ => {
            let detail = "group, approver and waiting_for exclude each other: use only one of them";
            Err(HubError::invalid(Code::InvalidParameter, "", detail))
        }
    }
}
