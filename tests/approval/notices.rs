//! Reminders and escalation.

use std::sync::Arc;

use countersign::approval::{
    Command, Escalation, Procedure, Progress, ScheduledNotice, Status, Transition, WorkingHours,
};
use countersign::time::Timestamp;
use serde_json::json;

use super::{Desk, approve, at, email, group, reject};

/// Reminded at 10, 20 and 30; boss is also asked from 15 on, and board from 40 on.
fn desk() -> Desk {
    let mut desk = Desk::new(
        &[("dba", 2), ("ops", 1)],
        &[("dba", &["dana", "erik"]), ("ops", &["otto"]), ("boss", &["bea"]), ("board", &["bill"])],
    );
    let step = |after_seconds, slot: &str, add: &str| Escalation { after_seconds, slot: group(slot), add: group(add) };
    desk.request.terms.procedure = Arc::new(Procedure {
        reminders: vec![10, 20, 30],
        escalation: vec![step(15, "dba", "boss"), step(40, "dba", "board")],
        ..Procedure::default()
    });
    desk
}

#[track_caller]
fn notice(desk: &mut Desk, second: i64) -> ScheduledNotice {
    desk.second = second;
    let transition = desk.accept(Command::Advance);
    let notice = transition.notice.clone().expect("something is due");
    assert_eq!(transition, Transition { notice: Some(notice.clone()), ..Transition::default() });
    notice
}

fn progress(reminders: u32, escalations: u32) -> Progress {
    Progress { reminders, escalations }
}

fn also(desk: &Desk, slot: usize) -> Vec<String> {
    desk.request.terms.slots[slot].also.iter().map(ToString::to_string).collect()
}

#[test]
fn each_notice_is_sent_once_at_its_time() {
    let mut desk = desk();
    let boss = || vec![(group("dba"), group("boss"))];
    for (second, reminders, steps, remind, added) in [
        (10, 1, 0, true, Vec::new()),
        (15, 1, 1, false, boss()),
        (20, 2, 1, true, Vec::new()),
        (30, 3, 1, true, Vec::new()),
        (40, 3, 2, false, vec![(group("dba"), group("board"))]),
    ] {
        assert_eq!(desk.request.next_notice(), Some(at(second)));
        desk.second = second - 1;
        desk.changes_nothing(Command::Advance);
        let expected = ScheduledNotice { progress: progress(reminders, steps), remind, added };
        assert_eq!(notice(&mut desk, second), expected, "second {second}");
        desk.changes_nothing(Command::Advance);
    }
    assert_eq!(
        (desk.request.next_notice(), also(&desk, 0), also(&desk, 1).len()),
        (None, vec!["boss".to_owned(), "board".to_owned()], 0)
    );
}

#[test]
fn missed_notices_are_sent_as_one() {
    let mut desk = desk();
    let added = vec![(group("dba"), group("boss")), (group("dba"), group("board"))];
    assert_eq!(notice(&mut desk, 99), ScheduledNotice { progress: progress(3, 2), remind: true, added });
    assert_eq!(desk.request.next_notice(), None);
    assert_eq!(desk.request.terms.slots[0].also, [group("boss"), group("board")]);
}

#[test]
fn a_clock_set_back_undoes_no_notice() {
    let mut desk = desk();
    notice(&mut desk, 20);
    for second in [19, 14, 5, 20] {
        desk.second = second;
        desk.changes_nothing(Command::Advance);
    }
    assert_eq!((desk.request.progress, also(&desk, 0)), (progress(2, 1), vec!["boss".to_owned()]));
    desk.second = 30;
    desk.request.progress = progress(2, 2);
    assert_eq!(notice(&mut desk, 30), ScheduledNotice { progress: progress(3, 2), remind: true, added: Vec::new() });
}

#[test]
fn escalation_adds_approvers_without_lowering_the_number_needed() {
    let mut desk = desk();
    desk.accept(approve("otto"));
    assert_eq!(desk.refuse(approve("bea")), countersign::approval::Refusal::NotEligible(email("bea")));
    notice(&mut desk, 15);
    let vote = desk.accept(approve("bea")).vote.expect("a vote");
    assert_eq!((vote.groups, desk.status()), (vec![group("dba")], Status::Pending), "two are still needed");
    assert_eq!(desk.request.terms.slots[0].slot.needed, 2);
    desk.accept(approve("dana"));
    assert_eq!(desk.status(), Status::Approved);
}

#[test]
fn a_vote_of_an_added_group_counts_while_its_voter_is_in_any_group_of_the_slot() {
    let mut desk = desk();
    notice(&mut desk, 15);
    desk.accept(approve("bea"));
    desk.staff(&[("dba", &["dana", "erik", "bea"]), ("ops", &["otto"])]);
    desk.changes_nothing(Command::Recheck);
    desk.staff(&[("dba", &["dana", "erik"]), ("ops", &["otto"])]);
    assert_eq!(desk.accept(Command::Recheck).voids.len(), 1);
}

#[test]
fn one_person_in_both_groups_fills_one_seat() {
    let mut desk = desk();
    desk.staff(&[("dba", &["dana"]), ("boss", &["dana"]), ("ops", &["otto"])]);
    notice(&mut desk, 15);
    assert_eq!(desk.accept(Command::Recheck).undecidable, Some(true));
    desk.accept(approve("dana"));
    desk.accept(approve("otto"));
    assert_eq!(desk.status(), Status::Pending);
}

#[test]
fn escalation_can_make_a_request_decidable() {
    let mut desk = desk();
    desk.staff(&[("dba", &["dana"]), ("boss", &["bea"]), ("ops", &["otto"])]);
    assert_eq!(desk.accept(Command::Recheck).undecidable, Some(true));
    notice(&mut desk, 15);
    assert_eq!(desk.accept(Command::Recheck).undecidable, Some(false));
}

#[test]
fn a_group_is_added_to_its_slot_once() {
    let mut desk = desk();
    desk.request.terms.slots[0].also = vec![group("boss")];
    assert_eq!(notice(&mut desk, 15).added, []);
    assert_eq!(also(&desk, 0), ["boss"]);
    let mut twice = self::desk();
    Arc::make_mut(&mut twice.request.terms.procedure).escalation[1].add = group("boss");
    assert_eq!(notice(&mut twice, 50).added, [(group("dba"), group("boss"))]);
    assert_eq!(also(&twice, 0), ["boss"]);
    // Also not when the slot has lost it.
    let mut lost = self::desk();
    lost.request.progress = progress(3, 1);
    assert_eq!(notice(&mut lost, 40).added, [(group("dba"), group("board"))]);
    // Also not to a slot that does not exist.
    desk.request.terms.slots.remove(0);
    assert_eq!(notice(&mut desk, 40).added, []);
}

#[test]
fn nothing_is_due_at_or_after_the_end() {
    let mut desk = desk();
    Arc::make_mut(&mut desk.request.terms.procedure).reminders = vec![99, 100];
    Arc::make_mut(&mut desk.request.terms.procedure).escalation.clear();
    assert_eq!(desk.request.next_notice(), Some(at(99)));
    notice(&mut desk, 99);
    assert_eq!(desk.request.next_notice(), None, "at the deadline it is over");
    desk.second = 100;
    let late = desk.accept(Command::Advance);
    assert_eq!((late.notice, desk.status()), (None, Status::Expired));
    let mut desk = self::desk();
    desk.accept(reject("dana"));
    desk.second = 50;
    desk.changes_nothing(Command::Advance);
}

#[test]
fn reminders_wait_for_working_hours_and_escalation_does_not() {
    let hours: WorkingHours = serde_json::from_value(json!({
        "time_zone": "UTC", "monday": ["09:00-17:00"], "tuesday": ["09:00-17:00"]
    }))
    .expect("working hours");
    let moment = |text: &str| text.parse::<Timestamp>().expect("a moment");
    let mut desk = desk();
    // Requested on a Monday, half an hour before the working day ends.
    desk.request.created_at = moment("2026-11-23T16:30:00Z");
    desk.request.expires_at = moment("2026-11-25T00:00:00Z");
    let procedure = Arc::make_mut(&mut desk.request.terms.procedure);
    (procedure.working_hours, procedure.reminders) = (Some(hours), vec![3_600]);
    procedure.escalation.truncate(1);
    procedure.escalation[0].after_seconds = 7_200;
    let seconds = |text: &str| moment(text).as_seconds();
    assert_eq!(desk.request.next_notice(), Some(moment("2026-11-23T18:30:00Z")));
    desk.second = seconds("2026-11-23T18:29:59Z");
    desk.changes_nothing(Command::Advance);
    let step = notice(&mut desk, seconds("2026-11-23T18:30:00Z"));
    assert_eq!((step.remind, step.progress), (false, progress(0, 1)));
    assert_eq!(desk.request.next_notice(), Some(moment("2026-11-24T09:30:00Z")));
    desk.second = seconds("2026-11-24T09:29:59Z");
    desk.changes_nothing(Command::Advance);
    let reminder = notice(&mut desk, seconds("2026-11-24T09:30:00Z"));
    assert_eq!((reminder.remind, reminder.added), (true, Vec::new()));
}
