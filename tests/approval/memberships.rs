//! Votes of people who leave their group, and requests that become undecidable.

use std::sync::Arc;

use countersign::approval::{Ballot, Choice, Command, Status, Transition, VoidReason};

use super::{Desk, approve, ballot, dba, email, group, reject};

#[test]
fn a_vote_of_a_former_member_is_voided_by_the_next_vote() {
    let mut desk = dba(2);
    desk.accept(approve("dana"));
    desk.staff(&[("dba", &["erik", "fay"])]);
    let next = desk.accept(approve("erik"));
    assert_eq!(desk.voided(&next), [("dana".to_owned(), VoidReason::LeftGroup)]);
    assert_eq!(desk.status(), Status::Pending);
    desk.staff(&[("dba", &["dana", "erik", "fay"])]);
    desk.accept(approve("fay"));
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("erik"), email("fay")]));
}

#[test]
fn a_rejection_by_a_former_member_no_longer_counts() {
    let mut desk = dba(2);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(reject("dana"));
    desk.staff(&[("dba", &["erik", "fay"])]);
    desk.accept(reject("erik"));
    assert_eq!(desk.status(), Status::Pending);
}

#[test]
fn a_recheck_voids_only_the_votes_of_former_members() {
    let slots = [("dba", 1), ("ops", 2)];
    let mut desk = Desk::new(&slots, &[("dba", &["dana"]), ("ops", &["dana", "erik", "fay", "otto"])]);
    desk.accept(approve("dana"));
    desk.accept(approve("erik"));
    desk.staff(&[("dba", &["dana", "hugo"]), ("ops", &["fay", "otto"])]);
    let recheck = desk.accept(Command::Recheck);
    assert_eq!(desk.voided(&recheck), [("erik".to_owned(), VoidReason::LeftGroup)]);
    assert_eq!(recheck, Transition { voids: recheck.voids.clone(), ..Transition::default() });
    assert_eq!(desk.live()[0].voter, email("dana"), "she is in one of the groups that she voted for");
    desk.changes_nothing(Command::Recheck);
}

#[test]
fn a_voter_who_moved_to_another_group_may_approve_for_that_group() {
    let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &[("dba", &["dana"]), ("ops", &["otto"])]);
    desk.accept(approve("dana"));
    desk.staff(&[("dba", &["hugo"]), ("ops", &["dana"])]);
    let again = desk.accept(approve("dana"));
    assert_eq!(desk.voided(&again), [("dana".to_owned(), VoidReason::LeftGroup)]);
    assert_eq!(desk.live()[0].groups, [group("ops")]);
    desk.accept(approve("hugo"));
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn a_request_becomes_undecidable_once_when_too_few_people_are_left() {
    let mut desk = dba(2);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.changes_nothing(Command::Recheck);
    desk.accept(reject("fay"));
    desk.changes_nothing(Command::Recheck);
    desk.staff(&[("dba", &["dana", "fay", "nora"])]);
    assert_eq!(
        desk.accept(Command::Recheck).undecidable,
        Some(true),
        "neither the rejecter nor the requester will approve"
    );
    assert!(desk.request.undecidable);
    desk.changes_nothing(Command::Recheck);
    desk.accept(approve("fay"));
    assert_eq!(desk.accept(Command::Recheck).undecidable, Some(false));
    desk.changes_nothing(Command::Recheck);

    // The rejection by someone who left does not keep others from approving.
    let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &[("dba", &["dana", "erik"]), ("ops", &["dana", "erik"])]);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    let for_dba = Ballot { group: Some(group("dba")), ..ballot("dana", Choice::Reject) };
    desk.accept(Command::vote(for_dba));
    desk.staff(&[("dba", &["erik"]), ("ops", &["dana"])]);
    let recheck = desk.accept(Command::Recheck);
    assert_eq!((desk.voided(&recheck).len(), recheck.undecidable), (1, None));
}

#[test]
fn an_ended_request_is_not_undecidable() {
    let mut desk = dba(2);
    desk.staff(&[("dba", &["dana"])]);
    desk.accept(Command::Recheck);
    desk.accept(reject("dana"));
    assert_eq!((desk.status(), desk.request.undecidable), (Status::Rejected, false));
}
