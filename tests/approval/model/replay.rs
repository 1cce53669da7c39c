//! The core, driven through the same steps, with its observable state in the model's terms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use countersign::approval::{
    Assurance, Ballot, BreakGlass, ChangeRole, Choice, Command, Decision, Digest, Email, Escalation, GroupName, Kind,
    Membership, Method, Narrowing, Procedure, Proposal, Refusal, Request, Roster, Slot, Status, TermsSlot, VoidReason,
    decide,
};
use countersign::ids::{RequestId, VoteId};

use super::super::{allows, asks_for, at, ballot, denies, email, group, no_rule, proposal, request};
use super::picture::{ModelSlot, ModelVote, Picture};
use super::worlds::{FRESH, GROUPS, PEOPLE, Rule, Step, Vote, WINDOW, World};

/// Built once, since hundreds of thousands of worlds are tried.
struct Names {
    people: [Email; PEOPLE],
    groups: [GroupName; GROUPS],
    payloads: [Digest; 3],
    successors: [RequestId; 2],
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    people: ["ann", "ben", "cat", "dan", "eve"].map(email),
    groups: ["red", "green", "blue", "gold"].map(group),
    payloads: [b"x", b"y", b"z"].map(|text| Digest::of(text)),
    successors: [[1; 16], [2; 16]].map(RequestId::from_bytes),
});

/// The reasons that voters give.
const WORDS: [&str; 2] = ["it is time", "it is small"];

fn person(number: usize) -> Email {
    NAMES.people[number].clone()
}

fn slot((group, needed, shared): (usize, u32, bool)) -> Slot {
    Slot { group: NAMES.groups[group].clone(), needed, shared }
}

fn number<T: PartialEq>(known: &[T], one: &T) -> usize {
    known.iter().position(|other| other == one).expect("one of them")
}

fn bits(groups: &[GroupName]) -> u8 {
    groups.iter().map(|group| 1 << number(&NAMES.groups, group)).sum()
}

pub(super) struct Replay {
    world: World,
    now: i64,
    request: Request,
    roster: Roster,
    /// The voided votes, with the reasons that the core gave.
    voids: BTreeMap<VoteId, VoidReason>,
    reminded: usize,
    /// Notable events of the last step.
    happened: Vec<String>,
}

impl Replay {
    pub(super) fn new(world: &World) -> Self {
        let slots = world.slots.iter().copied().map(slot).collect();
        let mut request = request(slots, "nobody");
        if world.access {
            (request.kind, request.payload.duration_seconds) = (Kind::Jit, Some(WINDOW));
        }
        request.requester.email = Some(person(world.requester));
        request.requester.acting_for = world.acting_for.map(person);
        request.beneficiary = world.beneficiary.map(person);
        request.terms.askers = world.token_owner.map(person).into_iter().collect();
        let is_listed = |number: &usize| world.conflicted >> number & 1 == 1;
        request.terms.conflicted = (0..PEOPLE).filter(is_listed).map(person).collect();
        let groups = |bits: u8| {
            (0..GROUPS).filter(|group| bits >> group & 1 == 1).map(|group| NAMES.groups[group].clone()).collect()
        };
        let name = |group: usize| NAMES.groups[group].clone();
        request.terms.procedure = Arc::new(Procedure {
            reject_needed: world.reject_needed,
            allow_self_approval: world.self_approval,
            min_assurance: world.strict.then_some(Assurance::Delegated),
            reminders: world.reminders.clone(),
            escalation: world
                .escalation
                .iter()
                .map(|(after, slot, add)| Escalation { after_seconds: *after, slot: name(*slot), add: name(*add) })
                .collect(),
            break_glass: world.glass.map(|(bits, per_day)| BreakGlass {
                groups: groups(bits),
                per_day,
                review_within_seconds: 60,
            }),
            ..Procedure::default()
        });
        let roster = roster(world);
        let (voids, happened) = (BTreeMap::new(), Vec::new());
        Self { world: world.clone(), now: 0, request, roster, voids, reminded: 0, happened }
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Applies a step and returns the core's answer.
    pub(super) fn apply(&mut self, step: &Step) -> &'static str {
        self.happened.clear();
        let command = match *step {
            Step::Wait(seconds) => {
                self.now += seconds;
                return "ok";
            }
            Step::Join { person, group } => {
                return self.staff(|world| {
                    world.members[group] |= 1 << person;
                    world.by_sign_in[group] &= !(1 << person);
                });
            }
            Step::SignIn { person } => {
                let until = self.now + FRESH;
                return self.staff(|world| world.fresh_until[person] = until);
            }
            Step::Leave { person, group } => return self.staff(|world| world.members[group] &= !(1 << person)),
            Step::Away { person, stand_in } => return self.staff(|world| world.stand_ins[person] = stand_in),
            Step::Vote(ref vote) => Command::vote(self.ballot(vote)),
            Step::Revise { payload, stale } => Command::Revise {
                by: self.request.requester.email.clone(),
                role: ChangeRole::Requester,
                proposal: self.proposal(payload),
                reason: None,
                revision: stale.then(|| self.request.revision + 1),
            },
            Step::Recheck => Command::Recheck,
            Step::Advance => Command::Advance,
            Step::Expire => Command::Expire,
            Step::Cancel => Command::Cancel { by: None, reason: None },
            Step::Supersede { successor } => Command::Supersede { by: None, successor: NAMES.successors[successor] },
            Step::BreakGlass { person: by, reasoned, recent } => {
                Command::BreakGlass { by: person(by), reason: if reasoned { "fire" } else { " " }.to_owned(), recent }
            }
        };
        self.decide(command)
    }

    fn staff(&mut self, change: impl FnOnce(&mut World)) -> &'static str {
        change(&mut self.world);
        self.roster = roster(&self.world);
        "ok"
    }

    fn decide(&mut self, command: Command) -> &'static str {
        let verdict = decide(&self.request, command, &self.roster, at(self.now));
        let transition = &verdict.transition;
        let mut happened = Vec::new();
        if transition.decision.is_some() {
            assert_eq!(self.request.status.as_str(), "pending", "what is final stays");
        }
        for void in &transition.voids {
            assert_eq!(self.voids.insert(void.vote, void.why), None, "a vote is voided once");
            happened.push(format!("void: {}", why(void.why)));
        }
        if let Some(notice) = &transition.notice {
            self.reminded += usize::from(notice.remind);
            happened.extend(notice.remind.then(|| "reminded".to_owned()));
            happened.extend((!notice.added.is_empty()).then(|| "escalated".to_owned()));
        }
        let is_voided = |vote: &&countersign::approval::Vote| transition.voids.iter().any(|void| void.vote == vote.id);
        let voided: Vec<_> = self.request.votes.iter().filter(is_voided).cloned().collect();
        self.request.apply(transition, at(self.now));
        if let Some(vote) = &transition.vote {
            let slots = self.request.terms.slots.iter().filter(|slot| vote.groups.contains(&slot.slot.group));
            let by_added = slots.clone().all(|slot| !self.roster.contains(&slot.slot.group, vote.seat()));
            happened.extend(by_added.then(|| "voted for an added group".to_owned()));
            happened.extend(vote.on_behalf_of.as_ref().map(|_| "in an absent member's place".to_owned()));
            let mut same = voided.iter().filter(|known| known.choice == vote.choice && known.voter == vote.voter);
            happened.extend(same.any(|known| known.narrowing != vote.narrowing).then(|| "another window".to_owned()));
        }
        if transition.revision.is_some() {
            let by = if transition.vote.is_some() { "an approver" } else { "the requester" };
            happened.push(format!("changed by {by}"));
        }
        if let Some(undecidable) = transition.undecidable {
            happened.push(if undecidable { "undecidable" } else { "decidable again" }.to_owned());
        }
        if let Some(Decision { outcome, method, by, .. }) = &transition.decision {
            let is_old = |vote: &countersign::approval::Vote| {
                !vote.groups.iter().any(|group| self.roster.contains_fresh(group, vote.seat(), at(self.now)))
            };
            let counts_old = *outcome == Status::Approved && self.request.live_votes().any(is_old);
            happened.extend(counts_old.then(|| "voted long ago".to_owned()));
            happened.push(format!("{} by {}", outcome.as_str(), means(*method)));
            happened.extend((by.len() == 2).then(|| format!("{} by two", outcome.as_str())));
        }
        self.happened = happened;
        word(&verdict.answer)
    }

    /// Notable events of the last step, as text.
    pub(super) fn noteworthy(&self) -> &[String] {
        &self.happened
    }

    fn ballot(&self, vote: &Vote) -> Ballot {
        let number = u8::try_from(self.request.votes.len()).expect("few votes");
        Ballot {
            id: VoteId::from_bytes([number; 16]),
            voter: person(vote.person),
            group: vote.named.map(|group| NAMES.groups[group].clone()),
            revision: vote.stale.then(|| self.request.revision + 1),
            assurance: if vote.link { Assurance::Link } else { Assurance::Token },
            signed_in_at: None,
            on_behalf_of: vote.behalf.map(person),
            proposal: vote.payload.map(|payload| self.proposal(payload)),
            narrowing: vote.window.map(|window| Narrowing { duration_seconds: Some(window), starts_at: None }),
            reason: vote.why.map(|why| WORDS[why].to_owned()),
            ..ballot("nobody", if vote.approve { Choice::Approve } else { Choice::Reject })
        }
    }

    fn proposal(&self, payload: usize) -> Proposal {
        let ruling = match self.world.rules[payload] {
            Rule::Silent => no_rule(),
            Rule::Denies => denies(None),
            Rule::Allows => allows(),
            Rule::Asks(group, needed, shared) => asks_for(slot((group, needed, shared))),
        };
        let mut proposal = Proposal { digest: NAMES.payloads[payload], ..proposal("select 2", ruling) };
        proposal.payload.duration_seconds = self.request.payload.duration_seconds;
        proposal
    }

    pub(super) fn picture(&self) -> Picture {
        let request = &self.request;
        let decision = request.decision.as_ref().map(|decision| {
            let mut by: Vec<usize> = decision.by.iter().map(|person| number(&NAMES.people, person)).collect();
            by.sort_unstable();
            (means(decision.method), by)
        });
        Picture {
            status: request.status.as_str(),
            decision,
            payload: number(&NAMES.payloads, &request.digest),
            revision: request.revision,
            slots: request.terms.slots.iter().map(seen_slot).collect(),
            votes: request.votes.iter().map(|vote| self.seen_vote(vote)).collect(),
            undecidable: request.undecidable,
            successor: request.superseded_by.map(|successor| number(&NAMES.successors, &successor)),
            progress: (request.progress.reminders as usize, request.progress.escalations as usize, self.reminded),
            next_notice: request.next_notice().map(|moment| moment.as_seconds()),
        }
    }

    fn seen_vote(&self, vote: &countersign::approval::Vote) -> ModelVote {
        let void = self.voids.get(&vote.id).copied();
        assert_eq!(vote.voided, void.is_some(), "a vote is voided for a reason");
        ModelVote {
            voter: number(&NAMES.people, &vote.voter),
            seat: number(&NAMES.people, vote.seat()),
            approve: vote.choice == Choice::Approve,
            groups: bits(&vote.groups),
            revision: vote.revision,
            window: vote.narrowing.and_then(|narrowing| narrowing.duration_seconds),
            why: vote.reason.as_ref().map(|words| number(&WORDS, &words.as_str())),
            void: void.map(why),
        }
    }
}

fn seen_slot(slot: &TermsSlot) -> ModelSlot {
    let TermsSlot { slot: Slot { group, needed, shared }, also, .. } = slot;
    let also = also.iter().map(|group| number(&NAMES.groups, group)).collect();
    ModelSlot { group: number(&NAMES.groups, group), needed: *needed, shared: *shared, also }
}

fn roster(world: &World) -> Roster {
    let pairs = (0..GROUPS).flat_map(|group| (0..PEOPLE).map(move |person| (group, person)));
    let members = pairs.filter(|(group, person)| world.members[*group] >> person & 1 == 1);
    let member = |(group, number): (usize, usize)| {
        let membership = match world.by_sign_in[group] >> number & 1 {
            0 => Membership::Listed,
            _ => Membership::Until(at(world.fresh_until[number])),
        };
        (NAMES.groups[group].clone(), person(number), membership)
    };
    let mut roster: Roster = members.map(member).collect();
    for (absent, stand_in) in world.stand_ins.iter().enumerate() {
        stand_in.iter().for_each(|present| roster.delegate(person(absent), person(*present)));
    }
    roster
}

fn why(reason: VoidReason) -> &'static str {
    match reason {
        VoidReason::ChangedMind => "changed_mind",
        VoidReason::LeftGroup => "left_group",
        VoidReason::TakenOver => "taken_over",
        VoidReason::Revised => "revised",
    }
}

fn means(method: Method) -> &'static str {
    match method {
        Method::Votes => "votes",
        Method::Timeout => "timeout",
        Method::Cancellation => "cancellation",
        Method::Replacement => "replacement",
        Method::BreakGlass => "break_glass",
        Method::Exempt | Method::Rule => panic!("not by a command"),
    }
}

fn word(answer: &Result<(), Refusal>) -> &'static str {
    match answer {
        Ok(()) => "ok",
        Err(Refusal::Decided(_)) => "decided",
        Err(Refusal::Expired) => "expired",
        Err(Refusal::StaleRevision { .. }) => "stale",
        Err(Refusal::AssuranceTooLow { .. }) => "unsure",
        Err(Refusal::Conflict(_)) => "conflict",
        Err(Refusal::NotEligible(_) | Refusal::NotStandIn { .. }) => "not eligible",
        Err(Refusal::MembershipStale(_)) => "old",
        Err(Refusal::SeatTaken(_)) => "seat taken",
        Err(Refusal::DeniedByRule { .. }) => "denied",
        Err(Refusal::Unsatisfiable) => "unsatisfiable",
        Err(Refusal::NothingChanged) => "nothing changed",
        Err(Refusal::ReasonRequired) => "no reason",
        Err(Refusal::TooOften { .. }) => "too often",
        Err(Refusal::NoBreakGlass(_)) => "no right",
        Err(Refusal::Replaced(_)) => "replaced",
        Err(Refusal::Widened) => "widened",
        Err(other @ (Refusal::StaleDigest | Refusal::LinkUsed(_) | Refusal::SignInStale)) => {
            panic!("unexpected: {other:?}")
        }
    }
}
