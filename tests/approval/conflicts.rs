//! Conflicts of interest: requesters, the people they act for, beneficiaries, and people whom the resource excludes.

use std::sync::Arc;

use countersign::approval::{Ballot, Choice, Command, Refusal, Status};

use super::{Desk, approve, ballot, email, in_place_of, reject};

const EVERYBODY: [&str; 6] = ["nora", "agnes", "bert", "tom", "lisa", "dana"];

/// Nora asks with Tom's token, acting for Agnes, for the beneficiary Bert, on a resource that excludes Lisa.
fn entangled() -> Desk {
    let mut desk = Desk::new(&[("dba", 1)], &[("dba", &EVERYBODY)]);
    desk.request.requester.acting_for = Some(email("agnes"));
    desk.request.beneficiary = Some(email("bert"));
    desk.request.terms.askers = ["nora", "agnes", "bert", "tom"].map(email).into();
    desk.request.terms.conflicted = [email("lisa")].into();
    desk
}

#[test]
fn people_in_conflict_never_approve_even_as_members_but_may_reject() {
    let desk = entangled();
    for person in ["nora", "agnes", "bert", "tom", "lisa"] {
        assert_eq!(desk.refuse(approve(person)), Refusal::Conflict(email(person)), "{person}");
        let mut desk = desk.clone();
        desk.accept(reject(person));
        assert_eq!(
            (desk.status(), desk.by()),
            (Status::Rejected, vec![email(person)]),
            "a person named by the requester may still reject"
        );
    }
    assert_eq!(
        desk.refuse(reject("stranger")),
        Refusal::NotEligible(email("stranger")),
        "a person without a slot may not reject"
    );
    assert_eq!(desk.verdict(approve("dana")).answer, Ok(()));
}

#[test]
fn a_request_lists_who_is_excluded_and_why() {
    let mut desk = entangled();
    desk.request.terms.conflicted.insert(email("bert"));
    let listed = |desk: &Desk| -> Vec<String> {
        let excluded = desk.request.excluded();
        excluded.iter().map(|one| format!("{} {:?} {:?}", one.person, one.role, one.by)).collect()
    };
    assert_eq!(
        listed(&desk),
        [
            "nora@example.com Requester Request",
            "agnes@example.com ActingFor Request",
            "bert@example.com Beneficiary Request",
            "tom@example.com TokenOwner Token",
            "lisa@example.com Conflicted Policy",
        ]
    );
    for person in EVERYBODY {
        let is_listed = desk.request.excluded().iter().any(|one| one.person == email(person));
        assert_eq!(is_listed, desk.request.is_in_conflict(&email(person)), "{person}");
    }
    Arc::make_mut(&mut desk.request.terms.procedure).allow_self_approval = true;
    assert_eq!(listed(&desk), ["bert@example.com Conflicted Policy", "lisa@example.com Conflicted Policy"]);
}

#[test]
fn each_conflict_is_found_by_its_own_reason_alone() {
    let mut plain = Desk::new(&[("dba", 1)], &[("dba", &EVERYBODY)]);
    plain.request.requester.email = None;
    let mut marked: Vec<(&str, Desk)> = ["nora", "agnes", "bert", "tom", "lisa"].map(|it| (it, plain.clone())).into();
    marked[0].1.request.requester.email = Some(email("nora"));
    marked[1].1.request.requester.acting_for = Some(email("agnes"));
    marked[2].1.request.beneficiary = Some(email("bert"));
    marked[3].1.request.terms.askers = [email("tom")].into();
    marked[4].1.request.terms.conflicted = [email("lisa")].into();
    for (person, mut desk) in marked {
        assert_eq!(desk.refuse(approve(person)), Refusal::Conflict(email(person)));
        assert_eq!(plain.verdict(approve(person)).answer, Ok(()), "{person}");
        assert_eq!(desk.request.is_asker(&email(person)), person != "lisa");
        Arc::make_mut(&mut desk.request.terms.procedure).allow_self_approval = true;
        assert_eq!(desk.verdict(approve(person)).answer.is_ok(), person != "lisa");
    }
}

#[test]
fn self_approval_where_allowed_applies_to_requesters_only() {
    let mut desk = entangled();
    Arc::make_mut(&mut desk.request.terms.procedure).allow_self_approval = true;
    for person in ["nora", "agnes", "bert", "tom"] {
        assert_eq!(desk.verdict(approve(person)).answer, Ok(()), "{person}");
    }
    assert_eq!(desk.refuse(approve("lisa")), Refusal::Conflict(email("lisa")));
    // A requester who is also listed by the resource remains excluded.
    desk.request.terms.conflicted.insert(email("nora"));
    assert_eq!(desk.refuse(approve("nora")), Refusal::Conflict(email("nora")));
    desk.accept(approve("tom"));
    assert_eq!((desk.status(), desk.by()), (Status::Approved, vec![email("tom")]));
}

#[test]
fn a_stand_in_does_not_get_around_a_conflict() {
    let mut desk = entangled();
    desk.staff(&[("dba", &["nora", "lisa", "erik"])]);
    for (absent, present) in [("nora", "sam"), ("lisa", "sue"), ("erik", "nora"), ("erik", "tom"), ("erik", "lisa")] {
        desk.roster.delegate(email(absent), email(present));
    }
    for (absent, present) in [("nora", "sam"), ("lisa", "sue")] {
        let refused = Refusal::Conflict(email(absent));
        assert_eq!(desk.refuse(approve(present)), refused, "in the place of {absent}");
        assert_eq!(desk.refuse(in_place_of(absent, present, Choice::Approve)), refused);
    }
    let mut rejected = desk.clone();
    rejected.accept(in_place_of("nora", "sam", Choice::Reject));
    assert_eq!(rejected.status(), Status::Rejected);
    for present in ["nora", "tom", "lisa"] {
        let refused = Refusal::Conflict(email(present));
        assert_eq!(desk.refuse(in_place_of("erik", present, Choice::Approve)), refused, "by {present}");
    }
}

#[test]
fn people_in_conflict_do_not_count_as_available() {
    let mut desk = entangled();
    desk.accept(Command::Recheck);
    assert!(!desk.request.undecidable, "dana is there");
    desk.staff(&[("dba", &EVERYBODY[..5])]);
    desk.accept(Command::Recheck);
    assert!(desk.request.undecidable);
    Arc::make_mut(&mut desk.request.terms.procedure).allow_self_approval = true;
    desk.accept(Command::Recheck);
    assert!(!desk.request.undecidable);
    desk.staff(&[("dba", &["lisa"])]);
    desk.accept(Command::Recheck);
    assert!(desk.request.undecidable);
    let refused = desk.refuse(Command::vote(ballot("lisa", Choice::Approve)));
    assert_eq!(refused, Refusal::Conflict(email("lisa")));
}

#[test]
fn eligible_people_exclude_those_in_conflict() {
    let desk = entangled();
    let count = |desk: &Desk| desk.request.terms.slots_with(&[], &desk.roster)[0].eligible;
    assert_eq!(count(&desk), 1);
    let mut free = desk.clone();
    Arc::make_mut(&mut free.request.terms.procedure).allow_self_approval = true;
    assert_eq!(count(&free), 5);
    // A stale ballot does not hide a conflict behind another refusal, nor the reverse.
    let stale = Ballot { revision: Some(9), ..ballot("lisa", Choice::Approve) };
    assert_eq!(desk.refuse(Command::vote(stale)), Refusal::StaleRevision { current: 1 });
}
