//! Memberships by a sign-in: they get old, and with them nobody votes.

use countersign::approval::{
    Ballot, BreakGlass, Choice, Command, Email, Membership, Refusal, Status, VoidReason, awaiting_sign_in,
};
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Desk, approve, at, ballot, dba, email, group, in_place_of, reject};

impl Desk {
    /// Makes the person a member by a sign-in, until this second.
    fn signed_in(&mut self, name: &str, person: &str, until: i64) {
        self.roster.add(group(name), email(person), Membership::Until(at(until)));
    }

    /// Who has to sign in again before the request can be approved.
    fn awaited(&self, voted: &[&str]) -> Vec<Email> {
        let (slots, conflict) = (&self.request.terms.slots, |person: &Email| self.request.is_in_conflict(person));
        let voted: BTreeSet<Email> = voted.iter().map(|name| email(name)).collect();
        let awaited = awaiting_sign_in(slots, &self.roster, conflict, |person| voted.contains(person), at(self.second));
        awaited.into_iter().cloned().collect()
    }
}

/// A request that `needed` of dba decide: Dana and Erik by sign-ins until second 10 and 20.
fn signed_in(needed: u32) -> Desk {
    let mut desk = Desk::new(&[("dba", needed)], &[]);
    desk.signed_in("dba", "dana", 10);
    desk.signed_in("dba", "erik", 20);
    desk
}

#[test]
fn an_old_membership_gives_no_vote() {
    let mut desk = signed_in(2);
    desk.second = 9;
    desk.accept(approve("dana"));
    let mut late = signed_in(2);
    late.second = 10;
    for vote in [approve, reject] {
        assert_eq!(late.refuse(vote("dana")), Refusal::MembershipStale(email("dana")), "from that time on");
    }
    late.accept(approve("erik"));
    assert_eq!(late.refuse(approve("sam")), Refusal::NotEligible(email("sam")));
}

#[test]
fn a_vote_is_judged_when_it_is_cast() {
    let mut desk = signed_in(2);
    desk.accept(approve("dana"));
    desk.second = 19;
    desk.changes_nothing(Command::Recheck);
    desk.changes_nothing(approve("dana"));
    assert_eq!(desk.refuse(reject("dana")), Refusal::MembershipStale(email("dana")), "another vote is a new one");
    let with_reason = Ballot { reason: Some("now with a reason".to_owned()), ..ballot("dana", Choice::Approve) };
    assert_eq!(desk.refuse(Command::vote(with_reason)), Refusal::MembershipStale(email("dana")));
    desk.accept(approve("erik"));
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("dana"), email("erik")]));
}

#[test]
fn who_leaves_loses_the_vote_however_old_the_membership_is() {
    let mut desk = signed_in(2);
    desk.accept(approve("dana"));
    desk.second = 15;
    desk.staff(&[("dba", &["erik", "fay"])]);
    let recheck = desk.accept(Command::Recheck);
    assert_eq!(desk.voided(&recheck), [("dana".to_owned(), VoidReason::LeftGroup)]);
}

#[test]
fn who_is_listed_needs_no_sign_in() {
    let mut desk = dba(1);
    desk.signed_in("dba", "dana", 0);
    desk.accept(approve("dana"));
    let mut desk = Desk::new(&[("dba", 1)], &[]);
    desk.signed_in("dba", "dana", 50);
    desk.signed_in("dba", "dana", 0);
    desk.accept(approve("dana"));
}

#[test]
fn a_vote_counts_for_the_groups_with_a_fresh_membership() {
    let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &[("ops", &["dana", "otto"])]);
    desk.signed_in("dba", "dana", 1);
    desk.signed_in("dba", "erik", 50);
    let named = |name| Command::vote(Ballot { group: Some(group(name)), ..ballot("dana", Choice::Approve) });
    assert_eq!(desk.refuse(named("dba")), Refusal::MembershipStale(email("dana")));
    desk.accept(approve("dana"));
    assert_eq!(desk.live()[0].groups, [group("ops")]);
    desk.changes_nothing(approve("dana"));
    desk.changes_nothing(named("ops"));
    assert_eq!(desk.refuse(named("dba")), Refusal::MembershipStale(email("dana")), "for dba she has not voted");
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn a_changed_vote_keeps_the_groups_it_was_cast_for() {
    let mut desk = Desk::new(&[("dba", 1), ("ops", 2)], &[("ops", &["dana", "otto", "olga"])]);
    desk.signed_in("dba", "dana", 10);
    desk.accept(approve("dana"));
    desk.second = 15;
    let with_reason = Ballot { reason: Some("checked".to_owned()), ..ballot("dana", Choice::Approve) };
    desk.accept(Command::vote(with_reason));
    assert_eq!(desk.live()[0].groups, [group("ops"), group("dba")]);
}

#[test]
fn a_stand_in_needs_the_fresh_membership_of_the_absent_member() {
    let mut desk = signed_in(1);
    desk.roster.delegate(email("dana"), email("sam"));
    desk.second = 5;
    desk.clone().accept(in_place_of("dana", "sam", Choice::Approve));
    desk.second = 10;
    assert_eq!(desk.refuse(in_place_of("dana", "sam", Choice::Approve)), Refusal::MembershipStale(email("dana")));
    assert_eq!(desk.refuse(approve("sam")), Refusal::MembershipStale(email("dana")));
    // Who is an old member themselves may still stand in for one who is not.
    desk.roster.delegate(email("erik"), email("dana"));
    desk.accept(approve("dana"));
    assert_eq!(desk.live()[0].seat(), &email("erik"));
}

#[test]
fn break_glass_needs_a_fresh_membership() {
    let mut desk = dba(1);
    let right = BreakGlass { groups: BTreeSet::from([group("oncall")]), per_day: 2, review_within_seconds: 60 };
    Arc::make_mut(&mut desk.request.terms.procedure).break_glass = Some(right);
    desk.signed_in("oncall", "olga", 10);
    let broken = || Command::BreakGlass { by: email("olga"), reason: "disk full".to_owned(), recent: 0 };
    desk.second = 10;
    assert_eq!(desk.refuse(broken()), Refusal::MembershipStale(email("olga")));
    desk.second = 9;
    desk.accept(broken());
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn who_has_to_sign_in_again_is_known() {
    let mut desk = signed_in(2);
    assert_eq!(desk.awaited(&[]), []);
    desk.second = 10;
    desk.changes_nothing(Command::Recheck);
    assert_eq!(desk.awaited(&[]), [email("dana")]);
    assert_eq!(desk.awaited(&["dana"]), []);
    desk.second = 20;
    assert_eq!(desk.awaited(&[]), [email("dana"), email("erik")]);
    desk.signed_in("dba", "nora", 5);
    assert_eq!(desk.awaited(&["erik"]), [email("dana")], "the requester cannot approve anyway");
    desk.staff(&[("dba", &["fay"])]);
    desk.signed_in("dba", "fay", 5);
    assert_eq!(desk.awaited(&[]), [], "a sign-in of nobody would help");
}
