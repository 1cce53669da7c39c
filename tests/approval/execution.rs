//! The execution: claim, lease and end, one transition at a time.

use countersign::approval::{
    Digest, Execution, ExecutionReport, ExecutionStatus, ReportStatus, Use, UseChange, UseRefusal, UseVerdict,
    use_execution,
};

use super::{at, email};

/// The fencing token of the claim.
const FENCE: u64 = 8_191;

/// Approved at second 0, to be claimed before second 100.
fn ready() -> Execution {
    Execution::new(Digest::of(b"x"), at(100))
}

fn claim(by: &str, key: Option<&str>) -> Use {
    Use::Claim {
        digest: Digest::of(b"x"),
        by: by.to_owned(),
        key: key.map(str::to_owned),
        lease_seconds: 10,
        fence: FENCE,
    }
}

fn report(fence: u64, status: ReportStatus) -> Use {
    let exit_code = Some(i32::from(status == ReportStatus::Failed));
    Use::Report {
        fence,
        by: "ci".to_owned(),
        report: ExecutionReport {
            status,
            exit_code,
            output: Some("done".to_owned()),
            output_truncated: true,
            output_digest: Some(Digest::of(b"done, and more")),
        },
    }
}

fn heartbeat(fence: u64) -> Use {
    Use::Heartbeat { fence, by: "ci".to_owned() }
}

fn revoke() -> Use {
    Use::Revoke { by: Some(email("dana")), reason: Some("wrong host".to_owned()) }
}

#[track_caller]
fn becomes(execution: &Execution, command: Use, second: i64) -> Execution {
    match use_execution(execution, command, at(second)) {
        UseVerdict { change: UseChange::Becomes(next), answer: Ok(()) } => *next,
        other => panic!("{other:?}"),
    }
}

/// The answer, and the new status if it changed.
fn outcome(execution: &Execution, command: Use, second: i64) -> (Result<(), UseRefusal>, Option<ExecutionStatus>) {
    let verdict = use_execution(execution, command, at(second));
    let status = match verdict.change {
        UseChange::None => None,
        UseChange::Becomes(next) => Some(next.status),
    };
    (verdict.answer, status)
}

fn claimed() -> Execution {
    becomes(&ready(), claim("ci", Some("run-1")), 50)
}

#[test]
fn a_claim_sets_fence_and_lease() {
    let claimed = claimed();
    assert_eq!(claimed.status, ExecutionStatus::Claimed);
    assert_eq!((claimed.fence, claimed.lease_expires_at, claimed.claimed_at), (FENCE, Some(at(60)), Some(at(50))));
    assert_eq!((claimed.claimed_by.as_deref(), claimed.claim_key.as_deref()), (Some("ci"), Some("run-1")));
    assert_eq!((ready().due(), claimed.due()), (Some(at(100)), Some(at(60))));
}

#[test]
fn a_claim_must_come_before_use_by() {
    assert_eq!(outcome(&ready(), claim("ci", None), 99), (Ok(()), Some(ExecutionStatus::Claimed)));
    for command in [claim("ci", None), revoke()] {
        let late = outcome(&ready(), command.clone(), 100);
        assert_eq!(late, (Err(UseRefusal::Lapsed), Some(ExecutionStatus::Lapsed)));
        let lapsed = becomes(&ready(), Use::Tick, 100);
        assert_eq!(outcome(&lapsed, command, 101), (Err(UseRefusal::Lapsed), None));
        assert_eq!((lapsed.finished_at, lapsed.due()), (Some(at(100)), None));
    }
    assert_eq!(outcome(&ready(), Use::Tick, 99), (Ok(()), None));
}

#[test]
fn a_claim_must_match_what_was_approved() {
    let other = |key: Option<&str>| Use::Claim {
        digest: Digest::of(b"y"),
        by: "ci".to_owned(),
        key: key.map(str::to_owned),
        lease_seconds: 10,
        fence: FENCE,
    };
    assert_eq!(outcome(&ready(), other(None), 1), (Err(UseRefusal::Digest), None));
    assert_eq!(outcome(&claimed(), other(Some("run-1")), 51), (Err(UseRefusal::Digest), None));
}

#[test]
fn a_repeated_claim_gets_the_same_answer_and_another_claim_is_refused() {
    let claimed = claimed();
    assert_eq!(outcome(&claimed, claim("ci", Some("run-1")), 59), (Ok(()), None));
    for (by, key) in [("ci", Some("run-2")), ("ci", None), ("other", Some("run-1")), ("other", None)] {
        assert_eq!(outcome(&claimed, claim(by, key), 51), (Err(UseRefusal::AlreadyClaimed), None), "{by} {key:?}");
    }
    let keyless = becomes(&ready(), claim("ci", None), 50);
    assert_eq!(outcome(&keyless, claim("ci", None), 51), (Err(UseRefusal::AlreadyClaimed), None));
}

#[test]
fn heartbeats_extend_the_lease_and_never_shorten_it() {
    let prolonged = becomes(&claimed(), heartbeat(FENCE), 55);
    assert_eq!(prolonged.lease_expires_at, Some(at(65)));
    assert_eq!(outcome(&prolonged, heartbeat(FENCE), 54), (Ok(()), None));
    assert_eq!(outcome(&prolonged, heartbeat(2), 56), (Err(UseRefusal::StaleFence), None));
    assert_eq!(outcome(&prolonged, Use::Tick, 64), (Ok(()), None));
}

#[test]
fn a_report_ends_an_execution_once() {
    let ended = becomes(&claimed(), report(FENCE, ReportStatus::Failed), 59);
    assert_eq!((ended.status, ended.exit_code, ended.finished_at), (ExecutionStatus::Failed, Some(1), Some(at(59))));
    assert_eq!((ended.output.as_deref(), ended.output_truncated), (Some("done"), true));
    assert_eq!(ended.output_digest, Some(Digest::of(b"done, and more")));
    assert_eq!(outcome(&ended, report(FENCE, ReportStatus::Failed), 500), (Ok(()), None));
    for (command, refusal) in [
        (report(FENCE, ReportStatus::Succeeded), UseRefusal::AlreadyFinished),
        (report(2, ReportStatus::Failed), UseRefusal::StaleFence),
        (heartbeat(FENCE), UseRefusal::AlreadyFinished),
        (claim("ci", Some("run-1")), UseRefusal::AlreadyClaimed),
        (revoke(), UseRefusal::AlreadyFinished),
    ] {
        assert_eq!(outcome(&ended, command.clone(), 60), (Err(refusal), None), "{command:?}");
    }
    assert_eq!(becomes(&claimed(), report(FENCE, ReportStatus::Succeeded), 51).status, ExecutionStatus::Succeeded);
}

#[test]
fn a_report_that_differs_in_any_field_is_not_a_repeat() {
    let Use::Report { report: reported, .. } = report(FENCE, ReportStatus::Failed) else { panic!("a report") };
    let ended = becomes(&claimed(), Use::Report { fence: FENCE, by: "ci".to_owned(), report: reported.clone() }, 59);
    for other in [
        ExecutionReport { status: ReportStatus::Succeeded, ..reported.clone() },
        ExecutionReport { exit_code: None, ..reported.clone() },
        ExecutionReport { output: None, ..reported.clone() },
        ExecutionReport { output_truncated: false, ..reported.clone() },
        ExecutionReport { output_digest: None, ..reported.clone() },
    ] {
        let found = outcome(&ended, Use::Report { fence: FENCE, by: "ci".to_owned(), report: other.clone() }, 60);
        assert_eq!(found, (Err(UseRefusal::AlreadyFinished), None), "{other:?}");
    }
}

#[test]
fn an_execution_ends_at_its_deadline_even_if_the_timer_is_late() {
    for (execution, end) in [(ready(), 100), (claimed(), 60)] {
        assert_eq!(becomes(&execution, Use::Tick, 500).finished_at, Some(at(end)));
    }
}

#[test]
fn when_the_lease_runs_out_the_outcome_stays_unknown() {
    let unknown = becomes(&claimed(), Use::Tick, 60);
    assert_eq!((unknown.status, unknown.finished_at, unknown.due()), (ExecutionStatus::Unknown, Some(at(60)), None));
    for (command, refusal) in [
        (report(FENCE, ReportStatus::Succeeded), UseRefusal::LeaseOver),
        (heartbeat(FENCE), UseRefusal::LeaseOver),
        (report(2, ReportStatus::Succeeded), UseRefusal::StaleFence),
        (claim("ci", Some("run-1")), UseRefusal::AlreadyClaimed),
        (claim("other", None), UseRefusal::AlreadyClaimed),
        (revoke(), UseRefusal::AlreadyFinished),
    ] {
        let found = outcome(&claimed(), command.clone(), 60);
        assert_eq!(found, (Err(refusal), Some(ExecutionStatus::Unknown)), "{command:?}");
        assert_eq!(outcome(&unknown, command.clone(), 61), (Err(refusal), None), "{command:?}");
    }
}

#[test]
fn before_a_claim_no_fence_is_valid() {
    for fence in [0, FENCE] {
        assert_eq!(outcome(&ready(), heartbeat(fence), 1), (Err(UseRefusal::StaleFence), None));
        let found = outcome(&ready(), report(fence, ReportStatus::Succeeded), 1);
        assert_eq!(found, (Err(UseRefusal::StaleFence), None));
    }
}

#[test]
fn an_execution_is_revoked_only_before_its_claim() {
    let revoked = becomes(&ready(), revoke(), 10);
    assert_eq!((revoked.status, revoked.revoked_by.clone()), (ExecutionStatus::Revoked, Some(email("dana"))));
    assert_eq!((revoked.reason.as_deref(), revoked.finished_at), (Some("wrong host"), Some(at(10))));
    assert_eq!(outcome(&revoked, Use::Revoke { by: None, reason: None }, 11), (Ok(()), None));
    assert_eq!(outcome(&revoked, claim("ci", None), 11), (Err(UseRefusal::Revoked), None));
    assert_eq!(outcome(&revoked, Use::Tick, 500), (Ok(()), None));
    assert_eq!(outcome(&claimed(), revoke(), 51), (Err(UseRefusal::AlreadyClaimed), None));
}

#[test]
fn statuses_have_their_documented_names() {
    use ExecutionStatus::{Claimed, Failed, Lapsed, Ready, Revoked, Succeeded, Unknown};
    for status in [Ready, Claimed, Succeeded, Failed, Unknown, Lapsed, Revoked] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(status.is_final(), !matches!(status, Ready | Claimed));
    }
}

#[test]
fn only_the_claimant_may_report() {
    let by_other = [
        Use::Heartbeat { fence: FENCE, by: "beneficiary".to_owned() },
        match report(FENCE, ReportStatus::Failed) {
            Use::Report { fence, report, .. } => Use::Report { fence, report, by: "beneficiary".to_owned() },
            other => other,
        },
    ];
    for command in by_other {
        assert_eq!(outcome(&claimed(), command.clone(), 55), (Err(UseRefusal::NotClaimant), None));
        let ended = becomes(&claimed(), report(FENCE, ReportStatus::Failed), 55);
        assert_eq!(outcome(&ended, command, 56), (Err(UseRefusal::NotClaimant), None));
    }
}
