//! What a link refers to, and whether it is still valid.

use crate::approval::{GroupName, Membership, Request, Status};
use crate::hub::{Hub, HubError, LinkProblem};
use crate::links::Link;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::groups::NamedMember;
use crate::store::slack::subscriptions;
use crate::store::{endpoints, groups, people, requests};
use crate::time::Timestamp;

/// A valid link, with its request and endpoint.
pub(in crate::hub) struct ResolvedLink {
    pub(in crate::hub) link: Link,
    pub(in crate::hub) request: Request,
    /// The endpoint that received the link.
    pub(in crate::hub) endpoint: Endpoint,
}

impl Hub {
    /// The people who may vote for a slot: its members and their stand-ins. The names of people with a conflict of
    /// interest say that they may only reject.
    pub(super) async fn who_may_vote(
        &self,
        request: &Request,
        slot: &GroupName,
        now: Timestamp,
    ) -> Result<Vec<NamedMember>, HubError> {
        let Some(slot) = request.terms.slots.iter().find(|known| known.slot.group == *slot) else {
            return Ok(Vec::new());
        };
        let session = &mut self.store.read().await?;
        let mut members = groups::named_members(session, slot.groups()).await?;
        let known = people::known(session, &members.iter().map(|member| &member.email).collect()).await?;
        for person in known {
            let absence = person.absence.filter(|absence| absence.covers(now));
            let Some(delegate) = absence.and_then(|absence| absence.delegate) else { continue };
            if !members.iter().any(|member| member.email == delegate) && !request.is_in_conflict(&person.email) {
                let name = format!("{delegate}, for {}", person.name);
                let absent = members.iter().find(|member| member.email == person.email);
                let membership = absent.map_or(Membership::Listed, |absent| absent.membership);
                members.push(NamedMember { email: delegate, name, membership });
            }
        }
        for member in members.iter_mut().filter(|member| !member.membership.is_fresh(now)) {
            member.name.push_str(" (must sign in again)");
        }
        for member in members.iter_mut().filter(|member| request.is_in_conflict(&member.email)) {
            member.name.push_str(" (may only reject)");
        }
        Ok(members)
    }

    /// Verifies a link, and reads its request and endpoint. The link must be for the current revision.
    pub(in crate::hub) async fn resolve_link(&self, token: &str) -> Result<ResolvedLink, HubError> {
        let link = Link::verify(token, &self.keys).map_err(|_| LinkProblem::Forged)?;
        let request = requests::get(&mut self.store.read().await?, link.request).await?;
        let request = self.settled(request.ok_or(LinkProblem::Forged)?).await?;
        let endpoint = self.receiving_endpoint(&link, &request).await?;
        if link.revision != request.revision || link.digest_prefix != Link::prefix_of(&request.digest) {
            return Err(LinkProblem::Revised.into());
        }
        if request.status == Status::Pending && self.clock.now() >= link.expires_at {
            return Err(LinkProblem::Expired.into());
        }
        Ok(ResolvedLink { link, request, endpoint })
    }

    /// The endpoint that received a link, if it would still receive that link today. A disabled endpoint counts: it may
    /// be enabled again.
    async fn receiving_endpoint(&self, link: &Link, request: &Request) -> Result<Endpoint, HubError> {
        let session = &mut self.store.read().await?;
        let endpoint = endpoints::any_state(session, link.endpoint).await?;
        let is_kept = |endpoint: &Endpoint| endpoint.state != EndpointState::Deleted;
        let endpoint = endpoint.filter(is_kept).ok_or(LinkProblem::EndpointDeleted)?;
        if link.generation != endpoint.link_generation {
            return Err(LinkProblem::CalledBack.into());
        }
        if link.recipient != endpoint.recipient {
            return Err(LinkProblem::EndpointHandedOver.into());
        }
        let slot = request.terms.slots.iter().find(|slot| slot.slot.group == link.group);
        let groups: Vec<&GroupName> =
            std::iter::once(&link.group).chain(slot.into_iter().flat_map(|slot| &slot.also)).collect();
        let serves_group = groups.iter().any(|group| endpoint.groups.contains(*group)) || {
            let subscribed = subscriptions::all(session).await?;
            subscribed.iter().any(|known| known.endpoint == endpoint.id && groups.contains(&&known.group))
        };
        let serves_resource = endpoint.resources.is_empty() || endpoint.resources.contains(&request.resource);
        if serves_group && serves_resource { Ok(endpoint) } else { Err(LinkProblem::EndpointElsewhere.into()) }
    }
}
