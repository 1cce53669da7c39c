//! Changed commands: revised by the requester, or approved in another form by an approver.

use std::sync::Arc;

use countersign::approval::{
    Ballot, ChangeRole, Choice, Command, Digest, Proposal, Refusal, Revision, Ruling, Status, VoidReason,
};

use super::{
    Desk, allows, approve, asks_for, at, ballot, denies, email, group, no_rule, payload, proposal, reject, slot,
};

/// Two of dba are needed; Olga is in ops.
fn desk() -> Desk {
    Desk::new(&[("dba", 2)], &[("dba", &["dana", "erik", "fay"]), ("ops", &["olga"])])
}

fn approve_changed(voter: &str, proposal: Proposal) -> Command {
    Command::vote(Ballot { proposal: Some(proposal), ..ballot(voter, Choice::Approve) })
}

fn revise(proposal: Proposal) -> Command {
    Command::Revise {
        by: Some(email("nora")),
        role: ChangeRole::Requester,
        proposal,
        reason: Some("typo".to_owned()),
        revision: None,
    }
}

/// The same text again.
fn unchanged(desk: &Desk, ruling: Ruling) -> Proposal {
    Proposal { payload: desk.request.payload.clone(), digest: desk.request.digest, ruling }
}

#[test]
fn an_approver_changes_the_command_and_their_approval_counts() {
    let mut desk = desk();
    desk.accept(approve("erik"));
    let cast = Ballot {
        reason: Some("with a limit".to_owned()),
        proposal: Some(proposal("select 1 limit 1", no_rule())),
        ..ballot("dana", Choice::Approve)
    };
    let changed = desk.accept(Command::vote(cast));
    assert_eq!(desk.voided(&changed), [("erik".to_owned(), VoidReason::Revised)]);
    let Some(Revision { change, .. }) = changed.revision else { panic!("a revision") };
    assert_eq!((change.by, change.role, change.from_revision), (Some(email("dana")), ChangeRole::Approver, 1));
    assert_eq!((change.at, change.reason.as_deref()), (at(1), Some("with a limit")));
    assert_eq!(change.diff, "-select 1\n+select 1 limit 1");
    assert_eq!((desk.request.revision, desk.request.digest), (2, Digest::of(b"select 1 limit 1")));
    assert_eq!(desk.request.payload, payload("select 1 limit 1"));
    let [vote] = desk.live()[..] else { panic!("one vote") };
    assert_eq!((vote.voter.clone(), vote.revision, vote.digest), (email("dana"), 2, desk.request.digest));
    // The other approvers are needed again, for the new payload.
    assert_eq!(desk.status(), Status::Pending);
    let seen = |revision| Command::vote(Ballot { revision: Some(revision), ..ballot("erik", Choice::Approve) });
    assert_eq!(desk.refuse(seen(1)), Refusal::StaleRevision { current: 2 });
    desk.accept(seen(2));
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("dana"), email("erik")]));
}

#[test]
fn a_changed_command_that_needs_one_approval_is_approved_at_once() {
    let mut desk = Desk::new(&[("dba", 1)], &[("dba", &["dana"])]);
    desk.accept(approve_changed("dana", proposal("select 2", no_rule())));
    assert_eq!((desk.status(), desk.request.revision), (Status::Approved, 2));
    assert_eq!(desk.request.digest, Digest::of(b"select 2"));
    desk.changes_nothing(approve_changed("dana", proposal("select 2", no_rule())));
    let other = desk.refuse(approve_changed("dana", proposal("select 3", no_rule())));
    assert_eq!(other, Refusal::Decided(Status::Approved));
}

#[test]
fn the_same_command_again_is_a_plain_vote() {
    let mut desk = desk();
    let same = unchanged(&desk, denies(None));
    let vote = desk.accept(approve_changed("dana", same.clone()));
    assert_eq!((vote.revision, desk.request.revision), (None, 1));
    desk.changes_nothing(approve_changed("dana", same));
}

#[test]
fn an_approver_who_has_voted_may_still_change_the_command() {
    let mut desk = desk();
    desk.accept(approve("dana"));
    let changed = desk.accept(approve_changed("dana", proposal("select 2", no_rule())));
    assert_eq!(desk.voided(&changed), [("dana".to_owned(), VoidReason::Revised)]);
    assert_eq!((desk.live().len(), desk.request.revision), (1, 2));
}

#[test]
fn a_reject_changes_nothing() {
    let mut desk = desk();
    let cast = Ballot { proposal: Some(proposal("select 2", no_rule())), ..ballot("dana", Choice::Reject) };
    assert_eq!(desk.accept(Command::vote(cast)).revision, None);
    assert_eq!((desk.status(), desk.request.revision), (Status::Rejected, 1));
}

#[test]
fn a_vote_with_a_change_passes_the_same_checks_as_any_vote() {
    let desk = desk();
    let changed =
        |voter: &str| Ballot { proposal: Some(proposal("select 2", no_rule())), ..ballot(voter, Choice::Approve) };
    assert_eq!(desk.refuse(Command::vote(changed("nora"))), Refusal::Conflict(email("nora")));
    assert_eq!(desk.refuse(Command::vote(changed("olga"))), Refusal::NotEligible(email("olga")));
    let blind = Ballot { digest: Some(Digest::of(b"other")), ..changed("dana") };
    assert_eq!(desk.refuse(Command::vote(blind)), Refusal::StaleDigest);
    let late = Ballot { revision: Some(2), ..changed("dana") };
    assert_eq!(desk.refuse(Command::vote(late)), Refusal::StaleRevision { current: 1 });
}

#[test]
fn a_rule_that_denies_the_changed_command_denies_the_change() {
    let desk = desk();
    for reason in [None, Some("never drop")] {
        let refusal = Refusal::DeniedByRule { rule: "no".parse().unwrap(), reason: reason.map(str::to_owned) };
        assert_eq!(desk.refuse(approve_changed("dana", proposal("drop", denies(reason)))), refusal);
        assert_eq!(desk.refuse(revise(proposal("drop", denies(reason)))), refusal);
    }
}

#[test]
fn a_change_that_a_rule_allows_is_still_decided_by_people() {
    let mut desk = desk();
    desk.accept(approve_changed("dana", proposal("select 2", allows())));
    assert_eq!((desk.status(), desk.request.terms.slots[0].slot.clone()), (Status::Pending, slot("dba", 2)));
}

#[test]
fn rules_may_add_slots_to_a_change_and_its_author_fills_what_they_can() {
    let mut desk = desk();
    let wide = || proposal("delete", asks_for(slot("ops", 1)));
    desk.accept(approve_changed("dana", wide()));
    let slots: Vec<_> = desk.request.terms.slots.iter().map(|slot| (slot.slot.clone(), slot.eligible)).collect();
    assert_eq!(slots, [(slot("dba", 2), 3), (slot("ops", 1), 1)]);
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Pending);
    desk.accept(approve("olga"));
    assert_eq!(desk.status(), Status::Approved);

    // Nobody else is in ops: the approver who changes the command also fills the slot that the change requires.
    let mut desk = Desk::new(&[("dba", 1)], &[("dba", &["dana", "erik"]), ("ops", &["dana"])]);
    desk.accept(approve_changed("dana", wide()));
    assert_eq!(desk.live()[0].groups, [group("dba"), group("ops")]);
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Approved);

    let mut desk = Desk::new(&[("dba", 1)], &[("dba", &["dana", "erik"]), ("ops", &["dana"])]);
    let named = Ballot { group: Some(group("dba")), proposal: Some(wide()), ..ballot("dana", Choice::Approve) };
    desk.accept(Command::vote(named));
    assert_eq!(desk.live()[0].groups, [group("dba")], "unless they named the slot");
}

#[test]
fn an_approver_added_by_a_rule_cannot_change_to_a_command_without_that_rule() {
    let mut desk = desk();
    desk.accept(revise(proposal("delete", asks_for(slot("ops", 1)))));
    let narrower = approve_changed("olga", proposal("select 2", no_rule()));
    assert_eq!(desk.refuse(narrower), Refusal::NotEligible(email("olga")));
    desk.accept(approve_changed("olga", proposal("delete 2", asks_for(slot("ops", 1)))));
    // A slot that only the first rule required is dropped when that rule no longer matches.
    desk.accept(approve_changed("dana", proposal("select 2", no_rule())));
    assert_eq!(desk.request.terms.slots.iter().map(|slot| slot.slot.clone()).collect::<Vec<_>>(), [slot("dba", 2)]);
}

#[test]
fn a_change_that_nobody_could_approve_is_refused() {
    let mut desk = desk();
    for ruling in [asks_for(slot("ops", 2)), asks_for(slot("dba", 4)), asks_for(slot("hr", 1))] {
        assert_eq!(desk.refuse(approve_changed("dana", proposal("delete", ruling.clone()))), Refusal::Unsatisfiable);
        assert_eq!(desk.refuse(revise(proposal("delete", ruling))), Refusal::Unsatisfiable);
    }
    // People who may not decide are not counted.
    desk.request.terms.conflicted = [email("olga")].into();
    let refused = desk.refuse(revise(proposal("delete", asks_for(slot("ops", 1)))));
    assert_eq!(refused, Refusal::Unsatisfiable);
    desk.request.terms.conflicted.clear();
    desk.request.beneficiary = Some(email("olga"));
    let refused = desk.refuse(revise(proposal("delete", asks_for(slot("ops", 1)))));
    assert_eq!(refused, Refusal::Unsatisfiable);
}

#[test]
fn a_rejecter_of_the_old_command_may_approve_the_new_one() {
    let mut desk = desk();
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(reject("dana"));
    desk.accept(revise(proposal("delete", asks_for(slot("dba", 3)))));
    for voter in ["dana", "erik", "fay"] {
        desk.accept(approve(voter));
    }
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn a_revision_by_the_requester_voids_every_vote() {
    let mut desk = desk();
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(approve("dana"));
    desk.accept(reject("erik"));
    let revised = desk.accept(revise(proposal("select 2", no_rule())));
    let voided = desk.voided(&revised);
    assert_eq!(voided, [("dana".to_owned(), VoidReason::Revised), ("erik".to_owned(), VoidReason::Revised)]);
    assert_eq!((desk.live().len(), desk.request.revision, desk.request.votes.len()), (0, 2, 2));
    assert_eq!((desk.request.digest, revised.decision), (Digest::of(b"select 2"), None));
    let change = desk.request.change.clone().expect("a change");
    assert_eq!((change.by, change.role, change.from_revision), (Some(email("nora")), ChangeRole::Requester, 1));
    assert_eq!((change.reason.as_deref(), change.diff.as_str()), (Some("typo"), "-select 1\n+select 2"));
    // A vote on the new revision is a new vote.
    desk.accept(approve("dana"));
    assert_eq!(desk.live().len(), 1);
}

#[test]
fn a_revision_must_change_a_pending_request_as_the_author_saw_it() {
    let mut desk = desk();
    let refused = desk.refuse(revise(unchanged(&desk, denies(None))));
    assert_eq!(refused, Refusal::NothingChanged);
    let seen = |revision| Command::Revise {
        role: ChangeRole::Requester,
        by: None,
        proposal: proposal("select 2", no_rule()),
        reason: None,
        revision: Some(revision),
    };
    assert_eq!(desk.refuse(seen(2)), Refusal::StaleRevision { current: 1 });
    desk.accept(seen(1));
    assert_eq!(desk.refuse(seen(1)), Refusal::StaleRevision { current: 2 });
    desk.accept(reject("dana"));
    assert_eq!(desk.refuse(seen(2)), Refusal::Decided(Status::Rejected));
}

#[test]
fn a_vote_on_an_earlier_revision_never_counts_even_if_not_voided() {
    let mut desk = desk();
    desk.accept(approve("dana"));
    desk.accept(revise(proposal("select 2", no_rule())));
    desk.request.votes[0].voided = false;
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Pending);
}

#[test]
fn groups_added_by_escalation_stay_with_their_slot() {
    let mut desk = desk();
    desk.request.terms.slots[0].also = vec![group("ops")];
    desk.staff(&[("dba", &["dana"]), ("ops", &["olga"])]);
    desk.accept(revise(proposal("select 2", no_rule())));
    assert_eq!(
        (desk.request.terms.slots[0].also.clone(), desk.request.terms.slots[0].eligible),
        (vec![group("ops")], 2)
    );
    desk.accept(approve("dana"));
    desk.accept(approve("olga"));
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn a_revision_can_make_an_undecidable_request_decidable() {
    let mut stuck = desk();
    stuck.accept(revise(proposal("delete", asks_for(slot("ops", 1)))));
    stuck.staff(&[("dba", &["dana", "erik"])]);
    assert_eq!(stuck.accept(Command::Recheck).undecidable, Some(true));
    let narrower = || proposal("select 2", no_rule());
    for command in [revise(narrower()), approve_changed("dana", narrower())] {
        let mut desk = stuck.clone();
        assert_eq!(desk.accept(command).undecidable, Some(false));
        assert_eq!(desk.accept(revise(proposal("select 3", no_rule()))).undecidable, None, "it is no news");
        assert!(!desk.request.undecidable);
        desk.changes_nothing(Command::Recheck);
    }
}
