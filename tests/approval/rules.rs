//! The order of checks and their answers, one by one.

use countersign::approval::{
    Choice, Command, Decision, Digest, LinkUse, Method, Refusal, Request, Roster, Slot, Status, Transition, decide,
};
use countersign::ids::DeliveryId;

use super::{at, ballot, email, group, request};

fn one_of_dba() -> (Request, Roster) {
    let slot = Slot { group: group("dba"), needed: 1, shared: false };
    let roster = ["dana", "erik", "nora"].map(|name| (group("dba"), email(name))).into_iter().collect();
    (request(vec![slot], "nora"), roster)
}

fn answer(request: &Request, command: Command, roster: &Roster, second: i64) -> Result<(), Refusal> {
    decide(request, command, roster, at(second)).answer
}

#[test]
fn at_the_deadline_it_is_too_late_and_just_before_it_is_not() {
    let (request, roster) = one_of_dba();
    let vote = || Command::Vote(ballot("dana", Choice::Approve));
    assert_eq!(answer(&request, vote(), &roster, 99), Ok(()));
    let late = decide(&request, vote(), &roster, at(100));
    assert_eq!(late.answer, Err(Refusal::Expired));
    assert!(matches!(
        late.transition,
        Transition::Ended {
            vote: None,
            decision: Decision { outcome: Status::Expired, method: Method::Timeout, .. },
            ..
        }
    ));
    assert_eq!(decide(&request, Command::Expire, &roster, at(99)).transition, Transition::None);
    assert!(matches!(decide(&request, Command::Expire, &roster, at(100)).transition, Transition::Ended { .. }));
}

#[test]
fn the_requester_never_decides_even_as_a_member() {
    let (request, roster) = one_of_dba();
    for choice in [Choice::Approve, Choice::Reject] {
        let refused = answer(&request, Command::Vote(ballot("nora", choice)), &roster, 1);
        assert_eq!(refused, Err(Refusal::Conflict(email("nora"))));
    }
}

#[test]
fn checks_come_in_the_promised_order() {
    let (mut request, roster) = one_of_dba();
    // Everything is wrong with this vote; each mended fault shows the next.
    let mut vote = ballot("nora", Choice::Reject);
    (vote.revision, vote.digest) = (Some(7), Some(Digest::of(b"y")));
    request.terms.reject_reason_required = true;
    request.status = Status::Cancelled;
    let ask = |request: &Request, vote: &_| answer(request, Command::Vote(Clone::clone(vote)), &roster, 200);
    assert_eq!(ask(&request, &vote), Err(Refusal::Decided(Status::Cancelled)));
    request.status = Status::Pending;
    assert_eq!(ask(&request, &vote), Err(Refusal::Expired));
    request.expires_at = at(300);
    assert_eq!(ask(&request, &vote), Err(Refusal::StaleRevision { current: 1 }));
    vote.revision = Some(1);
    assert_eq!(ask(&request, &vote), Err(Refusal::StaleDigest));
    vote.digest = Some(request.digest);
    assert_eq!(ask(&request, &vote), Err(Refusal::Conflict(email("nora"))));
    vote.voter = email("stranger");
    assert_eq!(ask(&request, &vote), Err(Refusal::NotEligible(email("stranger"))));
    vote.voter = email("dana");
    assert_eq!(ask(&request, &vote), Err(Refusal::ReasonRequired));
    vote.reason = Some("no".to_owned());
    assert_eq!(ask(&request, &vote), Ok(()));
}

#[test]
fn one_link_casts_one_vote() {
    let (mut request, roster) = one_of_dba();
    request.terms.slots[0].slot.needed = 2;
    let link = Some(LinkUse { delivery: DeliveryId::mint(at(0)), group: group("dba") });
    let mut first = ballot("dana", Choice::Approve);
    first.link.clone_from(&link);
    let Transition::Voted { vote } = decide(&request, Command::Vote(first.clone()), &roster, at(1)).transition else {
        panic!("the first vote counts");
    };
    request.votes.push(vote);
    assert_eq!(answer(&request, Command::Vote(first), &roster, 2), Ok(()), "the same vote again is no news");
    let mut second = ballot("erik", Choice::Approve);
    second.link = link;
    assert_eq!(answer(&request, Command::Vote(second.clone()), &roster, 2), Err(Refusal::LinkUsed(email("dana"))));
    second.link = None;
    assert_eq!(answer(&request, Command::Vote(second), &roster, 2), Ok(()));
}

#[test]
fn who_left_the_group_no_longer_counts() {
    let (mut request, roster) = one_of_dba();
    request.terms.slots[0].slot.needed = 2;
    let first = decide(&request, Command::Vote(ballot("dana", Choice::Approve)), &roster, at(1));
    let Transition::Voted { vote } = first.transition else { panic!("one of two") };
    request.votes.push(vote);
    let without_dana: Roster = [(group("dba"), email("erik"))].into_iter().collect();
    let second = decide(&request, Command::Vote(ballot("erik", Choice::Approve)), &without_dana, at(2));
    assert!(matches!(second.transition, Transition::Voted { .. }));
    let third = decide(&request, Command::Vote(ballot("erik", Choice::Approve)), &roster, at(2));
    assert!(matches!(third.transition, Transition::Ended { .. }));
}
