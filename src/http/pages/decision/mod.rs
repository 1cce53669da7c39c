//! The page behind a link: what is asked, by whom and why, and the form to decide. What shows nothing is written out by the escape of
//! all pages, and what a requester wrote stands apart from what the hub says.

mod command;
mod given;
mod moment;
mod standing;

use askama::Template;

use self::command::{ChangeShown, CommandShown, asks};
use self::given::Given;
use self::moment::Moment;
use self::standing::{Outcome, SlotLine, VoteLine, headline};
use crate::approval::Detail;
use crate::channels::redact;
use crate::channels::text::{Part, duration, visible};
use crate::http::assets::style_path;
use crate::hub::{CallbackPage, RequestView};
use crate::links::Intent;

/// A request, and the form when there is something to decide.
#[derive(Template)]
#[template(path = "pages/decision.html")]
pub(in crate::http) struct DecisionPage {
    style: String,
    token: String,
    /// What went wrong with the last try.
    error: Option<String>,
    heading: &'static str,
    /// A class of the style sheet.
    mood: &'static str,
    resource: String,
    outcome: Option<Outcome>,
    /// The address of the person who asks; none for a system.
    requester: Option<String>,
    /// In whose name they ask.
    acting_for: Option<String>,
    /// Who gets the access, when it is not the requester.
    beneficiary: Option<String>,
    /// What is asked for, before the command.
    asks: String,
    command: Option<CommandShown>,
    /// Who changed it, and what is different.
    change: Option<ChangeShown>,
    /// What rules want people to look at: their names, and what they say.
    findings: Vec<(String, Option<String>)>,
    /// What messages about the request do not hold.
    hidden: Vec<String>,
    given: Given,
    form: Option<Form>,
    slots: Vec<SlotLine>,
    votes: Vec<VoteLine>,
    used_by: Option<String>,
    /// The one person that the link is for, when they may not decide.
    wrong_person: Option<String>,
    id: String,
    revision: u32,
    digest: String,
    created_at: Moment,
    expires_at: Moment,
    time_left: String,
}

/// What is filled in to decide.
struct Form {
    nonce: String,
    group: String,
    /// Addresses and names of who may decide; without any, there is no form to fill in.
    members: Vec<(String, String)>,
    reject_first: bool,
    /// The command as it may be edited; none where editing would hide something.
    editable: Option<String>,
    /// Length of the access window, in seconds.
    duration: Option<u32>,
}

impl DecisionPage {
    /// Shows what a link leads to; `error` when the form has just been refused.
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
            // What a text field does not show, nobody can edit.
            editable: Some(request.command.clone()).filter(|text| !text.is_empty() && visible(text) == *text),
            duration: request.duration_seconds,
        });
        Self {
            style: style_path(),
            token: token.to_owned(),
            error,
            heading,
            mood,
            outcome: request.decision.as_ref().map(|decision| Outcome::new(heading, decision)),
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

    /// Whether the form may stand beside the command: only where all of it is on the screen then, so that nobody decides above its end.
    fn is_short(&self) -> bool {
        self.change.is_none() && self.command.as_ref().is_none_or(CommandShown::is_short)
    }
}

/// What was hidden in messages, each as what it looks like and where it stands.
fn hidden(request: &RequestView) -> Vec<String> {
    let found = serde_json::to_value(request).map(redact::findings).unwrap_or_default();
    found.into_iter().map(|found| format!("{} ({})", found.kind.label(), found.place)).collect()
}

#[cfg(test)]
mod tests;
