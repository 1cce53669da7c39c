//! Explanations of a request: the rules that apply, who can decide, which messages were sent, what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ask::{Ask, Draft};
use super::told::{MessageExplanation, messages_about};
use super::your_part::YourPart;
use crate::approval::{
    Admission, Choice, Email, Finding, GroupName, Method, Request, Roster, RuleName, Ruling, Status, Vote,
    awaiting_sign_in, cover, satisfiable,
};
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::store::people::Person;
use crate::store::{Session, groups, people};
use crate::time::Timestamp;

/// Most people that a sentence names.
const NAMED: usize = 5;

/// What would happen to a request, without creating it.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    pub outcome: EvaluationOutcome,
    /// The rule that decides.
    pub rule: Option<RuleName>,
    /// The rules that require approval.
    pub asking_rules: Vec<RuleName>,
    /// The group that exempts the requester.
    pub exempt_group: Option<GroupName>,
    /// The outcome in a sentence.
    pub reason: String,
    /// The rules that each statement matches.
    pub findings: Vec<Finding>,
    /// Whether the command is ambiguous; no rule allows an ambiguous command.
    pub unclear: bool,
    pub slots: Vec<SlotExplanation>,
    /// Whether there are enough people to fill the slots.
    pub satisfiable: bool,
    /// Members by a sign-in that is too old, of whom enough must sign in again before the slots can be filled.
    pub needs_sign_in: Vec<Email>,
}

/// The result of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationOutcome {
    /// The requester may not see the resource.
    NotVisible,
    /// Approved at once, without a vote.
    Direct,
    NeedsApproval,
    /// Denied by a rule.
    Denied,
}

/// The state of a request, and the reasons for it.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub status: Status,
    /// In a sentence.
    pub missing: String,
    /// The rule that decided.
    pub rule: Option<RuleName>,
    /// The rules that require approval.
    pub asking_rules: Vec<RuleName>,
    /// The group that exempts the requester.
    pub exempt_group: Option<GroupName>,
    /// The rules that each statement of the command matches.
    pub findings: Vec<Finding>,
    /// Whether the command is ambiguous; no rule allows an ambiguous command.
    pub unclear: bool,
    pub slots: Vec<SlotExplanation>,
    /// Whether it is pending although too few people are left to approve it.
    pub undecidable: bool,
    /// Members by a sign-in that is too old, of whom enough must sign in again before it can be approved.
    pub needs_sign_in: Vec<Email>,
    /// The messages that were sent about it, newest first.
    pub told: Vec<MessageExplanation>,
    /// What the caller may do.
    pub you: YourPart,
    pub expires_at: Timestamp,
    /// Time of the next reminder or escalation.
    pub next_notice_at: Option<Timestamp>,
}

/// A slot with its people.
#[derive(Debug, Serialize)]
pub struct SlotExplanation {
    pub group: GroupName,
    /// Groups that escalation added.
    pub also: Vec<GroupName>,
    /// Approvals needed.
    pub needed: u32,
    /// Approvals so far.
    pub approved: u32,
    /// Approvals missing.
    pub missing: u32,
    pub people: Vec<PersonExplanation>,
}

/// A person who may fill a slot.
#[derive(Debug, Serialize)]
pub struct PersonExplanation {
    pub email: Email,
    /// Display name.
    pub name: String,
    /// Whether they can decide now.
    pub can_decide: bool,
    /// Why not: `requester`, `conflict`, `voted`, or `sign_in` if they have to sign in again.
    pub why_not: Option<&'static str>,
    pub away: bool,
    pub away_until: Option<Timestamp>,
    /// Their stand-in during the absence.
    pub delegate: Option<Email>,
}

impl Hub {
    /// Evaluates an ask without creating the request.
    ///
    /// # Errors
    /// When the caller may not ask, the input is invalid, or the resource is unknown.
    pub async fn evaluate(&self, caller: &Principal, ask: Ask) -> Result<Evaluation, HubError> {
        require(caller, Right::Evaluate)?;
        let Draft { request, admission, satisfiable, judgement, .. } =
            self.draft(&self.store.lookup(), caller, ask).await?;
        // Acquired only now: the draft acquires a reader for what is not in memory, and one task may hold only one.
        let session = &mut self.store.read().await?;
        let (roster, now) = (groups::roster(session, request.terms.groups()).await?, self.clock.now());
        let awaited = awaited(&request, &roster, now);
        let (outcome, reason) = match &admission {
            Admission::NotVisible => (
                EvaluationOutcome::NotVisible,
                "the requester is in none of the resource's requester_groups".to_owned(),
            ),
            Admission::Decided(decision) => {
                let reason = decision.reason.clone().unwrap_or_default();
                (
                    if decision.outcome == Status::Approved {
                        EvaluationOutcome::Direct
                    } else {
                        EvaluationOutcome::Denied
                    },
                    reason,
                )
            }
            Admission::Ask { .. } if satisfiable => {
                (EvaluationOutcome::NeedsApproval, format!("people would be asked{}", after_sign_in(&awaited)))
            }
            Admission::Ask { .. } => (
                EvaluationOutcome::NeedsApproval,
                "too few people could approve: the request would be refused".to_owned(),
            ),
        };
        let decision = request.decision.as_ref();
        let visible = outcome != EvaluationOutcome::NotVisible;
        Ok(Evaluation {
            outcome,
            rule: decision.and_then(|decision| decision.rule.clone()),
            asking_rules: match admission {
                Admission::Ask { rules, .. } => rules,
                _ => Vec::new(),
            },
            exempt_group: decision.and_then(|decision| decision.group.clone()),
            reason,
            findings: if visible { judgement.findings } else { Vec::new() },
            unclear: visible && judgement.unclear,
            slots: slots(&request, &roster, &known(session, &request, &roster).await?, now),
            satisfiable,
            needs_sign_in: awaited,
        })
    }

    /// Explains the state of a request.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn explain(&self, caller: &Principal, id: RequestId) -> Result<Explanation, HubError> {
        let request = self.visible(caller, id).await?;
        Ok(self.explained(caller, &request).await?.explanation)
    }

    /// Explains a request that the caller may see.
    pub(super) async fn explained(&self, caller: &Principal, request: &Request) -> Result<Explained, HubError> {
        let (judged, _) = self.rules.judge(&request.terms.procedure.guardrails, request.payload.clone()).await?;
        let session = &mut self.store.read().await?;
        let roster = groups::roster(session, request.terms.groups()).await?;
        let now = self.clock.now();
        let absent = match caller.person().filter(|_| request.status == Status::Pending) {
            Some(person) => people::delegators(session, person, now).await?,
            None => Vec::new(),
        };
        let known = known(session, request, &roster).await?;
        let slots = slots(request, &roster, &known, now);
        let awaited = awaited(request, &roster, now);
        let decision = request.decision.as_ref();
        let explanation = Explanation {
            status: request.status,
            missing: missing(request, &slots, &roster, &awaited),
            rule: decision.and_then(|decision| decision.rule.clone()),
            asking_rules: match judged.verdict {
                Ruling::Ask { rules, .. } => rules,
                Ruling::Denied { .. } | Ruling::Allowed { .. } => Vec::new(),
            },
            exempt_group: decision.and_then(|decision| decision.group.clone()),
            findings: judged.findings,
            unclear: judged.unclear,
            slots,
            undecidable: request.undecidable,
            needs_sign_in: awaited,
            told: messages_about(session, request.id).await?,
            you: YourPart::of(caller, request, (&roster, &absent), now),
            expires_at: request.expires_at,
            next_notice_at: request.next_notice().filter(|_| request.status == Status::Pending),
        };
        let names = known.into_iter().map(|(email, person)| (email, person.name)).collect();
        Ok(Explained { explanation, roster, names })
    }
}

/// An explanation with what it was made from.
pub(super) struct Explained {
    pub(super) explanation: Explanation,
    /// The members of all deciding groups.
    pub(super) roster: Roster,
    /// Display names.
    pub(super) names: BTreeMap<Email, String>,
}

/// The members by an old sign-in without whom a pending request cannot be approved.
fn awaited(request: &Request, roster: &Roster, now: Timestamp) -> Vec<Email> {
    if request.status != Status::Pending {
        return Vec::new();
    }
    let votes = |choice| request.live_votes().filter(move |vote| vote.choice == choice).map(Vote::seat);
    let excluded =
        |person: &Email| request.is_in_conflict(person) || votes(Choice::Reject).any(|rejecting| rejecting == person);
    let has_approved = |person: &Email| votes(Choice::Approve).any(|approving| approving == person);
    let slots = &request.terms.slots;
    awaiting_sign_in(slots, roster, excluded, has_approved, now).into_iter().cloned().collect()
}

/// The end of a sentence about a request that waits for members by an old sign-in.
fn after_sign_in(awaited: &[Email]) -> String {
    let names: Vec<&str> = awaited.iter().take(NAMED).map(Email::as_str).collect();
    match (names.is_empty(), awaited.len().saturating_sub(NAMED)) {
        (true, _) => String::new(),
        (false, 0) => format!("; needs a new sign-in of {}", names.join(" or ")),
        (false, more) => format!("; needs a new sign-in of {} or {more} more", names.join(" or ")),
    }
}

/// The sentence that says what is missing.
fn missing(request: &Request, slots: &[SlotExplanation], roster: &Roster, awaited: &[Email]) -> String {
    let Some(decision) = &request.decision else {
        let open: Vec<String> = slots
            .iter()
            .filter(|slot| slot.missing > 0)
            .map(|slot| format!("{} of group {}", slot.missing, slot.group))
            .collect();
        let enough = satisfiable(&request.terms.slots, roster, |person| request.is_in_conflict(person));
        let rest = if enough { after_sign_in(awaited) } else { ", but too few people are left to approve".to_owned() };
        return format!("waits for approvals: {}{rest}", open.join(", "));
    };
    let by: Vec<&str> = decision.by.iter().map(Email::as_str).collect();
    let how = match decision.method {
        Method::Votes | Method::BreakGlass => format!(" by {}", by.join(", ")),
        Method::Rule => decision.rule.as_ref().map(|rule| format!(" by rule {rule}")).unwrap_or_default(),
        Method::Exempt => " because the requester is exempt".to_owned(),
        Method::Timeout | Method::Cancellation | Method::Replacement => String::new(),
    };
    format!("nothing: it was {}{how}", request.status.as_str())
}

/// What is known of the members of all slots, and of the people whom the request names.
async fn known(session: &mut Session, request: &Request, roster: &Roster) -> Result<BTreeMap<Email, Person>, HubError> {
    let members = request.terms.slots.iter().flat_map(|slot| slot.members(roster));
    let people: BTreeSet<&Email> = members.chain(named(request)).collect();
    let known = people::known(session, &people).await?;
    Ok(known.into_iter().map(|person| (person.email.clone(), person)).collect())
}

fn slots(request: &Request, roster: &Roster, known: &BTreeMap<Email, Person>, now: Timestamp) -> Vec<SlotExplanation> {
    let approvals: Vec<&Vote> = request.live_votes().filter(|vote| vote.choice == Choice::Approve).collect();
    let filled = cover(&request.terms.slots, &approvals, roster);
    let slots = request.terms.slots.iter().zip(filled);
    slots
        .map(|(slot, approved)| SlotExplanation {
            group: slot.slot.group.clone(),
            also: slot.also.clone(),
            needed: slot.slot.needed,
            approved,
            missing: slot.slot.needed.saturating_sub(approved),
            people: slot
                .members(roster)
                .into_iter()
                .map(|person| {
                    let is_fresh = slot.admits_fresh(person, roster, now);
                    explain_person(request, (person, is_fresh), known.get(person), now)
                })
                .collect(),
        })
        .collect()
}

fn explain_person(
    request: &Request,
    (email, is_fresh): (&Email, bool),
    known: Option<&Person>,
    now: Timestamp,
) -> PersonExplanation {
    let why_not = if request.is_in_conflict(email) {
        Some(if request.is_asker(email) { "requester" } else { "conflict" })
    } else if request.live_votes().any(|vote| vote.seat() == email) {
        Some("voted")
    } else if !is_fresh && request.status == Status::Pending {
        Some("sign_in")
    } else {
        None
    };
    let absence = known.and_then(|person| person.absence.as_ref()).filter(|absence| absence.covers(now));
    PersonExplanation {
        name: known.map_or_else(|| email.to_string(), |person| person.name.clone()),
        email: email.clone(),
        can_decide: why_not.is_none() && request.status == Status::Pending,
        why_not,
        away: absence.is_some(),
        away_until: absence.and_then(|absence| absence.until),
        delegate: absence.and_then(|absence| absence.delegate.clone()),
    }
}

/// The people whom a request names.
fn named(request: &Request) -> BTreeSet<&Email> {
    let requester = [&request.requester.email, &request.requester.acting_for, &request.beneficiary];
    let voters = request.votes.iter().flat_map(|vote| [Some(&vote.voter), vote.on_behalf_of.as_ref()]);
    requester.into_iter().map(Option::as_ref).chain(voters).flatten().collect()
}
