//! What a person may do about a request.

use serde::Serialize;

use super::link_voting::{SignInNeed, sign_in_need};
use crate::approval::{Assurance, Choice, Email, GroupName, Request, Roster, Status};
use crate::hub::access::is_own;
use crate::identity::{Principal, Right};
use crate::time::Timestamp;

/// What the caller may do about a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct YourPart {
    /// The slots for which the caller may vote now, as themselves or as a stand-in. Empty once the request is decided.
    pub seats: Vec<Seat>,
    /// Whether a conflict of interest lets them only reject.
    pub may_only_reject: bool,
    /// Why they must sign in again before they vote.
    pub sign_in: Option<SignInNeed>,
    /// Their vote that counts.
    pub voted: Option<Choice>,
    /// Whether they may cancel and revise it, as its requester or an admin.
    pub may_change: bool,
    /// Whether they may comment.
    pub may_comment: bool,
    /// Whether they may remind those who are still missing.
    pub may_remind: bool,
}

/// A slot for which a person may vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seat {
    pub group: GroupName,
    /// The absent member for whom they stand in.
    pub on_behalf_of: Option<Email>,
}

impl YourPart {
    /// What `caller` may do. `absent` are those for whom they stand in, and `roster` has the members of all slots.
    pub(super) fn of(
        caller: &Principal,
        request: &Request,
        (roster, absent): (&Roster, &[Email]),
        now: Timestamp,
    ) -> Self {
        let is_open = request.status == Status::Pending;
        let owns = is_own(caller, request) && caller.may(Right::Ask);
        let Some(person) = caller.person() else {
            return Self {
                may_change: is_open && owns,
                may_remind: is_open && is_own(caller, request),
                may_comment: is_own(caller, request),
                ..Self::default()
            };
        };
        let seats = if is_open { seats(request, person, (roster, absent), now) } else { Vec::new() };
        let is_member = |person: &Email| request.terms.slots.iter().any(|slot| slot.admits(person, roster));
        let is_stale = seats.is_empty() && is_open && is_member(person);
        let of_session = match caller {
            Principal::Session(session) if is_open => sign_in_need(request, Assurance::Token, Some(session), now),
            _ => None,
        };
        let decides = !seats.is_empty() || is_stale;
        Self {
            may_only_reject: request.is_in_conflict(person),
            sign_in: of_session.or(is_stale.then_some(SignInNeed::StaleMembership)).filter(|_| decides),
            voted: request.live_votes().find(|vote| vote.voter == *person).map(|vote| vote.choice),
            may_change: is_open && owns,
            may_remind: is_open && (is_own(caller, request) || is_member(person) || !seats.is_empty()),
            may_comment: is_own(caller, request) || is_member(person) || absent.iter().any(is_member),
            seats,
        }
    }
}

/// The seats that a person may use: their own, and those of absent members that nobody else uses.
fn seats(request: &Request, person: &Email, (roster, absent): (&Roster, &[Email]), now: Timestamp) -> Vec<Seat> {
    let taken = |seat: &Email| request.live_votes().any(|vote| vote.seat() == seat && vote.voter != *person);
    let free = absent.iter().filter(|absent| !request.is_in_conflict(absent) && !taken(absent));
    let holders: Vec<&Email> = std::iter::once(person).chain(free).collect();
    let of_slot = |slot: &crate::approval::TermsSlot| -> Vec<Seat> {
        let admitted = holders.iter().filter(|holder| slot.admits_fresh(holder, roster, now));
        let seat = |holder: &&&Email| Seat {
            group: slot.slot.group.clone(),
            on_behalf_of: Some(**holder).filter(|holder| *holder != person).cloned(),
        };
        admitted.map(|holder| seat(&holder)).collect()
    };
    request.terms.slots.iter().flat_map(of_slot).collect()
}
