//! The form to decide, and what it contains once it is sent.

use super::people::Names;
use crate::approval::{Choice, Email, GroupName};
use crate::codes::Code;
use crate::http::pages::viewer::PostedForm;
use crate::hub::{HubError, LinkDecision, RequestView, SignInNeed, VoteInput, YourPart};

/// The form to decide.
pub(super) struct DecideShown {
    /// For whom the vote counts; empty if there is no choice.
    pub(super) seats: Vec<SeatShown>,
    pub(super) may_approve: bool,
    /// Whether another command can be proposed: not if a text field would hide characters of it.
    pub(super) may_edit: bool,
    pub(super) reason: String,
    /// The requested window in seconds, and what was typed instead.
    pub(super) window: Option<(u32, String)>,
    /// What the reader voted before.
    pub(super) voted: Option<&'static str>,
    pub(super) sign_in: Option<&'static str>,
    /// The button that was pressed before the sign-in.
    pub(super) pressed: Option<&'static str>,
}

/// A choice of whom the vote counts for.
pub(super) struct SeatShown {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

impl DecideShown {
    pub(super) fn new(
        request: &RequestView,
        you: &YourPart,
        names: &Names,
        typed: Option<&LinkDecision>,
    ) -> Option<Self> {
        if you.seats.is_empty() && you.sign_in.is_none() {
            return None;
        }
        let is_typed = |typed: &LinkDecision| match (typed.choice?, &typed.command) {
            (Choice::Approve, _) => Some("Approve"),
            (Choice::Reject, _) => Some("Reject"),
        };
        let window = request.duration_seconds.map(|seconds| {
            let shorter = typed.and_then(|typed| typed.duration_seconds);
            (seconds, shorter.map(|seconds| seconds.to_string()).unwrap_or_default())
        });
        Some(Self {
            seats: seats(you, names, typed.and_then(|typed| typed.seat.as_deref())),
            may_approve: !you.may_only_reject,
            may_edit: !you.may_only_reject && is_editable(request),
            reason: typed.and_then(|typed| typed.reason.clone()).unwrap_or_default(),
            window,
            voted: you.voted.map(|choice| match choice {
                Choice::Approve => "approved",
                Choice::Reject => "rejected",
            }),
            sign_in: you.sign_in.map(why),
            pressed: typed.filter(|_| you.sign_in.is_none()).and_then(is_typed),
        })
    }
}

/// Whether a text field shows all of the command.
pub(super) fn is_editable(request: &RequestView) -> bool {
    !request.command.is_empty() && crate::channels::text::visible(&request.command) == request.command
}

/// The choices of whom a vote counts for, if there is more than one.
fn seats(you: &YourPart, names: &Names, chosen: Option<&str>) -> Vec<SeatShown> {
    let own: Vec<String> =
        you.seats.iter().filter(|seat| seat.on_behalf_of.is_none()).map(|seat| seat.group.to_string()).collect();
    let all = (own.len() > 1).then(|| (String::new(), format!("{}, as yourself", super::people::joined(&own))));
    let each = you.seats.iter().map(|seat| match &seat.on_behalf_of {
        None => (seat.group.to_string(), format!("{}, as yourself", seat.group)),
        Some(absent) => (format!("{}/{absent}", seat.group), format!("{}, for {}", seat.group, names.name(absent))),
    });
    let choices: Vec<(String, String)> = all.into_iter().chain(each).collect();
    if choices.len() < 2 {
        // A stand-in need not choose, but has to be named.
        return choices
            .into_iter()
            .filter(|(value, _)| value.contains('/'))
            .map(|(value, text)| SeatShown { value, text, is_chosen: true })
            .collect();
    }
    let first = choices.first().map(|choice| choice.0.clone());
    let known = chosen.filter(|chosen| choices.iter().any(|(value, _)| value == chosen)).map(str::to_owned);
    let chosen = known.or(first);
    let shown = |(value, text): (String, String)| {
        let is_chosen = chosen.as_ref() == Some(&value);
        SeatShown { value, text, is_chosen }
    };
    choices.into_iter().map(shown).collect()
}

/// A vote as a form has it.
#[derive(Debug)]
pub(super) struct VoteForm {
    pub(super) choice: Choice,
    pub(super) input: VoteInput,
}

impl VoteForm {
    /// Reads the fields. The command counts only with its own button.
    pub(super) fn read(form: &PostedForm) -> Result<Self, HubError> {
        let (choice, changes) = match form.get("decision") {
            Some("approve") => (Choice::Approve, false),
            Some("change") => (Choice::Approve, true),
            Some("reject") => (Choice::Reject, false),
            _ => return Err(HubError::invalid(Code::DecisionRequired, "/decision", "press Approve or Reject")),
        };
        let reason = form.filled("reason").map(str::to_owned);
        if choice == Choice::Reject && reason.is_none() {
            let detail = "a reason is required to reject: say what is missing, or what to do instead";
            return Err(HubError::invalid(Code::ReasonRequired, "/reason", detail));
        }
        let (group, on_behalf_of) = seat(form)?;
        let duration_seconds = match form.filled("duration").filter(|_| choice == Choice::Approve) {
            Some(text) => Some(text.trim().parse().map_err(|_| {
                HubError::invalid(Code::InvalidTimeout, "/duration", "enter the duration in seconds, with digits only")
            })?),
            None => None,
        };
        let incomplete =
            || HubError::invalid(Code::FormStale, "/digest", "this form is incomplete: open the request again");
        let input = VoteInput {
            group,
            reason,
            revision: form.get("revision").and_then(|text| text.parse().ok()),
            // What the reader saw has to be said: a vote is for nothing else.
            digest: Some(form.get("digest").and_then(|text| text.parse().ok()).ok_or_else(incomplete)?),
            on_behalf_of,
            command: form.get("command").filter(|_| changes).map(str::to_owned),
            duration_seconds,
            starts_at: None,
        };
        Ok(Self { choice, input })
    }
}

/// For whom the vote counts: `seat` is a group, with the absent member after a slash.
fn seat(form: &PostedForm) -> Result<(Option<GroupName>, Option<Email>), HubError> {
    let (group, absent) = match form.filled("seat") {
        Some(seat) => match seat.split_once('/') {
            Some((group, absent)) => (Some(group), Some(absent)),
            None => (Some(seat), None),
        },
        None => (form.filled("group"), form.filled("on_behalf_of")),
    };
    let bad = |pointer| HubError::invalid(Code::InvalidPayload, pointer, "choose one of the groups that are offered");
    let group = group.map(|group| group.parse().map_err(|_| bad("/group"))).transpose()?;
    let absent = absent.map(|absent| absent.parse().map_err(|_| bad("/on_behalf_of"))).transpose()?;
    Ok((group, absent))
}

/// What was typed into a form, to show it again.
pub(super) fn typed(form: &PostedForm) -> LinkDecision {
    let choice = match form.get("decision") {
        Some("approve" | "change") => Some(Choice::Approve),
        Some("reject") => Some(Choice::Reject),
        _ => None,
    };
    let changes = form.get("decision") == Some("change");
    LinkDecision {
        choice,
        reason: form.filled("reason").map(str::to_owned),
        command: form.get("command").filter(|_| changes).map(str::to_owned),
        duration_seconds: form.get("duration").and_then(|text| text.trim().parse().ok()),
        seat: form.filled("seat").map(str::to_owned),
        ..LinkDecision::default()
    }
}

/// Why the reader has to sign in again.
const fn why(need: SignInNeed) -> &'static str {
    match need {
        SignInNeed::Anonymous => "Sign in to decide. What you type here is kept.",
        SignInNeed::TooOld => {
            "This resource requires a recent sign-in, and yours is too old: sign in again to decide. What you type here is kept."
        }
        SignInNeed::UnknownAge => {
            "This resource requires a recent sign-in, and the identity provider does not say when you proved who you are: ask \
             the operator of this hub to let it send auth_time."
        }
        SignInNeed::StaleMembership => {
            "Your membership comes from the identity provider, and your last sign-in is too old to rely on it: sign in again to \
             decide. What you type here is kept."
        }
        SignInNeed::TooWeak => {
            "This resource requires a sign-in with your company account, and you signed in in another way. What you type here \
             is kept."
        }
        SignInNeed::NoVote => "The token with which you signed in may not vote here: sign in in another way.",
    }
}
