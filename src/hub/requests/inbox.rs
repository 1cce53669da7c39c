//! What waits for a person: the requests that their groups are asked about, in the order of deciding.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::approval::{Email, GroupName, Request, ResourceName, Roster};
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, RequestView};
use crate::identity::{Principal, Session};
use crate::store::requests::inbox::{self, Found, Position, Waiting};
use crate::store::seats::Seat;
use crate::store::{self, groups, seats};
use crate::time::Timestamp;

/// Most waiting requests that are counted.
const COUNTED: u32 = 99;
/// Requests that end in the same minute are equally urgent: high risk comes first among them. In microseconds.
const EQUALLY_URGENT: i64 = 60_000_000;

/// Who the person of a session is, and what waits for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The display name.
    pub name: String,
    pub waiting: WaitingCount,
}

/// How many requests wait for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WaitingCount {
    /// At most 99.
    pub count: usize,
    /// Whether more wait than were counted.
    pub more: bool,
}

/// A page of what waits for a person.
#[derive(Debug, Clone, Serialize)]
pub struct Inbox {
    pub items: Vec<InboxItem>,
    /// The value for `?cursor=`; `None` on the last page.
    pub next_cursor: Option<String>,
    pub waiting: WaitingCount,
    /// Display names of people who are named in the items, as far as they are known.
    pub names: BTreeMap<Email, String>,
}

/// A request that waits for a person.
#[derive(Debug, Clone, Serialize)]
pub struct InboxItem {
    pub request: RequestView,
    /// Each of these is decided individually.
    pub high_risk: bool,
    /// Why the person is asked.
    pub asked_as: Vec<AskedAs>,
    /// Why the person has to sign in again before they approve, if they have to.
    pub sign_in: Option<SignInReason>,
}

/// A seat that the person's vote would use, with a group that it counts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedAs {
    pub group: GroupName,
    /// The absent member for whom the person stands in.
    pub stands_in_for: Option<Email>,
    /// The end of the absence, if it has one.
    pub away_until: Option<Timestamp>,
}

/// Why a vote needs another sign-in first. The names are those of the errors that a vote would get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInReason {
    /// The membership is by a sign-in that is too old.
    MembershipStale,
    /// The resource demands a recent sign-in.
    SignInStale,
    /// The resource demands another way to sign in.
    AssuranceTooLow,
}

impl WaitingCount {
    /// For people: `3`, or `99+`.
    pub fn shown(self) -> String {
        let sign = if self.more { "+" } else { "" };
        format!("{}{sign}", self.count)
    }

    fn of(found: &Found) -> Self {
        Self { count: found.waiting.len(), more: found.next.is_some() }
    }
}

impl Standing {
    /// How many requests wait: `3`, or `99+`. None if no request does.
    pub fn waiting_shown(&self) -> Option<String> {
        (self.waiting.count > 0).then(|| self.waiting.shown())
    }
}

impl Hub {
    /// Who the person of a session is, and how many requests wait for them: two statements.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn standing(&self, session: &Session) -> Result<Standing, HubError> {
        let reader = &mut self.store.read().await?;
        let seats = seats::of_person(reader, &session.person, self.clock.now()).await?;
        let resources: Vec<ResourceName> = session.resources.iter().cloned().collect();
        let waiting = self.waiting(&session.person, &seats, &resources);
        let found = inbox::waiting(reader, waiting, None, COUNTED).await?;
        Ok(Standing { name: name(&session.person, &seats), waiting: WaitingCount::of(&found) })
    }

    /// A page of what waits for the caller, with what [`Hub::standing`] says: at most six statements.
    ///
    /// # Errors
    /// When the caller is no person, the cursor is invalid, or the store fails.
    pub async fn inbox(
        &self,
        caller: &Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<(Inbox, Standing), HubError> {
        let detail = "nothing waits for this token, since it belongs to no person: use a token with a person";
        let person = caller.person().ok_or_else(|| HubError::Forbidden(detail.to_owned()))?;
        let after = cursor.map(parse_cursor::<Position>).transpose()?;
        let reader = &mut self.store.read().await?;
        let seats = seats::of_person(reader, person, self.clock.now()).await?;
        let resources: Vec<ResourceName> = caller.resources().cloned().collect();
        let waiting = self.waiting(person, &seats, &resources);
        let counted = inbox::waiting(reader, waiting, None, COUNTED).await?;
        let count = WaitingCount::of(&counted);
        let mut page = match after {
            None if limit <= COUNTED => counted,
            after => inbox::waiting(reader, waiting, after, limit).await?,
        };
        if page.waiting.len() > limit as usize {
            page.waiting.truncate(limit as usize);
            page.next = page.waiting.last().cloned();
        }
        let requests = inbox::in_order(reader, &page.waiting).await?;
        let (roster, mut names) = people_of(reader, &requests).await?;
        names.extend(seats.iter().filter_map(|seat| Some((seat.member.clone(), seat.name.clone()?))));
        let mut items: Vec<InboxItem> =
            requests.into_iter().map(|request| self.item(caller, &seats, request, &roster)).collect();
        items.sort_by_key(|item| (item.request.expires_at.as_micros() / EQUALLY_URGENT, !item.high_risk));
        let standing = Standing { name: name(person, &seats), waiting: count };
        let next_cursor = page.next.map(|next| next.to_string());
        Ok((Inbox { items, next_cursor, waiting: count, names }, standing))
    }

    fn waiting<'a>(&self, person: &'a Email, seats: &'a [Seat], resources: &'a [ResourceName]) -> Waiting<'a> {
        Waiting { person, seats, resources, now: self.clock.now() }
    }

    fn item(&self, caller: &Principal, seats: &[Seat], request: Request, roster: &Roster) -> InboxItem {
        let now = self.clock.now();
        let places = places(&request, seats);
        let is_fresh = |(group, seat): &(&GroupName, &Seat)| seat.groups.get(*group).is_some_and(|at| at.is_fresh(now));
        let recent =
            request.terms.procedure.fresh_sign_in_seconds.is_none_or(|seconds| {
                caller.signed_in_at().is_some_and(|at| now.since(at).as_secs() < u64::from(seconds))
            });
        let sign_in = if request.terms.min_assurance().is_some_and(|needed| caller.assurance() < needed) {
            Some(SignInReason::AssuranceTooLow)
        } else if !recent {
            Some(SignInReason::SignInStale)
        } else if !places.iter().any(is_fresh) {
            Some(SignInReason::MembershipStale)
        } else {
            None
        };
        let asked_as = places.into_iter().map(|(group, seat)| {
            let stands_in_for = Some(&seat.member).filter(|member| caller.person() != Some(*member)).cloned();
            let away_until = stands_in_for.as_ref().and(seat.away_until);
            AskedAs { group: group.clone(), stands_in_for, away_until }
        });
        InboxItem {
            asked_as: asked_as.collect(),
            high_risk: request.terms.procedure.high_risk,
            sign_in,
            request: RequestView::new(&request, &self.settings.public_url, Some(roster)),
        }
    }
}

/// The groups by which the request asks the person, with the seats. A person who is in an asked group votes as themselves.
fn places<'r>(request: &'r Request, seats: &'r [Seat]) -> Vec<(&'r GroupName, &'r Seat)> {
    let asked = request.terms.groups();
    let is_free = |seat: &Seat| !request.live_votes().any(|vote| *vote.seat() == seat.member);
    let (own, absent) = seats.split_at(seats.len().min(1));
    let mut places = Vec::new();
    for part in [own, absent] {
        if places.is_empty() {
            let usable = part.iter().filter(|seat| is_free(seat) && !request.is_in_conflict(&seat.member));
            let of_seat = |seat: &'r Seat| {
                asked.iter().filter(|group| seat.groups.contains_key(**group)).map(move |group| (*group, seat))
            };
            places = usable.flat_map(of_seat).collect();
        }
    }
    places
}

/// The memberships of who has voted, and the names of everybody whom the requests name.
async fn people_of(
    reader: &mut store::Session,
    requests: &[Request],
) -> Result<(Roster, BTreeMap<Email, String>), HubError> {
    let groups: BTreeSet<&GroupName> = requests.iter().flat_map(|request| request.terms.groups()).collect();
    let voters = requests.iter().flat_map(Request::live_votes).flat_map(|vote| [&vote.voter, vote.seat()]);
    let askers = requests.iter().flat_map(|request| {
        let by = request.change.as_ref().and_then(|change| change.by.as_ref());
        let requester = &request.requester;
        [requester.email.as_ref(), requester.acting_for.as_ref(), request.beneficiary.as_ref(), by]
            .into_iter()
            .flatten()
    });
    let people: BTreeSet<&Email> = voters.chain(askers).collect();
    Ok(groups::named_roster_of(reader, &groups, &people).await?)
}

/// The display name; the address if none is known.
fn name(person: &Email, seats: &[Seat]) -> String {
    seats.first().and_then(|own| own.name.clone()).unwrap_or_else(|| person.to_string())
}
