//! Why something is as it is: which rule, who can decide, who was told and how that went, what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ask::{Ask, Draft};
use super::link_views::{LinkUses, link_uses};
use crate::approval::{
    Admission, Choice, Email, Finding, GroupName, Method, Request, Roster, RuleName, Ruling, Status, Vote, cover,
    satisfiable,
};
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Scope};
use crate::ids::{DeliveryId, EndpointId, RequestId};
use crate::store::deliveries::{self, DeliveryState};
use crate::store::people::Person;
use crate::store::{Session, endpoints, groups, people, requests};
use crate::time::Timestamp;

/// Most messages that are listed.
const MAX_TOLD: u32 = 100;

/// What would happen to a request that is not made.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// In one word.
    pub outcome: Outcome,
    /// The rule that decides.
    pub rule: Option<RuleName>,
    /// The rules that want people to be asked.
    pub asking_rules: Vec<RuleName>,
    /// The group whose members are exempt.
    pub exempt_group: Option<GroupName>,
    /// In a sentence.
    pub reason: String,
    /// What each statement met.
    pub findings: Vec<Finding>,
    /// Whether the command could not be read for certain, which no rule lets pass.
    pub unclear: bool,
    /// Who would be asked.
    pub slots: Vec<SlotExplanation>,
    /// Whether enough of them could approve.
    pub satisfiable: bool,
}

/// What would happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// To whoever asks, the resource is not there.
    NotVisible,
    /// It goes ahead without anybody being asked.
    Direct,
    /// People are asked.
    NeedsApproval,
    /// A rule denies it.
    Denied,
}

/// Where a request stands, and why.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Where it stands.
    pub status: Status,
    /// In a sentence.
    pub missing: String,
    /// The rule that decided.
    pub rule: Option<RuleName>,
    /// The rules that wanted people to be asked.
    pub asking_rules: Vec<RuleName>,
    /// The group whose members are exempt.
    pub exempt_group: Option<GroupName>,
    /// What each statement of the command met.
    pub findings: Vec<Finding>,
    /// Whether the command could not be read for certain, which no rule lets pass.
    pub unclear: bool,
    /// Who can decide.
    pub slots: Vec<SlotExplanation>,
    /// Whether it waits although nobody could approve it any more.
    pub undecidable: bool,
    /// Who was told of it, and how that went; newest first.
    pub told: Vec<Told>,
    /// From this moment on it is too late.
    pub expires_at: Timestamp,
    /// When people are reminded, or others asked too.
    pub next_notice_at: Option<Timestamp>,
}

/// One slot, person by person.
#[derive(Debug, Serialize)]
pub struct SlotExplanation {
    /// Who is asked.
    pub group: GroupName,
    /// Groups that escalation added.
    pub also: Vec<GroupName>,
    /// How many approvals it takes.
    pub needed: u32,
    /// How many of them there are.
    pub approved: u32,
    /// How many are missing.
    pub missing: u32,
    /// Its people.
    pub people: Vec<PersonExplanation>,
}

/// One person of a slot.
#[derive(Debug, Serialize)]
pub struct PersonExplanation {
    /// Identity.
    pub email: Email,
    /// What to call them.
    pub name: String,
    /// Whether they can decide it now.
    pub can_decide: bool,
    /// Why not: `requester`, `conflict` or `voted`.
    pub why_not: Option<&'static str>,
    /// Whether they are away.
    pub away: bool,
    /// Until when.
    pub away_until: Option<Timestamp>,
    /// Who stands in for them meanwhile.
    pub delegate: Option<Email>,
}

/// One message.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Which.
    pub delivery: DeliveryId,
    /// To which endpoint.
    pub endpoint: String,
    /// What it told.
    pub event: String,
    /// How that went.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was made.
    pub at: Timestamp,
    /// What happened to its links, slot by slot, as far as anything did.
    pub links: Vec<LinkUses>,
}

impl Hub {
    /// What would happen to a request, without making it.
    ///
    /// # Errors
    /// When the caller may not ask, the input cannot be meant, or the resource is unknown.
    pub async fn evaluate(&self, caller: &Principal, ask: Ask) -> Result<Evaluation, HubError> {
        require(caller, &[Scope::Requester, Scope::Auditor])?;
        let Draft { request, admission, roster, satisfiable, judgement } =
            self.draft(&self.store.lookup(), caller, ask).await?;
        // A reader only now: the draft takes one itself for whatever is not in memory.
        let session = &mut self.store.read().await?;
        let (outcome, reason) = match &admission {
            Admission::NotVisible => {
                (Outcome::NotVisible, "who asks is in none of the resource's requester_groups".to_owned())
            }
            Admission::Decided(decision) => {
                let reason = decision.reason.clone().unwrap_or_default();
                (if decision.outcome == Status::Approved { Outcome::Direct } else { Outcome::Denied }, reason)
            }
            Admission::Ask { .. } if satisfiable => (Outcome::NeedsApproval, "people would be asked".to_owned()),
            Admission::Ask { .. } => {
                (Outcome::NeedsApproval, "too few people could approve: such a request is refused".to_owned())
            }
        };
        let decision = request.decision.as_ref();
        let visible = outcome != Outcome::NotVisible;
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
            slots: slots(session, &request, &roster, self.clock.now()).await?,
            satisfiable,
        })
    }

    /// Why a request stands where it stands.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn explain(&self, caller: &Principal, id: RequestId) -> Result<Explanation, HubError> {
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        let request = self.settled(request).await?;
        let (judged, _) = self.rules.judge(&request.terms.procedure.guardrails, request.payload.clone()).await?;
        let session = &mut self.store.read().await?;
        let roster = groups::roster(session, request.terms.groups()).await?;
        let slots = slots(session, &request, &roster, self.clock.now()).await?;
        let decision = request.decision.as_ref();
        Ok(Explanation {
            status: request.status,
            missing: missing(&request, &slots, &roster),
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
            told: told(session, id).await?,
            expires_at: request.expires_at,
            next_notice_at: request.next_notice().filter(|_| request.status == Status::Pending),
        })
    }
}

/// What is missing, in a sentence.
fn missing(request: &Request, slots: &[SlotExplanation], roster: &Roster) -> String {
    let Some(decision) = &request.decision else {
        let open: Vec<String> = slots
            .iter()
            .filter(|slot| slot.missing > 0)
            .map(|slot| format!("{} of group {}", slot.missing, slot.group))
            .collect();
        let enough = satisfiable(&request.terms.slots, roster, |person| request.is_in_conflict(person));
        let hopeless = if enough { "" } else { "; but too few people are left who could" };
        return format!("waits for approvals: {}{hopeless}", open.join(", "));
    };
    let by: Vec<&str> = decision.by.iter().map(Email::as_str).collect();
    let how = match decision.method {
        Method::Votes | Method::BreakGlass => format!(" by {}", by.join(", ")),
        Method::Rule => decision.rule.as_ref().map(|rule| format!(" by rule {rule}")).unwrap_or_default(),
        Method::Exempt => " because who asks is exempt".to_owned(),
        Method::Timeout | Method::Cancellation | Method::Replacement => String::new(),
    };
    format!("nothing: it was {}{how}", request.status.as_str())
}

async fn slots(
    session: &mut Session,
    request: &Request,
    roster: &Roster,
    now: Timestamp,
) -> Result<Vec<SlotExplanation>, HubError> {
    let approvals: Vec<&Vote> = request.live_votes().filter(|vote| vote.choice == Choice::Approve).collect();
    let filled = cover(&request.terms.slots, &approvals, roster);
    let everybody: BTreeSet<&Email> = request.terms.slots.iter().flat_map(|slot| slot.members(roster)).collect();
    let known = people::known(session, &everybody).await?;
    let known: BTreeMap<&Email, &Person> = known.iter().map(|person| (&person.email, person)).collect();
    let slots = request.terms.slots.iter().zip(filled);
    Ok(slots
        .map(|(slot, approved)| SlotExplanation {
            group: slot.slot.group.clone(),
            also: slot.also.clone(),
            needed: slot.slot.needed,
            approved,
            missing: slot.slot.needed.saturating_sub(approved),
            people: slot
                .members(roster)
                .into_iter()
                .map(|person| explain_person(request, person, known.get(person).copied(), now))
                .collect(),
        })
        .collect())
}

fn explain_person(request: &Request, email: &Email, known: Option<&Person>, now: Timestamp) -> PersonExplanation {
    let why_not = if request.is_in_conflict(email) {
        Some(if request.is_asker(email) { "requester" } else { "conflict" })
    } else if request.live_votes().any(|vote| vote.seat() == email) {
        Some("voted")
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

async fn told(session: &mut Session, id: RequestId) -> Result<Vec<Told>, HubError> {
    let found = deliveries::of_request(session, id, MAX_TOLD).await?;
    let mut links = link_uses(session, id).await?;
    let mut names: BTreeMap<EndpointId, String> = BTreeMap::new();
    let mut told = Vec::new();
    for delivery in found {
        let endpoint = match names.get(&delivery.endpoint_id) {
            Some(name) => name.clone(),
            None => {
                let endpoint = endpoints::any_state(session, delivery.endpoint_id).await?;
                let name = endpoint.map(|endpoint| endpoint.name.to_string()).unwrap_or_default();
                names.insert(delivery.endpoint_id, name.clone());
                name
            }
        };
        let last = if matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Accepted) {
            None
        } else {
            deliveries::attempts(session, delivery.id).await?.pop()
        };
        told.push(Told {
            delivery: delivery.id,
            endpoint,
            event: delivery.event,
            state: delivery.state,
            attempts: delivery.attempts,
            error: last.and_then(|attempt| attempt.error).or(delivery.end_reason),
            at: delivery.created_at,
            links: links.remove(&delivery.id).unwrap_or_default(),
        });
    }
    Ok(told)
}
