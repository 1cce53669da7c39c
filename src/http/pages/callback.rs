//! The page behind a link: what is asked, by whom and why, and the form to decide. What shows nothing is written out by the escape of
//! all pages.

use askama::Template;

use crate::approval::{Assurance, Change, ChangeRole, Choice, Detail, Status};
use crate::channels::redact;
use crate::channels::text::{duration, visible};
use crate::http::assets::style_path;
use crate::hub::{CallbackPage, RequestView};
use crate::links::Intent;
use crate::time::Timestamp;

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
    requester: String,
    reason: Option<String>,
    /// What is asked for, before the command.
    asks: String,
    command: String,
    /// Who changed it, and what is different.
    change: Option<ChangeLines>,
    /// The command as it may be edited; none where editing would hide something.
    editable: Option<String>,
    /// Length of the access window, in seconds.
    duration: Option<u32>,
    context: Option<String>,
    labels: Vec<(String, String)>,
    slots: Vec<SlotLine>,
    votes: Vec<VoteLine>,
    /// What messages about the request do not hold.
    hidden: Vec<String>,
    outcome: Option<String>,
    group: String,
    members: Vec<(String, String)>,
    used_by: Option<String>,
    /// The one person that the link is for.
    recipient: Option<String>,
    nonce: Option<String>,
    reject_first: bool,
    id: String,
    revision: u32,
    digest: String,
    created_at: String,
    expires_at: String,
    time_left: String,
}

struct ChangeLines {
    by: String,
    reason: Option<String>,
    lines: Vec<DiffLine>,
}

struct DiffLine {
    /// A class of the style sheet.
    sort: &'static str,
    text: String,
}

struct SlotLine {
    group: String,
    approved: u32,
    needed: u32,
}

struct VoteLine {
    person: String,
    verb: &'static str,
    group: Option<String>,
    reason: Option<String>,
    how: &'static str,
    at: String,
    voided: bool,
}

/// A page that only says something: a dead link, a failure.
#[derive(Template)]
#[template(path = "pages/message.html")]
pub(in crate::http) struct MessagePage {
    style: String,
    heading: String,
    text: String,
    /// Where to go from here.
    back: Option<String>,
}

impl MessagePage {
    pub(in crate::http) fn new(heading: &str, text: &str, back: Option<String>) -> Self {
        Self { style: style_path(), heading: heading.to_owned(), text: text.to_owned(), back }
    }
}

impl DecisionPage {
    /// Shows what a link leads to; `error` when the form has just been refused.
    pub(in crate::http) fn new(token: &str, page: CallbackPage, error: Option<String>) -> Self {
        let CallbackPage { request, group, intent, members, recipient, used_by, nonce, detail, now } = page;
        let (heading, mood) = headline(request.status);
        Self {
            style: style_path(),
            token: token.to_owned(),
            error,
            heading,
            mood,
            outcome: request.decision.as_ref().map(|decision| {
                let by: Vec<&str> = decision.by.iter().map(|person| person.as_str()).collect();
                let reason = decision.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                if by.is_empty() {
                    format!("{heading}{reason}")
                } else {
                    format!("{heading} by {}{reason}", by.join(", "))
                }
            }),
            resource: request.resource.to_string(),
            requester: match (&request.requester.name, &request.requester.email) {
                (Some(name), Some(email)) => format!("{name} ({email})"),
                _ => request.requester.label().to_owned(),
            },
            reason: request.reason.clone(),
            asks: asks(&request),
            command: request.command.clone(),
            change: request.change.as_ref().map(ChangeLines::new),
            hidden: if detail == Detail::Redacted { hidden(&request) } else { Vec::new() },
            // What a text field does not show, nobody can edit.
            editable: Some(request.command.clone()).filter(|text| !text.is_empty() && visible(text) == *text),
            duration: request.duration_seconds,
            context: request.context.as_ref().map(|context| format!("{context:#}")),
            labels: request.labels.clone().into_iter().collect(),
            slots: request
                .slots
                .iter()
                .map(|slot| SlotLine { group: slot.group.to_string(), approved: slot.approved, needed: slot.needed })
                .collect(),
            votes: request.votes.iter().map(VoteLine::new).collect(),
            group,
            members: members.into_iter().map(|member| (member.email.to_string(), member.name)).collect(),
            used_by: used_by.map(|person| person.to_string()),
            recipient: recipient.map(|person| person.to_string()),
            nonce,
            reject_first: intent == Intent::Reject,
            id: request.id.to_string(),
            revision: request.revision,
            digest: request.digest.to_string(),
            created_at: to_the_minute(request.created_at),
            expires_at: to_the_minute(request.expires_at),
            time_left: time_left(now, request.expires_at),
        }
    }
}

impl ChangeLines {
    fn new(change: &Change) -> Self {
        let sort = |line: &str| match line.as_bytes().first() {
            Some(b'+') => "added",
            Some(b'-') => "removed",
            _ => "same",
        };
        let by = change.by.as_ref().map_or_else(|| "a system".to_owned(), ToString::to_string);
        Self {
            by: match change.role {
                ChangeRole::Approver => format!("{by}, who approved it so"),
                ChangeRole::Requester => format!("{by}, who asks"),
            },
            reason: change.reason.clone(),
            lines: change.diff.lines().map(|line| DiffLine { sort: sort(line), text: line.to_owned() }).collect(),
        }
    }
}

/// What was hidden in messages, each as what it looks like and where it stands.
fn hidden(request: &RequestView) -> Vec<String> {
    let found = serde_json::to_value(request).map(redact::findings).unwrap_or_default();
    found.into_iter().map(|found| format!("{} ({})", found.kind.named(), found.place)).collect()
}

/// What is asked for, before the command itself.
fn asks(request: &RequestView) -> String {
    let language = request.language.as_deref().map(|language| format!(" ({language})")).unwrap_or_default();
    let whose = request.beneficiary.as_ref().map(|person| format!(" for {person}")).unwrap_or_default();
    match request.duration_seconds {
        Some(seconds) => format!("asks for access{whose} for {}{language}", duration(u64::from(seconds))),
        None => format!("asks to run{whose}{language}:"),
    }
}

impl VoteLine {
    fn new(vote: &crate::hub::VoteView) -> Self {
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
            reason: vote.reason.clone(),
            how: match vote.assurance {
                Assurance::Link => "by a link, named themselves",
                Assurance::Recipient => "by a link that was sent to them alone",
                Assurance::Delegated => "through a trusted system",
                Assurance::Chat => "in their chat, by an account of theirs",
                Assurance::Token => "with their own token",
            },
            at: to_the_minute(vote.at),
            voided: vote.voided,
        }
    }
}

const fn headline(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pending => ("Approval needed", "waiting"),
        Status::Approved => ("Approved", "good"),
        Status::Rejected => ("Rejected", "bad"),
        Status::Expired => ("Expired", "stale"),
        Status::Cancelled => ("Cancelled", "stale"),
        Status::Superseded => ("Replaced by a newer request", "stale"),
    }
}

/// A time as people read it: `2026-11-21 21:08 UTC`.
fn to_the_minute(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => text,
    }
}

/// How long there is, in the largest two units.
fn time_left(now: Timestamp, end: Timestamp) -> String {
    duration(end.since(now).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Decision, Email, Kind, Method, Requester};
    use crate::hub::SlotView;
    use crate::ids::{RequestId, VoteId};
    use crate::store::groups::NamedMember;

    fn email(text: &str) -> Email {
        text.parse().expect("an address")
    }

    /// A page whose every text tries to be more than text.
    fn page(status: Status) -> CallbackPage {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let hostile = "<script>alert(1)</script> \u{202e}& \"quoted\"".to_owned();
        let digest = crate::approval::Digest::of(b"x");
        let decision = (status != Status::Pending).then(|| Decision {
            reason: Some(hostile.clone()),
            by: vec![email("dana@example.com")],
            ..Decision::new(status, Method::Votes)
        });
        let request = RequestView {
            id: RequestId::from_bytes([1; 16]),
            revision: 1,
            kind: Kind::Action,
            resource: "orders".parse().expect("a name"),
            command: format!("delete from carts\n  where {hostile}"),
            language: Some("sql".to_owned()),
            context: Some(serde_json::json!({"ticket": hostile})),
            duration_seconds: None,
            digest,
            requester: Requester {
                email: Some(email("nora@example.com")),
                name: Some(hostile.clone()),
                groups: Vec::new(),
                acting_for: None,
            },
            beneficiary: None,
            reason: Some(hostile.clone()),
            labels: [(hostile.clone(), hostile.clone())].into(),
            status,
            created_at: now,
            expires_at: now + std::time::Duration::from_secs(3_600),
            decided_at: None,
            decision,
            slots: vec![SlotView {
                group: "dba".parse().expect("a name"),
                needed: 2,
                approved: 1,
                eligible: 3,
                also: Vec::new(),
            }],
            asking_rules: Vec::new(),
            votes: vec![crate::hub::VoteView {
                id: VoteId::from_bytes([2; 16]),
                person: email("dana@example.com"),
                decision: Choice::Approve,
                group: None,
                reason: Some(hostile.clone()),
                assurance: Assurance::Link,
                channel: "teams".to_owned(),
                at: now,
                revision: 1,
                digest,
                on_behalf_of: None,
                narrowing: None,
                voided: false,
            }],
            modified_by: None,
            change: None,
            execution: None,
            grant: None,
            review: None,
            undecidable: false,
            supersedes: None,
            superseded_by: None,
            url: "https://hub.example.com/v1/requests/x".to_owned(),
        };
        CallbackPage {
            request,
            group: "dba".to_owned(),
            intent: Intent::Approve,
            members: vec![NamedMember { email: email("erik@example.com"), name: hostile }],
            recipient: None,
            used_by: None,
            nonce: (status == Status::Pending).then(|| "NONCE".to_owned()),
            detail: Detail::Full,
            now,
        }
    }

    #[test]
    fn pages_look_as_they_did_and_text_stays_text() {
        for (name, status) in
            [("pending", Status::Pending), ("approved", Status::Approved), ("rejected", Status::Rejected)]
        {
            let mut page = DecisionPage::new("TOKEN", page(status), None);
            page.style = "/assets/style.css".to_owned();
            let html = page.render().expect("renders");
            assert!(!html.contains("<script") && !html.contains('\u{202e}'));
            insta::assert_snapshot!(format!("decision-{name}"), html);
        }
    }

    #[test]
    fn a_change_shows_what_is_different() {
        let mut page = page(Status::Pending);
        page.request.revision = 2;
        page.request.command = "delete from carts where old".to_owned();
        page.request.change = Some(Change {
            by: Some(email("erik@example.com")),
            role: ChangeRole::Approver,
            at: page.now,
            from_revision: 1,
            reason: Some("<b>not all</b>".to_owned()),
            diff: "-delete from carts\n+delete from carts where old <script>\u{202e}".to_owned(),
        });
        let mut page = DecisionPage::new("TOKEN", page, None);
        page.style = "/assets/style.css".to_owned();
        let html = page.render().expect("renders");
        assert!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains("<b>"));
        insta::assert_snapshot!("decision-changed", html);
    }

    #[test]
    fn what_messages_hide_is_told_here() {
        for (detail, is_told) in [(Detail::Redacted, true), (Detail::Full, false), (Detail::LinkOnly, false)] {
            let mut page = page(Status::Pending);
            page.request.command = "PGPASSWORD=hunter2 psql".to_owned();
            page.detail = detail;
            let html = DecisionPage::new("TOKEN", page, None).render().expect("renders");
            assert!(html.contains("hunter2"));
            assert_eq!(html.contains("password or other named secret (command)"), is_told, "{detail:?}");
        }
    }

    #[test]
    fn times_as_people_read_them() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert_eq!(to_the_minute("2026-11-21T21:08:25.5Z".parse().expect("a time")), "2026-11-21 21:08 UTC");
        let left = [59, 61, 3_660, 90_000].map(|seconds| time_left(at(0), at(seconds)));
        assert_eq!(left, ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
