//! Carries out what the core decided, in the transaction that asked it: rows, counts, event, audit entry.

use std::collections::BTreeSet;

use serde_json::json;

use super::notify::announce;
use super::{Hub, HubError};
use crate::approval::{Command, Decision, Email, Refusal, Request, Roster, Transition, Verdict, Vote, decide};
use crate::audit::{Actor, Entry};
use crate::ids::{RequestId, VoteId};
use crate::store::rollups::Ended;
use crate::store::{Tx, groups, requests, rollups, votes};
use crate::time::{SharedClock, Timestamp};

/// What a transition needs besides the request.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) clock: SharedClock,
    pub(super) public_url: String,
    /// Who acts, for the trail.
    pub(super) actor: Actor,
}

/// The request afterwards, and what the caller is to be told.
pub(super) type Outcome = (Request, Result<(), Refusal>);

impl Hub {
    pub(super) fn scene(&self, actor: Actor) -> Scene {
        Scene { clock: self.clock.clone(), public_url: self.settings.public_url.clone(), actor }
    }

    /// Puts a command to a request through the core's one door.
    pub(super) async fn command(&self, id: RequestId, command: Command, actor: Actor) -> Result<Outcome, HubError> {
        let scene = self.scene(actor);
        self.store.write(move |tx| Box::pin(async move { carry_out(tx, id, command, &scene).await })).await
    }
}

/// Reads the request, asks the core, writes what it says. The time is read here, where nobody else can change the request.
pub(super) async fn carry_out(
    tx: &mut Tx,
    id: RequestId,
    command: Command,
    scene: &Scene,
) -> Result<Outcome, HubError> {
    let mut request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    let people: BTreeSet<&Email> = match &command {
        Command::Vote(ballot) => request.live_votes().map(|vote| &vote.voter).chain([&ballot.voter]).collect(),
        Command::Expire | Command::Cancel { .. } => BTreeSet::new(),
    };
    let roster = if people.is_empty() {
        Roster::default()
    } else {
        groups::roster_of(tx.session(), request.terms.slots().map(|slot| &slot.group), &people).await?
    };
    let now = scene.clock.now();
    let Verdict { transition, answer } = decide(&request, command, &roster, now);
    match transition {
        Transition::None => {}
        Transition::Voted { vote } => {
            add_vote(tx, &mut request, vote, scene).await?;
            announce(tx, &scene.public_url, "request.voted", &request, &roster, now).await?;
        }
        Transition::Ended { vote, voids, decision } => {
            void(tx, &mut request, &voids).await?;
            if let Some(vote) = vote {
                add_vote(tx, &mut request, vote, scene).await?;
            }
            end(tx, &mut request, decision, scene, &roster, now).await?;
        }
    }
    Ok((request, answer))
}

async fn add_vote(tx: &mut Tx, request: &mut Request, vote: Vote, scene: &Scene) -> Result<(), HubError> {
    votes::insert(tx.session(), request.id, &vote).await?;
    tx.record(&Entry {
        person: Some(vote.voter.clone()),
        assurance: Some(vote.assurance),
        request: Some(request.id),
        digest: Some(vote.digest),
        details: json!({
            "decision": vote.choice, "groups": vote.groups, "reason": vote.reason, "channel": vote.channel,
            "revision": vote.revision,
        }),
        ..Entry::new(vote.at, "request.voted", scene.actor.clone())
    })?;
    request.votes.push(vote);
    Ok(())
}

async fn void(tx: &mut Tx, request: &mut Request, voids: &[VoteId]) -> Result<(), HubError> {
    for id in voids {
        votes::void(tx.session(), *id).await?;
    }
    for vote in request.votes.iter_mut().filter(|vote| voids.contains(&vote.id)) {
        vote.voided = true;
    }
    Ok(())
}

async fn end(
    tx: &mut Tx,
    request: &mut Request,
    decision: Decision,
    scene: &Scene,
    roster: &Roster,
    now: Timestamp,
) -> Result<(), HubError> {
    if !requests::end(tx.session(), request.id, &decision, now).await? {
        // The writer is alone, so the row cannot have changed since it was read.
        return Err(HubError::NotFound("pending request"));
    }
    let ended = Ended {
        at: now,
        resource: request.resource.clone(),
        outcome: decision.outcome,
        method: decision.method,
        latency_us: i64::try_from(now.since(request.created_at).as_micros()).unwrap_or(i64::MAX),
    };
    rollups::add(tx.session(), &ended).await?;
    let kind = format!("request.{}", decision.outcome.as_str());
    tx.record(&Entry {
        request: Some(request.id),
        digest: Some(request.digest),
        details: json!({"from": request.status, "to": decision.outcome, "method": decision.method, "by": decision.by}),
        ..Entry::new(now, kind.as_str(), scene.actor.clone())
    })?;
    request.status = decision.outcome;
    request.decided_at = Some(now);
    request.decision = Some(decision);
    announce(tx, &scene.public_url, &kind, request, roster, now).await
}
