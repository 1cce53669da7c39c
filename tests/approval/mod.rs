//! The pure core against a model that is slow and plain.

mod execution;
mod model;
mod protocol;
mod rules;
mod working_hours;

use countersign::approval::{
    Assurance, Ballot, Choice, Digest, Email, GroupName, Kind, Payload, Request, Requester, Slot, Status, Terms,
    TermsSlot,
};
use countersign::ids::{RequestId, VoteId};
use countersign::time::Timestamp;

fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().expect("an address")
}

fn group(name: &str) -> GroupName {
    name.parse().expect("a name")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// A pending request by `requester`, from second 0 to second 100.
fn request(slots: Vec<Slot>, requester: &str) -> Request {
    let payload = Payload { command: "select 1".to_owned(), language: None, context: None, duration_seconds: None };
    Request {
        id: RequestId::mint(at(0)),
        revision: 1,
        kind: Kind::Action,
        resource: "orders".parse().expect("a name"),
        digest: Digest::of(b"x"),
        payload,
        requester: Requester { email: Some(email(requester)), name: None, groups: Vec::new() },
        asked_by: "operator".to_owned(),
        reason: None,
        labels: Default::default(),
        status: Status::Pending,
        created_at: at(0),
        expires_at: at(100),
        decided_at: None,
        decision: None,
        terms: Terms {
            slots: slots.into_iter().map(|slot| TermsSlot { slot, eligible: 0 }).collect(),
            reject_reason_required: false,
        },
        votes: Vec::new(),
    }
}

fn ballot(voter: &str, choice: Choice) -> Ballot {
    Ballot {
        id: VoteId::mint(at(0)),
        voter: email(voter),
        choice,
        group: None,
        reason: None,
        revision: None,
        digest: None,
        assurance: Assurance::Token,
        channel: "api".to_owned(),
        link: None,
    }
}
