//! The pure approval core, compared with a slow and simple model.

mod admission;
mod ageing;
mod changes;
mod conflicts;
mod endings;
mod execution;
mod memberships;
mod model;
mod notices;
mod protocol;
mod rules;
mod shells;
mod stand_ins;
mod working_hours;

use countersign::approval::{
    Assurance, Ballot, Choice, Command, Digest, Email, GroupName, Kind, Payload, Policy, Proposal, Refusal, Request,
    Requester, Roster, Ruling, Slot, Status, Terms, TermsSlot, Transition, Verdict, VoidReason, Vote, decide,
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

fn slot(name: &str, needed: u32) -> Slot {
    Slot { group: group(name), needed, shared: false }
}

fn payload(command: &str) -> Payload {
    Payload { command: command.to_owned(), language: None, context: None, duration_seconds: None }
}

/// A pending request by `requester`, from second 0 to second 100.
fn request(slots: Vec<Slot>, requester: &str) -> Request {
    Request {
        id: RequestId::mint(at(0)),
        revision: 1,
        kind: Kind::Action,
        resource: "orders".parse().expect("a name"),
        digest: Digest::of(b"x"),
        payload: payload("select 1"),
        requester: Requester { email: Some(email(requester)), name: None, groups: Vec::new(), acting_for: None },
        beneficiary: None,
        asked_by: "operator".to_owned(),
        reason: None,
        labels: Default::default(),
        status: Status::Pending,
        created_at: at(0),
        expires_at: at(100),
        decided_at: None,
        decision: None,
        terms: Terms {
            policy_slots: slots.clone(),
            slots: slots.into_iter().map(|slot| TermsSlot { slot, eligible: 0, also: Vec::new() }).collect(),
            ..Terms::default()
        },
        votes: Vec::new(),
        change: None,
        supersedes: None,
        superseded_by: None,
        undecidable: false,
        progress: Default::default(),
        execution: None,
        grant: None,
        review: None,
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
        signed_in_at: None,
        channel: "api".to_owned(),
        link: None,
        on_behalf_of: None,
        narrowing: None,
        proposal: None,
    }
}

fn approve(voter: &str) -> Command {
    Command::vote(ballot(voter, Choice::Approve))
}

fn reject(voter: &str) -> Command {
    Command::vote(ballot(voter, Choice::Reject))
}

/// An approval or a rejection as a stand-in for `absent`.
fn in_place_of(absent: &str, voter: &str, choice: Choice) -> Command {
    Command::vote(Ballot { on_behalf_of: Some(email(absent)), ..ballot(voter, choice) })
}

fn proposal(command: &str, ruling: Ruling) -> Proposal {
    Proposal { payload: payload(command), digest: Digest::of(command.as_bytes()), ruling }
}

/// A ruling that adds nothing to the policy.
fn no_rule() -> Ruling {
    Ruling::Ask { rules: Vec::new(), slots: Vec::new() }
}

fn asks_for(slot: Slot) -> Ruling {
    Ruling::Ask { rules: vec!["more".parse().expect("a name")], slots: vec![slot] }
}

fn denies(reason: Option<&str>) -> Ruling {
    Ruling::Denied { rule: "no".parse().expect("a name"), reason: reason.map(str::to_owned) }
}

fn allows() -> Ruling {
    Ruling::Allowed { rule: "reads".parse().expect("a name") }
}

/// A pending request with its roster and the current time.
#[derive(Clone)]
struct Desk {
    request: Request,
    roster: Roster,
    second: i64,
}

impl Desk {
    fn new(slots: &[(&str, u32)], members: &[(&str, &[&str])]) -> Self {
        let slots = slots.iter().map(|(name, needed)| slot(name, *needed)).collect();
        let mut desk = Self { request: request(slots, "nora"), roster: Roster::default(), second: 1 };
        desk.staff(members);
        desk
    }

    /// Sets the members of each group from now on.
    fn staff(&mut self, members: &[(&str, &[&str])]) {
        let pairs = members.iter().flat_map(|(name, people)| people.iter().map(|person| (group(name), email(person))));
        self.roster = pairs.collect();
    }

    /// The verdict of `command`, without carrying it out.
    fn verdict(&self, command: Command) -> Verdict {
        decide(&self.request, command, &self.roster, at(self.second))
    }

    /// Carries out `command`, which must be accepted.
    #[track_caller]
    fn accept(&mut self, command: Command) -> Transition {
        let verdict = self.verdict(command);
        assert_eq!(verdict.answer, Ok(()));
        self.request.apply(&verdict.transition, at(self.second));
        verdict.transition
    }

    /// The reason why `command` is refused. A refused command changes nothing.
    #[track_caller]
    fn refuse(&self, command: Command) -> Refusal {
        let verdict = self.verdict(command);
        assert_eq!(verdict.transition, Transition::default());
        verdict.answer.expect_err("a refusal")
    }

    #[track_caller]
    fn changes_nothing(&self, command: Command) {
        assert_eq!(self.verdict(command), Verdict { transition: Transition::default(), answer: Ok(()) });
    }

    /// The voters whose votes a transition voids, with the reasons.
    fn voided(&self, transition: &Transition) -> Vec<(String, VoidReason)> {
        let voter = |id: VoteId| self.request.votes.iter().find(|vote| vote.id == id).expect("a vote").voter.clone();
        let name = |person: Email| person.as_str().trim_end_matches("@example.com").to_owned();
        transition.voids.iter().map(|void| (name(voter(void.vote)), void.why)).collect()
    }

    fn live(&self) -> Vec<&Vote> {
        self.request.live_votes().collect()
    }

    fn status(&self) -> Status {
        self.request.status
    }

    /// The people who decided.
    fn by(&self) -> Vec<Email> {
        self.request.decision.as_ref().expect("it ended").by.clone()
    }
}

/// A request that `needed` of dba decide: Dana, Erik, Fay, and the requester Nora.
fn dba(needed: u32) -> Desk {
    Desk::new(&[("dba", needed)], &[("dba", &["dana", "erik", "fay", "nora"])])
}
