//! The decision page behind a link: what is requested, by whom and why, and the form to decide. The escaper of all
//! pages makes invisible characters visible. Text from the requester is separate from the hub's own text.

mod form;

use askama::Template;

use self::form::{Form, FormVoter, NoForm, sign_in_path};
use crate::approval::Detail;
use crate::channels::redact;
use crate::channels::text::Part;
use crate::http::pages::reader::{Reader, TimeLeft};
use crate::http::pages::shell::Shell;
use crate::http::pages::shown::{
    ChangeShown, CommandShown, DecisionSummary, Given, SlotLine, VoteLine, asks, headline,
};
use crate::http::pages::time::PageTime;
use crate::hub::{CallbackPage, RequestView};

/// A request, with the form if there is something to decide.
#[derive(Template)]
#[template(path = "pages/decision.html")]
pub(in crate::http) struct DecisionPage {
    shell: Shell,
    token: String,
    /// The error of the last submission.
    error: Option<String>,
    /// Whether to offer another sign-in beside the error.
    signs_in_again: bool,
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
    no_form: NoForm,
    /// The way to the sign-in and back.
    sign_in: String,
    id: String,
    revision: u32,
    digest: String,
    created_at: PageTime,
    left: TimeLeft,
}

impl DecisionPage {
    /// Makes the page of a link; `error` says why the form was just refused.
    pub(in crate::http) fn new(token: &str, page: CallbackPage, error: Option<String>, reader: &Reader) -> Self {
        let (form, no_form) = Form::of(&page);
        let CallbackPage { request, used_by, detail, .. } = page;
        let (heading, mood) = headline(request.status);
        Self {
            shell: Shell::plain(),
            token: token.to_owned(),
            error,
            signs_in_again: false,
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
            votes: request.votes.iter().map(|vote| VoteLine::new(vote, reader)).collect(),
            used_by: used_by.filter(|_| request.decision.is_none()).map(|person| person.to_string()),
            no_form,
            sign_in: sign_in_path(token),
            id: request.id.to_string(),
            revision: request.revision,
            digest: request.digest.to_string(),
            created_at: reader.time(request.created_at),
            left: reader.left(request.expires_at),
        }
    }

    /// The page with a link to sign in, which leads back to it.
    pub(in crate::http) fn with_sign_in(self) -> Self {
        Self { signs_in_again: true, ..self }
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
