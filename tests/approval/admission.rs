//! Admission: the outcome of a request before anyone is asked.

use countersign::approval::{Admission, Decision, Method, RequesterGroups, Ruling, Slot, Status, admit};

use super::{Policy, allows, asks_for, denies, group, no_rule, slot};

/// Staff may ask, admins need no approval, dba and ops are asked.
fn policy() -> Policy {
    Policy {
        slots: vec![slot("dba", 1), slot("ops", 2)],
        requester_groups: [group("staff"), group("partners")].into(),
        exempt_groups: [group("admins"), group("robots")].into(),
        ..Policy::default()
    }
}

fn belonging(known: &[&str], said: &[&str]) -> RequesterGroups {
    let all = |names: &[&str]| names.iter().map(|name| group(name)).collect();
    RequesterGroups { known: all(known), claimed: all(said) }
}

/// The outcome as a short text.
fn outcome(admission: &Admission) -> String {
    match admission {
        Admission::NotVisible => "not visible".to_owned(),
        Admission::Decided(Decision { outcome, method, .. }) => {
            format!("{} by {}", outcome.as_str(), serde_json::to_value(method).unwrap().as_str().unwrap())
        }
        Admission::Ask { slots, .. } => {
            let slots: Vec<String> = slots.iter().map(|slot| format!("{} {}", slot.needed, slot.group)).collect();
            format!("ask {}", slots.join(", "))
        }
    }
}

#[test]
fn every_row_of_the_admission_table() {
    let rulings: [fn() -> Ruling; 4] = [|| denies(None), allows, no_rule, || asks_for(slot("dba", 2))];
    let plain = ["rejected by rule", "approved by rule", "ask 1 dba, 2 ops", "ask 2 dba, 2 ops"];
    let exempt = ["rejected by rule", "approved by exempt", "approved by exempt", "approved by exempt"];
    let hidden = ["not visible"; 4];
    for (known, said, expected) in [
        (&[][..], &[][..], hidden),
        (&["dba", "ops"], &["hr"], hidden),
        (&["admins"], &["robots"], hidden),
        (&["staff"], &[], plain),
        (&["partners"], &[], plain),
        (&[], &["staff"], plain),
        (&["staff", "admins"], &[], exempt),
        (&["robots"], &["staff"], exempt),
        // Groups that others claim for a person make the resource visible, but they exempt from nothing.
        (&["staff"], &["admins"], plain),
        (&[], &["staff", "admins", "robots"], plain),
    ] {
        for (ruling, expected) in rulings.iter().zip(expected) {
            let admission = admit(&policy(), &ruling(), &belonging(known, said));
            assert_eq!(outcome(&admission), expected, "known {known:?}, said {said:?}, {:?}", ruling());
        }
    }
}

#[test]
fn without_requester_groups_anyone_may_ask() {
    let open = Policy { requester_groups: Default::default(), ..policy() };
    assert_eq!(outcome(&admit(&open, &no_rule(), &RequesterGroups::default())), "ask 1 dba, 2 ops");
    let nobody_exempt = Policy { exempt_groups: Default::default(), ..policy() };
    assert_eq!(outcome(&admit(&nobody_exempt, &no_rule(), &belonging(&["staff", "admins"], &[]))), "ask 1 dba, 2 ops");
}

#[test]
fn decisions_say_what_made_them() {
    let staff = belonging(&["staff"], &[]);
    let decided = |ruling: Ruling, belonging: &RequesterGroups| match admit(&policy(), &ruling, belonging) {
        Admission::Decided(decision) => decision,
        other => panic!("{other:?}"),
    };
    let denied = decided(denies(Some("never on Fridays")), &staff);
    let rule = Some("no".parse().unwrap());
    let by_rule = |outcome| Decision::new(outcome, Method::Rule);
    let reason = Some("rule no: never on Fridays".to_owned());
    assert_eq!(denied, Decision { reason, rule: rule.clone(), ..by_rule(Status::Rejected) });
    let reason = Some("rule no".to_owned());
    assert_eq!(decided(denies(None), &staff), Decision { reason, rule, ..by_rule(Status::Rejected) });
    let (reason, rule) = (Some("rule reads".to_owned()), Some("reads".parse().unwrap()));
    assert_eq!(decided(allows(), &staff), Decision { reason, rule, ..by_rule(Status::Approved) });
    let exempt = decided(no_rule(), &belonging(&["staff", "robots"], &[]));
    let expected = Decision {
        reason: Some("members of robots need no approval".to_owned()),
        group: Some(group("robots")),
        ..Decision::new(Status::Approved, Method::Exempt)
    };
    assert_eq!(exempt, expected);
}

#[test]
fn slots_of_rules_are_merged_into_those_of_the_policy() {
    let mut policy = policy();
    policy.slots[0].shared = true;
    let added = vec![Slot { shared: false, ..slot("dba", 1) }, slot("ops", 3), slot("security", 1)];
    let ruling = Ruling::Ask { rules: vec!["a".parse().unwrap(), "b".parse().unwrap()], slots: added };
    let expected = Admission::Ask {
        slots: vec![slot("dba", 1), slot("ops", 3), slot("security", 1)],
        rules: vec!["a".parse().unwrap(), "b".parse().unwrap()],
    };
    assert_eq!(admit(&policy, &ruling, &belonging(&["staff"], &[])), expected);
}
