//! One request in the inbox: enough to decide most of them, in the order in which people decide.

use super::command::CommandShown;
use crate::approval::{Choice, Kind, who_asks};
use crate::channels::text::Listing;
use crate::http::pages::reader::{Reader, TimeLeft, brief};
use crate::hub::{AskedAs, Inbox, InboxItem, RequestView, SignInReason};

/// Longest reason that is shown in the list, in characters.
const REASON: usize = 600;

/// A request in the inbox.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) revision: u32,
    pub(super) digest: String,
    pub(super) left: TimeLeft,
    pub(super) who: String,
    /// The same, with their address.
    pub(super) requester: String,
    /// For whom a program asks, as it says itself.
    pub(super) acting_for: Option<String>,
    /// For whom access is.
    pub(super) beneficiary: Option<String>,
    pub(super) wish: Wish,
    pub(super) resource: String,
    pub(super) high_risk: bool,
    /// None for access.
    pub(super) command: Option<CommandShown>,
    pub(super) reason: Option<Listing>,
    /// Whether the reason is longer than what is shown.
    pub(super) reason_is_cut: bool,
    /// Rules that ask, with their reasons.
    pub(super) findings: Vec<(String, Option<String>)>,
    pub(super) change: Option<Change>,
    pub(super) undecidable: bool,
    pub(super) asked_as: Vec<Asked>,
    pub(super) slots: Vec<Slot>,
    /// Whose approvals count for one slot or another.
    pub(super) approved_by: Vec<String>,
    /// Who has rejected, where that alone does not decide.
    pub(super) rejected_by: Vec<String>,
    pub(super) sign_in: Option<&'static str>,
    pub(super) context: Option<Listing>,
}

/// What is asked for.
pub(super) enum Wish {
    /// A sentence between who and what.
    Run(&'static str),
    /// Access for this time.
    Access(String),
}

/// Why the person is asked.
pub(super) struct Asked {
    pub(super) group: String,
    /// The absent member, and until when, for whom the person stands in.
    pub(super) stands_in: Option<(String, Option<String>)>,
}

/// A slot with its approvals.
pub(super) struct Slot {
    pub(super) group: String,
    pub(super) approved: u32,
    pub(super) needed: u32,
    pub(super) by: Vec<String>,
}

/// How the payload was changed.
pub(super) struct Change {
    pub(super) by: String,
    pub(super) ago: String,
    pub(super) reason: Option<String>,
    /// The revision that the person voted on.
    pub(super) voted_on: Option<u32>,
}

impl Row {
    pub(super) fn new(item: &InboxItem, inbox: &Inbox, person: &str, reader: &Reader) -> Self {
        let request = &item.request;
        let named = |email: &str| named(inbox, email);
        let reason = request.reason.as_deref().filter(|reason| !reason.trim().is_empty());
        let is_cut = reason.is_some_and(|reason| reason.chars().count() > REASON);
        let shown = reason.map(|reason| reason.chars().take(REASON).collect::<String>());
        Self {
            id: request.id.to_string(),
            revision: request.revision,
            digest: request.digest.to_string(),
            left: reader.left(request.expires_at),
            who: who(request, inbox),
            requester: request.requester.who(),
            acting_for: request.requester.acting_for.as_ref().map(|person| named(person.as_str())),
            beneficiary: request.beneficiary.as_ref().map(|person| named(person.as_str())),
            wish: wish(request),
            resource: request.resource.to_string(),
            high_risk: item.high_risk,
            command: CommandShown::new(&request.command, request.language.as_deref()),
            reason: shown.as_deref().map(Listing::of),
            reason_is_cut: is_cut,
            findings: request.asking_rules.iter().map(|rule| (rule.rule.to_string(), rule.reason.clone())).collect(),
            change: change(request, person, &named, reader),
            undecidable: request.undecidable,
            asked_as: item.asked_as.iter().map(|asked| Asked::new(asked, inbox, reader)).collect(),
            slots: slots(request, &named),
            approved_by: approved_by(request, &named),
            rejected_by: live(request, Choice::Reject).map(|vote| named(vote.person.as_str())).collect(),
            sign_in: item.sign_in.map(sign_in),
            context: request.context.as_ref().map(Listing::of_json).filter(|context| context.bytes <= MAX_CONTEXT),
        }
    }

    /// Whether the row offers Approve: not where a part of the command is not on the screen, each high-risk request is decided
    /// on its own page, and a vote that needs another sign-in would be refused.
    pub(super) fn may_approve(&self) -> bool {
        !self.high_risk && self.sign_in.is_none() && self.command.as_ref().is_none_or(CommandShown::is_whole)
    }

    /// A few of the digest's characters, for people.
    pub(super) fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }
}

/// Largest context that the list contains, in bytes.
const MAX_CONTEXT: usize = 1_000;

impl Asked {
    pub(super) fn new(asked: &AskedAs, inbox: &Inbox, reader: &Reader) -> Self {
        let until = asked.away_until.map(|until| reader.time(until).shown);
        let stands_in = asked.stands_in_for.as_ref().map(|member| (named(inbox, member.as_str()), until));
        Self { group: asked.group.to_string(), stands_in }
    }
}

fn named(inbox: &Inbox, email: &str) -> String {
    let known = inbox.names.iter().find(|(known, name)| known.as_str() == email && !name.trim().is_empty());
    known.map_or_else(|| email.to_owned(), |(_, name)| name.clone())
}

/// Who asks: the name that the hub knows, else what the request says, with what is the requester's own statement marked.
fn who(request: &RequestView, inbox: &Inbox) -> String {
    let email = request.requester.email.as_ref();
    let known = email.and_then(|email| inbox.names.get(email)).filter(|name| !name.trim().is_empty());
    known
        .cloned()
        .unwrap_or_else(|| who_asks(request.requester.name.as_deref(), email.map(|email| email.as_str()), None))
}

fn wish(request: &RequestView) -> Wish {
    let Kind::Action = request.kind else {
        return Wish::Access(brief(request.duration_seconds.unwrap_or(0).into()));
    };
    Wish::Run(match request.language.as_deref() {
        Some("sql") => "asks to run SQL on",
        Some("sh" | "bash" | "shell") => "asks to run a shell command on",
        _ => "asks to run a command on",
    })
}

/// The votes of a choice that count.
fn live(request: &RequestView, choice: Choice) -> impl Iterator<Item = &crate::hub::VoteView> {
    let counts = move |vote: &&crate::hub::VoteView| {
        !vote.voided && vote.revision == request.revision && vote.decision == choice
    };
    request.votes.iter().filter(counts)
}

fn slots(request: &RequestView, named: &impl Fn(&str) -> String) -> Vec<Slot> {
    let is_only = request.slots.len() == 1;
    let slot = |slot: &crate::hub::SlotView| {
        let is_for = |vote: &&crate::hub::VoteView| is_only || vote.group.as_ref() == Some(&slot.group);
        Slot {
            group: slot.group.to_string(),
            approved: slot.approved,
            needed: slot.needed,
            by: live(request, Choice::Approve).filter(is_for).map(|vote| named(vote.person.as_str())).collect(),
        }
    };
    request.slots.iter().map(slot).collect()
}

/// Who has approved for several slots: which of them an approval fills may change with the next one.
fn approved_by(request: &RequestView, named: &impl Fn(&str) -> String) -> Vec<String> {
    let is_for_several = |vote: &&crate::hub::VoteView| vote.group.is_none() && request.slots.len() > 1;
    live(request, Choice::Approve).filter(is_for_several).map(|vote| named(vote.person.as_str())).collect()
}

fn change(request: &RequestView, person: &str, named: &impl Fn(&str) -> String, reader: &Reader) -> Option<Change> {
    let change = request.change.as_ref()?;
    let before = request.votes.iter().filter(|vote| vote.person.as_str() == person && vote.revision < request.revision);
    Some(Change {
        by: change.by.as_ref().map_or_else(|| "A system".to_owned(), |by| named(by.as_str())),
        ago: format!("{} ago", reader.ago(change.at)),
        reason: change.reason.clone().filter(|reason| !reason.trim().is_empty()),
        voted_on: before.map(|vote| vote.revision).max(),
    })
}

const fn sign_in(reason: SignInReason) -> &'static str {
    match reason {
        SignInReason::MembershipStale => {
            "You are a member by a sign-in that is too old: sign in again before you decide."
        }
        SignInReason::SignInStale => "This resource requires a recent sign-in: sign in again before you decide.",
        SignInReason::AssuranceTooLow => {
            "This resource requires another way to sign in than the one you used: sign in again before you decide."
        }
    }
}
