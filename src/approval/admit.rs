//! What becomes of a request before anyone is asked.

use std::collections::BTreeSet;

use super::slot::with_added;
use super::{Decision, GroupName, Method, Policy, RuleName, Ruling, Slot, Status};

/// What becomes of a request before anyone is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// To whoever asks, the resource is not there.
    NotVisible,
    /// It is decided at once: a rule denies it or lets it pass, or who asks needs no approval.
    Decided(Decision),
    /// People are asked to fill these slots, those of rules among them.
    Ask {
        /// The slots.
        slots: Vec<Slot>,
        /// The rules that wanted people to be asked.
        rules: Vec<RuleName>,
    },
}

/// The groups of whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belonging {
    /// Those that the hub knows them to be in.
    pub known: BTreeSet<GroupName>,
    /// Those that a trusted system says they are in. They make a resource visible; they exempt from nothing.
    pub said: BTreeSet<GroupName>,
}

/// Judges a request that is being made. A deny goes before everything, and binds those who are exempt.
pub fn admit(policy: &Policy, ruling: &Ruling, belonging: &Belonging) -> Admission {
    let is_one = |group: &&GroupName| belonging.known.contains(*group) || belonging.said.contains(*group);
    if !policy.requester_groups.is_empty() && !policy.requester_groups.iter().any(|group| is_one(&group)) {
        return Admission::NotVisible;
    }
    let by_rule = |outcome, rule: &RuleName, reason: Option<&String>| {
        let reason = reason.map_or_else(|| format!("rule {rule}"), |reason| format!("rule {rule}: {reason}"));
        let decision =
            Decision { reason: Some(reason), rule: Some(rule.clone()), ..Decision::new(outcome, Method::Rule) };
        Admission::Decided(decision)
    };
    let exempt = policy.exempt_groups.iter().find(|group| belonging.known.contains(*group));
    match (ruling, exempt) {
        (Ruling::Denied { rule, reason }, _) => by_rule(Status::Rejected, rule, reason.as_ref()),
        (_, Some(group)) => {
            let reason = Some(format!("members of {group} need no approval"));
            Admission::Decided(Decision {
                reason,
                group: Some(group.clone()),
                ..Decision::new(Status::Approved, Method::Exempt)
            })
        }
        (Ruling::Allowed { rule }, None) => by_rule(Status::Approved, rule, None),
        (Ruling::Ask { slots, rules }, None) => {
            Admission::Ask { slots: with_added(&policy.slots, slots), rules: rules.clone() }
        }
    }
}
