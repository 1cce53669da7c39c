//! The status of a request on the page: votes, slots and decision.

use crate::approval::{Assurance, Choice, Decision, Status};
use crate::channels::text::Listing;
use crate::http::pages::time::PageTime;
use crate::hub::{SlotView, VoteView};

/// The decision.
pub(super) struct DecisionSummary {
    /// What was decided, and by whom.
    pub(super) text: String,
    /// The reason that the decider gave.
    pub(super) reason: Option<Listing>,
}

/// A slot with its number of approvals.
pub(super) struct SlotLine {
    pub(super) group: String,
    pub(super) also: String,
    pub(super) approved: u32,
    pub(super) needed: u32,
}

/// A vote.
pub(super) struct VoteLine {
    pub(super) person: String,
    pub(super) verb: &'static str,
    pub(super) group: Option<String>,
    pub(super) reason: Option<Listing>,
    pub(super) how: &'static str,
    pub(super) at: PageTime,
    pub(super) voided: bool,
}

impl SlotLine {
    pub(super) fn new(slot: &SlotView) -> Self {
        let also = slot.also.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Self { group: slot.group.to_string(), also, approved: slot.approved, needed: slot.needed }
    }
}

impl VoteLine {
    pub(super) fn new(vote: &VoteView) -> Self {
        Self {
            person: match &vote.on_behalf_of {
                Some(absent) => format!("{}, for {absent},", vote.person),
                None => vote.person.to_string(),
            },
            verb: match vote.decision {
                Choice::Approve => "approved",
                Choice::Reject => "rejected",
            },
            group: vote.group.as_ref().map(ToString::to_string),
            reason: vote.reason.as_deref().map(Listing::of),
            how: match vote.assurance {
                Assurance::Link => "through a link, by the name that they chose",
                Assurance::Recipient => "through a link that was sent only to them",
                Assurance::Delegated => "through a trusted system",
                Assurance::Chat => "in a chat, with their linked account",
                Assurance::Token => "with their own token or sign-in link",
                Assurance::Sso => "signed in with their company account",
            },
            at: vote.at.into(),
            voided: vote.voided,
        }
    }
}

pub(super) const fn headline(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pending => ("Approval needed", "waiting"),
        Status::Approved => ("Approved", "yes"),
        Status::Rejected => ("Rejected", "no"),
        Status::Expired => ("Expired", "idle"),
        Status::Cancelled => ("Cancelled", "idle"),
        Status::Superseded => ("Replaced by a newer request", "idle"),
    }
}

impl DecisionSummary {
    pub(super) fn new(heading: &str, decision: &Decision) -> Self {
        let by: Vec<&str> = decision.by.iter().map(|person| person.as_str()).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        Self { text: format!("{heading}{by}"), reason: decision.reason.as_deref().map(Listing::of) }
    }
}
