//! Votes: the order of checks and their answers, one by one.

use std::sync::Arc;

use countersign::approval::{
    Assurance, Ballot, Choice, Command, Decision, Digest, Kind, LinkUse, Method, Narrowing, Refusal, Status,
    Transition, Verdict, VoidReason, cover, with_added,
};
use countersign::ids::DeliveryId;

use super::{Desk, approve, at, ballot, dba, email, group, in_place_of, no_rule, proposal, reject, slot};

#[test]
fn a_vote_is_accepted_until_just_before_the_deadline() {
    let mut desk = dba(1);
    desk.second = 99;
    assert_eq!(desk.verdict(approve("dana")).answer, Ok(()));
    desk.changes_nothing(Command::Expire);
    desk.second = 100;
    let expired =
        Transition { decision: Some(Decision::new(Status::Expired, Method::Timeout)), ..Transition::default() };
    for command in [approve("dana"), Command::Cancel { by: None, reason: None }] {
        let late = Verdict { transition: expired.clone(), answer: Err(Refusal::Expired) };
        assert_eq!(desk.verdict(command), late);
    }
    for command in [Command::Expire, Command::Recheck, Command::Advance] {
        assert_eq!(desk.verdict(command), Verdict { transition: expired.clone(), answer: Ok(()) });
    }
    desk.accept(Command::Expire);
    assert_eq!((desk.status(), desk.request.decided_at), (Status::Expired, Some(at(100))));
    for command in [Command::Expire, Command::Recheck, Command::Advance] {
        desk.changes_nothing(command);
    }
}

#[test]
fn checks_run_in_the_documented_order() {
    let mut desk = dba(1);
    desk.roster.delegate(email("nora"), email("sam"));
    desk.second = 200;
    // Everything is wrong with this vote; each corrected fault reveals the next check.
    let mut vote = Ballot {
        revision: Some(7),
        digest: Some(Digest::of(b"y")),
        assurance: Assurance::Link,
        narrowing: Some(Narrowing::default()),
        link: Some(LinkUse { delivery: DeliveryId::mint(at(0)), group: group("dba") }),
        ..ballot("nora", Choice::Reject)
    };
    let mut earlier = Ballot { id: countersign::ids::VoteId::mint(at(0)), ..ballot("erik", Choice::Reject) };
    earlier.link.clone_from(&vote.link);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 3;
    desk.second = 2;
    desk.accept(Command::vote(earlier));
    Arc::make_mut(&mut desk.request.terms.procedure).min_assurance = Some(Assurance::Delegated);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_reason_required = true;
    desk.second = 200;
    desk.request.status = Status::Cancelled;
    let ask = |desk: &Desk, vote: &Ballot| desk.verdict(Command::vote(vote.clone())).answer;
    assert_eq!(ask(&desk, &vote), Err(Refusal::Decided(Status::Cancelled)));
    desk.request.status = Status::Pending;
    assert_eq!(ask(&desk, &vote), Err(Refusal::Expired));
    desk.request.expires_at = at(300);
    assert_eq!(ask(&desk, &vote), Err(Refusal::StaleRevision { current: 1 }));
    vote.revision = Some(1);
    assert_eq!(ask(&desk, &vote), Err(Refusal::StaleDigest));
    vote.digest = Some(desk.request.digest);
    let (given, needed) = (Assurance::Link, Assurance::Delegated);
    assert_eq!(ask(&desk, &vote), Err(Refusal::AssuranceTooLow { given, needed }));
    vote.assurance = Assurance::Delegated;
    assert_eq!(ask(&desk, &vote), Err(Refusal::LinkUsed(email("erik"))), "a conflict keeps nobody from rejecting");
    vote.choice = Choice::Approve;
    assert_eq!(ask(&desk, &vote), Err(Refusal::Conflict(email("nora"))));
    vote.voter = email("stranger");
    assert_eq!(ask(&desk, &vote), Err(Refusal::NotEligible(email("stranger"))));
    vote.voter = email("sam");
    assert_eq!(ask(&desk, &vote), Err(Refusal::Conflict(email("nora"))), "not for the requester either");
    (vote.voter, vote.choice) = (email("dana"), Choice::Reject);
    assert_eq!(ask(&desk, &vote), Err(Refusal::LinkUsed(email("erik"))));
    vote.link = None;
    assert_eq!(ask(&desk, &vote), Err(Refusal::ReasonRequired));
    vote.reason = Some(" \u{200b}".to_owned());
    assert_eq!(ask(&desk, &vote), Err(Refusal::ReasonRequired));
    vote.reason = Some("no".to_owned());
    assert_eq!(ask(&desk, &vote), Err(Refusal::Widened));
    vote.narrowing = None;
    assert_eq!(ask(&desk, &vote), Ok(()));
    (vote.choice, vote.reason) = (Choice::Approve, None);
    assert_eq!(ask(&desk, &vote), Ok(()), "only a rejection needs a reason");
}

#[test]
fn a_vote_records_the_voter_and_what_they_saw() {
    let mut desk = dba(2);
    let cast = Ballot { reason: Some("fine".to_owned()), ..ballot("dana", Choice::Approve) };
    let vote = desk.accept(Command::vote(cast.clone())).vote.expect("a vote");
    assert_eq!((vote.id, vote.voter.clone(), vote.choice), (cast.id, email("dana"), Choice::Approve));
    assert_eq!((vote.groups.clone(), vote.reason.as_deref()), (vec![group("dba")], Some("fine")));
    assert_eq!((vote.revision, vote.digest, vote.at), (1, desk.request.digest, at(1)));
    assert_eq!((vote.on_behalf_of.clone(), vote.voided), (None, false));
    assert_eq!((desk.live(), desk.status()), (vec![&vote], Status::Pending));
}

#[test]
fn a_vote_with_a_named_group_counts_for_that_group_only() {
    let both = Desk::new(&[("dba", 1), ("ops", 1)], &[("dba", &["dana"]), ("ops", &["dana", "otto"])]);
    let named =
        |name: &str, voter: &str| Command::vote(Ballot { group: Some(group(name)), ..ballot(voter, Choice::Approve) });
    let groups = |command| both.verdict(command).transition.vote.expect("a vote").groups;
    assert_eq!(groups(approve("dana")), [group("dba"), group("ops")]);
    assert_eq!(groups(named("ops", "dana")), [group("ops")]);
    assert_eq!(both.refuse(named("dba", "otto")), Refusal::NotEligible(email("otto")));
    assert_eq!(both.refuse(named("hr", "dana")), Refusal::NotEligible(email("dana")));
    let mut desk = both.clone();
    desk.accept(named("ops", "dana"));
    desk.accept(approve("otto"));
    assert_eq!(desk.status(), Status::Pending, "nobody voted for dba");
}

#[test]
fn the_number_of_rejections_in_the_policy_ends_a_request() {
    for needed in 1..=3_u32 {
        let mut desk = dba(4);
        Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = needed;
        for (number, voter) in (1..).zip(["dana", "erik", "fay"]) {
            if number > needed {
                assert_eq!(desk.refuse(reject(voter)), Refusal::Decided(Status::Rejected));
                continue;
            }
            let cast = Ballot { reason: Some("too risky".to_owned()), ..ballot(voter, Choice::Reject) };
            desk.accept(Command::vote(cast));
            let status = if number == needed { Status::Rejected } else { Status::Pending };
            assert_eq!(desk.status(), status, "{number} of {needed}");
        }
        let by = ["dana", "erik", "fay"].map(email);
        assert_eq!(desk.by(), by[..needed as usize]);
        let decision = desk.request.decision.clone().expect("rejected");
        assert_eq!((decision.method, decision.reason.as_deref()), (Method::Votes, Some("too risky")));
    }
}

#[test]
fn fewer_rejections_than_needed_do_not_prevent_an_approval() {
    let mut desk = dba(2);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(reject("dana"));
    desk.accept(approve("erik"));
    desk.accept(approve("fay"));
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("erik"), email("fay")]));
}

#[test]
fn a_vote_may_change_both_ways_and_the_old_one_stays_visible() {
    let mut desk = dba(2);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(approve("dana"));
    desk.changes_nothing(approve("dana"));
    let changed = desk.accept(reject("dana"));
    assert_eq!(desk.voided(&changed), [("dana".to_owned(), VoidReason::ChangedMind)]);
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Pending, "the approval that was taken back does not count");
    let changed = desk.accept(approve("dana"));
    assert_eq!(desk.voided(&changed), [("dana".to_owned(), VoidReason::ChangedMind)]);
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("erik"), email("dana")]));
    let voided: Vec<bool> = desk.request.votes.iter().map(|vote| vote.voided).collect();
    assert_eq!(voided, [true, true, false, false]);

    let mut desk = dba(2);
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(reject("dana"));
    desk.accept(approve("dana"));
    desk.accept(reject("erik"));
    assert_eq!(desk.status(), Status::Pending, "the reject that was taken back does not count");
}

#[test]
fn after_the_end_a_repeated_vote_changes_nothing_and_another_is_refused() {
    let mut desk = dba(1);
    desk.accept(approve("dana"));
    desk.second = 500;
    desk.changes_nothing(approve("dana"));
    for command in [reject("dana"), approve("erik"), in_place_of("dana", "erik", Choice::Approve)] {
        assert_eq!(desk.refuse(command), Refusal::Decided(Status::Approved));
    }
    let other = Ballot { proposal: Some(proposal("select 2", no_rule())), ..ballot("dana", Choice::Approve) };
    assert_eq!(
        desk.refuse(Command::vote(other)),
        Refusal::Decided(Status::Approved),
        "the vote is for another payload"
    );

    let mut desk = dba(2);
    desk.accept(approve("dana"));
    desk.second = 100;
    desk.accept(Command::Expire);
    assert_eq!(desk.refuse(approve("dana")), Refusal::Expired);
}

#[test]
fn one_link_casts_one_vote() {
    let mut desk = dba(2);
    let link = Some(LinkUse { delivery: DeliveryId::mint(at(0)), group: group("dba") });
    let by_link = |voter: &str, choice| Command::vote(Ballot { link: link.clone(), ..ballot(voter, choice) });
    Arc::make_mut(&mut desk.request.terms.procedure).reject_needed = 2;
    desk.accept(by_link("dana", Choice::Approve));
    desk.changes_nothing(by_link("dana", Choice::Approve));
    assert_eq!(desk.refuse(by_link("erik", Choice::Approve)), Refusal::LinkUsed(email("dana")));
    assert_eq!(desk.verdict(approve("erik")).answer, Ok(()));
    desk.accept(by_link("dana", Choice::Reject));
    assert_eq!(desk.live().len(), 1, "of the same voter it is a change of mind");
    let another = Some(LinkUse { delivery: DeliveryId::mint(at(0)), group: group("dba") });
    desk.accept(Command::vote(Ballot { link: another, ..ballot("erik", Choice::Approve) }));
}

#[test]
fn the_required_assurance_is_enough_and_less_is_not() {
    let all = [Assurance::Link, Assurance::Delegated, Assurance::Token, Assurance::Sso];
    for needed in all {
        for given in all {
            let mut desk = dba(1);
            Arc::make_mut(&mut desk.request.terms.procedure).min_assurance = Some(needed);
            let vote = Command::vote(Ballot { assurance: given, ..ballot("dana", Choice::Approve) });
            let expected = if given < needed { Err(Refusal::AssuranceTooLow { given, needed }) } else { Ok(()) };
            assert_eq!(desk.verdict(vote).answer, expected);
        }
    }
    assert!(Assurance::Link < Assurance::Delegated && Assurance::Delegated < Assurance::Token);
    assert!(Assurance::Token < Assurance::Sso);
}

#[test]
fn the_hubs_least_assurance_applies_where_the_policy_names_none() {
    for (own, given, is_enough) in
        [(None, Assurance::Token, false), (None, Assurance::Sso, true), (Some(Assurance::Link), Assurance::Link, true)]
    {
        let mut desk = dba(1);
        desk.request.terms.default_min_assurance = Some(Assurance::Sso);
        Arc::make_mut(&mut desk.request.terms.procedure).min_assurance = own;
        let vote = Command::vote(Ballot { assurance: given, ..ballot("dana", Choice::Approve) });
        assert_eq!(desk.verdict(vote).answer.is_ok(), is_enough, "{own:?} {given:?}");
    }
}

#[test]
fn a_recent_sign_in_is_demanded_of_every_vote() {
    for (signed_in_at, answer) in
        [(None, Err(Refusal::SignInStale)), (Some(at(0)), Err(Refusal::SignInStale)), (Some(at(1)), Ok(()))]
    {
        let mut desk = dba(1);
        desk.second = 30;
        Arc::make_mut(&mut desk.request.terms.procedure).fresh_sign_in_seconds = Some(30);
        for choice in [Choice::Approve, Choice::Reject] {
            let vote = Command::vote(Ballot { signed_in_at, ..ballot("dana", choice) });
            assert_eq!(desk.verdict(vote).answer, answer, "{signed_in_at:?}");
        }
    }
}

#[test]
fn approvers_may_only_shorten_or_delay_the_access_window() {
    let mut desk = dba(1);
    let narrow = |seconds: Option<u32>, choice| {
        let narrowing = Some(Narrowing { duration_seconds: seconds, starts_at: Some(at(50)) });
        Command::vote(Ballot { narrowing, ..ballot("dana", choice) })
    };
    assert_eq!(desk.refuse(narrow(None, Choice::Approve)), Refusal::Widened, "of an action");
    desk.request.kind = Kind::Jit;
    desk.request.payload.duration_seconds = Some(600);
    for (seconds, fits) in [(None, true), (Some(1), true), (Some(600), true), (Some(0), false), (Some(601), false)] {
        let expected = if fits { Ok(()) } else { Err(Refusal::Widened) };
        assert_eq!(desk.verdict(narrow(seconds, Choice::Approve)).answer, expected, "{seconds:?}");
    }
    assert_eq!(desk.refuse(narrow(None, Choice::Reject)), Refusal::Widened, "by a reject");
    let vote = desk.accept(narrow(Some(60), Choice::Approve)).vote.expect("a vote");
    assert_eq!(vote.narrowing, Some(Narrowing { duration_seconds: Some(60), starts_at: Some(at(50)) }));
}

#[test]
fn a_person_fills_one_seat_except_in_shared_slots() {
    for (shared, status) in [(false, Status::Pending), (true, Status::Approved)] {
        let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &[("dba", &["dana"]), ("ops", &["dana", "otto"])]);
        desk.request.terms.slots[1].slot.shared = shared;
        desk.accept(approve("dana"));
        assert_eq!(desk.status(), status);
    }
}

#[test]
fn two_votes_with_the_same_seat_fill_one_place() {
    let mut desk = dba(2);
    let cast = |voter: &str| in_place_of("dana", voter, Choice::Approve);
    for stand_in in ["sam", "sue"] {
        desk.roster.delegate(email("dana"), email(stand_in));
    }
    // No vote leads to this state; the count does not rely on that.
    let votes = ["sam", "sue"].map(|voter| desk.verdict(cast(voter)).transition.vote.expect("a vote"));
    assert_eq!(cover(&desk.request.terms.slots, &[&votes[0], &votes[1]], &desk.roster), [1]);
}

#[test]
fn added_slots_never_lower_the_number_needed() {
    let shared = |name: &str, needed, shared| countersign::approval::Slot { shared, ..slot(name, needed) };
    let merged = with_added(
        &[shared("dba", 2, true), shared("ops", 1, true)],
        &[shared("dba", 1, true), shared("ops", 3, false), shared("hr", 1, true)],
    );
    assert_eq!(merged, [shared("dba", 2, true), shared("ops", 3, false), shared("hr", 1, true)]);
}

#[test]
fn a_vote_is_a_repeat_only_when_every_field_is_the_same() {
    let mut desk = dba(2);
    desk.request.kind = Kind::Jit;
    desk.request.payload.duration_seconds = Some(600);
    let narrowed_vote = |seconds: Option<u32>, reason: Option<&str>| {
        let narrowing = seconds.map(|seconds| Narrowing { duration_seconds: Some(seconds), starts_at: None });
        Command::vote(Ballot { narrowing, reason: reason.map(str::to_owned), ..ballot("dana", Choice::Approve) })
    };
    desk.accept(approve("dana"));
    let narrowed = desk.accept(narrowed_vote(Some(60), None));
    assert_eq!(desk.voided(&narrowed), [("dana".to_owned(), VoidReason::ChangedMind)]);
    desk.changes_nothing(narrowed_vote(Some(60), None));
    desk.accept(narrowed_vote(Some(60), Some("only for the backup")));
    // A repeat that says less changes nothing.
    desk.changes_nothing(narrowed_vote(Some(60), None));
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Approved);
    let windows: Vec<_> = desk.live().iter().filter_map(|vote| vote.narrowing?.duration_seconds).collect();
    assert_eq!(windows, [60], "the window is the last one that dana chose");

    // After the end, only what was voted before is accepted as a repeat.
    desk.changes_nothing(narrowed_vote(Some(60), Some("only for the backup")));
    desk.changes_nothing(narrowed_vote(Some(60), None));
    let stale = Command::vote(Ballot { revision: Some(7), ..ballot("erik", Choice::Approve) });
    let elsewhere = Command::vote(Ballot { group: Some(group("ops")), ..ballot("erik", Choice::Approve) });
    let others = [
        narrowed_vote(None, None),
        narrowed_vote(Some(30), None),
        narrowed_vote(Some(60), Some("other words")),
        stale,
        elsewhere,
    ];
    for other in others {
        assert_eq!(desk.refuse(other), Refusal::Decided(Status::Approved));
    }
}

#[test]
fn a_vote_for_another_slot_counts_even_if_only_one_is_filled() {
    let members: [(&str, &[&str]); 2] = [("dba", &["dana", "erik"]), ("ops", &["dana"])];
    let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &members);
    let vote_for = |name: &str| Command::vote(Ballot { group: Some(group(name)), ..ballot("dana", Choice::Approve) });
    desk.accept(vote_for("dba"));
    desk.accept(vote_for("ops"));
    desk.changes_nothing(vote_for("dba"));
    desk.accept(approve("erik"));
    assert_eq!(desk.status(), Status::Approved, "dana sits for ops, and erik for dba");
    // The second vote by a link does not use that link up: the others who received it may need it.
    let mut desk = Desk::new(&[("dba", 1), ("ops", 1)], &[("dba", &["dana"]), ("ops", &["dana", "otto"])]);
    let message = DeliveryId::mint(at(0));
    let by_link = |voter: &str, name: &str| {
        let link = Some(LinkUse { delivery: message, group: group(name) });
        Command::vote(Ballot { group: Some(group(name)), link, ..ballot(voter, Choice::Approve) })
    };
    desk.accept(by_link("dana", "dba"));
    desk.accept(by_link("dana", "ops"));
    desk.accept(by_link("otto", "ops"));
    assert_eq!(desk.status(), Status::Approved);
}
