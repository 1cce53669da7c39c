//! Looking: requests and the trail.

use serde::Serialize;

use crate::approval::{Command, Email, GroupName, Kind, Request, ResourceName, Status};
use crate::audit::{Actor, Sealed};
use crate::hub::{Hub, HubError, RequestView, input, require};
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::store::requests::Source;
use crate::store::{Session, audit, groups, people, requests};
use crate::time::Timestamp;

/// A part of a list, and where the next part begins.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// This part.
    pub items: Vec<T>,
    /// For `?cursor=`; none at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of up to `limit` of `items`, which holds one more than that when there is more.
    pub(in crate::hub) fn cut(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = if more { items.last().map(cursor) } else { None };
        Self { items, next_cursor }
    }

    pub(in crate::hub) fn map<U>(self, change: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

/// Which requests to list; absent fields want all.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Where they stand.
    pub status: Option<Status>,
    /// What they are about.
    pub resource: Option<ResourceName>,
    /// Who asked.
    pub requester: Option<Email>,
    /// Asked at or after.
    pub from: Option<Timestamp>,
    /// Asked before.
    pub to: Option<Timestamp>,
    /// What sort.
    pub kind: Option<Kind>,
    /// Which group is asked.
    pub group: Option<GroupName>,
    /// Who has voted.
    pub approver: Option<Email>,
    /// Who may still vote; one of `group`, `approver` and this.
    pub waiting_for: Option<Email>,
}

/// Whether the caller may know of a request: systems see what they asked, people what they asked or may decide.
pub(super) fn may_see(caller: &Principal, request: &Request) -> bool {
    let everything = [Scope::Decider, Scope::Analyst, Scope::Auditor].iter().any(|scope| caller.has(*scope));
    everything || is_own(caller, request)
}

/// Whether the caller asked for it, or it was asked in their name or for them; admins own everything.
pub(in crate::hub) fn is_own(caller: &Principal, request: &Request) -> bool {
    let person = caller.person();
    let for_them =
        || person.is_some_and(|person| request.requester.is(person) || request.beneficiary.as_ref() == Some(person));
    caller.has(Scope::Admin) || request.asked_by == caller.key() || for_them()
}

impl Hub {
    /// One request. What is overdue is ended first, so that nobody is shown a pending request whose time is over.
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

    /// The request, ended if it is overdue.
    pub(in crate::hub) async fn settled(&self, request: Request) -> Result<Request, HubError> {
        if !request.is_overdue(self.clock.now()) {
            return Ok(request);
        }
        self.command(request.id, Command::Expire, Actor::Hub).await.map(|(request, _)| request)
    }

    /// A request that the caller asked for.
    pub(in crate::hub) async fn own(&self, caller: &Principal, id: RequestId) -> Result<Request, HubError> {
        let request = requests::get(&mut self.store.read().await?, id).await?;
        let request = request.filter(|request| is_own(caller, request)).ok_or(HubError::NotFound("request"))?;
        self.settled(request).await
    }

    /// Whether the caller may see a request: also people who may decide it.
    pub(in crate::hub) async fn sees(&self, caller: &Principal, request: &Request) -> Result<bool, HubError> {
        if may_see(caller, request) {
            return Ok(true);
        }
        match caller.person() {
            Some(person) => self.person_decides(person, request).await,
            None => Ok(false),
        }
    }

    /// Whether a person may see a request: what they asked, or what was asked for them, or what they may decide.
    pub(in crate::hub) async fn person_sees(&self, person: &Email, request: &Request) -> Result<bool, HubError> {
        let for_them = request.requester.is(person) || request.beneficiary.as_ref() == Some(person);
        Ok(for_them || self.person_decides(person, request).await?)
    }

    /// Whether somebody is in a group that the request asks, or stands in for a member.
    async fn person_decides(&self, person: &Email, request: &Request) -> Result<bool, HubError> {
        let session = &mut self.store.read().await?;
        let mut people = people::delegators(session, person, self.clock.now()).await?;
        people.push(person.clone());
        let asked = request.terms.groups();
        let roster = groups::roster_of(session, asked.iter().copied(), &people.iter().collect()).await?;
        Ok(people.iter().any(|person| asked.iter().any(|group| roster.contains(group, person))))
    }

    /// Requests, newest first. A requester's token lists what it asked for.
    ///
    /// # Errors
    /// When the caller may not list, or the filter or the cursor cannot be meant.
    pub async fn list(
        &self,
        caller: &Principal,
        filter: ListFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<RequestView>, HubError> {
        let own_queue = filter.waiting_for.is_some() && filter.waiting_for.as_ref() == caller.person();
        if !own_queue {
            require(caller, &[Scope::Requester, Scope::Decider, Scope::Analyst, Scope::Auditor])?;
        }
        input::period_of_list(filter.from, filter.to)?;
        let session = &mut self.store.read().await?;
        let filter = requests::Filter {
            asked_by: (!own_queue && caller.has(Scope::Requester) && !caller.has(Scope::Admin)).then(|| caller.key()),
            source: source(session, &filter, self.clock.now()).await?,
            // An index of its own has those that wait for somebody.
            status: filter.status.or(filter.waiting_for.is_some().then_some(Status::Pending)),
            resource: filter.resource,
            requester: filter.requester,
            from: filter.from,
            to: filter.to,
            kind: filter.kind,
        };
        let before = cursor.map(parse_cursor).transpose()?;
        let found = requests::page(session, &filter, before, limit).await?;
        let items = found.requests.into_iter().map(|request| self.view(request)).collect();
        Ok(Page { items, next_cursor: found.next.map(|id| id.to_string()) })
    }

    /// The first `limit` requests that match, and whether there may be more.
    pub(in crate::hub) async fn found(
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

    /// What happened to a request, step by step.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn trail(&self, caller: &Principal, id: RequestId) -> Result<Vec<Sealed>, HubError> {
        self.show(caller, id).await?;
        Ok(audit::of_request(&mut self.store.read().await?, id).await?)
    }

    /// The audit trail, oldest first.
    ///
    /// # Errors
    /// When the caller may not read it, or the cursor is none of ours.
    pub async fn audit(&self, caller: &Principal, limit: u32, cursor: Option<&str>) -> Result<Page<Sealed>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let after = cursor.map(parse_cursor).transpose()?.unwrap_or(0);
        let found = audit::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |sealed| sealed.seq.to_string()))
    }
}

/// By what to find the requests of a list.
async fn source(session: &mut Session, filter: &ListFilter, now: Timestamp) -> Result<Option<Source>, HubError> {
    match (&filter.group, &filter.approver, &filter.waiting_for) {
        (None, None, None) => Ok(None),
        (Some(group), None, None) => Ok(Some(Source::Group(group.clone()))),
        (None, Some(person), None) => Ok(Some(Source::Voter(person.clone()))),
        (None, None, Some(person)) => {
            let mut groups = groups::of_person(session, person).await?;
            for absent in people::delegators(session, person, now).await? {
                groups.extend(groups::of_person(session, &absent).await?);
            }
            Ok(Some(Source::WaitingFor { person: person.clone(), groups: groups.into_iter().collect() }))
        }
        _ => {
            let detail = "a list is by group, by approver or by waiting_for: take one of them";
            Err(HubError::invalid("invalid_parameter", "", detail))
        }
    }
}

pub(in crate::hub) fn parse_cursor<T: std::str::FromStr>(cursor: &str) -> Result<T, HubError> {
    let detail = "this cursor is none that a list gave: take next_cursor as it is";
    cursor.parse().map_err(|_| HubError::invalid("invalid_cursor", "", detail))
}
