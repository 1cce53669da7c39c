//! A request as a row of the list: its state and its decision in words.

use crate::approval::{Decision, Email, ExecutionStatus, GrantStatus, Method, Status, who_asks};
use crate::channels::text::one_line;
use crate::http::pages::reader::{Reader, brief};
use crate::http::pages::time::PageTime;
use crate::hub::Line;
use crate::time::Timestamp;

/// Most people that a row names.
const NAMED: usize = 2;

/// A row.
pub(super) struct Row {
    pub(super) id: String,
    /// A CSS class and the word.
    pub(super) state: (&'static str, &'static str),
    /// One line: the beginning of the command, or the access.
    pub(super) what: String,
    /// How much of the command is not on that line.
    pub(super) rest: Option<String>,
    pub(super) who: String,
    pub(super) beneficiary: Option<String>,
    pub(super) resource: String,
    pub(super) asked: PageTime,
    /// How it was decided; how long it may still wait.
    pub(super) decided: String,
    pub(super) is_decided: bool,
}

impl Row {
    pub(super) fn new(line: Line, reader: &Reader, me: &Email) -> Self {
        let email = |email: &Option<Email>| email.as_ref().map(ToString::to_string);
        let (requester, acting_for) = (email(&line.requester), email(&line.acting_for));
        let (what, rest) = what(&line);
        Self {
            id: line.id.to_string(),
            state: state(&line, reader.now),
            what,
            rest,
            who: who_asks(line.requester_name.as_deref(), requester.as_deref(), acting_for.as_deref()),
            beneficiary: email(&line.beneficiary),
            resource: line.resource.to_string(),
            asked: reader.time(line.created_at),
            decided: decided(&line, reader, me),
            is_decided: line.decision.is_some(),
        }
    }
}

/// The line that stands for the command, and what it leaves out.
fn what(line: &Line) -> (String, Option<String>) {
    let parts = line.command.lines().map(str::trim).filter(|text| !text.is_empty());
    let first = parts.collect::<Vec<_>>().join(" ⏎ ");
    let rest = match line.lines {
        1 if line.is_clipped => Some("more on its page".to_owned()),
        0 | 1 => None,
        lines => Some(format!("{lines} lines")),
    };
    match line.duration_seconds {
        Some(seconds) if first.is_empty() => (format!("{} of access", brief(seconds.into())), rest),
        Some(seconds) => (format!("{} of access: {}", brief(seconds.into()), one_line(&first)), rest),
        None => (one_line(&first), rest),
    }
}

fn state(line: &Line, now: Timestamp) -> (&'static str, &'static str) {
    match (line.status, line.execution, line.access) {
        (Status::Pending, ..) if now >= line.expires_at => ("", "Out of time"),
        (Status::Pending, ..) => ("accent", "Waiting"),
        (Status::Rejected, ..) => ("no", "Rejected"),
        (Status::Expired, ..) => ("", "Expired"),
        (Status::Cancelled, ..) => ("", "Taken back"),
        (Status::Superseded, ..) => ("", "Replaced"),
        (Status::Approved, Some(execution), _) => match execution {
            ExecutionStatus::Ready => ("yes", "Approved"),
            ExecutionStatus::Claimed => ("accent", "Runs"),
            ExecutionStatus::Succeeded => ("yes", "Ran"),
            ExecutionStatus::Failed => ("warn", "Run failed"),
            ExecutionStatus::Unknown => ("warn", "Result unknown"),
            ExecutionStatus::Lapsed => ("", "Not used"),
            ExecutionStatus::Revoked => ("no", "Revoked"),
        },
        (Status::Approved, None, Some(access)) => match access {
            GrantStatus::Scheduled => ("yes", "Begins later"),
            GrantStatus::Active => ("yes", "Has access"),
            GrantStatus::Ended => ("", "Access over"),
            GrantStatus::Revoked => ("no", "Revoked"),
        },
        (Status::Approved, None, None) => ("yes", "Approved"),
    }
}

/// How it was decided, and how long that took; of a waiting one, how much time is left.
fn decided(line: &Line, reader: &Reader, me: &Email) -> String {
    let Some((decision, at)) = line.decision.as_ref().zip(line.decided_at) else {
        let left = reader.left(line.expires_at);
        return if reader.now >= line.expires_at { "nobody decided".to_owned() } else { format!("{} left", left.text) };
    };
    let seconds = at.since(line.created_at).as_secs();
    let took = brief(seconds);
    let by = |how: &str| match seconds {
        0 => format!("at once by {}", people(decision, me)),
        _ => format!("{how} {took} by {}", people(decision, me)),
    };
    match decision.method {
        Method::Timeout => format!("after {took}, nobody decided"),
        Method::Exempt => "at once, needs no approval".to_owned(),
        Method::Rule => match &decision.rule {
            Some(rule) => format!("at once, by rule {rule}"),
            None => "at once, by a rule".to_owned(),
        },
        Method::Replacement => format!("after {took}, by a newer one"),
        Method::BreakGlass => format!("in an emergency, after {took}, by {}", people(decision, me)),
        Method::Cancellation if decision.by.is_empty() => format!("after {took}"),
        Method::Cancellation => by("after"),
        Method::Votes => by("in"),
    }
}

fn people(decision: &Decision, me: &Email) -> String {
    let name = |person: &Email| if person == me { "you".to_owned() } else { person.to_string() };
    let named: Vec<String> = decision.by.iter().take(NAMED).map(name).collect();
    match decision.by.len().saturating_sub(NAMED) {
        0 => named.join(" and "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::approval::Kind;
    use crate::ids::RequestId;

    fn line() -> Line {
        let created_at: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        Line {
            id: RequestId::mint(created_at),
            kind: Kind::Action,
            resource: "orders".parse().unwrap(),
            command: "\nselect 1;\u{202e}\nselect 2;".to_owned(),
            is_clipped: false,
            lines: 3,
            duration_seconds: None,
            requester: Some("nora@example.com".parse().unwrap()),
            requester_name: None,
            acting_for: None,
            beneficiary: None,
            status: Status::Pending,
            created_at,
            expires_at: "2026-11-28T13:00:00Z".parse().unwrap(),
            decided_at: None,
            decision: None,
            execution: None,
            access: None,
        }
    }

    fn row(line: Line) -> Row {
        let reader = Reader::new(&HeaderMap::new(), "2026-11-28T12:42:00Z".parse().unwrap());
        Row::new(line, &reader, &"dana@example.com".parse().unwrap())
    }

    #[test]
    fn a_waiting_one_says_how_long_it_may_wait() {
        let row = row(line());
        assert_eq!((row.state, row.decided.as_str()), (("accent", "Waiting"), "18 min left"));
        assert_eq!((row.what.as_str(), row.rest.as_deref()), ("select 1;\u{202e} ⏎ select 2;", Some("3 lines")));
    }

    #[test]
    fn a_decided_one_says_by_whom_and_how_long_it_took() {
        let by = |people: &[&str]| people.iter().map(|person| person.parse().unwrap()).collect::<Vec<Email>>();
        let decided = |status, method, people: &[&str]| {
            let decision = Decision { by: by(people), ..Decision::new(status, method) };
            let decided_at = Some("2026-11-28T12:03:00Z".parse().unwrap());
            row(Line { status, decision: Some(decision), decided_at, ..line() }).decided
        };
        let (dana, erik, olga) = ("dana@example.com", "erik@example.com", "olga@example.com");
        for (status, method, people, says) in [
            (Status::Approved, Method::Votes, vec![dana], "in 3 min by you"),
            (Status::Rejected, Method::Votes, vec![erik, dana], "in 3 min by erik@example.com and you"),
            (
                Status::Approved,
                Method::Votes,
                vec![erik, olga, dana],
                "in 3 min by erik@example.com, olga@example.com and 1 more",
            ),
            (Status::Expired, Method::Timeout, vec![], "after 3 min, nobody decided"),
            (Status::Cancelled, Method::Cancellation, vec![erik], "after 3 min by erik@example.com"),
            (Status::Superseded, Method::Replacement, vec![], "after 3 min, by a newer one"),
            (Status::Approved, Method::Exempt, vec![], "at once, needs no approval"),
        ] {
            assert_eq!(decided(status, method, &people), says);
        }
    }

    #[test]
    fn the_state_says_how_an_approval_was_used() {
        let state = |execution, access| row(Line { status: Status::Approved, execution, access, ..line() }).state;
        assert_eq!(state(Some(ExecutionStatus::Failed), None), ("warn", "Run failed"));
        assert_eq!(state(None, Some(GrantStatus::Active)), ("yes", "Has access"));
        assert_eq!(state(None, None), ("yes", "Approved"));
    }
}
