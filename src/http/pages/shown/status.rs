//! The status of a request on the page: votes, slots and decision.

use crate::approval::{Assurance, Choice, Decision, Status};
use crate::channels::text::Listing;
use crate::http::pages::reader::Reader;
use crate::http::pages::time::PageTime;
use crate::hub::{SlotView, VoteView};

/// The decision.
pub(in crate::http::pages) struct DecisionSummary {
    /// What was decided, and by whom.
    pub(in crate::http::pages) text: String,
    /// The reason that the decider gave.
    pub(in crate::http::pages) reason: Option<Listing>,
}

/// A slot with its number of approvals.
pub(in crate::http::pages) struct SlotLine {
    pub(in crate::http::pages) group: String,
    pub(in crate::http::pages) also: String,
    pub(in crate::http::pages) approved: u32,
    pub(in crate::http::pages) needed: u32,
}

/// A vote.
pub(in crate::http::pages) struct VoteLine {
    pub(in crate::http::pages) person: String,
    pub(in crate::http::pages) verb: &'static str,
    pub(in crate::http::pages) group: Option<String>,
    pub(in crate::http::pages) reason: Option<Listing>,
    pub(in crate::http::pages) how: &'static str,
    pub(in crate::http::pages) at: PageTime,
    pub(in crate::http::pages) voided: bool,
}

impl SlotLine {
    pub(in crate::http::pages) fn new(slot: &SlotView) -> Self {
        let also = slot.also.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Self { group: slot.group.to_string(), also, approved: slot.approved, needed: slot.needed }
    }
}

impl VoteLine {
    pub(in crate::http::pages) fn new(vote: &VoteView, reader: &Reader) -> Self {
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
            how: how(vote.assurance),
            at: reader.time(vote.at),
            voided: vote.voided,
        }
    }
}

pub(in crate::http::pages) const fn headline(status: Status) -> (&'static str, &'static str) {
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
    pub(in crate::http::pages) fn new(heading: &str, decision: &Decision) -> Self {
        let by: Vec<&str> = decision.by.iter().map(|person| person.as_str()).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        Self { text: format!("{heading}{by}"), reason: decision.reason.as_deref().map(Listing::of) }
    }
}

/// How sure the hub is of the voter.
pub(in crate::http::pages) const fn how(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Link => "through a link, by the name that they chose",
        Assurance::Recipient => "through a link that was sent only to them",
        Assurance::Delegated => "through a trusted system",
        Assurance::Chat => "in a chat, with their linked account",
        Assurance::Token => "with their own token or sign-in link",
        Assurance::Sso => "signed in with their company account",
    }
}
