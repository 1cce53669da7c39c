//! The decision page behind a link: what is requested, by whom and why, and the form to decide. The escaper of all
//! pages makes invisible characters visible. Text from the requester is separate from the hub's own text.

mod command;
mod given;
mod status;
mod time;

use askama::Template;

use self::command::{ChangeShown, CommandShown, asks};
use self::given::Given;
use self::status::{DecisionSummary, SlotLine, VoteLine, headline};
use self::time::PageTime;
use crate::approval::Detail;
use crate::channels::redact;
use crate::channels::text::{Part, duration, visible};
use crate::http::assets::style_path;
use crate::hub::{CallbackPage, RequestView};
use crate::links::Intent;

/// A request, with the form if there is something to decide.
#[derive(Template)]
#[template(path = "pages/decision.html")]
pub(in crate::http) struct DecisionPage {
    style: String,
    token: String,
    /// The error of the last submission.
    error: Option<String>,
    /// The page to sign in, which leads back here.
    sign_in: Option<String>,
    heading: &'static str,
    /// A CSS class.
    mood: &'static str,
    resource: String,
    outcome: Option<DecisionSummary>,
    /// E-mail address of the requester; `None` for a system.
    requester: Option<String>,
    acting_for: Option<String>,
    /// Who gets the access, if it is not the requester.
    beneficiary: Option<String>,
    /// The heading above the command.
    asks: String,
    command: Option<CommandShown>,
    change: Option<ChangeShown>,
    /// Names and reasons of the rules that require approval.
    findings: Vec<(String, Option<String>)>,
    /// Descriptions of what is redacted in messages about the request.
    hidden: Vec<String>,
    given: Given,
    form: Option<Form>,
    slots: Vec<SlotLine>,
    votes: Vec<VoteLine>,
    used_by: Option<String>,
    /// The one person that the link is for, if they may not decide.
    wrong_person: Option<String>,
    id: String,
    revision: u32,
    digest: String,
    created_at: PageTime,
    expires_at: PageTime,
    time_left: String,
}

/// The form to decide.
struct Form {
    nonce: String,
    group: String,
    /// Addresses and names of the people who may decide; if there are none, the page says so instead of showing the
    /// form.
    members: Vec<(String, String)>,
    reject_first: bool,
    /// The command for the text field; `None` if a text field would hide characters of it.
    editable: Option<String>,
    /// Length of the access window, in seconds.
    duration: Option<u32>,
}

impl DecisionPage {
    /// Makes the page of a link; `error` says why the form was just refused.
    pub(in crate::http) fn new(token: &str, page: CallbackPage, error: Option<String>) -> Self {
        let CallbackPage { request, group, intent, members, recipient, used_by, nonce, detail, now } = page;
        let (heading, mood) = headline(request.status);
        let is_open = request.decision.is_none() && used_by.is_none();
        let wrong_person = recipient.filter(|_| nonce.is_none() && is_open).map(|person| person.to_string());
        let form = nonce.map(|nonce| Form {
            nonce,
            group,
            members: members.into_iter().map(|member| (member.email.to_string(), member.name)).collect(),
            reject_first: intent == Intent::Reject,
            // Nobody can edit characters that a text field does not show.
            editable: Some(request.command.clone()).filter(|text| !text.is_empty() && visible(text) == *text),
            duration: request.duration_seconds,
        });
        Self {
            style: style_path(),
            token: token.to_owned(),
            error,
            sign_in: None,
            heading,
            mood,
            outcome: request.decision.as_ref().map(|decision| DecisionSummary::new(heading, decision)),
            resource: request.resource.to_string(),
            requester: request.requester.email.as_ref().map(ToString::to_string),
            acting_for: request.requester.acting_for.as_ref().map(ToString::to_string),
            beneficiary: request.beneficiary.as_ref().map(ToString::to_string),
            asks: asks(&request),
            command: CommandShown::new(&request),
            change: request.change.as_ref().map(ChangeShown::new),
            findings: request
                .asking_rules
                .iter()
                .map(|finding| (finding.rule.to_string(), finding.reason.clone()))
                .collect(),
            hidden: if detail == Detail::Redacted { hidden(&request) } else { Vec::new() },
            given: Given::new(&request),
            form,
            slots: request.slots.iter().map(SlotLine::new).collect(),
            votes: request.votes.iter().map(VoteLine::new).collect(),
            used_by: used_by.filter(|_| request.decision.is_none()).map(|person| person.to_string()),
            wrong_person,
            id: request.id.to_string(),
            revision: request.revision,
            digest: request.digest.to_string(),
            created_at: request.created_at.into(),
            expires_at: request.expires_at.into(),
            time_left: duration(request.expires_at.since(now).as_secs()),
        }
    }

    /// The page with a link to sign in, which leads back to it.
    pub(in crate::http) fn with_sign_in(self) -> Self {
        Self { sign_in: Some(format!("/sign-in?return=/c/{}", self.token)), ..self }
    }

    /// Whether the form may be beside the command: only if the whole command fits on the screen, so that nobody decides
    /// before its end.
    fn is_short(&self) -> bool {
        self.change.is_none() && self.command.as_ref().is_none_or(CommandShown::is_short)
    }
}

/// Descriptions of what is redacted in messages: kind and place.
fn hidden(request: &RequestView) -> Vec<String> {
    let found = serde_json::to_value(request).map(redact::findings).unwrap_or_default();
    found.into_iter().map(|found| format!("{} ({})", found.kind.label(), found.place)).collect()
}

#[cfg(test)]
mod tests;
