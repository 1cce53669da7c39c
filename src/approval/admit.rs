//! The outcome of a request before anyone is asked.

use std::collections::BTreeSet;

use super::slot::with_added;
use super::{Decision, GroupName, Method, Policy, RuleName, Ruling, Slot, Status};

/// The outcome of a request before anyone is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// The requester may not see the resource: the API answers as if it did not exist.
    NotVisible,
    /// It is decided at once: a rule denies or allows it, or the requester is exempt.
    Decided(Decision),
    /// People are asked to fill these slots, including those that rules add.
    Ask {
        slots: Vec<Slot>,
        /// The rules that require people to be asked.
        rules: Vec<RuleName>,
    },
}

/// The requester's groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequesterGroups {
    /// Groups in which the hub lists the requester.
    pub known: BTreeSet<GroupName>,
    /// Groups that a trusted system claims for the requester. They make a resource visible, but never exempt.
    pub claimed: BTreeSet<GroupName>,
}

/// Judges a new request. A deny wins over everything, also over an exemption.
pub fn admit(policy: &Policy, ruling: &Ruling, groups: &RequesterGroups) -> Admission {
    let is_in = |group: &&GroupName| groups.known.contains(*group) || groups.claimed.contains(*group);
    if !policy.requester_groups.is_empty() && !policy.requester_groups.iter().any(|group| is_in(&group)) {
        return Admission::NotVisible;
    }
    let by_rule = |outcome, rule: &RuleName, reason: Option<&String>| {
        let reason = reason.map_or_else(|| format!("rule {rule}"), |reason| format!("rule {rule}: {reason}"));
        let decision =
            Decision { reason: Some(reason), rule: Some(rule.clone()), ..Decision::new(outcome, Method::Rule) };
        Admission::Decided(decision)
    };
    let exempt = policy.exempt_groups.iter().find(|group| groups.known.contains(*group));
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
