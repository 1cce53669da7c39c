//! One request, everyone who acts on it, and an unreliable network.
//!
//! The network is part of the actions. Anyone who was once shown something may send what follows from it at any later
//! time: never (lost), twice (duplicated), or after something sent later (overtaken). So messages in transit need no
//! place in the state, except the answer to a claim, which an executor must receive to know its fence.

use countersign::approval::{
    Assurance, Ballot, ChangeRole, Choice, Command, Digest, Execution, ExecutionReport, ExecutionStatus, Proposal,
    ReportStatus, Request, Roster, Status, Transition, Use, UseChange, Verdict, Vote, decide, use_execution,
};
use countersign::ids::VoteId;

use super::super::{at, ballot, email, group, no_rule, proposal, request, slot};
use super::explorer::Model;
use super::sabotage::Sabotage;
use super::state::{ASKED, Action, CHANGED, Cast, Diary, Payload, Property, REVISED, World};

/// Two approvers, both of whom are needed, and the requester, who is a member of the same group.
const PEOPLE: [&str; 3] = ["ann", "ben", "nora"];
const REQUESTER: usize = 2;
const EXECUTORS: [&str; 2] = ["ci", "cron"];
/// Both executors use the same key: a key means nothing without its principal.
const KEY: &str = "run";
/// The fencing token of the claim.
const FENCE: u64 = 5;

/// In seconds: the deadline of the request, the time to claim, a lease, and the end of this world's clock.
const EXPIRES: i64 = 2;
const USE: i64 = 2;
const LEASE: u32 = 2;
const END: i64 = 6;

/// The result of a command to the execution.
struct Used {
    /// Whether the command was accepted.
    accepted: bool,
    changed: bool,
}

/// The hub in its environment.
pub(super) struct Hub {
    asked: Request,
    roster: Roster,
    /// A ballot of each person, made once: two million steps are taken.
    ballots: [Ballot; 3],
    /// The payloads, in order, as proposals.
    proposals: [Proposal; 3],
    sabotage: Option<Sabotage>,
}

impl Hub {
    pub(super) fn new(sabotage: Option<Sabotage>) -> Self {
        let mut asked = request(vec![slot("dba", 2)], PEOPLE[REQUESTER]);
        asked.expires_at = at(EXPIRES);
        Self {
            asked,
            roster: PEOPLE.map(|name| (group("dba"), email(name))).into_iter().collect(),
            ballots: PEOPLE.map(|name| ballot(name, Choice::Approve)),
            proposals: [ASKED, REVISED, CHANGED].map(|payload| proposal(&char::from(payload).to_string(), no_rule())),
            sabotage,
        }
    }

    fn proposal(&self, payload: Payload) -> &Proposal {
        &self.proposals[usize::from(payload - ASKED)]
    }

    fn digest(&self, payload: Payload) -> Digest {
        self.proposal(payload).digest
    }

    /// The request as the hub stores it.
    fn request(&self, world: &World) -> Request {
        let vote = |(number, cast): (usize, &Cast)| Vote {
            id: VoteId::from_bytes([u8::try_from(number).expect("few votes"); 16]),
            voter: self.ballots[cast.voter].voter.clone(),
            choice: if cast.approve { Choice::Approve } else { Choice::Reject },
            groups: vec![self.asked.terms.slots[0].slot.group.clone()],
            reason: None,
            assurance: Assurance::Token,
            channel: "api".to_owned(),
            link: None,
            at: at(0),
            revision: cast.revision,
            digest: self.digest(world.payloads[cast.revision as usize - 1]),
            on_behalf_of: None,
            narrowing: None,
            voided: cast.voided,
        };
        Request {
            revision: world.revision(),
            digest: self.digest(world.payload()),
            payload: self.proposal(world.payload()).payload.clone(),
            status: world.status,
            votes: world.votes.iter().enumerate().map(vote).collect(),
            ..self.asked.clone()
        }
    }

    fn decide(&self, world: &World, command: Command) -> Verdict {
        let (mut request, mut command, mut now) = (self.request(world), command, world.now);
        if let Some(sabotage) = self.sabotage {
            sabotage.of_decision(&mut request, &mut command, &mut now);
        }
        decide(&request, command, &self.roster, at(now))
    }

    /// Records what a verdict says, as the hub would. An added vote is by a person who saw `shown`.
    fn carry_out(&self, world: &mut World, verdict: &Verdict, shown: Payload) -> Result<(), Property> {
        let transition = &verdict.transition;
        if *transition == Transition::default() {
            return Ok(());
        }
        let mut request = self.request(world);
        request.apply(transition, at(world.now));
        if request.revision > world.revision() {
            let named = |payload: &Payload| self.digest(*payload) == request.digest;
            world.payloads.extend([ASKED, REVISED, CHANGED].iter().filter(|payload| named(payload)));
        }
        let kept = |(number, vote): (usize, &Vote)| Cast {
            voter: self.ballots.iter().position(|ballot| ballot.voter == vote.voter).expect("one of us"),
            approve: vote.choice == Choice::Approve,
            revision: vote.revision,
            shown: world.votes.get(number).map_or(shown, |cast| cast.shown),
            voided: vote.voided,
        };
        world.votes = request.votes.iter().enumerate().map(kept).collect();
        let was = std::mem::replace(&mut world.status, request.status);
        let Some(decision) = &transition.decision else { return Ok(()) };
        world.diary.decisions += 1;
        if was != Status::Pending || world.diary.decisions > 1 {
            return Err(Property::DecidedOnce);
        }
        if decision.outcome == Status::Approved {
            let by: Vec<usize> = (0..3).filter(|person| decision.by.contains(&self.ballots[*person].voter)).collect();
            self.approved(world, &by)?;
        } else if decision.outcome == Status::Rejected && world.now >= EXPIRES {
            return Err(Property::DecidedInTime);
        }
        Ok(())
    }

    fn approved(&self, world: &mut World, by: &[usize]) -> Result<(), Property> {
        if world.now >= EXPIRES {
            return Err(Property::DecidedInTime);
        }
        if by.contains(&REQUESTER) {
            return Err(Property::NobodyApprovesTheirOwn);
        }
        let payload = world.payload();
        let saw_it = |person: &usize| {
            world.votes.iter().any(|cast| cast.voter == *person && cast.approve && cast.shown == payload)
        };
        if by.len() != 2 || !by.iter().all(saw_it) {
            return Err(Property::ApprovedAsShown);
        }
        let use_by = world.now + USE;
        world.execution = Some(Execution::new(self.digest(payload), at(use_by)));
        (world.diary.approved, world.diary.use_by) = (Some(payload), use_by);
        Ok(())
    }

    fn vote(&self, world: &mut World, voter: usize, approve: bool, shown: Payload) -> Result<(), Property> {
        let choice = if approve { Choice::Approve } else { Choice::Reject };
        let ballot = Ballot { choice, digest: Some(self.digest(shown)), ..self.ballots[voter].clone() };
        let verdict = self.decide(world, Command::vote(ballot));
        self.carry_out(world, &verdict, shown)
    }

    /// A person proposes another payload in place of the one they saw.
    fn change(&self, world: &mut World, command: Command, shown: usize) -> Result<(), Property> {
        let verdict = self.decide(world, command);
        let before = world.payloads.len();
        self.carry_out(world, &verdict, CHANGED)?;
        if world.payloads.len() > before && shown + 1 != before { Err(Property::ChangedAsShown) } else { Ok(()) }
    }

    fn revise(&self, world: &mut World, shown: usize) -> Result<(), Property> {
        let proposal = self.proposal(REVISED).clone();
        let by = self.asked.requester.email.clone();
        self.change(
            world,
            Command::Revise {
                by,
                role: ChangeRole::Requester,
                proposal,
                reason: None,
                revision: Some(revision_of(shown)),
            },
            shown,
        )
    }

    fn approve_changed(&self, world: &mut World, shown: usize) -> Result<(), Property> {
        let ballot = Ballot {
            revision: Some(revision_of(shown)),
            digest: Some(self.digest(world.payloads[shown])),
            proposal: Some(self.proposal(CHANGED).clone()),
            ..self.ballots[0].clone()
        };
        self.change(world, Command::vote(ballot), shown)
    }

    /// Applies a command to the execution, if there is one.
    fn use_it(&self, world: &mut World, command: Use) -> Result<Used, Property> {
        let Some(before) = world.execution.clone() else { return Ok(Used { accepted: false, changed: false }) };
        let (mut shown, mut command, mut now) = (before.clone(), command, world.now);
        if let Some(sabotage) = self.sabotage {
            sabotage.of_use(&mut shown, &mut command, &mut now);
        }
        let verdict = use_execution(&shown, command, at(now));
        let accepted = verdict.answer.is_ok();
        let UseChange::Becomes(after) = verdict.change else { return Ok(Used { accepted, changed: false }) };
        if before.status.is_final() || after.status == ExecutionStatus::Ready || after.digest != before.digest {
            return Err(Property::FinalStaysFinal);
        }
        world.execution = Some(*after);
        Ok(Used { accepted, changed: true })
    }

    fn claim(&self, world: &mut World, executor: usize, wanted: Payload, keyed: bool) -> Result<(), Property> {
        let command = Use::Claim {
            digest: self.digest(wanted),
            by: EXECUTORS[executor].to_owned(),
            key: keyed.then(|| KEY.to_owned()),
            fence: FENCE,
            lease_seconds: LEASE,
        };
        let used = self.use_it(world, command)?;
        if !used.accepted {
            return Ok(());
        }
        world.answered[executor] = true;
        if used.changed {
            world.diary.lease_until = world.now + i64::from(LEASE);
            if world.now >= world.diary.use_by {
                return Err(Property::ClaimedInTime);
            }
        }
        if world.answered == [true, true] {
            return Err(Property::ClaimedByOne);
        }
        if Some(wanted) != world.diary.approved {
            return Err(Property::RunAsApproved);
        }
        Ok(())
    }

    fn heartbeat(&self, world: &mut World, executor: usize, fence: u64) -> Result<(), Property> {
        let by = EXECUTORS[executor].to_owned();
        if self.use_it(world, Use::Heartbeat { fence, by })?.accepted {
            check_holder(world, executor, fence)?;
            world.diary.lease_until = world.diary.lease_until.max(world.now + i64::from(LEASE));
        }
        Ok(())
    }

    fn report(&self, world: &mut World, executor: usize, fence: u64, succeeded: bool) -> Result<(), Property> {
        let status = if succeeded { ReportStatus::Succeeded } else { ReportStatus::Failed };
        let report =
            ExecutionReport { status, exit_code: None, output: None, output_truncated: false, output_digest: None };
        let used = self.use_it(world, Use::Report { fence, by: EXECUTORS[executor].to_owned(), report })?;
        if used.accepted && used.changed { check_holder(world, executor, fence) } else { Ok(()) }
    }

    fn timer(&self, world: &mut World) -> Result<(), Property> {
        let verdict = self.decide(world, Command::Expire);
        self.carry_out(world, &verdict, world.payload())?;
        self.use_it(world, Use::Tick).map(drop)
    }
}

/// Everyone who is accepted must have claimed the execution, know the fence, and report before the lease ends.
fn check_holder(world: &World, executor: usize, fence: u64) -> Result<(), Property> {
    let held = world.answered[executor] && fence == FENCE;
    if held && world.now < world.diary.lease_until { Ok(()) } else { Err(Property::ReportedByTheHolderInTime) }
}

/// Whether the payload may be proposed here. Returning to an earlier payload is allowed by the core, but never ends.
fn may_be_proposed(world: &World, shown: usize, payload: Payload) -> bool {
    let (known, current) = (world.payloads.contains(&payload), world.payload() == payload);
    !known || current || shown + 1 < world.payloads.len()
}

fn revision_of(shown: usize) -> u32 {
    u32::try_from(shown + 1).expect("few revisions")
}

impl Model for Hub {
    type State = World;
    type Action = Action;
    type Property = Property;

    fn initial(&self) -> World {
        World {
            now: 0,
            status: Status::Pending,
            payloads: vec![ASKED],
            votes: Vec::new(),
            execution: None,
            answered: [false; 2],
            received: [None; 2],
            diary: Diary::default(),
        }
    }

    fn actions(&self, world: &World) -> Vec<Action> {
        let mut actions = vec![Action::Timer, Action::Cancel, Action::Revoke];
        if world.now < END {
            actions.push(Action::Clock);
        }
        for shown in 0..world.payloads.len() {
            for voter in 0..PEOPLE.len() {
                actions.extend([true, false].map(|approve| Action::Vote { voter, approve, shown }));
            }
            if may_be_proposed(world, shown, REVISED) {
                actions.push(Action::Revise { shown });
            }
            if may_be_proposed(world, shown, CHANGED) {
                actions.push(Action::ApproveChanged { shown });
            }
        }
        for executor in 0..EXECUTORS.len() {
            for wanted in world.payloads.iter().copied() {
                actions.extend([true, false].map(|keyed| Action::Claim { executor, wanted, keyed }));
            }
            if world.answered[executor] {
                actions.push(Action::Hear { executor });
            }
        }
        // An executor that knows the fence may have shared it with the other one; 0 and 1 are guesses.
        for fence in [0, 1, FENCE] {
            if fence == FENCE && world.received.iter().all(Option::is_none) {
                continue;
            }
            for executor in 0..EXECUTORS.len() {
                actions.push(Action::Heartbeat { executor, fence });
                actions.extend([true, false].map(|succeeded| Action::Report { executor, fence, succeeded }));
            }
        }
        actions
    }

    fn step(&self, world: &World, action: Action) -> Result<World, Property> {
        let mut world = world.clone();
        match action {
            Action::Clock => world.now += 1,
            Action::Timer => self.timer(&mut world)?,
            Action::Vote { voter, approve, shown } => {
                let shown = world.payloads[shown];
                self.vote(&mut world, voter, approve, shown)?;
            }
            Action::Revise { shown } => self.revise(&mut world, shown)?,
            Action::ApproveChanged { shown } => self.approve_changed(&mut world, shown)?,
            Action::Cancel => {
                let verdict = self.decide(&world, Command::Cancel { by: None, reason: None });
                let shown = world.payload();
                self.carry_out(&mut world, &verdict, shown)?;
            }
            Action::Claim { executor, wanted, keyed } => self.claim(&mut world, executor, wanted, keyed)?,
            Action::Hear { executor } => {
                world.received[executor] = Some(world.payload());
                if world.received[executor] != world.diary.approved {
                    return Err(Property::RunAsApproved);
                }
            }
            Action::Heartbeat { executor, fence } => self.heartbeat(&mut world, executor, fence)?,
            Action::Report { executor, fence, succeeded } => self.report(&mut world, executor, fence, succeeded)?,
            Action::Revoke => {
                let used = self.use_it(&mut world, Use::Revoke { by: None, reason: None })?;
                world.diary.revoked |= used.accepted;
            }
        }
        if world.diary.revoked && world.answered.contains(&true) {
            return Err(Property::RevokedOrClaimed);
        }
        Ok(world)
    }
}
