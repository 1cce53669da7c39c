//! Votes by stand-ins: each member has one vote, no matter who casts it.

use std::sync::Arc;

use countersign::approval::{Ballot, Choice, Command, Refusal, Status, VoidReason};

use super::{Desk, approve, ballot, email, group, in_place_of, reject};

use Choice::{Approve, Reject};

/// Two of dba are needed. Members: Dana and Erik. Sam, who is no member, stands in for both, and Sue for Erik.
fn away() -> Desk {
    let mut desk = Desk::new(&[("dba", 2)], &[("dba", &["dana", "erik", "fay"])]);
    desk.roster.delegate(email("dana"), email("sam"));
    desk.roster.delegate(email("erik"), email("sam"));
    desk.roster.delegate(email("erik"), email("sue"));
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk
}

/// Changes who is in dba; the delegations stay.
fn staff(desk: &mut Desk, people: &[&str]) {
    let before = std::mem::take(&mut desk.roster);
    desk.staff(&[("dba", people)]);
    for delegate in ["dana", "erik", "fay", "sam", "sue"].map(email) {
        before.delegators(&delegate).for_each(|absent| desk.roster.delegate(absent.clone(), delegate.clone()));
    }
}

#[test]
fn a_stand_in_without_an_own_vote_uses_that_of_an_absent_member() {
    let mut desk = away();
    let vote = desk.accept(approve("sue")).vote.expect("a vote");
    assert_eq!((vote.voter.clone(), vote.on_behalf_of.clone()), (email("sue"), Some(email("erik"))));
    assert_eq!((vote.seat(), vote.groups.clone()), (&email("erik"), vec![group("dba")]));
    desk.changes_nothing(approve("sue"));
    desk.changes_nothing(in_place_of("erik", "sue", Approve));
    desk.accept(approve("fay"));
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("sue"), email("fay")]));
}

#[test]
fn a_stand_in_votes_only_for_their_delegators_and_where_those_may_vote() {
    let mut desk = away();
    for (absent, voter) in [("dana", "sue"), ("sue", "sue"), ("erik", "stranger"), ("erik", "fay")] {
        let refused = Refusal::NotStandIn { voter: email(voter), absent: email(absent) };
        assert_eq!(desk.refuse(in_place_of(absent, voter, Approve)), refused);
    }
    // Delegation is not transitive: the stand-in of a stand-in has no vote.
    desk.roster.delegate(email("sue"), email("zoe"));
    assert_eq!(desk.refuse(approve("zoe")), Refusal::NotEligible(email("zoe")));
    let other = Ballot { group: Some(group("ops")), ..ballot("sue", Approve) };
    assert_eq!(desk.refuse(Command::vote(other)), Refusal::NotEligible(email("sue")));
    staff(&mut desk, &["dana", "fay"]);
    assert_eq!(desk.refuse(approve("sue")), Refusal::NotEligible(email("sue")), "erik is no member");
    let vote = desk.accept(approve("sam")).vote.expect("a vote");
    assert_eq!(vote.on_behalf_of, Some(email("dana")), "the first member for whom they may vote");
}

#[test]
fn a_member_uses_their_own_vote_unless_they_name_another() {
    let mut desk = away();
    desk.roster.delegate(email("erik"), email("fay"));
    let own = desk.verdict(approve("fay")).transition.vote.expect("a vote");
    assert_eq!((own.on_behalf_of.clone(), own.seat()), (None, &email("fay")));
    let vote = desk.accept(in_place_of("erik", "fay", Approve)).vote.expect("a vote");
    assert_eq!(vote.seat(), &email("erik"));
    // One person has one vote, their own or another member's: now it is their own.
    let own = desk.accept(approve("fay"));
    assert_eq!(desk.voided(&own), [("fay".to_owned(), VoidReason::ChangedMind)]);
    assert_eq!((desk.live().len(), desk.live()[0].seat(), desk.status()), (1, &email("fay"), Status::Pending));
    desk.accept(in_place_of("erik", "sue", Approve));
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn one_seat_has_one_vote() {
    let mut desk = away();
    desk.accept(approve("sue"));
    assert_eq!(desk.refuse(in_place_of("erik", "sam", Approve)), Refusal::SeatTaken(email("sue")));
    assert_eq!(desk.refuse(in_place_of("erik", "sam", Reject)), Refusal::SeatTaken(email("sue")));
    desk.accept(approve("sam"));
    assert_eq!(desk.live()[1].seat(), &email("dana"), "the remaining seat");
    assert_eq!(desk.status(), Status::Approved);

    let mut desk = away();
    desk.accept(approve("erik"));
    assert_eq!(desk.refuse(approve("sue")), Refusal::SeatTaken(email("erik")));
}

#[test]
fn a_stand_in_for_two_members_has_one_vote() {
    let mut desk = away();
    desk.accept(in_place_of("dana", "sam", Approve));
    let moved = desk.accept(in_place_of("erik", "sam", Approve));
    assert_eq!(desk.voided(&moved), [("sam".to_owned(), VoidReason::ChangedMind)]);
    assert_eq!((desk.live().len(), desk.status()), (1, Status::Pending));
}

#[test]
fn the_members_own_vote_replaces_the_stand_ins() {
    let mut desk = away();
    desk.accept(approve("sue"));
    let own = desk.accept(reject("erik"));
    assert_eq!(desk.voided(&own), [("sue".to_owned(), VoidReason::TakenOver)]);
    assert_eq!(desk.live().iter().map(|vote| vote.choice).collect::<Vec<_>>(), [Reject]);
    assert_eq!(desk.refuse(approve("sue")), Refusal::SeatTaken(email("erik")));

    // This also applies to the same choice: the vote is then the member's own, and counts once.
    let mut desk = away();
    desk.accept(approve("sue"));
    let own = desk.accept(approve("erik"));
    assert_eq!(desk.voided(&own), [("sue".to_owned(), VoidReason::TakenOver)]);
    assert_eq!((desk.live().len(), desk.status()), (1, Status::Pending));
}

#[test]
fn the_members_own_vote_replaces_a_stand_ins_vote_for_another_slot() {
    let mut desk = away();
    desk.roster.delegate(email("dana"), email("erik"));
    desk.accept(in_place_of("dana", "erik", Approve));
    desk.accept(in_place_of("erik", "sue", Reject));
    let own = desk.accept(approve("erik"));
    let voided = desk.voided(&own);
    assert_eq!(voided, [("erik".to_owned(), VoidReason::ChangedMind), ("sue".to_owned(), VoidReason::TakenOver)]);
    assert_eq!((desk.live().len(), desk.live()[0].seat()), (1, &email("erik")));
}

#[test]
fn a_member_who_votes_for_another_leaves_their_seat_to_their_stand_in() {
    let mut desk = away();
    desk.roster.delegate(email("dana"), email("erik"));
    desk.accept(approve("sue"));
    let other = desk.accept(in_place_of("dana", "erik", Approve));
    assert_eq!(desk.voided(&other), [], "two people with two seats, in any order");
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("sue"), email("erik")]));
}

#[test]
fn rejections_with_one_seat_count_once() {
    let mut desk = away();
    desk.accept(reject("sue"));
    desk.accept(reject("erik"));
    assert_eq!(desk.status(), Status::Pending);
    desk.accept(in_place_of("dana", "sam", Reject));
    assert_eq!((desk.status(), desk.by()), (Status::Rejected, vec![email("erik"), email("sam")]));
}

#[test]
fn a_vote_is_voided_with_the_members_right_not_with_the_stand_ins() {
    let mut desk = away();
    desk.accept(approve("sue"));
    // Erik is back: a vote cast for him while he was away remains valid.
    desk.roster = [(group("dba"), email("erik")), (group("dba"), email("fay"))].into_iter().collect();
    desk.changes_nothing(Command::Recheck);
    let mut gone = desk.clone();
    gone.roster = [(group("dba"), email("dana")), (group("dba"), email("fay"))].into_iter().collect();
    let recheck = gone.accept(Command::Recheck);
    assert_eq!(gone.voided(&recheck), [("sue".to_owned(), VoidReason::LeftGroup)]);
    let next = desk.accept(approve("fay"));
    assert_eq!((desk.voided(&next), desk.status()), (Vec::new(), Status::Approved));
}

#[test]
fn a_seat_whose_vote_has_lost_its_right_is_free() {
    let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &[("dba", &["erik"]), ("ops", &["otto"])]);
    desk.accept(approve("erik"));
    desk.staff(&[("dba", &["dana"]), ("ops", &["erik", "otto"])]);
    desk.roster.delegate(email("erik"), email("sue"));
    let next = desk.accept(approve("sue"));
    assert_eq!(desk.voided(&next), [("erik".to_owned(), VoidReason::LeftGroup)]);
    assert_eq!(desk.live()[0].groups, [group("ops")]);
}

#[test]
fn a_member_whose_seat_rejected_does_not_count_as_available() {
    let mut desk = away();
    staff(&mut desk, &["erik", "fay"]);
    desk.accept(reject("sue"));
    assert_eq!(desk.accept(Command::Recheck).undecidable, Some(true));
}
