//! Ends other than by votes: cancelled, replaced, or approved by break-glass.

use std::sync::Arc;

use countersign::approval::{BreakGlass, ChangeRole, Command, Decision, Method, Refusal, Status, Transition};
use countersign::ids::RequestId;

use super::{Desk, approve, at, email, group, no_rule, proposal, reject};

fn desk() -> Desk {
    Desk::new(&[("dba", 1)], &[("dba", &["dana", "nora"]), ("oncall", &["otto", "nora"])])
}

fn cancel() -> Command {
    Command::Cancel { by: Some(email("nora")), reason: Some("not needed".to_owned()) }
}

fn supersede(successor: RequestId) -> Command {
    Command::Supersede { by: Some(email("nora")), successor }
}

/// One request for each way in which a request can have ended.
fn ended() -> Vec<Desk> {
    let ways: [fn(&mut Desk); 5] = [
        |desk| drop(desk.accept(approve("dana"))),
        |desk| drop(desk.accept(reject("dana"))),
        |desk| drop(desk.accept(cancel())),
        |desk| drop(desk.accept(supersede(RequestId::mint(at(0))))),
        |desk| {
            desk.second = 100;
            desk.accept(Command::Expire);
        },
    ];
    ways.map(|way| {
        let mut desk = desk();
        way(&mut desk);
        desk
    })
    .into()
}

#[test]
fn a_request_is_cancelled_once_and_only_while_pending() {
    let mut desk = desk();
    let decision = desk.accept(cancel()).decision.expect("an end");
    assert_eq!((decision.outcome, decision.method), (Status::Cancelled, Method::Cancellation));
    assert_eq!((decision.reason.as_deref(), decision.by), (Some("not needed"), vec![email("nora")]));
    assert_eq!((desk.status(), desk.request.decided_at), (Status::Cancelled, Some(at(1))));
    for desk in ended() {
        match desk.status() {
            Status::Cancelled => desk.changes_nothing(cancel()),
            Status::Expired => assert_eq!(desk.refuse(cancel()), Refusal::Expired),
            status => assert_eq!(desk.refuse(cancel()), Refusal::Decided(status)),
        }
    }
}

#[test]
fn an_ended_request_is_final() {
    for mut desk in ended() {
        Arc::make_mut(&mut desk.request.terms.procedure).break_glass = Some(glass());
        let status = desk.status();
        let refusal = if status == Status::Expired { Refusal::Expired } else { Refusal::Decided(status) };
        let revise = Command::Revise {
            by: None,
            role: ChangeRole::Requester,
            proposal: proposal("select 2", no_rule()),
            reason: None,
            revision: None,
        };
        for command in [approve("otto"), reject("otto"), revise, break_glass("otto", "fire", 0)] {
            assert_eq!(desk.refuse(command), refusal);
        }
        desk.second = 1_000;
        for command in [Command::Expire, Command::Recheck, Command::Advance] {
            desk.changes_nothing(command);
        }
    }
}

#[test]
fn a_request_is_replaced_by_one_other() {
    let [first, second] = [0, 1].map(|second| RequestId::mint(at(second)));
    let mut desk = desk();
    let replaced = desk.accept(supersede(first));
    let decision = Decision { by: vec![email("nora")], ..Decision::new(Status::Superseded, Method::Replacement) };
    let expected = Transition { decision: Some(decision), successor: Some(first), ..Transition::default() };
    assert_eq!(replaced, expected);
    assert_eq!((desk.status(), desk.request.superseded_by), (Status::Superseded, Some(first)));
    desk.accept(supersede(first));
    assert_eq!(desk.request.superseded_by, Some(first));
    assert_eq!(desk.refuse(supersede(second)), Refusal::Replaced(first));
    // The status of the replaced request does not matter.
    desk.request.status = Status::Pending;
    assert_eq!(desk.refuse(supersede(second)), Refusal::Replaced(first));
}

#[test]
fn a_request_that_ended_without_approval_can_be_submitted_again() {
    let [first, second] = [0, 1].map(|second| RequestId::mint(at(second)));
    for mut desk in ended() {
        let status = desk.status();
        if status == Status::Superseded {
            continue;
        }
        if status == Status::Approved {
            assert_eq!(desk.refuse(supersede(first)), Refusal::Decided(Status::Approved));
            continue;
        }
        let transition = desk.accept(supersede(first));
        assert_eq!(transition, Transition { successor: Some(first), ..Transition::default() });
        assert_eq!(
            (desk.status(), desk.request.superseded_by),
            (status, Some(first)),
            "the status with which it ended is kept"
        );
        assert_eq!(desk.refuse(supersede(second)), Refusal::Replaced(first));
    }
}

fn glass() -> BreakGlass {
    BreakGlass { groups: [group("oncall"), group("boss")].into(), per_day: 2, review_within_seconds: 60 }
}

fn break_glass(by: &str, reason: &str, recent: u32) -> Command {
    Command::BreakGlass { by: email(by), reason: reason.to_owned(), recent }
}

#[test]
fn break_glass_needs_the_right_a_reason_and_is_limited_per_day() {
    let mut desk = desk();
    // Everything is wrong at first; each corrected fault reveals the next check.
    assert_eq!(
        desk.refuse(break_glass("dana", " ", 2)),
        Refusal::NoBreakGlass(email("dana")),
        "no group has the right"
    );
    Arc::make_mut(&mut desk.request.terms.procedure).break_glass = Some(glass());
    assert_eq!(desk.refuse(break_glass("dana", " ", 2)), Refusal::NoBreakGlass(email("dana")), "dana is not on call");
    assert_eq!(desk.refuse(break_glass("otto", " \u{200b}", 2)), Refusal::ReasonRequired);
    let too_often = Refusal::TooOften { person: email("otto"), per_day: 2 };
    assert_eq!(desk.refuse(break_glass("otto", "fire", 3)), too_often);
    assert_eq!(desk.refuse(break_glass("otto", "fire", 2)), too_often);
    let decision = desk.accept(break_glass("otto", "fire", 1)).decision.expect("an end");
    let expected = Decision {
        reason: Some("fire".to_owned()),
        by: vec![email("otto")],
        ..Decision::new(Status::Approved, Method::BreakGlass)
    };
    assert_eq!(decision, expected);
    assert_eq!(desk.status(), Status::Approved);
    assert_eq!(desk.refuse(break_glass("otto", "fire", 0)), Refusal::Decided(Status::Approved));
}

#[test]
fn the_requester_may_break_the_glass_before_the_deadline_only() {
    let mut desk = desk();
    Arc::make_mut(&mut desk.request.terms.procedure).break_glass = Some(glass());
    assert_eq!(desk.verdict(break_glass("nora", "fire", 0)).answer, Ok(()), "an emergency has no second pair of eyes");
    desk.second = 100;
    let late = desk.verdict(break_glass("otto", "fire", 0));
    assert_eq!(late.answer, Err(Refusal::Expired));
    assert_eq!(late.transition.decision.map(|decision| decision.outcome), Some(Status::Expired));
}
