//! Carries out commands on a request: asks the core, and writes the rows, rollups, events and audit entries of its
//! transition in the same transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::announce::announce;
use super::follow_up;
use crate::approval::{
    Choice, Command, Decision, Email, GrantCommand, GroupName, Method, Refusal, Request, Roster, Ruling, Transition,
    Verdict, Void, Vote, decide,
};
use crate::audit::{Actor, Entry};
use crate::hub::change_context::ChangeContext;
use crate::hub::{Hub, HubError};
use crate::ids::RequestId;
use crate::store::rollups::Ended;
use crate::store::{Session, Tx, groups, people, requests, reviews, rollups, votes};
use crate::time::Timestamp;

/// Period over which a person's uses of break-glass are counted.
const GLASS_PERIOD: Duration = Duration::from_secs(24 * 3_600);

/// The request after a command, and the core's answer to the caller.
pub(in crate::hub) type CommandResult = (Request, Result<(), Refusal>);

impl Hub {
    /// Runs [`carry_out`] in a transaction of its own.
    pub(in crate::hub) async fn command(
        &self,
        id: RequestId,
        command: Command,
        actor: Actor,
    ) -> Result<CommandResult, HubError> {
        let context = self.change_context(actor);
        self.store.write(move |tx| Box::pin(async move { carry_out(tx, id, command, &context).await })).await
    }
}

/// Reads the request, asks the core, and writes the transition. The clock is read inside the writer, where no other
/// operation can change the request.
pub(in crate::hub) async fn carry_out(
    tx: &mut Tx,
    id: RequestId,
    mut command: Command,
    context: &ChangeContext,
) -> Result<CommandResult, HubError> {
    let mut request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    if let Command::BreakGlass { by, recent, .. } = &mut command {
        *recent = reviews::recent(tx.session(), by, context.clock.now() - GLASS_PERIOD).await?;
    }
    let roster = roster_for(tx.session(), &request, &command, context.clock.now()).await?;
    // Recorded times never go backwards, even if the clock was set back.
    let now = request.never_before(context.clock.now());
    let Verdict { transition, answer } = decide(&request, command, &roster, now);
    let rejected = transition.vote.as_ref().is_some_and(|vote| vote.choice == Choice::Reject);
    let escalated = transition.notice.as_ref().is_some_and(|notice| !notice.added.is_empty());
    let still_pending = transition.decision.is_none();
    write(tx, &mut request, transition, &roster, now, context).await?;
    if (rejected || escalated) && still_pending {
        // After a rejection too few people may be left to approve; after an escalation there may be enough again.
        let roster = roster_for(tx.session(), &request, &Command::Recheck, now).await?;
        let verdict = decide(&request, Command::Recheck, &roster, now);
        write(tx, &mut request, verdict.transition, &roster, now, context).await?;
    }
    Ok((request, answer))
}

/// The memberships that a command depends on. A vote needs only those of the voters; a revision or recheck needs all.
async fn roster_for(
    session: &mut Session,
    request: &Request,
    command: &Command,
    now: Timestamp,
) -> Result<Roster, HubError> {
    let all_groups = |ruling: &Ruling| -> BTreeSet<GroupName> {
        let added = match ruling {
            Ruling::Ask { slots, .. } => slots.iter().map(|slot| slot.group.clone()).collect(),
            _ => Vec::new(),
        };
        let own = request.terms.policy_slots.iter().map(|slot| slot.group.clone());
        request.terms.groups().into_iter().cloned().chain(own).chain(added).collect()
    };
    match command {
        Command::Vote(ballot) => {
            let absent = people::delegators(session, &ballot.voter, now).await?;
            let mut roster = match &ballot.proposal {
                Some(proposal) => groups::roster(session, &all_groups(&proposal.ruling)).await?,
                None => {
                    let voted = request.live_votes().flat_map(|vote| [&vote.voter, vote.seat()]);
                    let people: BTreeSet<&Email> = voted.chain(&absent).chain([&ballot.voter]).collect();
                    groups::roster_of(session, request.terms.groups(), &people).await?
                }
            };
            absent.into_iter().for_each(|absent| roster.delegate(absent, ballot.voter.clone()));
            Ok(roster)
        }
        Command::Revise { proposal, .. } => Ok(groups::roster(session, &all_groups(&proposal.ruling)).await?),
        Command::Recheck => Ok(groups::roster(session, request.terms.groups()).await?),
        Command::BreakGlass { by, .. } => {
            let right = request.terms.procedure.break_glass.iter().flat_map(|right| &right.groups);
            Ok(groups::roster_of(session, right, &[by].into()).await?)
        }
        Command::Expire | Command::Cancel { .. } | Command::Supersede { .. } | Command::Advance => {
            Ok(Roster::default())
        }
    }
}

/// Applies a transition to the request, and writes each of its parts.
async fn write(
    tx: &mut Tx,
    request: &mut Request,
    transition: Transition,
    roster: &Roster,
    now: Timestamp,
    context: &ChangeContext,
) -> Result<(), HubError> {
    let before = (request.payload.clone(), request.digest, request.status);
    request.apply(&transition, now);
    if transition.revision.is_some() {
        requests::revise(tx.session(), request, &before.0, &before.1.to_string()).await?;
        record_revision(tx, request, context, now)?;
    }
    void(tx, request, &transition.voids, context, now).await?;
    if let Some(vote) = &transition.vote {
        add_vote(tx, request, vote, context).await?;
    }
    if let Some(notice) = &transition.notice {
        requests::notice(tx.session(), request).await?;
        tx.signal(crate::store::Signal::Deadline);
        if !notice.added.is_empty() {
            record_escalation(tx, request, &notice.added, context, now)?;
            announce(tx, context, "request.escalated", request, roster, now).await?;
        } else if notice.remind {
            announce(tx, context, "request.reminded", request, roster, now).await?;
        }
    }
    if let Some(undecidable) = transition.undecidable {
        requests::set_undecidable(tx.session(), request.id, undecidable).await?;
        let action = if undecidable { "request.undecidable" } else { "request.decidable" };
        tx.record(&Entry { request: Some(request.id), ..Entry::new(now, action, context.actor.clone()) })?;
        if undecidable {
            announce(tx, context, "request.undecidable", request, roster, now).await?;
        }
    }
    if let Some(successor) = transition.successor {
        requests::set_successor(tx.session(), request.id, successor).await?;
    }
    if transition.revision.is_some() {
        announce(tx, context, "request.revised", request, roster, now).await?;
    } else if transition.vote.is_some() && transition.decision.is_none() {
        announce(tx, context, "request.voted", request, roster, now).await?;
    }
    if let Some(vote) = transition.vote.filter(|vote| vote.choice == Choice::Approve && request.is_asker(&vote.voter)) {
        let details = json!({"by": vote.voter});
        tx.record(&Entry {
            person: Some(vote.voter),
            request: Some(request.id),
            details,
            ..Entry::new(now, "request.self_approved", context.actor.clone())
        })?;
        announce(tx, context, "request.self_approved", request, roster, now).await?;
    }
    match transition.decision {
        Some(decision) => end(tx, request, before.2, decision, context, now).await,
        None => Ok(()),
    }
}

fn record_revision(tx: &mut Tx, request: &Request, context: &ChangeContext, now: Timestamp) -> Result<(), HubError> {
    let change = request.change.as_ref();
    tx.record(&Entry {
        person: change.and_then(|change| change.by.clone()),
        request: Some(request.id),
        digest: Some(request.digest),
        details: json!({"revision": request.revision, "change": change}),
        ..Entry::new(now, "request.revised", context.actor.clone())
    })?;
    Ok(())
}

fn record_escalation(
    tx: &mut Tx,
    request: &Request,
    added: &[(GroupName, GroupName)],
    context: &ChangeContext,
    now: Timestamp,
) -> Result<(), HubError> {
    let steps: Vec<_> = added.iter().map(|(slot, group)| json!({"slot": slot, "added": group})).collect();
    tx.record(&Entry {
        request: Some(request.id),
        details: json!({"steps": steps}),
        ..Entry::new(now, "request.escalated", context.actor.clone())
    })?;
    Ok(())
}

async fn add_vote(tx: &mut Tx, request: &Request, vote: &Vote, context: &ChangeContext) -> Result<(), HubError> {
    votes::insert(tx.session(), request.id, vote).await?;
    tx.record(&Entry {
        person: Some(vote.voter.clone()),
        assurance: Some(vote.assurance),
        request: Some(request.id),
        digest: Some(vote.digest),
        details: json!({
            "decision": vote.choice, "groups": vote.groups, "reason": vote.reason, "channel": vote.channel,
            "revision": vote.revision, "on_behalf_of": vote.on_behalf_of, "narrowing": vote.narrowing,
        }),
        ..Entry::new(vote.at, "request.voted", context.actor.clone())
    })?;
    Ok(())
}

async fn void(
    tx: &mut Tx,
    request: &Request,
    voids: &[Void],
    context: &ChangeContext,
    now: Timestamp,
) -> Result<(), HubError> {
    for void in voids {
        votes::void(tx.session(), void.vote).await?;
        let voter = request.votes.iter().find(|vote| vote.id == void.vote).map(|vote| vote.voter.clone());
        tx.record(&Entry {
            person: voter,
            request: Some(request.id),
            details: json!({"vote": void.vote, "why": void.why}),
            ..Entry::new(now, "vote.voided", context.actor.clone())
        })?;
    }
    Ok(())
}

/// Writes a decision. Expects the request with the decision applied.
async fn end(
    tx: &mut Tx,
    request: &mut Request,
    from: crate::approval::Status,
    decision: Decision,
    context: &ChangeContext,
    now: Timestamp,
) -> Result<(), HubError> {
    if !requests::end(tx.session(), request.id, &decision, now).await? {
        // No other operation runs in the writer, so the row cannot have changed since it was read.
        return Err(HubError::Missing("the pending request that was just read"));
    }
    conclude(tx, request, Some(from), context, now).await
}

/// Completes every decision: rollups, audit entry, execution or grant, announcements.
pub(in crate::hub) async fn conclude(
    tx: &mut Tx,
    request: &mut Request,
    from: Option<crate::approval::Status>,
    context: &ChangeContext,
    now: Timestamp,
) -> Result<(), HubError> {
    let Some(decision) = request.decision.clone() else { return Ok(()) };
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    let hours = request.terms.procedure.working_hours.as_ref();
    let ended = Ended {
        at: now,
        resource: request.resource.clone(),
        outcome: decision.outcome,
        method: decision.method,
        latency_us: micros(now.since(request.created_at)),
        working_us: hours.map(|hours| micros(hours.between(request.created_at, now))),
    };
    rollups::add(tx.session(), &ended).await?;
    let kind = format!("request.{}", decision.outcome.as_str());
    tx.record(&Entry {
        request: Some(request.id),
        digest: Some(request.digest),
        details: json!({
            "from": from, "to": decision.outcome, "method": decision.method, "by": decision.by, "rule": decision.rule,
            "group": decision.group, "reason": decision.reason,
        }),
        ..Entry::new(now, kind.as_str(), context.actor.clone())
    })?;
    // `now` may be ahead of a clock that was set back; executions and grants start by the clock.
    follow_up::open(tx, request, now.min(context.clock.now())).await?;
    let no_roster = Roster::default();
    if decision.method == Method::BreakGlass {
        announce(tx, context, "request.glass_broken", request, &no_roster, now).await?;
    }
    announce(tx, context, &kind, request, &no_roster, now).await?;
    if request.grant.is_some() {
        // Access that starts at once starts here, not at the timer's next poll.
        let _always_ok = follow_up::advance_grant(tx, request, GrantCommand::Tick, context, now).await?;
    }
    Ok(())
}
