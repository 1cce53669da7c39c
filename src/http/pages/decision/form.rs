//! The form to decide, and why there may be none.

use crate::channels::text::visible;
use crate::http::return_path::ReturnPath;
use crate::hub::{CallbackPage, LinkDecision, SignInNeed, Voting};
use crate::links::Intent;
use crate::store::groups::NamedMember;

/// The form to decide.
pub(super) struct Form {
    pub(super) nonce: String,
    pub(super) group: String,
    pub(super) voter: FormVoter,
    pub(super) reject_first: bool,
    /// The command for the text field; `None` if a text field would hide characters of it.
    pub(super) editable: Option<String>,
    /// Length of the access window, in seconds.
    pub(super) duration: Option<u32>,
    /// What was typed before.
    pub(super) typed: Typed,
}

/// Whom the vote is counted for.
pub(super) enum FormVoter {
    /// One of these people, with address and name; the voter says which. If there are none, the page says so instead of
    /// showing the form.
    ByName(Vec<(String, String)>),
    /// The person who signed in.
    SignedIn { person: String, name: String },
    /// A person who signs in first, and why.
    AfterSignIn(&'static str),
}

/// What was typed into the form before the person had to sign in.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) approver: String,
    pub(super) reason: String,
    pub(super) command: Option<String>,
    pub(super) duration: String,
    /// The button that was pressed.
    pub(super) pressed: Option<&'static str>,
}

/// What stands in the place of the form.
#[derive(Default)]
pub(super) struct NoForm {
    /// Whether the resource requires an identity provider that this hub does not have.
    pub(super) no_provider: bool,
    /// The one person that the link is for, if they may not decide.
    pub(super) wrong_recipient: Option<String>,
    /// Who signed in, if they may not decide here, and whom the link is for.
    pub(super) not_you: Option<(String, Option<String>)>,
}

impl Form {
    /// The form of a page, if there is something to decide for who looks at it.
    pub(super) fn of(page: &CallbackPage) -> (Option<Self>, NoForm) {
        let (voter, nonce) = match page.voting.clone() {
            Voting::Over => return (None, NoForm::default()),
            Voting::NoProvider => return (None, NoForm { no_provider: true, ..NoForm::default() }),
            Voting::WrongRecipient(person) => {
                return (None, NoForm { wrong_recipient: Some(person.to_string()), ..NoForm::default() });
            }
            Voting::NotYou { person, recipient } => {
                let not_you = Some((person.to_string(), recipient.map(|recipient| recipient.to_string())));
                return (None, NoForm { not_you, ..NoForm::default() });
            }
            Voting::ByName { members, nonce } => (FormVoter::ByName(members.into_iter().map(named).collect()), nonce),
            Voting::SignedIn { person, nonce } => {
                let (person, name) = named(person);
                (FormVoter::SignedIn { person, name }, nonce)
            }
            Voting::AfterSignIn { need, nonce } => (FormVoter::AfterSignIn(why(need)), nonce),
        };
        let request = &page.request;
        let form = Self {
            nonce,
            group: page.group.clone(),
            voter,
            reject_first: page.intent == Intent::Reject,
            // Nobody can edit characters that a text field does not show.
            editable: Some(request.command.clone()).filter(|text| !text.is_empty() && visible(text) == *text),
            duration: request.duration_seconds,
            typed: page.draft.as_ref().map(Typed::new).unwrap_or_default(),
        };
        (Some(form), NoForm::default())
    }

    /// Whether the voter has to sign in before the vote is counted.
    pub(super) const fn is_after_sign_in(&self) -> bool {
        matches!(self.voter, FormVoter::AfterSignIn(_))
    }

    /// Whether nobody may decide with it.
    pub(super) const fn is_for_nobody(&self) -> bool {
        matches!(&self.voter, FormVoter::ByName(members) if members.is_empty())
    }
}

impl Typed {
    fn new(draft: &LinkDecision) -> Self {
        use crate::approval::Choice;

        let pressed = match (draft.choice, &draft.command) {
            (Some(Choice::Approve), Some(_)) => Some("Approve this command instead"),
            (Some(Choice::Approve), None) => Some("Approve"),
            (Some(Choice::Reject), _) => Some("Reject"),
            (None, _) => None,
        };
        Self {
            approver: draft.approver.as_ref().map(ToString::to_string).unwrap_or_default(),
            reason: draft.reason.clone().unwrap_or_default(),
            command: draft.command.clone(),
            duration: draft.duration_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
            pressed,
        }
    }
}

/// The path of the sign-in that comes back to the page of a link.
pub(super) fn sign_in_path(token: &str) -> String {
    ReturnPath::parse(Some(&format!("/c/{token}"))).sign_in()
}

fn named(member: NamedMember) -> (String, String) {
    (member.email.to_string(), member.name)
}

const fn why(need: SignInNeed) -> &'static str {
    match need {
        SignInNeed::Anonymous => "Sign in to decide: this resource requires it. What you type here is kept.",
        SignInNeed::TooOld => {
            "This resource requires a recent sign-in, and yours is too old: sign in again to decide. What you type here is kept."
        }
        SignInNeed::UnknownAge => {
            "This resource requires a recent sign-in, and the identity provider does not say when you proved who you are: ask \
             the operator of this hub to let it send auth_time. What you type here is kept."
        }
        SignInNeed::StaleMembership => {
            "Your membership comes from the identity provider, and your last sign-in is too old to rely on it: sign in again to \
             decide. What you type here is kept."
        }
        SignInNeed::TooWeak => {
            "This resource requires a sign-in with your company account, and you signed in in another way. What you type here \
             is kept."
        }
        SignInNeed::NoVote => {
            "The token with which you signed in may not vote here: sign in in another way. What you type here is kept."
        }
    }
}
